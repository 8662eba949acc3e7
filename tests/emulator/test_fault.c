/* The grammar of faults and scenarios, and when a plan says that one is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "emulator/plan.h"

static fault parse(const char *line) {
  fault f;
  genai_error error = {0};
  if (fault_parse(&f, line, &error)) fail_msg("%s: %s", line, error.message);
  return f;
}

static void refuse(const char *line, const char *sentence) {
  fault f;
  genai_error error = {0};
  assert_int_equal(fault_parse(&f, line, &error), GENAI_ERROR_ARGUMENT);
  if (!strstr(error.message, sentence)) fail_msg("%s: %s", line, error.message);
}

static void lines_are_read(void **state) {
  (void)state;
  fault f = parse("goAway after=5s lead=1500ms");
  assert_int_equal(f.kind, FAULT_GO_AWAY);
  assert_int_equal(f.phase, FAULT_OPEN);
  assert_int_equal(f.after_ms, 5000);
  assert_int_equal(f.lead_ms, 1500);
  assert_int_equal(f.end_ms, 1500); /* the lead's */
  assert_int_equal(f.first, 1);
  assert_true(f.last == UINT32_MAX);
  assert_string_equal(f.reason, "Deadline expired before operation could complete.");
  f = parse("goAway end=never lead=2m");
  assert_true(f.end_ms == FAULT_NEVER);
  assert_int_equal(f.lead_ms, 120000);
  f = parse("close code=1008 connection=2-4 phase=turn turn=3 messages=7 times=2");
  assert_string_equal(f.reason, "Operation is not implemented, or supported, or enabled.");
  assert_int_equal(f.first, 2);
  assert_int_equal(f.last, 4);
  assert_int_equal(f.phase, FAULT_TURN);
  assert_int_equal(f.turn, 3);
  assert_int_equal(f.messages, 7);
  assert_int_equal(f.times, 2);
  f = parse("close connection=9- code=4321 reason=\"Two \\\"words\\\" here\"");
  assert_string_equal(f.reason, "Two \"words\" here");
  assert_int_equal(f.first, 9);
  assert_true(f.last == UINT32_MAX);
  f = parse("close code=1000");
  assert_string_equal(f.reason, "");
  f = parse("reset bytes=5000000000");
  assert_true(f.bytes == 5000000000u);
  f = parse("refuse");
  assert_int_equal(f.phase, FAULT_UPGRADE);
  assert_int_equal(f.status, 503);
  f = parse("updates lag delay=1.5s");
  assert_int_equal(f.how, FAULT_LAG);
  assert_int_equal(f.delay_ms, 1500);
  assert_int_equal(parse("updates").how, FAULT_UNRESUMABLE);
  assert_int_equal(parse("updates how=beyond").how, FAULT_BEYOND);
  assert_int_equal(parse("invalid frame").how, FAULT_CUT_FRAME);
  assert_int_equal(parse("answer rejected count=2").how, FAULT_ANSWER_REJECTED);
  f = parse("send text={\"goAway\":{}}");
  assert_string_equal(f.text, "{\"goAway\":{}}");
  f = parse("send text=\"{ \\\"a\\\": 1 }\"");
  assert_string_equal(f.text, "{ \"a\": 1 }");
}

static void mistakes_are_told(void **state) {
  (void)state;
  refuse("", "There is no fault \"\". There are goAway, close, drop");
  refuse("gone", "There is no fault \"gone\".");
  refuse("goAway led=2s", "goAway has no \"led\". It takes lead end code reason; and when: connection, phase");
  refuse("drop how=x", "drop has no \"how\". It takes connection, phase");
  refuse("drop x", "drop has no \"how\".");
  refuse("freeze sideways", "how is \"sideways\". Use both, in, out.");
  refuse("drop phase=night", "phase is \"night\". Use upgrade, setup, open, idle, turn, tool, resumed, closing.");
  refuse("drop after=soon", "after is \"soon\". Use a time such as 300ms");
  refuse("drop after=-1s", "after is \"-1s\".");
  refuse("drop after=5h", "after is \"5h\".");
  refuse("drop after=never", "Only end, for and delay can be never.");
  refuse("close code=999", "code is \"999\". Use a whole number from 1000 to 4999.");
  refuse("close code=1006", "use drop.");
  refuse("goAway code=1015", "A close frame cannot carry 1015.");
  refuse("updates poisoned code=2014", "A close frame cannot carry 2014.");
  refuse("refuse phase=open", "in the phase upgrade alone.");
  refuse("goAway phase=upgrade", "goAway needs a session");
  refuse("drop phase=upgrade messages=1", "no turns, messages or bytes");
  refuse("drop connection=0", "connection is \"0\".");
  refuse("drop connection=4-2", "connection is \"4-2\".");
  refuse("send", "send needs the message: text=JSON.");
  refuse("drop messages=99999999999999999999", "messages is");
  char long_reason[300] = "close reason=";
  memset(long_reason + 13, 'x', 200);
  refuse(long_reason, "reason is longer than 123 bytes.");
}

static void scenario_is(const char *text, const char *sentence) {
  scenario s = {0};
  genai_error error = {0};
  assert_int_equal(scenario_parse(&s, text, strlen(text), &error), sentence ? GENAI_ERROR_ARGUMENT : GENAI_OK);
  if (sentence && !strstr(error.message, sentence)) fail_msg("%s: %s", text, error.message);
  scenario_deinit(&s);
}

static void scenarios_are_read(void **state) {
  (void)state;
  scenario s = {0};
  static const char text[] = "{\"answers\": [{\"heard\": \"a\", \"say\": \"b\"}, {\"calls\": [{\"name\": \"f\", \"args\": {}}]}, {}],\n"
                             " \"steps\": [{\"do\": \"goAway\", \"connection\": 1, \"phase\": \"turn\", \"lead\": 2000}, {\"do\": \"drop\"}]}";
  assert_int_equal(scenario_parse(&s, text, strlen(text), NULL), GENAI_OK);
  assert_int_equal(s.count, 2);
  assert_int_equal(s.faults[0].lead_ms, 2000);
  assert_int_equal(s.faults[0].last, 1);
  assert_int_equal(json_array_size(s.answers), 3);
  assert_int_equal(scenario_add(&s, "reset", NULL), GENAI_OK);
  assert_int_equal(s.count, 3);
  while (s.count < SCENARIO_FAULTS_MAX) assert_int_equal(scenario_add(&s, "reset", NULL), GENAI_OK);
  assert_int_equal(scenario_add(&s, "reset", NULL), GENAI_ERROR_ARGUMENT);
  scenario_deinit(&s);
  scenario_is("{}", NULL);
  scenario_is("[]", "A scenario is an object");
  scenario_is("{\n  \"steps\": [,]}", "Line 2, column");
  scenario_is("{\"step\": []}", "A scenario has no \"step\"");
  scenario_is("{\"steps\": {}}", "\"steps\" is a list");
  scenario_is("{\"steps\": [{\"do\": \"drop\"}, {\"do\": \"goAway\", \"lead\": true}]}", "Step 2: lead is neither a text nor a whole number.");
  scenario_is("{\"steps\": [{\"do\": \"drop\"}, 7]}", "Step 2: A step is an object");
  scenario_is("{\"answers\": [{}, {\"said\": \"x\"}]}", "Answer 2 has an unknown member \"said\".");
  scenario_is("{\"answers\": [{\"say\": 1}]}", "Answer 1: \"say\" is of the wrong type.");
  scenario_is("{\"answers\": [{\"calls\": [{}]}]}", "Answer 1: a call needs a \"name\".");
  scenario_is("{\"answers\": [3]}", "Answer 1 is no object.");
  scenario_is("{\"answers\": 3}", "\"answers\" is a list");
  genai_error error = {0};
  assert_int_equal(scenario_load(&s, "/no/such/file", &error), GENAI_ERROR_SYSTEM);
  assert_non_null(strstr(error.message, "/no/such/file could not be read"));
}

/* ---- plans ---- */

static plan_view at(fault_phase phase, unsigned turns, unsigned messages, uint64_t bytes) {
  return (plan_view){.phases = FAULT_BIT(FAULT_OPEN) | FAULT_BIT(phase), .turns = turns, .messages = messages, .bytes = bytes};
}

static void conditions_hold_together(void **state) {
  (void)state;
  scenario s = {0};
  plan p;
  assert_int_equal(scenario_add(&s, "drop phase=turn turn=2 messages=3 bytes=100 after=50ms", NULL), GENAI_OK);
  plan_init(&p, &s, 1, 0);
  plan_view view = at(FAULT_TURN, 2, 3, 100), early = at(FAULT_TURN, 2, 3, 99), idle = at(FAULT_IDLE, 2, 3, 100);
  assert_null(plan_next(&p, 1000, &early));
  assert_true(plan_deadline(&p) == FAULT_NEVER);
  assert_int_equal(plan_bytes(&p, 99), 1);
  assert_true(plan_bytes(&p, 100) == FAULT_NEVER);
  assert_null(plan_next(&p, 2000, &view));
  assert_int_equal(plan_deadline(&p), 2050);
  assert_null(plan_next(&p, 2049, &view));
  assert_null(plan_next(&p, 2049, &idle)); /* for so long without a break */
  assert_null(plan_next(&p, 2060, &view));
  assert_ptr_equal(plan_next(&p, 2110, &view), &s.faults[0]);
  assert_null(plan_next(&p, 3000, &view)); /* once in a connection */
  assert_true(plan_deadline(&p) == FAULT_NEVER);
  plan_init(&p, &s, 2, 0);
  assert_null(plan_next(&p, 4000, &view));
  assert_non_null(plan_next(&p, 4050, &view));
  scenario_deinit(&s);
}

static void connections_and_times_count(void **state) {
  (void)state;
  scenario s = {0};
  plan p;
  plan_view view = at(FAULT_IDLE, 0, 0, 0);
  assert_int_equal(scenario_add(&s, "drop connection=2-3", NULL), GENAI_OK);
  assert_int_equal(scenario_add(&s, "reset times=2", NULL), GENAI_OK);
  static const char *const expected[] = {"reset", "drop reset", "drop", ""};
  for (unsigned i = 1; i <= 4; i++) {
    char happened[40] = "";
    plan_init(&p, &s, i, 0);
    for (const fault *f; (f = plan_next(&p, 0, &view));) {
      if (*happened) strcat(happened, " ");
      strcat(happened, fault_name(f));
    }
    assert_string_equal(happened, expected[i - 1]);
  }
  scenario_deinit(&s);
}

/* What chaos does to one connection, one fault a word. */
static void run_chaos(scenario *s, unsigned connection, char *out, size_t size) {
  plan p;
  *out = '\0';
  plan_init(&p, s, connection, 0);
  plan_view door = {.phases = FAULT_BIT(FAULT_UPGRADE)};
  for (uint64_t now_ms = 0; now_ms < 60000; now_ms += 100) {
    plan_view view = at(now_ms % 2000 < 1000 ? FAULT_IDLE : FAULT_TURN, (unsigned)now_ms / 2000, (unsigned)now_ms / 50, now_ms * 10);
    for (const fault *f; (f = plan_next(&p, now_ms, now_ms ? &view : &door));) {
      assert_true(f->first == 1 && f->last == UINT32_MAX);
      strncat(out, fault_name(f), size - strlen(out) - 2);
      strcat(out, " ");
    }
  }
}

static void chaos_is_the_same_for_a_seed(void **state) {
  (void)state;
  scenario s = {0};
  char first[4096], again[4096], seen[16384] = "";
  assert_int_equal(scenario_set_chaos(&s, 42, 1000, NULL, NULL), GENAI_OK);
  for (unsigned i = 1; i <= 100; i++) {
    run_chaos(&s, i, first, sizeof first);
    run_chaos(&s, i, again, sizeof again);
    assert_string_equal(first, again);
    size_t faults = 0;
    for (const char *at_word = first; (at_word = strchr(at_word, ' ')); at_word++) faults++;
    assert_true(faults > 10 && faults < 150);
    strncat(seen, first, sizeof seen - strlen(seen) - 1);
  }
  for (size_t i = 0; fault_names(i); i++) {
    if (strcmp(fault_names(i), "send") && !strstr(seen, fault_names(i))) fail_msg("chaos never chose %s", fault_names(i));
  }
  assert_int_equal(scenario_set_chaos(&s, 42, 1000, " drop  reset", NULL), GENAI_OK);
  run_chaos(&s, 1, first, sizeof first);
  assert_true(strstr(first, "drop") && strstr(first, "reset"));
  assert_null(strstr(first, "goAway"));
  assert_int_equal(scenario_set_chaos(&s, 42, 1000, "drop nothing", NULL), GENAI_ERROR_ARGUMENT);
  scenario_deinit(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_are_read),           cmocka_unit_test(mistakes_are_told),
      cmocka_unit_test(scenarios_are_read),       cmocka_unit_test(conditions_hold_together),
      cmocka_unit_test(connections_and_times_count), cmocka_unit_test(chaos_is_the_same_for_a_seed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
