#include "wire/setup.h"

#include <stdio.h>

#include "codec_support.h"
#include "tests/net/fail_alloc.h"
#include "wire/merge.h"

static char *setup_text(const wire_setup_params *p) {
  buf b;
  genai_error error = {0};
  buf_init(&b, 1 << 20);
  if (wire_setup_write(&b, p, &error) != GENAI_OK) fail_msg("%s", error.message);
  char *text = malloc(b.size + 1);
  memcpy(text, b.data, b.size);
  text[b.size] = '\0';
  buf_deinit(&b);
  return text;
}

static void assert_setup(const wire_setup_params *p, const char *expected) {
  char *text = setup_text(p);
  assert_string_equal(text, expected);
  free(text);
}

static void assert_refused_setup(const wire_setup_params *p, const char *words) {
  buf b;
  genai_error error = {0};
  buf_init(&b, 1 << 20);
  assert_int_equal(wire_setup_write(&b, p, &error), GENAI_ERROR_ARGUMENT);
  if (!strstr(error.message, words)) fail_msg("%s", error.message);
  assert_int_equal(b.size, 0);
  buf_deinit(&b);
}

static void assert_model(wire_backend backend, bool express, const char *model, const char *expected) {
  const wire_setup_params p = {.backend = backend, .express = express, .model = model, .project = express ? NULL : "p",
                               .location = express ? NULL : "l"};
  buf b;
  buf_init(&b, 4096);
  assert_int_equal(wire_model_name(&b, &p, NULL), GENAI_OK);
  assert_string_equal(buf_cstr(&b), expected);
  buf_deinit(&b);
}

static void test_models(void **state) {
  (void)state;
  assert_model(WIRE_BACKEND_GEMINI, false, "m", "models/m");
  assert_model(WIRE_BACKEND_GEMINI, false, "models/m", "models/m");
  assert_model(WIRE_BACKEND_GEMINI, false, "tunedModels/m", "tunedModels/m");
  assert_model(WIRE_BACKEND_VERTEX, false, "m", "projects/p/locations/l/publishers/google/models/m");
  assert_model(WIRE_BACKEND_VERTEX, false, "publishers/meta/models/m", "projects/p/locations/l/publishers/meta/models/m");
  assert_model(WIRE_BACKEND_VERTEX, false, "meta/m", "projects/p/locations/l/publishers/meta/models/m");
  assert_model(WIRE_BACKEND_VERTEX, false, "meta/llama/x", "projects/p/locations/l/publishers/meta/models/llama/x");
  assert_model(WIRE_BACKEND_VERTEX, false, "projects/q/locations/k/publishers/google/models/m", "projects/q/locations/k/publishers/google/models/m");
  assert_model(WIRE_BACKEND_VERTEX, false, "models/m", "models/m");
  assert_model(WIRE_BACKEND_VERTEX, true, "m", "publishers/google/models/m");
  static const char *const refused[] = {NULL, "", "a..b", "../m", "m?x", "m&x"};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    for (int backend = WIRE_BACKEND_GEMINI; backend <= WIRE_BACKEND_VERTEX; backend++)
      assert_refused_setup(&(wire_setup_params){.backend = (wire_backend)backend, .model = refused[i], .project = "p", .location = "l"}, "model");
  assert_refused_setup(&(wire_setup_params){.backend = WIRE_BACKEND_VERTEX, .model = "m", .location = "l"}, "needs a project and a location");
  assert_refused_setup(&(wire_setup_params){.backend = WIRE_BACKEND_VERTEX, .model = "m", .project = "p"}, "needs a project and a location");
}

static const wire_setup_params gemini = {.backend = WIRE_BACKEND_GEMINI, .model = "m"};
static const wire_setup_params vertex = {.backend = WIRE_BACKEND_VERTEX, .model = "models/m"};

static wire_setup_params with_json(wire_setup_params p, const char *config_json, const char *setup_json) {
  p.config_json = config_json;
  p.setup_json = setup_json;
  return p;
}
#define JSON(p, config_json) (&(wire_setup_params[]){with_json(p, config_json, NULL)}[0])
#define MERGED(p, config_json, setup_json) (&(wire_setup_params[]){with_json(p, config_json, setup_json)}[0])

static void test_places(void **state) {
  (void)state;
  assert_setup(&gemini, "{\"setup\":{\"model\":\"models/m\"}}");
  assert_setup(JSON(gemini, "{}"), "{\"setup\":{\"model\":\"models/m\"}}");
  assert_setup(JSON(gemini, "{\"temperature\":0.5,\"systemInstruction\":{\"parts\":[]},\"generationConfig\":{}}"),
               "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"temperature\":0.5},\"systemInstruction\":{\"parts\":[]}}}");
  assert_setup(JSON(gemini, "{\"generationConfig\":{}}"), "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{}}}");
  /* What is given at the top wins over the deprecated generationConfig, whatever its value. */
  assert_setup(JSON(gemini, "{\"generationConfig\":{\"topP\":0.1,\"topK\":5,\"responseModalities\":[\"TEXT\"]},\"topP\":0,\"responseModalities\":[]}"),
               "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"responseModalities\":[],\"topK\":5,\"topP\":0}}}");
  genai_live_connect_config config = {.tools = {(const genai_tool *[]){&(genai_tool){0}}, 1}, .temperature = GENAI_SOME(1)};
  assert_setup(&(wire_setup_params){.backend = WIRE_BACKEND_GEMINI, .model = "m", .config = &config},
               "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"temperature\":1},\"tools\":[{}]}}");
  assert_refused_setup(&(wire_setup_params){.model = "m", .config = &config, .config_json = "{}"}, "both given");
}

static void test_vertex_speaks(void **state) {
  (void)state;
  assert_setup(&vertex, "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"responseModalities\":[\"AUDIO\"]}}}");
  assert_setup(JSON(vertex, "{\"responseModalities\":[\"TEXT\"]}"),
               "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}}}");
  assert_setup(JSON(vertex, "{\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}}"),
               "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}}}");
  assert_setup(JSON(vertex, "{\"generationConfig\":{\"modelSelectionConfig\":{}}}"),
               "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"modelConfig\":{},\"responseModalities\":[\"AUDIO\"]}}}");
}

static void test_refusals(void **state) {
  (void)state;
  assert_refused_setup(JSON(gemini, "{\"explicitVadSignal\":false}"), "setup.explicitVadSignal is only accepted by the Gemini Enterprise Agent Platform");
  assert_refused_setup(JSON(gemini, "{\"tools\":[{},{\"retrieval\":{}}]}"), "setup.tools[1].retrieval is only accepted by");
  assert_refused_setup(JSON(vertex, "{\"tools\":[{\"fileSearch\":{}}]}"), "setup.tools[0].fileSearch is only accepted by the Gemini Developer API");
  for (int i = 0; i < 2; i++) {
    wire_setup_params p = i ? vertex : gemini;
    assert_refused_setup(JSON(p, "{\"speechConfig\":{\"multiSpeakerVoiceConfig\":{}}}"),
                         "config.speechConfig.multiSpeakerVoiceConfig is not accepted in a live session; remove it.");
    free(setup_text(JSON(p, "{\"generationConfig\":{\"speechConfig\":{\"multiSpeakerVoiceConfig\":{}}}}")));
    assert_refused_setup(JSON(p, "{\"tools\":[{\"functionDeclarations\":[{\"parameters\":{\"items\":{\"type\":\"STRING\",\"anyOf\":[]}}}]}]}"),
                         "setup.tools[0].functionDeclarations[0].parameters.items has both type and anyOf");
    free(setup_text(JSON(p, "{\"generationConfig\":{\"responseSchema\":{\"type\":\"STRING\",\"anyOf\":[]}}}")));
  }
  assert_refused_setup(JSON(gemini, "{\"tols\":[]}"), "\"tols\" is not a field of LiveConnectConfig; did you mean \"tools\"");
  assert_refused_setup(JSON(gemini, "{\"seed\":"), "Invalid config at line 1, column 9");
  assert_refused_setup(JSON(gemini, ""), "Invalid config");
}

static void test_loose_forms(void **state) {
  (void)state;
  static const char *const forms[][2] = {
      {"\"Be kind.\"", "{\"parts\":[{\"text\":\"Be kind.\"}],\"role\":\"user\"}"},
      {"{\"text\":\"a\"}", "{\"parts\":[{\"text\":\"a\"}],\"role\":\"user\"}"},
      {"[\"a\", {\"text\":\"b\"}]", "{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}],\"role\":\"user\"}"},
      {"[]", "{\"parts\":[],\"role\":\"user\"}"},
      {"{\"parts\":[{\"text\":\"a\"}]}", "{\"parts\":[{\"text\":\"a\"}]}"},
      {"{\"role\":\"system\"}", "{\"role\":\"system\"}"},
      {"{}", "{}"},
  };
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
    for (int snake = 0; snake < 2; snake++) {
      char config[300], expected[300];
      snprintf(config, sizeof config, " {\"seed\" : 1 , \"%s\" : %s , \"topP\":1} ", snake ? "system_instruction" : "systemInstruction", forms[i][0]);
      snprintf(expected, sizeof expected, "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"seed\":1,\"topP\":1},\"systemInstruction\":%s}}", forms[i][1]);
      assert_setup(JSON(gemini, config), expected);
    }
  assert_setup(JSON(gemini, "{\"systemInstruction\":null}"), "{\"setup\":{\"model\":\"models/m\"}}");
  assert_setup(JSON(gemini, "{\"tools\":{\"googleSearch\":{}}}"), "{\"setup\":{\"model\":\"models/m\",\"tools\":[{\"googleSearch\":{}}]}}");
  static const char *const bad[] = {"{\"systemInstruction\":5}", "{\"systemInstruction\":[5]}", "{\"systemInstruction\":\"a}", "{\"systemInstruction\":[\"a\"",
                                    "{\"systemInstruction\":[\"a\",]}", "{\"systemInstruction\":[\"a\" \"b\"]}", "{\"systemInstruction\":\"a\"", "{\"systemInstruction\"",
                                    "{\"systemInstruction\":{\"text\":\"a\"", "{\"systemInstruction\":{\"text\"", "{\"systemInstruction\":{", "{\"systemInstruction\":[",
                                    "{\"systemInstruction\":[{\"txt\":1}]}", "{\"systemInstruction\":[\"\xFF\"]}", "{\"systemInstruction\":\"a\"} x", "[\"systemInstruction\"]"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_refused_setup(JSON(gemini, bad[i]), "Invalid config at line 1");
}

static void test_setup_json(void **state) {
  (void)state;
  assert_setup(MERGED(gemini, "{\"temperature\":1,\"seed\":2}", " { \"generationConfig\" : { \"seed\" : 3 , \"new\" : [ 1 ] } , \"later\" : {} } "),
               "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"seed\":3,\"temperature\":1,\"new\":[ 1 ]},\"later\":{}}}");
  assert_setup(MERGED(gemini, NULL, "{}"), "{\"setup\":{\"model\":\"models/m\"}}");
  assert_setup(MERGED(gemini, NULL, "{\"model\":\"models/n\"}"), "{\"setup\":{\"model\":\"models/n\"}}");
  assert_refused_setup(MERGED(gemini, NULL, "[]"), "setup_json is not a JSON object.");
  assert_refused_setup(MERGED(gemini, NULL, ""), "setup_json is not a JSON object.");
  assert_refused_setup(MERGED(gemini, NULL, "{}},\"x\":{"), "setup_json is not valid. Invalid JSON text at line 1, column 3");
  assert_refused_setup(MERGED(gemini, NULL, "{\"a\":}"), "setup_json is not valid.");
}

static void assert_merged(const char *base, const char *change, const char *expected) {
  buf b;
  buf_init(&b, 4096);
  assert_int_equal(wire_merge(&b, base, strlen(base), change, strlen(change), "x", NULL), GENAI_OK);
  assert_string_equal(buf_cstr(&b), expected);
  buf_deinit(&b);
}

static void test_merge(void **state) {
  (void)state;
  assert_merged("{}", "{}", "{}");
  assert_merged("{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}");
  assert_merged("{\"a\":1,\"b\":2}", "{\"a\":null}", "{\"a\":null,\"b\":2}");
  assert_merged("{\"a\":{\"x\":1,\"y\":{\"z\":1}}}", "{\"a\":{\"y\":{\"w\":2}}}", "{\"a\":{\"x\":1,\"y\":{\"z\":1,\"w\":2}}}");
  assert_merged("{\"a\":[1,2]}", "{\"a\":[3]}", "{\"a\":[3]}");
  assert_merged("{\"a\":{}}", "{\"a\":1}", "{\"a\":1}");
  assert_merged("{\"a\":1}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}");
  assert_merged("{\"generationConfig\":{\"topP\":1}}", "{\"generation_config\":{\"top_p\":2,\"topK\":3}}", "{\"generationConfig\":{\"topP\":2,\"topK\":3}}");
  assert_merged("{\"a\":1}", "{\"b\":1,\"a\":2,\"b\":3,\"a\":4}", "{\"a\":4,\"b\":3}");
  assert_merged("{\"ab\":1,\"a\":2}", "{\"a_\":3,\"_\":4,\"aB\":5}", "{\"ab\":1,\"a\":2,\"a_\":3,\"_\":4,\"aB\":5}");
  assert_merged(" { \"a\" : { } } ", "\n{\"a\":{\"b\":\"}\"}}\n", "{\"a\":{\"b\":\"}\"}}");
  buf b;
  genai_error error = {0};
  buf_init(&b, 8);
  assert_int_equal(wire_merge(&b, "{\"a\":1}", 7, "{\"b\":1}", 7, "x", &error), GENAI_ERROR_LIMIT);
  assert_int_equal(b.size, 0);
  assert_false(b.failed);
  buf_deinit(&b);
}

static void test_each_allocation_fails(void **state) {
  (void)state;
  long n = 1;
  for (;; n++) {
    buf b;
    genai_error error = {0};
    fail_alloc_use(n);
    buf_init(&b, 1 << 20);
    genai_status status = wire_setup_write(&b, MERGED(vertex, "{\"systemInstruction\":[\"a\"],\"labels\":{\"a\":\"b\",\"c\":\"d\"},\"tools\":[{}]}", "{\"new\":{}}"), &error);
    if (status != GENAI_OK) assert_int_equal(b.size, 0);
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
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_models),      cmocka_unit_test(test_places),     cmocka_unit_test(test_vertex_speaks),
      cmocka_unit_test(test_refusals),    cmocka_unit_test(test_loose_forms), cmocka_unit_test(test_setup_json),
      cmocka_unit_test(test_merge),       cmocka_unit_test(test_each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
