/* One token from a credential: the requests that it takes, one after the other. */
#ifndef GENAI_SRC_AUTH_FETCH_H
#define GENAI_SRC_AUTH_FETCH_H

#include "auth/credential.h"
#include "net/loop.h"
#include "net/proxy.h"
#include "net/tls.h"

typedef struct fetch fetch;

typedef struct fetch_params {
  net_loop *loop;
  net_tls *trust;
  const credential *credential; /* all of these live as long as the fetch */
  const char *metadata_host;    /* "HOST" or "HOST:PORT" */
  const char *proxy, *no_proxy; /* of the program, or NULL */
  net_environment environment;  /* for proxies */
  int64_t now_s;                /* the wall's */
  uint32_t timeout_ms;          /* of each request */
} fetch_params;

/* Called once with the token, valid during the call, or why there is none; the fetch is gone afterwards. */
typedef void (*fetch_done)(void *user, const genai_error *error, const char *token, int64_t lifetime_s);

/* Loop thread only; `done` is never called from inside. */
genai_status fetch_start(fetch **out, const fetch_params *params, fetch_done done, void *user, genai_error *error);
/* `done` is not called any more. Takes NULL. */
void fetch_abort(fetch *f);

#endif
