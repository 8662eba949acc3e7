#include "wire/writer.h"

#include <math.h>
#include <stdio.h>

#include "codec_support.h"

static const wire_rules any = {.root = "setup"};

static void assert_not_written(const wire_message *type, const void *value, const wire_rules *rules, const char *words) {
  buf b;
  genai_error error = {0};
  buf_init(&b, 1 << 20);
  buf_text(&b, "before");
  assert_int_equal(wire_write(&b, type, value, rules, &error), GENAI_ERROR_ARGUMENT);
  if (!strstr(error.message, words)) fail_msg("%s", error.message);
  assert_int_equal(b.size, 6);
  assert_false(b.failed);
  buf_deinit(&b);
}

static void assert_written(const wire_message *type, const void *value, const char *expected) {
  char *text = written(type, value);
  assert_string_equal(text, expected);
  free(text);
}

/* A config as a program writes it: zero is unset, GENAI_SOME is present even when its value is zero. */
static void test_designated(void **state) {
  (void)state;
  assert_written(&wire_live_connect_config, &(genai_live_connect_config){0}, "{}");
  const genai_live_connect_config config = {
      .response_modalities = GENAI_ENUMS(GENAI_MODALITY_AUDIO),
      .temperature = GENAI_SOME(0.7),
      .seed = GENAI_SOME(0),
      .enable_affective_dialog = GENAI_SOME(false),
      .system_instruction = &(genai_content){.parts = GENAI_LIST(genai_part, &(genai_part){.text = "Be \"kind\"."}), .role = "user"},
      .tools = GENAI_LIST(genai_tool, &(genai_tool){.google_search = &(genai_google_search){0}}),
      .output_audio_transcription = &(genai_audio_transcription_config){0},
      .labels = {(genai_string_pair[]){{"team", "a"}}, 1},
  };
  assert_written(&wire_live_connect_config, &config,
                 "{\"responseModalities\":[\"AUDIO\"],\"temperature\":0.7,\"seed\":0,\"enableAffectiveDialog\":false,"
                 "\"systemInstruction\":{\"parts\":[{\"text\":\"Be \\\"kind\\\".\"}],\"role\":\"user\"},\"tools\":[{\"googleSearch\":{}}],"
                 "\"outputAudioTranscription\":{},\"labels\":{\"team\":\"a\"}}");
}

static void test_strings(void **state) {
  (void)state;
  char text[300];
  for (int i = 1; i < 256; i++) text[i - 1] = (char)(i < 128 ? i : 'x');
  text[255] = '\0';
  arena a;
  char *json = written(&wire_part, &(genai_part){.text = text});
  const genai_part *back = read_as(&a, &wire_part, json);
  assert_string_equal(back->text, text);
  assert_non_null(strstr(json, "\\u0001\\u0002"));
  assert_non_null(strstr(json, "\\b\\t\\n\\u000b\\f\\r\\u000e"));
  assert_non_null(strstr(json, "\\u001f !\\\"#"));
  free(json);
  arena_deinit(&a);
  assert_written(&wire_part, &(genai_part){.text = "\xC3\xA9/\x7F\xE2\x80\xA8"}, "{\"text\":\"\xC3\xA9/\x7F\xE2\x80\xA8\"}");
  /* The bad byte at each place, among bytes that are escaped and bytes that are not. */
  for (size_t i = 0; i < 40; i++) {
    memset(text, i % 3 ? 'a' : '\n', 40);
    text[40] = '\0';
    text[i] = (char)0xC3;
    assert_not_written(&wire_part, &(genai_part){.text = text}, &any, "setup.text is not valid UTF-8.");
  }
}

static void test_refused_values(void **state) {
  (void)state;
  static const char *const with_null[] = {"a", NULL};
  assert_not_written(&wire_schema, &(genai_schema){.enum_values = {with_null, 2}}, &any, "setup.enum[1] is NULL.");
  const genai_schema *const schemas[] = {&(genai_schema){0}, NULL};
  assert_not_written(&wire_schema, &(genai_schema){.any_of = {schemas, 2}}, NULL, "anyOf[1] is NULL.");
  const genai_string_pair pairs[] = {{"a", "b"}, {NULL, "c"}};
  assert_not_written(&wire_live_connect_config, &(genai_live_connect_config){.labels = {pairs, 2}}, &any, "setup.labels has a key that is NULL.");
  const genai_string_pair no_value = {"a", NULL};
  assert_not_written(&wire_live_connect_config, &(genai_live_connect_config){.labels = {&no_value, 1}}, &any, "setup.labels.a is NULL.");
  const genai_schema_entry entry = {"x", NULL};
  assert_not_written(&wire_schema, &(genai_schema){.properties = {&entry, 1}}, &any, "setup.properties.x is NULL.");
  assert_not_written(&wire_function_call, &(genai_function_call){.args_json = "[1]"}, &any, "setup.args is not a JSON object.");
  assert_not_written(&wire_function_call, &(genai_function_call){.args_json = ""}, &any, "setup.args is not a JSON object.");
  assert_not_written(&wire_function_call, &(genai_function_call){.args_json = "{\"a\":tru}"}, &any,
                     "setup.args is not valid JSON. Invalid JSON text at line 1, column 6 (byte 5): a value is missing");
  assert_not_written(&wire_schema, &(genai_schema){.default_json = "{} {}"}, &any, "setup.default is not valid JSON.");
  assert_not_written(&wire_schema, &(genai_schema){.default_json = ""}, &any, "setup.default is not valid JSON.");
  static const genai_duration bad[] = {{315576000000, 1}, {315576000001, 0}, {-315576000000, -1}, {1, -1}, {-1, 1}, {0, 1000000000}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_not_written(&wire_live_server_go_away, &(genai_live_server_go_away){.time_left = GENAI_SOME(bad[i])}, &any, "setup.timeLeft is ");
}

static void test_endless(void **state) {
  (void)state;
  genai_schema loop = {0};
  loop.items = &loop;
  assert_not_written(&wire_schema, &loop, &any, "is nested too deeply; the service takes 100 levels.");
}

static void test_free_form(void **state) {
  (void)state;
  assert_written(&wire_function_call, &(genai_function_call){.args_json = " \n{ \"a\": [null, 1e400] }"}, "{\"args\":{ \"a\": [null, 1e400] }}");
  assert_written(&wire_schema, &(genai_schema){.default_json = "null", .example_json = "\"\\ud800\""}, "{\"default\":null,\"example\":\"\\ud800\"}");
}

static void test_numbers(void **state) {
  (void)state;
  assert_written(&wire_live_connect_config,
                 &(genai_live_connect_config){.temperature = GENAI_SOME(0.1), .top_p = GENAI_SOME((double)NAN), .top_k = GENAI_SOME(40)},
                 "{\"temperature\":0.1,\"topP\":\"NaN\",\"topK\":40}");
  assert_written(&wire_schema, &(genai_schema){.max_items = GENAI_SOME(INT64_MIN), .minimum = GENAI_SOME(-(double)INFINITY)},
                 "{\"maxItems\":\"-9223372036854775808\",\"minimum\":\"-Infinity\"}");
}

/* ---- what a backend refuses ---- */

/* A field of `type` set to something, in a struct of zeros. */
static void set_field(const wire_field *f, uint8_t *message) {
  static const uint8_t empty[4096];
  const void *pointer = f->kind == WIRE_JSON || f->kind == WIRE_OBJECT ? (const void *)"{}" : empty;
  switch (f->shape == WIRE_SINGLE ? (wire_kind)f->kind : WIRE_MESSAGE) {
  case WIRE_BOOL: *(genai_opt_bool *)(void *)(message + f->offset) = (genai_opt_bool)GENAI_SOME(false); break;
  case WIRE_INT32: *(genai_opt_int32 *)(void *)(message + f->offset) = (genai_opt_int32)GENAI_SOME(0); break;
  case WIRE_INT64: *(genai_opt_int64 *)(void *)(message + f->offset) = (genai_opt_int64)GENAI_SOME(0); break;
  case WIRE_DOUBLE: *(genai_opt_double *)(void *)(message + f->offset) = (genai_opt_double)GENAI_SOME(0); break;
  case WIRE_DURATION: *(genai_opt_duration *)(void *)(message + f->offset) = (genai_opt_duration)GENAI_SOME({0}); break;
  case WIRE_ENUM: *(int32_t *)(void *)(message + f->offset) = 1; break;
  default: memcpy(message + f->offset, &pointer, sizeof pointer);
  }
}

/* Every field of every message is written, and refused exactly where its table says so. */
static void test_every_field(void **state) {
  (void)state;
  size_t refused = 0, fields = 0;
  for (size_t i = 0; i < wire_message_count; i++)
    for (size_t j = 0; j < wire_messages[i]->count; j++) {
      const wire_message *type = wire_messages[i];
      const wire_field *f = &type->fields[j];
      uint8_t *message = calloc(1, type->size);
      set_field(f, message);
      assert_true(wire_present(f, message));
      arena a;
      char *text = written(type, message);
      void *back = read_as(&a, type, text);
      assert_true(wire_present(f, back));
      char *again = written(type, back);
      assert_string_equal(text, again);
      for (int backend = WIRE_BACKEND_GEMINI; backend <= WIRE_BACKEND_VERTEX; backend++) {
        buf b;
        genai_error error = {0};
        buf_init(&b, 1 << 16);
        bool allowed = f->only == WIRE_ANYWHERE || (f->only == WIRE_ONLY_GEMINI && backend == WIRE_BACKEND_GEMINI) ||
                       (f->only == WIRE_ONLY_VERTEX && backend == WIRE_BACKEND_VERTEX);
        genai_status status = wire_write(&b, type, message, &(wire_rules){.backend = (wire_backend)backend}, &error);
        assert_int_equal(status, allowed ? GENAI_OK : GENAI_ERROR_ARGUMENT);
        if (!allowed) assert_non_null(strstr(error.message, f->name));
        refused += !allowed;
        buf_deinit(&b);
      }
      fields++;
      arena_deinit(&a);
      free(text);
      free(again);
      free(message);
    }
  print_message("%zu fields, %zu refusals\n", fields, refused);
  assert_true(fields > 500 && refused >= 25);
}

static void test_refusal_sentence(void **state) {
  (void)state;
  genai_tool tool = {0};
  tool.retrieval = &(genai_retrieval){0};
  const genai_tool *tools[] = {&(genai_tool){0}, &tool};
  assert_not_written(&wire_live_connect_config, &(genai_live_connect_config){.tools = {tools, 2}},
                     &(wire_rules){.backend = WIRE_BACKEND_GEMINI, .root = "config"},
                     "config.tools[1].retrieval is only accepted by the Gemini Enterprise Agent Platform (Vertex AI), and this client uses "
                     "the Gemini Developer API; remove it, or use the other backend.");
}

static void test_ceiling(void **state) {
  (void)state;
  genai_part part = {.text = "0123456789 0123456789 0123456789"};
  char *whole = written(&wire_part, &part);
  for (size_t ceiling = 0, fits = 0; fits < 3; ceiling++) {
    buf b;
    genai_error error = {0};
    buf_init(&b, ceiling);
    genai_status status = wire_write(&b, &wire_part, &part, NULL, &error);
    assert_int_equal(status, ceiling < strlen(whole) ? GENAI_ERROR_LIMIT : GENAI_OK);
    fits += status == GENAI_OK;
    buf_deinit(&b);
  }
  static const uint8_t pcm[1000];
  buf b;
  buf_init(&b, 500);
  assert_int_equal(wire_write(&b, &wire_blob, &(genai_blob){.data = {pcm, sizeof pcm}}, NULL, NULL), GENAI_ERROR_LIMIT);
  buf_deinit(&b);
  free(whole);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_designated), cmocka_unit_test(test_strings),     cmocka_unit_test(test_refused_values),
      cmocka_unit_test(test_endless),    cmocka_unit_test(test_free_form),   cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_every_field), cmocka_unit_test(test_refusal_sentence), cmocka_unit_test(test_ceiling),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
