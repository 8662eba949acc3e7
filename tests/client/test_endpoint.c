/* Base URLs, credentials and header fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "client/endpoint.h"

static const char *environment(const char *name) { return getenv(name); }

/* Settings and endpoint together, as a client makes them. */
static genai_status make(endpoint *e, endpoint_service service, const genai_client_options *options, genai_error *error) {
  client_settings s;
  genai_status status = settings_init(&s, options, environment, error);
  if (status == GENAI_OK) status = endpoint_init(e, service, &s, options, error);
  settings_deinit(&s);
  return status;
}

static int clean_environment(void **state) {
  (void)state;
  unsetenv("GOOGLE_API_KEY");
  unsetenv("GEMINI_API_KEY");
  unsetenv("GOOGLE_GEMINI_BASE_URL");
  unsetenv("GOOGLE_VERTEX_BASE_URL");
  unsetenv("GOOGLE_CLOUD_PROJECT");
  unsetenv("GOOGLE_CLOUD_LOCATION");
  unsetenv("GOOGLE_CLOUD_REGION");
  unsetenv("GOOGLE_GENAI_USE_ENTERPRISE");
  unsetenv("GOOGLE_GENAI_USE_VERTEXAI");
  return 0;
}

static const char *header(const endpoint *e, const char *name) {
  const char *value = NULL;
  for (size_t i = 0; i < e->header_count; i++) {
    if (strcasecmp(e->headers[i].key, name)) continue;
    assert_null(value); /* each stands once */
    value = e->headers[i].value;
  }
  return value;
}

static void check(const char *base, const char *host, int port, bool tls, const char *target) {
  endpoint e;
  genai_error error = {0};
  if (make(&e, ENDPOINT_LIVE, &(genai_client_options){.api_key = "k", .base_url = base}, &error) != GENAI_OK) fail_msg("%s", error.message);
  assert_string_equal(e.host, host);
  assert_int_equal(e.port, port);
  assert_int_equal(e.tls, tls);
  assert_string_equal(e.target, target);
  endpoint_deinit(&e);
}

#define PATH "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"

static void base_urls(void **state) {
  (void)state;
  check(NULL, "generativelanguage.googleapis.com", 443, true, PATH);
  check("https://example.org/", "example.org", 443, true, PATH);
  check("wss://example.org:8443/a/b/", "example.org", 8443, true, "/a/b" PATH);
  check(" http://localhost:80/gate?x=1&y=2 ", "localhost", 80, false, "/gate" PATH "?x=1&y=2");
  check("ws://127.0.0.1", "127.0.0.1", 80, false, PATH);
  check("ws://[::1]:9/", "::1", 9, false, PATH);
  setenv("GOOGLE_GEMINI_BASE_URL", "https://from.environment", 1);
  check(NULL, "from.environment", 443, true, PATH);
  check("https://explicit.wins", "explicit.wins", 443, true, PATH);
}

static void keys(void **state) {
  (void)state;
  endpoint e;
  genai_error error = {0};
  assert_int_equal(make(&e, ENDPOINT_LIVE, &(genai_client_options){0}, &error), GENAI_ERROR_CREDENTIALS);
  assert_non_null(strstr(error.message, "GEMINI_API_KEY"));
  setenv("GEMINI_API_KEY", " second\n", 1);
  assert_int_equal(make(&e, ENDPOINT_LIVE, &(genai_client_options){0}, &error), GENAI_OK);
  assert_string_equal(header(&e, "x-goog-api-key"), "second");
  endpoint_deinit(&e);
  setenv("GOOGLE_API_KEY", "first", 1);
  assert_int_equal(make(&e, ENDPOINT_LIVE, &(genai_client_options){0}, &error), GENAI_OK);
  assert_string_equal(header(&e, "x-goog-api-key"), "first");
  endpoint_deinit(&e);
  assert_int_equal(make(&e, ENDPOINT_LIVE, &(genai_client_options){.api_key = "given"}, &error), GENAI_OK);
  assert_string_equal(header(&e, "x-goog-api-key"), "given");
  endpoint_deinit(&e);
  assert_int_equal(make(&e, ENDPOINT_LIVE, &(genai_client_options){.api_key = "  "}, &error), GENAI_ERROR_CREDENTIALS);
}

static void tokens_take_the_constrained_method(void **state) {
  (void)state;
  endpoint e;
  genai_error error = {0};
  assert_int_equal(make(&e, ENDPOINT_LIVE, &(genai_client_options){.api_key = "auth_tokens/t"}, &error), GENAI_OK);
  assert_string_equal(e.target, "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained");
  assert_string_equal(header(&e, "Authorization"), "Token auth_tokens/t");
  assert_null(header(&e, "x-goog-api-key"));
  endpoint_deinit(&e);
  assert_int_equal(make(&e, ENDPOINT_LIVE, &(genai_client_options){.api_key = "auth_tokens/t", .api_version = "v1"}, &error), GENAI_ERROR_ARGUMENT);
  assert_null(strstr(error.message, "auth_tokens/t"));
}

static void plain_credentials_only_on_loopback(void **state) {
  (void)state;
  endpoint e;
  genai_error error = {0};
  genai_client_options options = {.api_key = "secret-key", .base_url = "http://example.org"};
  assert_int_equal(make(&e, ENDPOINT_LIVE, &options, &error), GENAI_ERROR_INSECURE);
  assert_non_null(strstr(error.message, "http to example.org port 80"));
  assert_null(strstr(error.message, "secret-key"));
  options.dangerously_allow_plain_credentials = true;
  assert_int_equal(make(&e, ENDPOINT_LIVE, &options, &error), GENAI_OK);
  endpoint_deinit(&e);
}

static void headers(void **state) {
  (void)state;
  endpoint e;
  genai_error error = {0};
  const genai_string_pair pairs[] = {{"User-Agent", "robot/2"}, {"X-Trace", "7"}};
  genai_client_options options = {.api_key = "k", .headers = {pairs, 2}};
  assert_int_equal(make(&e, ENDPOINT_LIVE, &options, &error), GENAI_OK);
  assert_string_equal(header(&e, "user-agent"), "genai-live/" GENAI_VERSION_STRING " robot/2");
  assert_string_equal(header(&e, "x-goog-api-client"), "genai-live/" GENAI_VERSION_STRING);
  assert_string_equal(header(&e, "X-Trace"), "7");
  endpoint_deinit(&e);
  const genai_string_pair broken[] = {{"X", NULL}};
  options.headers = (genai_string_map){broken, 1};
  assert_int_equal(make(&e, ENDPOINT_LIVE, &options, &error), GENAI_ERROR_ARGUMENT);
}

static void bad_settings(void **state) {
  (void)state;
  static const char *const urls[] = {"", "example.org", "ftp://x", "https://", "https://user:hunter2@x", "https://x:99999"};
  endpoint e;
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    genai_error error = {0};
    assert_int_equal(make(&e, ENDPOINT_LIVE, &(genai_client_options){.api_key = "k", .base_url = urls[i]}, &error), GENAI_ERROR_ARGUMENT);
    assert_true(error.message[0]);
    assert_null(strstr(error.message, "hunter2"));
  }
  genai_error error = {0};
  assert_int_equal(make(&e, ENDPOINT_LIVE, &(genai_client_options){.api_key = "k", .api_version = "v1/../x"}, &error), GENAI_ERROR_ARGUMENT);
}

static void check_vertex(const char *location, const char *host) {
  endpoint e;
  genai_error error = {0};
  genai_client_options options = {.backend = GENAI_BACKEND_VERTEX, .project = "p", .location = location, .access_token = "t"};
  if (make(&e, ENDPOINT_LIVE, &options, &error) != GENAI_OK) fail_msg("%s", error.message);
  assert_string_equal(e.host, host);
  assert_string_equal(e.target, "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent");
  assert_null(header(&e, "Authorization")); /* the token comes with each dial */
  assert_null(header(&e, "x-goog-api-key"));
  endpoint_deinit(&e);
}

static void vertex_hosts(void **state) {
  (void)state;
  check_vertex("us-central1", "us-central1-aiplatform.googleapis.com");
  check_vertex("global", "aiplatform.googleapis.com");
  check_vertex("eu", "aiplatform.eu.rep.googleapis.com");
  check_vertex("us", "aiplatform.us.rep.googleapis.com");
  check_vertex(NULL, "aiplatform.googleapis.com");
  endpoint e;
  genai_error error = {0};
  genai_client_options bad = {.backend = GENAI_BACKEND_VERTEX, .project = "p", .location = "evil.org/", .access_token = "t"};
  assert_int_equal(make(&e, ENDPOINT_LIVE, &bad, &error), GENAI_ERROR_ARGUMENT);
}

static void vertex_express(void **state) {
  (void)state;
  endpoint e;
  genai_error error = {0};
  setenv("GOOGLE_CLOUD_PROJECT", "dropped", 1);
  assert_int_equal(make(&e, ENDPOINT_LIVE, &(genai_client_options){.backend = GENAI_BACKEND_VERTEX, .api_key = "k"}, &error), GENAI_OK);
  assert_string_equal(e.host, "aiplatform.googleapis.com");
  assert_string_equal(header(&e, "x-goog-api-key"), "k");
  endpoint_deinit(&e);
}

static void vertex_gateway(void **state) {
  (void)state;
  endpoint e;
  genai_error error = {0};
  const genai_string_pair pairs[] = {{"Authorization", "mine"}};
  genai_client_options options = {.backend = GENAI_BACKEND_VERTEX, .base_url = "https://gate.example/live/?a=b", .headers = {pairs, 1}};
  assert_int_equal(make(&e, ENDPOINT_LIVE, &options, &error), GENAI_OK);
  assert_string_equal(e.target, "/live/?a=b");
  assert_string_equal(header(&e, "Authorization"), "mine");
  endpoint_deinit(&e);
  options.base_url = "http://gate.example";
  assert_int_equal(make(&e, ENDPOINT_LIVE, &options, &error), GENAI_OK); /* no credential of ours is sent */
  assert_string_equal(e.target, "/");
  endpoint_deinit(&e);
  options.project = "p";
  options.location = "us-central1";
  options.access_token = "t";
  options.base_url = "https://gate.example/base";
  assert_int_equal(make(&e, ENDPOINT_LIVE, &options, &error), GENAI_OK);
  assert_string_equal(e.target, "/base/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent");
  assert_string_equal(header(&e, "Authorization"), "mine"); /* a header of the user's own wins */
  endpoint_deinit(&e);
}

static void music_has_its_own_method(void **state) {
  (void)state;
  endpoint e;
  genai_error error = {0};
  assert_int_equal(make(&e, ENDPOINT_MUSIC, &(genai_client_options){.api_key = "k", .api_version = "v1alpha"}, &error), GENAI_OK);
  assert_string_equal(e.target, "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateMusic");
  endpoint_deinit(&e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(base_urls, clean_environment),
      cmocka_unit_test_setup(keys, clean_environment),
      cmocka_unit_test_setup(tokens_take_the_constrained_method, clean_environment),
      cmocka_unit_test_setup(plain_credentials_only_on_loopback, clean_environment),
      cmocka_unit_test_setup(headers, clean_environment),
      cmocka_unit_test_setup(bad_settings, clean_environment),
      cmocka_unit_test_setup(vertex_hosts, clean_environment),
      cmocka_unit_test_setup(vertex_express, clean_environment),
      cmocka_unit_test_setup(vertex_gateway, clean_environment),
      cmocka_unit_test_setup(music_has_its_own_method, clean_environment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
