#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "audio/audio.h"

static void pcm_is_little_endian(void **state) {
  (void)state;
  const uint8_t bytes[] = {0x01, 0x00, 0xFF, 0x7F, 0x00, 0x80, 0xFF, 0xFF, 0x55};
  int16_t samples[4];
  assert_int_equal(audio_pcm_read(samples, bytes, sizeof bytes), 4); /* the odd byte is no sample */
  assert_int_equal(samples[0], 1);
  assert_int_equal(samples[1], 32767);
  assert_int_equal(samples[2], -32768);
  assert_int_equal(samples[3], -1);
  uint8_t back[8];
  audio_pcm_write(back, samples, 4);
  assert_memory_equal(back, bytes, 8);
}

static void mixdown_takes_the_mean_and_clips(void **state) {
  (void)state;
  const float in[] = {0.5f, -0.5f, 0.25f, 0.75f, 3, 3, -3, -3, NAN, 0};
  int16_t out[5];
  audio_mixdown(out, in, 5, 2);
  assert_int_equal(out[0], 0);
  assert_int_equal(out[1], 16384);
  assert_int_equal(out[2], 32767);
  assert_int_equal(out[3], -32768);
  assert_int_equal(out[4], -32768);
}

static void tone_has_its_level_and_soft_edges(void **state) {
  (void)state;
  static int16_t tone[24000];
  audio_tone(tone, 24000, 24000, 440, 0.5);
  assert_int_equal(tone[0], 0);
  assert_int_equal(tone[23999], 0);
  double level = audio_level(tone, 24000); /* 0.5 * 32768 / sqrt 2 */
  assert_true(level > 11400 && level < 11650);
  int crossings = 0;
  for (size_t i = 1; i < 24000; i++) crossings += tone[i - 1] < 0 && tone[i] >= 0;
  assert_in_range(crossings, 438, 441);
}

static void level_of_nothing_is_zero(void **state) {
  (void)state;
  assert_true(audio_level(NULL, 0) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pcm_is_little_endian),
      cmocka_unit_test(mixdown_takes_the_mean_and_clips),
      cmocka_unit_test(tone_has_its_level_and_soft_edges),
      cmocka_unit_test(level_of_nothing_is_zero),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
