/* Memory of messages to be sent that comes back to be filled again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/payload.h"
#include "genai/base.h"

enum { CEILING = 1 << 20, SOUND = 4400 };

static payload *filled(payload_pool *pool, size_t expected, size_t size) {
  buf b;
  payload_begin_from(pool, &b, CEILING, expected);
  for (size_t i = 0; i < size; i++) assert_true(buf_byte(&b, (uint8_t)i));
  payload *p = payload_end_for(pool, &b);
  assert_non_null(p);
  assert_int_equal(p->size, size);
  for (size_t i = 0; i < size; i++)
    if (p->data[i] != (uint8_t)i) fail();
  return p;
}

static void memory_comes_back(void **state) {
  (void)state;
  payload_pool *pool = payload_pool_new();
  payload *first = filled(pool, SOUND, SOUND), *second = filled(pool, SOUND, SOUND);
  assert_ptr_not_equal(first, second);
  payload_hold(first);
  payload_drop(first); /* held twice: not yet */
  payload *third = filled(pool, SOUND, SOUND);
  assert_ptr_not_equal(third, first);
  payload_drop(first);
  assert_ptr_equal(filled(pool, SOUND + 40, SOUND + 40), first); /* a little more fits the same memory */
  payload_drop(second);
  payload_drop(third);
  payload_drop(first);
  payload_pool_free(pool);
}

static void a_message_may_outgrow_its_memory(void **state) {
  (void)state;
  payload_pool *pool = payload_pool_new();
  payload_drop(filled(pool, SOUND, SOUND));
  payload *large = filled(pool, SOUND, (size_t)20 * SOUND); /* out of the pool, and too large for it */
  payload_drop(large);
  payload_drop(filled(pool, SOUND, SOUND));
  payload_pool_free(pool);
}

static void only_sizes_that_suit(void **state) {
  (void)state;
  payload_pool *pool = payload_pool_new();
  payload_drop(filled(pool, SOUND, SOUND));
  payload *larger = filled(pool, (size_t)3 * SOUND, (size_t)3 * SOUND); /* gives the small one up */
  assert_true(larger->capacity >= 3 * SOUND);
  payload_drop(larger);
  payload *small = filled(pool, SOUND / 4, SOUND / 4); /* and that would be a waste here */
  assert_true(small->capacity < SOUND);
  payload_drop(small);
  payload *tiny = filled(pool, 0, 10);
  payload_drop(tiny);
  payload_pool_free(pool);
  payload_pool_free(NULL);
}

static long blocks; /* of memory, in use */

static void *counted_allocate(size_t size, void *user) { (void)user; blocks++; return malloc(size); }
static void *counted_reallocate(void *memory, size_t size, void *user) {
  (void)user;
  if (!memory) blocks++;
  return realloc(memory, size);
}
static void counted_release(void *memory, void *user) { (void)user; blocks--; free(memory); }

static void spare_memory_has_a_ceiling(void **state) {
  (void)state;
  enum { MANY = 1000, KEPT_MAX = (1 << 20) / SOUND };
  static payload *all[MANY];
  genai_set_allocator(&(genai_allocator){counted_allocate, counted_reallocate, counted_release, NULL});
  blocks = 0;
  payload_pool *pool = payload_pool_new();
  for (int i = 0; i < MANY; i++) all[i] = filled(pool, SOUND, SOUND);
  assert_int_equal(blocks, MANY + 1);
  for (int i = 0; i < MANY; i++) payload_drop(all[i]);
  assert_in_range(blocks, 2, KEPT_MAX + 1);
  payload_pool_free(pool);
  assert_int_equal(blocks, 0);
  genai_set_allocator(NULL);
}

static void *no_memory(size_t size, void *user) { (void)size, (void)user; return NULL; }
static void *no_more_memory(void *memory, size_t size, void *user) { (void)memory, (void)size, (void)user; return NULL; }
static void nothing(void *memory, void *user) { (void)memory, (void)user; }

static void no_memory_is_no_message(void **state) {
  (void)state;
  buf b;
  genai_set_allocator(&(genai_allocator){no_memory, no_more_memory, nothing, NULL});
  assert_null(payload_pool_new());
  payload_begin(&b, CEILING, SOUND);
  assert_true(b.failed);
  assert_null(payload_end(&b));
  assert_null(payload_copy("abc", 3));
  genai_set_allocator(NULL);
  buf_deinit(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_comes_back),       cmocka_unit_test(a_message_may_outgrow_its_memory),
      cmocka_unit_test(only_sizes_that_suit),    cmocka_unit_test(spare_memory_has_a_ceiling),
      cmocka_unit_test(no_memory_is_no_message),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
