/* One encoded message on its way out: immutable, reference-counted, shared by outbox, transport, replay buffer and
 * recorder. Nothing is masked in place. */
#ifndef GENAI_SRC_BASE_PAYLOAD_H
#define GENAI_SRC_BASE_PAYLOAD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct payload {
  atomic_uint references;
  uint8_t kind;         /* the session's class of the message (session.h) */
  size_t size;
  uint8_t *data;
} payload;

/* Takes over `data` (from mem_alloc) with one reference; NULL when memory is out (data stays the caller's). */
payload *payload_adopt(uint8_t *data, size_t size);
payload *payload_copy(const void *data, size_t size);
payload *payload_hold(payload *p);
void payload_drop(payload *p); /* takes NULL; any thread */

#endif
