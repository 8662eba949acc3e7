/* The mind with fake time: phases, deadlines, silence, closes. */
#include "mind.h"

static const session_settings settings = {.connect_timeout = 1000, .close_timeout = 500, .keepalive = 200, .keepalive_timeout = 300,
                                          .reconnect = GENAI_LIVE_RECONNECT_NONE, .answer_timeout = SESSION_NEVER};
static const genai_live_server_setup_complete complete;
static const genai_live_server_message setup_complete = {.setup_complete = &complete};
static const genai_content turn;
static const genai_live_server_content answering = {.model_turn = &turn};

static uint64_t now; /* of what is heard */

static session_step hear(session_mind *s, const genai_live_server_message *message) {
  session_news news = session_news_of_live(message);
  return session_message(s, &news, now);
}

/* Nothing of a session without reconnects but its setup is on the heap. */
static payload *setup;

static void begin(session_mind *s) {
  if (!setup) setup = payload_copy("{\"setup\":{}}", 12);
  genai_error error = {0};
  now = 10;
  assert_int_equal(session_init(s, &settings, setup, 0, &error), GENAI_OK);
  payload_drop(s->setup);
  s->setup = setup;
}

static session_mind opened(void) {
  session_mind s;
  begin(&s);
  session_connected(&s, 10);
  hear(&s, &setup_complete);
  assert_int_equal(s.phase, SESSION_OPEN);
  return s;
}

static void connects(void **state) {
  (void)state;
  session_mind s;
  begin(&s);
  assert_int_equal(session_next_tick(&s), 1000);
  session_step step = session_connected(&s, 10);
  assert_true(step.send_setup);
  step = hear(&s, &setup_complete);
  assert_true(step.opened && step.deliver && !step.ended);
  assert_int_equal(s.phase, SESSION_OPEN);
  assert_int_equal(session_next_tick(&s), 210);
}

static void keeps_early_messages(void **state) {
  (void)state;
  session_mind s;
  begin(&s);
  session_connected(&s, 10);
  genai_live_server_message early = {.go_away = &(genai_live_server_go_away){.time_left = {true, {2, 500000000}}}};
  session_step step = hear(&s, &early);
  assert_true(step.deliver && !step.opened);
  session_event event;
  assert_true(session_event_next(&s, &event));
  assert_int_equal(event.event.kind, GENAI_LIVE_EVENT_GOING_AWAY);
  assert_int_equal(event.event.time_left_ms, 2500);
  assert_false(session_event_next(&s, &event));
  assert_int_equal(s.phase, SESSION_SETUP);
}

static void times_out_by_phase(void **state) {
  (void)state;
  session_mind s;
  begin(&s);
  assert_false(session_tick(&s, 999, "resolving").ended);
  session_step step = session_tick(&s, 1000, "in the TLS handshake");
  assert_true(step.ended && step.abort);
  assert_int_equal(s.end.status, GENAI_ERROR_TIMEOUT);
  assert_non_null(strstr(s.end.message, "in the TLS handshake"));
  begin(&s);
  session_connected(&s, 10);
  step = session_tick(&s, 1000, "connected");
  assert_true(step.ended && step.abort);
  assert_non_null(strstr(s.end.message, "setupComplete"));
}

static void error_answer_ends_setup(void **state) {
  (void)state;
  session_mind s;
  begin(&s);
  session_connected(&s, 10);
  genai_live_server_error error = {.code = {true, 403}, .status = "PERMISSION_DENIED", .message = "No."};
  session_step step = hear(&s, &(genai_live_server_message){.error = &error});
  assert_true(step.ended && step.abort && !step.deliver);
  assert_int_equal(s.end.status, GENAI_ERROR_SERVICE);
  assert_string_equal(s.end.message, "The service refused the setup with an error 403 PERMISSION_DENIED: No. Check what the API key "
                                     "may do: the project's access, the API being enabled, the key's restrictions.");
  /* In an open session the application sees it as a message. */
  s = opened();
  step = hear(&s, &(genai_live_server_message){.error = &error});
  assert_true(step.deliver && !step.ended);
}

static void silence_is_pinged_then_lost(void **state) {
  (void)state;
  session_mind s = opened();
  session_heard(&s, 100);
  assert_false(session_tick(&s, 299, "").ping);
  assert_true(session_tick(&s, 300, "").ping);
  assert_false(session_tick(&s, 310, "").ping);
  assert_int_equal(session_next_tick(&s), 600);
  /* A late pong is not death while other data flows. */
  session_heard(&s, 590);
  assert_false(session_tick(&s, 600, "").ended);
  assert_true(session_tick(&s, 790, "").ping);
  session_step step = session_tick(&s, 1090, "");
  assert_true(step.ended && step.abort);
  assert_int_equal(s.end.status, GENAI_ERROR_LOST);
  assert_int_equal(s.end.close_code, 1006);
}

static void silence_while_paused_is_ours(void **state) {
  (void)state;
  session_mind s = opened();
  session_paused(&s, true, 100);
  assert_int_equal(session_next_tick(&s), SESSION_NEVER);
  assert_false(session_tick(&s, 100000, "").ended);
  session_paused(&s, false, 100000);
  assert_int_equal(session_next_tick(&s), 100200);
}

static void keepalive_can_be_off(void **state) {
  (void)state;
  session_mind s = opened();
  s.settings.keepalive = SESSION_NEVER;
  assert_int_equal(session_next_tick(&s), SESSION_NEVER);
}

static void closes_gracefully(void **state) {
  (void)state;
  session_mind s = opened();
  session_step step = session_close(&s, 100);
  assert_true(step.close && !step.ended);
  assert_int_equal(session_next_tick(&s), 600);
  assert_false(session_close(&s, 110).close);
  session_peer_close(&s, 1000, "", 0);
  step = session_transport_end(&s, &(genai_error){0}, 100);
  assert_true(step.ended && !step.abort);
  assert_int_equal(s.end.status, GENAI_CLOSED);
  assert_int_equal(s.end.close_code, 1000);
  /* A peer that never answers the close does not make it an error. */
  s = opened();
  session_close(&s, 100);
  step = session_tick(&s, 600, "");
  assert_true(step.ended && step.abort);
  assert_int_equal(s.end.status, GENAI_CLOSED);
}

static void close_before_open_aborts(void **state) {
  (void)state;
  session_mind s;
  begin(&s);
  session_step step = session_close(&s, 5);
  assert_true(step.ended && step.abort);
  assert_int_equal(s.end.status, GENAI_CLOSED);
}

static void check_close(session_mind s, int code, const char *reason, genai_status status, const char *part) {
  session_peer_close(&s, code, reason, strlen(reason));
  session_step step = session_transport_end(&s, &(genai_error){0}, 100);
  assert_true(step.ended);
  assert_int_equal(s.end.status, status);
  assert_int_equal(s.end.close_code, code);
  assert_string_equal(s.end.close_reason, reason);
  if (!strstr(s.end.message, part)) fail_msg("\"%s\" is not in \"%s\"", part, s.end.message);
}

static void explains_closes(void **state) {
  (void)state;
  session_mind in_setup;
  begin(&in_setup);
  session_connected(&in_setup, 1);
  check_close(opened(), 1000, "", GENAI_CLOSED, "code 1000");
  check_close(opened(), 1005, "", GENAI_CLOSED, "code 1005");
  check_close(opened(), 1001, "bye", GENAI_CLOSED, "\"bye\"");
  check_close(in_setup, 1000, "", GENAI_ERROR_REFUSED, "during setup with code 1000");
  check_close(in_setup, 1007, "API key not valid. Please pass a valid API key.", GENAI_ERROR_REFUSED, "Check the API key.");
  check_close(in_setup, 1008, "models/x is not found for API version v1", GENAI_ERROR_REFUSED, "Check the model's name");
  check_close(opened(), 1011, "Deadline expired before operation could complete.", GENAI_ERROR_REFUSED, "time limit");
  check_close(opened(), 1011, "Internal error encountered.", GENAI_ERROR_REFUSED, "between turns");
  check_close(opened(), 4321, "own", GENAI_ERROR_REFUSED, "4321");
  session_mind s = opened();
  hear(&s, &(genai_live_server_message){.server_content = &answering});
  check_close(s, 1011, "", GENAI_ERROR_REFUSED, "in the middle of an answer");
  const genai_function_call call = {.id = "1"};
  const genai_function_call *calls[] = {&call};
  hear(&s, &(genai_live_server_message){.tool_call = &(genai_live_server_tool_call){.function_calls = {calls, 1}}});
  check_close(s, 1008, "", GENAI_ERROR_REFUSED, "while a tool call was unanswered");
  session_inputs_init(&s.inputs); /* the mind was copied */
  static const char text[] = "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"1\",\"name\":\"f\",\"response\":{}}]}}";
  payload *answer = payload_copy(text, sizeof text - 1);
  answer->kind = SESSION_INPUT_TOOL;
  session_add(&s, answer, 100);
  assert_ptr_equal(session_next(&s), answer);
  session_sent(&s, 100);
  check_close(s, 1008, "", GENAI_ERROR_REFUSED, "in the middle of an answer");
  session_calls_deinit(&s.calls);
}

static void lost_without_close(void **state) {
  (void)state;
  session_mind s = opened();
  genai_error reset = {.status = GENAI_ERROR_LOST, .os_error = 104, .message = "host port 443 reset the connection."};
  session_transport_end(&s, &reset, 100);
  assert_int_equal(s.end.status, GENAI_ERROR_LOST);
  assert_int_equal(s.end.close_code, 1006);
  assert_int_equal(s.end.os_error, 104);
  assert_non_null(strstr(s.end.message, "reset the connection"));
  /* A failure that has its own sentence keeps it; what to do is added. */
  begin(&s);
  genai_error refused = {.status = GENAI_ERROR_HTTP, .http_status = 401, .message = "refused"};
  session_transport_end(&s, &refused, 100);
  assert_int_equal(s.end.status, GENAI_ERROR_HTTP);
  assert_int_equal(s.end.http_status, 401);
  assert_string_equal(s.end.message, "refused. Check the API key.");
  /* After the peer's close frame its code stands, however the connection then went down. */
  s = opened();
  session_peer_close(&s, 1011, "x", 1);
  session_transport_end(&s, &reset, 100);
  assert_int_equal(s.end.close_code, 1011);
  assert_int_equal(s.end.status, GENAI_ERROR_REFUSED);
}

static void nothing_after_the_end(void **state) {
  (void)state;
  session_mind s = opened();
  session_close(&s, 1);
  session_transport_end(&s, &(genai_error){0}, 100);
  assert_false(hear(&s, &setup_complete).deliver);
  assert_false(session_tick(&s, 99999, "").ended);
  assert_false(session_transport_end(&s, &(genai_error){0}, 100).ended);
  assert_false(session_close(&s, 9).close);
  assert_int_equal(session_next_tick(&s), SESSION_NEVER);
}

static void counts_interruptions(void **state) {
  (void)state;
  session_mind s = opened();
  genai_live_server_content content = {.interrupted = {true, true}};
  assert_true(hear(&s, &(genai_live_server_message){.server_content = &content}).interrupted);
  content.interrupted.value = false;
  assert_false(hear(&s, &(genai_live_server_message){.server_content = &content}).interrupted);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(connects),
      cmocka_unit_test(keeps_early_messages),
      cmocka_unit_test(times_out_by_phase),
      cmocka_unit_test(error_answer_ends_setup),
      cmocka_unit_test(silence_is_pinged_then_lost),
      cmocka_unit_test(silence_while_paused_is_ours),
      cmocka_unit_test(keepalive_can_be_off),
      cmocka_unit_test(closes_gracefully),
      cmocka_unit_test(close_before_open_aborts),
      cmocka_unit_test(explains_closes),
      cmocka_unit_test(lost_without_close),
      cmocka_unit_test(nothing_after_the_end),
      cmocka_unit_test(counts_interruptions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
