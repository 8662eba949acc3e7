#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "emulator/ear.h"

enum { RATE = 16000, SECOND = RATE };

/* What the ear reported: where, and the utterances' lengths. */
typedef struct story {
  int events;
  uint32_t at_ms[16];
  size_t samples[16];
} story;

static void collect(ear *e, story *s) {
  for (ear_event event; (event = ear_next(e)) != EAR_NOTHING;) {
    assert_true(s->events < 16);
    s->at_ms[s->events] = ear_offset_ms(e);
    assert_int_equal(event, s->events % 2 ? EAR_END : EAR_START); /* in turns */
    if (event == EAR_END) {
      buf utterance;
      ear_take(e, &utterance);
      s->samples[s->events] = audio_count(&utterance);
      buf_deinit(&utterance);
    }
    s->events++;
  }
}

static story hear(const int16_t *samples, size_t count, size_t piece, const ear_settings *settings) {
  ear e;
  story s = {0};
  ear_init(&e, settings);
  for (size_t at = 0; at < count; at += piece) {
    assert_true(ear_hear(&e, samples + at, count - at < piece ? count - at : piece, RATE));
    collect(&e, &s);
  }
  ear_finish(&e);
  collect(&e, &s);
  ear_deinit(&e);
  return s;
}

static void add_noise(int16_t *samples, size_t count, int level) {
  unsigned random = 1;
  for (size_t i = 0; i < count; i++) {
    random = random * 1103515245u + 12345;
    samples[i] = (int16_t)(samples[i] + (int)(random >> 16) % (2 * level) - level);
  }
}

static const ear_settings usual = {.start_ms = 40, .silence_ms = 500};

/* In whatever pieces the sound comes, the same is heard. */
static void pieces_do_not_matter(void **state) {
  (void)state;
  static int16_t sound[5 * SECOND];
  audio_tone(sound + SECOND / 2, SECOND, RATE, 300, 0.3);
  audio_tone(sound + 3 * SECOND, SECOND + 1234, RATE, 300, 0.3);
  add_noise(sound, 5 * SECOND, 40);
  story whole = hear(sound, 5 * SECOND, 5 * SECOND, &usual);
  assert_int_equal(whole.events, 4);
  assert_in_range(whole.at_ms[0], 520, 580);
  assert_in_range(whole.at_ms[1], 2000, 2080);
  const size_t pieces[] = {1, 7, 160, 320, 1000, 16001};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    story parts = hear(sound, 5 * SECOND, pieces[i], &usual);
    assert_memory_equal(&parts, &whole, sizeof whole);
  }
}

static void the_end_of_the_stream_ends_speech(void **state) {
  (void)state;
  static int16_t sound[SECOND];
  audio_tone(sound, SECOND, RATE, 300, 0.3);
  story s = hear(sound, SECOND, 320, &usual);
  assert_int_equal(s.events, 2);
  assert_in_range(s.samples[1], 23900, 24100);
}

static void noise_is_no_speech(void **state) {
  (void)state;
  static int16_t sound[10 * SECOND];
  add_noise(sound, 10 * SECOND, 100);
  assert_int_equal(hear(sound, 10 * SECOND, 320, &usual).events, 0);
}

/* A hum that begins is taken for speech, but not for ever. */
static void a_hum_becomes_background(void **state) {
  (void)state;
  enum { LENGTH = 60 * SECOND };
  int16_t *sound = calloc(LENGTH, sizeof *sound);
  audio_tone(sound + SECOND, LENGTH - SECOND, RATE, 100, 0.03);
  story s = hear(sound, LENGTH, 320, &usual);
  assert_int_equal(s.events, 2);
  assert_true(s.at_ms[1] < 30000);
  free(sound);
}

static void rates_may_change(void **state) {
  (void)state;
  ear e;
  story s = {0};
  static int16_t low[8000], high[48000];
  audio_tone(low, 8000, 8000, 300, 0.3);
  audio_tone(high, 48000, 48000, 300, 0.3);
  ear_init(&e, &usual);
  assert_true(ear_hear(&e, low, 8000, 8000));
  collect(&e, &s);
  assert_true(ear_hear(&e, high, 48000, 48000));
  collect(&e, &s);
  ear_finish(&e);
  collect(&e, &s);
  assert_int_equal(s.events, 2);
  assert_in_range(s.samples[1], 47000, 48100);
  assert_false(ear_hear(&e, low, 10, 10));
  ear_deinit(&e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_do_not_matter), cmocka_unit_test(the_end_of_the_stream_ends_speech),
      cmocka_unit_test(noise_is_no_speech),   cmocka_unit_test(a_hum_becomes_background),
      cmocka_unit_test(rates_may_change),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
