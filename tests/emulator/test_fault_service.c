/* The faults that are the service's: what is told, answered and given out wrongly. The clock is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "driver.h"

#define TEXT_ANSWERS "\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}"
#define ASK(text) \
  "{\"clientContent\":{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" text "\"}]}],\"turnComplete\":true}}"
#define VERTEX_MODEL "projects/p/locations/l/publishers/google/models/m"
#define INVALID "Request contains an invalid argument."
#define INTERNAL "Internal error encountered."

static conversations *all;
static driver d;
static char handle[HANDLE_MAX];
static json_int_t conversation_at;

static int prepare(void **state) {
  (void)state;
  all = conversations_new(&(conversations_options){.seed = 1});
  return all ? 0 : -1;
}

static int tidy(void **state) {
  (void)state;
  conversations_free(all);
  return 0;
}

static void open_with(const service_options *more, const char *first) {
  service_options options = *more;
  options.conversations = all;
  options.epoch_ms = 1000000 + conversation_at;
  options.index_first = 1;
  driver_open(&d, &options, first);
}

static void open_gemini(void) { open_with(&(service_options){.fast = true}, "{\"setup\":{\"model\":\"models/m\"," TEXT_ANSWERS "}}"); }

/* Transparent on Vertex, resuming `handle` if there is one. */
static void open_vertex(void) {
  char text[400];
  snprintf(text, sizeof text, "{\"setup\":{\"model\":\"" VERTEX_MODEL "\"," TEXT_ANSWERS ",\"sessionResumption\":{\"transparent\":true%s%s%s}}}",
           *handle ? ",\"handle\":\"" : "", handle, *handle ? "\"" : "");
  open_with(&(service_options){.fast = true, .backend = {.vertex = true, .version = "v1beta1"}}, text);
}

static void finish(void) {
  conversation_at += (json_int_t)d.now_ms;
  service_lost(d.service, d.now_ms);
  driver_close(&d);
}

static bool suffer(const char *line) {
  fault f;
  genai_error error = {0};
  if (fault_parse(&f, line, &error)) fail_msg("%s", error.message);
  return service_fault(d.service, d.now_ms, &f);
}

/* The update that comes next: its index, or "-" without one, or "not" when it is not resumable. */
static const char *update(void) {
  static char text[32];
  json_t *found = driver_expect(&d, "sessionResumptionUpdate"), *index = json_object_get(found, "lastConsumedClientMessageIndex");
  const char *given = json_string_value(json_object_get(found, "newHandle"));
  bool resumable = json_is_true(json_object_get(found, "resumable"));
  if (*given) snprintf(handle, sizeof handle, "%s", given);
  snprintf(text, sizeof text, "%s%s", resumable ? index ? json_string_value(index) : "-" : "not", *given ? "" : " empty");
  return text;
}

static void expect_answer(const char *text) {
  driver_turn t;
  driver_pull_turn(&d, &t);
  assert_string_equal(t.text, text);
}

static void goes_away(void **state) {
  (void)state;
  open_gemini();
  assert_true(suffer("goAway lead=1500ms"));
  assert_string_equal(driver_expect_text(&d, "goAway.timeLeft"), "1.500s");
  driver_expect_nothing(&d, 1499);
  driver_expect_close(&d, 1011, "Deadline expired before operation could complete.");
  finish();
  open_gemini();
  suffer("goAway lead=50s end=100ms code=1001 reason=bye");
  assert_string_equal(driver_expect_text(&d, "goAway.timeLeft"), "50s");
  driver_expect_nothing(&d, 99);
  driver_expect_close(&d, 1001, "bye");
  finish();
  open_gemini();
  suffer("goAway lead=1s end=never");
  assert_non_null(driver_expect(&d, "goAway"));
  driver_expect_nothing(&d, 1000000);
  finish();
}

static void closes(void **state) {
  (void)state;
  open_gemini();
  driver_send(&d, ASK("hello"));
  assert_true(driver_pull(&d, 0)); /* in mid-turn */
  assert_true(service_view(d.service).phases & FAULT_BIT(FAULT_TURN));
  assert_int_equal(service_view(d.service).turns, 1);
  assert_true(suffer("close code=1008"));
  driver_expect_close(&d, 1008, "Operation is not implemented, or supported, or enabled.");
  finish();
}

static void stalls(void **state) {
  (void)state;
  open_gemini();
  suffer("stall for=700ms");
  driver_send(&d, ASK("hello"));
  driver_expect_nothing(&d, 699);
  expect_answer("You said: \"hello\"");
  finish();
}

static void bursts(void **state) {
  (void)state;
  driver_turn t;
  open_with(&(service_options){0}, "{\"setup\":{\"model\":\"models/m\"}}");
  suffer("burst for=10s");
  driver_send(&d, ASK("a rather long text that is spoken"));
  driver_pull_turn(&d, &t);
  assert_true(t.samples > 20000);
  assert_true(t.took_ms < 100);
  finish();
}

static void doubles_transcriptions(void **state) {
  (void)state;
  driver_turn t;
  open_with(&(service_options){.fast = true}, "{\"setup\":{\"model\":\"models/m\",\"outputAudioTranscription\":{}}}");
  suffer("duplicate");
  driver_send(&d, ASK("one two"));
  driver_pull_turn(&d, &t);
  assert_string_equal(t.said, "YouYou said: said: \"one \"one two\" two\"");
  finish();
}

static void answers_wrongly(void **state) {
  (void)state;
  driver_turn t;
  open_gemini();
  suffer("answer empty count=2");
  for (int i = 0; i < 2; i++) {
    driver_send(&d, ASK("hello"));
    expect_answer("");
  }
  driver_send(&d, ASK("hello"));
  expect_answer("You said: \"hello\"");
  suffer("answer rejected");
  driver_send(&d, ASK("hello"));
  expect_answer("");
  assert_string_equal(json_string_value(driver_at(d.message, "serverContent.turnCompleteReason")), "RESPONSE_REJECTED");
  suffer("answer none");
  driver_send(&d, ASK("hello"));
  driver_expect_nothing(&d, 1000000);
  driver_send(&d, ASK("again"));
  expect_answer("You said: \"again\"");
  assert_null(driver_at(d.message, "serverContent.turnCompleteReason"));
  finish();
  open_with(&(service_options){.fast = true}, "{\"setup\":{\"model\":\"models/m\"}}");
  suffer("answer silent");
  driver_send(&d, ASK("hello"));
  driver_pull_turn(&d, &t);
  assert_int_equal(t.samples, 48000);
  finish();
}

static void sends_what_is_none(void **state) {
  (void)state;
  static const struct {
    const char *line, *text;
  } cases[] = {
      {"invalid truncated", "{\n  \"serverContent\": {\n    \"modelTurn\": {"},
      {"invalid json", "this is no JSON\n"},
      {"invalid empty", ""},
      {"invalid unknown", "{\n  \"somethingNew\": {\n    \"flag\": true\n  }\n}\n"},
      {"send text={\"error\":{\"code\":500}}", "{\"error\":{\"code\":500}}"},
  };
  open_gemini();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_true(suffer(cases[i].line));
    assert_true(service_next(d.service, d.now_ms, &d.action));
    assert_string_equal(d.action.text, cases[i].text);
  }
  assert_false(suffer("invalid utf8")); /* a text frame's */
  assert_false(suffer("drop"));
  driver_send(&d, ASK("hello"));
  expect_answer("You said: \"hello\"");
  finish();
}

/* ---- updates ---- */

static void ask(const char *before, const char *question, const char *answer, const char *after) {
  driver_send(&d, question);
  assert_string_equal(update(), before);
  expect_answer(answer);
  assert_string_equal(update(), after);
}

static void updates_without_handles(void **state) {
  (void)state;
  *handle = '\0';
  open_vertex();
  assert_string_equal(update(), "0");
  suffer("updates unresumable for=10s");
  ask("not empty", ASK("one"), "You said: \"one\"", "not empty");
  suffer("updates empty for=10s");
  ask("not empty", ASK("two"), "You said: \"two\"", "- empty");
  suffer("updates none for=10s");
  driver_send(&d, ASK("three"));
  expect_answer("You said: \"three\"");
  driver_expect_nothing(&d, 10000);
  suffer("updates noIndex for=1s");
  ask("not empty", ASK("four"), "You said: \"four\"", "-");
  suffer("updates beyond count=100 for=1s");
  ask("not empty", ASK("five"), "You said: \"five\"", "105");
  d.now_ms += 1000;
  ask("not empty", ASK("six"), "You said: \"six\"", "6");
  finish();
}

static void updates_late_and_seldom(void **state) {
  (void)state;
  char before[HANDLE_MAX];
  *handle = '\0';
  open_vertex();
  assert_string_equal(update(), "0");
  suffer("updates lag delay=300ms for=1s");
  driver_send(&d, ASK("one"));
  assert_string_equal(update(), "not empty");
  expect_answer("You said: \"one\"");
  driver_expect_nothing(&d, 299);
  assert_string_equal(update(), "1");
  d.now_ms += 1000;
  ask("not empty", ASK("two"), "You said: \"two\"", "2");
  snprintf(before, sizeof before, "%s", handle);
  suffer("updates skip count=1 for=10s");
  driver_send(&d, ASK("three"));
  assert_string_equal(update(), "not empty");
  expect_answer("You said: \"three\"");
  driver_expect_nothing(&d, 1000);
  ask("not empty", ASK("four"), "You said: \"four\"", "4");
  suffer("updates stale for=1s");
  snprintf(before, sizeof before, "%s", handle);
  ask("not empty", ASK("five"), "You said: \"five\"", "4"); /* the state before, and its own index */
  assert_string_equal(handle, before);
  finish();
  open_vertex(); /* it is as good as it says */
  assert_string_equal(update(), "0");
  ask("not empty", ASK("What did I say?"), "You said before: \"four\"", "1");
  finish();
}

/* As Vertex does: what is being answered is lost with such a handle. */
static void updates_in_mid_answer(void **state) {
  (void)state;
  *handle = '\0';
  open_vertex();
  assert_string_equal(update(), "0");
  suffer("updates eager");
  driver_send(&d, ASK("one"));
  assert_string_equal(update(), "1");
  assert_non_null(driver_expect(&d, "serverContent.modelTurn"));
  finish();
  open_vertex();
  assert_string_equal(update(), "0");
  ask("not empty", ASK("What did I say?"), "You said before: \"one\"", "1");
  finish();
}

static void expect_refusal(int code, const char *reason) {
  char text[400];
  snprintf(text, sizeof text, "{\"setup\":{\"model\":\"" VERTEX_MODEL "\"," TEXT_ANSWERS ",\"sessionResumption\":{\"handle\":\"%s\"}}}", handle);
  open_with(&(service_options){.backend = {.vertex = true, .version = "v1beta1"}}, NULL);
  driver_send(&d, text);
  driver_expect_close(&d, code, reason);
  driver_close(&d);
}

static void handles_that_expire(void **state) {
  (void)state;
  *handle = '\0';
  open_vertex();
  assert_string_equal(update(), "0");
  suffer("updates expired"); /* the one that was given out too */
  finish();
  expect_refusal(1007, INVALID);
  *handle = '\0';
  open_vertex();
  assert_string_equal(update(), "0");
  suffer("updates expired for=1s");
  ask("not empty", ASK("one"), "You said: \"one\"", "1");
  finish();
  expect_refusal(1007, INVALID);
}

static void handles_that_are_poisoned(void **state) {
  (void)state;
  *handle = '\0';
  open_vertex();
  assert_string_equal(update(), "0");
  suffer("updates poisoned code=1007");
  finish();
  for (int i = 0; i < 2; i++) {
    open_vertex();
    driver_expect(&d, "sessionResumptionUpdate");
    driver_expect_nothing(&d, 499);
    driver_expect_close(&d, 1007, INVALID);
    finish();
  }
}

static void conversations_that_linger(void **state) {
  (void)state;
  *handle = '\0';
  open_vertex();
  assert_string_equal(update(), "0");
  suffer("linger for=2s");
  finish();
  expect_refusal(1011, INTERNAL);
  conversation_at += 2000;
  open_vertex();
  finish();
}

/* ---- scripts ---- */

static void answers_can_be_told_beforehand(void **state) {
  (void)state;
  json_t *answers = json_loads("[{\"say\": \"Good day.\"}, {\"calls\": [{\"name\": \"find\", \"args\": {\"what\": \"it\"}}, {\"name\": \"unknown\"}]},"
                               " {\"say\": \"It is there.\"}, {\"heard\": \"What a noise\"}]", 0, NULL);
  char message[300];
  assert_non_null(answers);
  open_with(&(service_options){.fast = true, .answers = answers},
            "{\"setup\":{\"model\":\"models/m\"," TEXT_ANSWERS ",\"inputAudioTranscription\":{},\"tools\":[{\"functionDeclarations\":[{\"name\":\"find\"}]}]}}");
  driver_send(&d, ASK("hello"));
  expect_answer("Good day.");
  driver_send(&d, ASK("where is it?"));
  json_t *calls = driver_expect(&d, "toolCall.functionCalls");
  assert_int_equal(json_array_size(calls), 1);
  assert_string_equal(json_string_value(driver_at(calls, "0.args.what")), "it");
  assert_true(service_view(d.service).phases & FAULT_BIT(FAULT_TOOL));
  snprintf(message, sizeof message, "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"%s\",\"name\":\"find\",\"response\":{}}]}}",
           json_string_value(driver_at(calls, "0.id")));
  driver_send(&d, message);
  expect_answer("It is there.");
  driver_send_tone(&d, 600);
  driver_send_silence(&d, 600);
  driver_turn t;
  driver_pull_turn(&d, &t);
  assert_string_equal(t.heard, "What a noise");
  assert_string_equal(t.text, "You said: \"What a noise\"");
  driver_send(&d, ASK("hello"));
  expect_answer("You said: \"hello\""); /* beyond the script */
  finish();
  json_decref(answers);
}

/* ---- the proof ---- */

static char story[4096];

static void note(void *user, const service_event *event) {
  (void)user;
  static const char *const names[] = {"begins", "resumes", "took", "sent", "ends"};
  if (event->kind == SERVICE_SENT) return;
  snprintf(story + strlen(story), sizeof story - strlen(story), "%s %d", names[event->kind], (int)event->position);
  if (event->kind == SERVICE_TOOK) snprintf(story + strlen(story), sizeof story - strlen(story), " (%d)", (int)event->index);
  strcat(story, "; ");
}

static void tells_what_it_took_in(void **state) {
  (void)state;
  char text[300];
  service_options options = {.fast = true, .event = note, .backend = {.vertex = true, .version = "v1beta1"}};
  *story = *handle = '\0';
  const char *first = "{\"setup\":{\"model\":\"" VERTEX_MODEL "\"," TEXT_ANSWERS ",\"sessionResumption\":{\"transparent\":true}}}";
  open_with(&options, first);
  assert_string_equal(update(), "0");
  ask("not empty", ASK("one"), "You said: \"one\"", "1");
  driver_send(&d, ASK("two")); /* taken in, but in no state that was given out */
  finish();
  snprintf(text, sizeof text, "{\"setup\":{\"model\":\"" VERTEX_MODEL "\"," TEXT_ANSWERS ",\"sessionResumption\":{\"transparent\":true,\"handle\":\"%s\"}}}", handle);
  open_with(&options, text);
  driver_send(&d, ASK("two"));
  driver_send(&d, "{\"nonsense\":1}"); /* not taken in */
  finish();
  assert_string_equal(story, "begins 0; took 1 (1); took 2 (2); ends 2; resumes 1; took 2 (1); ends 2; ");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(goes_away, prepare, tidy),
      cmocka_unit_test_setup_teardown(closes, prepare, tidy),
      cmocka_unit_test_setup_teardown(stalls, prepare, tidy),
      cmocka_unit_test_setup_teardown(bursts, prepare, tidy),
      cmocka_unit_test_setup_teardown(doubles_transcriptions, prepare, tidy),
      cmocka_unit_test_setup_teardown(answers_wrongly, prepare, tidy),
      cmocka_unit_test_setup_teardown(sends_what_is_none, prepare, tidy),
      cmocka_unit_test_setup_teardown(updates_without_handles, prepare, tidy),
      cmocka_unit_test_setup_teardown(updates_late_and_seldom, prepare, tidy),
      cmocka_unit_test_setup_teardown(updates_in_mid_answer, prepare, tidy),
      cmocka_unit_test_setup_teardown(handles_that_expire, prepare, tidy),
      cmocka_unit_test_setup_teardown(handles_that_are_poisoned, prepare, tidy),
      cmocka_unit_test_setup_teardown(conversations_that_linger, prepare, tidy),
      cmocka_unit_test_setup_teardown(answers_can_be_told_beforehand, prepare, tidy),
      cmocka_unit_test_setup_teardown(tells_what_it_took_in, prepare, tidy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
