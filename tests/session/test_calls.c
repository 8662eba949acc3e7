/* Which calls are open, and which no service knows any more. */
#include "mind.h"

static void made_behind(session_calls *calls, const char *id, const char *name, uint64_t serial) {
  const genai_function_call call = {.id = id, .name = name};
  const genai_function_call *items[] = {&call};
  session_calls_made(calls, &(genai_function_call_list){items, 1}, serial);
}

static void made(session_calls *calls, const char *id, const char *name) { made_behind(calls, id, name, 0); }

static void cancelled(session_calls *calls, const char *id) { session_calls_cancelled(calls, &(genai_string_list){&id, 1}); }

static payload *answer(const char *first, const char *second) {
  char json[256];
  int size = snprintf(json, sizeof json, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"%s\",\"name\":\"f\",\"response\":{}}", first);
  if (second) size += snprintf(json + size, sizeof json - (size_t)size, ",{\"id\":\"%s\",\"name\":\"f\",\"response\":{}}", second);
  size += snprintf(json + size, sizeof json - (size_t)size, "]}}");
  payload *p = payload_copy(json, (size_t)size);
  p->kind = SESSION_INPUT_TOOL;
  return p;
}

static void answered(session_calls *calls, const char *id, uint64_t serial) {
  payload *p = answer(id, NULL);
  session_calls_answered(calls, p, serial);
  payload_drop(p);
}

/* Whether it would be dropped. */
static bool moot(session_calls *calls, const char *id) {
  payload *p = answer(id, NULL);
  bool gone = session_calls_moot(calls, &p);
  payload_drop(p);
  return gone;
}

static void counts_open_calls(void **state) {
  (void)state;
  session_calls calls = {0};
  made(&calls, "1", "f");
  made(&calls, "2", "f");
  made(&calls, "2", "f"); /* told twice */
  assert_int_equal(calls.open, 2);
  answered(&calls, "1", 1);
  answered(&calls, "1", 2); /* said again after a reconnect */
  assert_int_equal(calls.open, 1);
  answered(&calls, "unknown", 3);
  cancelled(&calls, "1");
  cancelled(&calls, "unknown");
  assert_int_equal(calls.open, 1);
  cancelled(&calls, "2");
  assert_int_equal(calls.open, 0);
  made(&calls, "2", "f"); /* of a state before the cancellation */
  assert_int_equal(calls.open, 1);
  session_calls_deinit(&calls);
}

static void forgets_what_the_state_has(void **state) {
  (void)state;
  session_calls calls = {0};
  for (int i = 0; i < 1000; i++) { /* with an index that always lags by one */
    char id[16];
    snprintf(id, sizeof id, "%d", i);
    made(&calls, id, "f");
    answered(&calls, id, (uint64_t)i + 1);
    session_calls_kept(&calls, (uint64_t)i);
    assert_true(calls.count <= 1);
  }
  session_calls_deinit(&calls);
}

static void is_bounded(void **state) {
  (void)state;
  session_calls calls = {0};
  char id[16];
  for (int i = 0; i < 1000; i++) {
    snprintf(id, sizeof id, "%d", i);
    made(&calls, id, "f");
  }
  assert_int_equal(calls.open, 1000);
  assert_int_equal(calls.count, SESSION_CALLS_MAX);
  for (int i = 0; i < 1000; i++) {
    snprintf(id, sizeof id, "%d", i);
    answered(&calls, id, (uint64_t)i + 1);
  }
  assert_int_equal(calls.open, 0);
  session_calls_deinit(&calls);
}

static void calls_of_a_lost_state_are_gone(void **state) {
  (void)state;
  session_calls calls = {0};
  const char *ids[SESSION_CALLS_GONE_MAX];
  made(&calls, "kept", "f");
  session_calls_kept(&calls, 0);
  made(&calls, "open", "f");
  made(&calls, "done", "f");
  answered(&calls, "done", 1);
  session_calls_lose(&calls, false);
  assert_int_equal(session_calls_lost(&calls, ids, 64), 2); /* what was done may be asked for once more */
  assert_true(moot(&calls, "open") && moot(&calls, "done"));
  assert_false(moot(&calls, "kept"));
  assert_int_equal(calls.open, 1);
  session_calls_lose(&calls, true);
  assert_true(moot(&calls, "kept"));
  assert_true(moot(&calls, "never heard of")); /* a fresh session knows its own calls only */
  made(&calls, "new", "f");
  assert_false(moot(&calls, "new"));
  session_calls_deinit(&calls);
}

/* With an index that lags a handle may come after a call whose cause its state does not hold. */
static void a_state_before_the_call_does_not_know_it(void **state) {
  (void)state;
  session_calls calls = {0};
  made_behind(&calls, "old", "f", 3);
  made_behind(&calls, "new", "f", 5);
  made_behind(&calls, "cancelled", "f", 5);
  cancelled(&calls, "cancelled");
  session_calls_kept(&calls, 4);
  session_calls_lose(&calls, false);
  assert_false(moot(&calls, "old"));
  assert_true(moot(&calls, "new") && moot(&calls, "cancelled"));
  made_behind(&calls, "new", "f", 6); /* asked once more */
  session_calls_kept(&calls, 6);
  session_calls_kept(&calls, 6);
  session_calls_lose(&calls, false);
  assert_false(moot(&calls, "new") || moot(&calls, "old"));
  session_calls_deinit(&calls);
}

static void answers_lose_what_is_gone(void **state) {
  (void)state;
  session_calls calls = {0};
  made(&calls, "kept", "f");
  session_calls_kept(&calls, 0);
  made(&calls, "gone", "f");
  session_calls_lose(&calls, false);
  payload *p = answer("gone", "kept"), *was = p;
  assert_false(session_calls_moot(&calls, &p));
  assert_ptr_not_equal(p, was);
  char text[256];
  snprintf(text, sizeof text, "%.*s", (int)p->size, (const char *)p->data);
  assert_null(strstr(text, "gone"));
  assert_non_null(strstr(text, "kept"));
  payload_drop(p);
  payload_drop(was);
  session_calls_deinit(&calls);
}

static void a_name_that_is_gone_may_be_called_again(void **state) {
  (void)state;
  session_calls calls = {0};
  made(&calls, NULL, "weather"); /* no ids on Vertex */
  session_calls_lose(&calls, false);
  assert_true(moot(&calls, "weather"));
  made(&calls, NULL, "weather");
  assert_false(moot(&calls, "weather"));
  session_calls_deinit(&calls);
}

static payload *named_answer(void) {
  static const char json[] = "{\"toolResponse\":{\"functionResponses\":[{\"name\":\"weather\",\"response\":{}}]}}";
  payload *p = payload_copy(json, sizeof json - 1);
  p->kind = SESSION_INPUT_TOOL;
  return p;
}

/* As many answers as there are calls that the service knows; those that were sent find the call that they answered. */
static void each_call_of_a_name_is_answered_once(void **state) {
  (void)state;
  session_calls calls = {0};
  payload *first = named_answer(), *second = named_answer(), *third = named_answer();
  made(&calls, NULL, "weather");
  made(&calls, NULL, "weather");
  session_calls_kept(&calls, 0);
  made_behind(&calls, NULL, "weather", 1);
  assert_true(session_calls_answered(&calls, first, 1));
  first->serial = 1; /* as the lists do */
  first->again = true;
  session_calls_lose(&calls, false); /* the youngest */
  assert_int_equal(calls.open, 1);
  assert_false(session_calls_moot(&calls, &first));
  assert_false(session_calls_moot(&calls, &second));
  assert_true(session_calls_moot(&calls, &third));
  assert_false(session_calls_answered(&calls, first, 2)); /* which is not the other's */
  assert_int_equal(calls.open, 1);
  assert_true(session_calls_answered(&calls, second, 3));
  assert_int_equal(calls.open, 0);
  payload_drop(first);
  payload_drop(second);
  payload_drop(third);
  session_calls_deinit(&calls);
}

/* Which a resumed session may do; a second time it is another call. */
static void a_name_that_is_told_again_is_the_same_call(void **state) {
  (void)state;
  session_calls calls = {0};
  made(&calls, NULL, "weather");
  made(&calls, NULL, "weather");
  session_calls_kept(&calls, 0);
  assert_int_equal(calls.open, 2);
  for (int i = 0; i < 2; i++) {
    session_calls_lose(&calls, false);
    made(&calls, NULL, "weather");
    made(&calls, NULL, "weather");
    assert_int_equal(calls.open, 2);
  }
  made(&calls, NULL, "weather");
  assert_int_equal(calls.open, 3);
  session_calls_deinit(&calls);
}

static void remembers_the_last_that_are_gone(void **state) {
  (void)state;
  session_calls calls = {0};
  const char *ids[SESSION_CALLS_GONE_MAX];
  char id[16];
  for (int i = 0; i < 200; i++) {
    snprintf(id, sizeof id, "%d", i);
    made(&calls, id, "f");
  }
  session_calls_lose(&calls, false);
  assert_int_equal(session_calls_lost(&calls, ids, 16), 16);
  assert_int_equal(session_calls_lost(&calls, ids, SESSION_CALLS_GONE_MAX), SESSION_CALLS_GONE_MAX);
  for (int i = 0; i < SESSION_CALLS_GONE_MAX; i++) assert_true(moot(&calls, ids[i]));
  assert_int_equal(calls.open, 0);
  session_calls_deinit(&calls);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_open_calls),
      cmocka_unit_test(forgets_what_the_state_has),
      cmocka_unit_test(is_bounded),
      cmocka_unit_test(calls_of_a_lost_state_are_gone),
      cmocka_unit_test(a_state_before_the_call_does_not_know_it),
      cmocka_unit_test(answers_lose_what_is_gone),
      cmocka_unit_test(a_name_that_is_gone_may_be_called_again),
      cmocka_unit_test(a_name_that_is_told_again_is_the_same_call),
      cmocka_unit_test(each_call_of_a_name_is_answered_once),
      cmocka_unit_test(remembers_the_last_that_are_gone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
