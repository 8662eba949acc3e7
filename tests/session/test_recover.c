/* Going on in another connection: each rung of the ladder, each fate, goAway in each phase, what a new connection starts from. */
#include "mind.h"

static session_settings with(genai_live_reconnect reconnect) {
  session_settings s = mind_settings;
  s.reconnect = reconnect;
  return s;
}

static void open_with(mind_test *t, genai_live_reconnect reconnect) {
  session_settings s = with(reconnect);
  mind_begin(t, &s);
  mind_open(t);
}

static void open_vertex(mind_test *t) {
  session_settings s = mind_settings;
  s.vertex = true;
  mind_begin(t, &s);
  mind_open_with(t, "\"transparent\":true");
}

/* ---- a loss ---- */

static void says_again_what_the_handle_lacks(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_text(&t, "one");
  mind_answer(&t, "yes");
  mind_handle(&t, "h1");
  mind_text(&t, "two");
  mind_audio(&t, "AAAA");
  assert_true(mind_lose(&t).dial);
  assert_true(mind_told(&t, GENAI_LIVE_EVENT_RECONNECTING));
  assert_int_equal(t.event.event.attempt, 1);
  assert_int_equal(t.event.event.close_code, 1006);
  mind_open_with(&t, "\"handle\":\"h1\"");
  assert_true(t.step.reopened && !t.step.opened);
  mind_expect(&t, GENAI_LIVE_EVENT_RESUMED, 2, 0);
  MIND_WIRE(&t, "two", "AAAA");
  mind_end(&t);
}

static void order_is_tools_text_real_time(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_hear(&t, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"c1\",\"name\":\"f\"}]}}");
  mind_handle(&t, "h1");
  mind_audio(&t, "REPL");
  mind_lose(&t);
  mind_audio(&t, "NEWA");
  mind_text(&t, "new text");
  mind_say(&t, "{\"realtimeInput\":{\"activityEnd\":{}}}");
  mind_say(&t, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"c1\",\"name\":\"f\",\"response\":{}}]}}");
  mind_open(&t);
  MIND_WIRE(&t, "REPL", "c1", "new text", "NEWA", "activityEnd");
  mind_end(&t);
}

static void begins_again_from_the_setup_alone(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_text(&t, "one");
  mind_lose(&t);
  mind_open_with(&t, "\"sessionResumption\":{}");
  mind_expect(&t, GENAI_LIVE_EVENT_RESUMED, 1, 0);
  MIND_WIRE(&t, "one");
  /* Once something is answered that would be answered again. */
  mind_answer(&t, "yes");
  mind_lose(&t);
  mind_ended(&t, GENAI_ERROR_LOST, "No resumption handle had come.");
  mind_end(&t);
}

static void old_media_are_given_up_and_counted(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_handle(&t, "h1");
  mind_audio(&t, "SENT");
  mind_lose(&t);
  mind_audio(&t, "WAIT");
  mind_text(&t, "text stays");
  mind_fail(&t, GENAI_ERROR_CONNECT, 0);
  t.now += 3000;
  mind_audio(&t, "YOUNG");
  mind_wait(&t);
  mind_open(&t);
  mind_expect(&t, GENAI_LIVE_EVENT_RESUMED, 0, 2);
  MIND_WIRE(&t, "text stays", "YOUNG");
  mind_end(&t);
}

static void none_is_the_bare_session(void **state) {
  (void)state;
  mind_test t;
  session_settings s = with(GENAI_LIVE_RECONNECT_NONE);
  char setup[256];
  mind_begin(&t, &s);
  mind_setup(&t, setup, sizeof setup);
  assert_string_equal(setup, "{\"setup\":{\"model\":\"m\"}}");
  mind_hear(&t, "{\"setupComplete\":{}}");
  mind_handle(&t, "h1");
  assert_null(t.s.handle);
  mind_away(&t, "50s");
  assert_true(mind_told(&t, GENAI_LIVE_EVENT_GOING_AWAY));
  assert_true(session_next_tick(&t.s) == SESSION_NEVER);
  mind_text(&t, "x");
  assert_int_equal(t.s.inputs.sent.count, 0);
  mind_lose(&t);
  mind_ended(&t, GENAI_ERROR_LOST, "The line was cut.");
  mind_end(&t);
}

/* ---- transparent ---- */

/* An answer that the service cannot place ends the session: better drop it, and be asked once more. */
static void a_lagging_state_does_not_know_the_call(void **state) {
  (void)state;
  mind_test t;
  open_vertex(&t);
  mind_text(&t, "one");
  mind_answer(&t, "yes");
  mind_text(&t, "two");
  mind_hear(&t, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"c1\",\"name\":\"f\"}]}}");
  mind_index(&t, "h1", 1);
  mind_lose(&t);
  mind_open_with(&t, "h1");
  assert_true(mind_told(&t, GENAI_LIVE_EVENT_CALLS_GONE));
  assert_string_equal(t.event.event.call_ids.items[0], "c1");
  MIND_WIRE(&t, "two");
  mind_say(&t, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"c1\",\"name\":\"f\",\"response\":{}}]}}");
  MIND_WIRE(&t, "two");
  mind_end(&t);
}

static void prunes_by_index(void **state) {
  (void)state;
  mind_test t;
  open_vertex(&t);
  mind_text(&t, "one");
  mind_text(&t, "two");
  mind_text(&t, "three");
  mind_index(&t, "h1", 2);
  assert_int_equal(t.s.inputs.sent.count, 1);
  mind_lose(&t);
  mind_open_with(&t, "\"handle\":\"h1\",\"transparent\":true");
  MIND_WIRE(&t, "three");
  /* The index begins anew: 1 is "three". */
  mind_text(&t, "four");
  mind_index(&t, "h2", 1);
  mind_lose(&t);
  mind_dials(&t);
  mind_open_with(&t, "h2");
  MIND_WIRE(&t, "four");
  mind_end(&t);
}

static void only_pairs_count(void **state) {
  (void)state;
  mind_test t;
  open_vertex(&t);
  mind_text(&t, "one");
  mind_text(&t, "two");
  mind_index(&t, "h1", 1);
  mind_hear(&t, "{\"sessionResumptionUpdate\":{\"resumable\":false,\"lastConsumedClientMessageIndex\":\"2\"}}");
  mind_hear(&t, "{\"sessionResumptionUpdate\":{\"newHandle\":\"\",\"resumable\":true,\"lastConsumedClientMessageIndex\":\"2\"}}");
  mind_handle(&t, "without index");
  assert_string_equal(t.s.handle, "h1");
  assert_int_equal(t.s.inputs.sent.count, 1);
  mind_index(&t, "older", 0);
  assert_string_equal(t.s.handle, "h1");
  mind_index(&t, "more than was sent", 99);
  assert_int_equal(t.s.inputs.sent.count, 0);
  mind_end(&t);
}

static void counts_from_zero_where_told(void **state) {
  (void)state;
  mind_test t;
  session_settings s = mind_settings;
  s.vertex = true;
  s.first_index = 0;
  mind_begin(&t, &s);
  mind_open(&t);
  mind_text(&t, "one");
  mind_text(&t, "two");
  mind_index(&t, "h1", 0);
  assert_int_equal(t.s.inputs.sent.count, 1);
  mind_end(&t);
}

static void transparent_media_do_not_age_once_sent(void **state) {
  (void)state;
  mind_test t;
  open_vertex(&t);
  mind_index(&t, "h1", 0);
  mind_audio(&t, "OLD1");
  t.now += 60000;
  mind_audio(&t, "NEW1");
  mind_lose(&t);
  mind_open(&t);
  mind_expect(&t, GENAI_LIVE_EVENT_RESUMED, 2, 0);
  MIND_WIRE(&t, "OLD1", "NEW1");
  mind_end(&t);
}

static void what_overflows_is_told(void **state) {
  (void)state;
  mind_test t;
  session_settings s = mind_settings;
  s.replay_max = 150;
  mind_begin(&t, &s);
  mind_open(&t);
  mind_text(&t, "first");
  mind_audio(&t, "AAAA");
  mind_audio(&t, "BBBB");
  mind_text(&t, "last");
  assert_true(t.s.inputs.sent.bytes <= 150);
  mind_lose(&t);
  mind_open(&t);
  mind_expect(&t, GENAI_LIVE_EVENT_RESUMED, 3, 1);
  MIND_WIRE(&t, "first", "BBBB", "last");
  mind_end(&t);
}

/* ---- the ladder ---- */

static void refuse_handle(mind_test *t) {
  char setup[1024];
  mind_dials(t);
  mind_setup(t, setup, sizeof setup);
  mind_closed(t, 1007, "Request contains an invalid argument.");
}

static void a_refused_handle_is_dropped(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME_OR_FRESH);
  mind_text(&t, "one");
  mind_answer(&t, "yes");
  mind_handle(&t, "h1");
  mind_text(&t, "two");
  mind_lose(&t);
  refuse_handle(&t);
  assert_string_equal(t.s.handle, "h1");
  refuse_handle(&t);
  assert_null(t.s.handle);
  mind_dials(&t);
  mind_open_with(&t, "\"sessionResumption\":{}");
  mind_expect(&t, GENAI_LIVE_EVENT_DEGRADED, 1, 0);
  assert_int_equal(t.sent, 2);
  assert_non_null(strstr(t.wire[0], "\"one\""));
  assert_non_null(strstr(t.wire[0], "\"yes\""));
  assert_non_null(strstr(t.wire[0], "\"turnComplete\":false"));
  assert_null(strstr(t.wire[0], "two"));
  assert_non_null(strstr(t.wire[1], "two"));
  mind_end(&t);
}

static void without_fresh_it_ends(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_handle(&t, "h1");
  mind_lose(&t);
  refuse_handle(&t);
  refuse_handle(&t);
  mind_ended(&t, GENAI_ERROR_REFUSED, "The resumption handle does not work any more.");
  assert_non_null(strstr(t.s.end.message, "What was tried before: (0) The line was cut."));
  mind_end(&t);
}

static void a_poisoned_handle_is_dropped(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME_OR_FRESH);
  mind_text(&t, "one");
  mind_answer(&t, "yes");
  mind_handle(&t, "h1");
  mind_lose(&t);
  for (int i = 0; i < 2; i++) {
    mind_dials(&t);
    mind_open_with(&t, "h1");
    mind_handle(&t, "h1"); /* its own handles are no better */
    t.now += 500;
    mind_closed(&t, 1011, "Internal error encountered.");
  }
  assert_null(t.s.handle);
  mind_dials(&t);
  mind_open(&t);
  mind_expect(&t, GENAI_LIVE_EVENT_DEGRADED, 0, 0);
  mind_end(&t);
}

/* "Internal error" may be everybody's trouble: with nothing else to go on from, the attempts or the budget end it. */
static void internal_errors_do_not_end_a_session(void **state) {
  (void)state;
  for (int used = 0; used < 2; used++) { /* a used token may begin nothing either */
    mind_test t;
    session_settings s = with(used ? GENAI_LIVE_RECONNECT_RESUME_OR_FRESH : GENAI_LIVE_RECONNECT_RESUME);
    s.single_use = used;
    s.attempts_max = 8;
    s.stable = 300; /* that does not make them count as stable */
    mind_begin(&t, &s);
    mind_open(&t);
    mind_handle(&t, "h1");
    mind_closed(&t, 1011, "Internal error encountered.");
    for (int i = 1; i <= 8; i++) {
      mind_dials(&t);
      mind_open_with(&t, "h1");
      t.now += 500;
      mind_closed(&t, 1011, "Internal error encountered.");
      assert_int_equal(t.step.ended, i == 8);
    }
    mind_ended(&t, GENAI_ERROR_REFUSED, "recovery.attempts_max");
    assert_non_null(strstr(t.s.end.message, "What was tried before: (0) example.com")); /* each step */
    mind_end(&t);
  }
}

/* Other reasons point at the handle. */
static void a_handle_that_kills_ends_a_session(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_handle(&t, "h1");
  mind_lose(&t);
  for (int i = 0; i < 2; i++) {
    mind_dials(&t);
    mind_open_with(&t, "h1");
    mind_closed(&t, 1007, "Request contains an invalid argument.");
  }
  mind_ended(&t, GENAI_ERROR_REFUSED, "The resumption handle does not work any more.");
  mind_end(&t);
}

static void a_turn_redeems_the_handle(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_handle(&t, "h1");
  mind_lose(&t);
  for (int i = 0; i < 5; i++) {
    mind_dials(&t);
    mind_open_with(&t, "h1");
    mind_answer(&t, "yes");
    mind_closed(&t, 1011, "");
    assert_false(t.step.ended);
  }
  mind_end(&t);
}

static void a_used_token_begins_nothing(void **state) {
  (void)state;
  mind_test t;
  session_settings s = with(GENAI_LIVE_RECONNECT_RESUME_OR_FRESH);
  s.single_use = true;
  mind_begin(&t, &s);
  mind_open(&t);
  mind_lose(&t);
  mind_ended(&t, GENAI_ERROR_LOST, "the ephemeral token may be spent");
  mind_end(&t);
}

static void history_is_announced_where_it_must_be(void **state) {
  (void)state;
  mind_test t;
  session_settings s = with(GENAI_LIVE_RECONNECT_RESUME_OR_FRESH);
  s.announce_history = true;
  mind_begin(&t, &s);
  mind_open(&t);
  mind_text(&t, "one");
  mind_answer(&t, "yes");
  mind_lose(&t);
  mind_open_with(&t, "\"historyConfig\":{\"initialHistoryInClientContent\":true}");
  assert_non_null(strstr(t.wire[0], "\"turnComplete\":true"));
  mind_end(&t);
}

static void text_that_a_lost_state_held_is_told(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME_OR_FRESH);
  mind_text(&t, "kept, not answered");
  mind_handle(&t, "h1");
  mind_lose(&t);
  refuse_handle(&t);
  refuse_handle(&t);
  mind_dials(&t);
  mind_open(&t);
  assert_int_equal(t.sent, 1);
  assert_non_null(strstr(t.wire[0], "kept, not answered"));
  assert_non_null(strstr(t.wire[0], "\"turnComplete\":true")); /* it was asked, so an answer is due */
  mind_end(&t);
}

/* ---- fates ---- */

static void fates(void **state) {
  (void)state;
  static const struct {
    int code;
    const char *reason;
    bool setup;
    session_fate fate, with_handle;
  } cases[] = {
      {1007, "API key not valid.", true, SESSION_FATE_FINAL, SESSION_FATE_FINAL},
      {1008, "API key expired", false, SESSION_FATE_FINAL, SESSION_FATE_FINAL},
      {1007, "Request contains an invalid argument.", true, SESSION_FATE_FINAL, SESSION_FATE_HANDLE},
      {1007, "Request contains an invalid argument.", false, SESSION_FATE_RETRY, SESSION_FATE_RETRY},
      {1008, "Requested entity was not found.", true, SESSION_FATE_FINAL, SESSION_FATE_HANDLE},
      {1008, "Operation is not implemented, or supported, or enabled.", false, SESSION_FATE_RETRY, SESSION_FATE_RETRY},
      {1009, "", false, SESSION_FATE_FINAL, SESSION_FATE_FINAL},
      {1011, "Internal error encountered.", true, SESSION_FATE_RETRY, SESSION_FATE_RETRY},
      {1011, "You exceeded your current quota", false, SESSION_FATE_PAUSE, SESSION_FATE_PAUSE},
      {1011, "Deadline expired before operation could complete.", false, SESSION_FATE_RETRY, SESSION_FATE_RETRY},
      {1012, "", true, SESSION_FATE_RETRY, SESSION_FATE_RETRY},
      {1013, "", false, SESSION_FATE_PAUSE, SESSION_FATE_PAUSE},
      {4321, "own", false, SESSION_FATE_RETRY, SESSION_FATE_RETRY},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    genai_error end = {.status = GENAI_ERROR_REFUSED, .close_code = cases[i].code};
    snprintf(end.close_reason, sizeof end.close_reason, "%s", cases[i].reason);
    assert_int_equal(session_fate_of(&end, cases[i].setup, false), cases[i].fate);
    assert_int_equal(session_fate_of(&end, cases[i].setup, true), cases[i].with_handle);
  }
  static const struct { genai_status status; int http; session_fate fate; } others[] = {
      {GENAI_ERROR_HTTP, 401, SESSION_FATE_FINAL}, {GENAI_ERROR_HTTP, 403, SESSION_FATE_FINAL}, {GENAI_ERROR_HTTP, 404, SESSION_FATE_FINAL},
      {GENAI_ERROR_HTTP, 429, SESSION_FATE_PAUSE}, {GENAI_ERROR_HTTP, 500, SESSION_FATE_RETRY}, {GENAI_ERROR_HTTP, 503, SESSION_FATE_PAUSE},
      {GENAI_ERROR_SERVICE, 400, SESSION_FATE_HANDLE}, {GENAI_ERROR_SERVICE, 503, SESSION_FATE_PAUSE}, {GENAI_ERROR_SERVICE, 403, SESSION_FATE_FINAL},
      {GENAI_ERROR_LOST, 0, SESSION_FATE_RETRY}, {GENAI_ERROR_CONNECT, 0, SESSION_FATE_RETRY}, {GENAI_ERROR_TIMEOUT, 0, SESSION_FATE_RETRY},
      {GENAI_ERROR_INSECURE, 0, SESSION_FATE_FINAL}};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    const genai_error end = {.status = others[i].status, .http_status = others[i].http};
    assert_int_equal(session_fate_of(&end, true, true), others[i].fate);
  }
}

static void the_first_connect_is_not_tried_again(void **state) {
  (void)state;
  mind_test t;
  session_settings s = mind_settings;
  mind_begin(&t, &s);
  mind_fail(&t, GENAI_ERROR_CONNECT, 0);
  mind_ended(&t, GENAI_ERROR_CONNECT, "Check that the base URL is right");
  mind_end(&t);
}

static void a_credential_is_renewed_once(void **state) {
  (void)state;
  mind_test t;
  session_settings s = mind_settings;
  s.renewable = true;
  s.connect_timeout = 5000;
  mind_begin(&t, &s);
  mind_fail(&t, GENAI_ERROR_HTTP, 401);
  mind_dials(&t);
  mind_fail(&t, GENAI_ERROR_HTTP, 401);
  mind_ended(&t, GENAI_ERROR_HTTP, "Check the API key.");
  mind_end(&t);
  /* And again after it has worked. */
  mind_begin(&t, &s);
  mind_fail(&t, GENAI_ERROR_HTTP, 401);
  mind_dials(&t);
  mind_open(&t);
  mind_handle(&t, "h1");
  mind_lose(&t);
  mind_dials(&t);
  mind_fail(&t, GENAI_ERROR_HTTP, 401);
  mind_dials(&t);
  mind_open_with(&t, "h1");
  mind_end(&t);
}

static void graceful_ends_are_ends(void **state) {
  (void)state;
  static const int codes[] = {1000, 1005};
  for (int i = 0; i < 2; i++) {
    mind_test t;
    open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
    mind_handle(&t, "h1");
    mind_closed(&t, codes[i], "");
    mind_ended(&t, GENAI_CLOSED, "closed the session");
    mind_end(&t);
  }
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_handle(&t, "h1");
  assert_true(mind_closed(&t, 1001, "").dial);
  mind_end(&t);
  /* After goAway it is the end of the connection alone. */
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_handle(&t, "h1");
  mind_away(&t, "50s");
  session_standby_end(&t.s, t.now);
  assert_true(mind_closed(&t, 1000, "").dial);
  mind_end(&t);
}

static void pauses_grow_and_end(void **state) {
  (void)state;
  mind_test t;
  session_settings s = mind_settings;
  s.attempts_max = 6;
  mind_begin(&t, &s);
  mind_open(&t);
  mind_handle(&t, "h1");
  mind_lose(&t);
  for (unsigned n = 1; n < 6; n++) {
    uint64_t full = 100u << (n - 1), at = t.now;
    if (full > 1000) full = 1000;
    assert_int_equal(t.s.attempt, n);
    mind_fail(&t, GENAI_ERROR_CONNECT, 0);
    assert_int_equal(t.s.phase, SESSION_WAITING);
    assert_in_range(t.s.deadline - at, full / 2, full);
    mind_wait(&t);
    assert_true(t.step.dial);
  }
  mind_fail(&t, GENAI_ERROR_CONNECT, 0);
  mind_ended(&t, GENAI_ERROR_CONNECT, "As many attempts were made as are allowed (recovery.attempts_max).");
  mind_end(&t);
}

static void the_budget_ends_it(void **state) {
  (void)state;
  mind_test t;
  session_settings s = mind_settings;
  s.budget = 3000;
  mind_begin(&t, &s);
  mind_open(&t);
  mind_handle(&t, "h1");
  mind_lose(&t);
  for (int i = 0; !t.step.ended && i < 50; i++) {
    mind_wait(&t); /* each dial times out */
    assert_true(t.now <= 1000 + 3000 + 1000);
  }
  mind_ended(&t, GENAI_ERROR_TIMEOUT, "recovery.budget_ms");
  mind_end(&t);
}

static void overload_waits_long(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_handle(&t, "h1");
  mind_closed(&t, 1013, "");
  assert_int_equal(t.s.phase, SESSION_WAITING);
  assert_in_range(t.s.deadline - t.now, 500, 1000);
  mind_end(&t);
}

static void a_stable_connection_resets(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_handle(&t, "h1");
  mind_lose(&t);
  mind_open(&t);
  t.now += 4999;
  mind_lose(&t);
  assert_int_equal(t.s.phase, SESSION_WAITING);
  mind_wait(&t);
  mind_open(&t);
  t.now += 5000;
  assert_true(mind_lose(&t).dial);
  assert_int_equal(t.s.attempt, 1);
  mind_end(&t);
}

/* ---- goAway ---- */

static void open_idle(mind_test *t) {
  open_with(t, GENAI_LIVE_RECONNECT_RESUME);
  mind_text(t, "one");
  mind_answer(t, "yes");
  mind_handle(t, "h1");
}

static void leaves_at_a_safe_point(void **state) {
  (void)state;
  mind_test t;
  open_idle(&t);
  mind_away(&t, "50s");
  assert_true(t.step.dial_standby);
  t.step = session_standby_ready(&t.s, t.now);
  assert_true(t.step.leave);
  mind_text(&t, "waits");
  assert_int_equal(t.sent, 1);
  session_peer_close(&t.s, 1000, "", 0);
  t.step = session_transport_end(&t.s, &(genai_error){0}, t.now);
  assert_true(t.step.upgrade && !t.step.dial);
  mind_open_with(&t, "h1");
  MIND_WIRE(&t, "waits");
  mind_expect(&t, GENAI_LIVE_EVENT_RESUMED, 0, 0);
  mind_end(&t);
}

static void waits_for_the_turn_and_a_newer_handle(void **state) {
  (void)state;
  mind_test t;
  open_idle(&t);
  mind_hear(&t, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"so\"}]}}}");
  mind_away(&t, "50s");
  assert_false(t.step.dial_standby || t.step.leave);
  mind_hear(&t, "{\"serverContent\":{\"turnComplete\":true}}");
  assert_false(t.step.dial_standby);
  mind_handle(&t, "h2");
  assert_true(t.step.dial_standby);
  assert_true(session_standby_ready(&t.s, t.now).leave);
  mind_end(&t);
}

static void waits_for_tool_calls(void **state) {
  (void)state;
  mind_test t;
  open_idle(&t);
  mind_hear(&t, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"c1\",\"name\":\"f\"}]}}");
  mind_handle(&t, "h2");
  mind_away(&t, "50s");
  assert_false(t.step.dial_standby);
  mind_say(&t, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"c1\",\"name\":\"f\",\"response\":{}}]}}");
  mind_handle(&t, "h3");
  assert_false(t.step.dial_standby); /* the model is to go on */
  mind_answer(&t, "so");
  mind_handle(&t, "h4");
  assert_true(t.step.dial_standby);
  mind_end(&t);
}

static void leaves_two_seconds_before_the_deadline(void **state) {
  (void)state;
  mind_test t;
  open_idle(&t);
  mind_hear(&t, "{\"serverContent\":{\"inputTranscription\":{\"text\":\"an open microphone\"}}}");
  uint64_t from = t.now;
  mind_away(&t, "50s");
  mind_wait(&t); /* nobody answers: told */
  mind_wait(&t);
  assert_true(t.step.dial_standby);
  assert_int_equal(t.now, from + 45000);
  session_standby_ready(&t.s, t.now);
  mind_wait(&t);
  assert_true(t.step.leave);
  assert_int_equal(t.now, from + 48000);
  mind_wait(&t); /* the peer does not answer the close */
  assert_int_equal(t.now, from + 49000);
  assert_true(t.step.abort && t.step.upgrade);
  mind_end(&t);
}

static void leaves_at_once_when_there_is_no_time(void **state) {
  (void)state;
  mind_test t;
  open_idle(&t);
  mind_away(&t, "0s");
  assert_true(t.step.leave && !t.step.dial_standby);
  mind_end(&t);
}

static void a_standby_may_fail_or_be_late(void **state) {
  (void)state;
  mind_test t;
  open_idle(&t);
  mind_away(&t, "10s");
  assert_true(t.step.dial_standby);
  session_standby_end(&t.s, t.now);
  mind_wait(&t);
  assert_true(t.step.leave && !t.step.dial_standby);
  mind_closed(&t, 1000, "");
  assert_true(t.step.dial && !t.step.upgrade);
  mind_end(&t);
  /* Late: the loss comes first, and the dial that is under way becomes the connection. */
  open_idle(&t);
  mind_away(&t, "10s");
  mind_closed(&t, 1011, "Deadline expired before operation could complete.");
  assert_true(t.step.upgrade && !t.step.dial);
  mind_end(&t);
}

static void a_storm_of_them_is_slowed(void **state) {
  (void)state;
  mind_test t;
  open_idle(&t);
  for (int i = 0; i < 8; i++) {
    mind_away(&t, "0s");
    assert_true(t.step.leave);
    mind_closed(&t, 1000, "");
    if (i > 1) assert_int_equal(t.s.phase, SESSION_WAITING);
    mind_dials(&t);
    mind_open_with(&t, "h1"); /* and the handle is not blamed */
  }
  mind_end(&t);
}

/* One goAway soon after the beginning is followed as any other, whatever was tried before; the next one obeys the pauses. */
static void one_that_comes_early_makes_no_gap(void **state) {
  (void)state;
  for (int attempts = 1; attempts < 4; attempts += 2) {
    mind_test t;
    open_idle(&t);
    mind_lose(&t);
    for (int i = 1; i < attempts; i++) {
      mind_fail(&t, GENAI_ERROR_CONNECT, 0);
      mind_dials(&t);
    }
    mind_open_with(&t, "h1");
    mind_handle(&t, "h2");
    uint64_t from = t.now;
    mind_away(&t, "3s");
    assert_true(t.step.dial_standby);
    assert_true(session_standby_ready(&t.s, t.now).leave);
    mind_closed(&t, 1000, "");
    assert_true(t.step.upgrade);
    mind_open_with(&t, "h2");
    mind_handle(&t, "h3");
    assert_int_equal(t.now, from);
    mind_away(&t, "3s");
    assert_false(t.step.dial_standby);
    mind_wait(&t);
    assert_true(t.step.leave); /* in time all the same */
    assert_int_equal(t.now, from + 1500);
    mind_closed(&t, 1000, "");
    assert_int_equal(t.s.phase, SESSION_WAITING);
    mind_dials(&t);
    mind_open_with(&t, "h3");
    t.now += 5000; /* stable: as at first */
    mind_lose(&t);
    mind_open_with(&t, "h3");
    mind_handle(&t, "h4");
    mind_away(&t, "3s");
    assert_true(t.step.dial_standby);
    mind_end(&t);
  }
}

static void stays_without_anything_to_go_on_from(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_text(&t, "one");
  mind_answer(&t, "yes");
  mind_away(&t, "10s");
  assert_true(session_next_tick(&t.s) == SESSION_NEVER);
  mind_tick(&t, 9000);
  assert_int_equal(t.s.phase, SESSION_OPEN);
  mind_handle(&t, "h1"); /* better late */
  assert_true(t.step.leave);
  mind_end(&t);
}

static void never_closed_is_fine(void **state) {
  (void)state;
  mind_test t;
  open_idle(&t);
  mind_text(&t, "two");
  mind_away(&t, "10s");
  while (!t.step.leave) mind_wait(&t);
  mind_wait(&t);
  assert_true(t.step.abort && (t.step.dial || t.step.upgrade));
  mind_open_with(&t, "h1");
  MIND_WIRE(&t, "two");
  mind_end(&t);
}

/* ---- calls, context, music ---- */

static void lost_calls_are_told_and_their_answers_dropped(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_handle(&t, "h1");
  mind_hear(&t, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"c1\",\"name\":\"f\"},{\"id\":\"c2\",\"name\":\"f\"}]}}");
  mind_lose(&t);
  mind_open(&t);
  assert_true(t.step.lost_calls);
  assert_true(mind_told(&t, GENAI_LIVE_EVENT_CALLS_GONE));
  assert_int_equal(t.event.event.call_ids.count, 2);
  mind_say(&t, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"c1\",\"name\":\"f\",\"response\":{}}]}}");
  assert_int_equal(t.sent, 0);
  assert_true(mind_told(&t, GENAI_LIVE_EVENT_CALLS_GONE));
  mind_end(&t);
}

static void context_updates_are_part_of_the_setup(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_say(&t, "{\"contextUpdate\":{\"systemInstruction\":{\"parts\":[{\"text\":\"Be brief.\"}]}}}");
  mind_text(&t, "one");
  mind_lose(&t);
  mind_open_with(&t, "Be brief.");
  MIND_WIRE(&t, "one");
  mind_end(&t);
}

static void music_is_told_its_state(void **state) {
  (void)state;
  mind_test t;
  session_settings s = mind_settings;
  s.music = true;
  mind_begin(&t, &s);
  mind_open(&t);
  mind_say(&t, "{\"clientContent\":{\"weightedPrompts\":[{\"text\":\"old\"}]}}");
  mind_say(&t, "{\"clientContent\":{\"weightedPrompts\":[{\"text\":\"new\"}]}}");
  mind_say(&t, "{\"playbackControl\":\"PLAY\"}");
  mind_say(&t, "{\"playbackControl\":\"RESET_CONTEXT\"}");
  for (int i = 0; i < 3; i++) {
    mind_lose(&t);
    mind_dials(&t);
    mind_open(&t);
    mind_expect(&t, GENAI_LIVE_EVENT_RESUMED, 2, 0);
    MIND_WIRE(&t, "new", "PLAY");
  }
  /* Not sent in time, and so not sent twice. */
  mind_lose(&t);
  mind_dials(&t);
  char setup[256];
  mind_setup(&t, setup, sizeof setup);
  mind_hear(&t, "{\"setupComplete\":{}}");
  mind_lose(&t);
  mind_dials(&t);
  mind_open(&t);
  MIND_WIRE(&t, "new", "PLAY");
  mind_end(&t);
}

static void the_end_tells_what_was_said_in_vain(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_handle(&t, "h1");
  mind_text(&t, "on the wire");
  mind_lose(&t);
  mind_text(&t, "never");
  mind_fail(&t, GENAI_ERROR_HTTP, 403);
  mind_ended(&t, GENAI_ERROR_HTTP, "1 message never went out. 1 message that had gone out may not have been taken in.");
  mind_end(&t);
}

static void an_awaited_answer_is_still_watched(void **state) {
  (void)state;
  mind_test t;
  open_with(&t, GENAI_LIVE_RECONNECT_RESUME);
  mind_text(&t, "one");
  mind_handle(&t, "h1");
  mind_lose(&t);
  mind_open(&t);
  mind_wait(&t);
  assert_true(mind_told(&t, GENAI_LIVE_EVENT_NO_ANSWER));
  mind_end(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(says_again_what_the_handle_lacks),
      cmocka_unit_test(order_is_tools_text_real_time),
      cmocka_unit_test(begins_again_from_the_setup_alone),
      cmocka_unit_test(old_media_are_given_up_and_counted),
      cmocka_unit_test(none_is_the_bare_session),
      cmocka_unit_test(a_lagging_state_does_not_know_the_call),
      cmocka_unit_test(prunes_by_index),
      cmocka_unit_test(only_pairs_count),
      cmocka_unit_test(counts_from_zero_where_told),
      cmocka_unit_test(transparent_media_do_not_age_once_sent),
      cmocka_unit_test(what_overflows_is_told),
      cmocka_unit_test(a_refused_handle_is_dropped),
      cmocka_unit_test(without_fresh_it_ends),
      cmocka_unit_test(a_poisoned_handle_is_dropped),
      cmocka_unit_test(internal_errors_do_not_end_a_session),
      cmocka_unit_test(a_handle_that_kills_ends_a_session),
      cmocka_unit_test(a_turn_redeems_the_handle),
      cmocka_unit_test(a_used_token_begins_nothing),
      cmocka_unit_test(history_is_announced_where_it_must_be),
      cmocka_unit_test(text_that_a_lost_state_held_is_told),
      cmocka_unit_test(fates),
      cmocka_unit_test(the_first_connect_is_not_tried_again),
      cmocka_unit_test(a_credential_is_renewed_once),
      cmocka_unit_test(graceful_ends_are_ends),
      cmocka_unit_test(pauses_grow_and_end),
      cmocka_unit_test(the_budget_ends_it),
      cmocka_unit_test(overload_waits_long),
      cmocka_unit_test(a_stable_connection_resets),
      cmocka_unit_test(leaves_at_a_safe_point),
      cmocka_unit_test(waits_for_the_turn_and_a_newer_handle),
      cmocka_unit_test(waits_for_tool_calls),
      cmocka_unit_test(leaves_two_seconds_before_the_deadline),
      cmocka_unit_test(leaves_at_once_when_there_is_no_time),
      cmocka_unit_test(a_standby_may_fail_or_be_late),
      cmocka_unit_test(a_storm_of_them_is_slowed),
      cmocka_unit_test(one_that_comes_early_makes_no_gap),
      cmocka_unit_test(stays_without_anything_to_go_on_from),
      cmocka_unit_test(never_closed_is_fine),
      cmocka_unit_test(lost_calls_are_told_and_their_answers_dropped),
      cmocka_unit_test(context_updates_are_part_of_the_setup),
      cmocka_unit_test(music_is_told_its_state),
      cmocka_unit_test(the_end_tells_what_was_said_in_vain),
      cmocka_unit_test(an_awaited_answer_is_still_watched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
