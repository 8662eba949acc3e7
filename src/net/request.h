/* One HTTP request and its answer, on the same streams, trust and deadlines as everything else: for tokens, not for downloads.
 * Redirects are not followed, nothing is reused. Loop thread only. */
#ifndef GENAI_SRC_NET_REQUEST_H
#define GENAI_SRC_NET_REQUEST_H

#include "net/http.h"
#include "net/stream.h"

typedef struct net_request net_request;

/* What came: status and body (NUL-terminated, at most `keep` bytes of it) are valid during the call. `error` is GENAI_OK for any
 * complete answer, whatever its status; otherwise what happened, with host and port. The last call. */
typedef void (*net_request_done)(void *user, const genai_error *error, int status, const char *body, size_t size);

typedef struct net_request_params {
  net_stream_target target;
  const char *method;               /* "GET", "POST" */
  const char *path;                 /* and query */
  const genai_string_pair *headers; /* beside Host, Content-Length and Connection, which are written here */
  size_t header_count;
  const char *body;                 /* or NULL */
  size_t body_size;
  size_t keep;                      /* of the answer's body */
  uint64_t timeout_ms;              /* for all of it */
} net_request_params;

/* Everything is copied. `done` is never called from inside this call. */
genai_status net_request_start(net_request **request, net_loop *loop, const net_request_params *params, net_request_done done,
                               void *user, genai_error *error);
/* Gives up: `done` is not called any more. Safe inside `done`; takes NULL. */
void net_request_abort(net_request *request);

#endif
