#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/audio.h"
#include "emulator/speech.h"

enum { ROOM = (SPEECH_SECONDS_MAX + 1) * AUDIO_RATE_OUT * 2 };

static void tones_last_as_long_as_their_words(void **state) {
  (void)state;
  buf one, three;
  buf_init(&one, ROOM);
  buf_init(&three, ROOM);
  assert_true(speech_tones("word", &one));
  assert_true(speech_tones(" word word\tword ", &three));
  assert_int_equal(audio_count(&one), 5 * AUDIO_RATE_OUT / 20);
  assert_int_equal(three.size, 3 * one.size);
  assert_true(audio_level(audio_samples(&one), audio_count(&one)) > 3000);
  buf_deinit(&one);
  buf_deinit(&three);
  buf_init(&one, ROOM);
  assert_true(speech_tones("", &one));
  assert_int_equal(one.size, 0);
  char *endless = calloc(1, 200001);
  for (int i = 0; i < 100000; i++) memcpy(endless + 2 * i, "a ", 2);
  assert_true(speech_tones(endless, &one));
  assert_true(audio_count(&one) <= SPEECH_SECONDS_MAX * AUDIO_RATE_OUT);
  free(endless);
  buf_deinit(&one);
}

static void espeak_speaks(void **state) {
  (void)state;
  buf sound;
  buf_init(&sound, ROOM);
  if (!speech_espeak("Hello, this is a test.", &sound)) {
    buf_deinit(&sound);
    print_message("skipped: espeak-ng is missing\n");
    skip();
  }
  assert_in_range(audio_count(&sound), AUDIO_RATE_OUT, 4 * AUDIO_RATE_OUT);
  assert_true(audio_level(audio_samples(&sound), audio_count(&sound)) > 500);
  buf_clear(&sound);
  assert_true(speech_espeak("--version; $(reboot) -w /tmp/x", &sound)); /* text, whatever it looks like */
  assert_true(sound.size > 0);
  buf_deinit(&sound);
}

static void without_espeak_there_is_no_speech(void **state) {
  (void)state;
  buf sound;
  char *path = strdup(getenv("PATH"));
  buf_init(&sound, ROOM);
  setenv("PATH", "/nowhere", 1);
  assert_false(speech_espeak("Hello", &sound));
  setenv("PATH", path, 1);
  free(path);
  buf_deinit(&sound);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tones_last_as_long_as_their_words),
      cmocka_unit_test(espeak_speaks),
      cmocka_unit_test(without_espeak_there_is_no_speech),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
