/* A session waits for its token before it dials, takes it along, and gives a refused one up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "fake.h"
#include "keys.h"
#include "rig.h"
#include "token_server.h"

/* The fake transport, with a look at the header fields. */
static char bearer[256], quota[256];
static int dials;

static genai_status look_and_connect(net_ws **ws, net_loop *loop, const net_ws_params *params, const net_ws_events *events, void *user,
                                     genai_error *error) {
  bearer[0] = quota[0] = '\0';
  dials++;
  for (size_t i = 0; i < params->header_count; i++) {
    const genai_string_pair *h = &params->headers[i];
    if (!strcmp(h->key, "Authorization")) snprintf(bearer, sizeof bearer, "%s", h->value);
    if (!strcmp(h->key, "x-goog-user-project")) snprintf(quota, sizeof quota, "%s", h->value);
  }
  return fake_transport.connect(ws, loop, params, events, user, error);
}

static live_transport looking;

/* With one I/O thread the sessions are on that of the tokens, with two they are on the other. */
static uint32_t io_threads = 1;

static const char TOKEN[] = "{\"access_token\":\"one\",\"expires_in\":3600}";

static void user_file(char *out, size_t size, const char *url) {
  snprintf(out, size, "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s\",\"refresh_token\":\"r\",\"quota_project_id\":"
           "\"pays\",\"token_uri\":\"%s\"}", url);
}

static genai_client *client_of(const genai_client_options *options) {
  genai_client_options o = *options;
  genai_client *client = NULL;
  genai_error error = {0};
  o.backend = GENAI_BACKEND_VERTEX;
  if (!o.project) o.project = "p";
  o.location = "us-central1";
  o.io_threads = io_threads;
  o.base_url = "http://127.0.0.1:9";
  if (genai_client_new(&client, &o, &error) != GENAI_OK) fail_msg("%s", error.message);
  looking = fake_transport;
  looking.connect = look_and_connect;
  client_set_transport(client, &looking);
  return client;
}

static const genai_live_connect_params params = {.model = "m"};

static void takes_the_token_along(void **state) {
  (void)state;
  token_server s;
  char file[1024];
  genai_live_session *session;
  genai_error error = {0};
  token_server_start(&s, TOKEN);
  user_file(file, sizeof file, token_server_url(&s, "/t"));
  fake_new();
  genai_client *client = client_of(&(genai_client_options){.credentials_json = file});
  for (int i = 0; i < 2; i++) {
    if (genai_live_connect(client, &params, &session, NULL, &error) != GENAI_OK) fail_msg("%s", error.message);
    assert_string_equal(bearer, "Bearer one");
    assert_string_equal(quota, "pays");
    genai_live_free(session);
    fake_free(); /* each plays one session */
    fake_new();
  }
  assert_int_equal(token_server_count(&s), 1);
  genai_client_free(client);
  fake_free();
  token_server_stop(&s);
}

static void without_a_token_no_dial(void **state) {
  (void)state;
  token_server s;
  char file[1024];
  genai_live_session *session;
  genai_error error = {0};
  token_server_start(&s, "{\"error\":\"invalid_grant\"}");
  s.status = 400;
  user_file(file, sizeof file, token_server_url(&s, "/t"));
  fake_new();
  dials = 0;
  genai_client *client = client_of(&(genai_client_options){.credentials_json = file});
  assert_int_equal(genai_live_connect(client, &params, &session, NULL, &error), GENAI_ERROR_CREDENTIALS);
  assert_non_null(strstr(error.message, "invalid_grant"));
  assert_int_equal(error.http_status, 400);
  assert_int_equal(dials, 0);
  genai_client_free(client);
  fake_free();
  token_server_stop(&s);
}

static void deadline_close_and_cancel(void **state) {
  (void)state;
  token_server s;
  char file[1024];
  genai_live_session *session;
  genai_error error = {0};
  genai_cancel *cancel;
  token_server_start(&s, TOKEN);
  token_server_mute(&s);
  user_file(file, sizeof file, token_server_url(&s, "/t"));
  fake_new();
  dials = 0;
  genai_client *client = client_of(&(genai_client_options){.credentials_json = file});
  assert_int_equal(genai_live_connect(client, &params, &session, &(genai_wait){.timeout_ms = 30}, &error), GENAI_ERROR_TIMEOUT);
  assert_non_null(strstr(error.message, "it was still getting credentials"));
  assert_int_equal(genai_live_start(client, &params, &session, &error), GENAI_OK);
  assert_int_equal(genai_live_close(session, NULL, &error), GENAI_OK);
  assert_int_equal(genai_live_free(session), GENAI_OK);
  assert_int_equal(genai_cancel_new(&cancel, NULL), GENAI_OK);
  genai_cancel_fire(cancel);
  assert_int_equal(genai_live_connect(client, &params, &session, &(genai_wait){.cancel = cancel}, &error), GENAI_ERROR_CANCELLED);
  genai_cancel_free(cancel);
  assert_int_equal(genai_live_start(client, &params, &session, &error), GENAI_OK);
  assert_int_equal(genai_live_free(session), GENAI_OK);
  genai_client_free(client);
  assert_int_equal(dials, 0);
  fake_free();
  token_server_stop(&s);
}

static genai_status on_token(void *user, char *token, size_t size, int64_t *lifetime_s, genai_error *error) {
  (void)lifetime_s;
  (void)error;
  snprintf(token, size, "app-%d", ++*(int *)user);
  return GENAI_OK;
}

static void callback_and_given_token(void **state) {
  (void)state;
  genai_live_session *session;
  int calls = 0;
  fake_new();
  genai_client *client = client_of(&(genai_client_options){.token = on_token, .token_user = &calls});
  assert_int_equal(genai_live_connect(client, &params, &session, NULL, NULL), GENAI_OK);
  assert_string_equal(bearer, "Bearer app-1");
  genai_live_free(session);
  genai_client_free(client);
  fake_free();
  fake_new();
  client = client_of(&(genai_client_options){.access_token = "mine"});
  assert_int_equal(genai_live_connect(client, &params, &session, NULL, NULL), GENAI_OK);
  assert_string_equal(bearer, "Bearer mine");
  genai_live_free(session);
  genai_client_free(client);
  fake_free();
  fake_new();
  /* A field of the user's own needs no token. */
  const genai_string_pair own[] = {{"authorization", "Basic eA=="}};
  client = client_of(&(genai_client_options){.headers = {own, 1}});
  assert_null(client->auth);
  assert_int_equal(genai_live_connect(client, &params, &session, NULL, NULL), GENAI_OK);
  assert_string_equal(bearer, "");
  genai_live_free(session);
  genai_client_free(client);
  fake_free();
}

static void refuse_upgrade(peer_io *io, void *argument) {
  char head[8192];
  if (!peer_read_head(io, head, sizeof head)) return;
  const char *field = strstr(head, "Authorization: ");
  snprintf(argument, 256, "%.*s", field ? (int)strcspn(field, "\r") : 0, field ? field : "");
  peer_text(io, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
}

/* Over a real connection: a 401 gives the token up, and a fixed one is not tried again. */
static void unauthorized(void **state) {
  (void)state;
  char heard[256] = "", url[64];
  genai_client *client = NULL;
  genai_live_session *session;
  genai_error error = {0};
  peer *p = peer_new(refuse_upgrade, heard, NULL);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", peer_port(p));
  genai_client_options o = {.backend = GENAI_BACKEND_VERTEX, .project = "p", .location = "l", .base_url = url, .access_token = "mine"};
  assert_int_equal(genai_client_new(&client, &o, NULL), GENAI_OK);
  assert_int_equal(genai_live_connect(client, &params, &session, NULL, &error), GENAI_ERROR_HTTP);
  assert_int_equal(error.http_status, 401);
  assert_string_equal(heard, "Authorization: Bearer mine");
  heard[0] = '\0';
  assert_int_equal(genai_live_connect(client, &params, &session, NULL, &error), GENAI_ERROR_CREDENTIALS);
  assert_non_null(strstr(error.message, "refused the access token"));
  assert_string_equal(heard, "");
  genai_client_free(client);
  peer_free(p);
}

static void projects(void **state) {
  (void)state;
  char file[8192];
  genai_client *client = NULL;
  genai_error error = {0};
  keys_service_account(file, sizeof file, "https://oauth2.googleapis.com/token");
  genai_client_options o = {.backend = GENAI_BACKEND_VERTEX, .credentials_json = file};
  assert_int_equal(genai_client_new(&client, &o, NULL), GENAI_OK);
  assert_string_equal(client->settings.project, "file-project");
  genai_client_free(client);
  o.project = "mine";
  assert_int_equal(genai_client_new(&client, &o, NULL), GENAI_OK);
  assert_string_equal(client->settings.project, "mine");
  genai_client_free(client);
  o.credentials_json = "{}";
  assert_int_equal(genai_client_new(&client, &o, &error), GENAI_ERROR_CREDENTIALS);
  assert_null(client);
  /* No project anywhere: said before anything is dialed. */
  genai_live_session *session;
  o = (genai_client_options){.backend = GENAI_BACKEND_VERTEX, .access_token = "t"};
  assert_int_equal(genai_client_new(&client, &o, &error), GENAI_OK);
  assert_int_equal(genai_live_start(client, &params, &session, &error), GENAI_ERROR_ARGUMENT);
  assert_non_null(strstr(error.message, "needs a project"));
  genai_client_free(client);
  /* Only a client of this machine may send secrets to this machine. */
  user_file(file, sizeof file, "http://127.0.0.1:1/t");
  o = (genai_client_options){.backend = GENAI_BACKEND_VERTEX, .credentials_json = file};
  assert_int_equal(genai_client_new(&client, &o, &error), GENAI_ERROR_CREDENTIALS);
  assert_non_null(strstr(error.message, "would send its secret to http://127.0.0.1"));
}

/* No project but the machine's own: its metadata server is asked before there is a client, and the session's model is that project's. */
static void project_of_the_machine(void **state) {
  (void)state;
  token_server s;
  char host[32];
  genai_client *client = NULL;
  genai_error error = {0};
  const genai_client_options o = {.backend = GENAI_BACKEND_VERTEX};
  token_server_start(&s, "machine-project\n");
  snprintf(host, sizeof host, "127.0.0.1:%d", peer_port(s.peer));
  setenv("GCE_METADATA_HOST", host, 1);
  if (genai_client_new(&client, &o, &error) != GENAI_OK) fail_msg("%s", error.message);
  assert_string_equal(client->settings.project, "machine-project");
  assert_true(token_server_heard(&s, 0, "GET /computeMetadata/v1/project/project-id HTTP/1.1"));
  assert_true(token_server_heard(&s, 0, "Metadata-Flavor: Google"));
  genai_client_free(client);
  static const struct { int status; const char *body, *says; } rows[] = {
      {404, "", "answered HTTP 404."}, {200, "<html>log in", "answered with something else."}, {200, "", "answered with something else."}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    token_server_set(&s, rows[i].status, rows[i].body);
    assert_int_equal(genai_client_new(&client, &o, &error), GENAI_ERROR_CREDENTIALS);
    assert_null(client);
    assert_non_null(strstr(error.message, "There is no project: neither the program nor GOOGLE_CLOUD_PROJECT names one"));
    if (!strstr(error.message, rows[i].says)) fail_msg("%s", error.message);
  }
  token_server_stop(&s);
  setenv("GCE_METADATA_HOST", "127.0.0.1:1", 1);
  assert_int_equal(genai_client_new(&client, &o, &error), GENAI_ERROR_CREDENTIALS);
  assert_non_null(strstr(error.message, "no metadata server answered"));
  setenv("GCE_METADATA_HOST", "a b", 1);
  assert_int_equal(genai_client_new(&client, &o, &error), GENAI_ERROR_CREDENTIALS);
  assert_non_null(strstr(error.message, "GCE_METADATA_HOST names no host"));
  unsetenv("GCE_METADATA_HOST");
}

int main(void) {
  static const char *const names[] = {"GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION",
                                      "GOOGLE_CLOUD_QUOTA_PROJECT", "GOOGLE_VERTEX_BASE_URL", "GOOGLE_APPLICATION_CREDENTIALS"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unsetenv(names[i]);
  setenv("CLOUDSDK_CONFIG", "/no/such/folder", 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_the_token_along), cmocka_unit_test(without_a_token_no_dial), cmocka_unit_test(deadline_close_and_cancel),
      cmocka_unit_test(callback_and_given_token), cmocka_unit_test(unauthorized), cmocka_unit_test(projects),
      cmocka_unit_test(project_of_the_machine),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  io_threads = 2;
  return failed + cmocka_run_group_tests_name("tests, two I/O threads", tests, NULL, NULL);
}
