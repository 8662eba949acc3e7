/* What the emulator answers to plain HTTP, over loopback; and sessions with the tokens that come of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client.h"
#include "driver.h"
#include "emulator/emulator.h"
#include "emulator/pjson.h"

#define NOW INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define CONSTRAINED "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
#define MUSIC "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateMusic"
#define UNREGISTERED "Method doesn't allow unregistered callers (callers without established identity)"

static atomic_llong now_ms = NOW;
static int64_t clock_of_tests(void *user) { return (void)user, now_ms; }

static emulator *running;

static int start(void **state) {
  (void)state;
  genai_error error = {0};
  now_ms = NOW;
  return emulator_start(&running,
                        &(emulator_options){.plain = true,
                                            .fast = true,
                                            .no_speech = true,
                                            .key = "k",
                                            .credentials = true,
                                            .unix_ms = clock_of_tests},
                        &error)
             ? -1
             : 0;
}

static int stop(void **state) {
  (void)state;
  emulator_stop(running);
  return 0;
}

/* One request; `headers` with their ends of line. Returns the body as JSON or NULL; the head stays in c. */
static json_t *ask(client *c, const char *line, const char *headers, const char *body) {
  static char request[80 * 1024];
  snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n%s\r\n%s", line,
           strlen(body), headers, body);
  client_begin(c, emulator_port(running), NULL, request);
  client_finish(c);
  json_t *value = json_loads(strstr(c->head, "\r\n\r\n") + 4, 0, NULL);
  client_close(c);
  return value;
}

#define MINT "POST /v1alpha/auth_tokens"

static void mint(char name[64], const char *wanted) {
  client c;
  json_t *answer = ask(&c, MINT, KEY_HEADER, wanted);
  if (c.status != 200) fail_msg("%s: %s", wanted, c.head);
  assert_int_equal(json_object_size(answer), 1);
  snprintf(name, 64, "%s", json_string_value(json_object_get(answer, "name")));
  assert_int_equal(strncmp(name, "auth_tokens/", 12), 0);
  json_decref(answer);
}

static void expect_refusal(const char *line, const char *headers, const char *body, int status, const char *code,
                           const char *message) {
  client c;
  json_t *answer = ask(&c, line, headers, body);
  if (c.status != status) fail_msg("%s %s %.100s: %s", line, headers, body, c.head);
  assert_int_equal(json_integer_value(driver_at(answer, "error.code")), status);
  assert_string_equal(json_string_value(driver_at(answer, "error.status")), code);
  const char *said = json_string_value(driver_at(answer, "error.message"));
  if (!strstr(said, message)) fail_msg("%s: %s", message, said);
  json_decref(answer);
}

static void makes_tokens(void **state) {
  (void)state;
  client c;
  char name[64];
  mint(name, "{}");
  mint(name, "");
  mint(name,
       "{\"uses\":2,\"expireTime\":\"2026-01-01T01:00:00Z\",\"bidiGenerateContentSetup\":{\"model\":\"models/m\"}}");
  json_t *answer = ask(&c, "POST //prefix/v1alpha/auth_tokens?key=k", "", "{}");
  assert_int_equal(c.status, 200);
  json_decref(answer);
}

static void refuses_tokens(void **state) {
  (void)state;
  static char long_body[70000];
  char name[64], header[128];
  expect_refusal(MINT, "", "{}", 403, "PERMISSION_DENIED", UNREGISTERED);
  expect_refusal(MINT, "x-goog-api-key: wrong\r\n", "{}", 400, "INVALID_ARGUMENT", "API key not valid");
  mint(name, "{}");
  snprintf(header, sizeof header, "x-goog-api-key: %s\r\n", name);
  expect_refusal(MINT, header, "{}", 400, "INVALID_ARGUMENT", "API key not valid");
  expect_refusal(MINT, KEY_HEADER, "{", 400, "INVALID_ARGUMENT", "Invalid JSON payload received.");
  expect_refusal(MINT, KEY_HEADER, "{\"use\":1}", 400, "INVALID_ARGUMENT",
                 "Invalid JSON payload received. Unknown name \"use\": Cannot find field.");
  snprintf(long_body, sizeof long_body, "{\"a");
  for (int i = 0; i < 99; i++) strcat(long_body, "\xC3\xA9");
  expect_refusal(MINT, KEY_HEADER, strcat(long_body, "\":1}"), 400, "INVALID_ARGUMENT", "Unknown name \"a??");
  expect_refusal(MINT, KEY_HEADER, "{\"uses\":-1}", 400, "INVALID_ARGUMENT", "uses");
  expect_refusal(MINT, KEY_HEADER, "{\"expireTime\":\"2026-01-02T00:00:00Z\"}", 400, "INVALID_ARGUMENT", "20 hours");
  expect_refusal("POST /v1beta/auth_tokens", KEY_HEADER, "{}", 404, "NOT_FOUND", "");
  expect_refusal("GET /v1alpha/auth_tokens", KEY_HEADER, "", 404, "NOT_FOUND", "");
  memset(long_body, ' ', sizeof long_body - 1);
  expect_refusal(MINT, KEY_HEADER, long_body, 400, "INVALID_ARGUMENT", "exceeds the limit");
  expect_refusal(MINT, KEY_HEADER "Content-Length: 3\r\n", "{}", 400, "INVALID_ARGUMENT", "could not be understood");
}

/* A request in single bytes, and a chunked body. */
static void pieces_do_not_matter(void **state) {
  (void)state;
  static const char request[] =
      "POST /v1alpha/auth_tokens HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" KEY_HEADER
      "\r\n5\r\n{\"use\r\n4\r\ns\":2\r\n1\r\n}\r\n0\r\n\r\n";
  client c;
  client_begin(&c, emulator_port(running), NULL, "");
  for (const char *at = request; *at; at++) client_write(&c, at, 1);
  client_finish(&c);
  assert_int_equal(c.status, 200);
  assert_non_null(strstr(c.head, "auth_tokens/"));
  client_close(&c);
}

/* ---- sessions ---- */

/* `token` behind the header's first words, and, as the Python SDK does, as a key too when `twice`. */
static void open_twice(client *c, const char *path, const char *words, const char *token, bool twice) {
  char headers[256] = "";
  if (*words) snprintf(headers, sizeof headers, "%s%s\r\n", words, token);
  if (twice) snprintf(headers + strlen(headers), sizeof headers - strlen(headers), "x-goog-api-key: %s\r\n", token);
  client_open(c, emulator_port(running), NULL, path, headers);
}

static void open_with(client *c, const char *path, const char *words, const char *token) {
  open_twice(c, path, words, token, false);
}

static void expect_close(client *c, int code, const char *reason) {
  assert_int_equal(client_read(c), 8);
  assert_int_equal(c->close_code, code);
  if (strncmp((char *)c->payload + 2, reason, strlen(reason))) fail_msg("%s came", c->payload + 2);
  client_close(c);
}

#define TOKEN_HEADER "Authorization: Token "
#define SETUP "{\"setup\":{\"model\":\"models/m\",\"generationConfig\":{\"responseModalities\":[\"AUDIO\"]}}}"

static void a_token_opens_a_session(void **state) {
  (void)state;
  char name[64], path[256];
  client c;
  for (int i = 0; i < 3; i++) {
    mint(name, "{\"bidiGenerateContentSetup\":{\"model\":\"models/"
               "m\",\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}},"
               "\"fieldMask\":\"model,generationConfig.responseModalities\"}");
    snprintf(path, sizeof path, CONSTRAINED "?access_token=%s", name);
    open_twice(&c, i < 2 ? CONSTRAINED : path, i < 2 ? TOKEN_HEADER : "", name, i == 1);
    assert_int_equal(c.status, 101);
    client_send_text(&c, SETUP);
    assert_non_null(json_object_get(client_expect(&c), "setupComplete"));
    client_send_text(&c, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"hi\"}]}],\"turnComplete\":true}}");
    assert_non_null(driver_at(client_expect(&c), "serverContent.modelTurn.parts.0.text"));
    client_close(&c);
    open_with(&c, CONSTRAINED, TOKEN_HEADER, name);
    client_send_text(&c, SETUP);
    expect_close(&c, 1008, "Token has been used too many times.");
  }
}

static void a_token_opens_nothing_else(void **state) {
  (void)state;
  char name[64];
  client c;
  mint(name, "{\"uses\":0}");
  open_with(&c, GEMINI_PATH, TOKEN_HEADER, name);
  expect_close(&c, 1008, UNREGISTERED);
  open_with(&c, MUSIC, TOKEN_HEADER, name);
  expect_close(&c, 1008, UNREGISTERED);
  open_with(&c, GEMINI_PATH, "x-goog-api-key: ", name);
  expect_close(&c, 1007, "API key not valid.");
  open_with(&c, CONSTRAINED, TOKEN_HEADER, "auth_tokens/unknown");
  expect_close(&c, 1008, "Request had invalid authentication credentials.");
  open_with(&c, CONSTRAINED, TOKEN_HEADER, "a-token-far-longer-than-any-that-was-ever-given-out-by-us");
  expect_close(&c, 1008, "Request had invalid authentication credentials.");
  open_with(&c, CONSTRAINED, "x-goog-api-key: ", "k");
  assert_int_equal(c.status, 403);
  client_close(&c);
  open_with(&c, "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContentConstrained",
            TOKEN_HEADER, name);
  assert_int_equal(c.status, 404);
  client_close(&c);
}

static void a_token_expires(void **state) {
  (void)state;
  char name[64];
  client c, late;
  mint(name, "{\"uses\":0,\"expireTime\":\"2026-01-01T00:02:00.000Z\"}");
  open_with(&c, CONSTRAINED, TOKEN_HEADER, name);
  now_ms = NOW + 60000;
  client_send_text(&c, SETUP);
  expect_close(&c, 1008, "Token has expired for new sessions");
  now_ms = NOW + 120000;
  open_with(&late, CONSTRAINED, TOKEN_HEADER, name);
  expect_close(&late, 1008, "Token has expired.");
  /* a session that is under way ends with its token */
  now_ms = NOW + 119900;
  mint(name, "{\"expireTime\":\"2026-01-01T00:02:00.000Z\"}");
  open_with(&c, CONSTRAINED, TOKEN_HEADER, name);
  client_send_text(&c, SETUP);
  assert_non_null(json_object_get(client_expect(&c), "setupComplete"));
  expect_close(&c, 1008, "Token has expired.");
}

static void makes_music(void **state) {
  (void)state;
  client c;
  client_open(&c, emulator_port(running), NULL, MUSIC, KEY_HEADER);
  client_send_text(&c, "{\"setup\":{\"model\":\"models/lyria-realtime-exp\"}}");
  assert_non_null(json_object_get(client_expect(&c), "setupComplete"));
  client_send_text(&c, "{\"clientContent\":{\"weightedPrompts\":[{\"text\":\"jazz\",\"weight\":1}]}}");
  client_send_text(&c, "{\"playbackControl\":\"PLAY\"}");
  for (int i = 0; i < 20; i++) /* more than any buffer on the way holds */
    assert_int_equal(json_string_length(driver_at(client_expect(&c), "serverContent.audioChunks.0.data")), 512000);
  client_close(&c);
}

/* ---- credentials ---- */

#define JWT_BEARER "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"

static json_t *grant(client *c, const char *body) {
  return ask(c, "POST /token", "Content-Type: application/x-www-form-urlencoded\r\n", body);
}

static void expect_token(json_t *answer, const client *c) {
  if (c->status != 200) fail_msg("%s", c->head);
  assert_true(json_string_length(json_object_get(answer, "access_token")) > 10);
  assert_int_equal(json_integer_value(json_object_get(answer, "expires_in")), 3599);
  assert_string_equal(json_string_value(json_object_get(answer, "token_type")), "Bearer");
  json_decref(answer);
}

static void expect_oauth_error(json_t *answer, const client *c, const char *error) {
  assert_int_equal(c->status, 400);
  assert_string_equal(json_string_value(json_object_get(answer, "error")), error);
  assert_non_null(json_object_get(answer, "error_description"));
  json_decref(answer);
}

/* An assertion whose signature nobody looks at. */
static json_t *assert_jwt(client *c, const char *issuer, long long issued_s, long long expires_s) {
  char claims[512], body[2048];
  snprintf(claims, sizeof claims,
           "{\"iss\":\"%s\",\"aud\":\"https://oauth2.googleapis.com/token\",\"iat\":%lld,\"exp\":%lld}", issuer,
           issued_s, expires_s);
  json_t *encoded = pjson_base64((const uint8_t *)claims, strlen(claims));
  snprintf(body, sizeof body, "%s&assertion=eyJhbGciOiJSUzI1NiJ9.%.*s.c2ln", JWT_BEARER,
           (int)strcspn(json_string_value(encoded), "="), json_string_value(encoded));
  json_decref(encoded);
  return grant(c, body);
}

static void grants_access_tokens(void **state) {
  (void)state;
  client c;
  long long now_s = NOW / 1000;
  json_t *answer = grant(&c, "client_id=i&client_secret=s&grant_type=refresh_token&refresh_token=1%2F%2Fr");
  expect_token(answer, &c);
  answer = assert_jwt(&c, "a@b.iam.gserviceaccount.com", now_s, now_s + 3600);
  expect_token(answer, &c);
  answer = assert_jwt(&c, "a@b", now_s - 3600, now_s - 1);
  expect_oauth_error(answer, &c, "invalid_grant");
  answer = assert_jwt(&c, "a@b", now_s + 400, now_s + 4000);
  expect_oauth_error(answer, &c, "invalid_grant");
  answer = assert_jwt(&c, "a@b", now_s, now_s + 3601);
  expect_oauth_error(answer, &c, "invalid_grant");
  answer = assert_jwt(&c, "", now_s, now_s + 60);
  expect_oauth_error(answer, &c, "invalid_grant");
  answer = assert_jwt(&c, "invalid@b", now_s, now_s + 60);
  expect_oauth_error(answer, &c, "invalid_grant");
  answer = grant(&c, JWT_BEARER "&assertion=nonsense");
  expect_oauth_error(answer, &c, "invalid_grant");
  answer = grant(&c, "grant_type=refresh_token&refresh_token=invalid");
  expect_oauth_error(answer, &c, "invalid_grant");
  answer = grant(&c, "grant_type=refresh_token");
  expect_oauth_error(answer, &c, "invalid_request");
  answer = grant(&c, "grant_type=password");
  expect_oauth_error(answer, &c, "unsupported_grant_type");
  answer = grant(&c, "");
  expect_oauth_error(answer, &c, "unsupported_grant_type");
}

#define ACCOUNT "GET /computeMetadata/v1/instance/service-accounts/default/"
#define FLAVOR "Metadata-Flavor: Google\r\n"

static void is_a_metadata_server(void **state) {
  (void)state;
  client c;
  json_t *answer = ask(&c, ACCOUNT "token?scopes=a", FLAVOR, "");
  expect_token(answer, &c);
  assert_non_null(strstr(c.head, "\r\nMetadata-Flavor: Google\r\n"));
  ask(&c, "GET /computeMetadata/v1/project/project-id", FLAVOR, "");
  assert_non_null(strstr(c.head, "\r\n\r\nemulator"));
  ask(&c, ACCOUNT "email", FLAVOR, "");
  assert_non_null(strstr(c.head, "@"));
  ask(&c, ACCOUNT "token", "", "");
  assert_int_equal(c.status, 403);
  ask(&c, "GET /computeMetadata/v1/nothing", FLAVOR, "");
  assert_int_equal(c.status, 404);
}

/* Without the option there is neither. */
static void gives_no_credentials_unasked(void **state) {
  (void)state;
  genai_error error = {0};
  stop(NULL);
  assert_int_equal(emulator_start(&running, &(emulator_options){.plain = true}, &error), GENAI_OK);
  expect_refusal("POST /token", "", "grant_type=refresh_token&refresh_token=a", 404, "NOT_FOUND", "");
  expect_refusal(ACCOUNT "token", FLAVOR, "", 404, "NOT_FOUND", "");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
  const struct CMUnitTest tests[] = {
      TEST(makes_tokens),
      TEST(refuses_tokens),
      TEST(pieces_do_not_matter),
      TEST(a_token_opens_a_session),
      TEST(a_token_opens_nothing_else),
      TEST(a_token_expires),
      TEST(makes_music),
      TEST(grants_access_tokens),
      TEST(is_a_metadata_server),
      TEST(gives_no_credentials_unasked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
