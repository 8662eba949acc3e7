/* The setup of each connection, and each allocation failing once on the way. */
#include <stdlib.h>

#include "../net/fail_alloc.h"
#include "mind.h"

static payload *text(const char *json) { return payload_copy(json, strlen(json)); }

static void expect(const char *json, const session_setup_needs *needs, const char *wanted) {
  payload *setup = text(json), *out = NULL;
  session_setup_facts facts;
  genai_error error = {0};
  char got[512];
  assert_int_equal(session_setup_look(setup, &facts, &error), GENAI_OK);
  if (session_setup_write(&out, setup, &facts, needs, &error) != GENAI_OK) fail_msg("%s", error.message);
  snprintf(got, sizeof got, "%.*s", (int)out->size, (const char *)out->data);
  assert_string_equal(got, wanted);
  payload_drop(out);
  payload_drop(setup);
  free(facts.handle);
}

static void asks_for_resumption(void **state) {
  (void)state;
  expect("{\"setup\":{\"model\":\"m\"}}", &(session_setup_needs){0}, "{\"setup\":{\"model\":\"m\",\"sessionResumption\":{}}}");
  expect("{\"setup\":{\"model\":\"m\"}}", &(session_setup_needs){.handle = "a\"b", .transparent = true},
         "{\"setup\":{\"model\":\"m\",\"sessionResumption\":{\"handle\":\"a\\\"b\",\"transparent\":true}}}");
}

static void replaces_the_handle_of_the_application(void **state) {
  (void)state;
  static const char own[] = "{\"setup\":{\"model\":\"m\",\"sessionResumption\":{\"handle\":\"old\"}}}";
  expect(own, &(session_setup_needs){.handle = "new"}, "{\"setup\":{\"model\":\"m\",\"sessionResumption\":{\"handle\":\"new\"}}}");
  payload *setup = text(own), *out = NULL;
  session_setup_facts facts;
  assert_int_equal(session_setup_look(setup, &facts, NULL), GENAI_OK);
  assert_true(facts.asked && !facts.transparent && !strcmp(facts.handle, "old"));
  assert_int_equal(session_setup_write(&out, setup, &facts, &(session_setup_needs){0}, NULL), GENAI_OK);
  char got[256];
  snprintf(got, sizeof got, "%.*s", (int)out->size, (const char *)out->data);
  assert_null(strstr(got, "old"));
  payload_drop(out);
  payload_drop(setup);
  free(facts.handle);
}

static void history_is_announced_only_when_it_follows(void **state) {
  (void)state;
  static const char own[] = "{\"setup\":{\"model\":\"m\",\"historyConfig\":{\"initialHistoryInClientContent\":true}}}";
  payload *setup = text(own), *out;
  session_setup_facts facts;
  char got[256];
  static const struct { session_setup_needs needs; bool announced; } cases[] = {
      {{0}, true}, {{.handle = "h"}, false}, {{.no_history = true}, false}, {{.history = true}, true}};
  assert_int_equal(session_setup_look(setup, &facts, NULL), GENAI_OK);
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(session_setup_write(&out, setup, &facts, &cases[i].needs, NULL), GENAI_OK);
    snprintf(got, sizeof got, "%.*s", (int)out->size, (const char *)out->data);
    assert_int_equal(strstr(got, "\"initialHistoryInClientContent\":true") != NULL, cases[i].announced);
    payload_drop(out);
  }
  payload_drop(setup);
}

static void context_updates_change_it(void **state) {
  (void)state;
  payload *setup = text("{\"setup\":{\"model\":\"m\",\"systemInstruction\":{\"parts\":[{\"text\":\"old\"}]},\"tools\":[{\"googleSearch\":{}}]}}");
  payload *update = text("{\"contextUpdate\":{\"systemInstruction\":{\"parts\":[{\"text\":\"new\"}]}}}"), *out = NULL;
  genai_error error = {0};
  if (session_setup_update(&out, setup, update, &error) != GENAI_OK) fail_msg("%s", error.message);
  char got[512];
  snprintf(got, sizeof got, "%.*s", (int)out->size, (const char *)out->data);
  assert_non_null(strstr(got, "new"));
  assert_null(strstr(got, "old"));
  assert_non_null(strstr(got, "googleSearch"));
  payload_drop(out);
  assert_int_equal(session_setup_update(&out, setup, setup, &error), GENAI_ERROR_ARGUMENT);
  assert_null(out);
  payload_drop(update);
  payload_drop(setup);
}

static void no_setup_is_an_error(void **state) {
  (void)state;
  payload *setup = text("{\"setup\":");
  session_mind s;
  genai_error error = {0};
  assert_int_not_equal(session_init(&s, &mind_settings, setup, 0, &error), GENAI_OK);
  session_deinit(&s);
  payload_drop(setup);
}

/* ---- memory ---- */

static void say_if(mind_test *t, const char *json) {
  payload *p = payload_copy(json, strlen(json));
  if (!p) return;
  p->kind = (uint8_t)session_input_of(p, false);
  session_add(&t->s, p, t->now);
  mind_pump(t);
}

static void update_if(mind_test *t, const char *handle) {
  const genai_live_server_session_resumption_update update = {.new_handle = handle, .resumable = {true, true}};
  const genai_live_server_message m = {.session_resumption_update = &update};
  session_news news = session_news_of_live(&m);
  session_message(&t->s, &news, t->now);
}

static void hear_if(mind_test *t, const session_news *news) { session_message(&t->s, news, t->now); }

/* A conversation with a loss, lost calls, a refused handle and a fresh session. */
static void converse(mind_test *t) {
  static const genai_function_call call = {.id = "c1", .name = "f"};
  static const genai_function_call *items[] = {&call};
  static const genai_function_call_list calls = {items, 1};
  session_settings settings = mind_settings;
  settings.reconnect = GENAI_LIVE_RECONNECT_RESUME_OR_FRESH;
  genai_error error = {0};
  memset(t, 0, sizeof *t);
  t->now = 1000;
  t->setup = text("{\"setup\":{\"model\":\"m\"}}");
  if (!t->setup) return;
  if (session_init(&t->s, &settings, t->setup, t->now, &error) != GENAI_OK) {
    assert_int_equal(error.status, GENAI_ERROR_MEMORY);
    return;
  }
  for (int round = 0; round < 5; round++) {
    payload *setup = NULL;
    t->now += 2000;
    session_tick(&t->s, t->now, "");
    session_connected(&t->s, t->now);
    if (session_setup_text(&t->s, &setup, &error) != GENAI_OK) assert_int_equal(error.status, GENAI_ERROR_MEMORY);
    payload_drop(setup);
    if (round == 2 || round == 3) {
      mind_closed(t, 1007, "Request contains an invalid argument.");
      continue;
    }
    hear_if(t, &(session_news){.setup_complete = true});
    t->sent = 0;
    mind_pump(t);
    say_if(t, "{\"realtimeInput\":{\"text\":\"one\"}}");
    say_if(t, "{\"contextUpdate\":{\"systemInstruction\":{\"parts\":[{\"text\":\"new\"}]}}}");
    hear_if(t, &(session_news){.model_turn = true, .output = true, .said = "yes"});
    hear_if(t, &(session_news){.turn_complete = true});
    update_if(t, "h");
    hear_if(t, &(session_news){.calls = &calls});
    say_if(t, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"c1\",\"name\":\"f\",\"response\":{}},{\"id\":\"c9\",\"name\":\"f\",\"response\":{}}]}}");
    /* Nothing that was said is forgotten for want of memory. */
    assert_int_equal(t->s.inputs.unkept, 0);
    mind_lose(t);
    while (session_event_next(&t->s, &t->event)) assert_non_null(t->event.event.text);
  }
  session_close(&t->s, t->now);
}

static void each_allocation_fails(void **state) {
  (void)state;
  for (long n = 1;; n++) {
    mind_test t;
    fail_alloc_use(n);
    converse(&t);
    if (t.setup) session_deinit(&t.s);
    payload_drop(t.setup);
    assert_int_equal(fail_alloc.alive, 0);
    if (!fail_alloc_done()) break;
    assert_true(n < 5000);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(asks_for_resumption),
      cmocka_unit_test(replaces_the_handle_of_the_application),
      cmocka_unit_test(history_is_announced_only_when_it_follows),
      cmocka_unit_test(context_updates_change_it),
      cmocka_unit_test(no_setup_is_an_error),
      cmocka_unit_test(each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
