/* The parser of recorded sessions, the comparison, and the voice that plays them back. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver.h"

#define SESSION ">8 {\"a\":1}\n<4 one\n<4 two\n>8 {\"b\":2}\n>8 {\"c\":3}\n<6 three\n"

static void parses_records(void **state) {
  (void)state;
  recording r;
  assert_int_equal(recording_parse(&r, SESSION, strlen(SESSION), NULL), GENAI_OK);
  assert_int_equal(r.count, 6);
  assert_true(r.records[0].client);
  assert_int_equal(r.records[0].size, 7);
  assert_memory_equal(r.records[0].payload, "{\"a\":1}", 7);
  assert_false(r.records[5].client);
  assert_memory_equal(r.records[5].payload, "three", 5);
  recording_deinit(&r);
}

static void says_where_it_is_malformed(void **state) {
  (void)state;
  static const struct {
    const char *text, *where;
  } cases[] = {
      {"", "at byte 0 there is no record"},
      {"x", "at byte 0 a record does not begin with > or <"},
      {"> {}\n", "at byte 1 a record's length is missing"},
      {">0 ", "at byte 2 a record's length is missing"},
      {">3", "at byte 2 no space follows a record's length"},
      {">3{}\n", "at byte 2 no space follows a record's length"},
      {">99999999999 {}\n", "at byte 11 no space follows a record's length"},
      {">4 {}\n", "at byte 3 the text ends inside a record"},
      {">2 {}\n", "at byte 4 a record does not end in a newline"},
      {">3 {}\n\n", "at byte 6 a record does not begin with > or <"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    recording r;
    genai_error error = {0};
    assert_int_equal(recording_parse(&r, cases[i].text, strlen(cases[i].text), &error), GENAI_ERROR_ARGUMENT);
    if (!strstr(error.message, cases[i].where)) fail_msg("%s: %s", cases[i].text, error.message);
    assert_null(r.records);
  }
  for (size_t cut = 1; cut < strlen(SESSION); cut++) {
    recording r;
    genai_status status = recording_parse(&r, SESSION, cut, NULL);
    assert_int_equal(status, SESSION[cut - 1] == '\n' ? GENAI_OK : GENAI_ERROR_ARGUMENT);
    recording_deinit(&r);
  }
}

static void compares_as_json(void **state) {
  (void)state;
  static const struct {
    const char *expected, *actual, *place;
  } cases[] = {
      {"{\"a\":1,\"b\":[true,null]}", "{ \"b\" : [true, null], \"a\" : 1.0 }", NULL},
      {"{\"a\":1e3}", "{\"a\":1000}", NULL},
      {"{\"a\":{\"b\":[1,2]}}", "{\"a\":{\"b\":[1,3]}}", "a.b[1]"},
      {"{\"a\":[1]}", "{\"a\":[1,2]}", "a[1]"},
      {"{\"a\":[1,2]}", "{\"a\":[1]}", "a[1]"},
      {"{\"a\":1}", "{\"a\":1,\"b\":2}", "b"},
      {"{\"a\":1,\"b\":2}", "{\"a\":1}", "b"},
      {"{\"a\":\"1\"}", "{\"a\":1}", "a"},
      {"{\"a\":true}", "{\"a\":false}", "a"},
      {"{\"m\":\"projects/REDACTED/locations/REDACTED/x\"}", "{\"m\":\"projects/p-1/locations/us-central1/x\"}", NULL},
      {"{\"m\":\"projects/REDACTED/x\"}", "{\"m\":\"projects/a/b/x\"}", "m"},
      {"{\"m\":\"REDACTED-x\"}", "{\"m\":\"a-x-x\"}", NULL},
      {"1", "2", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char place[100];
    json_t *expected = json_loads(cases[i].expected, JSON_DECODE_ANY, NULL);
    json_t *actual = json_loads(cases[i].actual, JSON_DECODE_ANY, NULL);
    assert_int_equal(recording_same(expected, actual, place, sizeof place), cases[i].place == NULL);
    if (cases[i].place) assert_string_equal(place, cases[i].place);
    char tight[4];
    recording_same(expected, actual, tight, sizeof tight);
    assert_true(strlen(tight) < sizeof tight);
    json_decref(expected);
    json_decref(actual);
  }
}

/* A text of the service that is not JSON is sent as it is, so expectations are on the raw action. */
static void expect_raw(driver *d, const char *text) {
  assert_true(service_next(d->service, d->now_ms, &d->action));
  assert_int_equal(d->action.kind, SERVICE_SEND);
  assert_int_equal(d->action.size, strlen(text));
  assert_string_equal(d->action.text, text);
}

static void plays_back_in_order(void **state) {
  (void)state;
  recording r;
  driver d;
  assert_int_equal(recording_parse(&r, SESSION, strlen(SESSION), NULL), GENAI_OK);
  driver_open(&d, &(service_options){.recording = &r}, NULL);
  driver_expect_nothing(&d, 1000);
  driver_send(&d, "{ \"a\": 1 }");
  driver_send(&d, "{\"b\":2.0}"); /* before the answer was read */
  expect_raw(&d, "one");
  expect_raw(&d, "two");
  assert_false(service_next(d.service, d.now_ms, &d.action));
  driver_send(&d, "{\"c\":3}");
  expect_raw(&d, "three");
  driver_expect_nothing(&d, 1000000); /* stays open */
  driver_send(&d, "{}");
  driver_expect_close(&d, 1011, "input chunk mismatch: the recorded client sent nothing more");
  driver_close(&d);
  recording_deinit(&r);
}

static void closes_on_a_difference(void **state) {
  (void)state;
  recording r;
  driver d;
  assert_int_equal(recording_parse(&r, SESSION, strlen(SESSION), NULL), GENAI_OK);
  driver_open(&d, &(service_options){.recording = &r}, NULL);
  driver_send(&d, "{\"a\":2}");
  driver_expect_close(&d, 1011, "input chunk mismatch: record 1 differs at a");
  driver_close(&d);
  driver_open(&d, &(service_options){.recording = &r}, NULL);
  driver_send(&d, "{\"a\":");
  driver_expect_close(&d, 1011, "input chunk mismatch: record 1: not JSON");
  driver_close(&d);
  recording_deinit(&r);
}

/* Each recorded conversation with the service plays back against its own client. */
static void real_recordings_play_back(void **state) {
  (void)state;
  const char *folder = PROJECT_DIR "/../shared/recordings";
  DIR *directory = opendir(folder);
  if (!directory) {
    print_message("skipped: %s is missing\n", folder);
    skip();
  }
  int played = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    char path[1024];
    if (!strstr(entry->d_name, ".websocket.log")) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    recording r;
    genai_error error = {0};
    if (recording_load(&r, path, &error)) fail_msg("%s", error.message);
    driver d;
    driver_open(&d, &(service_options){.recording = &r}, NULL);
    for (size_t i = 0; i < r.count; i++) {
      if (r.records[i].client) {
        service_receive(d.service, 0, r.records[i].payload, r.records[i].size);
        continue;
      }
      assert_true(service_next(d.service, 0, &d.action));
      assert_int_equal(d.action.size, r.records[i].size);
      assert_memory_equal(d.action.text, r.records[i].payload, r.records[i].size);
    }
    driver_expect_nothing(&d, 1000);
    driver_close(&d);
    recording_deinit(&r);
    played++;
  }
  closedir(directory);
  assert_true(played > 0);
}

static void a_missing_file_is_a_sentence(void **state) {
  (void)state;
  recording r;
  genai_error error = {0};
  assert_int_equal(recording_load(&r, "/no/such.log", &error), GENAI_ERROR_SYSTEM);
  assert_string_equal(error.message, "/no/such.log could not be read: No such file or directory.");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parses_records),
      cmocka_unit_test(says_where_it_is_malformed),
      cmocka_unit_test(compares_as_json),
      cmocka_unit_test(plays_back_in_order),
      cmocka_unit_test(closes_on_a_difference),
      cmocka_unit_test(real_recordings_play_back),
      cmocka_unit_test(a_missing_file_is_a_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
