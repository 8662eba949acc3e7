/* The echo voice: hearing, answering, interrupting, calling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "audio/audio.h"
#include "driver.h"

#define MODEL "\"model\":\"models/m\""
#define TEXT_ANSWERS "\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}"
#define TRANSCRIPTS "\"inputAudioTranscription\":{},\"output_audio_transcription\":{}"
#define MANUAL "\"realtimeInputConfig\":{\"automaticActivityDetection\":{\"disabled\":true}}"
#define WEATHER                                                                                          \
  "\"tools\":[{\"functionDeclarations\":[{\"name\":\"get_weather\",\"parameters\":{\"type\":\"OBJECT\"," \
  "\"properties\":"                                                                                      \
  "{\"location\":{\"type\":\"STRING\"}},\"required\":[\"location\"]}}]}]"
#define SETUP(...) "{\"setup\":{" MODEL "," __VA_ARGS__ "}}"
#define ASK(text) \
  "{\"clientContent\":{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" text "\"}]}],\"turnComplete\":true}}"

static const service_options gemini = {0}, fast = {.fast = true},
                             vertex = {.backend = {.vertex = true, .express = true}};

static int tokens(json_t *usage, const char *name) { return (int)json_integer_value(json_object_get(usage, name)); }

static void echoes_what_it_hears(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &gemini, SETUP(TRANSCRIPTS));
  driver_send_silence(&d, 400);
  driver_send_tone(&d, 1500);
  driver_expect_nothing(&d, 100);
  driver_send_silence(&d, 480);
  driver_expect_nothing(&d, 100);
  driver_send_silence(&d, 60); /* half a second is over */
  driver_pull_turn(&d, &t);
  /* 200 ms before, the tone, 160 ms after */
  assert_in_range(t.samples, 24000 * 1700 / 1000, 24000 * 1920 / 1000);
  assert_int_equal(t.chunks, (t.samples + 5759) / 5760);
  assert_true(t.generated);
  assert_false(t.interrupted);
  char expected[64];
  snprintf(expected, sizeof expected, "[%.2f s of speech]", (double)t.samples / 24000);
  assert_string_equal(t.heard, expected);
  assert_string_equal(t.said, expected);
  assert_in_range(t.took_ms, t.samples / 24 - 60, t.samples / 24); /* complete when it has been heard out */
  assert_in_range(tokens(t.usage, "promptTokenCount"), 42, 48);
  assert_in_range(tokens(t.usage, "responseTokenCount"), 42, 56);
  assert_int_equal(tokens(t.usage, "totalTokenCount"),
                   tokens(t.usage, "promptTokenCount") + tokens(t.usage, "responseTokenCount"));
  assert_string_equal(json_string_value(driver_at(t.usage, "responseTokensDetails.0.modality")), "AUDIO");
  driver_expect_nothing(&d, 10000);
  driver_close(&d);
}

static void paces_its_speech(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &gemini, SETUP(TEXT_ANSWERS));
  driver_close(&d);
  driver_open(&d, &gemini, "{\"setup\":{" MODEL "}}");
  driver_send_tone(&d, 1000);
  driver_send_silence(&d, 520);
  driver_expect(&d, "serverContent.modelTurn.parts.0.inlineData");
  assert_string_equal(json_string_value(driver_at(d.message, "serverContent.modelTurn.parts.0.inlineData.mimeType")),
                      "audio/pcm;rate=24000");
  assert_null(driver_at(d.message, "serverContent.modelTurn.role"));
  driver_expect(&d, "serverContent.modelTurn.parts.0.inlineData");
  uint64_t second = d.now_ms;
  driver_expect(&d, "serverContent.modelTurn.parts.0.inlineData");
  assert_int_equal(d.now_ms, second + 192);
  driver_close(&d);
}

static void needs_no_time_when_fast(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &fast, "{\"setup\":{" MODEL "}}");
  driver_send_tone(&d, 3000);
  driver_send_silence(&d, 520);
  driver_pull_turn(&d, &t);
  assert_int_equal(t.took_ms, 0);
  assert_true(t.samples > 70000);
  driver_close(&d);
}

static void follows_the_silence_settings(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &fast,
              SETUP("\"realtimeInputConfig\":{\"automaticActivityDetection\":{\"silenceDurationMs\":100,"
                    "\"prefixPaddingMs\":300}}"));
  driver_send_tone(&d, 280); /* shorter than a start has to be */
  driver_send_silence(&d, 400);
  driver_expect_nothing(&d, 1000);
  driver_send_tone(&d, 340);
  driver_send_silence(&d, 160);
  driver_expect(&d, "serverContent.modelTurn");
  driver_close(&d);
}

static void stream_end_ends_speech(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &fast, "{\"setup\":{" MODEL "}}");
  driver_send(&d, "{\"realtimeInput\":{\"audioStreamEnd\":true}}");
  driver_expect_nothing(&d, 1000);
  driver_send_tone(&d, 500);
  driver_expect_nothing(&d, 1000);
  driver_send(&d, "{\"realtime_input\":{\"audio_stream_end\":true}}");
  driver_pull_turn(&d, &t);
  assert_in_range(t.samples, 11500, 12500);
  driver_close(&d);
}

static void a_pause_does_not_end_it(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &fast, "{\"setup\":{" MODEL "}}");
  driver_send_tone(&d, 500);
  driver_send_silence(&d, 400);
  driver_send_tone(&d, 500);
  driver_send_silence(&d, 520);
  driver_pull_turn(&d, &t);
  assert_in_range(t.samples, 33000, 39000); /* both */
  driver_expect_nothing(&d, 1000);
  driver_close(&d);
}

static void keeps_a_minute_at_most(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &fast, "{\"setup\":{" MODEL "," MANUAL "}}");
  driver_send(&d, "{\"realtimeInput\":{\"activityStart\":{}}}");
  driver_send_tone(&d, 70000);
  driver_send(&d, "{\"realtimeInput\":{\"activityEnd\":{}}}");
  driver_pull_turn(&d, &t);
  assert_int_equal(t.samples, 60 * 24000);
  driver_close(&d);
}

static void manual_activity_brackets_speech(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &fast, SETUP(MANUAL));
  driver_send_tone(&d, 500); /* outside: not heard */
  driver_send(&d, "{\"realtimeInput\":{\"activityStart\":{}}}");
  driver_send_silence(&d, 1000);
  driver_send_tone(&d, 500);
  driver_send_silence(&d, 1000);
  driver_expect_nothing(&d, 2000);
  driver_send(&d, "{\"realtimeInput\":{\"activityEnd\":{}}}");
  driver_pull_turn(&d, &t);
  assert_in_range(t.samples, 59000, 60500);
  driver_send(&d, "{\"realtimeInput\":{\"activityEnd\":{}}}"); /* nothing was begun */
  driver_expect_nothing(&d, 2000);
  driver_close(&d);
}

static void speech_interrupts_an_answer(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &gemini, "{\"setup\":{" MODEL "}}");
  driver_send_tone(&d, 2000);
  driver_send_silence(&d, 520);
  driver_expect(&d, "serverContent.modelTurn");
  driver_send_tone(&d, 100);
  driver_expect(&d, "serverContent.interrupted");
  driver_expect(&d, "serverContent.turnComplete");
  assert_in_range(tokens(driver_at(d.message, "usageMetadata"), "responseTokenCount"), 5, 7); /* what was sent */
  driver_send_tone(&d, 400);
  driver_expect_nothing(&d, 5000);
  driver_send_silence(&d, 520);
  driver_pull_turn(&d, &t);
  assert_false(t.interrupted);
  assert_in_range(t.samples, 12000, 24000);
  driver_close(&d);
}

static void playback_can_be_interrupted_after_generation(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &gemini, "{\"setup\":{" MODEL "}}");
  driver_send_tone(&d, 2000);
  driver_send_silence(&d, 520);
  do driver_expect(&d, "serverContent");
  while (!driver_at(d.message, "serverContent.generationComplete"));
  driver_send_tone(&d, 100);
  driver_expect(&d, "serverContent.interrupted");
  driver_expect(&d, "serverContent.turnComplete");
  driver_close(&d);
}

static void no_interruption_makes_speech_wait(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &gemini, SETUP("\"realtimeInputConfig\":{\"activityHandling\":\"NO_INTERRUPTION\"}"));
  driver_send_tone(&d, 3000);
  driver_send_silence(&d, 520);
  driver_expect(&d, "serverContent.modelTurn");
  driver_send_tone(&d, 500);
  driver_send_silence(&d, 520);
  driver_pull_turn(&d, &t);
  assert_false(t.interrupted);
  assert_true(t.generated);
  driver_pull_turn(&d, &t); /* the one that waited */
  assert_in_range(t.samples, 12000, 24000);
  driver_close(&d);
}

static void answers_text_in_text(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &gemini,
              SETUP(TEXT_ANSWERS ","
                                 "\"systemInstruction\":{\"parts\":[{\"text\":\"Be kind.\"}]}"));
  driver_send(&d, ASK("Hello there, how are you?"));
  driver_pull_turn(&d, &t);
  assert_string_equal(t.text, "You said: \"Hello there, how are you?\"");
  assert_true(t.generated);
  assert_int_equal(t.samples, 0);
  assert_int_equal(tokens(t.usage, "promptTokenCount"), 7 + 2);
  driver_send(&d, "{\"realtimeInput\":{\"text\":\"hi\"}}");
  driver_pull_turn(&d, &t);
  assert_string_equal(t.text, "You said: \"hi\"");
  driver_send_tone(&d, 1000);
  driver_send_silence(&d, 520);
  driver_pull_turn(&d, &t);
  assert_memory_equal(t.text, "I heard 1.", 10);
  driver_close(&d);
}

static void answers_text_in_speech(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &gemini, SETUP(TRANSCRIPTS));
  driver_send(&d, ASK("Good morning"));
  driver_pull_turn(&d, &t);
  assert_string_equal(d.said, "You said: \"Good morning\"");
  assert_string_equal(t.said, "You said: \"Good morning\"");
  assert_string_equal(t.heard, ""); /* text is not heard */
  assert_int_equal(t.samples, 4 * 2400);
  driver_close(&d);
}

static void speech_that_comes_too_late_is_dropped(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &gemini, "{\"setup\":{" MODEL "}}");
  d.speaks = false;
  driver_send(&d, ASK("one"));
  assert_true(driver_pull(&d, 0));
  assert_int_equal(d.action.kind, SERVICE_SPEAK);
  uint64_t id = d.action.id;
  driver_expect_nothing(&d, 60000);
  driver_send(&d, ASK("two"));
  driver_expect(&d, "serverContent.interrupted");
  driver_expect(&d, "serverContent.turnComplete");
  assert_true(driver_pull(&d, 0));
  assert_int_equal(d.action.kind, SERVICE_SPEAK);
  assert_true(d.action.id != id);
  uint64_t second = d.action.id;
  int16_t samples[240] = {0};
  service_spoken(d.service, d.now_ms, id, samples, 240);
  driver_expect_nothing(&d, 1000);
  service_spoken(d.service, d.now_ms, second, samples, 240);
  driver_expect(&d, "serverContent.modelTurn");
  driver_close(&d);
}

static void incomplete_content_waits_for_its_end(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &gemini, SETUP(TEXT_ANSWERS));
  driver_send(
      &d,
      "{\"clientContent\":{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\"old\"}]},{\"role\":\"model\",\"parts\":"
      "[{\"text\":\"answered\"}]},{\"parts\":[{\"text\":\"new\"}]}]}}");
  driver_expect_nothing(&d, 60000);
  driver_send(&d, "{\"client_content\":{\"turn_complete\":true}}");
  driver_pull_turn(&d, &t);
  assert_string_equal(t.text, "You said: \"new\"");
  driver_send(&d, "{\"clientContent\":{\"turnComplete\":true}}");
  driver_pull_turn(&d, &t);
  assert_string_equal(t.text, "You said nothing.");
  driver_close(&d);
}

static void content_interrupts(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &gemini, SETUP(TEXT_ANSWERS));
  driver_send(&d, ASK("one two three four five six seven eight nine"));
  driver_expect(&d, "serverContent.modelTurn");
  driver_send(&d, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"wait\"}]}],\"turnComplete\":false}}");
  driver_expect(&d, "serverContent.interrupted");
  driver_expect(&d, "serverContent.turnComplete");
  driver_expect_nothing(&d, 60000);
  driver_close(&d);
}

static void initial_history_is_not_answered(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &gemini,
              SETUP(TEXT_ANSWERS ","
                                 "\"historyConfig\":{\"initialHistoryInClientContent\":true}"));
  driver_send(&d, ASK("long ago"));
  driver_expect_nothing(&d, 60000);
  driver_send(&d, ASK("now"));
  driver_pull_turn(&d, &t);
  assert_string_equal(t.text, "You said: \"now\"");
  driver_close(&d);
}

static void calls_a_function_that_is_named(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  char answer[256];
  driver_open(&d, &gemini, SETUP(TEXT_ANSWERS "," WEATHER));
  driver_send(&d, ASK("please Get Weather in Redmond, Washington"));
  json_t *call = driver_expect(&d, "toolCall.functionCalls.0");
  assert_string_equal(json_string_value(driver_at(call, "name")), "get_weather");
  assert_string_equal(json_string_value(driver_at(call, "args.location")), "Redmond");
  const char *id = json_string_value(driver_at(call, "id"));
  assert_memory_equal(id, "function-call-", 14);
  snprintf(answer, sizeof answer,
           "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"%s\",\"name\":\"get_weather\",\"response\":"
           "{\"degrees\":21}}]}}",
           id);
  driver_expect_nothing(&d, 60000); /* it waits for the answer */
  driver_send(&d, answer);
  driver_pull_turn(&d, &t);
  assert_string_equal(t.text, "get_weather answered: {\"degrees\":21}");
  driver_close(&d);
}

static void vertex_spells_things_its_own_way(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &vertex, NULL);
  driver_send(&d, "{\"setup\":{\"model\":\"projects/p/locations/l/publishers/google/models/m\"," WEATHER "}}");
  assert_int_equal(strlen(driver_expect_text(&d, "setupComplete.sessionId")), 36);
  driver_send(&d, ASK("get_weather"));
  assert_int_equal(strlen(driver_expect_text(&d, "toolCall.functionCalls.0.id")), 36);
  driver_expect(&d, "serverContent.generationComplete");
  driver_send(&d, "{\"toolResponse\":{\"functionResponses\":[{\"name\":\"x\",\"response\":{\"output\":\"none\"}}]}}");
  driver_expect_nothing(&d, 1000); /* the call that blocks is still open */
  driver_send(&d, "{\"realtimeInput\":{\"text\":\"hello\"}}");
  driver_expect(&d, "toolCallCancellation.ids.0");
  driver_expect(&d, "serverContent.interrupted");
  driver_expect(&d, "usageMetadata.candidatesTokenCount");
  driver_expect(&d, "serverContent.modelTurn");
  assert_string_equal(json_string_value(driver_at(d.message, "serverContent.modelTurn.role")), "model");
  assert_string_equal(json_string_value(driver_at(d.message, "serverContent.modelTurn.parts.0.inlineData.mimeType")),
                      "audio/pcm");
  driver_close(&d);
}

/* The recorded service answers a response to no call, with audio. */
static void a_response_to_no_call_is_content(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &vertex, "{\"setup\":{" MODEL "," TEXT_ANSWERS "}}");
  driver_send(&d, "{\"toolResponse\":{\"functionResponses\":[{\"name\":\"f\",\"response\":{\"output\":\"done\"}}]}}");
  driver_pull_turn(&d, &t);
  assert_string_equal(t.text, "f answered: done");
  driver_close(&d);
}

static void an_interruption_cancels_calls(void **state) {
  (void)state;
  driver d;
  char id[64], answer[256];
  driver_open(&d, &gemini, SETUP(WEATHER));
  driver_send(&d, ASK("get_weather"));
  snprintf(id, sizeof id, "%s", driver_expect_text(&d, "toolCall.functionCalls.0.id"));
  driver_send_tone(&d, 100);
  assert_string_equal(driver_expect_text(&d, "toolCallCancellation.ids.0"), id);
  driver_expect(&d, "serverContent.interrupted");
  driver_expect(&d, "serverContent.turnComplete");
  snprintf(answer, sizeof answer,
           "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"%s\",\"name\":\"get_weather\",\"response\":{}}]}}", id);
  driver_send(&d, answer); /* too late: passed over */
  driver_expect_nothing(&d, 60000);
  driver_close(&d);
}

static void calls_that_do_not_block_let_the_turn_end(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  char id[64], answer[256];
  driver_open(&d, &gemini,
              SETUP(TEXT_ANSWERS
                    ","
                    "\"tools\":[{\"functionDeclarations\":[{\"name\":\"dig\",\"behavior\":\"NON_BLOCKING\"}]}]"));
  driver_send(&d, ASK("dig"));
  snprintf(id, sizeof id, "%s", driver_expect_text(&d, "toolCall.functionCalls.0.id"));
  driver_pull_turn(&d, &t);
  driver_send(&d, ASK("and meanwhile?"));
  driver_pull_turn(&d, &t);
  assert_string_equal(t.text, "You said: \"and meanwhile?\"");
  snprintf(answer, sizeof answer,
           "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"%s\",\"name\":\"dig\",\"response\":{\"output\":"
           "\"gold\"}}]}}",
           id);
  driver_send(&d, answer);
  driver_pull_turn(&d, &t);
  assert_string_equal(t.text, "dig answered: gold");
  driver_close(&d);
}

static void a_known_transcript_is_used(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &(service_options){.fast = true, .transcript = "what is the weather"}, SETUP(TRANSCRIPTS));
  driver_send_tone(&d, 1000);
  driver_send_silence(&d, 520);
  driver_pull_turn(&d, &t);
  assert_string_equal(t.heard, "what is the weather");
  assert_string_equal(t.said, "what is the weather");
  driver_close(&d);
  driver_open(&d, &fast, SETUP("\"inputAudioTranscription\":{\"sourceText\":\"get weather in Rome\"}," WEATHER));
  driver_send_tone(&d, 1000);
  driver_send_silence(&d, 520);
  const char *words[] = {"get", " weather", " in", " Rome"};
  for (size_t i = 0; i < 4; i++)
    assert_string_equal(driver_expect_text(&d, "serverContent.inputTranscription.text"), words[i]);
  assert_string_equal(driver_expect_text(&d, "toolCall.functionCalls.0.args.location"), "Rome");
  driver_close(&d);
}

static void context_updates_change_the_tools(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  driver_open(&d, &gemini, SETUP(TEXT_ANSWERS "," WEATHER));
  driver_send(&d, "{\"contextUpdate\":{\"systemInstruction\":{\"parts\":[{\"text\":\"x\"}]}}}");
  driver_send(&d, ASK("get weather"));
  driver_expect(&d, "toolCall");
  driver_send(&d, "{\"contextUpdate\":{\"tools\":{\"tools\":[]}}}");
  driver_send(&d, ASK("get weather"));
  driver_expect(&d, "toolCallCancellation");
  driver_expect(&d, "serverContent.interrupted");
  driver_expect(&d, "serverContent.turnComplete");
  driver_pull_turn(&d, &t);
  assert_string_equal(t.text, "You said: \"get weather\"");
  driver_close(&d);
}

static void tells_of_activity_when_asked(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &vertex, "{\"setup\":{" MODEL ",\"explicitVadSignal\":true}}");
  driver_send_tone(&d, 500);
  assert_string_equal(driver_expect_text(&d, "voiceActivityDetectionSignal.vadSignalType"), "VAD_SIGNAL_TYPE_SOS");
  assert_string_equal(driver_expect_text(&d, "voiceActivity.type"), "ACTIVITY_START");
  assert_string_equal(json_string_value(driver_at(d.message, "voiceActivity.audioOffset")), "0.040s");
  driver_send_silence(&d, 520);
  assert_string_equal(driver_expect_text(&d, "voiceActivityDetectionSignal.vadSignalType"), "VAD_SIGNAL_TYPE_EOS");
  driver_close(&d);
}

static void is_the_same_again_under_the_same_seed(void **state) {
  (void)state;
  char first[64], second[64];
  for (int i = 0; i < 3; i++) {
    driver d;
    driver_open(&d, &(service_options){.seed = i < 2 ? 7 : 8}, SETUP(WEATHER));
    driver_send(&d, ASK("get_weather"));
    snprintf(i ? second : first, sizeof first, "%s", driver_expect_text(&d, "toolCall.functionCalls.0.id"));
    if (i == 1) assert_string_equal(first, second);
    if (i == 2) assert_string_not_equal(first, second);
    driver_close(&d);
  }
}

static void pretty_prints_as_the_service_does(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &gemini, "{\"setup\":{" MODEL "}}");
  assert_string_equal(d.action.text, "{\n  \"setupComplete\": {}\n}\n");
  driver_close(&d);
}

static void hears_real_speech(void **state) {
  (void)state;
  driver d;
  driver_turn t;
  audio_reader *reader;
  static int16_t samples[60000];
  size_t count;
  audio_source source = {.path = PROJECT_DIR "/../shared/audio/hello_are_you_there.pcm", .raw_rate_hz = 16000};
  if (audio_reader_open(&reader, &source, 16000, NULL)) {
    print_message("skipped: %s is missing\n", source.path);
    skip();
  }
  assert_int_equal(audio_reader_read(reader, samples, 60000, &count, NULL), GENAI_OK);
  audio_reader_close(reader);
  driver_open(&d, &gemini, SETUP(TRANSCRIPTS));
  driver_send_sound(&d, samples, count);
  driver_send(&d, "{\"realtimeInput\":{\"audioStreamEnd\":true}}");
  driver_pull_turn(&d, &t);
  assert_in_range(t.samples, 24000, 60000); /* "Hello? Are you there?" */
  driver_expect_nothing(&d, 60000);
  driver_close(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(echoes_what_it_hears),
      cmocka_unit_test(paces_its_speech),
      cmocka_unit_test(needs_no_time_when_fast),
      cmocka_unit_test(follows_the_silence_settings),
      cmocka_unit_test(stream_end_ends_speech),
      cmocka_unit_test(a_pause_does_not_end_it),
      cmocka_unit_test(keeps_a_minute_at_most),
      cmocka_unit_test(manual_activity_brackets_speech),
      cmocka_unit_test(speech_interrupts_an_answer),
      cmocka_unit_test(playback_can_be_interrupted_after_generation),
      cmocka_unit_test(no_interruption_makes_speech_wait),
      cmocka_unit_test(answers_text_in_text),
      cmocka_unit_test(answers_text_in_speech),
      cmocka_unit_test(speech_that_comes_too_late_is_dropped),
      cmocka_unit_test(incomplete_content_waits_for_its_end),
      cmocka_unit_test(content_interrupts),
      cmocka_unit_test(initial_history_is_not_answered),
      cmocka_unit_test(calls_a_function_that_is_named),
      cmocka_unit_test(vertex_spells_things_its_own_way),
      cmocka_unit_test(a_response_to_no_call_is_content),
      cmocka_unit_test(an_interruption_cancels_calls),
      cmocka_unit_test(calls_that_do_not_block_let_the_turn_end),
      cmocka_unit_test(a_known_transcript_is_used),
      cmocka_unit_test(context_updates_change_the_tools),
      cmocka_unit_test(tells_of_activity_when_asked),
      cmocka_unit_test(is_the_same_again_under_the_same_seed),
      cmocka_unit_test(pretty_prints_as_the_service_does),
      cmocka_unit_test(hears_real_speech),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
