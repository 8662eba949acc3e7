#include "auth/fetch_private.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/answer.h"
#include "auth/form.h"
#include "auth/jwt.h"
#include "auth/sources.h"
#include "base/error.h"
#include "base/memory.h"
#include "genai/json.h"
#include "wire/base64.h"
#include "wire/writer.h"

enum { BODY_MAX = 512 * 1024, ANSWER_MAX = 64 * 1024, LIFETIME_S = 3600, BASIC_MAX = 4096 };

static const char SCOPE[] = "https://www.googleapis.com/auth/cloud-platform";
static const char METADATA_PATH[] = "/computeMetadata/v1/instance/service-accounts/default/token?scopes="
                                    "https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform";

static void release(fetch *f) {
  net_request_abort(f->request);
  executable_abort(f->executable);
  aws_keys_deinit(&f->aws);
  secret_free(f->aws_session);
  mem_free(f->aws_role);
  mem_free(f);
}

void fetch_abort(fetch *f) {
  if (f) release(f);
}

static void end(fetch *f, const genai_error *error, const char *token, int64_t lifetime_s) {
  f->done(f->user, error, token, lifetime_s);
  release(f);
}

void fetch_fail(fetch *f, const genai_error *error) { end(f, error, NULL, 0); }

static void secret_deinit(buf *b) {
  if (b->data) OPENSSL_cleanse(b->data, b->capacity);
  buf_deinit(b);
}

/* ---- one request ---- */

static void on_answer(void *user, const genai_error *error, int status, const char *body, size_t size) {
  fetch *f = user;
  (void)size;
  f->request = NULL;
  if (error->status == GENAI_OK) {
    f->answered(f, status, body);
    return;
  }
  genai_error said = {0};
  if (f->params.credential->kind == CREDENTIAL_METADATA && error->status != GENAI_ERROR_MEMORY)
    error_set(&said, GENAI_ERROR_CREDENTIALS,
              "No Google credentials were found: GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud has left no file (make one with "
              "`gcloud auth application-default login`), and no metadata server answered (this is no machine of Google Cloud?): ");
  else
    error_set(&said, error->status, "No access token could be had from %s: ", f->peer);
  said.os_error = error->os_error;
  error_append(&said, "%s", error->message);
  fetch_fail(f, &said);
}

/* The machine's own metadata address is never asked through a proxy. */
static genai_status choose_proxy(net_proxy *proxy, const fetch *f, const net_url *u, genai_error *error) {
  *proxy = (net_proxy){.kind = NET_PROXY_NONE};
  if (f->params.credential->kind == CREDENTIAL_METADATA || !strcmp(u->host, "169.254.169.254") ||
      !strcmp(u->host, "fd00:ec2::254")) return GENAI_OK;
  return net_proxy_choose(proxy, f->params.proxy, f->params.no_proxy, f->params.environment, u->host, u->port, u->tls, error);
}

genai_status fetch_send(fetch *f, const char *method, const char *url, const genai_string_pair *headers, size_t count, buf *body,
                        void (*answered)(fetch *, int, const char *), genai_error *error) {
  net_url u;
  net_proxy proxy;
  buf target;
  genai_status status = net_url_parse(&u, url, error);
  if (status == GENAI_OK && u.tls && !f->params.trust)
    status = error_set(error, GENAI_ERROR_INSECURE, "There is no trust to check %s with.", u.host);
  if (status == GENAI_OK) status = choose_proxy(&proxy, f, &u, error);
  if (status != GENAI_OK) return status;
  if (body && body->failed) return body->full ? error_set(error, GENAI_ERROR_LIMIT, "The request for an access token is too large.")
                                              : error_memory(error);
  snprintf(f->peer, sizeof f->peer, "%s", u.host);
  buf_init(&target, BODY_MAX);
  if (!u.path.size) buf_byte(&target, '/');
  buf_append(&target, u.path.data, u.path.size);
  if (u.query.size) buf_byte(&target, '?');
  buf_append(&target, u.query.data, u.query.size);
  const char *path = buf_cstr(&target);
  f->answered = answered;
  net_request_params params = {.target = {u.host, u.port, u.tls ? f->params.trust : NULL, NULL, &proxy}, .method = method, .path = path,
                               .headers = headers, .header_count = count, .body = body ? (const char *)body->data : NULL,
                               .body_size = body ? body->size : 0, .keep = ANSWER_MAX, .timeout_ms = f->params.timeout_ms};
  status = path ? net_request_start(&f->request, f->params.loop, &params, on_answer, f, error) : error_memory(error);
  buf_deinit(&target);
  OPENSSL_cleanse(&proxy, sizeof proxy);
  return status;
}

static genai_status send_form(fetch *f, const char *url, const char *authorization, buf *body,
                              void (*answered)(fetch *, int, const char *), genai_error *error) {
  const genai_string_pair headers[] = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Authorization", authorization}};
  return fetch_send(f, "POST", url, headers, authorization ? 2 : 1, body, answered, error);
}

/* ---- impersonation: the token at hand is exchanged for that of a service account ---- */

/* expireTime is the service's clock; what was asked for counts from now on ours. */
static void on_impersonated(fetch *f, int status, const char *body) {
  genai_error error = {0};
  char *token;
  int64_t lifetime_s = f->params.credential->impersonate_lifetime_s;
  if (answer_token(f->peer, status, body, &token, &lifetime_s, &error) == GENAI_OK) {
    end(f, &error, token, lifetime_s);
    secret_free(token);
    return;
  }
  if (status == 403)
    error_append(&error, " The account needs the role roles/iam.serviceAccountTokenCreator on the service account that it is to "
                 "impersonate.");
  fetch_fail(f, &error);
}

static genai_status impersonate(fetch *f, const char *token, genai_error *error) {
  const credential *c = f->params.credential;
  buf bearer, body;
  buf_init(&bearer, ANSWER_MAX + 16);
  buf_init(&body, BODY_MAX);
  buf_format(&bearer, "Bearer %s", token);
  buf_format(&body, "{\"delegates\":%s,\"scope\":[\"%s\"],\"lifetime\":\"%llds\"}", c->delegates ? c->delegates : "[]", SCOPE,
             (long long)c->impersonate_lifetime_s);
  const char *authorization = buf_cstr(&bearer);
  const genai_string_pair headers[] = {{"Content-Type", "application/json"}, {"Authorization", authorization}};
  genai_status status = authorization ? fetch_send(f, "POST", c->impersonate_url, headers, 2, &body, on_impersonated, error)
                                      : error_memory(error);
  secret_deinit(&bearer);
  buf_deinit(&body);
  return status;
}

/* ---- the credential's own token ---- */

/* What a refused grant of this kind usually means. */
static void advise(const fetch *f, const char *body, genai_error *error) {
  char code[64], date[32] = "?";
  time_t now = (time_t)f->params.now_s;
  struct tm tm;
  if (!genai_json_get_string(body, "error", code, sizeof code) || strcmp(code, "invalid_grant") != 0) return;
  if (f->params.credential->kind == CREDENTIAL_USER) {
    error_append(error, " The login has expired or was revoked; run `gcloud auth application-default login` again.");
  } else if (f->params.credential->kind == CREDENTIAL_SERVICE_ACCOUNT) {
    if (gmtime_r(&now, &tm)) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm);
    error_append(error, " Is the key still there, and is this machine's clock right? It says %s.", date);
  }
}

static void on_token(fetch *f, int http_status, const char *body) {
  genai_error error = {0};
  char *token;
  int64_t lifetime_s = LIFETIME_S;
  genai_status status = answer_token(f->peer, http_status, body, &token, &lifetime_s, &error);
  if (status != GENAI_OK && f->params.credential->kind == CREDENTIAL_METADATA && http_status == 404)
    error_append(&error, " Has this machine a service account?");
  if (status != GENAI_OK) advise(f, body, &error);
  if (status == GENAI_OK && f->params.credential->impersonate_url) {
    status = impersonate(f, token, &error);
    if (status == GENAI_OK) goto done; /* it goes on */
  }
  if (status == GENAI_OK)
    end(f, &error, token, lifetime_s);
  else
    fetch_fail(f, &error);
done:
  secret_free(token);
}

static genai_status ask_metadata(fetch *f, genai_error *error) {
  static const genai_string_pair headers[] = {{"Metadata-Flavor", "Google"}};
  buf url;
  buf_init(&url, BODY_MAX);
  buf_format(&url, "http://%s%s", f->params.metadata_host, METADATA_PATH);
  const char *text = buf_cstr(&url);
  genai_status status = text ? fetch_send(f, "GET", text, headers, 1, NULL, on_token, error) : error_memory(error);
  buf_deinit(&url);
  return status;
}

static genai_status ask_service_account(fetch *f, genai_error *error) {
  const credential *c = f->params.credential;
  buf assertion, body;
  buf_init(&assertion, BODY_MAX);
  buf_init(&body, BODY_MAX);
  genai_status status = jwt_write(&assertion, c, SCOPE, f->params.now_s, error);
  const char *text = status == GENAI_OK ? buf_cstr(&assertion) : NULL;
  if (status == GENAI_OK && !text) status = error_memory(error);
  if (status == GENAI_OK) {
    form_add(&body, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    form_add(&body, "assertion", text);
    status = send_form(f, c->token_url, NULL, &body, on_token, error);
  }
  secret_deinit(&assertion);
  secret_deinit(&body);
  return status;
}

static genai_status ask_user(fetch *f, genai_error *error) {
  const credential *c = f->params.credential;
  buf body;
  buf_init(&body, BODY_MAX);
  form_add(&body, "grant_type", "refresh_token");
  form_add(&body, "client_id", c->client_id);
  form_add(&body, "client_secret", c->client_secret);
  form_add(&body, "refresh_token", c->refresh_token);
  genai_status status = send_form(f, c->token_url, NULL, &body, on_token, error);
  secret_deinit(&body);
  return status;
}

/* ---- external accounts: somebody else's token first ---- */

/* {"userProject":…}, for which a workforce pool is billed. */
static void add_user_project(buf *body, const char *project) {
  buf options;
  buf_init(&options, BODY_MAX);
  buf_text(&options, "{\"userProject\":");
  wire_write_string(&options, project, strlen(project));
  buf_byte(&options, '}');
  const char *text = buf_cstr(&options);
  if (text) form_add(body, "options", text);
  else body->failed = true;
  buf_deinit(&options);
}

/* RFC 7617; "" when there is no client to tell. False: out of memory. */
static bool basic(char out[BASIC_MAX], const credential *c) {
  buf plain;
  bool fine = true;
  out[0] = '\0';
  if (!c->client_id) return true;
  buf_init(&plain, BASIC_MAX / 2);
  buf_format(&plain, "%s:%s", c->client_id, c->client_secret ? c->client_secret : "");
  fine = !plain.failed;
  if (fine) {
    strcpy(out, "Basic ");
    base64_encode(plain.data, plain.size, (uint8_t *)out + 6);
    out[6 + base64_encoded_size(plain.size)] = '\0';
  }
  secret_deinit(&plain);
  return fine;
}

genai_status fetch_exchange(fetch *f, const char *subject, genai_error *error) {
  const credential *c = f->params.credential;
  char client[BASIC_MAX];
  buf body;
  buf_init(&body, BODY_MAX);
  form_add(&body, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
  form_add(&body, "audience", c->audience);
  form_add(&body, "scope", SCOPE);
  form_add(&body, "requested_token_type", "urn:ietf:params:oauth:token-type:access_token");
  form_add(&body, "subject_token_type", c->subject_type);
  form_add(&body, "subject_token", subject);
  if (c->user_project && !c->client_id) add_user_project(&body, c->user_project);
  genai_status status = basic(client, c) ? send_form(f, c->token_url, *client ? client : NULL, &body, on_token, error)
                                         : error_memory(error);
  secret_deinit(&body);
  OPENSSL_cleanse(client, sizeof client);
  return status;
}

/* The text of the file or the answer holds the token, or is it; white space around it is a text editor's. */
static genai_status use_subject(fetch *f, const char *text, genai_error *error) {
  const credential *c = f->params.credential;
  static const char blank[] = " \t\r\n";
  char *subject;
  if (c->subject_field) {
    subject = genai_json_copy_string(text, c->subject_field);
  } else {
    size_t size = strlen(text += strspn(text, blank));
    while (size && strchr(blank, text[size - 1])) size--;
    subject = mem_strndup(text, size);
    if (!subject) return error_memory(error);
  }
  genai_status status = subject && *subject ? fetch_exchange(f, subject, error)
                        : error_set(error, GENAI_ERROR_CREDENTIALS, "%s leads to a text without a token%s%s.", c->source,
                                    c->subject_field ? " in the member " : "", c->subject_field ? c->subject_field : "");
  secret_free(subject);
  return status;
}

static void on_subject(fetch *f, int http_status, const char *body) {
  genai_error error = {0};
  genai_status status = answer_check(f->peer, http_status, body, &error);
  if (status == GENAI_OK) status = use_subject(f, body, &error);
  if (status != GENAI_OK) fetch_fail(f, &error);
}

static void on_executed(void *user, const genai_error *why, const char *text) {
  fetch *f = user;
  genai_error error = *why;
  char *subject = NULL;
  f->executable = NULL;
  genai_status status = error.status;
  if (status == GENAI_OK) status = executable_token(&subject, f->params.credential, text, f->params.now_s, &error);
  if (status == GENAI_OK) status = fetch_exchange(f, subject, &error);
  secret_free(subject);
  if (status != GENAI_OK) fetch_fail(f, &error);
}

/* What it left in its file last time, if that still holds; else it is run. */
static genai_status ask_executable(fetch *f, genai_error *error) {
  const credential *c = f->params.credential;
  char *text = NULL, *subject = NULL;
  bool kept = c->subject_output && source_read_file(&text, c->subject_output, "", NULL, NULL) == GENAI_OK &&
              executable_token(&subject, c, text, f->params.now_s, NULL) == GENAI_OK;
  genai_status status = kept ? fetch_exchange(f, subject, error)
                             : executable_start(&f->executable, f->params.loop, c, on_executed, f, error);
  secret_free(text);
  secret_free(subject);
  return status;
}

static genai_status ask_external(fetch *f, genai_error *error) {
  const credential *c = f->params.credential;
  char *text;
  if (c->subject_command) return ask_executable(f, error);
  if (c->aws_verify_url) return fetch_ask_aws(f, error);
  if (!c->subject_file) return fetch_send(f, "GET", c->subject_url, c->subject_headers, c->subject_header_count, NULL, on_subject, error);
  genai_status status = source_read_file(&text, c->subject_file, "The external account's token file", NULL, error);
  if (status == GENAI_OK) status = use_subject(f, text, error);
  secret_free(text);
  return status;
}

static genai_status ask(fetch *f, genai_error *error) {
  switch (f->params.credential->kind) {
    case CREDENTIAL_METADATA: return ask_metadata(f, error);
    case CREDENTIAL_SERVICE_ACCOUNT: return ask_service_account(f, error);
    case CREDENTIAL_USER: return ask_user(f, error);
    case CREDENTIAL_EXTERNAL: return ask_external(f, error);
    case CREDENTIAL_GIVEN: break;
  }
  return error_set(error, GENAI_ERROR_CREDENTIALS, "There is nothing to fetch an access token with.");
}

genai_status fetch_start(fetch **out, const fetch_params *params, fetch_done done, void *user, genai_error *error) {
  *out = NULL;
  fetch *f = mem_zalloc(sizeof *f);
  if (!f) return error_memory(error);
  f->params = *params;
  f->done = done;
  f->user = user;
  genai_status status = ask(f, error);
  if (status == GENAI_OK)
    *out = f;
  else
    release(f);
  return status;
}
