/* The synthesiser: the same music for the same piece, whatever the pieces it is asked for in; another for another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/audio.h"
#include "emulator/synth.h"

enum { FRAMES = SYNTH_RATE_HZ, BYTES = FRAMES * 4 };

static const synth plain = {.bpm = 120, .density = 0.5, .brightness = 0.5, .guidance = 4, .temperature = 1.1};

static synth piece(const char *prompt) {
  synth s = plain;
  if (prompt) synth_add(&s, prompt, 1);
  return s;
}

static uint8_t *render(const synth *s, uint64_t at) {
  uint8_t *out = malloc(BYTES);
  synth_render(s, at, out, FRAMES);
  return out;
}

static double level(const uint8_t *bytes, size_t frames) {
  int16_t *samples = malloc(frames * 4);
  size_t count = audio_pcm_read(samples, bytes, frames * 4);
  double value = audio_level(samples, count);
  free(samples);
  return value;
}

static bool same(const synth *a, const synth *b) {
  uint8_t *left = render(a, 0), *right = render(b, 0);
  bool equal = !memcmp(left, right, BYTES);
  free(left);
  free(right);
  return equal;
}

static void any_pieces_are_the_whole(void **state) {
  (void)state;
  synth s = piece("minimal techno");
  uint8_t *whole = render(&s, 12345), *pieces = malloc(BYTES);
  static const size_t sizes[] = {1, 2, 3, 255, 256, 257, 5999, 6000, 20000};
  for (size_t at = 0, i = 0; at < FRAMES; i++) {
    size_t count = sizes[i % 9] < FRAMES - at ? sizes[i % 9] : FRAMES - at;
    synth_render(&s, 12345 + at, pieces + at * 4, count);
    at += count;
  }
  /* the recurrences begin elsewhere: the last bit may differ */
  for (size_t i = 0; i < BYTES; i += 2) {
    int a = (int16_t)(whole[i] | whole[i + 1] << 8), b = (int16_t)(pieces[i] | pieces[i + 1] << 8);
    if (abs(a - b) > 1) fail_msg("byte %zu: %d, %d", i, a, b);
  }
  free(whole);
  free(pieces);
}

static void everything_counts(void **state) {
  (void)state;
  synth s = piece("jazz"), other = piece("jazz");
  assert_true(same(&s, &other));
  other = piece("piano");
  assert_false(same(&s, &other));
#define DIFFERS(field, value) (other = piece("jazz"), other.field = value, assert_false(same(&s, &other)))
  DIFFERS(bpm, 121);
  DIFFERS(root, 3);
  DIFFERS(density, 1);
  DIFFERS(brightness, 1);
  DIFFERS(guidance, 0);
  DIFFERS(seed, 7);
  DIFFERS(mute_bass, true);
  DIFFERS(mute_drums, true);
  DIFFERS(only_bass_and_drums, true);
  DIFFERS(voices[0].gain, 0.5);
}

/* Without voices and bass the kick alone sounds at the beginning of each beat. */
static void keeps_the_beat(void **state) {
  (void)state;
  synth s = piece(NULL);
  s.mute_bass = true;
  s.density = 0;
  for (s.bpm = SYNTH_BPM_MIN; s.bpm <= SYNTH_BPM_MAX; s.bpm += 35) {
    uint8_t bytes[4 * 480];
    for (uint64_t beat = 0; beat < 8; beat++) {
      uint64_t at = beat * 60 * SYNTH_RATE_HZ / (uint64_t)s.bpm;
      synth_render(&s, at + 100, bytes, 480);
      assert_true(level(bytes, 480) > 2000);
      if (beat) synth_render(&s, at - 480, bytes, 480);
      if (beat) assert_true(level(bytes, 480) < 20);
    }
  }
}

static void silent_when_all_is_muted(void **state) {
  (void)state;
  synth s = piece(NULL);
  s.mute_bass = s.mute_drums = true;
  uint8_t *bytes = render(&s, 0);
  assert_true(level(bytes, FRAMES) == 0);
  free(bytes);
}

static void the_quietest_gives_way(void **state) {
  (void)state;
  synth s = plain;
  for (int i = 0; i < SYNTH_VOICES; i++) synth_add(&s, "x", i == 3 ? 0.1 : 0.5);
  synth_add(&s, "too quiet", 0.05);
  assert_int_equal(s.voices[3].hash, synth_hash("x"));
  synth_add(&s, "louder", 0.2);
  assert_int_equal(s.voices[3].hash, synth_hash("louder"));
  assert_int_equal(s.voice_count, SYNTH_VOICES);
}

/* Far into a piece, and with everything at its loudest: whole frames, no leap to a rail. */
static void stays_in_range(void **state) {
  (void)state;
  synth s = plain;
  s.density = s.brightness = 1;
  s.bpm = 199;
  for (int i = 0; i < SYNTH_VOICES; i++) synth_add(&s, (const char[]){(char)('a' + i), 0}, 1.0 / SYNTH_VOICES);
  uint8_t *bytes = render(&s, (uint64_t)SYNTH_RATE_HZ * 3600 * 10);
  int railed = 0;
  for (size_t i = 0; i < BYTES; i += 2) railed += abs((int16_t)(bytes[i] | bytes[i + 1] << 8)) >= 32767;
  assert_int_equal(railed, 0);
  assert_true(level(bytes, FRAMES) > 500);
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_pieces_are_the_whole), cmocka_unit_test(everything_counts),
      cmocka_unit_test(keeps_the_beat),           cmocka_unit_test(silent_when_all_is_muted),
      cmocka_unit_test(the_quietest_gives_way),   cmocka_unit_test(stays_in_range),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
