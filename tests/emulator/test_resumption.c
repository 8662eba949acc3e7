/* Resumption: what is told when, what a resumed conversation knows, and which handles are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "driver.h"

#define TEXT_ANSWERS "\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}"
#define WEATHER                                                                                          \
  "\"tools\":[{\"functionDeclarations\":[{\"name\":\"get_weather\",\"behavior\":\"%s\",\"parameters\":{\"type\":\"OBJECT\"," \
  "\"properties\":{\"location\":{\"type\":\"STRING\"}},\"required\":[\"location\"]}}]}]"
#define ASK(text) \
  "{\"clientContent\":{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" text "\"}]}],\"turnComplete\":true}}"
#define INVALID "Request contains an invalid argument."
#define EPOCH INT64_C(1767225600000)

typedef struct place {
  conversations *all;
  driver d;
  service_options options;
  char handle[HANDLE_MAX];
  char index[24];
  const char *more; /* of the setup */
} place;

static int prepare(void **state) {
  static place p;
  p = (place){.all = conversations_new(&(conversations_options){.seed = 5}), .more = TEXT_ANSWERS};
  p.options = (service_options){.fast = true, .conversations = p.all, .epoch_ms = EPOCH, .index_first = 1};
  *state = &p;
  return p.all ? 0 : -1;
}

static int tidy(void **state) {
  place *p = *state;
  conversations_free(p->all);
  return 0;
}

static void send_setup(place *p, const char *model, const char *resumption) {
  char first[2048];
  snprintf(first, sizeof first, "{\"setup\":{\"model\":\"%s\",%s,\"sessionResumption\":%s}}", model, p->more, resumption);
  driver_open(&p->d, &p->options, NULL);
  driver_send(&p->d, first);
}

static const char *model_of(const place *p) {
  return p->options.backend.vertex ? "projects/p/locations/l/publishers/google/models/m" : "models/m";
}

/* Opens, resuming from the handle that is kept. */
static void open_session(place *p, bool resume) {
  char resumption[120];
  const char *transparent = p->options.backend.vertex ? "\"transparent\":true" : "\"transparent\":false";
  snprintf(resumption, sizeof resumption, resume ? "{%s,\"handle\":\"%s\"}" : "{%s}", transparent, p->handle);
  send_setup(p, model_of(p), resumption);
  assert_non_null(driver_expect(&p->d, "setupComplete"));
}

static void close_session(place *p) {
  p->options.epoch_ms += (int64_t)p->d.now_ms - 1000; /* the next driver's clock starts at 1000 */
  service_lost(p->d.service, p->d.now_ms);
  driver_close(&p->d);
}

static void expect_update(place *p, bool resumable) {
  json_t *update = driver_expect(&p->d, "sessionResumptionUpdate");
  assert_int_equal(json_is_true(json_object_get(update, "resumable")), resumable);
  const char *handle = json_string_value(json_object_get(update, "newHandle"));
  const char *index = json_string_value(json_object_get(update, "lastConsumedClientMessageIndex"));
  assert_int_equal(index != NULL, resumable && p->options.backend.vertex);
  assert_int_equal(*handle != '\0', resumable);
  if (!resumable) return;
  assert_string_not_equal(handle, p->handle);
  snprintf(p->handle, sizeof p->handle, "%s", handle);
  snprintf(p->index, sizeof p->index, "%s", index ? index : "");
}

/* A turn and the updates around it. */
static void ask(place *p, const char *question, const char *answer) {
  driver_turn t;
  driver_send(&p->d, question);
  expect_update(p, false);
  driver_pull_turn(&p->d, &t);
  assert_string_equal(t.text, answer);
  expect_update(p, true);
  driver_expect_nothing(&p->d, 10000);
}

static void refused(place *p, const char *model, const char *handle, int code, const char *reason) {
  char resumption[120];
  snprintf(resumption, sizeof resumption, "{\"handle\":\"%s\"}", handle);
  send_setup(p, model, resumption);
  driver_expect_close(&p->d, code, reason);
  driver_close(&p->d);
}

static void goes_on(void **state) {
  place *p = *state;
  open_session(p, false);
  expect_update(p, true);
  ask(p, ASK("What did I say?"), "You said nothing before.");
  ask(p, ASK("the first"), "You said: \"the first\"");
  close_session(p);
  open_session(p, true);
  expect_update(p, true);
  ask(p, ASK("What did I say?"), "You said before: \"the first\"");
  close_session(p);
}

/* Neither updates nor handles without sessionResumption; the same for an emulator that keeps nothing. */
static void is_asked_for(void **state) {
  place *p = *state;
  driver d;
  driver_turn t;
  driver_open(&d, &p->options, "{\"setup\":{\"model\":\"models/m\"," TEXT_ANSWERS "}}");
  driver_send(&d, ASK("hello"));
  driver_pull_turn(&d, &t);
  driver_expect_nothing(&d, 10000);
  driver_close(&d);
}

static void older_handles_forget(void **state) {
  place *p = *state;
  char first[HANDLE_MAX], second[HANDLE_MAX];
  open_session(p, false);
  expect_update(p, true);
  ask(p, ASK("one"), "You said: \"one\"");
  snprintf(first, sizeof first, "%s", p->handle);
  ask(p, ASK("two"), "You said: \"two\"");
  snprintf(second, sizeof second, "%s", p->handle);
  close_session(p);
  snprintf(p->handle, sizeof p->handle, "%s", first);
  open_session(p, true);
  expect_update(p, true);
  ask(p, ASK("what did I say"), "You said before: \"one\"");
  close_session(p);
  refused(p, "models/m", second, 1007, INVALID); /* what it stood for was given up */
  snprintf(p->handle, sizeof p->handle, "%s", first);
  open_session(p, true); /* the same twice: the connection may have failed before an update came */
  close_session(p);
}

static void refuses(void **state) {
  place *p = *state;
  refused(p, "models/m", "nonsense", 1007, INVALID);
  refused(p, "models/m", "00000000", 1007, INVALID);
  open_session(p, false);
  expect_update(p, true);
  driver live = p->d;
  refused(p, "models/m", p->handle, 1011, "Internal error encountered.");
  service_lost(live.service, live.now_ms);
  refused(p, "models/other", p->handle, 1007, INVALID);
  open_session(p, true);
  driver_close(&live); /* its end is not that of the one that goes on */
  driver again = p->d;
  refused(p, "models/m", p->handle, 1011, "Internal error encountered.");
  driver_close(&again);
}

static void expires_after(place *p, int64_t lifetime_ms) {
  open_session(p, false);
  expect_update(p, true);
  close_session(p);
  int64_t epoch_ms = p->options.epoch_ms;
  p->options.epoch_ms = epoch_ms + lifetime_ms - 1;
  open_session(p, true);
  close_session(p); /* which begins its life anew */
  p->options.epoch_ms += lifetime_ms;
  refused(p, model_of(p), p->handle, 1007, INVALID);
}

static void handles_expire(void **state) {
  place *p = *state;
  expires_after(p, INT64_C(2) * 3600 * 1000);
  p->options.backend = (setup_backend){.vertex = true, .version = "v1beta1"};
  expires_after(p, INT64_C(24) * 3600 * 1000);
}

static void an_open_call_is_not_resumable(void **state) {
  place *p = *state;
  char more[512], id[64], answer[256];
  driver_turn t;
  snprintf(more, sizeof more, TEXT_ANSWERS "," WEATHER, "BLOCKING");
  p->more = more;
  open_session(p, false);
  expect_update(p, true);
  driver_send(&p->d, ASK("get weather in Paris"));
  expect_update(p, false);
  snprintf(id, sizeof id, "%s", driver_expect_text(&p->d, "toolCall.functionCalls.0.id"));
  driver_expect_nothing(&p->d, 100000);
  snprintf(answer, sizeof answer,
           "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"%s\",\"name\":\"get_weather\",\"response\":{\"output\":\"sun\"}}]}}", id);
  driver_send(&p->d, answer);
  driver_pull_turn(&p->d, &t);
  assert_string_equal(t.text, "get_weather answered: sun");
  expect_update(p, true);
  close_session(p);
}

/* A call that does not block stays open over a resumption. */
static void open_calls_go_on(void **state) {
  place *p = *state;
  char more[512], id[64], answer[256];
  driver_turn t;
  snprintf(more, sizeof more, TEXT_ANSWERS "," WEATHER, "NON_BLOCKING");
  p->more = more;
  open_session(p, false);
  expect_update(p, true);
  driver_send(&p->d, ASK("get weather in Paris"));
  expect_update(p, false);
  snprintf(id, sizeof id, "%s", driver_expect_text(&p->d, "toolCall.functionCalls.0.id"));
  driver_expect(&p->d, "serverContent.generationComplete");
  driver_expect(&p->d, "serverContent.turnComplete");
  expect_update(p, true);
  close_session(p);
  open_session(p, true);
  expect_update(p, true);
  snprintf(answer, sizeof answer,
           "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"%s\",\"name\":\"get_weather\",\"response\":{\"output\":\"rain\"}}]}}", id);
  driver_send(&p->d, answer);
  expect_update(p, false);
  driver_pull_turn(&p->d, &t);
  assert_string_equal(t.text, "get_weather answered: rain");
  close_session(p);
}

/* Transparent: input that is no turn is told of too, by its index, which begins anew with each connection. */
static void tells_the_index(void **state) {
  place *p = *state;
  driver_turn t;
  p->options.backend = (setup_backend){.vertex = true, .version = "v1beta1"};
  p->more = "\"generationConfig\":{\"responseModalities\":[\"AUDIO\"]},\"outputAudioTranscription\":{}";
  open_session(p, false);
  expect_update(p, true);
  assert_string_equal(p->index, "0");
  driver_send_silence(&p->d, 400);
  expect_update(p, true);
  assert_string_equal(p->index, "20"); /* nothing was pulled before */
  driver_send_tone(&p->d, 1000);
  expect_update(p, true);
  assert_string_equal(p->index, "70");
  close_session(p); /* in the middle of the utterance */
  open_session(p, true);
  expect_update(p, true);
  assert_string_equal(p->index, "0");
  driver_send_silence(&p->d, 540);
  expect_update(p, false);
  driver_pull_turn(&p->d, &t);
  assert_in_range(t.samples, 24000 * 1100 / 1000, 24000 * 1400 / 1000); /* what was heard before is in it */
  expect_update(p, true);
  assert_string_equal(p->index, "27");
  driver_send(&p->d, "{\"realtimeInput\":{\"video\":{\"mimeType\":\"image/jpeg\",\"data\":\"\"}}}");
  driver_expect_nothing(&p->d, 499);
  expect_update(p, true);
  assert_string_equal(p->index, "28");
  close_session(p);
}

static void the_first_index_can_be_set(void **state) {
  place *p = *state;
  p->options.backend = (setup_backend){.vertex = true, .version = "v1beta1"};
  p->options.index_first = 0;
  open_session(p, false);
  expect_update(p, true);
  assert_string_equal(p->index, "-1");
  ask(p, ASK("one"), "You said: \"one\"");
  assert_string_equal(p->index, "0");
  close_session(p);
}

static json_t *journal;
static void record(void *user, json_t *what) {
  (void)user;
  json_array_append(journal, what);
}

/* Another process that was given the records knows the same; after every one of them, whatever was cut off. */
static void outlives_the_process(void **state) {
  place *p = *state;
  char first[HANDLE_MAX];
  journal = json_array();
  conversations_free(p->all);
  p->all = p->options.conversations = conversations_new(&(conversations_options){.seed = 5, .record = record});
  open_session(p, false);
  expect_update(p, true);
  ask(p, ASK("one"), "You said: \"one\"");
  snprintf(first, sizeof first, "%s", p->handle);
  ask(p, ASK("two"), "You said: \"two\"");
  driver_close(&p->d); /* a crash tells of no end */
  conversations_free(p->all);

  p->all = p->options.conversations = conversations_new(&(conversations_options){.seed = 5});
  json_t *line;
  size_t i;
  json_array_foreach(journal, i, line) assert_true(conversations_restore(p->all, EPOCH, line));
  assert_false(conversations_restore(p->all, EPOCH, json_null()));
  json_decref(journal);
  journal = json_array();
  conversations_record(p->all, record, NULL);
  conversations_free(p->all);

  p->all = p->options.conversations = conversations_new(&(conversations_options){.seed = 5});
  json_array_foreach(journal, i, line) assert_true(conversations_restore(p->all, EPOCH, line));
  json_decref(journal);
  char newest[HANDLE_MAX];
  snprintf(newest, sizeof newest, "%s", p->handle);
  open_session(p, true);
  expect_update(p, true);
  ask(p, ASK("what did i say?"), "You said before: \"two\"");
  close_session(p);
  snprintf(p->handle, sizeof p->handle, "%s", newest);
  open_session(p, true);
  close_session(p);
  snprintf(p->handle, sizeof p->handle, "%s", first);
  open_session(p, true);
  expect_update(p, true);
  ask(p, ASK("what did i say?"), "You said before: \"one\"");
  close_session(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(goes_on, prepare, tidy),
      cmocka_unit_test_setup_teardown(is_asked_for, prepare, tidy),
      cmocka_unit_test_setup_teardown(older_handles_forget, prepare, tidy),
      cmocka_unit_test_setup_teardown(refuses, prepare, tidy),
      cmocka_unit_test_setup_teardown(handles_expire, prepare, tidy),
      cmocka_unit_test_setup_teardown(an_open_call_is_not_resumable, prepare, tidy),
      cmocka_unit_test_setup_teardown(open_calls_go_on, prepare, tidy),
      cmocka_unit_test_setup_teardown(tells_the_index, prepare, tidy),
      cmocka_unit_test_setup_teardown(the_first_index_can_be_set, prepare, tidy),
      cmocka_unit_test_setup_teardown(outlives_the_process, prepare, tidy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
