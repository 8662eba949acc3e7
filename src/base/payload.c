#include "base/payload.h"

#include "base/memory.h"

payload *payload_adopt(uint8_t *data, size_t size) {
  payload *p = mem_alloc(sizeof *p);
  if (!p) return NULL;
  atomic_init(&p->references, 1);
  p->kind = 0;
  p->size = size;
  p->data = data;
  return p;
}

payload *payload_copy(const void *data, size_t size) {
  uint8_t *copy = mem_dup(data, size);
  payload *p = copy ? payload_adopt(copy, size) : NULL;
  if (!p) mem_free(copy);
  return p;
}

payload *payload_hold(payload *p) {
  atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
  return p;
}

void payload_drop(payload *p) {
  if (!p || atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) != 1) return;
  mem_free(p->data);
  mem_free(p);
}
