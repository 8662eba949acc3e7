/* Each kind of credential against a token endpoint on this machine: what is sent, and each failure's sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "genai/json.h"
#include "keys.h"
#include "provider.h"
#include "token_server.h"

static const char TOKEN[] = "{\"access_token\":\"tok-1\",\"expires_in\":3599,\"token_type\":\"Bearer\"}";
static const char USER[] = "{\"type\":\"authorized_user\",\"client_id\":\"id&1\",\"client_secret\":\"hush+\",\"refresh_token\":\"1//r\","
                           "\"quota_project_id\":\"quota\",\"token_uri\":\"%s\"}";

#define FORM(server, n, name, value) assert_string_equal(token_server_form(server, n, name), value)

static void service_account(void **state) {
  (void)state;
  token_server s;
  provider p;
  asker a;
  char file[8192], header[512], claims[1024], url[128];
  int64_t iat = 0;
  token_server_start(&s, TOKEN);
  strcpy(url, token_server_url(&s, "/token"));
  keys_service_account(file, sizeof file, url);
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
  const char *project;
  assert_int_equal(auth_project(p.auth, &project, NULL), GENAI_OK);
  assert_string_equal(project, "file-project");
  assert_string_equal(provider_get(&p, &a), "Bearer tok-1");
  assert_string_equal(a.project, "");
  FORM(&s, 0, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
  assert_true(token_server_heard(&s, 0, "POST /token HTTP/1.1\r\n"));
  assert_true(token_server_heard(&s, 0, "Content-Type: application/x-www-form-urlencoded\r\n"));
  assert_true(keys_verify(token_server_form(&s, 0, "assertion"), header, claims, sizeof header));
  assert_true(genai_json_get_int64(claims, "iat", &iat));
  assert_int_equal(iat, 1700000000); /* the injected wall clock */
  provider_stop(&p);
  token_server_stop(&s);
}

static void user(void **state) {
  (void)state;
  token_server s;
  provider p;
  asker a;
  char file[1024];
  token_server_start(&s, TOKEN);
  snprintf(file, sizeof file, USER, token_server_url(&s, "/t"));
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
  assert_string_equal(provider_get(&p, &a), "Bearer tok-1");
  assert_string_equal(a.project, "quota");
  FORM(&s, 0, "grant_type", "refresh_token");
  FORM(&s, 0, "client_id", "id&1");
  FORM(&s, 0, "client_secret", "hush+");
  FORM(&s, 0, "refresh_token", "1//r");
  provider_stop(&p);
  token_server_stop(&s);
}

static void metadata(void **state) {
  (void)state;
  token_server s;
  provider p;
  asker a;
  char host[64];
  token_server_start(&s, TOKEN);
  snprintf(host, sizeof host, "GCE_METADATA_HOST=127.0.0.1:%d", peer_port(s.peer));
  provider_environment((const char *const[]){host, NULL});
  assert_int_equal(provider_start(&p, &(auth_options){0}), GENAI_OK);
  assert_string_equal(provider_get(&p, &a), "Bearer tok-1");
  assert_true(token_server_heard(&s, 0, "GET /computeMetadata/v1/instance/service-accounts/default/token?scopes="));
  assert_true(token_server_heard(&s, 0, "\r\nMetadata-Flavor: Google\r\n"));
  provider_stop(&p);
  token_server_set(&s, 404, "not found");
  assert_int_equal(provider_start(&p, &(auth_options){0}), GENAI_OK);
  provider_get(&p, &a);
  assert_non_null(strstr(a.error.message, "answered HTTP 404 to the request for an access token. Has this machine a service account?"));
  provider_stop(&p);
  token_server_stop(&s);

  provider_environment((const char *const[]){"GCE_METADATA_HOST=127.0.0.1:1", NULL});
  assert_int_equal(provider_start(&p, &(auth_options){0}), GENAI_OK);
  provider_get(&p, &a);
  assert_int_equal(a.error.status, GENAI_ERROR_CREDENTIALS);
  assert_non_null(strstr(a.error.message, "No Google credentials were found: GOOGLE_APPLICATION_CREDENTIALS is not set"));
  assert_non_null(strstr(a.error.message, "no metadata server answered"));
  provider_stop(&p);
  provider_environment((const char *const[]){"NO_GCE_CHECK=true", NULL});
  assert_int_equal(provider_start(&p, &(auth_options){0}), GENAI_ERROR_CREDENTIALS);
  assert_non_null(strstr(p.error.message, "NO_GCE_CHECK"));
  provider_stop(&p);
  provider_environment(NULL);
}

/* The first request fetches the subject's token, the second exchanges it, the third impersonates. */
static void external(void **state) {
  (void)state;
  token_server s;
  provider p;
  asker a;
  char file[2048], sts[128], impersonate[128], subject[128];
  token_server_start(&s, "{\"tok\":\"their-token\"}");
  s.bodies[1] = TOKEN;
  s.bodies[2] = "{\"accessToken\":\"tok-2\",\"expireTime\":\"2030-01-01T00:00:00Z\"}";
  strcpy(sts, token_server_url(&s, "/sts"));
  strcpy(impersonate, token_server_url(&s, "/v1/x:generateAccessToken"));
  strcpy(subject, token_server_url(&s, "/subject?a=b"));
  snprintf(file, sizeof file,
           "{\"type\":\"external_account\",\"audience\":\"//iam/aud\",\"subject_token_type\":\"urn:ietf:params:oauth:token-type:jwt\","
           "\"token_url\":\"%s\",\"workforce_pool_user_project\":\"wp\",\"service_account_impersonation_url\":\"%s\",\"credential_source\":"
           "{\"url\":\"%s\",\"headers\":{\"X-Their\":\"1\"},\"format\":{\"type\":\"json\",\"subject_token_field_name\":\"tok\"}}}",
           sts, impersonate, subject);
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
  assert_string_equal(provider_get(&p, &a), "Bearer tok-2");
  assert_true(token_server_heard(&s, 0, "GET /subject?a=b HTTP/1.1\r\n"));
  assert_true(token_server_heard(&s, 0, "\r\nX-Their: 1\r\n"));
  FORM(&s, 1, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
  FORM(&s, 1, "audience", "//iam/aud");
  FORM(&s, 1, "scope", "https://www.googleapis.com/auth/cloud-platform");
  FORM(&s, 1, "requested_token_type", "urn:ietf:params:oauth:token-type:access_token");
  FORM(&s, 1, "subject_token_type", "urn:ietf:params:oauth:token-type:jwt");
  FORM(&s, 1, "subject_token", "their-token");
  FORM(&s, 1, "options", "{\"userProject\":\"wp\"}");
  assert_true(token_server_heard(&s, 2, "POST /v1/x:generateAccessToken HTTP/1.1\r\n"));
  assert_true(token_server_heard(&s, 2, "\r\nAuthorization: Bearer tok-1\r\n"));
  assert_true(token_server_heard(&s, 2, "{\"delegates\":[],\"scope\":[\"https://www.googleapis.com/auth/cloud-platform\"],\"lifetime\":\"3600s\"}"));
  provider_stop(&p);
  token_server_stop(&s);
}

static void external_from_a_file(void **state) {
  (void)state;
  token_server s;
  provider p;
  asker a;
  char file[2048], path[64];
  token_server_start(&s, TOKEN);
  strcpy(path, rig_file("  plain-token\n"));
  snprintf(file, sizeof file,
           "{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\",\"token_url\":\"%s\",\"client_id\":\"me\","
           "\"client_secret\":\"hush\",\"credential_source\":{\"file\":\"%s\"}}", token_server_url(&s, "/sts"), path);
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
  assert_string_equal(provider_get(&p, &a), "Bearer tok-1");
  FORM(&s, 0, "subject_token", "plain-token");
  assert_true(token_server_heard(&s, 0, "\r\nAuthorization: Basic bWU6aHVzaA==\r\n"));
  unlink(path);
  atomic_fetch_add(&p.now_ms, 3600 * 1000); /* the token is over, and the file has gone */
  provider_get(&p, &a);
  assert_non_null(strstr(a.error.message, "The external account's token file"));
  assert_non_null(strstr(a.error.message, "No such file"));
  provider_stop(&p);
  token_server_stop(&s);
}

static void impersonated(void **state) {
  (void)state;
  token_server s;
  provider p;
  asker a;
  char file[2048], url[128], user_file[1024];
  token_server_start(&s, TOKEN);
  s.bodies[1] = "{\"accessToken\":\"tok-2\"}";
  snprintf(user_file, sizeof user_file, USER, token_server_url(&s, "/t"));
  strcpy(url, token_server_url(&s, "/imp"));
  snprintf(file, sizeof file, "{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"%s\",\"delegates\":[\"d1\"],"
           "\"source_credentials\":%s}", url, user_file);
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
  assert_string_equal(provider_get(&p, &a), "Bearer tok-2");
  assert_true(token_server_heard(&s, 1, "\"delegates\":[\"d1\"]"));
  provider_stop(&p);
  token_server_set(&s, 403, "{\"error\":{\"code\":403,\"message\":\"Permission denied\",\"status\":\"PERMISSION_DENIED\"}}");
  token_server_stop(&s);
}

/* Requests for tokens go through the program's proxy, those to the metadata server never. */
static void proxies(void **state) {
  (void)state;
  token_server s;
  provider p;
  asker a;
  char file[1024], url[128], host[64];
  token_server_start(&s, TOKEN);
  strcpy(url, token_server_url(&s, ""));
  snprintf(file, sizeof file, USER, "http://127.0.0.1:1/t");
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file, .proxy = url}), GENAI_OK);
  provider_get(&p, &a);
  assert_true(token_server_heard(&s, 0, "CONNECT 127.0.0.1:1 HTTP/1.1\r\n"));
  provider_stop(&p);
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file, .proxy = url, .no_proxy = "127.0.0.1"}), GENAI_OK);
  provider_get(&p, &a);
  assert_int_equal(a.error.status, GENAI_ERROR_CONNECT);
  provider_stop(&p);
  snprintf(host, sizeof host, "GCE_METADATA_HOST=127.0.0.1:%d", peer_port(s.peer));
  provider_environment((const char *const[]){host, NULL});
  assert_int_equal(provider_start(&p, &(auth_options){.proxy = url}), GENAI_OK);
  assert_string_equal(provider_get(&p, &a), "Bearer tok-1");
  assert_true(token_server_heard(&s, token_server_count(&s) - 1, "GET /computeMetadata"));
  provider_stop(&p);
  provider_environment(NULL);
  token_server_stop(&s);
}

/* Over TLS, whose certificate is checked before a secret leaves. */
static void encrypted(void **state) {
  (void)state;
  token_server s;
  provider p;
  asker a;
  pki_cert ca, cert;
  net_tls *trust;
  char file[1024], url[128];
  pki_make(&ca, NULL, NULL, -1, 1);
  pki_make(&cert, &ca, "IP:127.0.0.1", -1, 1);
  token_server_start_tls(&s, TOKEN, &cert);
  snprintf(url, sizeof url, "https%s", token_server_url(&s, "/t") + 4);
  snprintf(file, sizeof file, USER, url);
  const char *ca_file = rig_file(ca.chain_pem);
  assert_int_equal(net_tls_client_new(&trust, &(net_tls_options){.ca_file = ca_file}, NULL), GENAI_OK);
  provider_trust(trust);
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
  assert_string_equal(provider_get(&p, &a), "Bearer tok-1");
  provider_stop(&p);
  net_tls_drop(trust);
  assert_int_equal(net_tls_client_new(&trust, &(net_tls_options){.ca_dir = "/nowhere"}, NULL), GENAI_OK);
  provider_trust(trust);
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
  provider_get(&p, &a);
  assert_int_equal(a.error.status, GENAI_ERROR_CERTIFICATE);
  provider_stop(&p);
  net_tls_drop(trust);
  provider_trust(NULL);
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
  provider_get(&p, &a);
  assert_int_equal(a.error.status, GENAI_ERROR_INSECURE);
  provider_stop(&p);
  assert_int_equal(token_server_count(&s), 1);
  token_server_stop(&s);
  unlink(ca_file);
  pki_free(&cert);
  pki_free(&ca);
}

/* ---- what goes wrong ---- */

static void assert_failure(int status, const char *answer, genai_status expected, const char *sentence) {
  token_server s;
  provider p;
  asker a;
  char file[1024];
  token_server_start(&s, answer);
  s.status = status;
  snprintf(file, sizeof file, USER, token_server_url(&s, "/t"));
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
  assert_string_equal(provider_get(&p, &a), "");
  if (a.error.status != expected || !strstr(a.error.message, sentence)) fail_msg("\"%s\" is not in \"%s\"", sentence, a.error.message);
  if (status != 200) assert_int_equal(a.error.http_status, status);
  assert_null(strstr(a.error.message, "hush"));
  provider_stop(&p);
  token_server_stop(&s);
}

static void answers(void **state) {
  (void)state;
  assert_failure(400, "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or revoked.\"}", GENAI_ERROR_CREDENTIALS,
                 "127.0.0.1 answered HTTP 400 to the request for an access token. It says: invalid_grant: Token has been expired or "
                 "revoked. The login has expired or was revoked; run `gcloud auth application-default login` again.");
  assert_failure(403, "{\"error\":{\"code\":403,\"message\":\"No\\nway\",\"status\":\"PERMISSION_DENIED\"}}", GENAI_ERROR_CREDENTIALS,
                 "answered HTTP 403 to the request for an access token. It says: PERMISSION_DENIED: No way.");
  assert_failure(500, "<html>hush</html>", GENAI_ERROR_CREDENTIALS, "answered HTTP 500");
  assert_failure(302, "", GENAI_ERROR_CREDENTIALS, "answered HTTP 302");
  assert_failure(200, "{\"expires_in\":3600}", GENAI_ERROR_CREDENTIALS, "answered without an access token.");
  assert_failure(200, "{\"access_token\":\"\"}", GENAI_ERROR_CREDENTIALS, "answered without an access token.");
  assert_failure(200, "{\"access_token\":5}", GENAI_ERROR_CREDENTIALS, "answered without an access token.");
  assert_failure(200, "hush", GENAI_ERROR_CREDENTIALS, "answered without an access token.");
  assert_failure(200, "{\"access_token\":\"a\\r\\nb\"}", GENAI_ERROR_CREDENTIALS, "that no header field can hold");
}

static void skewed_clock(void **state) {
  (void)state;
  token_server s;
  provider p;
  asker a;
  char file[8192], url[128];
  token_server_start(&s, "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT\"}");
  s.status = 400;
  strcpy(url, token_server_url(&s, "/token"));
  keys_service_account(file, sizeof file, url);
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
  provider_get(&p, &a);
  assert_non_null(strstr(a.error.message, "is this machine's clock right? It says 2023-11-14T22:13:20Z."));
  provider_stop(&p);
  token_server_stop(&s);
}

/* Google's own judgement of an assertion, by a clock that is not ours: at most an hour long, five minutes of difference. */
typedef struct judge_clock {
  int64_t now_s;
  atomic_int asked;
} judge_clock;

static void judge_assertion(peer_io *io, void *argument) {
  judge_clock *c = argument;
  token_server heard = {0};
  char header[SERVER_TEXT_MAX], claims[SERVER_TEXT_MAX], answer[512];
  int64_t issued = 0, expires = 0;
  if (!peer_read_head(io, heard.heard[0], SERVER_TEXT_MAX)) return;
  const char *length = strstr(heard.heard[0], "Content-Length: ");
  size_t at = strlen(heard.heard[0]), size = length ? (size_t)atoi(length + 16) : 0;
  if (at + size >= SERVER_TEXT_MAX || !peer_read(io, heard.heard[0] + at, size)) return;
  atomic_fetch_add(&c->asked, 1);
  const char *assertion = token_server_form(&heard, 0, "assertion");
  bool good = assertion && keys_verify(assertion, header, claims, sizeof header) && genai_json_get_int64(claims, "iat", &issued) &&
              genai_json_get_int64(claims, "exp", &expires);
  good = good && expires - issued <= 3600 && issued <= c->now_s + 300 && expires >= c->now_s;
  const char *body = good ? TOKEN : "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT: reasonable timeframe.\"}";
  snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: %zu\r\n\r\n%s",
           good ? "200 OK" : "400 Bad Request", strlen(body), body);
  peer_text(io, answer);
}

/* The token endpoint's clock and ours apart. */
static void clocks_apart(void **state) {
  (void)state;
  static const struct { int64_t ahead_s; bool good; } rows[] = {{0, true}, {299, true}, {-3500, true}, {600, false}, {-7200, false}};
  judge_clock clock = {.now_s = 1700000000};
  char file[8192], url[64];
  provider p;
  asker a;
  peer *judge = peer_new(judge_assertion, &clock, NULL);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/token", peer_port(judge));
  keys_service_account(file, sizeof file, url);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
    atomic_store(&p.wall_s, clock.now_s + rows[i].ahead_s);
    atomic_store(&clock.asked, 0);
    assert_string_equal(provider_get(&p, &a), rows[i].good ? "Bearer tok-1" : "");
    if (!rows[i].good) {
      assert_int_equal(a.error.http_status, 400);
      assert_non_null(strstr(a.error.message, "is this machine's clock right? It says 2023-11-14T"));
    }
    /* Set right, by whatever sets clocks: the next attempt has it. */
    atomic_store(&p.wall_s, clock.now_s);
    atomic_fetch_add(&p.now_ms, 1000);
    assert_string_equal(provider_get(&p, &a), "Bearer tok-1");
    assert_int_equal(atomic_load(&clock.asked), rows[i].good ? 1 : 2);
    /* How long a token holds is neither clock's: it counts from its receipt, whatever Date said. */
    atomic_fetch_add(&p.now_ms, 3200 * 1000);
    atomic_store(&p.wall_s, 0);
    assert_string_equal(provider_get(&p, &a), "Bearer tok-1");
    assert_int_equal(atomic_load(&clock.asked), rows[i].good ? 1 : 2);
    provider_stop(&p);
  }
  peer_free(judge);
}

static void no_endpoint(void **state) {
  (void)state;
  token_server s;
  provider p;
  asker a;
  char file[1024];
  snprintf(file, sizeof file, USER, "http://127.0.0.1:1/t");
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file}), GENAI_OK);
  provider_get(&p, &a);
  assert_int_equal(a.error.status, GENAI_ERROR_CONNECT);
  assert_non_null(strstr(a.error.message, "No access token could be had from 127.0.0.1: "));
  provider_stop(&p);

  token_server_start(&s, TOKEN);
  token_server_mute(&s);
  snprintf(file, sizeof file, USER, token_server_url(&s, "/t"));
  assert_int_equal(provider_start(&p, &(auth_options){.credentials_json = file, .timeout_ms = 40}), GENAI_OK);
  provider_get(&p, &a);
  assert_int_equal(a.error.status, GENAI_ERROR_TIMEOUT);
  assert_non_null(strstr(a.error.message, "did not answer within 40 ms"));
  provider_stop(&p);
  token_server_stop(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(service_account), cmocka_unit_test(user),    cmocka_unit_test(metadata),     cmocka_unit_test(external),
      cmocka_unit_test(external_from_a_file), cmocka_unit_test(impersonated), cmocka_unit_test(answers), cmocka_unit_test(skewed_clock),
      cmocka_unit_test(clocks_apart),
      cmocka_unit_test(no_endpoint),     cmocka_unit_test(proxies),
      cmocka_unit_test(encrypted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
