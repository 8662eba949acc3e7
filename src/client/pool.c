#include "client/pool.h"

#include <stdatomic.h>

#include "base/memory.h"

/* Small messages are malloc's; a chunk is kept up to CHUNK_MAX, all of them up to SPARE_MAX; sizes are rounded so that the
 * pieces of one sound, which differ a little, fit the same chunks. */
enum { CHUNK_MIN = 8 << 10, CHUNK_MAX = 256 << 10, SPARE_MAX = 2 << 20, ROUND = 8 << 10 };

struct message_pool {
  atomic_uint references;
  atomic_size_t spare_bytes;     /* in both lists */
  _Atomic(arena_chunk *) returned; /* a stack that any thread pushes to and the I/O thread takes whole */
  arena_chunk *spare;            /* the I/O thread's */
};

message_pool *pool_new(void) {
  message_pool *pool = mem_zalloc(sizeof *pool);
  if (!pool) return NULL;
  atomic_init(&pool->references, 1);
  atomic_init(&pool->spare_bytes, 0);
  atomic_init(&pool->returned, NULL);
  return pool;
}

static void free_chunks(arena_chunk *chunk) {
  for (arena_chunk *next; chunk; chunk = next) {
    next = *arena_chunk_next(chunk);
    arena_chunk_free(chunk);
  }
}

void pool_drop(message_pool *pool) {
  if (!pool || atomic_fetch_sub_explicit(&pool->references, 1, memory_order_acq_rel) != 1) return;
  free_chunks(atomic_load(&pool->returned));
  free_chunks(pool->spare);
  mem_free(pool);
}

/* A spare chunk that suits, or NULL; the first that does not suit is given up, so that odd sizes do not stay. */
static arena_chunk *find(message_pool *pool, size_t size) {
  if (!pool->spare) pool->spare = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
  arena_chunk *chunk = pool->spare;
  if (!chunk) return NULL;
  size_t had = arena_chunk_size(chunk);
  pool->spare = *arena_chunk_next(chunk);
  *arena_chunk_next(chunk) = NULL;
  atomic_fetch_sub_explicit(&pool->spare_bytes, had, memory_order_relaxed);
  if (had >= size && had <= 4 * size) return chunk;
  arena_chunk_free(chunk);
  return NULL;
}

bool pool_take(message_pool *pool, arena *a, size_t size) {
  if (size < CHUNK_MIN || size > CHUNK_MAX || size > a->ceiling) return false;
  arena_chunk *chunk = find(pool, size);
  if (!chunk) chunk = arena_chunk_new((size + ROUND - 1) / ROUND * ROUND);
  if (!chunk) return false;
  arena_attach(a, chunk);
  atomic_fetch_add_explicit(&pool->references, 1, memory_order_relaxed);
  return true;
}

void pool_return(message_pool *pool, arena *a) {
  arena_chunk *chunk = arena_detach(a);
  size_t size = arena_chunk_size(chunk);
  if (size > CHUNK_MAX || atomic_fetch_add_explicit(&pool->spare_bytes, size, memory_order_relaxed) + size > SPARE_MAX) {
    if (size <= CHUNK_MAX) atomic_fetch_sub_explicit(&pool->spare_bytes, size, memory_order_relaxed);
    arena_chunk_free(chunk);
  } else {
    arena_chunk *top = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    do *arena_chunk_next(chunk) = top;
    while (!atomic_compare_exchange_weak_explicit(&pool->returned, &top, chunk, memory_order_release, memory_order_relaxed));
  }
  pool_drop(pool);
}
