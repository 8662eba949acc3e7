#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "genai/base.h"
#include "soak.h"

/* Before each block: its size. */
typedef union head {
  size_t size;
  max_align_t align;
} head;

static atomic_size_t in_use, peak;

static void *begin(head *h, size_t size) {
  if (!h) return NULL;
  h->size = size;
  size_t now = atomic_fetch_add(&in_use, size) + size, most = atomic_load(&peak);
  while (now > most && !atomic_compare_exchange_weak(&peak, &most, now)) {}
  return h + 1;
}

static void *allocate(size_t size, void *user) {
  (void)user;
  return size > SIZE_MAX - sizeof(head) ? NULL : begin(malloc(size + sizeof(head)), size);
}

static void *reallocate(void *memory, size_t size, void *user) {
  head *h = memory ? (head *)memory - 1 : NULL;
  size_t before = h ? h->size : 0;
  (void)user;
  if (size > SIZE_MAX - sizeof(head) || !(h = realloc(h, size + sizeof(head)))) return NULL;
  atomic_fetch_sub(&in_use, before);
  return begin(h, size);
}

static void release(void *memory, void *user) {
  head *h = memory ? (head *)memory - 1 : NULL;
  (void)user;
  if (h) atomic_fetch_sub(&in_use, h->size);
  free(h);
}

void memory_count(void) { genai_set_allocator(&(genai_allocator){.allocate = allocate, .reallocate = reallocate, .release = release}); }
size_t memory_in_use(void) { return atomic_load(&in_use); }
size_t memory_peak(void) { return atomic_load(&peak); }
