/* What the newest official SDK put on the wire for a config or a send call, or that it refused, on both backends:
 * tests/vectors/setup.jsonl and sends.jsonl. */
#include "wire/sends.h"
#include "wire/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "json_equal.h"

/* Cases in which this library knows better, each with its reason. */
static const struct exception {
  const char *name, *backend, *reason;
} exceptions[] = {
    {NULL, NULL, NULL},
};

static bool is_exception(const char *name, const char *backend) {
  for (const struct exception *e = exceptions; e->name; e++)
    if (strcmp(e->name, name) == 0 && strcmp(e->backend, backend) == 0) return true;
  return false;
}

static const char *text_of(const json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }

static genai_status run(buf *out, const json_t *c, genai_error *error) {
  wire_backend backend = strcmp(text_of(c, "backend"), "vertex") == 0 ? WIRE_BACKEND_VERTEX : WIRE_BACKEND_GEMINI;
  const char *method = text_of(c, "method");
  char *json = json_dumps(json_object_get(c, method ? "params" : "config"), JSON_COMPACT);
  genai_status status = GENAI_ERROR_ARGUMENT;
  static const struct { const char *method; genai_live_send_kind kind; } kinds[] = {
      {"sendClientContent", GENAI_LIVE_SEND_CLIENT_CONTENT},
      {"sendRealtimeInput", GENAI_LIVE_SEND_REALTIME_INPUT},
      {"sendToolResponse", GENAI_LIVE_SEND_TOOL_RESPONSE},
      {"sendContextUpdate", GENAI_LIVE_SEND_CONTEXT_UPDATE},
  };
  if (!method)
    status = wire_setup_write(out, &(wire_setup_params){.backend = backend, .model = text_of(c, "model"), .project = "p1",
                                                        .location = "us-central1", .config_json = json}, error);
  for (size_t i = 0; method && i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(kinds[i].method, method) == 0)
      status = wire_send_json_write(out, backend, kinds[i].kind, json, strlen(json), NULL, error);
  free(json);
  return status;
}

static bool passes(const json_t *c) {
  genai_error error = {0};
  buf out;
  buf_init(&out, 1 << 20);
  genai_status status = run(&out, c, &error);
  bool refused = json_is_true(json_object_get(c, "error"));
  json_t *expected = json_object_get(c, "expect");
  json_t *written = status == GENAI_OK ? json_loadb((const char *)out.data, out.size, JSON_REJECT_DUPLICATES, NULL) : NULL;
  bool pass = refused ? status == GENAI_ERROR_ARGUMENT && error.message[0] : written && json_equal_by_value(expected, written);
  if (!pass)
    print_message("%s on %s: %.*s%s\n", text_of(c, "name"), text_of(c, "backend"), (int)out.size,
                  out.data ? (const char *)out.data : "", status == GENAI_OK ? "" : error.message);
  json_decref(written);
  buf_deinit(&out);
  return pass;
}

static void run_file(const char *path, size_t least) {
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  size_t cases = 0, failures = 0;
  while (!feof(file)) {
    json_t *c = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
    if (!c) break;
    cases++;
    bool pass = passes(c), excepted = is_exception(text_of(c, "name"), text_of(c, "backend"));
    if (pass == excepted) failures++; /* an exception that passes is none */
    json_decref(c);
  }
  fclose(file);
  print_message("%zu cases\n", cases);
  assert_int_equal(failures, 0);
  assert_true(cases >= least);
}

static void test_setup(void **state) {
  (void)state;
  run_file(TESTS_DIR "/vectors/setup.jsonl", 169);
}

static void test_sends(void **state) {
  (void)state;
  run_file(TESTS_DIR "/vectors/sends.jsonl", 136);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_setup), cmocka_unit_test(test_sends)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
