/* A session that goes on: lost connections, goAway, handles, fresh sessions, as the application sees them. The transport is a fake;
 * every rung of the ladder is in tests/session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake.h"
#include "genai/music.h"

typedef struct fixture {
  fake *f;
  genai_client *client;
  genai_live_session *session;
} fixture;

static const genai_wait limit = {.timeout_ms = 20000};
static const genai_live_recovery quick = {.delay_ms = 1, .delay_max_ms = 2};

static fixture open_with(const genai_live_connect_params *params) {
  fixture x = {.f = fake_new(), .client = fake_client(NULL)};
  genai_error error = {0};
  genai_live_connect_params p = params ? *params : (genai_live_connect_params){0};
  p.model = "m";
  p.recovery = quick;
  if (genai_live_connect(x.client, &p, &x.session, &limit, &error) != GENAI_OK) fail_msg("%s", error.message);
  return x;
}

static void done(fixture *x) {
  assert_int_equal(genai_live_free(x->session), GENAI_OK);
  genai_client_free(x->client);
  fake_free();
}

static genai_live_message *receive(fixture *x) {
  genai_live_message *m;
  genai_error error = {0};
  if (genai_live_receive(x->session, &m, &limit, &error) != GENAI_OK) fail_msg("%s", error.message);
  return m;
}

/* The next event of that kind; what comes before it is passed over. */
static genai_live_message *event(fixture *x, genai_live_event_kind kind) {
  for (;;) {
    genai_live_message *m = receive(x);
    if (m->event && m->event->kind == kind) return m;
    genai_live_message_free(m);
  }
}

static void expect(fixture *x, genai_live_event_kind kind) { genai_live_message_free(event(x, kind)); }

/* Replayed and lost of the event with which the session goes on. */
static void expect_counts(fixture *x, genai_live_event_kind kind, uint64_t replayed, uint64_t lost) {
  genai_live_message *m = event(x, kind);
  assert_int_equal(m->event->replayed, replayed);
  assert_int_equal(m->event->lost, lost);
  genai_live_message_free(m);
}

static void handle(fixture *x, const char *name) {
  char text[256];
  snprintf(text, sizeof text, "{\"sessionResumptionUpdate\":{\"newHandle\":\"%s\",\"resumable\":true}}", name);
  fake_message(x->f, text);
}

static void say(fixture *x, const char *text) { assert_int_equal(genai_live_send_text(x->session, text, &limit, NULL), GENAI_OK); }

static void answer(fixture *x) {
  fake_message(x->f, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"yes\"}]}}}");
  fake_message(x->f, "{\"serverContent\":{\"turnComplete\":true}}");
}

/* The n-th message that went out, once it did. */
static const char *sent(fixture *x, size_t n) {
  fake_wait_sent(x->f, n + 1);
  return x->f->sent[n];
}

static void contains(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* ---- a loss ---- */

static void resumes_after_a_loss(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  contains(sent(&x, 0), "\"sessionResumption\":{}");
  say(&x, "one");
  sent(&x, 1);
  answer(&x);
  handle(&x, "h1");
  say(&x, "two");
  sent(&x, 2);
  fake_lost(x.f);
  genai_live_message *m = event(&x, GENAI_LIVE_EVENT_RECONNECTING);
  assert_int_equal(m->event->attempt, 1);
  assert_int_equal(m->event->status, GENAI_ERROR_LOST);
  assert_int_equal(m->event->close_code, 1006);
  contains(m->event->text, "The test cut the line.");
  genai_live_message_free(m);
  contains(sent(&x, 3), "\"sessionResumption\":{\"handle\":\"h1\"}");
  expect_counts(&x, GENAI_LIVE_EVENT_RESUMED, 1, 0);
  contains(sent(&x, 4), "two");
  done(&x);
}

static void begins_again_while_nothing_was_answered(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  say(&x, "one");
  sent(&x, 1);
  fake_lost(x.f);
  expect_counts(&x, GENAI_LIVE_EVENT_RESUMED, 1, 0);
  assert_null(strstr(sent(&x, 2), "handle"));
  contains(sent(&x, 3), "one");
  done(&x);
}

static void ends_without_anything_to_go_on_from(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  genai_live_message *m;
  genai_error error = {0};
  say(&x, "one");
  sent(&x, 1);
  answer(&x);
  fake_lost(x.f);
  genai_live_message_free(receive(&x));
  genai_live_message_free(receive(&x));
  assert_int_equal(genai_live_receive(x.session, &m, &limit, &error), GENAI_ERROR_LOST);
  contains(error.message, "No resumption handle had come");
  done(&x);
}

static void begins_afresh_with_the_recent_turns(void **state) {
  (void)state;
  fixture x = open_with(&(genai_live_connect_params){.reconnect = GENAI_LIVE_RECONNECT_RESUME_OR_FRESH});
  say(&x, "one");
  sent(&x, 1);
  answer(&x);
  say(&x, "two");
  sent(&x, 2);
  fake_close(x.f, 1011, "Internal error");
  expect_counts(&x, GENAI_LIVE_EVENT_DEGRADED, 1, 0);
  contains(sent(&x, 4), "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"one\"}],\"role\":\"user\"},"
                        "{\"parts\":[{\"text\":\"yes\"}],\"role\":\"model\"}],\"turnComplete\":false}}");
  contains(sent(&x, 5), "two");
  done(&x);
}

/* The service is away for a while. */
static void sends_wait_for_the_next_connection(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  handle(&x, "h1");
  genai_live_message_free(receive(&x));
  x.f->never_open = true;
  fake_lost(x.f);
  expect(&x, GENAI_LIVE_EVENT_RECONNECTING);
  say(&x, "waiting");
  x.f->never_open = false;
  fake_lost(x.f);
  expect_counts(&x, GENAI_LIVE_EVENT_RESUMED, 0, 0);
  contains(sent(&x, 2), "waiting");
  done(&x);
}

/* ---- goAway ---- */

static void hands_over_at_a_safe_point(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  say(&x, "one");
  sent(&x, 1);
  fake_message(x.f, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"yes\"}]}}}");
  fake_message(x.f, "{\"goAway\":{\"timeLeft\":\"3600s\"}}");
  expect(&x, GENAI_LIVE_EVENT_GOING_AWAY);
  fake_message(x.f, "{\"serverContent\":{\"turnComplete\":true}}");
  assert_int_equal(x.f->closes, 0);
  handle(&x, "h1");
  expect(&x, GENAI_LIVE_EVENT_RECONNECTING);
  expect_counts(&x, GENAI_LIVE_EVENT_RESUMED, 0, 0);
  assert_int_equal(x.f->closes, 1);
  contains(sent(&x, 2), "\"handle\":\"h1\"");
  say(&x, "two");
  contains(sent(&x, 3), "two");
  done(&x);
}

/* ---- tools ---- */

static void tells_calls_that_are_gone(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  handle(&x, "h1");
  fake_message(x.f, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"c1\",\"name\":\"f\"}]}}");
  fake_lost(x.f);
  expect(&x, GENAI_LIVE_EVENT_RESUMED);
  genai_live_message *m = event(&x, GENAI_LIVE_EVENT_CALLS_GONE);
  assert_int_equal(m->event->call_ids.count, 1);
  assert_string_equal(m->event->call_ids.items[0], "c1");
  genai_live_message_free(m);
  static const char late[] = "{\"functionResponses\":[{\"id\":\"c1\",\"name\":\"f\",\"response\":{}}]}";
  assert_int_equal(genai_live_send_json(x.session, GENAI_LIVE_SEND_TOOL_RESPONSE, late, &limit, NULL), GENAI_OK);
  expect(&x, GENAI_LIVE_EVENT_CALLS_GONE);
  say(&x, "on");
  contains(sent(&x, 2), "on");
  done(&x);
}

/* ---- handles of the application ---- */

static void gives_and_takes_handles(void **state) {
  (void)state;
  fixture x = open_with(&(genai_live_connect_params){.resumption_handle = "saved"});
  contains(sent(&x, 0), "\"handle\":\"saved\"");
  handle(&x, "newer");
  genai_live_message_free(receive(&x));
  char *text = genai_live_resumption_handle(x.session);
  assert_string_equal(text, "newer");
  genai_text_free(text);
  genai_live_session *none;
  genai_error error = {0};
  const genai_live_connect_params bad = {.model = "m", .resumption_handle = "\xff"};
  assert_int_equal(genai_live_connect(x.client, &bad, &none, &limit, &error), GENAI_ERROR_ARGUMENT);
  contains(error.message, "not UTF-8");
  done(&x);
}

/* A fresh session will do: it is told that the earlier one is gone. */
static void old_handles_need_not_fail(void **state) {
  (void)state;
  fixture x = {.f = fake_new(), .client = fake_client(NULL)};
  genai_live_connect_params p = {.model = "m", .resumption_handle = "old", .reconnect = GENAI_LIVE_RECONNECT_RESUME_OR_FRESH};
  x.f->silent = true;
  assert_int_equal(genai_live_start(x.client, &p, &x.session, NULL), GENAI_OK);
  contains(sent(&x, 0), "\"handle\":\"old\"");
  x.f->silent = false;
  fake_close(x.f, 1007, "Request contains an invalid argument.");
  assert_null(strstr(sent(&x, 1), "\"handle\":\"old\""));
  expect(&x, GENAI_LIVE_EVENT_OPEN);
  expect(&x, GENAI_LIVE_EVENT_DEGRADED);
  done(&x);
}

/* ---- music ---- */

static void music_goes_on_as_it_was(void **state) {
  (void)state;
  fixture x = {.f = fake_new(), .client = fake_client(NULL)};
  const genai_music_connect_params params = {.recovery = quick};
  const genai_weighted_prompt prompt = {.text = "piano", .weight = GENAI_SOME(1)};
  const genai_weighted_prompt *prompts[] = {&prompt};
  assert_int_equal(genai_music_connect(x.client, &params, &x.session, &limit, NULL), GENAI_OK);
  assert_int_equal(genai_music_set_weighted_prompts(x.session, &(genai_weighted_prompt_list){prompts, 1}, &limit, NULL), GENAI_OK);
  assert_int_equal(genai_music_control(x.session, GENAI_LIVE_MUSIC_PLAYBACK_CONTROL_PLAY, &limit, NULL), GENAI_OK);
  assert_int_equal(genai_music_control(x.session, GENAI_LIVE_MUSIC_PLAYBACK_CONTROL_RESET_CONTEXT, &limit, NULL), GENAI_OK);
  sent(&x, 3);
  fake_lost(x.f);
  contains(sent(&x, 4), "setup");
  contains(sent(&x, 5), "piano");
  contains(sent(&x, 6), "PLAY");
  genai_music_message *m;
  genai_live_event_kind kind = 0;
  while (kind != GENAI_LIVE_EVENT_RESUMED) {
    assert_int_equal(genai_music_receive(x.session, &m, &limit, NULL), GENAI_OK);
    if (m->event) kind = m->event->kind;
    genai_music_message_free(m);
  }
  done(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(resumes_after_a_loss),
      cmocka_unit_test(begins_again_while_nothing_was_answered),
      cmocka_unit_test(ends_without_anything_to_go_on_from),
      cmocka_unit_test(begins_afresh_with_the_recent_turns),
      cmocka_unit_test(sends_wait_for_the_next_connection),
      cmocka_unit_test(hands_over_at_a_safe_point),
      cmocka_unit_test(tells_calls_that_are_gone),
      cmocka_unit_test(gives_and_takes_handles),
      cmocka_unit_test(old_handles_need_not_fail),
      cmocka_unit_test(music_goes_on_as_it_was),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
