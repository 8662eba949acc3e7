#include "wire/reader.h"

#include <math.h>
#include <stdio.h>

#include "codec_support.h"
#include "tests/base/decimal_comma.h"
#include "tests/base/scale.h"
#include "tests/net/fail_alloc.h"

static const wire_message *const server = &wire_live_server_message;
static const wire_message *const config = &wire_live_connect_config;
static const wire_message *const schema = &wire_schema;
static const wire_limits user = {.refuse_unknown = true, .root = "config"};

static void test_message(void **state) {
  (void)state;
  arena a;
  const genai_live_server_message *m = read_as(
      &a, server, "{\n  \"serverContent\": {\n    \"modelTurn\": {\n      \"parts\": [\n        {\"inlineData\": {\"mimeType\": "
                  "\"audio/pcm;rate=24000\", \"data\": \"AQIDBA==\"}},\n {\"text\": \"h\\u00e9\", \"thought\": true}\n ]\n    },\n"
                  "    \"turnComplete\": true\n  },\n  \"usageMetadata\": {\"totalTokenCount\": 12}\n}\n");
  const genai_live_server_content *content = m->server_content;
  assert_int_equal(content->model_turn->parts.count, 2);
  const genai_blob *blob = content->model_turn->parts.items[0]->inline_data;
  assert_string_equal(blob->mime_type, "audio/pcm;rate=24000");
  assert_int_equal(blob->data.size, 4);
  assert_memory_equal(blob->data.data, "\1\2\3\4", 4);
  assert_string_equal(content->model_turn->parts.items[1]->text, "h\xC3\xA9");
  assert_true(content->model_turn->parts.items[1]->thought.has && content->model_turn->parts.items[1]->thought.value);
  assert_null(content->model_turn->parts.items[1]->inline_data);
  assert_true(content->turn_complete.value);
  assert_false(content->interrupted.has);
  assert_int_equal(m->usage_metadata->total_token_count.value, 12);
  assert_null(m->setup_complete);
  arena_deinit(&a);
}

static void test_names(void **state) {
  (void)state;
  assert_becomes(server, "{\"server_content\":{\"turn_complete\":true}}", "{\"serverContent\":{\"turnComplete\":true}}");
  assert_becomes(server, "{\"usageMetadata\":{\"candidatesTokenCount\":5}}", "{\"usageMetadata\":{\"responseTokenCount\":5}}");
  assert_becomes(server, "{\"usage_metadata\":{\"candidatesTokensDetails\":[{\"token_count\":5}]}}",
                 "{\"usageMetadata\":{\"responseTokensDetails\":[{\"tokenCount\":5}]}}");
  assert_becomes(server, "{\"usageMetadata\":{\"candidates_token_count\":1,\"candidates_tokens_details\":[]}}",
                 "{\"usageMetadata\":{\"responseTokenCount\":1,\"responseTokensDetails\":[]}}");
  assert_becomes(server, "{\"voiceActivity\":{\"type\":\"ACTIVITY_START\"}}",
                 "{\"voiceActivity\":{\"voiceActivityType\":\"ACTIVITY_START\"}}");
  assert_becomes(server, "{\"serverContent\" : {\"turnComplete\"\n\t:true} , \"usageMetadata\"  :{}}",
                 "{\"serverContent\":{\"turnComplete\":true},\"usageMetadata\":{}}");
  assert_refused(server, "{\"serverContent\" {\"turnComplete\":true}, \"usageMetadata\":{}}", NULL, GENAI_ERROR_MESSAGE, "a colon is missing");
  assert_becomes(server, "{\"\\u0073erver\\u0043ontent\":{}}", "{\"serverContent\":{}}");
  assert_becomes(server, "{\"ServerContent\":{},\"servercontent\":{},\"server_Content\":{},\"\":{},\"s\":1,\"serverConten\":2}", "{}");
  /* Every name of every message finds its field. */
  for (size_t i = 0; i < wire_message_count; i++)
    for (size_t j = 0; j < wire_messages[i]->count; j++) {
      const wire_field *f = &wire_messages[i]->fields[j];
      assert_ptr_equal(wire_field_named(wire_messages[i], f->name, f->name_size), f);
      if (f->snake) assert_ptr_equal(wire_field_named(wire_messages[i], f->snake, f->snake_size), f);
      if (f->alias) assert_ptr_equal(wire_field_named(wire_messages[i], f->alias, f->alias_size), f);
      if (f->alias_snake) assert_ptr_equal(wire_field_named(wire_messages[i], f->alias_snake, f->alias_snake_size), f);
    }
}

static void test_presence(void **state) {
  (void)state;
  assert_round_trip(server, "{}");
  assert_round_trip(server, "{\"setupComplete\":{}}");
  assert_becomes(server, "{\"serverContent\":null,\"toolCall\":null}", "{}");
  assert_round_trip(server, "{\"serverContent\":{\"turnComplete\":false}}");
  assert_round_trip(server, "{\"serverContent\":{\"modelTurn\":{\"parts\":[]}}}");
  assert_round_trip(server, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"\"}]}}}");
  assert_round_trip(server, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"inlineData\":{\"data\":\"\"}}]}}}");
  assert_round_trip(config, "{\"responseModalities\":[],\"temperature\":0,\"tools\":[{\"googleSearch\":{}}],\"labels\":{}}");
  assert_round_trip(config, "{\"labels\":{\"\":\"\"}}");
  arena a;
  const genai_live_connect_config *c = read_as(&a, config, "{\"tools\":[],\"responseModalities\":[]}");
  assert_true(c->tools.items && c->tools.count == 0);
  assert_true(c->response_modalities.items && c->response_modalities.count == 0);
  assert_null(c->safety_settings.items);
  arena_deinit(&a);
}

static void test_last_wins(void **state) {
  (void)state;
  assert_becomes(config, "{\"topP\":1,\"top_p\":0.5}", "{\"topP\":0.5}");
  assert_becomes(config, "{\"topP\":1,\"top_p\":null}", "{}");
  assert_becomes(config, "{\"tools\":[{}],\"tools\":null,\"seed\":1,\"seed\":2}", "{\"seed\":2}");
  assert_becomes(config, "{\"mediaResolution\":\"NEW\",\"mediaResolution\":\"MEDIA_RESOLUTION_LOW\"}",
                 "{\"mediaResolution\":\"MEDIA_RESOLUTION_LOW\"}");
  assert_becomes(config, "{\"mediaResolution\":\"NEW\",\"mediaResolution\":null}", "{}");
  assert_becomes(config, "{\"responseModalities\":[\"NEW\"],\"responseModalities\":[\"TEXT\"]}", "{\"responseModalities\":[\"TEXT\"]}");
  assert_becomes(config, "{\"responseModalities\":[\"NEW\"],\"responseModalities\":null}", "{}");
  assert_becomes(config, "{\"thinkingConfig\":{\"thinkingBudget\":1},\"thinkingConfig\":{}}", "{\"thinkingConfig\":{}}");
  assert_becomes(config, "{\"labels\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\",\"\\u0061\":\"4\"}}", "{\"labels\":{\"b\":\"2\",\"a\":\"4\"}}");
  assert_becomes(config, "{\"labels\":{\"a\":\"1\"},\"labels\":null}", "{}");
  assert_becomes(schema, "{\"properties\":{\"x\":{\"title\":\"1\"},\"y\":{},\"x\":{}}}", "{\"properties\":{\"y\":{},\"x\":{}}}");
}

static void test_integers(void **state) {
  (void)state;
  assert_becomes(schema, "{\"maxItems\":7}", "{\"maxItems\":\"7\"}");
  assert_becomes(schema, "{\"maxItems\":\"7\",\"minItems\":1e3}", "{\"maxItems\":\"7\",\"minItems\":\"1000\"}");
  assert_becomes(schema, "{\"maxItems\":\"9223372036854775807\",\"minItems\":-9223372036854775808}",
                 "{\"maxItems\":\"9223372036854775807\",\"minItems\":\"-9223372036854775808\"}");
  assert_becomes(schema, "{\"maxItems\":999999999999999999,\"minItems\":-999999999999999999}",
                 "{\"maxItems\":\"999999999999999999\",\"minItems\":\"-999999999999999999\"}");
  assert_becomes(schema, "{\"maxItems\":1000000000000000000,\"minItems\":9223372036854775807}",
                 "{\"maxItems\":\"1000000000000000000\",\"minItems\":\"9223372036854775807\"}");
  assert_becomes(schema, "{\"maxItems\":-0 ,\"minItems\":0\n}", "{\"maxItems\":\"0\",\"minItems\":\"0\"}");
  assert_becomes(config, "{\"seed\":1E1}", "{\"seed\":10}");
  assert_becomes(config, "{\"seed\":\"5.0\"}", "{\"seed\":5}");
  assert_becomes(config, "{\"seed\":\"\\u0035\"}", "{\"seed\":5}");
  assert_becomes(config, "{\"seed\":-2147483648}", "{\"seed\":-2147483648}");
  static const char *const bad[] = {"{\"seed\":2147483648}", "{\"seed\":1.5}", "{\"seed\":\"\"}", "{\"seed\":\" 1\"}", "{\"seed\":\"1 \"}",
                                    "{\"seed\":\"x\"}", "{\"seed\":\"01\"}"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_refused(config, bad[i], NULL, GENAI_ERROR_MESSAGE, "in seed: not a 32-bit integer.");
  static const char *const odd[] = {"{\"seed\":-}", "{\"seed\":01}", "{\"seed\":-00}", "{\"seed\":1.}", "{\"seed\":1e}", "{\"seed\":1",
                                    "{\"seed\":-", "{\"seed\":12x}", "{\"seed\":1 2}"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) assert_refused(config, odd[i], NULL, GENAI_ERROR_MESSAGE, "");
  assert_refused(config, "{\"seed\":true}", NULL, GENAI_ERROR_MESSAGE, "in seed: expected a 32-bit integer, found true or false.");
  assert_refused(schema, "{\"maxItems\":9223372036854775808}", NULL, GENAI_ERROR_MESSAGE, "in maxItems: not a 64-bit integer.");
  assert_refused(schema, "{\"maxItems\":[1]}", NULL, GENAI_ERROR_MESSAGE, "expected a 64-bit integer, found a list.");
}

static void test_doubles(void **state) {
  (void)state;
  assert_becomes(config, "{\"temperature\":0.70,\"topP\":1e0,\"topK\":\"40\"}", "{\"temperature\":0.7,\"topP\":1,\"topK\":40}");
  assert_round_trip(config, "{\"temperature\":\"NaN\",\"topP\":\"Infinity\",\"topK\":\"-Infinity\"}");
  assert_round_trip(config, "{\"temperature\":-0,\"topP\":5e-324,\"topK\":1.7976931348623157e+308}");
  assert_refused(config, "{\"temperature\":1e400}", NULL, GENAI_ERROR_MESSAGE, "in temperature: not a number within the range");
  assert_refused(config, "{\"temperature\":\"hot\"}", NULL, GENAI_ERROR_MESSAGE, "in temperature: not a number");
  assert_refused(config, "{\"temperature\":NaN}", NULL, GENAI_ERROR_MESSAGE, "in temperature: expected a number");
  assert_refused(config, "{\"temperature\":{}}", NULL, GENAI_ERROR_MESSAGE, "found an object.");
  arena a;
  const genai_live_connect_config *c = read_as(&a, config, "{\"temperature\":\"NaN\"}");
  assert_true(c->temperature.has && isnan(c->temperature.value));
  arena_deinit(&a);
}

static void test_enums(void **state) {
  (void)state;
  arena a;
  const genai_live_connect_config *c =
      read_as(&a, config, "{\"responseModalities\":[\"AUDIO\",\"SMELL\",2],\"mediaResolution\":\"MEDIA_RESOLUTION_\\u0048IGH\"}");
  assert_int_equal(c->response_modalities.count, 3);
  assert_int_equal(c->response_modalities.items[0], GENAI_MODALITY_AUDIO);
  assert_null(c->response_modalities.texts[0]);
  assert_int_equal(c->response_modalities.items[1], 0);
  assert_string_equal(c->response_modalities.texts[1], "SMELL");
  assert_int_equal(c->response_modalities.items[2], 2);
  assert_null(c->response_modalities.texts[2]);
  assert_int_equal(c->media_resolution, GENAI_MEDIA_RESOLUTION_HIGH);
  assert_null(c->media_resolution_text);
  arena_deinit(&a);
  c = read_as(&a, config, "{\"responseModalities\":[\"AUDIO\"],\"mediaResolution\":\"MEDIA_RESOLUTION_VAST\"}");
  assert_null(c->response_modalities.texts);
  assert_int_equal(c->media_resolution, 0);
  assert_string_equal(c->media_resolution_text, "MEDIA_RESOLUTION_VAST");
  arena_deinit(&a);
  assert_round_trip(config, "{\"responseModalities\":[\"AUDIO\",\"SMELL\",\"TEXT\"],\"mediaResolution\":\"new \\\"one\\\"\"}");
  assert_round_trip(config, "{\"responseModalities\":[\"MODALITY_UNSPECIFIED\"],\"mediaResolution\":\"MEDIA_RESOLUTION_UNSPECIFIED\"}");
  assert_becomes(config, "{\"mediaResolution\":0}", "{\"mediaResolution\":\"MEDIA_RESOLUTION_UNSPECIFIED\"}");
  assert_round_trip(config, "{\"mediaResolution\":99}");
  assert_round_trip(config, "{\"mediaResolution\":-1}");
  assert_round_trip(config, "{\"mediaResolution\":\"\"}");
  assert_refused(config, "{\"mediaResolution\":true}", NULL, GENAI_ERROR_MESSAGE, "expected the name of an enum value");
  assert_refused(config, "{\"mediaResolution\":1.5}", NULL, GENAI_ERROR_MESSAGE, "in mediaResolution: not a 32-bit integer");
}

static void test_durations(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"10s", "10s"},       {"1.5s", "1.500s"},   {"1.500s", "1.500s"}, {"0.000001s", "0.000001s"}, {"-0.5s", "-0.500s"},
      {"0.1234567s", "0.123456700s"}, {"-3.000000001s", "-3.000000001s"}, {"0s", "0s"}, {"315576000000s", "315576000000s"},
      {"-315576000000.000s", "-315576000000s"}, {"315575999999.999999999s", "315575999999.999999999s"}, {"007s", "7s"}};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    char text[100], expected[100];
    snprintf(text, sizeof text, "{\"goAway\":{\"timeLeft\":\"%s\"}}", pairs[i][0]);
    snprintf(expected, sizeof expected, "{\"goAway\":{\"timeLeft\":\"%s\"}}", pairs[i][1]);
    assert_becomes(server, text, expected);
  }
  static const char *const bad[] = {"", "s", "1", "1S", "1 s", "1.s", ".5s", "1.0000000000s", "--1s", "+1s", "1e3s", "1.5.5s", "-s", "1ss",
                                    "315576000001s", "-315576000000.5s", "99999999999999999999999s", "1\\u0073", "0x1s"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char text[100];
    snprintf(text, sizeof text, "{\"goAway\":{\"timeLeft\":\"%s\"}}", bad[i]);
    assert_refused(server, text, NULL, GENAI_ERROR_MESSAGE, "in goAway.timeLeft: not a duration such as \"1.500s\"");
  }
  assert_refused(server, "{\"goAway\":{\"timeLeft\":10}}", NULL, GENAI_ERROR_MESSAGE, "found a number");
}

static void test_bytes(void **state) {
  (void)state;
  static const char form[] = "{\"inlineData\":{\"data\":\"%s\"}}";
  static const char *const pairs[][2] = {{"+/+/", "+/+/"}, {"-_-_", "+/+/"}, {"AQ", "AQ=="}, {"AQ==", "AQ=="}, {"AQI", "AQI="},
                                         {"\\u002B\\u002f\\/A", "+//A"}, {"\\u0041Q==", "AQ=="}, {"AQ\\u003D\\u003D", "AQ=="}, {"", ""}};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    char text[100], expected[100];
    snprintf(text, sizeof text, form, pairs[i][0]);
    snprintf(expected, sizeof expected, form, pairs[i][1]);
    assert_becomes(&wire_part, text, expected);
  }
  static const char *const bad[] = {"A", "A===", "AQ=", "AQ== ", " AQ==", "A*==", "AQ\\nID", "AQ\\u0000=", "\\\"AQI", "\xC3\xA9QQ", "AQ=\\u0041"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char text[100];
    snprintf(text, sizeof text, form, bad[i]);
    assert_refused(&wire_part, text, NULL, GENAI_ERROR_MESSAGE, "in inlineData.data: not base64 text");
  }
  assert_refused(&wire_part, "{\"inlineData\":{\"data\":\"AQ", NULL, GENAI_ERROR_MESSAGE, "a string is not closed");
  assert_refused(&wire_part, "{\"inlineData\":{\"data\":\"A\nQ=\"}}", NULL, GENAI_ERROR_MESSAGE, "control character");
  assert_refused(&wire_part, "{\"inlineData\":{\"data\":7}}", NULL, GENAI_ERROR_MESSAGE, "expected base64 text, found a number");
}

/* Sound of every size, several pieces in one message: where the arena has room for the rest of the text a piece is decoded
 * before its end is known, elsewhere its end is found first. */
static void test_bytes_of_every_size(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 100, 11520, 50000, 90001, 200000};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    uint8_t *pcm = malloc(sizes[i] + 1);
    for (size_t k = 0; k < sizes[i]; k++) pcm[k] = (uint8_t)(k * 7 + k / 251);
    const genai_blob blob = {.data = {pcm, sizes[i]}};
    const genai_part part = {.inline_data = &blob}, text = {.text = "between"};
    const genai_part *parts[] = {&part, &text, &part, &part};
    char *json = written(&wire_content, &(genai_content){.parts = {parts, 4}});
    arena a;
    const genai_content *back = read_as(&a, &wire_content, json);
    for (size_t k = 0; k < 4; k++) {
      if (k == 1) continue;
      assert_int_equal(back->parts.items[k]->inline_data->data.size, sizes[i]);
      assert_memory_equal(back->parts.items[k]->inline_data->data.data, pcm, sizes[i]);
    }
    assert_string_equal(back->parts.items[1]->text, "between");
    assert_true(a.reserved < 2 * strlen(json) + 4096);
    arena_deinit(&a);
    void *out;
    genai_error error = {0};
    arena_init(&a, sizes[i]); /* no room for three */
    assert_int_equal(wire_read(&a, &wire_content, json, strlen(json), NULL, &out, &error), GENAI_ERROR_LIMIT);
    arena_deinit(&a);
    free(json);
    free(pcm);
  }
}

/* The audio field alone; `escaped` writes the first character as \u00XX, so that the string is scanned before it is
 * decoded. The blanks before it move it through every place of a vector. */
static genai_status read_audio(arena *a, const char *text, size_t size, size_t blanks, bool escaped, genai_bytes *bytes) {
  char json[400];
  genai_error error = {0};
  void *out = NULL;
  int first = snprintf(json, sizeof json, "{%*s\"data\":\"", (int)blanks, "");
  size_t at = (size_t)first;
  if (escaped) at += (size_t)snprintf(json + at, sizeof json - at, "\\u00%02x", (unsigned char)text[0]);
  memcpy(json + at, text + escaped, size - escaped);
  at += size - escaped;
  memcpy(json + at, "\"}", 2);
  arena_init(a, 1 << 16);
  genai_status status = read_bytes_as(a, &wire_blob, json, at + 2, NULL, &out, &error);
  *bytes = status == GENAI_OK ? ((const genai_blob *)out)->data : (genai_bytes){NULL, 0};
  assert_int_equal((uintptr_t)bytes->data % _Alignof(max_align_t), 0);
  return status;
}

/* Decoding straight from the text and decoding what has been scanned agree. */
static void assert_same_audio(const char *text, size_t size, size_t blanks, bool valid) {
  arena a, b;
  genai_bytes one, two;
  genai_status status = read_audio(&a, text, size, blanks, false, &one);
  assert_int_equal(status, valid ? GENAI_OK : GENAI_ERROR_MESSAGE);
  if (size) assert_int_equal(read_audio(&b, text, size, blanks, true, &two), status);
  if (size && valid) {
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.data, two.data, one.size);
  }
  if (size) arena_deinit(&b);
  arena_deinit(&a);
}

static void test_bytes_at_every_place(void **state) {
  (void)state;
  static const char letters[] = "ACEGIKMOQSUVWXYZ0123456789+/-_ac"; /* none of which may follow a backslash, but / */
  size_t step = scaled_down(32) < 32 ? 7 : 1;
  for (size_t size = 0; size <= 200; size++) {
    char text[201];
    for (size_t i = 0; i < size; i++) text[i] = letters[(i * 5 + i / 7 + size) % 32];
    for (size_t blanks = 0; blanks < 32; blanks += step) assert_same_audio(text, size, blanks, size % 4 != 1);
    for (size_t i = 1; i < size; i += size < 80 ? 1 : step * 3) {
      char kept = text[i];
      static const char odd[] = {'"', '*', '\n', '\0', ' ', '\x7F', '\x80', '\xFF', '@', '[', '`', '{', ':', '.'};
      for (size_t k = 0; k < sizeof odd; k++) {
        text[i] = odd[k];
        assert_same_audio(text, size, (i + k) % 32, false);
      }
      text[i] = '\\';
      bool slash = i + 1 < size && text[i + 1] == '/';
      assert_same_audio(text, size, i % 32, slash && (size - 1) % 4 != 1);
      text[i] = '=';
      bool last = i + 1 == size && size % 4 == 0;
      assert_same_audio(text, size, i % 32, last);
      text[i] = kept;
    }
  }
}

static void test_strings(void **state) {
  (void)state;
  arena a;
  const genai_part *p = read_as(&a, &wire_part, "{\"text\":\"a\\u0000b\\ud800c\\udfa4\\ud83c\\udfa4\\/\\\\\\\"\"}");
  assert_string_equal(p->text, "a\xEF\xBF\xBD" "b\xEF\xBF\xBD" "c\xEF\xBF\xBD\xF0\x9F\x8E\xA4/\\\"");
  arena_deinit(&a);
  assert_refused(&wire_part, "{\"text\":\"\xFF\"}", NULL, GENAI_ERROR_MESSAGE, "in text: a string is not valid UTF-8");
  assert_refused(&wire_part, "{\"text\":5}", NULL, GENAI_ERROR_MESSAGE, "in text: expected a string, found a number");
  assert_refused(&wire_part, "{\"text\":{}}", NULL, GENAI_ERROR_MESSAGE, "in text: expected a string, found an object");
  assert_refused(&wire_part, "{\"thought\":\"true\"}", NULL, GENAI_ERROR_MESSAGE, "in thought: expected true or false, found a string");
  assert_refused(&wire_part, "{\"thought\":1}", NULL, GENAI_ERROR_MESSAGE, "in thought: expected true or false");
}

static void test_free_form(void **state) {
  (void)state;
  static const char call[] = "{\"toolCall\":{\"functionCalls\":[{\"args\":%s}]}}";
  static const char *const kept[] = {"{}", "{\"a\":null}", "{ \"a\" : [ 1e400, \"\\ud800\", null ] }", "{\"a\":1,\"a\":2}", "{\"\xC3\xA9\":\"\\u0000\"}"};
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
    char text[200];
    snprintf(text, sizeof text, call, kept[i]);
    arena a;
    const genai_live_server_message *m = read_as(&a, server, text);
    assert_string_equal(m->tool_call->function_calls.items[0]->args_json, kept[i]);
    arena_deinit(&a);
    assert_round_trip(server, text);
  }
  assert_round_trip(schema, "{\"default\":[null,1,\"x\"],\"example\":5}");
  assert_becomes(schema, "{\"default\":null,\"example\":\"\"}", "{\"example\":\"\"}");
  assert_refused(server, "{\"toolCall\":{\"functionCalls\":[{\"args\":[1]}]}}", NULL, GENAI_ERROR_MESSAGE,
                 "in toolCall.functionCalls[0].args: expected an object, found a list");
  assert_refused(server, "{\"toolCall\":{\"functionCalls\":[{},{\"args\":{\"a\":[1,]}}]}}", NULL, GENAI_ERROR_MESSAGE,
                 "in toolCall.functionCalls[1].args: a value is missing or misspelled");
}

static void test_lists_and_maps(void **state) {
  (void)state;
  assert_round_trip(schema, "{\"enum\":[\"a\",\"\",\"b\"],\"properties\":{\"x\":{\"type\":\"STRING\"},\"y\":{\"items\":{}}}}");
  assert_round_trip(config, "{\"labels\":{\"a\":\"1\",\"b c\":\"2\\n\"}}");
  assert_refused(schema, "{\"enum\":[\"a\",null]}", NULL, GENAI_ERROR_MESSAGE, "in enum[1]: expected a list item that is not null");
  assert_refused(schema, "{\"anyOf\":[null]}", NULL, GENAI_ERROR_MESSAGE, "in anyOf[0]: expected a list item");
  assert_refused(schema, "{\"properties\":{\"x\":null}}", NULL, GENAI_ERROR_MESSAGE, "in properties.x: expected a map value that is not null");
  assert_refused(schema, "{\"properties\":[]}", NULL, GENAI_ERROR_MESSAGE, "in properties: expected an object, found a list");
  assert_refused(schema, "{\"enum\":\"a\"}", NULL, GENAI_ERROR_MESSAGE, "in enum: expected a list, found a string");
  assert_refused(schema, "{\"enum\":[\"a\",]}", NULL, GENAI_ERROR_MESSAGE, "in enum[1]: expected a string, found no value");
  assert_refused(schema, "{\"items\":[]}", NULL, GENAI_ERROR_MESSAGE, "in items: expected an object, found a list");
  assert_refused(schema, "{\"properties\":{\"x\":{\"properties\":{\"y\":{\"anyOf\":[{},{\"title\":1}]}}}}}", NULL, GENAI_ERROR_MESSAGE,
                 "in properties.x.properties.y.anyOf[1].title: expected a string");
  char text[4000] = "{\"enum\":[", *at = text + strlen(text);
  for (int i = 0; i < 300; i++) at += sprintf(at, "%s\"v%d\"", i ? "," : "", i);
  strcpy(at, "]}");
  assert_round_trip(schema, text);
}

static void test_unknown(void **state) {
  (void)state;
  assert_becomes(server, "{\"new\":{\"a\":[1,{\"b\":\"\\u0041\"}]},\"setupComplete\":{\"later\":1e400},\"also\":null}", "{\"setupComplete\":{}}");
  assert_refused(server, "{\"new\":{\"a\":[1,{\"b\":\"\\x\"}]}}", NULL, GENAI_ERROR_MESSAGE, "a string holds an unknown escape");
  assert_refused(server, "{\"new\":01}", NULL, GENAI_ERROR_MESSAGE, "a value is missing or misspelled");
  assert_refused(config, "{\"tols\":[]}", &user, GENAI_ERROR_ARGUMENT, "\"tols\" is not a field of LiveConnectConfig; did you mean \"tools\".");
  assert_refused(config, "{\n \"speechConfig\": {\"voice\": 1}}", &user, GENAI_ERROR_ARGUMENT,
                 "Invalid config at line 2, column 20 (byte 21), in config.speechConfig: \"voice\" is not a field of SpeechConfig");
  assert_refused(config, "{\"zebra_crossing_with_a_name\":1}", &user, GENAI_ERROR_ARGUMENT, "is not a field of LiveConnectConfig.");
  assert_refused(config, "{\"\":1}", &user, GENAI_ERROR_ARGUMENT, "\"\" is not a field");
  assert_refused(config, "{\"response_modality\":1}", &user, GENAI_ERROR_ARGUMENT, "did you mean \"responseModalities\"");
  assert_refused(config, "[]", &user, GENAI_ERROR_ARGUMENT, "Invalid config at line 1, column 1 (byte 0): expected an object, found a list");
}

static void test_whole_text(void **state) {
  (void)state;
  assert_refused(server, "", NULL, GENAI_ERROR_MESSAGE, "expected an object, found the end of the text");
  assert_refused(server, " \n", NULL, GENAI_ERROR_MESSAGE, "found the end of the text");
  assert_refused(server, "null", NULL, GENAI_ERROR_MESSAGE, "expected an object, found null");
  assert_refused(server, "{}{}", NULL, GENAI_ERROR_MESSAGE, "something follows the value");
  assert_refused(server, "{\"setupComplete\":{}", NULL, GENAI_ERROR_MESSAGE, "the text ends too early");
  assert_becomes(server, " \r\n\t{ } \n", "{}");
}

static const char everything[] =
    "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"audio/pcm\",\"data\":\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\"}},"
    "{\"text\":\"\\u00e9 \xE2\x82\xAC\",\"thought\":false}],\"role\":\"model\"},\"groundingMetadata\":{\"webSearchQueries\":[\"a\",\"b\"]},"
    "\"turnCompleteReason\":\"NEWER_THAN_THIS\"},\"toolCall\":{\"functionCalls\":[{\"id\":\"1\",\"name\":\"f\",\"args\":{\"a\":[1,null,\"x\"]}}]},"
    "\"usageMetadata\":{\"totalTokenCount\":12,\"responseTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":5},{\"modality\":\"SMELL\"}]},"
    "\"goAway\":{\"timeLeft\":\"1.500s\"},\"sessionResumptionUpdate\":{\"newHandle\":\"h\",\"resumable\":true,\"lastConsumedClientMessageIndex\":\"7\"},"
    "\"unknown\":{\"deep\":[{},[],\"\\ud83c\\udfa4\",-1.5e3]}}";

static void test_cut_at_every_byte(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof everything - 1; i++) {
    arena a;
    void *out;
    genai_error error = {0};
    arena_init(&a, 1 << 20);
    assert_int_equal(read_bytes_as(&a, server, everything, i, NULL, &out, &error), GENAI_ERROR_MESSAGE);
    arena_deinit(&a);
  }
}

/* Every byte of a message replaced by others: never a crash, and what is accepted can be written and read again. */
static void test_every_byte_damaged(void **state) {
  (void)state;
  static const char bytes[] = {'"', '{', '}', '[', ']', ',', ':', '\\', '0', 'n', ' ', '\0', '\x80', '\xE2', 'A', '-'};
  char text[sizeof everything];
  for (size_t i = 0; i < sizeof everything - 1; i += scaled_down(8) == 8 ? 1 : 8)
    for (size_t b = 0; b < sizeof bytes; b++) {
      arena a;
      void *out;
      memcpy(text, everything, sizeof text);
      text[i] = bytes[b];
      arena_init(&a, 1 << 20);
      if (read_bytes_as(&a, server, text, sizeof text - 1, NULL, &out, NULL) == GENAI_OK) {
        char *once = written(server, out);
        assert_round_trip(server, once);
        free(once);
      }
      arena_deinit(&a);
    }
}

static void test_each_allocation_fails(void **state) {
  (void)state;
  long n = 1;
  for (;; n++) {
    arena a;
    void *out;
    genai_error error = {0};
    buf b;
    fail_alloc_use(n);
    arena_init(&a, 1 << 20);
    genai_status status = wire_read(&a, server, everything, sizeof everything - 1, NULL, &out, &error);
    buf_init(&b, 1 << 20);
    if (status == GENAI_OK) {
      buf_text(&b, "before");
      status = b.failed ? GENAI_ERROR_MEMORY : wire_write(&b, server, out, NULL, &error);
      if (status != GENAI_OK && b.size) assert_memory_equal(b.data, "before", b.size);
    }
    buf_deinit(&b);
    arena_deinit(&a);
    assert_int_equal(fail_alloc.alive, 0);
    if (!fail_alloc_done()) {
      assert_int_equal(status, GENAI_OK);
      break;
    }
    assert_int_equal(status, GENAI_ERROR_MEMORY);
  }
  assert_true(n > 3);
}

/* A text of many small things must not become structs without bound. */
static void assert_amplified(const wire_message *type, const char *before, const char *piece, const char *words) {
  buf b;
  arena a;
  void *out;
  genai_error error = {0};
  buf_init(&b, 8 << 20);
  buf_text(&b, before);
  while (b.size < (6 << 20)) buf_text(&b, piece);
  arena_init(&a, 64 << 20);
  assert_int_equal(wire_read(&a, type, (char *)b.data, b.size, NULL, &out, &error), GENAI_ERROR_LIMIT);
  if (!strstr(error.message, words)) fail_msg("%s", error.message);
  assert_true(a.reserved <= (64 << 20));
  arena_deinit(&a);
  buf_deinit(&b);
}

static void test_amplification(void **state) {
  (void)state;
  static const char memory[] = "memory ceiling", elements[] = "more objects and list items";
  assert_amplified(server, "{\"serverContent\":{\"modelTurn\":{\"parts\":[", "{},", memory);
  assert_amplified(schema, "{\"anyOf\":[", "{},", memory);
  assert_amplified(schema, "{", "\"items\":{},", memory);
  assert_amplified(config, "{\"responseModalities\":[", "1,", elements);
  assert_amplified(config, "{\"responseModalities\":[\"NEW\",", "1,", elements);
  assert_amplified(schema, "{\"enum\":[", "\"\",", elements);
  assert_amplified(config, "{\"labels\":{", "\"\":\"\",", elements);
  arena a;
  void *out;
  genai_error error = {0};
  static const wire_limits few = {.elements_max = 4};
  arena_init(&a, 1 << 20);
  assert_int_equal(wire_read(&a, schema, "{\"enum\":[\"\",\"\",\"\"]}", 19, &few, &out, &error), GENAI_OK);
  assert_int_equal(wire_read(&a, schema, "{\"anyOf\":[{},{},{}]}", 20, &few, &out, &error), GENAI_OK);
  assert_int_equal(wire_read(&a, schema, "{\"enum\":[\"\",\"\",\"\",\"\"]}", 22, &few, &out, &error), GENAI_ERROR_LIMIT);
  assert_non_null(strstr(error.message, "in enum[3]: there are more objects"));
  arena_deinit(&a);
  arena_init(&a, 64);
  assert_int_equal(wire_read(&a, schema, "{}", 2, NULL, &out, &error), GENAI_ERROR_LIMIT);
  arena_deinit(&a);
}

static void test_many_keys(void **state) {
  (void)state;
  buf b;
  arena a;
  void *out;
  buf_init(&b, 8 << 20);
  buf_text(&b, "{\"labels\":{\"x\":\"0\"");
  for (int i = 0; i < 200000; i++) buf_format(&b, ",\"k%d\":\"%d\"", i % 100000, i);
  buf_text(&b, "}}");
  arena_init(&a, 64 << 20);
  assert_int_equal(wire_read(&a, config, (char *)b.data, b.size, NULL, &out, NULL), GENAI_OK);
  const genai_live_connect_config *c = out;
  assert_int_equal(c->labels.count, 100001);
  assert_string_equal(c->labels.items[1].key, "k0");
  assert_string_equal(c->labels.items[1].value, "100000");
  arena_deinit(&a);
  buf_deinit(&b);
}

static void test_depth(void **state) {
  (void)state;
  buf b;
  buf_init(&b, 1 << 20);
  for (int levels = 98; levels <= 101; levels++) {
    arena a;
    void *out;
    genai_error error = {0};
    buf_clear(&b);
    for (int i = 1; i < levels; i++) buf_text(&b, "{\"items\":");
    buf_text(&b, "{}");
    for (int i = 1; i < levels; i++) buf_byte(&b, '}');
    arena_init(&a, 1 << 20);
    genai_status status = wire_read(&a, schema, (char *)b.data, b.size, NULL, &out, &error);
    assert_int_equal(status, levels <= 100 ? GENAI_OK : GENAI_ERROR_LIMIT);
    if (status == GENAI_OK) {
      char *back = written(schema, out);
      assert_memory_equal(back, b.data, b.size);
      free(back);
    } else {
      assert_non_null(strstr(error.message, "nested too deeply"));
      assert_non_null(strstr(error.message, "in \xE2\x80\xA6")); /* a path too long is cut at its beginning */
    }
    arena_deinit(&a);
  }
  /* Containers that are passed over count too. */
  assert_refused(server, "{\"x\":[{\"y\":[1]}]}", &(wire_limits){.depth_max = 3}, GENAI_ERROR_LIMIT, "nested too deeply");
  assert_refused(server, "{\"serverContent\":{\"modelTurn\":{}}}", &(wire_limits){.depth_max = 2}, GENAI_ERROR_LIMIT, "nested too deeply");
  arena a;
  void *out;
  arena_init(&a, 1 << 20);
  static const char flat[] = "{\"x\":[{}],\"y\":{\"z\":{}},\"serverContent\":{\"modelTurn\":{}},\"toolCall\":{\"functionCalls\":[]}}";
  assert_int_equal(wire_read(&a, server, flat, sizeof flat - 1, &(wire_limits){.depth_max = 3}, &out, NULL), GENAI_OK);
  arena_deinit(&a);
  buf_deinit(&b);
}

static void test_decimal_comma(void **state) {
  (void)state;
  if (!set_decimal_comma()) {
    print_message("skipped: no locale with a decimal comma is installed, and localedef cannot build one\n");
    skip();
  }
  assert_round_trip(config, "{\"temperature\":0.7,\"topP\":1.7976931348623157e+308,\"topK\":40.5}");
  assert_round_trip(server, "{\"goAway\":{\"timeLeft\":\"1.500s\"}}");
  setlocale(LC_ALL, "C");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_message),        cmocka_unit_test(test_names),
      cmocka_unit_test(test_presence),       cmocka_unit_test(test_last_wins),
      cmocka_unit_test(test_integers),       cmocka_unit_test(test_doubles),
      cmocka_unit_test(test_enums),          cmocka_unit_test(test_durations),
      cmocka_unit_test(test_bytes),          cmocka_unit_test(test_bytes_of_every_size),
      cmocka_unit_test(test_bytes_at_every_place),
      cmocka_unit_test(test_strings),
      cmocka_unit_test(test_free_form),      cmocka_unit_test(test_lists_and_maps),
      cmocka_unit_test(test_unknown),        cmocka_unit_test(test_whole_text),
      cmocka_unit_test(test_cut_at_every_byte), cmocka_unit_test(test_every_byte_damaged),
      cmocka_unit_test(test_each_allocation_fails), cmocka_unit_test(test_amplification),
      cmocka_unit_test(test_many_keys),      cmocka_unit_test(test_depth),
      cmocka_unit_test(test_decimal_comma),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
