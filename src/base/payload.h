/* One encoded message on its way out: immutable, reference-counted, shared by outbox, transport, replay buffer and
 * recorder. Nothing is masked in place. */
#ifndef GENAI_SRC_BASE_PAYLOAD_H
#define GENAI_SRC_BASE_PAYLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

typedef struct payload_pool payload_pool;

typedef struct payload {
  atomic_uint references;
  uint8_t kind;          /* what it is to its owner (session_input) */
  bool again;            /* it was on the wire of an earlier connection */
  bool answered;         /* a turn of the model was complete since then */
  uint64_t at;           /* when it was queued, ms */
  uint64_t serial;       /* its number among all messages of its session that were put on a wire; 0 before */
  struct payload *next;  /* of the one queue that it stands in */
  size_t size, capacity; /* of the data; of the memory */
  const uint8_t *data;   /* behind this head, in the same memory */
  payload_pool *pool;    /* where the memory returns to, or NULL */
} payload;

/* A message is encoded into a buffer that begins with room for the head: one allocation a message when `expected` bytes suffice.
 * After payload_end (NULL: the buffer had failed) the buffer is empty; before it, buf_deinit gives up. */
void payload_begin(buf *b, size_t ceiling, size_t expected);
payload *payload_end(buf *b);
payload *payload_copy(const void *data, size_t size); /* NULL when memory is out */
payload *payload_hold(payload *p);
void payload_drop(payload *p); /* takes NULL; any thread */

/* Memory of messages on its way back to those who fill it: one thread allocates and another frees, and malloc then pays for a lock
 * and for pages given back and fetched again. It outlives every payload made with it. */
payload_pool *payload_pool_new(void); /* NULL: out of memory */
void payload_pool_free(payload_pool *pool);
/* As payload_begin and payload_end, out of the pool and for it; any thread. */
void payload_begin_from(payload_pool *pool, buf *b, size_t ceiling, size_t expected);
payload *payload_end_for(payload_pool *pool, buf *b);

#endif
