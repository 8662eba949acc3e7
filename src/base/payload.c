#include "base/payload.h"

#include "base/memory.h"

/* Smaller messages are malloc's own business, larger ones are rare; all that is kept stays under SPARE_MAX. Sizes are rounded so that
 * pieces of one sound, which differ a little, fit the same memory. */
enum { SPARE_MIN = 1 << 10, SPARE_SIZE_MAX = 64 << 10, SPARE_MAX = 1 << 20, ROUND = 512 };

struct payload_pool {
  atomic_size_t spare_bytes;    /* in both lists */
  _Atomic(payload *) returned;  /* a stack that any thread pushes to and a taker takes whole */
  atomic_flag taking;
  payload *spare;               /* of whoever holds `taking` */
};

payload_pool *payload_pool_new(void) {
  payload_pool *pool = mem_zalloc(sizeof *pool);
  if (!pool) return NULL;
  atomic_init(&pool->spare_bytes, 0);
  atomic_init(&pool->returned, NULL);
  atomic_flag_clear(&pool->taking);
  return pool;
}

static void free_all(payload *p) {
  for (payload *next; p; p = next) {
    next = p->next;
    mem_free(p);
  }
}

void payload_pool_free(payload_pool *pool) {
  if (!pool) return;
  free_all(atomic_load(&pool->returned));
  free_all(pool->spare);
  mem_free(pool);
}

/* Spare memory of at least this size, or NULL; the first that does not suit is given up, so that odd sizes do not stay. Another
 * thread is never waited for. */
static payload *take(payload_pool *pool, size_t size) {
  if (atomic_flag_test_and_set_explicit(&pool->taking, memory_order_acquire)) return NULL;
  if (!pool->spare) pool->spare = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
  payload *p = pool->spare;
  if (p) pool->spare = p->next;
  atomic_flag_clear_explicit(&pool->taking, memory_order_release);
  if (!p) return NULL;
  atomic_fetch_sub_explicit(&pool->spare_bytes, p->capacity, memory_order_relaxed);
  if (p->capacity >= size && p->capacity <= 4 * size) return p;
  mem_free(p);
  return NULL;
}

/* False when it is not to be kept. */
static bool give_back(payload_pool *pool, payload *p) {
  size_t size = p->capacity;
  if (size < SPARE_MIN || size > SPARE_SIZE_MAX) return false;
  if (atomic_fetch_add_explicit(&pool->spare_bytes, size, memory_order_relaxed) + size > SPARE_MAX) {
    atomic_fetch_sub_explicit(&pool->spare_bytes, size, memory_order_relaxed);
    return false;
  }
  p->next = atomic_load_explicit(&pool->returned, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(&pool->returned, &p->next, p, memory_order_release, memory_order_relaxed)) {
  }
  return true;
}

void payload_begin_from(payload_pool *pool, buf *b, size_t ceiling, size_t expected) {
  buf_init(b, ceiling + sizeof(payload));
  size_t size = sizeof(payload) + (expected < ceiling ? expected : ceiling);
  bool pooled = pool && size >= SPARE_MIN && size <= SPARE_SIZE_MAX && ceiling >= SPARE_SIZE_MAX;
  payload *spare = pooled ? take(pool, size) : NULL;
  if (spare) {
    b->data = (uint8_t *)spare;
    b->capacity = spare->capacity;
  } else if (size < b->ceiling - ROUND) { /* as much as it takes, where a buffer would double its size */
    b->capacity = (size + ROUND - 1) / ROUND * ROUND;
    b->data = mem_alloc(b->capacity);
    b->failed = !b->data;
    if (b->failed) b->capacity = 0;
  }
  if (!b->failed && buf_room(b, size)) buf_commit(b, sizeof(payload));
}

void payload_begin(buf *b, size_t ceiling, size_t expected) { payload_begin_from(NULL, b, ceiling, expected); }

payload *payload_end_for(payload_pool *pool, buf *b) {
  if (b->failed || b->size < sizeof(payload)) return NULL;
  payload *p = (payload *)(void *)b->data;
  atomic_init(&p->references, 1);
  p->kind = 0;
  p->again = p->answered = false;
  p->at = p->serial = 0;
  p->next = NULL;
  p->size = b->size - sizeof *p;
  p->capacity = b->capacity;
  p->data = b->data + sizeof *p;
  p->pool = pool;
  buf_init(b, b->ceiling);
  return p;
}

payload *payload_end(buf *b) { return payload_end_for(NULL, b); }

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
  if (!p || atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) != 1) return;
  if (!p->pool || !give_back(p->pool, p)) mem_free(p);
}
