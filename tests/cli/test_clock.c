/* Real-time pace and the nearest name: what of the command can be tested as functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/clock.h"
#include "cli/option.h"

static void chunks_are_due_when_their_sound_would_be(void **state) {
  pace p;
  (void)state;
  pace_init(&p, 16000, 5000);
  assert_int_equal(pace_next(&p, 640, 5000), 0);  /* the first at once */
  assert_int_equal(pace_next(&p, 640, 5000), 40);
  assert_int_equal(pace_next(&p, 320, 5079), 1);
  assert_int_equal(pace_next(&p, 640, 5100), 0);  /* 100 ms of sound are out */
  assert_int_equal(pace_next(&p, 640, 5100), 40);
}

static void lateness_is_caught_up(void **state) {
  pace p;
  (void)state;
  pace_init(&p, 16000, 0);
  pace_next(&p, 640, 0);
  assert_int_equal(pace_next(&p, 640, 900), 0);
  assert_int_equal(pace_next(&p, 640, 900), 0);
  for (int i = 0; i < 20; i++) pace_next(&p, 640, 900);
  assert_int_equal(pace_next(&p, 640, 900), 20); /* 23 chunks are 920 ms */
}

static void a_long_sleep_starts_anew(void **state) {
  pace p;
  (void)state;
  pace_init(&p, 16000, 0);
  pace_next(&p, 640, 0);
  assert_int_equal(pace_next(&p, 640, 60000), 0);
  assert_int_equal(pace_next(&p, 640, 60000), 40);
}

static void long_sounds_do_not_drift(void **state) {
  pace p;
  (void)state;
  pace_init(&p, 44100, 0);
  int64_t now = 0;
  for (int64_t i = 0; i < 100000; i++) now += pace_next(&p, 441, now);
  assert_int_equal(now, 999990);
}

static void words_near_and_far(void **state) {
  (void)state;
  assert_int_equal(word_distance("model", 5, "model"), 0);
  assert_int_equal(word_distance("modle", 5, "model"), 1);
  assert_int_equal(word_distance("mode", 4, "model"), 1);
  assert_int_equal(word_distance("silense-ms", 10, "silence-ms"), 1);
  assert_int_equal(word_distance("", 0, "abc"), 3);
  assert_true(word_distance("x", 1, "a word that is longer than sixty-four bytes, as no option's name should be") == SIZE_MAX);
  assert_true(word_near(1, 5));
  assert_false(word_near(3, 5));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chunks_are_due_when_their_sound_would_be), cmocka_unit_test(lateness_is_caught_up),
      cmocka_unit_test(a_long_sleep_starts_anew), cmocka_unit_test(long_sounds_do_not_drift),
      cmocka_unit_test(words_near_and_far),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
