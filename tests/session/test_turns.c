/* The watchdog: no answer, empty turns, sound that nobody hears, answers held back. */
#include "mind.h"

static genai_bytes pcm(uint8_t *data, size_t size, int16_t peak) {
  for (size_t i = 0; i + 1 < size; i += 2) {
    data[i] = (uint8_t)peak;
    data[i + 1] = (uint8_t)((uint16_t)peak >> 8);
  }
  return (genai_bytes){data, size};
}

static const session_news complete = {.turn_complete = true};

static void an_empty_turn_is_told(void **state) {
  (void)state;
  session_turns t;
  session_turns_init(&t);
  assert_true(session_turns_heard(&t, &complete, 1).empty);
  session_turns_heard(&t, &(session_news){.model_turn = true, .output = true}, 1);
  assert_false(session_turns_heard(&t, &complete, 1).empty);
  session_turns_heard(&t, &(session_news){.interrupted = true}, 1);
  assert_false(session_turns_heard(&t, &complete, 1).empty);
  assert_false(session_turns_heard(&t, &(session_news){.turn_complete = true, .waiting_for_input = true}, 1).empty);
  assert_false(session_turns_heard(&t, &(session_news){.turn_complete = true, .in_progress = true}, 1).empty);
  assert_true(t.answering); /* an extended-thinking model goes on */
}

static void sound_that_nobody_hears_is_told(void **state) {
  (void)state;
  static uint8_t data[24000];
  static const struct { size_t size; int16_t peak; bool quiet; } cases[] = {
      {24000, 0, true}, {24000, 64, true}, {24000, -64, true}, {24000, 65, false}, {24000, -65, false}, {24000, INT16_MIN, false}, {23998, 0, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    session_turns t;
    session_turns_init(&t);
    session_turns_heard(&t, &(session_news){.model_turn = true, .audio = pcm(data, cases[i].size, cases[i].peak)}, 1);
    assert_int_equal(session_turns_heard(&t, &complete, 1).quiet, cases[i].quiet);
  }
}

static void repeated_rejections_are_told(void **state) {
  (void)state;
  session_turns t;
  const session_news rejected = {.turn_complete = true, .rejected = true};
  session_turns_init(&t);
  session_turn_faults faults = session_turns_heard(&t, &rejected, 1);
  assert_false(faults.rejected || faults.empty);
  assert_true(session_turns_heard(&t, &rejected, 1).rejected);
  session_turns_heard(&t, &(session_news){.model_turn = true}, 1);
  session_turns_heard(&t, &complete, 1);
  assert_false(session_turns_heard(&t, &rejected, 1).rejected);
}

static void silence_is_told_once_a_turn(void **state) {
  (void)state;
  mind_test t;
  session_settings s = mind_settings;
  s.answer_timeout = 3000;
  mind_begin(&t, &s);
  mind_open(&t);
  assert_true(session_next_tick(&t.s) == SESSION_NEVER);
  mind_text(&t, "well?");
  mind_wait(&t);
  assert_true(mind_told(&t, GENAI_LIVE_EVENT_NO_ANSWER));
  assert_int_equal(t.event.event.delay_ms, 3000);
  assert_true(session_next_tick(&t.s) == SESSION_NEVER);
  /* In the middle of an answer, too; not after generationComplete, when turnComplete may wait for the end of playing. */
  mind_hear(&t, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"so\"}]}}}");
  assert_int_equal(session_next_tick(&t.s), t.now + 3000);
  mind_hear(&t, "{\"serverContent\":{\"generationComplete\":true}}");
  assert_true(session_next_tick(&t.s) == SESSION_NEVER);
  mind_hear(&t, "{\"serverContent\":{\"turnComplete\":true}}");
  /* While a call is open it is our turn, and while we do not read it is our silence. */
  mind_text(&t, "call");
  mind_hear(&t, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"c\",\"name\":\"f\"}]}}");
  assert_true(session_next_tick(&t.s) == SESSION_NEVER);
  mind_end(&t);
  mind_begin(&t, &s);
  mind_open(&t);
  mind_text(&t, "well?");
  session_paused(&t.s, true, t.now);
  assert_true(session_next_tick(&t.s) == SESSION_NEVER);
  session_paused(&t.s, false, t.now + 9000);
  assert_int_equal(session_next_tick(&t.s), t.now + 12000);
  mind_end(&t);
}

static void context_alone_asks_for_nothing(void **state) {
  (void)state;
  mind_test t;
  mind_begin(&t, &mind_settings);
  mind_open(&t);
  mind_say(&t, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"x\"}],\"role\":\"user\"}],\"turnComplete\":false}}");
  mind_say(&t, "{\"realtimeInput\":{\"activityStart\":{}}}");
  assert_true(session_next_tick(&t.s) == SESSION_NEVER);
  mind_say(&t, "{\"realtimeInput\":{\"activityEnd\":{}}}");
  assert_int_equal(session_next_tick(&t.s), t.now + 20000);
  mind_end(&t);
}

/* The answers of all open calls hand the turn back; a silent one asks for nothing. */
static void silence_after_a_tool_answer_is_told(void **state) {
  (void)state;
  static const char two[] = "{\"toolCall\":{\"functionCalls\":[{\"id\":\"a\",\"name\":\"f\"},{\"id\":\"b\",\"name\":\"f\"}]}}";
  mind_test t;
  mind_begin(&t, &mind_settings);
  mind_open(&t);
  mind_text(&t, "call");
  mind_hear(&t, two);
  mind_say(&t, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"a\",\"name\":\"f\",\"response\":{}}]}}");
  assert_true(session_next_tick(&t.s) == SESSION_NEVER);
  t.now += 60000;
  mind_say(&t, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"b\",\"name\":\"f\",\"scheduling\":\"SILENT\",\"response\":{}}]}}");
  assert_int_equal(session_next_tick(&t.s), t.now + 20000);
  mind_wait(&t);
  assert_true(mind_told(&t, GENAI_LIVE_EVENT_NO_ANSWER));
  mind_end(&t);
  mind_begin(&t, &mind_settings); /* in the middle of an answer, which then ends */
  mind_open(&t);
  mind_text(&t, "call");
  mind_hear(&t, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"so\"}]}}}");
  mind_hear(&t, two);
  mind_say(&t, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"a\",\"name\":\"f\",\"response\":{}}]}}");
  mind_hear(&t, "{\"toolCallCancellation\":{\"ids\":[\"b\"]}}");
  assert_int_equal(session_next_tick(&t.s), t.now + 20000);
  mind_hear(&t, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"so\"}]}}}");
  mind_hear(&t, "{\"serverContent\":{\"turnComplete\":true}}");
  assert_true(session_next_tick(&t.s) == SESSION_NEVER);
  mind_hear(&t, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"c\",\"name\":\"f\"}]}}");
  mind_say(&t, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"c\",\"name\":\"f\",\"scheduling\":\"SILENT\",\"response\":{}}]}}");
  assert_true(session_next_tick(&t.s) == SESSION_NEVER);
  mind_end(&t);
}

/* The model called, and the state that is restored does not know of it: it is its turn. */
static void silence_after_a_lost_call_is_told(void **state) {
  (void)state;
  mind_test t;
  mind_begin(&t, &mind_settings);
  mind_open(&t);
  mind_handle(&t, "h");
  mind_text(&t, "call");
  mind_hear(&t, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"a\",\"name\":\"f\"}]}}");
  t.now += 10000;
  mind_lose(&t);
  mind_open(&t);
  assert_true(mind_told(&t, GENAI_LIVE_EVENT_CALLS_GONE));
  mind_wait(&t);
  assert_true(mind_told(&t, GENAI_LIVE_EVENT_NO_ANSWER));
  mind_end(&t);
}

/* What the last sentence says of the moment. */
static void where(mind_test *t, const char *part) {
  session_mind s = t->s; /* a close is only explained: nothing of the copy is freed */
  session_peer_close(&s, 1011, "", 0);
  if (!strstr(s.end.message, part)) fail_msg("\"%s\" is not in \"%s\"", part, s.end.message);
}

static const char output[] = "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"so\"}]}}}",
                  end_of_turn[] = "{\"serverContent\":{\"turnComplete\":true}}",
                  call[] = "{\"toolCall\":{\"functionCalls\":[{\"id\":\"c\",\"name\":\"f\"}]}}";

static void the_moment_is_named_truly(void **state) {
  (void)state;
  mind_test t;
  mind_begin(&t, &mind_settings);
  mind_open(&t);
  where(&t, "between turns");
  mind_text(&t, "well?");
  where(&t, "while an answer was awaited");
  mind_wait(&t);
  assert_true(mind_told(&t, GENAI_LIVE_EVENT_NO_ANSWER));
  where(&t, "while an answer was awaited"); /* still */
  mind_hear(&t, output);
  where(&t, "in the middle of an answer");
  mind_hear(&t, end_of_turn);
  where(&t, "between turns");
  mind_hear(&t, "{\"serverContent\":{\"inputTranscription\":{\"text\":\"hm\"}}}");
  where(&t, "while an answer was awaited");
  mind_hear(&t, "{\"serverContent\":{\"turnComplete\":true}}"); /* which was empty */
  where(&t, "between turns");
  mind_text(&t, "call");
  mind_hear(&t, call);
  where(&t, "while a tool call was unanswered");
  mind_say(&t, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"c\",\"name\":\"f\",\"response\":{}}]}}");
  where(&t, "while an answer was awaited");
  mind_end(&t);
}

/* The first turn may be cut by it, or have been on its way already. */
static void what_is_asked_during_an_answer_awaits_its_own(void **state) {
  (void)state;
  for (int cut = 0; cut < 3; cut++) {
    mind_test t;
    mind_begin(&t, &mind_settings);
    mind_open(&t);
    mind_text(&t, "first");
    mind_hear(&t, output);
    mind_text(&t, "second");
    mind_hear(&t, output);
    if (cut) mind_hear(&t, "{\"serverContent\":{\"interrupted\":true}}");
    if (cut < 2) mind_hear(&t, end_of_turn);
    assert_int_equal(session_next_tick(&t.s), t.now + 20000);
    if (cut < 2) where(&t, "while an answer was awaited");
    mind_hear(&t, output);
    where(&t, "in the middle of an answer");
    mind_hear(&t, end_of_turn);
    where(&t, "between turns");
    assert_true(session_next_tick(&t.s) == SESSION_NEVER);
    mind_end(&t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_turn_is_told),
      cmocka_unit_test(sound_that_nobody_hears_is_told),
      cmocka_unit_test(repeated_rejections_are_told),
      cmocka_unit_test(silence_is_told_once_a_turn),
      cmocka_unit_test(context_alone_asks_for_nothing),
      cmocka_unit_test(silence_after_a_tool_answer_is_told),
      cmocka_unit_test(silence_after_a_lost_call_is_told),
      cmocka_unit_test(the_moment_is_named_truly),
      cmocka_unit_test(what_is_asked_during_an_answer_awaits_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
