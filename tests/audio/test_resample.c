#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/audio.h"

enum { SECOND = 16000, ROOM = 4 << 20 };

static int16_t tone[SECOND];

static int setup(void **state) {
  (void)state;
  audio_tone(tone, SECOND, SECOND, 300, 0.5);
  return 0;
}

static int crossings(const int16_t *samples, size_t count) {
  int n = 0;
  for (size_t i = 1; i < count; i++) n += samples[i - 1] < 0 && samples[i] >= 0;
  return n;
}

static void keeps_length_level_and_pitch(void **state) {
  (void)state;
  const int rates[] = {8000, 11025, 22050, 24000, 44100, 48000, 96000};
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
    buf out;
    buf_init(&out, ROOM);
    assert_int_equal(audio_resample(tone, SECOND, SECOND, rates[i], &out, NULL), GENAI_OK);
    assert_in_range(audio_count(&out), rates[i] - 8, rates[i] + 8);
    assert_in_range((int)audio_level(audio_samples(&out), audio_count(&out)), 11300, 11700);
    assert_in_range(crossings(audio_samples(&out), audio_count(&out)), 298, 301);
    buf_deinit(&out);
  }
}

/* Fed in any pieces, the same samples come out as whole. */
static void pieces_make_the_whole(void **state) {
  (void)state;
  buf whole, parts;
  buf_init(&whole, ROOM);
  assert_int_equal(audio_resample(tone, SECOND, SECOND, 24000, &whole, NULL), GENAI_OK);
  const size_t pieces[] = {1, 160, 320, 1024, 5000};
  for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
    audio_resampler *resampler;
    assert_int_equal(audio_resampler_new(&resampler, SECOND, 24000, NULL), GENAI_OK);
    buf_init(&parts, ROOM);
    for (size_t at = 0; at < SECOND; at += pieces[p]) {
      size_t size = SECOND - at < pieces[p] ? SECOND - at : pieces[p];
      assert_int_equal(audio_resampler_feed(resampler, tone + at, size, false, &parts, NULL), GENAI_OK);
      size_t made = (at + size) * 3 / 2;
      assert_in_range(audio_count(&parts), made > 480 ? made - 480 : 0, made); /* at most 20 ms stay inside */
    }
    assert_int_equal(audio_resampler_feed(resampler, NULL, 0, true, &parts, NULL), GENAI_OK);
    assert_int_equal(parts.size, whole.size);
    for (size_t i = 0; i < audio_count(&whole); i++)
      assert_true(abs(audio_samples(&parts)[i] - audio_samples(&whole)[i]) <= 1);
    buf_deinit(&parts);
    audio_resampler_free(resampler);
  }
  buf_deinit(&whole);
}

static void starts_anew_after_the_last(void **state) {
  (void)state;
  audio_resampler *resampler;
  assert_int_equal(audio_resampler_new(&resampler, SECOND, 8000, NULL), GENAI_OK);
  buf first, second;
  buf_init(&first, ROOM);
  buf_init(&second, ROOM);
  assert_int_equal(audio_resampler_feed(resampler, tone, SECOND, true, &first, NULL), GENAI_OK);
  assert_int_equal(audio_resampler_feed(resampler, tone, SECOND, true, &second, NULL), GENAI_OK);
  assert_int_equal(first.size, second.size);
  assert_memory_equal(first.data, second.data, first.size);
  buf_deinit(&first);
  buf_deinit(&second);
  audio_resampler_free(resampler);
}

static void equal_rates_are_copied(void **state) {
  (void)state;
  buf out;
  buf_init(&out, ROOM);
  assert_int_equal(audio_resample(tone, SECOND, 16000, 16000, &out, NULL), GENAI_OK);
  assert_int_equal(audio_count(&out), SECOND);
  assert_memory_equal(out.data, tone, sizeof tone);
  buf_deinit(&out);
}

static void refuses_what_it_cannot_do(void **state) {
  (void)state;
  audio_resampler *resampler;
  genai_error error = {0};
  assert_int_equal(audio_resampler_new(&resampler, 16000, 0, &error), GENAI_ERROR_ARGUMENT);
  assert_string_equal(error.message, "A sample rate of 0 Hz is not supported. Use 1000 to 384000 Hz.");
  assert_int_equal(audio_resampler_new(&resampler, -5, 16000, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(audio_resampler_new(&resampler, 1000, 384000, &error), GENAI_ERROR_ARGUMENT);
  assert_null(resampler);
  buf out;
  buf_init(&out, 1000);
  assert_int_equal(audio_resample(tone, SECOND, 16000, 24000, &out, &error), GENAI_ERROR_LIMIT);
  assert_true(out.size <= 1000);
  buf_deinit(&out);
  audio_resampler_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_length_level_and_pitch), cmocka_unit_test(pieces_make_the_whole),
      cmocka_unit_test(starts_anew_after_the_last),   cmocka_unit_test(equal_rates_are_copied),
      cmocka_unit_test(refuses_what_it_cannot_do),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
