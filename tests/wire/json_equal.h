/* Equality of JSON as jansson reads it, with numbers by value: 40 is 40.0. */
#ifndef GENAI_TESTS_WIRE_JSON_EQUAL_H
#define GENAI_TESTS_WIRE_JSON_EQUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

static bool json_equal_by_value(const json_t *a, const json_t *b) {
  if (json_is_number(a) && json_is_number(b)) {
    double x = json_number_value(a), y = json_number_value(b);
    return !(x < y) && !(x > y);
  }
  if (json_typeof(a) != json_typeof(b)) return false;
  if (json_is_array(a)) {
    if (json_array_size(a) != json_array_size(b)) return false;
    for (size_t i = 0; i < json_array_size(a); i++)
      if (!json_equal_by_value(json_array_get(a, i), json_array_get(b, i))) return false;
    return true;
  }
  if (!json_is_object(a)) return json_equal(a, b);
  const char *key;
  json_t *value;
  if (json_object_size(a) != json_object_size(b)) return false;
  json_object_foreach((json_t *)(uintptr_t)a, key, value) {
    const json_t *other = json_object_get(b, key);
    if (!other || !json_equal_by_value(value, other)) return false;
  }
  return true;
}

#endif
