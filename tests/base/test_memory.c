#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_copy(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 7, 1999, 2000, 2001, 3999, 4000, 4001, 4096, 15500};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    for (size_t shift = 0; shift < 48; shift += 7) {
      size_t size = sizes[i];
      uint8_t *from = mem_alloc(size), *to = mem_alloc(shift + size + 1);
      for (size_t k = 0; k < size; k++) from[k] = (uint8_t)(k * 7 + k / 251);
      memset(to, 0xA5, shift + size + 1);
      mem_copy(to + shift, from, size);
      assert_memory_equal(to + shift, from, size);
      for (size_t k = 0; k < shift; k++) assert_int_equal(to[k], 0xA5);
      assert_int_equal(to[shift + size], 0xA5);
      mem_free(from);
      mem_free(to);
    }
}

static void test_align(void **state) {
  (void)state;
  arena a;
  arena_init(&a, 4096);
  arena_align(&a); /* nothing to align yet */
  for (size_t size = 0; size < 40; size++) {
    uint8_t *before = arena_bytes(&a, size);
    arena_align(&a);
    const uint8_t *after = arena_bytes(&a, 0);
    assert_int_equal((uintptr_t)after % _Alignof(max_align_t), 0);
    assert_in_range(after - (before + size), 0, _Alignof(max_align_t) - 1);
  }
  /* A chunk that is full stays so. */
  size_t left = (size_t)(a.end - a.cursor);
  assert_non_null(arena_bytes(&a, left - 1));
  arena_align(&a);
  assert_true(a.cursor <= a.end);
  arena_deinit(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_copy),
      cmocka_unit_test(test_align),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
