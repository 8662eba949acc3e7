#include "base/payload.h"

#include "base/memory.h"

void payload_begin(buf *b, size_t ceiling, size_t expected) {
  buf_init(b, ceiling + sizeof(payload));
  if (expected > ceiling) expected = ceiling;
  if (buf_room(b, sizeof(payload) + expected)) buf_commit(b, sizeof(payload));
}

payload *payload_end(buf *b) {
  if (b->failed || b->size < sizeof(payload)) return NULL;
  payload *p = (payload *)(void *)b->data;
  atomic_init(&p->references, 1);
  p->kind = 0;
  p->again = p->answered = false;
  p->at = p->serial = 0;
  p->next = NULL;
  p->size = b->size - sizeof *p;
  p->data = b->data + sizeof *p;
  buf_init(b, b->ceiling);
  return p;
}

payload *payload_copy(const void *data, size_t size) {
  buf b;
  payload_begin(&b, size, size);
  buf_append(&b, data, size);
  payload *p = payload_end(&b);
  if (!p) buf_deinit(&b);
  return p;
}

payload *payload_hold(payload *p) {
  atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
  return p;
}

void payload_drop(payload *p) {
  if (p && atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) == 1) mem_free(p);
}
