/* What waits, what was sent, what may have to be said again. */
#include "mind.h"

static payload *message(const char *json, session_input kind) {
  payload *p = payload_copy(json, strlen(json));
  p->kind = (uint8_t)kind;
  return p;
}

static void begin(session_inputs *in) {
  *in = (session_inputs){.keep = true, .sent_max = 1000, .media_age = 1000, .age_sent = true, .first_index = 1};
  session_inputs_init(in);
}

static void add(session_inputs *in, const char *text, session_input kind, uint64_t at) { session_inputs_add(in, message(text, kind), at); }

static void expect(const session_list *list, const char *texts) {
  char all[256] = "";
  size_t bytes = 0;
  for (const payload *p = list->head; p; p = p->next) {
    snprintf(all + strlen(all), sizeof all - strlen(all), "%.*s ", (int)p->size, (const char *)p->data);
    bytes += p->size;
  }
  assert_string_equal(all, texts);
  assert_int_equal(bytes, list->bytes);
  assert_true(list->head || list->tail == &list->head);
}

static void names_kinds(void **state) {
  (void)state;
  static const struct { const char *json; session_input live, music; } cases[] = {
      {"{\"realtimeInput\":{\"audio\":{}}}", SESSION_INPUT_MEDIA, SESSION_INPUT_PROMPTS},
      {"{\"realtimeInput\":{\"video\":{}}}", SESSION_INPUT_MEDIA, SESSION_INPUT_PROMPTS},
      {"{\"realtimeInput\":{\"text\":\"\"}}", SESSION_INPUT_TEXT, SESSION_INPUT_PROMPTS},
      {"{\"realtimeInput\":{\"activityStart\":{}}}", SESSION_INPUT_MARK, SESSION_INPUT_PROMPTS},
      {"{\"realtimeInput\":{\"audioStreamEnd\":true}}", SESSION_INPUT_MARK, SESSION_INPUT_PROMPTS},
      {"{\"toolResponse\":{}}", SESSION_INPUT_TOOL, SESSION_INPUT_PROMPTS},
      {"{\"contextUpdate\":{}}", SESSION_INPUT_CONTEXT, SESSION_INPUT_PROMPTS},
      {"{\"clientContent\":{}}", SESSION_INPUT_TEXT, SESSION_INPUT_PROMPTS},
      {"{\"musicGenerationConfig\":{}}", SESSION_INPUT_TEXT, SESSION_INPUT_CONFIG},
      {"{\"playbackControl\":\"PLAY\"}", SESSION_INPUT_TEXT, SESSION_INPUT_CONTROL},
      {"{}", SESSION_INPUT_TEXT, SESSION_INPUT_PROMPTS},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    payload *p = payload_copy(cases[i].json, strlen(cases[i].json));
    assert_int_equal(session_input_of(p, false), cases[i].live);
    assert_int_equal(session_input_of(p, true), cases[i].music);
    payload_drop(p);
  }
  for (int kind = 0; kind < 20; kind++) assert_true(strlen(session_input_name((session_input)kind)) > 3);
}

static void says_again_first_then_by_rank(void **state) {
  (void)state;
  session_inputs in;
  begin(&in);
  add(&in, "a1", SESSION_INPUT_MEDIA, 0);
  add(&in, "t1", SESSION_INPUT_TEXT, 0);
  session_inputs_sent(&in, 0);
  session_inputs_sent(&in, 0);
  add(&in, "a2", SESSION_INPUT_MEDIA, 0);
  add(&in, "m1", SESSION_INPUT_MARK, 0);
  add(&in, "t2", SESSION_INPUT_TEXT, 0);
  add(&in, "r1", SESSION_INPUT_TOOL, 0);
  assert_int_equal(session_inputs_again(&in, 0), 2);
  expect(&in.waiting, "a1 t1 r1 t2 a2 m1 ");
  /* Half of it is on the wire when the next one is lost. */
  session_inputs_sent(&in, 0);
  assert_int_equal(session_inputs_again(&in, 0), 2);
  expect(&in.waiting, "a1 t1 r1 t2 a2 m1 ");
  expect(&in.sent, "");
  session_inputs_deinit(&in);
}

static void prunes_up_to_a_serial(void **state) {
  (void)state;
  session_inputs in;
  begin(&in);
  for (int i = 0; i < 4; i++) {
    add(&in, "t", SESSION_INPUT_TEXT, 0);
    session_inputs_sent(&in, 0);
  }
  assert_int_equal(session_inputs_serial(&in, 0), 0);
  assert_int_equal(session_inputs_serial(&in, -5), 0);
  assert_int_equal(session_inputs_serial(&in, 3), 3);
  assert_int_equal(session_inputs_serial(&in, INT64_MAX), 4);
  session_inputs_kept(&in, 3);
  assert_int_equal(in.sent.count, 1);
  session_inputs_again(&in, 0);
  session_inputs_sent(&in, 0);
  assert_int_equal(session_inputs_serial(&in, 1), 5); /* counted anew */
  session_inputs_deinit(&in);
}

static void gives_up_the_oldest_media_first(void **state) {
  (void)state;
  session_inputs in;
  begin(&in);
  in.sent_max = 6;
  static const session_input kinds[] = {SESSION_INPUT_TEXT, SESSION_INPUT_MEDIA, SESSION_INPUT_MEDIA, SESSION_INPUT_TEXT, SESSION_INPUT_TEXT, SESSION_INPUT_TEXT};
  static const char *names[] = {"t1", "a1", "a2", "t2", "t3", "t4"}, *left[] = {"t1 ", "t1 a1 ", "t1 a1 a2 ", "t1 a2 t2 ", "t1 t2 t3 ", "t2 t3 t4 "};
  for (int i = 0; i < 6; i++) {
    add(&in, names[i], kinds[i], 0);
    session_inputs_sent(&in, 0);
    expect(&in.sent, left[i]);
  }
  assert_int_equal(in.unkept, 3);
  session_inputs_kept(&in, 6);
  assert_int_equal(in.unkept, 0);
  /* The recent turns stay, whatever their size. */
  session_inputs_first(&in, message("recent turns", SESSION_INPUT_SEED), 0);
  session_inputs_sent(&in, 0);
  expect(&in.sent, "recent turns ");
  session_inputs_deinit(&in);
}

static void media_age_while_nobody_takes_them(void **state) {
  (void)state;
  session_inputs in;
  begin(&in);
  assert_true(session_inputs_ages_at(&in) == UINT64_MAX);
  add(&in, "a1", SESSION_INPUT_MEDIA, 100);
  add(&in, "t1", SESSION_INPUT_TEXT, 100);
  add(&in, "a2", SESSION_INPUT_MEDIA, 900);
  uint64_t at = session_inputs_ages_at(&in);
  assert_true(at > 1100 && at < 2000);
  session_inputs_age(&in, at);
  expect(&in.waiting, "t1 a2 ");
  assert_int_equal(in.dropped, 1);
  in.media_age = UINT64_MAX;
  session_inputs_age(&in, 100000);
  expect(&in.waiting, "t1 a2 ");
  session_inputs_deinit(&in);
}

/* What waits to be said again is on no wire, and in no state that comes meanwhile. */
static void media_too_old_to_be_said_again_are_lost(void **state) {
  (void)state;
  session_inputs in;
  begin(&in);
  add(&in, "a1", SESSION_INPUT_MEDIA, 0);
  add(&in, "a2", SESSION_INPUT_MEDIA, 0);
  session_inputs_sent(&in, 0);
  session_inputs_sent(&in, 0);
  assert_int_equal(session_inputs_again(&in, 0), 2);
  session_inputs_sent(&in, 0);
  expect(&in.waiting, "a2 ");
  session_inputs_age(&in, 5000);
  expect(&in.waiting, "");
  session_inputs_kept(&in, in.serial);
  assert_int_equal(in.unkept, 1);
  session_inputs_deinit(&in);
}

static bool is_t1(void *user, payload **p) {
  payload *instead = user;
  if ((*p)->data[1] == '2') *p = payload_hold(instead);
  return (*p)->data[1] == '1';
}

static void removes_and_replaces(void **state) {
  (void)state;
  session_inputs in;
  begin(&in);
  payload *instead = message("long instead", SESSION_INPUT_TEXT);
  instead->data = (const uint8_t *)"x3345678901"; /* its own bytes do not matter */
  add(&in, "t1", SESSION_INPUT_TEXT, 5);
  session_inputs_sent(&in, 0);
  add(&in, "t1", SESSION_INPUT_TEXT, 5);
  add(&in, "t2", SESSION_INPUT_TEXT, 5);
  assert_int_equal(session_inputs_remove(&in, is_t1, instead), 2);
  assert_int_equal(in.waiting.count, 1);
  assert_int_equal(in.waiting.bytes, instead->size);
  add(&in, "t9", SESSION_INPUT_TEXT, 5); /* the tail is right */
  assert_int_equal(in.waiting.count, 2);
  assert_true(in.waiting.head->next && !in.waiting.head->next->next);
  payload_drop(instead);
  session_inputs_deinit(&in);
}

static void keeps_nothing_where_nothing_is_kept(void **state) {
  (void)state;
  session_inputs in;
  begin(&in);
  in.keep = false;
  add(&in, "t", SESSION_INPUT_TEXT, 0);
  session_inputs_sent(&in, 0);
  expect(&in.sent, "");
  in.keep = true;
  add(&in, "c", SESSION_INPUT_FOLDED, 0);
  session_inputs_sent(&in, 0);
  expect(&in.sent, "");
  assert_int_equal(in.serial, 2);
  session_inputs_deinit(&in);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_kinds),
      cmocka_unit_test(says_again_first_then_by_rank),
      cmocka_unit_test(prunes_up_to_a_serial),
      cmocka_unit_test(gives_up_the_oldest_media_first),
      cmocka_unit_test(media_age_while_nobody_takes_them),
      cmocka_unit_test(media_too_old_to_be_said_again_are_lost),
      cmocka_unit_test(removes_and_replaces),
      cmocka_unit_test(keeps_nothing_where_nothing_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
