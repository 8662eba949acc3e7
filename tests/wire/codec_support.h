/* Short words for the codec's tests. */
#ifndef GENAI_TESTS_WIRE_CODEC_SUPPORT_H
#define GENAI_TESTS_WIRE_CODEC_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/reader.h"
#include "wire/tables.h"
#include "wire/writer.h"

#define MAYBE_UNUSED __attribute__((unused))

/* The text stands in an allocation of exactly its size, so that a sanitizer sees the first byte read beyond it. */
MAYBE_UNUSED static genai_status read_bytes_as(arena *a, const wire_message *type, const char *text, size_t size,
                                               const wire_limits *limits, void **out, genai_error *error) {
  char *exact = malloc(size ? size : 1);
  memcpy(exact, text, size);
  genai_status status = wire_read(a, type, exact, size, limits, out, error);
  assert_memory_equal(exact, text, size);
  free(exact);
  return status;
}

/* Reads a text that must be valid; the arena is the caller's. */
MAYBE_UNUSED static void *read_as(arena *a, const wire_message *type, const char *text) {
  void *out = NULL;
  genai_error error = {0};
  arena_init(a, 1 << 24);
  if (read_bytes_as(a, type, text, strlen(text), NULL, &out, &error) != GENAI_OK) fail_msg("%s: %s", text, error.message);
  assert_non_null(out);
  return out;
}

/* Reads a text that must be refused, with these words in the sentence. */
MAYBE_UNUSED static void assert_refused(const wire_message *type, const char *text, const wire_limits *limits,
                                        genai_status status, const char *words) {
  arena a;
  void *out = &a;
  genai_error error = {0};
  arena_init(&a, 1 << 24);
  genai_status got = read_bytes_as(&a, type, text, strlen(text), limits, &out, &error);
  if (got != status || !strstr(error.message, words)) fail_msg("%s: %s: %s", text, genai_status_name(got), error.message);
  assert_int_equal(error.status, status);
  assert_null(out);
  arena_deinit(&a);
}

/* The value as text; the caller frees it. */
MAYBE_UNUSED static char *written(const wire_message *type, const void *value) {
  buf b;
  genai_error error = {0};
  buf_init(&b, 1 << 24);
  if (wire_write(&b, type, value, NULL, &error) != GENAI_OK) fail_msg("%s", error.message);
  char *text = malloc(b.size + 1);
  memcpy(text, b.data, b.size);
  text[b.size] = '\0';
  buf_deinit(&b);
  return text;
}

/* What is read is written as `expected`. */
MAYBE_UNUSED static void assert_becomes(const wire_message *type, const char *text, const char *expected) {
  arena a;
  char *back = written(type, read_as(&a, type, text));
  assert_string_equal(back, expected);
  free(back);
  arena_deinit(&a);
}

MAYBE_UNUSED static void assert_round_trip(const wire_message *type, const char *text) { assert_becomes(type, text, text); }

#endif
