/* Making ephemeral tokens against a server on this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/client.h"
#include "genai/token.h"
#include "rig.h"
#include "token_server.h"

static token_server server;
static genai_client *client;

static void start(const char *answer, const char *key, const char *path) {
  token_server_start(&server, answer);
  genai_client_options o = {.api_key = key, .base_url = token_server_url(&server, path), .connect_timeout_ms = 10000};
  assert_int_equal(genai_client_new(&client, &o, NULL), GENAI_OK);
}

static void stop(void) {
  genai_client_free(client);
  token_server_stop(&server);
}

static void makes_one(void **state) {
  (void)state;
  genai_auth_token *token;
  genai_error error = {0};
  start("{\"name\":\"auth_tokens/abc\",\"expireTime\":\"2030-01-01T00:00:00Z\",\"uses\":3,\"newer\":{}}", "key-1", "/base/");
  const genai_live_connect_constraints bound = {.model = "m", .config = &(genai_live_connect_config){.temperature = GENAI_SOME(0.5)}};
  const genai_create_auth_token_config config = {.uses = GENAI_SOME(3), .live_connect_constraints = &bound,
                                                 .lock_additional_fields = GENAI_STRINGS("top_k")};
  if (genai_auth_token_create(client, &config, &token, NULL, &error) != GENAI_OK) fail_msg("%s", error.message);
  assert_string_equal(token->name, "auth_tokens/abc");
  assert_string_equal(token->expire_time, "2030-01-01T00:00:00Z");
  assert_int_equal(token->uses.value, 3);
  genai_auth_token_free(token);
  genai_auth_token_free(NULL);
  assert_true(token_server_heard(&server, 0, "POST /base/v1alpha/auth_tokens HTTP/1.1\r\n"));
  assert_true(token_server_heard(&server, 0, "\r\nx-goog-api-key: key-1\r\n"));
  assert_true(token_server_heard(&server, 0, "\r\nContent-Type: application/json\r\n"));
  assert_true(token_server_heard(&server, 0, "\r\nuser-agent: genai-live/"));
  assert_true(token_server_heard(&server, 0,
      "\r\n\r\n{\"uses\":3,\"bidiGenerateContentSetup\":{\"model\":\"models/m\",\"generationConfig\":{\"temperature\":0.5}},"
      "\"fieldMask\":\"model,generationConfig.temperature,generationConfig.topK\"}"));
  assert_int_equal(genai_auth_token_create(client, NULL, &token, NULL, &error), GENAI_OK);
  genai_auth_token_free(token);
  assert_true(token_server_heard(&server, 1, "\r\n\r\n{}"));
  assert_int_equal(genai_auth_token_create_json(client, "{\"uses\":0}", &token, NULL, &error), GENAI_OK);
  genai_auth_token_free(token);
  assert_true(token_server_heard(&server, 2, "\r\n\r\n{\"uses\":0}"));
  stop();
}

static void answered(int status, const char *answer, const char *sentence) {
  genai_auth_token *token;
  genai_error error = {0};
  start(answer, "hush", "");
  server.status = status;
  assert_int_equal(genai_auth_token_create(client, NULL, &token, NULL, &error), GENAI_ERROR_SERVICE);
  if (!strstr(error.message, sentence)) fail_msg("%s", error.message);
  assert_int_equal(error.http_status, status == 200 ? 0 : status);
  assert_null(strstr(error.message, "hush"));
  assert_null(token);
  stop();
}

static void refused_by_the_service(void **state) {
  (void)state;
  answered(400, "{\"error\":{\"code\":400,\"message\":\"API key not valid.\",\"status\":\"INVALID_ARGUMENT\"}}",
           "made no token: it answered HTTP 400, INVALID_ARGUMENT. It says: API key not valid.");
  answered(503, "<html>", "made no token: it answered HTTP 503.");
  answered(200, "{}", "answered without a token.");
  answered(200, "{\"name\":", "answered without a token. Invalid");
}

static void refused_here(void **state) {
  (void)state;
  genai_auth_token *token = (genai_auth_token *)1;
  genai_error error = {0};
  start("{}", "auth_tokens/abc", "");
  assert_int_equal(genai_auth_token_create(client, NULL, &token, NULL, &error), GENAI_ERROR_ARGUMENT);
  assert_non_null(strstr(error.message, "A token cannot make tokens"));
  assert_null(token);
  stop();
  start("{}", "k", "");
  assert_int_equal(genai_auth_token_create_json(client, "{\"u\":1}", &token, NULL, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(genai_auth_token_create(client, NULL, &token, &(genai_wait){.timeout_ms = GENAI_NO_WAIT}, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(token_server_count(&server), 0);
  stop();
  genai_client_options o = {.backend = GENAI_BACKEND_VERTEX, .api_key = "k"};
  assert_int_equal(genai_client_new(&client, &o, NULL), GENAI_OK);
  assert_int_equal(genai_auth_token_create(client, NULL, &token, NULL, &error), GENAI_ERROR_ARGUMENT);
  assert_non_null(strstr(error.message, "Gemini Developer API only"));
  genai_client_free(client);
}

static void *fire(void *argument) {
  while (!token_server_count(&server)) rig_sleep_us(500);
  genai_cancel_fire(argument);
  return NULL;
}

static void waiting(void **state) {
  (void)state;
  genai_auth_token *token;
  genai_cancel *cancel;
  genai_error error = {0};
  pthread_t thread;
  start("{}", "k", "");
  token_server_mute(&server);
  assert_int_equal(genai_auth_token_create(client, NULL, &token, &(genai_wait){.timeout_ms = 30}, &error), GENAI_ERROR_TIMEOUT);
  assert_non_null(strstr(error.message, "did not answer within 30 ms"));
  stop();
  start("{}", "k", "");
  token_server_mute(&server);
  assert_int_equal(genai_cancel_new(&cancel, NULL), GENAI_OK);
  assert_int_equal(pthread_create(&thread, NULL, fire, cancel), 0);
  assert_int_equal(genai_auth_token_create(client, NULL, &token, &(genai_wait){.cancel = cancel}, &error), GENAI_ERROR_CANCELLED);
  pthread_join(thread, NULL);
  assert_int_equal(genai_auth_token_create(client, NULL, &token, &(genai_wait){.cancel = cancel}, &error), GENAI_ERROR_CANCELLED);
  genai_cancel_free(cancel);
  stop();
}

static void each_allocation_fails(void **state) {
  (void)state;
  long n = 1, asked, alive;
  token_server_start(&server, "{\"name\":\"auth_tokens/abc\"}");
  do {
    genai_auth_token *token = NULL;
    genai_error error = {0};
    rig_fail_alloc(n);
    genai_client_options o = {.api_key = "k", .base_url = token_server_url(&server, "")};
    genai_status status = genai_client_new(&client, &o, &error);
    if (status == GENAI_OK) status = genai_auth_token_create(client, NULL, &token, NULL, &error);
    genai_auth_token_free(token);
    genai_client_free(client);
    asked = rig_fail_stop(&alive);
    assert_int_equal(alive, 0);
    assert_int_equal(status, asked >= n ? error.status : GENAI_OK);
  } while (asked >= n++);
  assert_true(n > 20);
  token_server_stop(&server);
}

int main(void) {
  static const char *const names[] = {"GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE", "GOOGLE_CLOUD_PROJECT",
                                      "GOOGLE_CLOUD_LOCATION", "GOOGLE_VERTEX_BASE_URL", "GOOGLE_GEMINI_BASE_URL"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unsetenv(names[i]);
  const struct CMUnitTest tests[] = {cmocka_unit_test(makes_one), cmocka_unit_test(refused_by_the_service), cmocka_unit_test(refused_here),
                                     cmocka_unit_test(waiting), cmocka_unit_test(each_allocation_fails)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
