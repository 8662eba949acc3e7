/* Credentials of every kind through the public API, from a token endpoint to a session over real sockets: renewal while sessions run,
 * an endpoint that stalls, a token that the service refuses, and the sentence of each failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "genai/live.h"
#include "judge.h"
#include "keys.h"
#include "rig.h"
#include "token_server.h"

#define TOKEN(name, life) "{\"access_token\":\"" name "\",\"expires_in\":" #life "}"
#define EXTERNAL \
  "{\"type\":\"external_account\",\"audience\":\"//iam/pool\",\"subject_token_type\":\"urn:ietf:params:oauth:token-type:jwt\","
#define SECRET "s3cr3t-0f-th3-f1l3"

enum { BEARER_MAX = 256, MESSAGE_MAX = 4096 };

/* ---- a service that holds several conversations at once ---- */

typedef struct service {
  peer *peer;
  char url[64];
  const char *refused;    /* this bearer is answered with 401 */
  pthread_mutex_t mutex;
  pthread_cond_t ended;
  int live;
  char bearer[BEARER_MAX]; /* of the last upgrade */
} service;

typedef struct conversation {
  service *service;
  int fd;
} conversation;

static const char COMPLETE[] = "{\"setupComplete\":{}}";
static const char HEARD[] = "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"heard\"}]}}}";

static void *converse(void *argument) {
  conversation *c = argument;
  peer_io io = {.fd = c->fd};
  char data[MESSAGE_MAX];
  const char *answer = COMPLETE;
  for (;;) {
    size_t size = sizeof data;
    int first = peer_read_frame(&io, data, &size);
    if (first == 0x88) peer_frame(&io, 0x88, data, size);
    if (first != 0x81 && first != 0x82) break;
    if (!peer_frame(&io, 0x81, answer, strlen(answer))) break;
    answer = HEARD;
  }
  close(io.fd);
  pthread_mutex_lock(&c->service->mutex);
  c->service->live--;
  pthread_cond_signal(&c->service->ended);
  pthread_mutex_unlock(&c->service->mutex);
  free(c);
  return NULL;
}

/* The upgrade; the rest has a thread of its own, so that the next may come. */
static void serve(peer_io *io, void *argument) {
  service *s = argument;
  char head[8192], answer[256], bearer[BEARER_MAX];
  pthread_t thread;
  if (!peer_read_head(io, head, sizeof head)) return;
  const char *field = strstr(head, "Authorization: Bearer ");
  snprintf(bearer, sizeof bearer, "%.*s", field ? (int)strcspn(field + 22, "\r") : 0, field ? field + 22 : "");
  pthread_mutex_lock(&s->mutex);
  strcpy(s->bearer, bearer);
  bool refused = s->refused && !strcmp(s->refused, bearer);
  pthread_mutex_unlock(&s->mutex);
  if (refused) {
    peer_text(io, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 15\r\n\r\nThe token ended");
    return;
  }
  if (!peer_upgrade_answer(head, answer, sizeof answer) || !peer_text(io, answer)) return;
  conversation *c = malloc(sizeof *c);
  *c = (conversation){s, io->fd};
  io->fd = -1; /* it is the conversation's now */
  pthread_mutex_lock(&s->mutex);
  s->live++;
  pthread_mutex_unlock(&s->mutex);
  if (pthread_create(&thread, NULL, converse, c) || pthread_detach(thread)) abort();
}

static void service_start(service *s) {
  *s = (service){.mutex = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
  s->peer = peer_new(serve, s, NULL);
  snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", peer_port(s->peer));
}

static void service_stop(service *s) {
  peer_free(s->peer);
  pthread_mutex_lock(&s->mutex);
  while (s->live) pthread_cond_wait(&s->ended, &s->mutex);
  pthread_mutex_unlock(&s->mutex);
}

static void assert_bearer(service *s, const char *expected) {
  pthread_mutex_lock(&s->mutex);
  assert_string_equal(s->bearer, expected);
  pthread_mutex_unlock(&s->mutex);
}

/* ---- its clients ---- */

static const genai_live_connect_params params = {.model = "m"};
static const genai_wait LONG = {.timeout_ms = RIG_LIMIT_S * 1000};

static void user_file(char *out, size_t size, const char *url) {
  snprintf(out, size, "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"" SECRET "\",\"refresh_token\":\"" SECRET
           "\",\"token_uri\":\"%s\"}", url);
}

static genai_status try_client(genai_client **client, const service *s, const genai_client_options *options, genai_error *error) {
  genai_client_options o = *options;
  o.backend = GENAI_BACKEND_VERTEX;
  o.project = "p";
  o.location = "us-central1";
  o.base_url = s->url;
  return genai_client_new(client, &o, error);
}

static genai_client *client_of(const service *s, const genai_client_options *options) {
  genai_client *client = NULL;
  genai_error error = {0};
  if (try_client(&client, s, options, &error) != GENAI_OK) fail_msg("%s", error.message);
  return client;
}

static genai_client *user_client(const service *s, const token_server *tokens) {
  char file[1024];
  user_file(file, sizeof file, token_server_url(tokens, "/t"));
  return client_of(s, &(genai_client_options){.credentials_json = file});
}

static genai_live_session *open_session(genai_client *client) {
  genai_live_session *session = NULL;
  genai_error error = {0};
  if (genai_live_connect(client, &params, &session, &LONG, &error) != GENAI_OK) fail_msg("%s", error.message);
  return session;
}

/* One message there and one back. */
static void speak(genai_live_session *session) {
  genai_live_message *message = NULL;
  genai_error error = {0};
  if (genai_live_send_text(session, "Hello", &LONG, &error) != GENAI_OK) fail_msg("%s", error.message);
  do {
    genai_live_message_free(message);
    if (genai_live_receive(session, &message, &LONG, &error) != GENAI_OK) fail_msg("%s", error.message);
  } while (!genai_live_message_text(message, 0));
  assert_string_equal(genai_live_message_text(message, 0), "heard");
  genai_live_message_free(message);
}

/* ---- under a running session ---- */

static void renewed_under_a_running_session(void **state) {
  (void)state;
  service s;
  token_server tokens;
  bool renewed = false;
  service_start(&s);
  token_server_start(&tokens, TOKEN("one", 1)); /* renewed at three quarters of that second */
  tokens.bodies[1] = TOKEN("two", 3600);
  genai_client *client = user_client(&s, &tokens);
  genai_live_session *first = open_session(client);
  assert_bearer(&s, "one");
  for (int i = 0; i < 10000 && !renewed; i++) {
    genai_live_session *next = open_session(client); /* never without a token that holds */
    speak(first);
    speak(next);
    pthread_mutex_lock(&s.mutex);
    renewed = !strcmp(s.bearer, "two");
    pthread_mutex_unlock(&s.mutex);
    genai_live_free(next);
    rig_sleep_us(2000);
  }
  assert_true(renewed);
  speak(first); /* what is open stays open, its token being over */
  genai_live_session *last = open_session(client);
  assert_bearer(&s, "two");
  assert_int_equal(token_server_count(&tokens), 2);
  genai_live_free(last);
  genai_live_free(first);
  genai_client_free(client);
  service_stop(&s);
  token_server_stop(&tokens);
}

static void stalling_endpoint_holds_nobody_up(void **state) {
  (void)state;
  service s;
  token_server tokens;
  genai_live_session *waiting;
  genai_error error = {0};
  service_start(&s);
  token_server_start(&tokens, TOKEN("one", 1));
  genai_client *client = user_client(&s, &tokens);
  genai_live_session *running = open_session(client);
  token_server_mute(&tokens);
  while (token_server_count(&tokens) < 2) { /* until the token is too old to be taken along without a look for another */
    genai_live_session *next = NULL; /* a slow machine may find it over already: that is as good */
    if (genai_live_connect(client, &params, &next, &(genai_wait){.timeout_ms = 200}, &error) == GENAI_OK) genai_live_free(next);
    rig_sleep_us(20000);
  }
  rig_sleep_us(300000); /* the token has an end, and the endpoint does not answer */
  error = (genai_error){0};
  assert_int_equal(genai_live_start(client, &params, &waiting, &error), GENAI_OK);
  for (int i = 0; i < 200; i++) speak(running);
  genai_live_session *other;
  assert_int_equal(genai_live_connect(client, &params, &other, &(genai_wait){.timeout_ms = 100}, &error), GENAI_ERROR_TIMEOUT);
  judge("token endpoint stalls", &error, &(verdict){GENAI_ERROR_TIMEOUT, .says = {"it was still getting credentials"}});
  for (int i = 0; i < 200; i++) speak(running);
  genai_live_free(waiting);
  genai_live_free(running);
  genai_client_free(client);
  service_stop(&s);
  token_server_stop(&tokens);
}

/* A deadline that leaves no time for another try, and a service that takes no token at all. */
static void refused_token_is_told(void **state) {
  (void)state;
  service s;
  token_server tokens;
  genai_live_session *session = NULL;
  genai_error error = {0};
  service_start(&s);
  s.refused = "one";
  token_server_start(&tokens, TOKEN("one", 3600));
  genai_client *client = user_client(&s, &tokens);
  const verdict told = {GENAI_ERROR_HTTP, .http_status = 401, .says = {"The token ended"}};
  assert_int_equal(genai_live_connect(client, &params, &session, &(genai_wait){.timeout_ms = 900}, &error), GENAI_ERROR_HTTP);
  judge("no time for another token", &error, &told);
  assert_int_equal(token_server_count(&tokens), 1);
  rig_sleep_us(1100000);
  assert_int_equal(genai_live_connect(client, &params, &session, &LONG, &error), GENAI_ERROR_CREDENTIALS);
  judge("every token is refused", &error, &(verdict){GENAI_ERROR_CREDENTIALS, .http_status = 401, .says = {"refused a fresh access token"}});
  assert_int_equal(token_server_count(&tokens), 2); /* dials are no storm of token requests */
  genai_client_free(client);
  service_stop(&s);
  token_server_stop(&tokens);
}

static void refused_token_is_replaced(void **state) {
  (void)state;
  service s;
  token_server tokens;
  genai_live_session *session = NULL;
  genai_error error = {0};
  service_start(&s);
  s.refused = "one";
  token_server_start(&tokens, TOKEN("one", 3600));
  tokens.bodies[1] = TOKEN("two", 3600);
  genai_client *client = user_client(&s, &tokens);
  assert_int_equal(genai_live_connect(client, &params, &session, &LONG, &error), GENAI_OK); /* another is asked for */
  assert_bearer(&s, "two");
  assert_int_equal(token_server_count(&tokens), 2);
  speak(session);
  genai_live_free(session);
  genai_client_free(client);
  service_stop(&s);
  token_server_stop(&tokens);
}

/* ---- each kind ---- */

static void holds_a_session(const char *kind, const genai_client_options *options, const char *bearer) {
  service s;
  service_start(&s);
  genai_client *client = client_of(&s, options);
  genai_live_session *session = open_session(client);
  pthread_mutex_lock(&s.mutex);
  if (strcmp(s.bearer, bearer) != 0) fail_msg("%s: \"%s\" instead of \"%s\"", kind, s.bearer, bearer);
  pthread_mutex_unlock(&s.mutex);
  speak(session);
  genai_live_free(session);
  genai_client_free(client);
  service_stop(&s);
}

static genai_status give_token(void *user, char *token, size_t size, int64_t *lifetime_s, genai_error *error) {
  (void)error;
  *lifetime_s = 60;
  snprintf(token, size, "%s", (const char *)user);
  return GENAI_OK;
}

static void each_kind(void **state) {
  (void)state;
  char file[8192], header[2048], claims[2048], host[64], subject[256], more[512], called[] = "called";
  token_server tokens;
  holds_a_session("given", &(genai_client_options){.access_token = "mine"}, "mine");
  holds_a_session("callback", &(genai_client_options){.token = give_token, .token_user = called}, "called");

  token_server_start(&tokens, TOKEN("signed", 3600));
  keys_service_account(file, sizeof file, token_server_url(&tokens, "/t"));
  holds_a_session("service account", &(genai_client_options){.credentials_json = file}, "signed");
  assert_true(keys_verify(token_server_form(&tokens, 0, "assertion"), header, claims, sizeof header));
  assert_non_null(strstr(claims, "robot@file-project"));
  token_server_stop(&tokens);

  token_server_start(&tokens, TOKEN("refreshed", 3600));
  user_file(file, sizeof file, token_server_url(&tokens, "/t"));
  setenv("GOOGLE_APPLICATION_CREDENTIALS", rig_file(file), 1); /* Google's order begins here */
  holds_a_session("user", &(genai_client_options){0}, "refreshed");
  unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
  assert_string_equal(token_server_form(&tokens, 0, "refresh_token"), SECRET);
  token_server_stop(&tokens);

  token_server_start(&tokens, TOKEN("machine", 3600));
  snprintf(host, sizeof host, "127.0.0.1:%d", peer_port(tokens.peer));
  setenv("GCE_METADATA_HOST", host, 1);
  holds_a_session("metadata server", &(genai_client_options){0}, "machine");
  unsetenv("GCE_METADATA_HOST");
  assert_true(token_server_heard(&tokens, 0, "Metadata-Flavor: Google"));
  token_server_stop(&tokens);

  token_server_start(&tokens, TOKEN("exchanged", 3600));
  snprintf(subject, sizeof subject, "%s", rig_file("theirs\n"));
  snprintf(file, sizeof file, EXTERNAL "\"token_url\":\"%s\",\"credential_source\":{\"file\":\"%s\"}}",
           token_server_url(&tokens, "/sts"), subject);
  holds_a_session("external account, file", &(genai_client_options){.credentials_json = file}, "exchanged");
  assert_string_equal(token_server_form(&tokens, 0, "subject_token"), "theirs");
  token_server_stop(&tokens);

  token_server_start(&tokens, "{\"id\":\"from-afar\"}");
  tokens.bodies[1] = TOKEN("exchanged", 3600);
  tokens.bodies[2] = "{\"accessToken\":\"impersonated\",\"expireTime\":\"2030-01-01T00:00:00Z\"}";
  snprintf(more, sizeof more, "\"service_account_impersonation_url\":\"%s\",", token_server_url(&tokens, "/i:generateAccessToken"));
  snprintf(file, sizeof file, EXTERNAL "\"token_url\":\"%s\",%s\"credential_source\":{\"url\":\"%s\",\"format\":{\"type\":\"json\","
           "\"subject_token_field_name\":\"id\"}}}", token_server_url(&tokens, "/sts"), more, token_server_url(&tokens, "/subject"));
  holds_a_session("external account, url, impersonation", &(genai_client_options){.credentials_json = file}, "impersonated");
  assert_string_equal(token_server_form(&tokens, 1, "subject_token"), "from-afar");
  assert_true(token_server_heard(&tokens, 2, "Authorization: Bearer exchanged"));
  token_server_stop(&tokens);

  char source[1024];
  token_server_start(&tokens, TOKEN("source", 3600));
  tokens.bodies[1] = "{\"accessToken\":\"lent\",\"expireTime\":\"2030-01-01T00:00:00Z\"}";
  user_file(source, sizeof source, token_server_url(&tokens, "/t"));
  snprintf(file, sizeof file, "{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"%s\","
           "\"delegates\":[\"d\"],\"source_credentials\":%s}", token_server_url(&tokens, "/i:generateAccessToken"), source);
  holds_a_session("impersonated service account", &(genai_client_options){.credentials_json = file}, "lent");
  assert_true(token_server_heard(&tokens, 1, "\"delegates\":[\"d\"]"));
  token_server_stop(&tokens);
}

/* ---- each failure ---- */

/* The one sentence, be it said when the client is made or when it connects. */
static void fails_from(const char *name, const genai_client_options *options, const verdict *v) {
  service s;
  genai_client *client = NULL;
  genai_live_session *session = NULL;
  genai_error error = {0};
  service_start(&s);
  genai_status status = try_client(&client, &s, options, &error);
  if (status == GENAI_OK) status = genai_live_connect(client, &params, &session, &LONG, &error);
  assert_int_equal(status, v->status);
  judge(name, &error, v);
  if (strstr(error.message, SECRET)) fail_msg("%s tells a secret: %s", name, error.message);
  assert_bearer(&s, ""); /* nothing was dialed */
  genai_client_free(client);
  service_stop(&s);
}

static void fails(const char *name, const char *json, const char *sentence, const char *more) {
  fails_from(name, &(genai_client_options){.credentials_json = json}, &(verdict){GENAI_ERROR_CREDENTIALS, .says = {sentence, more}});
}

static void answers(const char *name, int status, const char *body, int http_status, const char *sentence, const char *more) {
  token_server tokens;
  char file[1024];
  token_server_start(&tokens, body);
  tokens.status = status;
  user_file(file, sizeof file, token_server_url(&tokens, "/t"));
  fails_from(name, &(genai_client_options){.credentials_json = file},
             &(verdict){GENAI_ERROR_CREDENTIALS, .http_status = http_status, .host = "127.0.0.1", .says = {sentence, more}});
  token_server_stop(&tokens);
}

static genai_status give_none(void *user, char *token, size_t size, int64_t *lifetime_s, genai_error *error) {
  (void)user, (void)token, (void)size, (void)lifetime_s;
  snprintf(error->message, sizeof error->message, "The vault is closed.");
  return GENAI_ERROR_SYSTEM;
}

static void each_failure(void **state) {
  (void)state;
  char file[8192];
  fails_from("no such file", &(genai_client_options){.credentials_file = "/no/such/file.json"},
             &(verdict){GENAI_ERROR_CREDENTIALS, .says = {"/no/such/file.json cannot be read", "No such file"}});
  setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/adc.json", 1);
  fails_from("no such file in the environment", &(genai_client_options){0},
             &(verdict){GENAI_ERROR_CREDENTIALS, .says = {"The file named by GOOGLE_APPLICATION_CREDENTIALS /no/such/adc.json"}});
  unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
  fails("not JSON", "{\"type\":\"service_account\",\"private_key\":\"" SECRET "\"", "is not JSON", NULL);
  fails("unknown type", "{\"type\":\"gdch_service_account\"}", "gdch_service_account", "not known here");
  fails("unreadable key", "{\"type\":\"service_account\",\"client_email\":\"e\",\"private_key\":\"" SECRET "\"}",
        "private_key that is no RSA key in PEM form", "download the key again");
  fails("no key", "{\"type\":\"service_account\",\"client_email\":\"e\"}", "has no \"private_key\"", NULL);
  fails("a stranger's endpoint",
        "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"" SECRET "\",\"refresh_token\":\"r\","
        "\"token_uri\":\"https://evil.example/t\"}", "no https address of Google's", "evil.example");
  snprintf(file, sizeof file, "{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\",\"token_url\":"
           "\"https://sts.googleapis.com/v1/token\",\"credential_source\":{\"file\":\"/no/such/token\"}}");
  fails("external account without its file", file, "The external account's token file /no/such/token cannot be read", NULL);
  fails_from("callback", &(genai_client_options){.token = give_none},
             &(verdict){GENAI_ERROR_CREDENTIALS, .says = {"The vault is closed."}});
  fails_from("token that is none", &(genai_client_options){.access_token = "a\nb"},
             &(verdict){GENAI_ERROR_CREDENTIALS, .says = {"characters that no header field can"}});
  setenv("GCE_METADATA_HOST", "127.0.0.1:1", 1);
  fails_from("no metadata server", &(genai_client_options){0},
             &(verdict){GENAI_ERROR_CREDENTIALS, .os_error = ECONNREFUSED,
                        .says = {"No Google credentials were found", "no metadata server answered", "gcloud auth"}});
  unsetenv("GCE_METADATA_HOST");
  user_file(file, sizeof file, "http://127.0.0.1:1/t");
  genai_client_options o = {.credentials_json = file};
  fails_from("nobody at the endpoint", &o, &(verdict){GENAI_ERROR_CONNECT, .os_error = ECONNREFUSED, .host = "127.0.0.1", .port = 1,
                                                      .says = {"No access token could be had from 127.0.0.1"}});
}

static void each_answer(void **state) {
  (void)state;
  answers("HTTP 400", 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or revoked.\"}", 400,
          "It says: invalid_grant: Token has been expired or revoked.", "gcloud auth application-default login");
  answers("HTTP 403 in Google's other form", 403,
          "{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\",\"message\":\"API disabled\"}}", 403,
          "PERMISSION_DENIED: API disabled", NULL);
  answers("HTTP 500 without words", 500, "", 500, "answered HTTP 500", NULL);
  answers("a redirect", 302, "", 302, "answered HTTP 302", NULL);
  answers("no JSON", 200, "<html>captive portal</html>", 0, "answered without an access token", NULL);
  answers("another JSON", 200, "{\"token\":\"x\"}", 0, "answered without an access token", NULL);
  answers("a token with a line's end", 200, "{\"access_token\":\"a\\r\\nX: y\"}", 0, "that no header field can hold", NULL);
}

static void hang_up(peer_io *io, void *argument) {
  char head[8192];
  (void)argument;
  /* The form, too: what is left unread would be a reset. */
  if (peer_read_head(io, head, sizeof head)) peer_read_some(io, head, sizeof head);
}

static void talk_nonsense(peer_io *io, void *argument) {
  hang_up(io, argument);
  peer_text(io, "220 smtp.example ESMTP\r\n\r\n");
}

/* Endpoints that speak no HTTP, or not to the end. */
static void broken_endpoints(void **state) {
  (void)state;
  static const struct { const char *name; void (*serve)(peer_io *, void *); genai_status status; const char *says; } rows[] = {
      {"the endpoint hangs up", hang_up, GENAI_ERROR_LOST, "before its answer was complete"},
      {"the endpoint speaks another language", talk_nonsense, GENAI_ERROR_PROTOCOL, NULL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char file[1024], url[64];
    peer *p = peer_new(rows[i].serve, NULL, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/t", peer_port(p));
    user_file(file, sizeof file, url);
    fails_from(rows[i].name, &(genai_client_options){.credentials_json = file},
               &(verdict){rows[i].status, .port = peer_port(p), .says = {"No access token could be had from 127.0.0.1", rows[i].says}});
    peer_free(p);
  }
}

int main(void) {
  static const char *const names[] = {"GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION",
                                      "GOOGLE_CLOUD_QUOTA_PROJECT", "GOOGLE_VERTEX_BASE_URL", "GOOGLE_APPLICATION_CREDENTIALS",
                                      "GCE_METADATA_HOST", "NO_GCE_CHECK"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unsetenv(names[i]);
  setenv("CLOUDSDK_CONFIG", "/no/such/folder", 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(renewed_under_a_running_session), cmocka_unit_test(stalling_endpoint_holds_nobody_up),
      cmocka_unit_test(refused_token_is_told),
      cmocka_unit_test(refused_token_is_replaced),       cmocka_unit_test(each_kind),
      cmocka_unit_test(each_failure),                    cmocka_unit_test(each_answer),
      cmocka_unit_test(broken_endpoints),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
