/* One mind in a test: server messages and sends as JSON text, fake time, and a wire that remembers. */
#ifndef GENAI_TESTS_SESSION_MIND_H
#define GENAI_TESTS_SESSION_MIND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "session/session.h"
#include "wire/reader.h"
#include "wire/tables.h"

enum { WIRE_MAX = 64 };

typedef struct mind_test {
  session_mind s;
  payload *setup;
  uint64_t now;
  session_step step;             /* the last one */
  char wire[WIRE_MAX][512];      /* what went out since mind_open, cut */
  size_t sent;
  session_event event;
} mind_test;

static const session_settings mind_settings = {
    .peer = "example.com port 443", .connect_timeout = 1000, .close_timeout = 500, .keepalive = SESSION_NEVER, .keepalive_timeout = 300,
    .attempts_max = 30, .budget = 60000, .delay = 100, .delay_max = 1000, .stable = 5000, .media_age = 2000, .replay_max = 1 << 16,
    .first_index = 1, .answer_timeout = 20000};

static inline void mind_begin_with(mind_test *t, const session_settings *settings, const char *setup) {
  memset(t, 0, sizeof *t);
  t->now = 1000;
  t->setup = payload_copy(setup, strlen(setup));
  genai_error error = {0};
  if (session_init(&t->s, settings, t->setup, t->now, &error) != GENAI_OK) fail_msg("%s", error.message);
}

static inline void mind_begin(mind_test *t, const session_settings *settings) { mind_begin_with(t, settings, "{\"setup\":{\"model\":\"m\"}}"); }

static inline void mind_end(mind_test *t) {
  session_deinit(&t->s);
  payload_drop(t->setup);
}

static inline session_step mind_hear(mind_test *t, const char *json) {
  void *message = NULL;
  arena a;
  genai_error error = {0};
  arena_init(&a, 1 << 20);
  if (wire_read(&a, &wire_live_server_message, json, strlen(json), NULL, &message, &error) != GENAI_OK) fail_msg("%s", error.message);
  session_news news = session_news_of_live(message);
  session_heard(&t->s, t->now);
  t->step = session_message(&t->s, &news, t->now);
  arena_deinit(&a);
  return t->step;
}

static inline void mind_pump(mind_test *t) {
  for (payload *p; (p = session_next(&t->s)) && t->sent < WIRE_MAX; session_sent(&t->s, t->now))
    snprintf(t->wire[t->sent++], sizeof t->wire[0], "%.*s", (int)p->size, (const char *)p->data);
}

static inline void mind_say_only(mind_test *t, const char *json) {
  payload *p = payload_copy(json, strlen(json));
  p->kind = (uint8_t)session_input_of(p, t->s.settings.music);
  session_add(&t->s, p, t->now);
}

static inline void mind_say(mind_test *t, const char *json) {
  mind_say_only(t, json);
  mind_pump(t);
}

static inline void mind_text(mind_test *t, const char *text) {
  char json[256];
  snprintf(json, sizeof json, "{\"realtimeInput\":{\"text\":\"%s\"}}", text);
  mind_say(t, json);
}

static inline void mind_audio(mind_test *t, const char *name) {
  char json[256];
  snprintf(json, sizeof json, "{\"realtimeInput\":{\"audio\":{\"data\":\"%s\",\"mimeType\":\"audio/pcm\"}}}", name);
  mind_say(t, json);
}

static inline void mind_answer(mind_test *t, const char *text) {
  char json[256];
  snprintf(json, sizeof json, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"%s\"}]}}}", text);
  mind_hear(t, json);
  mind_hear(t, "{\"serverContent\":{\"generationComplete\":true}}");
  mind_hear(t, "{\"serverContent\":{\"turnComplete\":true}}");
}

static inline void mind_handle(mind_test *t, const char *handle) {
  char json[256];
  snprintf(json, sizeof json, "{\"sessionResumptionUpdate\":{\"newHandle\":\"%s\",\"resumable\":true}}", handle);
  mind_hear(t, json);
}

static inline void mind_index(mind_test *t, const char *handle, int index) {
  char json[256];
  snprintf(json, sizeof json, "{\"sessionResumptionUpdate\":{\"newHandle\":\"%s\",\"resumable\":true,\"lastConsumedClientMessageIndex\":\"%d\"}}", handle, index);
  mind_hear(t, json);
}

static inline void mind_away(mind_test *t, const char *left) {
  char json[128];
  snprintf(json, sizeof json, "{\"goAway\":{\"timeLeft\":\"%s\"}}", left);
  mind_hear(t, json);
}

/* The setup of the connection that has just been upgraded. */
static inline void mind_setup(mind_test *t, char *text, size_t size) {
  payload *p = NULL;
  genai_error error = {0};
  t->step = session_connected(&t->s, t->now);
  assert_true(t->step.send_setup);
  if (session_setup_text(&t->s, &p, &error) != GENAI_OK) fail_msg("%s", error.message);
  snprintf(text, size, "%.*s", (int)p->size, (const char *)p->data);
  payload_drop(p);
}

/* From a dial to setupComplete; what waits goes out. */
static inline void mind_open(mind_test *t) {
  char setup[1024];
  mind_setup(t, setup, sizeof setup);
  mind_hear(t, "{\"setupComplete\":{}}");
  assert_int_equal(t->s.phase, SESSION_OPEN);
  t->sent = 0;
  mind_pump(t);
}

/* The same, and the setup must contain that. */
static inline void mind_open_with(mind_test *t, const char *part) {
  char setup[1024];
  mind_setup(t, setup, sizeof setup);
  if (!strstr(setup, part)) fail_msg("\"%s\" is not in \"%s\"", part, setup);
  mind_hear(t, "{\"setupComplete\":{}}");
  t->sent = 0;
  mind_pump(t);
}

static inline session_step mind_lose(mind_test *t) {
  static const genai_error lost = {.status = GENAI_ERROR_LOST, .message = "The line was cut."};
  return t->step = session_transport_end(&t->s, &lost, t->now);
}

static inline session_step mind_fail(mind_test *t, genai_status status, int http) {
  genai_error why = {.status = status, .http_status = http, .message = "Refused."};
  return t->step = session_transport_end(&t->s, &why, t->now);
}

static inline session_step mind_closed(mind_test *t, int code, const char *reason) {
  session_peer_close(&t->s, code, reason, strlen(reason));
  return t->step = session_transport_end(&t->s, &(genai_error){0}, t->now);
}

static inline session_step mind_tick(mind_test *t, uint64_t later) {
  t->now += later;
  return t->step = session_tick(&t->s, t->now, "resolving");
}

/* On to what the mind waits for next. */
static inline session_step mind_wait(mind_test *t) {
  uint64_t next = session_next_tick(&t->s);
  assert_true(next != SESSION_NEVER);
  if (next > t->now) t->now = next;
  return t->step = session_tick(&t->s, t->now, "resolving");
}

/* Dialing, after the pause if there is one. */
static inline void mind_dials(mind_test *t) {
  if (t->s.phase == SESSION_WAITING) mind_wait(t);
  if (!t->step.dial && !t->step.upgrade) fail_msg("no dial: %s", t->s.end.message);
}

static inline bool mind_told(mind_test *t, genai_live_event_kind kind) {
  while (session_event_next(&t->s, &t->event))
    if (t->event.event.kind == kind) return true;
  return false;
}

static inline void mind_expect(mind_test *t, genai_live_event_kind kind, uint64_t replayed, uint64_t lost) {
  assert_true(mind_told(t, kind));
  assert_int_equal(t->event.event.replayed, replayed);
  assert_int_equal(t->event.event.lost, lost);
}

static inline void mind_ended(mind_test *t, genai_status status, const char *part) {
  assert_true(t->step.ended);
  assert_int_equal(t->s.phase, SESSION_ENDED);
  assert_int_equal(t->s.end.status, status);
  if (!strstr(t->s.end.message, part)) fail_msg("\"%s\" is not in \"%s\"", part, t->s.end.message);
}

/* What went out on this connection contains these, in this order and nothing else. */
static inline void mind_wire(mind_test *t, size_t count, const char *const *parts) {
  for (size_t i = 0; i < count && i < t->sent; i++)
    if (!strstr(t->wire[i], parts[i])) fail_msg("%zu: \"%s\" is not in \"%s\"", i, parts[i], t->wire[i]);
  assert_int_equal(t->sent, count);
}
#define MIND_WIRE(t, ...) mind_wire(t, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), (const char *const[]){__VA_ARGS__})

#endif
