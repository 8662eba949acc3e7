/* Token requests: the table and the example of field masks, case by case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../net/fail_alloc.h"
#include "wire/token.h"

static void check_at(int line, const char *config, const char *expected) {
  buf b;
  genai_error error = {0};
  buf_init(&b, 1 << 20);
  if (wire_token_json_write(&b, config, &error) != GENAI_OK) fail_msg("line %d: %s", line, error.message);
  if (strcmp(buf_cstr(&b), expected) != 0) fail_msg("line %d: %s\n instead of %s", line, buf_cstr(&b), expected);
  buf_deinit(&b);
}
#define check(config, expected) check_at(__LINE__, config, expected)

#define CONSTRAINTS "\"liveConnectConstraints\":{\"model\":\"m\",\"config\":{\"temperature\":0.7,\"responseModalities\":[\"AUDIO\"]}}"
#define SETUP "\"bidiGenerateContentSetup\":{\"model\":\"models/m\",\"generationConfig\":{\"responseModalities\":[\"AUDIO\"],\"temperature\":0.7}}"
#define MASK "model,generationConfig.responseModalities,generationConfig.temperature"

static void locks(void **state) {
  (void)state;
  check("{" CONSTRAINTS "}", "{" SETUP "}");
  check("{" CONSTRAINTS ",\"lockAdditionalFields\":[]}", "{" SETUP ",\"fieldMask\":\"" MASK "\"}");
  check("{" CONSTRAINTS ",\"lockAdditionalFields\":[\"outputAudioTranscription\",\"topK\"]}",
        "{" SETUP ",\"fieldMask\":\"" MASK ",outputAudioTranscription,generationConfig.topK\"}");
  check("{\"lockAdditionalFields\":[\"output_audio_transcription\",\"top_k\"]}", "{\"fieldMask\":\"output_audio_transcription,top_k\"}");
  check("{\"liveConnectConstraints\":{},\"lockAdditionalFields\":[\"topK\"]}", "{\"fieldMask\":\"topK\"}");
  check("{\"lockAdditionalFields\":[]}", "{}");
  check("{}", "{}");
}

static void extras(void **state) {
  (void)state;
  check("{" CONSTRAINTS ",\"lockAdditionalFields\":[\"output_audio_transcription\",\"top_p\",\"temperature\",\"thinking_config.thinking_budget\","
        "\"generation_config.seed\",\"speechConfig\",\"proactivity\"]}",
        "{" SETUP ",\"fieldMask\":\"" MASK ",outputAudioTranscription,generationConfig.topP,generationConfig.temperature,"
        "generationConfig.thinkingConfig.thinkingBudget,generationConfig.seed,generationConfig.speechConfig,proactivity\"}");
}

/* Two levels; neither lists nor empty objects are entered. */
static void example(void **state) {
  (void)state;
  check("{\"live_connect_constraints\":{\"model\":\"gemini-x\",\"config\":{\"responseModalities\":[\"AUDIO\"],\"temperature\":0.7,\"speechConfig\":"
        "{\"voiceConfig\":{\"prebuiltVoiceConfig\":{\"voiceName\":\"Puck\"}}},\"systemInstruction\":\"Be kind.\",\"tools\":{\"googleSearch\":{}},"
        "\"sessionResumption\":{},\"outputAudioTranscription\":{},\"realtimeInputConfig\":{\"turnCoverage\":\"TURN_INCLUDES_ALL_INPUT\"}}},"
        "\"lockAdditionalFields\":[]}",
        "{\"bidiGenerateContentSetup\":{\"model\":\"models/gemini-x\",\"generationConfig\":{\"responseModalities\":[\"AUDIO\"],\"speechConfig\":"
        "{\"voiceConfig\":{\"prebuiltVoiceConfig\":{\"voiceName\":\"Puck\"}}},\"temperature\":0.7},\"systemInstruction\":{\"parts\":[{\"text\":"
        "\"Be kind.\"}],\"role\":\"user\"},\"tools\":[{\"googleSearch\":{}}],\"sessionResumption\":{},\"outputAudioTranscription\":{},"
        "\"realtimeInputConfig\":{\"turnCoverage\":\"TURN_INCLUDES_ALL_INPUT\"}},\"fieldMask\":\"model,"
        "generationConfig.responseModalities,generationConfig.speechConfig,generationConfig.temperature,systemInstruction.parts,"
        "systemInstruction.role,tools,sessionResumption,outputAudioTranscription,realtimeInputConfig.turnCoverage\"}");
}

static void times_and_uses(void **state) {
  (void)state;
  check("{\"expireTime\":\"2030-01-01T00:00:00Z\",\"new_session_expire_time\":\"2030-01-02T00:00:00Z\",\"uses\":0}",
        "{\"expireTime\":\"2030-01-01T00:00:00Z\",\"newSessionExpireTime\":\"2030-01-02T00:00:00Z\",\"uses\":0}");
  /* A config without a model, and the other way round. */
  check("{\"liveConnectConstraints\":{\"config\":{\"seed\":1}},\"lockAdditionalFields\":[]}",
        "{\"bidiGenerateContentSetup\":{\"generationConfig\":{\"seed\":1}},\"fieldMask\":\"generationConfig.seed\"}");
  check("{\"liveConnectConstraints\":{\"model\":\"models/m\"}}", "{\"bidiGenerateContentSetup\":{\"model\":\"models/m\"}}");
}

static void refused(const char *config, const char *sentence) {
  buf b;
  genai_error error = {0};
  buf_init(&b, 1 << 20);
  assert_int_equal(wire_token_json_write(&b, config, &error), GENAI_ERROR_ARGUMENT);
  if (!strstr(error.message, sentence)) fail_msg("%s", error.message);
  assert_int_equal(b.size, 0);
  assert_false(b.failed);
  buf_deinit(&b);
}

static void refusals(void **state) {
  (void)state;
  refused("{\"liveConnectConstraints\":{\"model\":\"m\",\"config\":{\"explicitVadSignal\":true}}}", "setup.explicitVadSignal is only accepted by");
  refused("{\"liveConnectConstraints\":{\"model\":\"../m\"}}", "The model name holds");
  refused("{\"lockAdditionalFields\":[\"a,b\"]}", "lock_additional_fields[0] is no name of a field");
  refused("{\"lockAdditionalFields\":[\"\"]}", "lock_additional_fields[0]");
  refused("{\"use\":1}", "\"use\" is not a field of CreateAuthTokenConfig");
  refused("[]", "Invalid config");
  buf b;
  genai_error error = {0};
  buf_init(&b, 1 << 20);
  assert_int_equal(wire_token_write(&b, &(genai_create_auth_token_config){.expire_time = "\xFF"}, &error), GENAI_ERROR_ARGUMENT);
  assert_string_equal(error.message, "expireTime is no valid UTF-8.");
  assert_int_equal(b.size, 0);
  buf_deinit(&b);
}

static void each_allocation_fails(void **state) {
  (void)state;
  long n = 1;
  for (;; n++) {
    buf b;
    genai_error error = {0};
    fail_alloc_use(n);
    buf_init(&b, 1 << 20);
    genai_status status = wire_token_json_write(&b, "{" CONSTRAINTS ",\"uses\":1,\"lockAdditionalFields\":[\"topK\"]}", &error);
    buf_deinit(&b);
    assert_int_equal(fail_alloc.alive, 0);
    if (!fail_alloc_done()) {
      assert_int_equal(status, GENAI_OK);
      break;
    }
    assert_int_equal(status, GENAI_ERROR_MEMORY);
  }
  assert_true(n > 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(locks), cmocka_unit_test(extras), cmocka_unit_test(example),
                                     cmocka_unit_test(times_and_uses), cmocka_unit_test(refusals), cmocka_unit_test(each_allocation_fails)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
