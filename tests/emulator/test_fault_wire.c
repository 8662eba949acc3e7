/* The faults of the wire, over loopback, with a client of another make; and the ledger of what happened. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "driver.h"
#include "emulator/emulator.h"

#define SETUP "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"responseModalities\":[\"TEXT\"]},\"sessionResumption\":{%s}}}"
#define ASK(text) \
  "{\"clientContent\":{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" text "\"}]}],\"turnComplete\":true}}"

static emulator *e;
static char ledger[65536]; /* its beginning */
static int faults_suffered;

static void note(void *user, const char *line) {
  (void)user;
  faults_suffered += strstr(line, "\"event\":\"fault\"") != NULL;
  size_t used = strlen(ledger);
  snprintf(ledger + used, sizeof ledger - used, "%s\n", line);
}

static void start_with(const emulator_options *more, const char *const *faults) {
  genai_error error = {0};
  emulator_options options = *more;
  options.plain = options.fast = options.no_speech = true;
  options.faults = faults;
  options.ledger_line = note;
  *ledger = '\0';
  faults_suffered = 0;
  if (emulator_start(&e, &options, &error)) fail_msg("%s", error.message);
}

static void start(const char *line) { start_with(&(emulator_options){0}, (const char *const[]){line, NULL}); }

static int stop(void **state) {
  (void)state;
  emulator_stop(e);
  e = NULL;
  return 0;
}

static void open_client(client *c) { client_open(c, emulator_port(e), NULL, GEMINI_PATH, KEY_HEADER); }

static void send_setup(client *c, const char *resumption) {
  char first[400];
  snprintf(first, sizeof first, SETUP, resumption);
  client_send_text(c, first);
}

static void set_up(client *c) {
  open_client(c);
  assert_int_equal(c->status, 101);
  send_setup(c, "");
  assert_non_null(json_object_get(client_expect(c), "setupComplete"));
  assert_non_null(json_object_get(client_expect(c), "sessionResumptionUpdate"));
}

/* The answer to a question, with all messages that are none of it passed over. */
static void converse(client *c, const char *question, const char *expected) {
  char text[256] = "";
  client_send_text(c, question);
  while (!driver_at(client_expect(c), "serverContent.turnComplete")) {
    json_t *part = driver_at(c->message, "serverContent.modelTurn.parts.0.text");
    if (part) strncat(text, json_string_value(part), sizeof text - strlen(text) - 1);
  }
  assert_string_equal(text, expected);
}

static void expect_close(client *c, int code, const char *reason) {
  int opcode;
  while ((opcode = client_read(c)) == 2) {}
  assert_int_equal(opcode, 8);
  assert_int_equal(c->close_code, code);
  assert_string_equal(c->size > 2 ? (char *)c->payload + 2 : "", reason);
}

/* The end without a close frame: 0, or ECONNRESET. */
static int read_to_end(client *c) {
  char byte;
  while (client_read(c) == 2) {}
  assert_int_not_equal(c->opcode, 8);
  return recv(c->fd, &byte, 1, 0) < 0 ? errno : 0;
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Nothing comes for so long. */
static void expect_silence(client *c, int ms) {
  char byte;
  struct timeval wait = {ms / 1000, ms % 1000 * 1000}, usual = {.tv_sec = 20};
  setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  assert_int_equal(recv(c->fd, &byte, 1, MSG_PEEK), -1);
  assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
  setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &usual, sizeof usual);
}

/* ---- the upgrade ---- */

static void refuses_upgrades_in_a_row(void **state) {
  (void)state;
  static const int statuses[] = {503, 429, 500, 401, 404, 418};
  static const char *const codes[] = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "UNAUTHENTICATED", "NOT_FOUND", "DEADLINE_EXCEEDED"};
  client c;
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    char line[60];
    snprintf(line, sizeof line, "refuse status=%d times=2", statuses[i]);
    start(line);
    for (int k = 0; k < 2; k++) {
      open_client(&c);
      assert_int_equal(c.status, statuses[i]);
      assert_non_null(strstr(c.head, codes[i]));
      client_close(&c);
    }
    open_client(&c);
    assert_int_equal(c.status, 101);
    client_close(&c);
    stop(NULL);
  }
  start("drop");
}

static void ends_at_the_upgrade(void **state) {
  (void)state;
  client c;
  start("close phase=upgrade code=1013");
  open_client(&c);
  expect_close(&c, 1013, "The service is currently unavailable.");
  client_close(&c);
  stop(NULL);
  char request[1024], byte;
  static const char *const faults[] = {"drop phase=upgrade", "reset phase=upgrade", "freeze phase=upgrade"};
  for (int i = 0; i < 3; i++) {
    start(faults[i]);
    snprintf(request, sizeof request,
             "GET " GEMINI_PATH " HTTP/1.1\r\nHost: a\r\n" KEY_HEADER "Upgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    client_begin(&c, emulator_port(e), NULL, request);
    if (i == 2)
      expect_silence(&c, 200);
    else
      assert_int_equal(recv(c.fd, &byte, 1, 0), i ? -1 : 0);
    client_close(&c);
    stop(NULL);
  }
  start("drop");
}

static void fails_at_the_setup(void **state) {
  (void)state;
  client c;
  start("close phase=setup code=1007");
  open_client(&c);
  expect_silence(&c, 50);
  send_setup(&c, "");
  expect_close(&c, 1007, "Request contains an invalid argument.");
  client_close(&c);
  stop(NULL);
  start("freeze out phase=setup");
  open_client(&c);
  send_setup(&c, "");
  expect_silence(&c, 200);
  client_close(&c);
}

/* ---- ends ---- */

static void ends_in_mid_turn(void **state) {
  (void)state;
  client c;
  start("drop phase=turn turn=2");
  set_up(&c);
  converse(&c, ASK("one"), "You said: \"one\"");
  client_send_text(&c, ASK("two"));
  assert_int_equal(read_to_end(&c), 0);
  client_close(&c);
  stop(NULL);
  start("close phase=turn code=4321 reason=\"A code of one's own\"");
  set_up(&c);
  client_send_text(&c, ASK("one"));
  expect_close(&c, 4321, "A code of one's own");
  client_close(&c);
}

static void resets_at_a_byte(void **state) {
  (void)state;
  client c;
  start("reset bytes=700 after=200ms"); /* after: so that what was written is read before the reset destroys it */
  set_up(&c);
  client_send_text(&c, ASK("a text that is long enough for the answer to have some hundreds of bytes"));
  size_t got = strlen(c.head);
  char byte;
  ssize_t n;
  /* the three messages so far are not in `head` */
  while ((n = recv(c.fd, &byte, 1, 0)) == 1) got++;
  assert_int_equal(n, -1);
  assert_int_equal(errno, ECONNRESET);
  assert_true(got > 200);
  client_close(&c);
  stop(NULL);
  /* a drop tells the count: what arrives is exactly so much */
  start("drop bytes=250");
  open_client(&c);
  send_setup(&c, "");
  got = strlen(c.head);
  while (recv(c.fd, &byte, 1, 0) == 1) got++;
  assert_int_equal(got, 250);
  client_close(&c);
}

static void parts_badly(void **state) {
  (void)state;
  client c;
  start("drop phase=closing");
  set_up(&c);
  client_send(&c, 8, "\x03\xE8", 2);
  assert_int_equal(read_to_end(&c), 0);
  client_close(&c);
  stop(NULL);
  start("freeze phase=closing");
  set_up(&c);
  client_send(&c, 8, "\x03\xE8", 2);
  expect_silence(&c, 200);
  client_close(&c);
  stop(NULL);
  start("close phase=closing code=1011");
  set_up(&c);
  client_send(&c, 8, "\x03\xE8", 2);
  expect_close(&c, 1011, "Internal error encountered.");
  client_close(&c);
}

static void goes_away_on_its_own(void **state) {
  (void)state;
  client c;
  start("goAway after=500ms lead=500ms");
  set_up(&c);
  double began = now_s();
  assert_string_equal(json_string_value(driver_at(client_expect(&c), "goAway.timeLeft")), "0.500s");
  assert_true(now_s() - began > 0.3);
  converse(&c, ASK("one"), "You said: \"one\"");
  expect_close(&c, 1011, "Deadline expired before operation could complete.");
  assert_true(now_s() - began > 0.8 && now_s() - began < 10);
  client_close(&c);
}

/* The same over TLS: no close_notify, no close frame. */
static void ends_over_tls(void **state) {
  (void)state;
  client c;
  genai_error error = {0};
  static const char *const faults[] = {"drop phase=turn", "reset phase=turn", "freeze out for=500ms phase=turn"};
  for (int i = 0; i < 3; i++) {
    emulator_options options = {.fast = true, .faults = (const char *const[]){faults[i], NULL}};
    assert_int_equal(emulator_start(&e, &options, &error), GENAI_OK);
    client_open(&c, emulator_port(e), emulator_ca_pem(e), GEMINI_PATH, KEY_HEADER);
    send_setup(&c, "");
    assert_non_null(json_object_get(client_expect(&c), "setupComplete"));
    double began = now_s();
    client_send_text(&c, ASK("one"));
    while (client_read(&c) == 2 && !strstr((char *)c.payload, "turnComplete")) {}
    assert_int_equal(c.opcode, i == 2 ? 2 : 0);
    assert_true(i < 2 || now_s() - began > 0.4);
    client_close(&c);
    stop(NULL);
  }
  start("drop");
}

/* ---- the line ---- */

static void freezes_and_thaws(void **state) {
  (void)state;
  client c;
  static const char *const faults[] = {"freeze both for=800ms", "freeze in for=800ms", "freeze out for=800ms"};
  for (int i = 0; i < 3; i++) {
    start(faults[i]);
    open_client(&c);
    send_setup(&c, "");
    double began = now_s();
    if (i != 1) expect_silence(&c, 300);
    assert_non_null(json_object_get(client_expect(&c), "setupComplete"));
    converse(&c, ASK("one"), "You said: \"one\"");
    assert_true(now_s() - began > 0.5);
    client_close(&c);
    stop(NULL);
  }
  /* for good: the handle can be used at once, as the service has lost the connection too */
  char handle[100], resumption[140];
  client again;
  start("freeze connection=1 phase=idle messages=1");
  set_up(&c);
  snprintf(handle, sizeof handle, "%s", json_string_value(driver_at(c.message, "sessionResumptionUpdate.newHandle")));
  converse(&c, ASK("one"), "You said: \"one\"");
  expect_silence(&c, 100);
  snprintf(resumption, sizeof resumption, "\"handle\":\"%s\"", handle);
  open_client(&again);
  send_setup(&again, resumption);
  assert_non_null(json_object_get(client_expect(&again), "setupComplete"));
  client_close(&again);
  client_close(&c);
}

/* A resume beside a connection that is alive is refused; one that is dead without having said so gives way. */
static void probes_the_dead(void **state) {
  (void)state;
  client dead, alive, again;
  char handle[100], resumption[140];
  start_with(&(emulator_options){0}, NULL);
  for (int i = 0; i < 2; i++) {
    client *first = i ? &dead : &alive;
    set_up(first);
    snprintf(handle, sizeof handle, "%s", json_string_value(driver_at(first->message, "sessionResumptionUpdate.newHandle")));
    snprintf(resumption, sizeof resumption, "\"handle\":\"%s\"", handle);
    open_client(&again);
    send_setup(&again, resumption);
    expect_close(&again, 1011, "Internal error encountered.");
    client_close(&again);
    assert_int_equal(client_read(first), 9);
    if (i) break; /* the dead one answers nothing */
    client_send(first, 10, first->payload, first->size);
    expect_silence(first, 1200);
    converse(first, ASK("one"), "You said: \"one\"");
  }
  assert_int_equal(client_read(&dead), 0);
  open_client(&again);
  send_setup(&again, resumption);
  assert_non_null(json_object_get(client_expect(&again), "setupComplete"));
  client_close(&again);
  client_close(&dead);
  client_close(&alive);
}

static void is_slow(void **state) {
  (void)state;
  client c;
  start("slow out rate=4000");
  set_up(&c);
  double began = now_s();
  for (int i = 0; i < 3; i++) converse(&c, ASK("one"), "You said: \"one\""); /* some 2 KB */
  assert_true(now_s() - began > 0.2);
  client_close(&c);
  stop(NULL);
  start("slow in rate=500");
  set_up(&c);
  began = now_s();
  converse(&c, ASK("one two three four five six seven eight nine ten one two three four five six seven eight nine ten"),
           "You said: \"one two three four five six seven eight nine ten one two three four five six seven eight nine ten\"");
  assert_true(now_s() - began > 0.2);
  client_close(&c);
}

static void pongs_late_or_never(void **state) {
  (void)state;
  client c;
  start("pong delay=300ms");
  set_up(&c);
  double began = now_s();
  client_send(&c, 9, "late", 4);
  converse(&c, ASK("one"), "You said: \"one\""); /* data flows meanwhile */
  int opcode;
  while ((opcode = client_read(&c)) == 2) {}
  assert_int_equal(opcode, 10);
  assert_string_equal((char *)c.payload, "late");
  assert_true(now_s() - began > 0.28);
  client_close(&c);
  stop(NULL);
  start("pong");
  set_up(&c);
  client_send(&c, 9, "never", 5);
  expect_silence(&c, 300);
  converse(&c, ASK("one"), "You said: \"one\"");
  client_close(&c);
}

static void frames_in_pieces(void **state) {
  (void)state;
  client c;
  start("frames split size=7");
  open_client(&c);
  c.splits = true;
  send_setup(&c, "");
  converse(&c, ASK("one"), "You said: \"one\"");
  assert_true(c.frames > 5);
  client_close(&c);
  stop(NULL);
  start("frames coalesced delay=800ms");
  set_up(&c);
  client_send_text(&c, ASK("one"));
  expect_silence(&c, 300);
  json_t *part = NULL;
  while (!part) part = driver_at(client_expect(&c), "serverContent.modelTurn.parts.0.text");
  assert_string_equal(json_string_value(part), "You said: \"one\"");
  client_close(&c);
}

static void frames_that_are_none(void **state) {
  (void)state;
  client c;
  start("invalid utf8 messages=1");
  set_up(&c);
  client_send_text(&c, ASK("one"));
  int opcode;
  while ((opcode = client_read(&c)) == 2) {}
  assert_int_equal(opcode, 1);
  assert_memory_equal(c.payload, "\xC3\x28", 2);
  client_close(&c);
  stop(NULL);
  start("invalid frame messages=1");
  set_up(&c);
  client_send_text(&c, ASK("one"));
  unsigned char bytes[20000];
  size_t got = 0;
  for (ssize_t n; (n = recv(c.fd, bytes + got, sizeof bytes - got, 0)) > 0;) got += (size_t)n;
  assert_true(got >= 4);
  assert_memory_equal(bytes + got - 4, "\x82\x7E\x03\xE8", 4); /* a thousand bytes are announced, none comes */
  client_close(&c);
}

/* ---- on demand ---- */

static void suffers_on_demand(void **state) {
  (void)state;
  client first, second;
  unsigned count, open;
  genai_error error = {0};
  start_with(&(emulator_options){0}, NULL);
  set_up(&first);
  set_up(&second);
  assert_int_equal(emulator_fault(e, 0, "goAway lead=9s end=never", &count, &error), GENAI_OK);
  assert_int_equal(count, 2);
  assert_non_null(json_object_get(client_expect(&first), "goAway"));
  assert_non_null(json_object_get(client_expect(&second), "goAway"));
  assert_int_equal(emulator_fault(e, 1, "drop", &count, &error), GENAI_OK);
  assert_int_equal(count, 1);
  assert_int_equal(read_to_end(&first), 0);
  converse(&second, ASK("one"), "You said: \"one\"");
  assert_int_equal(emulator_fault(e, 1, "drop", &count, &error), GENAI_OK);
  assert_int_equal(count, 0);
  assert_int_equal(emulator_fault(e, 1, "nonsense", &count, &error), GENAI_ERROR_ARGUMENT);
  client_close(&first);
  assert_int_equal(emulator_add_fault(e, "drop phase=turn", &error), GENAI_OK);
  converse(&second, ASK("two"), "You said: \"two\""); /* those to come */
  set_up(&first);
  client_send_text(&first, ASK("one"));
  assert_int_equal(read_to_end(&first), 0);
  assert_int_equal(emulator_connections(e, &open), 3);
  client_close(&first);
  client_close(&second);
}

/* ---- the ledger, the state file ---- */

static int count_lines(const char *what) {
  int count = 0;
  for (const char *at = ledger; (at = strstr(at, what)); at++) count++;
  return count;
}

static void keeps_a_ledger(void **state) {
  (void)state;
  client c;
  char handle[100], resumption[140];
  start("drop connection=1 phase=idle messages=3");
  set_up(&c);
  snprintf(handle, sizeof handle, "%s", json_string_value(driver_at(c.message, "sessionResumptionUpdate.newHandle")));
  converse(&c, ASK("one"), "You said: \"one\"");
  client_send_text(&c, "{\"realtimeInput\":{\"audio\":{\"mimeType\":\"audio/pcm;rate=16000\",\"data\":\"AQIDBA==\"}}}");
  client_send_text(&c, "{\"realtimeInput\":{\"audioStreamEnd\":true}}");
  read_to_end(&c);
  client_close(&c);
  open_client(&c);
  snprintf(resumption, sizeof resumption, "\"handle\":\"%s\"", handle);
  send_setup(&c, resumption);
  assert_non_null(json_object_get(client_expect(&c), "setupComplete"));
  client_close(&c);
  stop(NULL);
  assert_non_null(strstr(ledger, "{\"event\":\"begin\",\"connection\":1,\"conversation\":1,\"position\":0}"));
  assert_non_null(strstr(ledger, "{\"event\":\"took\",\"connection\":1,\"conversation\":1,\"position\":1,\"index\":1,\"text\":\"one\",\"turnComplete\":true,\"kind\":\"content\"}"));
  assert_non_null(strstr(ledger, "\"position\":2,\"index\":2,\"size\":4,\"digest\":\"be7a5e775165785d\",\"head\":\"01020304\",\"kind\":\"audio\"}"));
  assert_non_null(strstr(ledger, "\"kind\":\"audioStreamEnd\"}"));
  assert_non_null(strstr(ledger, "{\"event\":\"sent\",\"connection\":1,\"kind\":\"serverContent.modelTurn\",\"size\":"));
  assert_non_null(strstr(ledger, "{\"event\":\"fault\",\"connection\":1,\"fault\":\"drop\"}"));
  assert_non_null(strstr(ledger, "{\"event\":\"resume\",\"connection\":2,\"conversation\":1,\"position\":0}"));
  assert_int_equal(count_lines("\"event\":\"end\""), 2);
  start("drop");
}

static void a_state_file_outlives_it(void **state) {
  (void)state;
  char path[] = "/tmp/genai-state-XXXXXX", handle[100], resumption[140], line[400];
  int fd = mkstemp(path);
  client c;
  assert_true(fd >= 0);
  close(fd);
  start_with(&(emulator_options){.state = path}, NULL);
  set_up(&c);
  converse(&c, ASK("one"), "You said: \"one\"");
  snprintf(handle, sizeof handle, "%s", json_string_value(driver_at(client_expect(&c), "sessionResumptionUpdate.newHandle")));
  stop(NULL);
  client_close(&c);
  FILE *file = fopen(path, "a");
  fputs("{\"conversation\":1,\"mod", file); /* what a crash may leave */
  fclose(file);
  snprintf(resumption, sizeof resumption, "\"handle\":\"%s\"", handle);
  start_with(&(emulator_options){.state = path}, NULL);
  open_client(&c);
  send_setup(&c, resumption);
  assert_non_null(json_object_get(client_expect(&c), "setupComplete"));
  converse(&c, ASK("What did I say?"), "You said before: \"one\"");
  client_close(&c);
  file = fopen(path, "r");
  while (fgets(line, sizeof line, file)) assert_true(strncmp(line, "{\"conversation\":1,\"mod{", 23) != 0);
  fclose(file);
  unlink(path);
}

static void chaos_does_not_hang(void **state) {
  (void)state;
  client c;
  int opened = 0;
  start_with(&(emulator_options){.chaos = true, .chaos_seed = 7, .chaos_every_ms = 100, .chaos_only = "drop reset close refuse invalid"}, NULL);
  for (int i = 0; i < 50; i++) {
    open_client(&c);
    opened += c.status == 101;
    if (c.status == 101) {
      send_setup(&c, "");
      for (int k = 0; k < 100 && client_read(&c); k++) client_send_text(&c, ASK("one"));
    }
    client_close(&c);
  }
  assert_true(opened > 10);
  stop(NULL);
  assert_true(faults_suffered >= 15);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(refuses_upgrades_in_a_row, stop), cmocka_unit_test_teardown(ends_at_the_upgrade, stop),
      cmocka_unit_test_teardown(fails_at_the_setup, stop),        cmocka_unit_test_teardown(ends_in_mid_turn, stop),
      cmocka_unit_test_teardown(resets_at_a_byte, stop),          cmocka_unit_test_teardown(parts_badly, stop),
      cmocka_unit_test_teardown(goes_away_on_its_own, stop),      cmocka_unit_test_teardown(freezes_and_thaws, stop),
      cmocka_unit_test_teardown(ends_over_tls, stop),
      cmocka_unit_test_teardown(probes_the_dead, stop),
      cmocka_unit_test_teardown(is_slow, stop),                   cmocka_unit_test_teardown(pongs_late_or_never, stop),
      cmocka_unit_test_teardown(frames_in_pieces, stop),          cmocka_unit_test_teardown(frames_that_are_none, stop),
      cmocka_unit_test_teardown(suffers_on_demand, stop),         cmocka_unit_test_teardown(keeps_a_ledger, stop),
      cmocka_unit_test_teardown(a_state_file_outlives_it, stop),  cmocka_unit_test_teardown(chaos_does_not_hang, stop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
