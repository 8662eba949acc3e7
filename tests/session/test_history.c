/* The recent turns, as a fresh session is told them. */
#include <stdlib.h>

#include "mind.h"

static void sent(session_history *h, const char *text, uint64_t serial) {
  char json[256];
  snprintf(json, sizeof json, "{\"realtimeInput\":{\"text\":\"%s\"}}", text);
  payload *p = payload_copy(json, strlen(json));
  session_history_sent(h, p, serial - 1);
  payload_drop(p);
}

static void said(session_history *h, const char *text, uint64_t serial) { session_history_heard(h, &(session_news){.model_turn = true, .said = text, .output = true}, serial); }
static bool complete(session_history *h, uint64_t serial) { return session_history_heard(h, &(session_news){.turn_complete = true}, serial); }

static void expect(const session_history *h, uint64_t kept, const char *text) {
  payload *p = session_history_seed(h, kept, true, false);
  char all[2048] = "";
  if (p) snprintf(all, sizeof all, "%.*s", (int)p->size, (const char *)p->data);
  assert_string_equal(all, text);
  payload_drop(p);
}

static void tells_answered_turns(void **state) {
  (void)state;
  session_history h = {0};
  expect(&h, 0, "");
  sent(&h, "one", 1);
  expect(&h, 0, "");
  said(&h, "ye", 1);
  said(&h, "s", 1);
  assert_true(complete(&h, 1));
  session_history_heard(&h, &(session_news){.heard = "aloud"}, 1);
  expect(&h, 0, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"one\"}],\"role\":\"user\"},{\"parts\":[{\"text\":\"yes\"}],\"role\":\"model\"}],"
                "\"turnComplete\":false}}");
  session_history_deinit(&h);
}

static void what_cuts_in_is_not_answered(void **state) {
  (void)state;
  session_history h = {0};
  sent(&h, "one", 1);
  said(&h, "so", 1);
  sent(&h, "two", 2);
  assert_true(complete(&h, 2));
  assert_int_equal(h.serial, 1);
  expect(&h, 0, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"one\"}],\"role\":\"user\"},{\"parts\":[{\"text\":\"so\"}],\"role\":\"model\"}],"
                "\"turnComplete\":false}}");
  session_history_deinit(&h);
}

static void tells_what_a_lost_state_held(void **state) {
  (void)state;
  session_history h = {0};
  sent(&h, "held", 1);
  said(&h, "half an ans", 1);
  sent(&h, "not held", 2);
  session_history_cut(&h, 1);
  expect(&h, 1, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"held\"}],\"role\":\"user\"},{\"parts\":[{\"text\":\"half an ans\"}],\"role\":\"model\"}],"
                "\"turnComplete\":false}}");
  session_history_deinit(&h);
  h = (session_history){0};
  sent(&h, "held", 1);
  said(&h, "half an ans", 1);
  session_history_cut(&h, 1);
  expect(&h, 1, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"held\"}],\"role\":\"user\"}],\"turnComplete\":true}}");
  session_history_deinit(&h);
}

static void follows_what_is_said_again(void **state) {
  (void)state;
  session_history h = {0};
  sent(&h, "one", 1);
  session_history_cut(&h, 0);
  expect(&h, 5, ""); /* it is said again, not told */
  session_history_again(&h, 1, 6);
  expect(&h, 5, "");
  expect(&h, 6, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"one\"}],\"role\":\"user\"}],\"turnComplete\":true}}");
  session_history_deinit(&h);
}

static void is_bounded_and_cuts_whole_characters(void **state) {
  (void)state;
  session_history h = {0};
  char *text = malloc(20001);
  for (size_t i = 0; i < 10000; i++) memcpy(text + 2 * i, "\xc3\xa4", 2);
  text[20000] = 0;
  for (uint64_t i = 1; i < 200; i++) {
    session_history_heard(&h, &(session_news){.heard = "x"}, i);
    session_history_heard(&h, &(session_news){.heard = text}, i);
    session_history_heard(&h, &(session_news){.said = text, .turn_complete = true}, i);
    assert_true(h.bytes <= SESSION_HISTORY_BYTES && h.count <= SESSION_HISTORY_TURNS);
  }
  assert_true(h.count > 4);
  payload *p = session_history_seed(&h, 0, false, true); /* only whole characters can be written */
  assert_non_null(p);
  assert_true(p->size > SESSION_HISTORY_BYTES / 2);
  payload_drop(p);
  session_history_deinit(&h);
  for (uint64_t i = 1; i < 200; i++) {
    sent(&h, "a", i);
    said(&h, "b", i);
    complete(&h, i);
  }
  assert_int_equal(h.count, SESSION_HISTORY_TURNS);
  session_history_deinit(&h);
  free(text);
}

static void client_content_keeps_its_roles(void **state) {
  (void)state;
  session_history h = {0};
  static const char json[] = "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}],\"role\":\"user\"},{\"parts\":[{\"text\":\"c\"}],"
                             "\"role\":\"model\"}],\"turnComplete\":true}}";
  payload *p = payload_copy(json, sizeof json - 1);
  session_history_sent(&h, p, 0);
  payload_drop(p);
  complete(&h, 1);
  expect(&h, 0, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"ab\"}],\"role\":\"user\"},{\"parts\":[{\"text\":\"c\"}],\"role\":\"model\"}],"
                "\"turnComplete\":false}}");
  session_history_deinit(&h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tells_answered_turns),
      cmocka_unit_test(what_cuts_in_is_not_answered),
      cmocka_unit_test(tells_what_a_lost_state_held),
      cmocka_unit_test(follows_what_is_said_again),
      cmocka_unit_test(is_bounded_and_cuts_whole_characters),
      cmocka_unit_test(client_content_keeps_its_roles),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
