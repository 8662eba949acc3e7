#include "wire/sends.h"

#include <stdio.h>

#include "codec_support.h"
#include "tests/net/fail_alloc.h"

static const genai_live_send_kind CONTENT = GENAI_LIVE_SEND_CLIENT_CONTENT, INPUT = GENAI_LIVE_SEND_REALTIME_INPUT,
                                  RESPONSE = GENAI_LIVE_SEND_TOOL_RESPONSE, UPDATE = GENAI_LIVE_SEND_CONTEXT_UPDATE;

static void assert_sent_on(wire_backend backend, genai_live_send_kind kind, const char *json, const char *expected) {
  buf b;
  genai_error error = {0};
  buf_init(&b, 1 << 20);
  if (wire_send_json_write(&b, backend, kind, json, strlen(json), NULL, &error) != GENAI_OK) fail_msg("%s: %s", json, error.message);
  assert_string_equal(buf_cstr(&b), expected);
  buf_deinit(&b);
}

static void assert_refused_on(wire_backend backend, genai_live_send_kind kind, const char *json, const char *words) {
  buf b;
  genai_error error = {0};
  buf_init(&b, 1 << 20);
  genai_status status = wire_send_json_write(&b, backend, kind, json, json ? strlen(json) : 0, NULL, &error);
  if (status != GENAI_ERROR_ARGUMENT || !strstr(error.message, words)) fail_msg("%s: %s", json, error.message);
  assert_int_equal(b.size, 0);
  buf_deinit(&b);
}

static void assert_sent(genai_live_send_kind kind, const char *json, const char *expected) {
  assert_sent_on(WIRE_BACKEND_GEMINI, kind, json, expected);
  assert_sent_on(WIRE_BACKEND_VERTEX, kind, json, expected);
}

static void assert_refused_send(genai_live_send_kind kind, const char *json, const char *words) {
  assert_refused_on(WIRE_BACKEND_GEMINI, kind, json, words);
  assert_refused_on(WIRE_BACKEND_VERTEX, kind, json, words);
}

static void test_client_content(void **state) {
  (void)state;
  assert_sent(CONTENT, "{}", "{\"clientContent\":{\"turnComplete\":true}}");
  assert_sent(CONTENT, "{\"turnComplete\":false}", "{\"clientContent\":{\"turnComplete\":false}}");
  assert_sent(CONTENT, "{\"turn_complete\":null,\"turns\":[]}", "{\"clientContent\":{\"turns\":[],\"turnComplete\":true}}");
  static const char *const forms[][2] = {
      {"\"hi\"", "[{\"parts\":[{\"text\":\"hi\"}],\"role\":\"user\"}]"},
      {"{\"text\":\"hi\"}", "[{\"parts\":[{\"text\":\"hi\"}],\"role\":\"user\"}]"},
      {"[\"a\",{\"text\":\"b\"}]", "[{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}],\"role\":\"user\"}]"},
      {"{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"}", "[{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"}]"},
      {"[{\"parts\":[],\"role\":\"user\"},{\"role\":\"model\"}]", "[{\"parts\":[],\"role\":\"user\"},{\"role\":\"model\"}]"},
      {"[{}]", "[{}]"},
  };
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    char json[200], expected[200];
    snprintf(json, sizeof json, "{\"turns\":%s}", forms[i][0]);
    snprintf(expected, sizeof expected, "{\"clientContent\":{\"turns\":%s,\"turnComplete\":true}}", forms[i][1]);
    assert_sent(CONTENT, json, expected);
  }
  assert_refused_send(CONTENT, "{\"turns\":[\"a\",{\"parts\":[]}]}", "contents and bare parts cannot be mixed");
  assert_refused_send(CONTENT, "{\"turns\":{\"functionResponse\":{}}}", "must stand in a content with a role");
  assert_refused_send(CONTENT, "{\"turns\":[{\"function_call\":{}}]}", "must stand in a content with a role");
  assert_refused_send(CONTENT, "{\"turns\":5}", "in params.turns: expected a list, found a number");
  assert_refused_send(CONTENT, "{\"turns\":[\"a\",5]}", "Invalid params");
  /* The SDK checks a content on one backend only. */
  static const char partial[] = "{\"turns\":[{\"parts\":[{\"functionCall\":{\"willContinue\":true}}]}]}";
  assert_refused_on(WIRE_BACKEND_GEMINI, CONTENT, partial, "clientContent.turns[0].parts[0].functionCall.willContinue is only accepted by");
  assert_sent_on(WIRE_BACKEND_VERTEX, CONTENT, partial,
                 "{\"clientContent\":{\"turns\":[{\"parts\":[{\"functionCall\":{\"willContinue\":true}}]}],\"turnComplete\":true}}");
  assert_sent_on(WIRE_BACKEND_VERTEX, CONTENT, "{\"turns\":[{\"parts\":[{\"toolCall\":{}}]}]}",
                 "{\"clientContent\":{\"turns\":[{\"parts\":[{\"toolCall\":{}}]}],\"turnComplete\":true}}");
}

static void test_realtime_input(void **state) {
  (void)state;
  assert_sent(INPUT, "{\"audio\":{\"data\":\"-_8\",\"mimeType\":\"audio/pcm;rate=16000\"}}",
              "{\"realtimeInput\":{\"audio\":{\"data\":\"+/8=\",\"mimeType\":\"audio/pcm;rate=16000\"}}}");
  assert_sent(INPUT, "{\"video\":{\"data\":\"AAAA\",\"mime_type\":\"image/jpeg\"}}", "{\"realtimeInput\":{\"video\":{\"data\":\"AAAA\",\"mimeType\":\"image/jpeg\"}}}");
  assert_sent(INPUT, "{\"media\":{\"mimeType\":\"text/x\"}}", "{\"realtimeInput\":{\"mediaChunks\":[{\"mimeType\":\"text/x\"}]}}");
  assert_sent(INPUT, "{\"text\":\"\"}", "{\"realtimeInput\":{\"text\":\"\"}}");
  assert_sent(INPUT, "{\"activityStart\":{}}", "{\"realtimeInput\":{\"activityStart\":{}}}");
  assert_sent(INPUT, "{\"activityEnd\":{},\"text\":null}", "{\"realtimeInput\":{\"activityEnd\":{}}}");
  assert_sent(INPUT, "{\"audioStreamEnd\":false}", "{\"realtimeInput\":{\"audioStreamEnd\":false}}");
  assert_refused_send(INPUT, "{}", "takes exactly one of");
  assert_refused_send(INPUT, "{\"text\":\"a\",\"activityEnd\":{}}", "not 2 of them");
  assert_refused_send(INPUT, "{\"audio\":{\"data\":\"AAAA\",\"mimeType\":\"video/mp4\"}}", "audio needs a mimeType that begins with \"audio/\", not \"video/mp4\"");
  assert_refused_send(INPUT, "{\"audio\":{\"data\":\"AAAA\"}}", "audio needs a mimeType");
  assert_refused_send(INPUT, "{\"video\":{\"data\":\"AAAA\",\"mimeType\":\"video/mp4\"}}", "video needs a mimeType that begins with \"image/\"");
}

static void test_tool_response(void **state) {
  (void)state;
  static const char one[] = "{\"functionResponses\":{\"id\":\"1\",\"name\":\"f\",\"response\":{\"ok\":true},\"willContinue\":true,\"scheduling\":\"SILENT\"}}";
  static const char expected[] = "{\"toolResponse\":{\"functionResponses\":[{%s}]}}";
  buf b;
  size_t responses = 0;
  for (int backend = WIRE_BACKEND_GEMINI; backend <= WIRE_BACKEND_VERTEX; backend++) {
    genai_error error = {0};
    buf_init(&b, 1 << 16);
    assert_int_equal(wire_send_json_write(&b, (wire_backend)backend, RESPONSE, one, sizeof one - 1, &responses, &error), GENAI_OK);
    assert_int_equal(responses, 1);
    assert_non_null(strstr(buf_cstr(&b), "{\"toolResponse\":{\"functionResponses\":[{"));
    assert_non_null(strstr(buf_cstr(&b), "\"willContinue\":true"));
    buf_deinit(&b);
  }
  char text[200];
  snprintf(text, sizeof text, expected, "\"name\":\"f\",\"response\":{}");
  static const char no_id[] = "{\"functionResponses\":[{\"name\":\"f\",\"response\":{}}]}";
  assert_sent_on(WIRE_BACKEND_VERTEX, RESPONSE, no_id, text);
  assert_refused_on(WIRE_BACKEND_GEMINI, RESPONSE, no_id, "functionResponses[0] has no id");
  assert_refused_on(WIRE_BACKEND_GEMINI, RESPONSE, "{\"functionResponses\":[{\"id\":\"1\"},{\"id\":\"\"}]}", "functionResponses[1] has no id");
  assert_refused_send(RESPONSE, "{}", "at least one function response");
  assert_refused_send(RESPONSE, "{\"functionResponses\":[]}", "at least one function response");
  assert_refused_send(RESPONSE, "{\"functionResponses\":[{\"id\":\"1\",\"response\":[]}]}", "expected an object, found a list");
}

static void test_context_update(void **state) {
  (void)state;
  assert_sent(UPDATE, "{\"systemInstruction\":\"Be kind.\"}", "{\"contextUpdate\":{\"systemInstruction\":{\"parts\":[{\"text\":\"Be kind.\"}],\"role\":\"user\"}}}");
  assert_sent(UPDATE, "{\"tools\":{\"tools\":[]}}", "{\"contextUpdate\":{\"tools\":{\"tools\":[]}}}");
  assert_refused_send(UPDATE, "{}", "needs a system instruction or tools");
  assert_refused_on(WIRE_BACKEND_GEMINI, UPDATE, "{\"tools\":{\"tools\":[{\"exaAiSearch\":{}}]}}", "contextUpdate.tools.tools[0].exaAiSearch is only accepted by");
  assert_refused_on(WIRE_BACKEND_VERTEX, UPDATE, "{\"tools\":{\"tools\":[{\"fileSearch\":{}}]}}", "contextUpdate.tools.tools[0].fileSearch is only accepted by");
}

static void test_structs(void **state) {
  (void)state;
  buf b;
  buf_init(&b, 1 << 16);
  assert_int_equal(wire_client_content_write(&b, WIRE_BACKEND_GEMINI, NULL, NULL), GENAI_OK);
  assert_string_equal(buf_cstr(&b), "{\"clientContent\":{\"turnComplete\":true}}");
  buf_clear(&b);
  genai_error error = {0};
  assert_int_equal(wire_realtime_input_write(&b, WIRE_BACKEND_GEMINI, NULL, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(wire_tool_response_write(&b, WIRE_BACKEND_GEMINI, NULL, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(wire_context_update_write(&b, WIRE_BACKEND_GEMINI, NULL, &error), GENAI_ERROR_ARGUMENT);
  const genai_function_response *none[] = {NULL};
  const genai_live_client_tool_response response = {{none, 1}};
  assert_int_equal(wire_tool_response_write(&b, WIRE_BACKEND_GEMINI, &response, &error), GENAI_ERROR_ARGUMENT);
  assert_non_null(strstr(error.message, "toolResponse.functionResponses[0] is NULL"));
  buf_deinit(&b);
  /* Sound takes one allocation, and its room is not more than a little above its size. */
  static uint8_t pcm[3200];
  fail_alloc_use(0);
  buf_init(&b, 1 << 20);
  const genai_blob blob = {.data = {pcm, sizeof pcm}, .mime_type = "audio/pcm;rate=16000"};
  const genai_live_send_realtime_input_parameters input = {.audio = &blob};
  assert_int_equal(wire_realtime_input_write(&b, WIRE_BACKEND_GEMINI, &input, NULL), GENAI_OK);
  assert_int_equal(fail_alloc.seen, 1);
  assert_true(b.size < sizeof pcm / 3 * 4 + 100);
  buf_deinit(&b);
  fail_alloc_done();
}

static void test_doors(void **state) {
  (void)state;
  assert_refused_send((genai_live_send_kind)0, "{}", "no such kind");
  assert_refused_send((genai_live_send_kind)5, "{}", "no such kind");
  assert_refused_send(CONTENT, NULL, "missing");
  assert_refused_send(CONTENT, "", "Invalid params");
  assert_refused_send(CONTENT, "{\"turn\":[]}", "did you mean \"turns\"");
}

static void test_each_allocation_fails(void **state) {
  (void)state;
  static const char json[] = "{\"turns\":[\"a\",{\"inlineData\":{\"data\":\"AAAAAAAA\"}},\"c\"]}";
  for (long n = 1;; n++) {
    buf b;
    genai_error error = {0};
    fail_alloc_use(n);
    buf_init(&b, 1 << 20);
    genai_status status = wire_send_json_write(&b, WIRE_BACKEND_GEMINI, CONTENT, json, sizeof json - 1, NULL, &error);
    buf_deinit(&b);
    assert_int_equal(fail_alloc.alive, 0);
    if (!fail_alloc_done()) {
      assert_int_equal(status, GENAI_OK);
      break;
    }
    assert_int_equal(status, GENAI_ERROR_MEMORY);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_client_content), cmocka_unit_test(test_realtime_input), cmocka_unit_test(test_tool_response),
      cmocka_unit_test(test_context_update), cmocka_unit_test(test_structs),        cmocka_unit_test(test_doors),
      cmocka_unit_test(test_each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
