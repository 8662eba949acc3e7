/* Waiting with a deadline and a cancellation token, on a mutex and condition that belong to somebody else. */
#ifndef GENAI_SRC_NET_WAIT_H
#define GENAI_SRC_NET_WAIT_H

#include <uv.h>

#include "genai/client.h"

typedef struct waiter {
  const genai_wait *wait;
  uint64_t deadline_ns; /* 0: none */
  uv_mutex_t *mutex;
  uv_cond_t *cond;
  struct waiter *next, **link; /* in the token's list */
} waiter;

/* Around a waiting call: waiter_begin before the mutex is taken, waiter_end after it was given back (the token's own lock is
 * taken in both, and genai_cancel_fire holds that one while it takes the mutex). */
void waiter_begin(waiter *w, const genai_wait *wait, uv_mutex_t *mutex, uv_cond_t *cond);
void waiter_end(waiter *w);
/* With the mutex held: waits for a wake-up. GENAI_OK: look again; else GENAI_WOULD_BLOCK, _TIMEOUT or _CANCELLED, with a
 * sentence that begins with `what`. */
genai_status waiter_wait(waiter *w, const char *what, genai_error *error);

#endif
