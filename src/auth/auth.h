/* Bearer tokens for Google Cloud: from credentials of every kind, fetched without blocking the loop, kept, and renewed before
 * they expire, so that each dial has a fresh one. */
#ifndef GENAI_SRC_AUTH_AUTH_H
#define GENAI_SRC_AUTH_AUTH_H

#include "genai/base.h"
#include "net/loop.h"
#include "net/proxy.h"
#include "net/tls.h"

typedef struct auth auth;

/* Times are arguments, so that a test can set them. */
typedef struct auth_clock {
  uint64_t (*monotonic_ms)(void *user); /* how old a token is */
  int64_t (*wall_s)(void *user);        /* seconds since 1970, for signed assertions alone */
  void *user;
} auth_clock;

/* At most one of the first four; none: Application Default Credentials. Everything is copied. */
typedef struct auth_options {
  const char *access_token;
  genai_status (*token)(void *user, char *token, size_t size, int64_t *lifetime_s, genai_error *error);
  const char *credentials_file;
  const char *credentials_json;
  void *token_user;
  const char *proxy, *no_proxy; /* of the program: net/proxy.h */
  net_environment environment;
  bool allow_loopback;     /* credentials may name token endpoints on this machine, over plain http too */
  uint32_t timeout_ms;     /* of each request; 0: 10,000 */
  const auth_clock *clock; /* NULL: the loop's and the system's; lives as long as the provider */
} auth_options;

/* Reads the credentials; fetches nothing yet. `trust` is held. GENAI_ERROR_CREDENTIALS with the reason, GENAI_ERROR_ARGUMENT,
 * GENAI_ERROR_MEMORY. */
genai_status auth_new(auth **out, net_loop *loop, net_tls *trust, const auth_options *options, genai_error *error);
/* Ends what is under way and frees; waits for a callback that runs. Nobody waits any more. Takes NULL; never on the loop's
 * thread. */
void auth_free(auth *a);
/* The project that the credentials belong to, or NULL. Where the machine's metadata server has the credentials, it is asked the first
 * time, which takes up to three seconds: never on the loop's thread. GENAI_ERROR_CREDENTIALS when it does not tell. */
genai_status auth_project(auth *a, const char **project, genai_error *error);

/* One who waits for a token, embedded in its owner. */
typedef struct auth_wait auth_wait;
struct auth_wait {
  /* Called once. GENAI_OK: the header fields to add, valid during the call; never log a value. Otherwise no token is to be had,
   * and why. */
  void (*done)(auth_wait *wait, const genai_error *error, const genai_string_pair *headers, size_t count);
  unsigned generation; /* of the token given, for auth_refused */
  auth_wait *next, **link;
};

/* Loop thread only, as the next two. `done` is never called from inside. */
void auth_get(auth *a, auth_wait *wait);
/* `done` is not called any more. Does nothing when it already was or nothing was asked. */
void auth_cancel(auth_wait *wait);
/* The service refused the token of this generation: the next one who asks gets another. */
void auth_refused(auth *a, unsigned generation);

#endif
