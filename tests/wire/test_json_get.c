#include "genai/json.h"

#include <stdio.h>

#include "base/memory.h"
#include "codec_support.h"
#include "tests/net/fail_alloc.h"

static const char text[] =
    " { \"location\" : \"Z\\u00fcrich\", \"days\": 3, \"max\":\"9223372036854775807\", \"big\": 1e3, \"half\":0.5, \"yes\":true,\"no\":false,\"none\":null,"
    "\"list\":[10,[20,21],{\"id\":\"x\"}],\"empty\":{},\"\":{\"\":1},\"\\u0061\\\"b\":7,\"twice\":1,\"twice\":{\"a\":2},\"nul\":\"a\\u0000b\"} ";

static void assert_string(const char *path, const char *expected) {
  char out[20] = "?";
  assert_int_equal(genai_json_get_string(text, path, out, sizeof out), expected != NULL);
  assert_string_equal(out, expected ? expected : "");
  char *copy = genai_json_copy_string(text, path);
  if (expected)
    assert_string_equal(copy, expected);
  else
    assert_null(copy);
  mem_free(copy);
}

static void test_strings(void **state) {
  (void)state;
  assert_string("location", "Z\xC3\xBCrich");
  assert_string("list[2].id", "x");
  assert_string("max", "9223372036854775807");
  assert_string("nul", "a\xEF\xBF\xBD" "b");
  static const char *const none[] = {"days", "yes", "none", "list", "empty", "nowhere", "location.x", "location[0]", "list[3].id", "list.id",
                                     "list[2].", "list[2]id", "list[", "list[]", "list[-1]", "list[x]", "list[99999999999999999999]", ".location", "", "."};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) assert_string(none[i], NULL);
  assert_string(NULL, NULL);
  char out[8] = "?";
  assert_false(genai_json_get_string(text, "location", out, 7));
  assert_string_equal(out, "");
  assert_true(genai_json_get_string(text, "location", out, 8));
  assert_false(genai_json_get_string(text, "location", out, 0));
  assert_true(genai_json_get_string("\"a\"", NULL, out, 8));
  assert_string_equal(out, "a");
}

static void test_others(void **state) {
  (void)state;
  int64_t whole = -1;
  double number = -1;
  bool flag = false;
  assert_true(genai_json_get_int64(text, "days", &whole) && whole == 3);
  assert_true(genai_json_get_int64(text, "max", &whole) && whole == INT64_MAX);
  assert_true(genai_json_get_int64(text, "big", &whole) && whole == 1000);
  assert_true(genai_json_get_int64(text, "list[1][1]", &whole) && whole == 21);
  assert_true(genai_json_get_int64(text, "a\"b", &whole) && whole == 7);
  assert_true(genai_json_get_int64(text, "twice.a", &whole) && whole == 2);
  assert_true(genai_json_get_double(text, "half", &number) && number == 0.5);
  assert_true(genai_json_get_double(text, "days", &number) && number == 3);
  assert_true(genai_json_get_bool(text, "yes", &flag) && flag);
  assert_true(genai_json_get_bool(text, "no", &flag) && !flag);
  whole = 5;
  assert_false(genai_json_get_int64(text, "half", &whole));
  assert_false(genai_json_get_int64(text, "location", &whole));
  assert_false(genai_json_get_int64(text, "none", &whole));
  assert_int_equal(whole, 5);
  assert_false(genai_json_get_double(text, "max", &number));
  assert_false(genai_json_get_double(text, "yes", &number));
  assert_false(genai_json_get_bool(text, "none", &flag));
  assert_false(genai_json_get_bool(text, "days", &flag));
  const char *value;
  size_t size;
  assert_true(genai_json_get(text, "list[1]", &value, &size));
  assert_int_equal(size, 7);
  assert_memory_equal(value, "[20,21]", 7);
  assert_int_equal(genai_json_count(text, "list"), 3);
  assert_int_equal(genai_json_count(text, "empty"), 0);
  assert_int_equal(genai_json_count(text, "twice"), 1);
  assert_int_equal(genai_json_count(text, NULL), 15);
  assert_int_equal(genai_json_count(text, "days"), 0);
  assert_int_equal(genai_json_count(NULL, NULL), 0);
}

/* Damaged at every byte, or cut there: an answer or none, never more. */
static void test_any_text(void **state) {
  (void)state;
  static const char *const paths[] = {"nul", "list[2].id", "twice.a", "x[0]", ""};
  char out[32];
  for (size_t i = 0; i < sizeof text; i++)
    for (size_t p = 0; p < sizeof paths / sizeof paths[0]; p++) {
      char *cut = strndup(text, i), *damaged = strndup(text, sizeof text);
      genai_json_get_string(cut, paths[p], out, sizeof out);
      assert_int_equal(genai_json_get_string(cut, "nul", out, sizeof out), i >= sizeof text - 2);
      if (damaged[i]) damaged[i] = "\"{[]},:\\x\xFF"[i % 9];
      genai_json_get_string(damaged, paths[p], out, sizeof out);
      genai_json_count(damaged, paths[p]);
      free(cut);
      free(damaged);
    }
  assert_false(genai_json_get_string(NULL, "a", out, sizeof out));
  assert_false(genai_json_get_string("", "a", out, sizeof out));
}

static void test_quote(void **state) {
  (void)state;
  char *quoted = genai_json_quote("a\"\\\n\x01\xC3\xA9");
  assert_string_equal(quoted, "\"a\\\"\\\\\\n\\u0001\xC3\xA9\"");
  mem_free(quoted);
  assert_null(genai_json_quote(NULL));
  assert_null(genai_json_quote("\xFF"));
  genai_error error = {0};
  assert_int_equal(genai_json_check(text, &error), GENAI_OK);
  assert_int_equal(genai_json_check("[1,]", &error), GENAI_ERROR_ARGUMENT);
  assert_non_null(strstr(error.message, "line 1, column 4"));
  assert_int_equal(genai_json_check(NULL, NULL), GENAI_ERROR_ARGUMENT);
}

static void test_each_allocation_fails(void **state) {
  (void)state;
  for (long n = 1;; n++) {
    char out[20];
    int64_t whole;
    fail_alloc_use(n);
    bool got = genai_json_get_string(text, "location", out, sizeof out);
    bool found = genai_json_get_int64(text, "a\"b", &whole);
    char *quoted = genai_json_quote("0123456789");
    bool all = got && found && quoted;
    mem_free(quoted);
    assert_int_equal(fail_alloc.alive, 0);
    if (!fail_alloc_done()) {
      assert_true(all);
      break;
    }
    assert_false(all);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_strings), cmocka_unit_test(test_others), cmocka_unit_test(test_any_text),
      cmocka_unit_test(test_quote),   cmocka_unit_test(test_each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
