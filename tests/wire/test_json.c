/* The grammar: a conformance set in the spirit of JSONTestSuite, and agreement with jansson. */
#include "wire/scan.h"

#include <stdio.h>
#include <time.h>

#include <jansson.h>

#include "codec_support.h"
#include "tests/base/scale.h"

/* ---- the judge ---- */

/* What jansson refuses although RFC 8259 allows it: integers beyond int64, 1e400, \u0000 in a key, lone surrogates, and
 * more than 2,048 levels. */
static bool known_disagreement(const json_error_t *error) {
  enum json_error_code code = json_error_code(error);
  return code == json_error_numeric_overflow || code == json_error_null_byte_in_key || code == json_error_stack_overflow ||
         strstr(error->text, "invalid Unicode") != NULL;
}

typedef enum verdict { REFUSED, ACCEPTED, UNDECIDED } verdict;

static verdict judge(const char *text, size_t size) {
  json_error_t error;
  json_t *json = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
  if (json) {
    json_decref(json);
    return memchr(text, 0, size) ? UNDECIDED : ACCEPTED; /* it takes a NUL after the value for the end of the text */
  }
  return known_disagreement(&error) ? UNDECIDED : REFUSED;
}

static bool accepted(const char *text, size_t size) {
  genai_error error = {0};
  char *exact = malloc(size ? size : 1);
  memcpy(exact, text, size);
  genai_status status = wire_json_check(exact, size, 0, &error);
  free(exact);
  assert_true(status == GENAI_OK || (status == error.status && strstr(error.message, "Invalid JSON text at line ")));
  return status == GENAI_OK;
}

/* The same text as an unknown member of a message, which is passed over, and as free-form JSON, which is kept. */
static bool accepted_inside(const char *before, const char *text, size_t size, const char *after) {
  size_t before_size = strlen(before), after_size = strlen(after), whole = before_size + size + after_size;
  char *message = malloc(whole);
  arena a;
  void *out;
  memcpy(message, before, before_size);
  memcpy(message + before_size, text, size);
  memcpy(message + before_size + size, after, after_size);
  arena_init(&a, 1 << 24);
  genai_status status = read_bytes_as(&a, &wire_live_server_message, message, whole, NULL, &out, NULL);
  arena_deinit(&a);
  free(message);
  return status == GENAI_OK;
}

static void assert_verdict(const char *text, size_t size, bool valid) {
  if (accepted(text, size) != valid) fail_msg("%.*s", (int)size, text);
  /* Inside another text what follows the value belongs to that text, so "1,2" or an open bracket can change its meaning. */
  if (memchr(text, '}', size) || memchr(text, ',', size) || memchr(text, ']', size)) return;
  if (accepted_inside("{\"unknown\":", text, size, "}") != valid) fail_msg("unknown: %.*s", (int)size, text);
  static const char before[] = "{\"toolCall\":{\"functionCalls\":[{\"partialArgs\":[], \"args\": {\"x\":";
  if (accepted_inside(before, text, size, "}}]}}") != valid) fail_msg("args: %.*s", (int)size, text);
}

/* ---- the set ---- */

#define T(text) {text, sizeof(text) - 1}
typedef struct sample {
  const char *text;
  size_t size;
} sample;

static const sample valid_texts[] = {
    /* section 2: white space, one value of any kind */
    T("null"), T(" null"), T("null "), T("\t\n\r null\r\n\t "), T("true"), T("false"), T("0"), T("\"\""), T("[]"), T("{}"),
    T("        [        ]        "), T("[\n]"), T("{\r\n}"),
    /* sections 4 and 5: members and elements */
    T("[1]"), T("[1,2]"), T("[ 1 , 2 ]"), T("[[]]"), T("[[],[[]]]"), T("[{}]"), T("[null,true,false,0,\"\",[],{}]"),
    T("{\"a\":1}"), T("{\"a\":1,\"b\":2}"), T("{ \"a\" : 1 , \"b\" : 2 }"), T("{\"\":0}"), T("{\"a\":{}}"), T("{\"a\":[]}"),
    T("{\"a\":1,\"a\":2}"), T("{\"a\":{\"b\":{\"c\":[{}]}}}"), T("{\"\\u0061\":1}"), T("{\"a\\\"b\":1}"), T("[[[[[[[[[[]]]]]]]]]]"),
    /* section 6: numbers */
    T("-0"), T("-1"), T("10"), T("123456789012345678901234567890"), T("0.0"), T("-0.0"), T("1.5"), T("0.00000000001"), T("1e1"),
    T("1E1"), T("1e+1"), T("1e-1"), T("1.5e10"), T("0e0"), T("0e+1"), T("1e400"), T("-1e400"), T("1e-400"), T("1E999999999999"),
    T("[-1]"), T("[1e5 ]"), T("9223372036854775807"), T("-9223372036854775808"), T("9223372036854775808"),
    /* section 7: strings */
    T("\"a\""), T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), T("\"\\u0041\""), T("\"\\uabcd\\uABCD\\u00e9\""), T("\"\\u0000\""), T("\"/\""),
    T("\"\\ud83c\\udfa4\""), T("\"\\uD800\""), T("\"\\uDC00\""), T("\"\\uD800\\uD800\""), T("\"\\uD800x\""), T("\"\\uDBFF\\u0041\""),
    T("{\"\\u0000\":1}"), T("\"\x7F\""), T("\"'\""), T("\"\xC3\xA9\""), T("\"\xE2\x82\xAC\""), T("\"\xF0\x9F\x8E\xA4\""),
    T("\"\xEF\xBF\xBF\""), T("\"\xF4\x8F\xBF\xBF\""), T("\"\xED\x9F\xBF\""), T("\"\xEE\x80\x80\""), T("\"\xEF\xBB\xBF\""),
    T("\"\xE2\x80\xA8\xE2\x80\xA9\""), T("\"1234567\""), T("\"12345678\""), T("\"1234567\\n\""), T("\"12345678\\n12345678\""),
    T("\"1234567\xC3\xA9\""), T("\"\\\\\""), T("\"\\\\\\\\\""), T("\"{[,:]}\""), T("{\"{\":\"}\"}"),
};

static const sample invalid_texts[] = {
    T(""), T(" "), T("\n"), T("\0"), T("null\0"), T("[\0]"), T("nul"), T("nulL"), T("NULL"), T("True"), T("tru"), T("truee"), T("fals"),
    T("none"), T("undefined"), T("NaN"), T("Infinity"), T("-Infinity"), T("nan"), T("'a'"), T("a"), T("\xEF\xBB\xBF{}"), T("\xC2\xA0{}"),
    T("\f{}"), T("\v1"), T("{} {}"), T("1 2"), T("[] x"), T("{},"), T("//x\n1"), T("/*x*/1"), T("[1/**/]"), T("#\n1"),
    T("["), T("]"), T("[1"), T("[1,"), T("[,"), T("[,]"), T("[,1]"), T("[1,]"), T("[1,,2]"), T("[1 2]"), T("[1:2]"), T("[\"a\":1]"), T("[[]"),
    T("[]]"), T("[}"), T("[1}"), T("[;]"), T("[1;2]"), T("[x]"), T("[\"a\" \"b\"]"), T("[\"a\",\n4\n,1,"),
    T("{"), T("}"), T("{\"a\""), T("{\"a\":"), T("{\"a\":1"), T("{\"a\":1,"), T("{,}"), T("{\"a\"}"), T("{\"a\",1}"), T("{\"a\":1,}"),
    T("{\"a\":1,,\"b\":2}"), T("{\"a\"::1}"), T("{\"a\" 1}"), T("{a:1}"), T("{'a':1}"), T("{1:1}"), T("{null:1}"), T("{[]:1}"), T("{{}:1}"),
    T("{\"a\":1 \"b\":2}"), T("{\"a\":1]"), T("{]"), T("{\"a\":}"), T("{:1}"), T("{\"a\":1;\"b\":2}"), T("{\"a\"=1}"), T("{...}"),
    T("{\"a\":/*x*/1}"), T("{\"a\":1}//"), T("{\"a\":1}#"), T("{\"a\\\":1}"),
    T("-"), T("+1"), T("01"), T("-01"), T("00"), T("1."), T("-1."), T(".5"), T("-.5"), T("1.e1"), T("1e"), T("1E"), T("1e+"), T("1e-"),
    T("e1"), T("1e1.5"), T("1.2.3"), T("1-"), T("--1"), T("+-1"), T("0x1F"), T("1_000"), T("1,5"), T("1e1e1"), T("0b1"), T("\xEF\xBC\x91"),
    T("[1.]"), T("[-]"), T("[01]"), T("[1e]"), T("[+1]"), T("[.1]"), T("1f"), T("1L"), T("1n"), T("- 1"), T("1 .5"), T("\xC2\xBD"),
    T("\""), T("\"a"), T("\"\\\""), T("\"\\"), T("\"\\\\"), T("\"\\x41\""), T("\"\\a\""), T("\"\\0\""), T("\"\\'\""), T("\"\\v\""), T("\"\\U0041\""),
    T("\"\\u\""), T("\"\\u1\""), T("\"\\u12\""), T("\"\\u123\""), T("\"\\u123"), T("\"\\u12G4\""), T("\"\\u 123\""), T("\"\\u+123\""),
    T("\"\\u-123\""), T("\"\\\xC3\xA9\""), T("\"\\\n\""), T("\"\n\""), T("\"\t\""), T("\"\r\""), T("\"\0\""), T("\"\x01\""), T("\"\x1F\""),
    T("\"1234567\n\""), T("\"12345678\n\""), T("\"a\"b"), T("\"a\" \"b\""), T("\"\\ud83c\\u\""), T("\"\\\0\""),
    /* section 8.1: UTF-8 */
    T("\"\x80\""), T("\"\xBF\""), T("\"\xC0\x80\""), T("\"\xC1\xBF\""), T("\"\xC3\""), T("\"\xC3\x28\""), T("\"\xE0\x80\x80\""),
    T("\"\xE0\x9F\xBF\""), T("\"\xE2\x82\""), T("\"\xE2\x28\xA1\""), T("\"\xED\xA0\x80\""), T("\"\xED\xBF\xBF\""), T("\"\xF0\x80\x80\x80\""),
    T("\"\xF0\x8F\xBF\xBF\""), T("\"\xF0\x9F\x8E\""), T("\"\xF4\x90\x80\x80\""), T("\"\xF5\x80\x80\x80\""), T("\"\xF8\x88\x80\x80\x80\""),
    T("\"\xFF\""), T("\"\xFE\""), T("\xC3\xA9"), T("[\xC3\xA9]"), T("{\"\xFF\":1}"), T("\xFF"), T("\xFE\xFF\0[\0]"), T("[\0\0\0]\0\0\0"),
    T("\"\xE9\""), T("\"\xC3\xA9\x80\""), T("\"12345678\xE2\x82\""),
};

static void test_valid(void **state) {
  (void)state;
  size_t disagreements = 0;
  for (size_t i = 0; i < sizeof valid_texts / sizeof valid_texts[0]; i++) {
    const sample *s = &valid_texts[i];
    assert_verdict(s->text, s->size, true);
    verdict v = judge(s->text, s->size);
    if (v == REFUSED) fail_msg("jansson refuses %s", s->text);
    disagreements += v == UNDECIDED;
  }
  assert_int_equal(disagreements, 11); /* no more than known_disagreement names */
}

static void test_invalid(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof invalid_texts / sizeof invalid_texts[0]; i++) {
    const sample *s = &invalid_texts[i];
    assert_verdict(s->text, s->size, false);
    if (judge(s->text, s->size) == ACCEPTED) fail_msg("jansson accepts %.*s", (int)s->size, s->text);
  }
}

/* ---- generated texts ---- */

static uint64_t random_state;

static uint32_t next(uint32_t below) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(random_state >> 33) % below;
}

static void pick(buf *b, const char *const *choices, uint32_t count) { buf_text(b, choices[next(count)]); }
#define PICK(b, ...) pick(b, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void space(buf *b) { PICK(b, "", "", "", " ", "\n", "\t ", "\r\n", "          ", "\n        "); }

static void generate_string(buf *b) {
  buf_byte(b, '"');
  for (uint32_t n = next(12); n; n--)
    PICK(b, "a", "Z", " ", "0", "text", "eight by", "\\n", "\\t", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9", "\\uD83C\\uDFA4", "\\uABCD",
         "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8E\xA4", "\x7F", "'", "{", "]", ",", "\\ud800", "\\u0000", "\\b\\f\\r");
  buf_byte(b, '"');
}

static void generate_number(buf *b) {
  PICK(b, "", "-");
  PICK(b, "0", "1", "7", "12", "900", "123456789", "9007199254740993", "9223372036854775807", "99999999999999999999");
  PICK(b, "", "", ".0", ".5", ".125", ".000001", ".3333333333333333");
  PICK(b, "", "", "e0", "E5", "e-7", "e+22", "e300", "e-320", "e400");
}

static void generate(buf *b, int depth) {
  uint32_t kind = next(depth > 0 ? 8 : 5);
  space(b);
  if (kind == 0) {
    PICK(b, "null", "true", "false");
  } else if (kind < 3) {
    generate_number(b);
  } else if (kind < 5) {
    generate_string(b);
  } else {
    bool object = kind == 7;
    buf_byte(b, object ? '{' : '[');
    for (uint32_t i = 0, n = next(5); i < n; i++) {
      if (i) buf_byte(b, ',');
      if (object) {
        space(b);
        generate_string(b);
        space(b);
        buf_byte(b, ':');
      }
      generate(b, depth - 1);
    }
    space(b);
    buf_byte(b, object ? '}' : ']');
  }
  space(b);
}

/* One small damage, which may or may not break the text. */
static void damage(buf *b) {
  static const char bytes[] = "{}[]\",:\\/0123456789eE+-. \n\ttrufalsn\x01\x80\xC3\xE2\xF0\xFF";
  if (!b->size) return;
  size_t at = next((uint32_t)b->size);
  uint8_t byte = next(8) ? (uint8_t)bytes[next(sizeof bytes - 1)] : (uint8_t)next(256);
  switch (next(4)) {
  case 0: b->data[at] = byte; break;
  case 1: memmove(b->data + at, b->data + at + 1, --b->size - at); break;
  case 2: b->size = at; break;
  default:
    buf_byte(b, 0);
    memmove(b->data + at + 1, b->data + at, b->size - 1 - at);
    b->data[at] = byte;
  }
}

static void test_agrees_with_jansson(void **state) {
  (void)state;
  int rounds = scaled_down(100000);
  size_t counts[3] = {0};
  buf b;
  buf_init(&b, 1 << 20);
  random_state = 88172645463325252u;
  for (int i = 0; i < rounds; i++) {
    buf_clear(&b);
    generate(&b, 4);
    for (uint32_t n = next(3); n; n--) damage(&b);
    verdict v = judge((const char *)b.data, b.size);
    bool ours = accepted((const char *)b.data, b.size);
    if (v != UNDECIDED && ours != (v == ACCEPTED)) fail_msg("round %d: %.*s", i, (int)b.size, (char *)b.data);
    if (!memchr(b.data, 0, b.size) && ours && !accepted_inside("{\"unknown\":", (char *)b.data, b.size, "}"))
      fail_msg("round %d, inside: %.*s", i, (int)b.size, (char *)b.data);
    counts[v]++;
  }
  print_message("%zu refused, %zu accepted, %zu undecided\n", counts[REFUSED], counts[ACCEPTED], counts[UNDECIDED]);
  assert_true(counts[REFUSED] > (size_t)rounds / 5 && counts[ACCEPTED] > (size_t)rounds / 5);
  buf_deinit(&b);
}

/* Strings and numbers have the values that jansson gives them. */
static void test_values_agree(void **state) {
  (void)state;
  buf b;
  buf_init(&b, 1 << 20);
  random_state = 1234567;
  for (int i = 0, rounds = scaled_down(20000); i < rounds; i++) {
    arena a;
    void *out;
    buf_clear(&b);
    buf_text(&b, "{\"description\":");
    generate_string(&b);
    buf_text(&b, ",\"minimum\":");
    generate_number(&b);
    buf_text(&b, "}");
    json_error_t error;
    json_t *json = json_loadb((char *)b.data, b.size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    arena_init(&a, 1 << 20);
    genai_status status = wire_read(&a, &wire_schema, (char *)b.data, b.size, NULL, &out, NULL);
    const genai_schema *schema = out;
    if (json) {
      assert_int_equal(status, GENAI_OK);
      assert_true(schema->minimum.value == json_real_value(json_object_get(json, "minimum")));
      const json_t *text = json_object_get(json, "description");
      if (!memchr(json_string_value(text), 0, json_string_length(text)))
        assert_string_equal(schema->description, json_string_value(text));
    } else if (json_error_code(&error) == json_error_numeric_overflow) {
      assert_int_equal(status, GENAI_ERROR_MESSAGE);
    }
    json_decref(json);
    arena_deinit(&a);
  }
  buf_deinit(&b);
}

/* ---- depth, cuts, time ---- */

static void assert_depth(char opener, size_t levels, unsigned depth_max, genai_status status) {
  buf b;
  genai_error error = {0};
  buf_init(&b, 1 << 20);
  for (size_t i = 0; i < levels; i++) buf_text(&b, opener == '{' ? "{\"a\":" : "[");
  buf_text(&b, "1");
  for (size_t i = 0; i < levels; i++) buf_byte(&b, opener == '{' ? '}' : ']');
  assert_int_equal(wire_json_check((char *)b.data, b.size, depth_max, &error), status);
  if (status != GENAI_OK) assert_non_null(strstr(error.message, "nested too deeply"));
  buf_deinit(&b);
}

static void test_depth(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    char opener = "[{"[i];
    assert_depth(opener, 100, 0, GENAI_OK);
    assert_depth(opener, 101, 0, GENAI_ERROR_LIMIT);
    assert_depth(opener, 1, 1, GENAI_OK);
    assert_depth(opener, 2, 1, GENAI_ERROR_LIMIT);
    assert_depth(opener, 1000, 5000, GENAI_OK);
    assert_depth(opener, 1001, 5000, GENAI_ERROR_LIMIT);
    assert_depth(opener, 100000, 5000, GENAI_ERROR_LIMIT);
  }
}

static void test_cut_everywhere(void **state) {
  (void)state;
  static const char text[] = "{ \"a\" : [ 1.5e+3 , -0 , \"\\u00e9\\n\xE2\x82\xAC\" , true , false , null , { } , [ ] ] , \"b\" : { \"c\" : \"12345678\" } }";
  size_t size = sizeof text - 1;
  assert_true(accepted(text, size));
  for (size_t i = 0; i < size; i++)
    if (accepted(text, i)) fail_msg("%.*s", (int)i, text);
}

/* A text of 8 MB of one kind takes time in proportion, not its square. */
static void test_long_texts(void **state) {
  (void)state;
  static const char *const pieces[] = {" ", "\\n", "[],", "{},", "\xE2\x82\xAC", "1", "\\uD800", "\"a\":1,"};
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    size_t size = (size_t)scaled_down(8 << 20), piece = strlen(pieces[i]);
    char *text = malloc(size);
    for (size_t at = 0; at < size; at++) text[at] = pieces[i][at % piece];
    clock_t start = clock();
    text[0] = pieces[i][0] == '"' ? '{' : pieces[i][piece - 1] == ',' ? '[' : '"';
    accepted(text, size);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 5);
    free(text);
  }
}

static void test_places(void **state) {
  (void)state;
  static const struct { const char *text, *place; } cases[] = {
      {"[1,\n 2,\n  x]", "line 3, column 3 (byte 10)"},
      {"x", "line 1, column 1 (byte 0)"},
      {"{\"\xC3\xA9\": \xC3\xA9}", "line 1, column 7 (byte 7)"},
      {"[1", "line 1, column 3 (byte 2)"},
      {"[1]\n\n2", "line 3, column 1 (byte 5)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    genai_error error = {0};
    assert_int_equal(wire_json_check(cases[i].text, strlen(cases[i].text), 0, &error), GENAI_ERROR_ARGUMENT);
    if (!strstr(error.message, cases[i].place)) fail_msg("%s: %s", cases[i].text, error.message);
  }
  assert_int_equal(wire_json_check("[", 1, 0, NULL), GENAI_ERROR_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_valid),        cmocka_unit_test(test_invalid), cmocka_unit_test(test_agrees_with_jansson),
      cmocka_unit_test(test_values_agree), cmocka_unit_test(test_depth),   cmocka_unit_test(test_cut_everywhere),
      cmocka_unit_test(test_long_texts),   cmocka_unit_test(test_places),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
