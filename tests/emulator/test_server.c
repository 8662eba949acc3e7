/* The emulator over loopback, with a client of another make. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client.h"
#include "driver.h"
#include "emulator/emulator.h"

#define SETUP "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}}}"
#define VERTEX_SETUP "{\"setup\":{\"model\":\"projects/p/locations/l/publishers/google/models/m\"}}"
#define SPEECH_SETUP "{\"setup\":{\"model\":\"models/m\"}}"

static const emulator_options plain = {.plain = true, .fast = true, .no_speech = true};

static emulator *start(const emulator_options *options) {
  emulator *e;
  genai_error error = {0};
  if (emulator_start(&e, options, &error)) fail_msg("%s", error.message);
  return e;
}

static void set_up(client *c, const char *first) {
  assert_int_equal(c->status, 101);
  client_send_text(c, first);
  assert_non_null(json_object_get(client_expect(c), "setupComplete"));
}

static void expect_close(client *c, int code, const char *reason) {
  assert_int_equal(client_read(c), 8);
  assert_int_equal(c->close_code, code);
  if (c->size > 2 || *reason) assert_string_equal((char *)c->payload + 2, reason);
}

static void converses(client *c) {
  char text[256] = "";
  set_up(c, SETUP);
  client_send_text(
      c, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"Hello over there\"}]}],\"turnComplete\":true}}");
  while (!driver_at(client_expect(c), "serverContent.turnComplete")) {
    json_t *part = driver_at(c->message, "serverContent.modelTurn.parts.0.text");
    if (part) strcat(text, json_string_value(part));
  }
  assert_string_equal(text, "You said: \"Hello over there\"");
}

static void converses_over_tls(void **state) {
  (void)state;
  emulator *e = start(&(emulator_options){.fast = true});
  client c;
  char url[64];
  snprintf(url, sizeof url, "https://127.0.0.1:%d", emulator_port(e));
  assert_string_equal(emulator_url(e), url);
  client_open(&c, emulator_port(e), emulator_ca_pem(e), GEMINI_PATH, KEY_HEADER);
  converses(&c);
  client_send(&c, 8, "\x03\xE8 bye", 6);
  expect_close(&c, 1000, "");
  assert_int_equal(client_read(&c), 0); /* the server ends the connection */
  client_close(&c);
  emulator_stop(e);
}

/* Every path and every way to show a key that the SDKs use. */
static void lets_the_sdks_in(void **state) {
  (void)state;
  static const struct {
    const char *path, *headers;
  } ways[] = {
      {GEMINI_PATH, KEY_HEADER},
      {"/" GEMINI_PATH "?key=k", NULL},
      {"/prefix" GEMINI_PATH "?alt=x&key=%6B", NULL},
      {"/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent",
       "X-Goog-Api-Key: k\r\nUser-Agent: u\r\nContent-Type: application/json\r\n"},
      {"/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent?access_token=k", NULL},
      {VERTEX_PATH, "Authorization: Bearer k\r\n"},
      {"/" VERTEX_PATH, "authorization: bearer k\r\n"},
      {VERTEX_PATH, KEY_HEADER},
  };
  emulator_options options = plain;
  options.key = "k";
  emulator *e = start(&options);
  assert_null(emulator_ca_pem(e));
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    client c;
    client_open(&c, emulator_port(e), NULL, ways[i].path, ways[i].headers);
    if (c.status != 101) fail_msg("%s: %s", ways[i].path, c.head);
    assert_null(strstr(c.head, "permessage-deflate"));
    set_up(&c, strstr(ways[i].path, "aiplatform") ? VERTEX_SETUP : SETUP);
    client_close(&c);
  }
  emulator_stop(e);
}

static void refuses_at_the_door(void **state) {
  (void)state;
  static const struct {
    const char *path, *headers;
    int status;
    const char *code;
  } ways[] = {
      {"/", KEY_HEADER, 404, "NOT_FOUND"},
      {"/ws/google.ai.generativelanguage.v2.GenerativeService.BidiGenerateContent", KEY_HEADER, 404, "NOT_FOUND"},
      {GEMINI_PATH "/more", KEY_HEADER, 404, "NOT_FOUND"},
      {"/x?" GEMINI_PATH, KEY_HEADER, 404, "NOT_FOUND"},
      {GEMINI_PATH, NULL, 403, "PERMISSION_DENIED"},
      {GEMINI_PATH "?key=", NULL, 403, "PERMISSION_DENIED"},
      {VERTEX_PATH, NULL, 401, "UNAUTHENTICATED"},
      {VERTEX_PATH, "Authorization: Bearer other\r\n", 401, "UNAUTHENTICATED"},
      {GEMINI_PATH, KEY_HEADER "Sec-WebSocket-Key: x\r\n", 400, "INVALID_ARGUMENT"},
      {"/a b", KEY_HEADER, 400, "INVALID_ARGUMENT"},
  };
  emulator_options options = plain;
  options.key = "k";
  emulator *e = start(&options);
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    client c;
    client_open(&c, emulator_port(e), NULL, ways[i].path, ways[i].headers);
    if (c.status != ways[i].status) fail_msg("%s: %s", ways[i].path, c.head);
    json_t *body = json_loads(strstr(c.head, "\r\n\r\n") + 4, 0, NULL);
    assert_int_equal(json_integer_value(driver_at(body, "error.code")), c.status);
    assert_string_equal(json_string_value(driver_at(body, "error.status")), ways[i].code);
    assert_non_null(json_string_value(driver_at(body, "error.message")));
    json_decref(body);
    client_close(&c);
  }
  client c;
  client_open(&c, emulator_port(e), NULL, GEMINI_PATH, "x-goog-api-key: wrong\r\n");
  assert_int_equal(c.status, 101);
  expect_close(&c, 1007, "API key not valid. Please pass a valid API key.");
  client_close(&c);
  emulator_stop(e);
}

static void refusals_reach_the_client(void **state) {
  (void)state;
  emulator *e = start(&plain);
  client c;
  client_open(&c, emulator_port(e), NULL, GEMINI_PATH, KEY_HEADER);
  client_send_text(&c, "{\"setup\":{\"model\":\"nothing\"}}");
  expect_close(&c, 1008,
               "nothing is not found for API version v1beta, or is not supported for bidiGenerateContent. Call "
               "ListModels to see the list o");
  client_send(&c, 8, c.payload, 2);
  assert_int_equal(client_read(&c), 0);
  client_close(&c);
  /* a client that breaks the protocol: not masked */
  client_open(&c, emulator_port(e), NULL, GEMINI_PATH, KEY_HEADER);
  client_write(&c, "\x81\x02{}", 4);
  expect_close(&c, 1002, "");
  client_close(&c);
  emulator_stop(e);
}

static void answers_pings_and_binary(void **state) {
  (void)state;
  emulator *e = start(&plain);
  client c;
  client_open(&c, emulator_port(e), NULL, GEMINI_PATH, KEY_HEADER);
  client_send(&c, 9, "are you there?", 14);
  assert_int_equal(client_read(&c), 10);
  assert_string_equal((char *)c.payload, "are you there?");
  client_send(&c, 2, SETUP, strlen(SETUP));
  assert_int_equal(client_read(&c), 2);
  assert_string_equal((char *)c.payload, "{\n  \"setupComplete\": {}\n}\n");
  client_close(&c);
  emulator_stop(e);
}

/* Frames in single bytes, and all at once with the request. */
static void pieces_do_not_matter(void **state) {
  (void)state;
  emulator *e = start(&plain);
  client c, together;
  client_open(&c, emulator_port(e), NULL, GEMINI_PATH, KEY_HEADER);
  unsigned char frame[256] = {0x81, (unsigned char)(0x80 | strlen(SETUP))};
  memcpy(frame + 6, SETUP, strlen(SETUP)); /* a mask of zeros */
  for (size_t i = 0; i < 6 + strlen(SETUP); i++) client_write(&c, frame + i, 1);
  assert_non_null(json_object_get(client_expect(&c), "setupComplete"));
  client_close(&c);
  char path[1024];
  snprintf(path, sizeof path,
           "%s HTTP/1.1\r\nHost: a\r\n" KEY_HEADER
           "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n%s",
           GEMINI_PATH, "\x89\x80\1\2\3\4");
  client_open(&together, emulator_port(e), NULL, path, NULL);
  assert_int_equal(together.status, 101);
  assert_int_equal(client_read(&together), 10);
  client_close(&together);
  emulator_stop(e);
}

static void speaks_over_the_wire(void **state) {
  (void)state;
  emulator *e = start(&plain);
  client c;
  size_t chunks = 0;
  client_open(&c, emulator_port(e), NULL, GEMINI_PATH, KEY_HEADER);
  set_up(&c, SPEECH_SETUP);
  client_send_text(&c, "{\"realtimeInput\":{\"text\":\"say something rather long to me, please\"}}");
  while (!driver_at(client_expect(&c), "serverContent.turnComplete"))
    chunks += driver_at(c.message, "serverContent.modelTurn.parts.0.inlineData") != NULL;
  assert_true(chunks > 5);
  client_close(&c);
  /* one that leaves while its sound is being made */
  client_open(&c, emulator_port(e), NULL, GEMINI_PATH, KEY_HEADER);
  set_up(&c, SPEECH_SETUP);
  client_send_text(&c, "{\"realtimeInput\":{\"text\":\"bye\"}}");
  client_close(&c);
  emulator_stop(e);
}

/* A client that reads nothing is not read either, and loses nothing once it reads. */
static void a_slow_reader_gets_everything(void **state) {
  (void)state;
  enum { TURNS = 2000 };
  emulator *e = start(&plain);
  client c;
  int complete = 0;
  client_open(&c, emulator_port(e), NULL, GEMINI_PATH, KEY_HEADER);
  set_up(&c, SETUP);
  for (int i = 0; i < TURNS; i++)
    client_send_text(&c, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"again\"}]}],\"turnComplete\":true}}");
  while (complete < TURNS) complete += driver_at(client_expect(&c), "serverContent.turnComplete") != NULL;
  client_close(&c);
  emulator_stop(e);
}

static void many_at_a_time(void **state) {
  (void)state;
  enum { MANY = 40 };
  emulator *e = start(&(emulator_options){.fast = true, .no_speech = true});
  static client clients[MANY];
  for (int i = 0; i < MANY; i++)
    client_open(&clients[i], emulator_port(e), emulator_ca_pem(e), GEMINI_PATH, KEY_HEADER);
  for (int i = 0; i < MANY; i++) converses(&clients[i]);
  for (int i = 0; i < MANY; i++) client_close(&clients[i]);
  emulator_stop(e);
}

static void stopping_tells_the_clients(void **state) {
  (void)state;
  emulator *e = start(&plain);
  client open, waiting;
  client_open(&open, emulator_port(e), NULL, GEMINI_PATH, KEY_HEADER);
  client_open(&waiting, emulator_port(e), NULL, GEMINI_PATH, KEY_HEADER);
  set_up(&open, SETUP);
  emulator_stop(e);
  expect_close(&open, 1001, "The emulator stops.");
  expect_close(&waiting, 1001, "The emulator stops.");
  client_close(&open);
  client_close(&waiting);
}

static void recordings_replay_over_the_wire(void **state) {
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
    assert_int_equal(recording_load(&r, path, NULL), GENAI_OK);
    emulator *e = start(&(emulator_options){.plain = true, .voice = EMULATOR_REPLAY, .replay = path});
    client c;
    client_open(&c, emulator_port(e), NULL, strstr(path, "Vertex") ? VERTEX_PATH : GEMINI_PATH, KEY_HEADER);
    for (size_t i = 0; i < r.count; i++) {
      if (r.records[i].client) {
        client_send(&c, 1, r.records[i].payload, r.records[i].size);
        continue;
      }
      assert_int_equal(client_read(&c), 2);
      assert_int_equal(c.size, r.records[i].size);
      assert_memory_equal(c.payload, r.records[i].payload, c.size);
    }
    client_send(&c, 8, "\x03\xE8", 2);
    expect_close(&c, 1000, "");
    client_close(&c);
    emulator_stop(e);
    recording_deinit(&r);
    played++;
  }
  closedir(directory);
  assert_true(played > 0);
}

static void log_line(void *user, const char *line) {
  char *log = user;
  strncat(log, line, 4000 - strlen(log));
  strcat(log, "\n");
}

static void the_log_holds_no_key(void **state) {
  (void)state;
  char log[4096] = "";
  emulator_options options = plain;
  options.log = log_line;
  options.user = log;
  emulator *e = start(&options);
  client c;
  client_open(&c, emulator_port(e), NULL, GEMINI_PATH "?key=s3cret", NULL);
  client_send_text(&c, "{\"setup\":{}}");
  assert_int_equal(client_read(&c), 8);
  client_close(&c);
  client_open(&c, emulator_port(e), NULL, "/wrong?key=s3cret", NULL);
  client_close(&c);
  emulator_stop(e);
  assert_null(strstr(log, "s3cret"));
  assert_non_null(
      strstr(log, "#1 opened: Gemini API v1beta\n#1 closing with 1007 Request contains an invalid argument.\n"));
  assert_non_null(strstr(log, "#2 refused with HTTP 404 Not Found\n"));
}

static void says_what_is_wrong_with_its_options(void **state) {
  (void)state;
  emulator *e, *first = start(&plain);
  genai_error error = {0};
  assert_int_equal(emulator_start(&e, &(emulator_options){.host = "0.0.0.0"}, &error), GENAI_ERROR_ARGUMENT);
  assert_non_null(strstr(error.message, "0.0.0.0 is not a loopback address."));
  assert_null(e);
  assert_int_equal(emulator_start(&e, &(emulator_options){.port = 65536}, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(emulator_start(&e, &(emulator_options){.voice = EMULATOR_REPLAY}, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(emulator_start(&e, &(emulator_options){.voice = EMULATOR_REPLAY, .replay = "/no/such"}, &error),
                   GENAI_ERROR_SYSTEM);
  assert_int_equal(emulator_start(&e, &(emulator_options){.plain = true, .ca_out = "x"}, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(emulator_start(&e, &(emulator_options){.ca_out = "/no/such/ca.pem"}, &error), GENAI_ERROR_SYSTEM);
  assert_int_equal(emulator_start(&e, &(emulator_options){.plain = true, .port = emulator_port(first)}, &error),
                   GENAI_ERROR_SYSTEM);
  assert_non_null(strstr(error.message, "Could not listen on 127.0.0.1 port"));
  emulator_stop(first);
  emulator_stop(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(converses_over_tls),
      cmocka_unit_test(lets_the_sdks_in),
      cmocka_unit_test(refuses_at_the_door),
      cmocka_unit_test(refusals_reach_the_client),
      cmocka_unit_test(answers_pings_and_binary),
      cmocka_unit_test(pieces_do_not_matter),
      cmocka_unit_test(speaks_over_the_wire),
      cmocka_unit_test(a_slow_reader_gets_everything),
      cmocka_unit_test(many_at_a_time),
      cmocka_unit_test(stopping_tells_the_clients),
      cmocka_unit_test(recordings_replay_over_the_wire),
      cmocka_unit_test(the_log_holds_no_key),
      cmocka_unit_test(says_what_is_wrong_with_its_options),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
