/* Music sessions against the service with a clock of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver.h"

#define SETUP "{\"setup\":{\"model\":\"models/lyria-realtime-exp\"}}"
#define PROMPTS \
  "{\"clientContent\":{\"weightedPrompts\":[{\"text\":\"jazz\",\"weight\":1},{\"text\":\"piano\",\"weight\":0.5}]}}"
#define PLAY "{\"playbackControl\":\"PLAY\"}"
#define INVALID "Request contains an invalid argument."
#define SECOND (48000 * 2 * 2)

static const service_options paced = {.music = true}, fast = {.music = true, .fast = true};

/* The next chunk: its base64, kept by the driver. */
static const char *chunk(driver *d) {
  json_t *list = driver_expect(d, "serverContent.audioChunks");
  assert_int_equal(json_array_size(list), 1);
  json_t *only = json_array_get(list, 0);
  assert_string_equal(json_string_value(json_object_get(only, "mimeType")), "audio/l16;rate=48000;channels=2");
  assert_int_equal(json_string_length(json_object_get(only, "data")), 2 * SECOND / 3 * 4);
  return json_string_value(json_object_get(only, "data"));
}

static char *copy_chunk(driver *d) { return strdup(chunk(d)); }

static void plays_at_the_pace_of_sound(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &paced, SETUP);
  driver_send(&d, PROMPTS);
  driver_expect_nothing(&d, 10000);
  driver_send(&d, PLAY);
  uint64_t started = d.now_ms;
  for (uint64_t i = 0; i < 5; i++) {
    chunk(&d);
    assert_int_equal(d.now_ms, started + 2000 * i);
  }
  driver_send(&d, "{\"playback_control\":2}"); /* PAUSE */
  driver_expect_nothing(&d, 60000);
  driver_send(&d, PLAY);
  driver_send(&d, PLAY); /* it plays already */
  started = d.now_ms;
  chunk(&d);
  chunk(&d);
  assert_int_equal(d.now_ms, started + 2000);
  driver_close(&d);
}

static void says_what_it_was_made_from(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &fast, SETUP);
  driver_send(&d, PROMPTS);
  driver_send(&d, PLAY);
  chunk(&d);
  json_t *source = driver_at(d.message, "serverContent.audioChunks.0.sourceMetadata");
  assert_string_equal(json_string_value(driver_at(source, "clientContent.weightedPrompts.0.text")), "jazz");
  assert_true(json_number_value(driver_at(source, "clientContent.weightedPrompts.1.weight")) == 0.5);
  assert_null(json_object_get(source, "musicGenerationConfig"));
  driver_send(
      &d, "{\"music_generation_config\":{\"bpm\":\"120\",\"scale\":\"C_MAJOR_A_MINOR\",\"top_k\":3,\"mute_bass\":true,"
          "\"temperature\":0.5,\"density\":null,\"musicGenerationMode\":2}}");
  driver_send(&d, "{\"client_content\":{\"weighted_prompts\":[{\"text\":\"drums\",\"weight\":2}]}}");
  chunk(&d);
  json_t *expected = json_loads("{\"clientContent\":{\"weightedPrompts\":[{\"text\":\"drums\",\"weight\":2.0}]},"
                                "\"musicGenerationConfig\":{\"bpm\":120,\"scale\":\"C_MAJOR_A_MINOR\",\"topK\":3,"
                                "\"muteBass\":true,\"temperature\":0.5,\"musicGenerationMode\":2}}",
                                0, NULL);
  assert_true(json_equal(expected, driver_at(d.message, "serverContent.audioChunks.0.sourceMetadata")));
  json_decref(expected);
  driver_close(&d);
}

/* The first chunk after these messages in a session of their own. */
static char *first_chunk(const char *config, const char *then) {
  driver d;
  driver_open(&d, &fast, SETUP);
  driver_send(&d, PROMPTS);
  if (config) driver_send(&d, config);
  driver_send(&d, PLAY);
  char *data = copy_chunk(&d);
  if (then) {
    free(data);
    driver_send(&d, then);
    data = copy_chunk(&d);
  }
  driver_close(&d);
  return data;
}

static void assert_same(bool expected, char *a, char *b) {
  assert_int_equal(!strcmp(a, b), expected);
  free(a);
  free(b);
}

static void is_deterministic_and_follows_the_config(void **state) {
  (void)state;
#define CONFIG(...) "{\"musicGenerationConfig\":{" __VA_ARGS__ "}}"
  assert_same(true, first_chunk(NULL, NULL), first_chunk(CONFIG(), NULL));
  static const char *const configs[] = {CONFIG("\"bpm\":60"),
                                        CONFIG("\"bpm\":200"),
                                        CONFIG("\"density\":1"),
                                        CONFIG("\"brightness\":0.9"),
                                        CONFIG("\"guidance\":0"),
                                        CONFIG("\"temperature\":0"),
                                        CONFIG("\"seed\":5"),
                                        CONFIG("\"muteBass\":true"),
                                        CONFIG("\"muteDrums\":true"),
                                        CONFIG("\"onlyBassAndDrums\":true"),
                                        CONFIG("\"scale\":\"B_MAJOR_A_FLAT_MINOR\""),
                                        CONFIG("\"scale\":1")};
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
    assert_same(false, first_chunk(NULL, NULL), first_chunk(configs[i], NULL));
  }
  assert_same(true, first_chunk(CONFIG("\"scale\":12"), NULL), first_chunk(configs[10], NULL));
}

/* Tempo and key wait for RESET_CONTEXT; all else is heard in the next chunk. */
static void a_new_tempo_waits_for_the_context(void **state) {
  (void)state;
  driver d;
  char *second = first_chunk(NULL, CONFIG());
  assert_same(true, strdup(second), first_chunk(NULL, CONFIG("\"bpm\":77,\"scale\":\"E_MAJOR_D_FLAT_MINOR\"")));
  assert_same(false, strdup(second), first_chunk(NULL, CONFIG("\"density\":1")));
  /* all that has begun anew is as if it had begun so */
  char *slow = first_chunk(CONFIG("\"bpm\":77"), NULL);
  driver_open(&d, &fast, SETUP);
  driver_send(&d, PROMPTS);
  driver_send(&d, PLAY);
  chunk(&d);
  driver_send(&d, CONFIG("\"bpm\":77"));
  driver_send(&d, "{\"playbackControl\":\"RESET_CONTEXT\"}");
  assert_same(true, strdup(slow), copy_chunk(&d));
  driver_send(&d, "{\"playbackControl\":\"STOP\"}");
  driver_expect_nothing(&d, 60000);
  driver_send(&d, PLAY);
  assert_same(true, slow, copy_chunk(&d));
  driver_close(&d);
  free(second);
}

static void waits_for_prompts(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &paced, SETUP);
  driver_send(&d, PLAY);
  driver_expect_nothing(&d, 60000);
  driver_send(&d, PROMPTS);
  chunk(&d);
  driver_close(&d);
}

static void filters_a_prompt(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &paced, SETUP);
  driver_send(&d, "{\"clientContent\":{\"weightedPrompts\":[{\"text\":\"a Forbidden song\",\"weight\":1},"
                  "{\"text\":\"jazz\",\"weight\":1}]}}");
  assert_string_equal(driver_expect_text(&d, "filteredPrompt.text"), "a Forbidden song");
  assert_non_null(driver_at(d.message, "filteredPrompt.filteredReason"));
  driver_send(&d, PLAY);
  chunk(&d);
  assert_string_equal(
      json_string_value(
          driver_at(d.message, "serverContent.audioChunks.0.sourceMetadata.clientContent.weightedPrompts.0.text")),
      "jazz");
  driver_send(&d, "{\"clientContent\":{\"weightedPrompts\":[{\"text\":\"forbidden\",\"weight\":1}]}}");
  assert_non_null(driver_expect(&d, "filteredPrompt"));
  driver_expect_nothing(&d, 60000);
  driver_close(&d);
}

#define PROMPT(...) "{\"clientContent\":{\"weightedPrompts\":[" __VA_ARGS__ "]}}"

static void refuses_in_the_services_words(void **state) {
  (void)state;
  static const struct {
    bool first;
    const char *message;
    int code;
    const char *reason;
  } refusals[] = {
      {true, PLAY, 1007, "setup must be the first message and only the first."},
      {true, "{\"setup\":{}}", 1007, INVALID},
      {true, "{\"setup\":{\"model\":\"lyria\"}}", 1008,
       "lyria is not found for API version v1beta, or is not supported for bidiGenerateMusic. Call ListModels to see "
       "the "
       "list of available models and their supported methods."},
      {true, "{\"setup\":{\"model\":\"models/m\",\"tools\":[]}}", 1007,
       "Invalid JSON payload received. Unknown name \"tools\" at 'setup': Cannot find field."},
      {false, SETUP, 1007, "setup must be the first message and only the first."},
      {false, "{}", 1007, INVALID},
      {false, "nonsense", 1007, "Invalid JSON payload received. Unexpected token."},
      {false, "{\"realtimeInput\":{}}", 1007,
       "Invalid JSON payload received. Unknown name \"realtimeInput\": Cannot find field."},
      {false, "{\"clientContent\":{},\"playbackControl\":\"PLAY\"}", 1007,
       "Invalid value (oneof), oneof field 'message_type' is already set. Only one may be."},
      {false, "{\"clientContent\":{}}", 1007, INVALID},
      {false, PROMPT(""), 1007, INVALID},
      {false, PROMPT("{\"text\":\"a\",\"weight\":0}"), 1007, INVALID},
      {false, PROMPT("{\"text\":\"a\"}"), 1007, INVALID},
      {false, PROMPT("{\"text\":\"a\",\"weight\":\"NaN\"}"), 1007, INVALID},
      {false, PROMPT("{\"text\":\"\",\"weight\":1}"), 1007, INVALID},
      {false, PROMPT("{\"text\":\"a\",\"weight\":1},{\"weight\":1}"), 1007, INVALID},
      {false, "{\"playbackControl\":\"PLAYBACK_CONTROL_UNSPECIFIED\"}", 1007, INVALID},
      {false, "{\"playbackControl\":9}", 1007, INVALID},
      {false, "{\"playbackControl\":\"REWIND\"}", 1007,
       "Invalid value at 'playback_control' (type.googleapis.com/google.ai.generativelanguage.v1beta.PlaybackControl), "
       "\"REWIND\""},
      {false, CONFIG("\"bpm\":59"), 1007, INVALID},
      {false, CONFIG("\"bpm\":201"), 1007, INVALID},
      {false, CONFIG("\"bpm\":90.5"), 1007, "Invalid value at 'music_generation_config.bpm' (TYPE_INT32), 90.5"},
      {false, CONFIG("\"temperature\":3.1"), 1007, INVALID},
      {false, CONFIG("\"temperature\":\"NaN\""), 1007, INVALID},
      {false, CONFIG("\"topK\":0"), 1007, INVALID},
      {false, CONFIG("\"topK\":1001"), 1007, INVALID},
      {false, CONFIG("\"seed\":-1"), 1007, INVALID},
      {false, CONFIG("\"guidance\":6.5"), 1007, INVALID},
      {false, CONFIG("\"density\":-0.1"), 1007, INVALID},
      {false, CONFIG("\"brightness\":1.1"), 1007, INVALID},
      {false, CONFIG("\"scale\":13"), 1007, INVALID},
      {false, CONFIG("\"tempo\":13"), 1007,
       "Invalid JSON payload received. Unknown name \"tempo\" at 'music_generation_config': Cannot find field."},
  };
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    driver d;
    driver_open(&d, &paced, refusals[i].first ? NULL : SETUP);
    driver_send(&d, refusals[i].message);
    driver_expect_close(&d, refusals[i].code, refusals[i].reason);
    driver_close(&d);
  }
}

static void has_its_limits(void **state) {
  (void)state;
  driver d;
  char message[8192] = "{\"clientContent\":{\"weightedPrompts\":[";
  for (int i = 0; i < 65; i++) strcat(message, "{\"text\":\"a\",\"weight\":1},");
  strcpy(message + strlen(message) - 1, "]}}");
  driver_open(&d, &paced, SETUP);
  driver_send(&d, message);
  driver_expect_close(&d, 1007, INVALID);
  driver_close(&d);
  snprintf(message, sizeof message, PROMPT("{\"weight\":1,\"text\":\"%04097d\"}"), 1);
  driver_open(&d, &paced, SETUP);
  driver_send(&d, message);
  driver_expect_close(&d, 1007, INVALID);
  driver_close(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plays_at_the_pace_of_sound),
      cmocka_unit_test(says_what_it_was_made_from),
      cmocka_unit_test(is_deterministic_and_follows_the_config),
      cmocka_unit_test(a_new_tempo_waits_for_the_context),
      cmocka_unit_test(waits_for_prompts),
      cmocka_unit_test(filters_a_prompt),
      cmocka_unit_test(refuses_in_the_services_words),
      cmocka_unit_test(has_its_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
