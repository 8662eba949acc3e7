/* A provider on a loop of its own with a clock that the test sets, and those who wait for its tokens. */
#ifndef GENAI_TESTS_AUTH_PROVIDER_H
#define GENAI_TESTS_AUTH_PROVIDER_H

#include <stdatomic.h>

#include "auth/auth.h"
#include "rig.h"

typedef struct provider {
  net_loop *loop;
  auth *auth;
  atomic_uint_least64_t now_ms; /* advanced by the test alone */
  atomic_int_least64_t wall_s;
  auth_clock clock;
  genai_error error;            /* of making it */
} provider;

/* One who asked. */
typedef struct asker {
  auth_wait wait;
  provider *provider;
  gate answered;
  genai_error error;
  char bearer[512], project[128];
  unsigned generation;
} asker;

/* Environment: "NAME=value" strings, NULL-terminated; a home without gcloud is added. */
void provider_environment(const char *const *variables);
/* What providers made from now on trust; NULL: nothing. */
void provider_trust(net_tls *trust);
genai_status provider_start(provider *p, const auth_options *options);
void provider_stop(provider *p);
void provider_ask(provider *p, asker *a);      /* does not wait for the answer */
void provider_cancel(asker *a);
void provider_refuse(provider *p, unsigned generation);
/* Asks and waits; the text of the token ("Bearer x"), or "" with a->error. */
const char *provider_get(provider *p, asker *a);
/* Each allocation of `start`, which makes *p, and of asking it fails once: no token then, or one all the same, and nothing
 * is left. */
void provider_fail_each(provider *p, genai_status (*start)(const char *argument), const char *argument);

#endif
