/* What bench's percentiles promise: exact when small, within a thirty-second when large, never more than the largest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/histogram.h"

static void nothing_is_zero(void **state) {
  static const histogram none;
  (void)state;
  assert_int_equal(histogram_percentile(&none, 50), 0);
  assert_int_equal(histogram_percentile(&none, 100), 0);
}

static void small_values_are_exact(void **state) {
  histogram h = {0};
  (void)state;
  for (int64_t us = 1; us <= 60; us++) histogram_add(&h, us);
  assert_int_equal(histogram_percentile(&h, 50), 30);
  assert_int_equal(histogram_percentile(&h, 90), 54);
  assert_int_equal(histogram_percentile(&h, 100), 60);
  assert_int_equal(histogram_percentile(&h, 0), 1);
}

static void large_values_are_near(void **state) {
  (void)state;
  for (int64_t us = 1; us < INT64_C(1) << 36; us = us * 5 / 4 + 1) {
    histogram h = {0};
    histogram_add(&h, us);
    histogram_add(&h, INT64_C(1) << 40); /* so that the largest does not hide the bucket's edge */
    int64_t told = histogram_percentile(&h, 50);
    assert_true(told >= us);
    assert_true(told - us <= us / HISTOGRAM_STEPS);
  }
}

static void values_out_of_range_are_kept_at_its_ends(void **state) {
  histogram h = {0};
  (void)state;
  histogram_add(&h, -5);
  assert_int_equal(histogram_percentile(&h, 50), 0);
  histogram_add(&h, INT64_MAX);
  assert_int_equal(histogram_percentile(&h, 100), INT64_MAX);
  assert_int_equal(h.count, 2);
}

static void the_largest_is_never_exceeded(void **state) {
  histogram h = {0};
  (void)state;
  for (int i = 0; i < 100; i++) histogram_add(&h, 1000);
  assert_int_equal(histogram_percentile(&h, 99), 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_zero),
      cmocka_unit_test(small_values_are_exact),
      cmocka_unit_test(large_values_are_near),
      cmocka_unit_test(values_out_of_range_are_kept_at_its_ends),
      cmocka_unit_test(the_largest_is_never_exceeded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
