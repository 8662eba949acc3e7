#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "emulator/functions.h"

static json_t *load(const char *text) {
  json_t *value = json_loads(text, 0, NULL);
  assert_non_null(value);
  return value;
}

/* Calls found in `text`, as {"name": args, ...}. */
static void expect(const char *tools_text, const char *text, const char *expected_text) {
  function_call calls[FUNCTIONS_MAX];
  json_t *tools = load(tools_text), *expected = load(expected_text), *actual = json_object();
  size_t count = functions_find(tools, text, calls);
  for (size_t i = 0; i < count; i++)
    json_object_set_new(actual, json_string_value(json_object_get(calls[i].declaration, "name")), calls[i].args);
  if (!json_equal(expected, actual)) fail_msg("%s: %s", text, json_dumps(actual, 0));
  json_decref(tools);
  json_decref(expected);
  json_decref(actual);
}

#define NAMES                                                                                                 \
  "[{\"functionDeclarations\":[{\"name\":\"get_weather\"},{\"name\":\"get_weather_forecast\"}]},{\"function_" \
  "declarations\":[{\"name\":\"stopNow\"}]}]"

static void a_name_may_be_spelled_with_gaps(void **state) {
  (void)state;
  expect(NAMES, "get weather", "{\"get_weather\":{}}");
  expect(NAMES, "Please GET_WEATHER!", "{\"get_weather\":{}}");
  expect(NAMES, "run stopnow.", "{\"stopNow\":{}}");
  expect(NAMES, "the get-weather", "{\"get_weather\":{}}");
  expect(NAMES, "forget weather", "{}");
  expect(NAMES, "get weathering", "{}");
  expect(NAMES, "get the weather", "{}");
  expect(NAMES, "", "{}");
}

static void the_longest_name_counts(void **state) {
  (void)state;
  expect(NAMES, "get weather forecast", "{\"get_weather_forecast\":{}}");
  expect(NAMES, "get weather and stopNow", "{\"get_weather\":{},\"stopNow\":{}}");
}

#define ONE(schema) "[{\"functionDeclarations\":[{\"name\":\"f\",\"parameters\":" schema "}]}]"
#define OBJECT(properties, required) "{\"type\":\"OBJECT\",\"properties\":{" properties "},\"required\":[" required "]}"

static void required_properties_get_values(void **state) {
  (void)state;
  const char *mixed =
      ONE(OBJECT("\"city\":{\"type\":\"STRING\"},\"days\":{\"type\":\"INTEGER\"},\"share\":{\"type\":\"NUMBER\"},"
                 "\"now\":{\"type\":\"BOOLEAN\"},\"tags\":{\"type\":\"ARRAY\",\"items\":{\"type\":\"STRING\"}},"
                 "\"more\":{\"type\":\"STRING\"}",
                 "\"city\",\"days\",\"share\",\"now\",\"tags\""));
  expect(mixed, "f in New York for friends, 3 and 0.5",
         "{\"f\":{\"city\":\"New York\",\"days\":3,\"share\":0.5,\"now\":true,\"tags\":[\"friends\"]}}");
  expect(mixed, "f", "{\"f\":{\"city\":\"example\",\"days\":1,\"share\":1.0,\"now\":true,\"tags\":[\"example\"]}}");
}

static void enums_are_picked_by_mention(void **state) {
  (void)state;
  const char *unit = ONE(OBJECT("\"unit\":{\"type\":\"STRING\",\"enum\":[\"celsius\",\"fahrenheit\"]},\"mode\":{"
                                "\"type\":\"STRING\",\"enum\":[\"slow\",\"fast\"]}",
                                "\"unit\""));
  expect(unit, "f", "{\"f\":{\"unit\":\"celsius\"}}");
  expect(unit, "f in Fahrenheit, fast", "{\"f\":{\"unit\":\"fahrenheit\",\"mode\":\"fast\"}}");
}

static void json_schema_is_read_too(void **state) {
  (void)state;
  expect("[{\"functionDeclarations\":[{\"name\":\"f\",\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":{"
         "\"a\":{\"type\":[\"null\",\"integer\"],"
         "\"minimum\":5},\"b\":{\"anyOf\":[{\"type\":\"object\",\"properties\":{\"c\":{\"default\":\"d\"}},"
         "\"required\":[\"c\"]}]}},\"required\":[\"a\",\"b\"]}}]}]",
         "f", "{\"f\":{\"a\":5,\"b\":{\"c\":\"d\"}}}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_name_may_be_spelled_with_gaps), cmocka_unit_test(the_longest_name_counts),
      cmocka_unit_test(required_properties_get_values),  cmocka_unit_test(enums_are_picked_by_mention),
      cmocka_unit_test(json_schema_is_read_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
