/* Memory of messages that comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "client/pool.h"

enum { BIG = 1 << 20, SOUND = 30000 };

static arena taken(message_pool *pool, size_t size) {
  arena a;
  arena_init(&a, BIG);
  assert_true(pool_take(pool, &a, size));
  assert_in_range(a.reserved, size, size + 8192);
  return a;
}

static void memory_comes_back(void **state) {
  (void)state;
  message_pool *pool = pool_new();
  arena a = taken(pool, SOUND);
  arena_chunk *first = a.chunks;
  pool_return(pool, &a);
  a = taken(pool, SOUND + 100); /* a little more fits the same chunk */
  assert_ptr_equal(a.chunks, first);
  pool_return(pool, &a);
  pool_drop(pool);
}

static void only_its_own_sizes(void **state) {
  (void)state;
  message_pool *pool = pool_new();
  arena a;
  arena_init(&a, BIG);
  assert_false(pool_take(pool, &a, 100));
  assert_false(pool_take(pool, &a, BIG));
  arena_init(&a, 1000);
  assert_false(pool_take(pool, &a, SOUND)); /* over the arena's ceiling */
  assert_null(a.chunks);
  /* A chunk that is too small, or far too large, is given up. */
  a = taken(pool, 9000);
  pool_return(pool, &a);
  a = taken(pool, 60000);
  pool_return(pool, &a);
  a = taken(pool, 9000);
  assert_in_range(a.reserved, 9000, 17000);
  pool_return(pool, &a);
  pool_drop(pool);
}

static void spare_memory_has_a_ceiling(void **state) {
  (void)state;
  enum { MANY = 200 };
  static arena arenas[MANY];
  message_pool *pool = pool_new();
  for (int i = 0; i < MANY; i++) arenas[i] = taken(pool, SOUND);
  for (int i = 0; i < MANY; i++) pool_return(pool, &arenas[i]);
  size_t reused = 0;
  for (int i = 0; i < MANY; i++) {
    void *before = arenas[i].chunks;
    assert_null(before); /* returned arenas are empty */
    arenas[i] = taken(pool, SOUND);
    reused++;
  }
  assert_int_equal(reused, MANY);
  for (int i = 0; i < MANY; i++) pool_return(pool, &arenas[i]);
  pool_drop(pool);
}

static void messages_may_outlive_the_client(void **state) {
  (void)state;
  message_pool *pool = pool_new();
  arena a = taken(pool, SOUND);
  pool_drop(pool);
  assert_non_null(arena_alloc(&a, 100));
  pool_return(pool, &a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_comes_back),
      cmocka_unit_test(only_its_own_sizes),
      cmocka_unit_test(spare_memory_has_a_ceiling),
      cmocka_unit_test(messages_may_outlive_the_client),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
