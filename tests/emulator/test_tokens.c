/* Ephemeral tokens: how they are made, how often and until when they serve, and what they do to a setup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "driver.h"
#include "emulator/shape.h"
#include "emulator/tokens.h"

#define NOW INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define MINUTE INT64_C(60000)

static tokens *store;
static char reason[SETUP_REASON_MAX];

static int make_store(void **state) {
  (void)state;
  store = tokens_new(7);
  return store ? 0 : -1;
}

static int free_store(void **state) {
  (void)state;
  tokens_free(store);
  return 0;
}

static int create(const char *wanted, char name[TOKEN_NAME_MAX]) {
  json_t *value = json_loads(wanted, 0, NULL);
  assert_non_null(value);
  assert_true(shape_check(value, SHAPE_TOKEN, "v1alpha", reason));
  int status = tokens_create(store, NOW, value, name, reason);
  json_decref(value);
  return status;
}

/* The setup that a client's becomes, compact and sorted; NULL when it is not let in. */
static const char *admit(int64_t now_ms, const char *name, const char *first) {
  static char text[2048];
  json_t *value = json_loads(first, 0, NULL);
  assert_non_null(value);
  int code = tokens_admit(store, now_ms, name, value, reason);
  if (code) assert_int_equal(code, 1008);
  size_t size = json_dumpb(value, text, sizeof text - 1, JSON_COMPACT | JSON_SORT_KEYS);
  text[size] = '\0';
  json_decref(value);
  return code ? NULL : text;
}

static void serves_once_by_default(void **state) {
  (void)state;
  char name[TOKEN_NAME_MAX], other[TOKEN_NAME_MAX];
  assert_int_equal(create("{}", name), 0);
  assert_int_equal(create("{}", other), 0);
  assert_int_equal(strncmp(name, "auth_tokens/", 12), 0);
  assert_string_not_equal(name, other);
  assert_string_equal(admit(NOW, name, "{\"model\":\"m\"}"), "{\"model\":\"m\"}");
  assert_null(admit(NOW, name, "{\"model\":\"m\"}"));
  assert_string_equal(reason, "Token has been used too many times.");
  /* resuming a session is no use of it */
  assert_non_null(admit(NOW, name, "{\"sessionResumption\":{\"handle\":\"h\"}}"));
  assert_non_null(admit(NOW, other, "{}"));
}

/* Whatever the token says of the setup, which conversation goes on is the client's to name. */
static void the_handle_is_the_clients(void **state) {
  (void)state;
  char name[TOKEN_NAME_MAX];
  static const char resuming[] = "{\"model\":\"x\",\"sessionResumption\":{\"handle\":\"h\"}}";
  assert_int_equal(create("{\"bidiGenerateContentSetup\":{\"model\":\"m\"}}", name), 0);
  assert_string_equal(admit(NOW, name, resuming), "{\"model\":\"m\",\"sessionResumption\":{\"handle\":\"h\"}}");
  assert_int_equal(create("{\"bidiGenerateContentSetup\":{\"model\":\"m\",\"sessionResumption\":{}}}", name), 0);
  assert_string_equal(admit(NOW, name, resuming), "{\"model\":\"m\",\"sessionResumption\":{\"handle\":\"h\"}}");
  assert_string_equal(admit(NOW, name, "{}"), "{\"model\":\"m\",\"sessionResumption\":{}}");
  assert_int_equal(create("{\"bidiGenerateContentSetup\":{\"model\":\"m\"},\"fieldMask\":\"model,sessionResumption\"}", name), 0);
  assert_string_equal(admit(NOW, name, resuming), "{\"model\":\"m\",\"sessionResumption\":{\"handle\":\"h\"}}");
  assert_string_equal(admit(NOW, name, "{}"), "{\"model\":\"m\"}");
}

static void serves_as_often_as_it_says(void **state) {
  (void)state;
  char three[TOKEN_NAME_MAX], any[TOKEN_NAME_MAX];
  assert_int_equal(create("{\"uses\":3}", three), 0);
  assert_int_equal(create("{\"uses\":0}", any), 0);
  for (int i = 0; i < 3; i++) assert_non_null(admit(NOW, three, "{}"));
  assert_null(admit(NOW, three, "{}"));
  for (int i = 0; i < 50; i++) assert_non_null(admit(NOW, any, "{}"));
}

static void expires(void **state) {
  (void)state;
  char name[TOKEN_NAME_MAX];
  assert_int_equal(create("{\"uses\":0}", name), 0);
  assert_non_null(admit(NOW + MINUTE - 1, name, "{}"));
  assert_null(admit(NOW + MINUTE, name, "{}"));
  assert_string_equal(reason, "Token has expired for new sessions (newSessionExpireTime).");
  assert_non_null(admit(NOW + 30 * MINUTE - 1, name, "{\"session_resumption\":{\"handle\":\"h\"}}"));
  assert_null(admit(NOW + 30 * MINUTE, name, "{\"sessionResumption\":{\"handle\":\"h\"}}"));
  assert_string_equal(reason, "Token has expired.");
  assert_int_equal(tokens_expiry_ms(store, name), NOW + 30 * MINUTE);
  assert_int_equal(
      create("{\"expireTime\":\"2026-01-01T00:05:00Z\",\"new_session_expire_time\":\"2026-01-01T01:02:00+01:00\"}",
             name),
      0);
  assert_int_equal(tokens_check(store, NOW + 5 * MINUTE - 1, name, reason), 0);
  assert_int_equal(tokens_check(store, NOW + 5 * MINUTE, name, reason), 1008);
  assert_non_null(admit(NOW + 2 * MINUTE - 1, name, "{}"));
  assert_null(admit(NOW, "auth_tokens/unknown", "{}"));
  assert_int_equal(tokens_expiry_ms(store, "auth_tokens/unknown"), 0);
}

static void refuses_what_cannot_be(void **state) {
  (void)state;
  static const char *const wanted[] = {
      "{\"uses\":-1}",
      "{\"expireTime\":\"soon\"}",
      "{\"expireTime\":\"2025-12-31T23:59:59Z\"}",
      "{\"expireTime\":\"2026-01-01T20:00:01Z\"}",
      "{\"newSessionExpireTime\":\"2026-01-01T20:00:01Z\"}",
      "{\"newSessionExpireTime\":\"2026-01-01T00:00:00Z\"}",
      "{\"fieldMask\":\"model,\"}",
      "{\"fieldMask\":\"nonsense\"}",
      "{\"fieldMask\":\"tools.0\"}", /* what the JavaScript SDK makes of a list */
      "{\"fieldMask\":\"generationConfig.nonsense\"}",
      "{\"fieldMask\":\"model.name\"}",
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    char name[TOKEN_NAME_MAX];
    *reason = '\0';
    if (create(wanted[i], name) != 400) fail_msg("%s was taken", wanted[i]);
    assert_true(strlen(reason) > 10);
  }
}

#define CONSTRAINTS                                                                                      \
  "\"bidiGenerateContentSetup\":{\"model\":\"models/locked\",\"generationConfig\":{\"temperature\":0.5," \
  "\"responseModalities\":[\"TEXT\"]},\"systemInstruction\":{\"parts\":[{\"text\":\"ours\"}]}}"
#define CLIENT                                                                                       \
  "{\"model\":\"models/mine\",\"generation_config\":{\"temperature\":2,\"top_k\":9},\"tools\":[{}]," \
  "\"systemInstruction\":{\"parts\":[{\"text\":\"mine\"}],\"role\":\"user\"}}"

static void locks_fields(void **state) {
  (void)state;
  static const struct {
    const char *wanted, *becomes;
  } cases[] = {
      {"{\"uses\":0}",
       "{\"generation_config\":{\"temperature\":2,\"top_k\":9},\"model\":\"models/mine\",\"systemInstruction\":{"
       "\"parts\":[{\"text\":\"mine\"}],\"role\":\"user\"},\"tools\":[{}]}"},
      {"{\"uses\":0," CONSTRAINTS "}",
       "{\"generationConfig\":{\"responseModalities\":[\"TEXT\"],\"temperature\":0.5},\"model\":\"models/locked\","
       "\"systemInstruction\":{\"parts\":[{\"text\":\"ours\"}]}}"},
      {"{\"uses\":0," CONSTRAINTS ",\"fieldMask\":\"model,generationConfig.temperature\"}",
       "{\"generation_config\":{\"temperature\":0.5,\"top_k\":9},\"model\":\"models/locked\",\"systemInstruction\":{"
       "\"parts\":[{\"text\":\"mine\"}],\"role\":\"user\"},\"tools\":[{}]}"},
      /* twice the same, either spelling, inside what was overwritten as a whole; locked without a value is absent */
      {"{\"uses\":0," CONSTRAINTS ",\"fieldMask\":\"system_instruction,systemInstruction.role,generationConfig,"
       "generationConfig.temperature,generation_config.temperature,tools,generationConfig.topK\"}",
       "{\"generation_config\":{\"responseModalities\":[\"TEXT\"],\"temperature\":0.5},\"model\":\"models/mine\","
       "\"system_instruction\":{\"parts\":[{\"text\":\"ours\"}]}}"},
      /* no constraints: the named fields cannot be set; members of the generation config come unmapped */
      {"{\"uses\":0,\"fieldMask\":\"temperature,tools,output_audio_transcription\"}",
       "{\"generation_config\":{\"top_k\":9},\"model\":\"models/mine\",\"systemInstruction\":{\"parts\":[{\"text\":"
       "\"mine\"}],\"role\":\"user\"}}"},
      {"{\"uses\":0,\"bidiGenerateContentSetup\":{\"realtimeInputConfig\":{\"turnCoverage\":\"TURN_INCLUDES_ALL_"
       "INPUT\"}},"
       "\"fieldMask\":\"realtimeInputConfig.turnCoverage,tools\"}",
       "{\"generation_config\":{\"temperature\":2,\"top_k\":9},\"model\":\"models/mine\",\"realtime_input_config\":{"
       "\"turn_coverage\":\"TURN_INCLUDES_ALL_INPUT\"},\"systemInstruction\":{\"parts\":[{\"text\":\"mine\"}],\"role\":"
       "\"user\"}}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char name[TOKEN_NAME_MAX];
    if (create(cases[i].wanted, name)) fail_msg("%s: %s", cases[i].wanted, reason);
    for (int twice = 0; twice < 2; twice++) assert_string_equal(admit(NOW, name, CLIENT), cases[i].becomes);
  }
}

static void keeps_so_many_and_no_more(void **state) {
  (void)state;
  char name[TOKEN_NAME_MAX];
  int made = 0;
  while (!create("{\"expireTime\":\"2026-01-01T00:00:10Z\"}", name)) made++;
  assert_int_equal(made, TOKENS_MAX);
  assert_int_equal(create("{}", name), 429);
  /* those that have expired make room */
  json_t *any = json_object();
  assert_int_equal(tokens_create(store, NOW + 10000, any, name, reason), 0);
  json_decref(any);
  assert_int_equal(tokens_check(store, NOW + 10000, name, reason), 0);
}

static void reads_timestamps(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ms;
  } fine[] = {{"1970-01-01T00:00:00Z", 0},
              {"2026-01-01T00:00:00Z", NOW},
              {"2026-01-01T00:00:00.5Z", NOW + 500},
              {"2026-01-01T00:00:00.123456789Z", NOW + 123},
              {"2026-01-01T02:30:00+02:30", NOW},
              {"2025-12-31T23:00:00-01:00", NOW},
              {"2024-02-29T12:00:00Z", INT64_C(1709208000000)},
              {"2000-03-01T00:00:00Z", INT64_C(951868800000)}};
  static const char *const wrong[] = {"",
                                      "now",
                                      "2026-01-01",
                                      "2026-01-01T00:00:00",
                                      "2026-13-01T00:00:00Z",
                                      "2026-02-29T00:00:00Z",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:60:00Z",
                                      "2026-01-01T00:00:60Z",
                                      "2026-01-01T00:00:00.Z",
                                      "2026-01-01T00:00:00Zx",
                                      "2026-01-01T00:00:00+1:00",
                                      "2026-1-01T00:00:00Z",
                                      "2026-01-01 00:00:00Z"};
  int64_t ms;
  for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
    if (!timestamp_read(fine[i].text, &ms)) fail_msg("%s", fine[i].text);
    assert_int_equal(ms, fine[i].ms);
  }
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    if (timestamp_read(wrong[i], &ms)) fail_msg("%s was read", wrong[i]);
  }
}

/* ---- in a session ---- */

static char held[TOKEN_NAME_MAX];

static int admit_held(void *user, json_t *first, char why[SETUP_REASON_MAX]) {
  (void)user;
  return tokens_admit(store, NOW, held, first, why);
}

static void a_session_is_set_up_as_the_token_says(void **state) {
  (void)state;
  driver d;
  const service_options options = {.admit = admit_held, .expires_ms = 61000};
  assert_int_equal(create("{\"uses\":1," CONSTRAINTS "}", held), 0);
  driver_open(&d, &options, "{\"setup\":{\"model\":\"models/mine\"}}");
  driver_send(&d, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"hi\"}]}],\"turnComplete\":true}}");
  driver_turn turn;
  driver_pull_turn(&d, &turn);
  assert_string_equal(turn.text, "You said: \"hi\""); /* text, as the token says, not speech */
  driver_expect_close(&d, 1008, "Token has expired.");
  assert_int_equal(d.now_ms, 61000);
  driver_close(&d);
  driver_open(&d, &options, NULL);
  driver_send(&d, "{\"setup\":{\"model\":\"models/mine\"}}");
  driver_expect_close(&d, 1008, "Token has been used too many times.");
  driver_close(&d);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_store, free_store)
  const struct CMUnitTest tests[] = {
      TEST(serves_once_by_default),
      TEST(the_handle_is_the_clients),
      TEST(serves_as_often_as_it_says),
      TEST(expires),
      TEST(refuses_what_cannot_be),
      TEST(locks_fields),
      TEST(keeps_so_many_and_no_more),
      TEST(reads_timestamps),
      TEST(a_session_is_set_up_as_the_token_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
