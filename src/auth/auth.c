#include "auth/auth.h"

#include <openssl/crypto.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "auth/callback.h"
#include "auth/fetch.h"
#include "auth/project.h"
#include "auth/sources.h"
#include "base/error.h"
#include "base/memory.h"
#include "net/http.h"

/* A token is renewed this long before its end, or a quarter of its life; one that was renewed in vain is used nearly to its end. */
enum { EARLY_MS = 300 * 1000, MARGIN_MS = 10 * 1000, LIFETIME_MAX_S = 24 * 3600 };
/* After failures: doubling from the first to the last, so that a storm of dials never becomes one of token requests. */
enum { BACKOFF_MS = 1000, BACKOFF_MAX_MS = 60 * 1000 };
/* A token refused this young was never good: fetching another at once would not help. */
enum { YOUNG_MS = 60 * 1000, TIMEOUT_MS = 10 * 1000 };
/* A metadata server is near, or is none. */
enum { PROJECT_MS = 3000 };

static const char METADATA[] = "169.254.169.254"; /* what metadata.google.internal resolves to, without asking a resolver */

struct auth {
  net_loop *loop;
  net_tls *trust;
  credential credential;
  char *metadata_host, *proxy, *no_proxy;
  net_environment environment;
  uint32_t timeout_ms;
  const auth_clock *clock;
  net_task deliver;
  auth_wait *waits;
  fetch *fetch;
  char *bearer;        /* "Bearer …", or NULL */
  unsigned generation;
  bool fixed;          /* the token is the application's only one */
  uint64_t received_at, renew_at, expires_at;
  genai_error failure; /* why the last attempt had none */
  unsigned failures, refusals;
  uint64_t retry_at;
  callback call;
  /* The end. */
  net_task stop;
  bool stopping, stopped;
  uv_mutex_t mutex;
  uv_cond_t cond;
};

static uint64_t now_ms(const auth *a) { return a->clock ? a->clock->monotonic_ms(a->clock->user) : net_loop_now(a->loop); }
static int64_t wall_s(const auth *a) { return a->clock ? a->clock->wall_s(a->clock->user) : (int64_t)time(NULL); }

/* ---- keeping ---- */

static genai_status keep(auth *a, const char *token, int64_t lifetime_s, genai_error *error) {
  size_t size = strlen(token);
  if (!size || !http_is_value(token, size))
    return error_set(error, GENAI_ERROR_CREDENTIALS, "The access token is empty or holds characters that no header field can.");
  char *bearer = mem_alloc(size + sizeof "Bearer ");
  if (!bearer) return error_memory(error);
  memcpy(bearer, "Bearer ", 7);
  memcpy(bearer + 7, token, size + 1);
  secret_free(a->bearer);
  a->bearer = bearer;
  a->generation++;
  a->received_at = now_ms(a);
  if (lifetime_s < 0) lifetime_s = 0;
  if (lifetime_s > LIFETIME_MAX_S) lifetime_s = LIFETIME_MAX_S;
  uint64_t life = (uint64_t)lifetime_s * 1000, early = life / 4 < EARLY_MS ? life / 4 : EARLY_MS;
  uint64_t margin = life / 8 < MARGIN_MS ? life / 8 : MARGIN_MS;
  a->renew_at = a->received_at + life - early;
  a->expires_at = a->received_at + life - margin;
  a->failures = 0;
  a->retry_at = 0;
  return GENAI_OK;
}

static void note_failure(auth *a, const genai_error *error, unsigned times) {
  uint64_t delay = BACKOFF_MS;
  for (unsigned i = 1; i < times && delay < BACKOFF_MAX_MS; i++) delay *= 2;
  a->failure = *error;
  a->retry_at = now_ms(a) + (delay < BACKOFF_MAX_MS ? delay : BACKOFF_MAX_MS);
}

static bool usable(const auth *a) { return a->bearer && (a->fixed || now_ms(a) < a->expires_at); }
static bool fresh(const auth *a) { return a->bearer && (a->fixed || now_ms(a) < a->renew_at); }

/* ---- answering ---- */

/* Whoever asks meanwhile is answered in a later turn. */
static void answer_all(auth *a, const genai_error *error) {
  const genai_string_pair headers[] = {{"Authorization", a->bearer}, {"x-goog-user-project", a->credential.quota_project}};
  size_t count = error->status != GENAI_OK ? 0 : a->credential.quota_project ? 2 : 1;
  auth_wait *batch = a->waits;
  a->waits = NULL;
  if (batch) batch->link = &batch;
  while (batch) {
    auth_wait *wait = batch;
    auth_cancel(wait);
    wait->generation = a->generation;
    wait->done(wait, error, count ? headers : NULL, count);
  }
}

/* An attempt ended. One in vain takes nothing away: who has just asked gets the token that we have, if it still holds. */
static void settle(auth *a, const genai_error *error) {
  const genai_error none = {0};
  if (error->status != GENAI_OK) note_failure(a, error, ++a->failures + a->refusals);
  answer_all(a, usable(a) ? &none : error);
}

static void finished(auth *a, const genai_error *why, const char *token, int64_t lifetime_s) {
  genai_error error = *why;
  if (error.status == GENAI_OK) keep(a, token, lifetime_s, &error);
  settle(a, &error);
}

static void on_fetched(void *user, const genai_error *error, const char *token, int64_t lifetime_s) {
  auth *a = user;
  a->fetch = NULL;
  finished(a, error, token, lifetime_s);
}

static void tell_stopped(auth *a) {
  uv_mutex_lock(&a->mutex);
  a->stopped = true;
  uv_cond_signal(&a->cond);
  uv_mutex_unlock(&a->mutex);
}

static void on_called(callback *call) {
  auth *a = (auth *)((char *)call - offsetof(auth, call));
  genai_error error = call->error;
  call->token[sizeof call->token - 1] = '\0';
  if (call->status == GENAI_OK) {
    error = (genai_error){0};
  } else {
    error.message[sizeof error.message - 1] = '\0';
    if (!error.message[0]) /* an application may fill in just that */
      error_set(&error, GENAI_ERROR_CREDENTIALS, "The application's token callback failed (%s).", genai_status_name(call->status));
    error.status = GENAI_ERROR_CREDENTIALS;
  }
  if (!a->stopping) finished(a, &error, call->token, call->lifetime_s);
  OPENSSL_cleanse(call->token, sizeof call->token);
  if (a->stopping) tell_stopped(a);
}

static genai_status begin(auth *a, genai_error *error) {
  fetch_params params = {.loop = a->loop, .trust = a->trust, .credential = &a->credential, .metadata_host = a->metadata_host,
                         .proxy = a->proxy, .no_proxy = a->no_proxy, .environment = a->environment, .now_s = wall_s(a),
                         .timeout_ms = a->timeout_ms};
  return a->call.ask ? callback_start(&a->call, error) : fetch_start(&a->fetch, &params, on_fetched, a, error);
}

static void deliver(net_task *task) {
  auth *a = (auth *)((char *)task - offsetof(auth, deliver));
  genai_error error = {0};
  if (a->stopping || !a->waits) return;
  bool under_way = a->fetch || a->call.running, waiting = now_ms(a) < a->retry_at || a->fixed;
  if (!fresh(a) && !under_way && !waiting) {
    if (begin(a, &error) == GENAI_OK)
      under_way = true;
    else
      note_failure(a, &error, ++a->failures + a->refusals);
  }
  if (usable(a))
    answer_all(a, &(genai_error){0});
  else if (!under_way)
    answer_all(a, &a->failure);
}

void auth_get(auth *a, auth_wait *wait) {
  wait->next = a->waits;
  wait->link = &a->waits;
  if (wait->next) wait->next->link = &wait->next;
  a->waits = wait;
  net_loop_post(a->loop, &a->deliver);
}

void auth_cancel(auth_wait *wait) {
  if (!wait->link) return;
  *wait->link = wait->next;
  if (wait->next) wait->next->link = wait->link;
  wait->link = NULL;
}

void auth_refused(auth *a, unsigned generation) {
  if (generation != a->generation || !a->bearer) return; /* it has been replaced already */
  bool young = a->fixed || now_ms(a) - a->received_at < YOUNG_MS;
  secret_free(a->bearer);
  a->bearer = NULL;
  a->refusals = young ? a->refusals + 1 : 0;
  if (!young) return;
  genai_error error;
  error_set(&error, GENAI_ERROR_CREDENTIALS, a->fixed
            ? "The service refused the access token (HTTP 401), and there is no other: make a client with a new one."
            : "The service refused a fresh access token (HTTP 401). Does it belong to an account that may use this project?");
  error.http_status = 401;
  note_failure(a, &error, a->refusals);
}

/* ---- life ---- */

genai_status auth_project(auth *a, const char **project, genai_error *error) {
  genai_status status = GENAI_OK;
  if (!a->credential.project && a->credential.kind == CREDENTIAL_METADATA)
    status = project_ask(&a->credential.project, a->loop, a->metadata_host, a->timeout_ms < PROJECT_MS ? a->timeout_ms : PROJECT_MS, error);
  *project = a->credential.project;
  return status;
}

static bool says_yes(const char *value) { return value && (!strcmp(value, "true") || !strcmp(value, "1")); }

static genai_status init(auth *a, const auth_options *o, genai_error *error) {
  const char *host = o->environment("GCE_METADATA_HOST");
  genai_status status = source_find(&a->credential, o, error);
  if (status != GENAI_OK) return status;
  if (a->credential.kind == CREDENTIAL_METADATA && says_yes(o->environment("NO_GCE_CHECK")))
    return error_set(error, GENAI_ERROR_CREDENTIALS,
                     "No Google credentials were found: GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud has left no file (make one "
                     "with `gcloud auth application-default login`), and NO_GCE_CHECK keeps the metadata server from being asked.");
  a->metadata_host = mem_strdup(host && *host ? host : METADATA);
  a->proxy = mem_strdup(o->proxy);
  a->no_proxy = mem_strdup(o->no_proxy);
  if (!a->metadata_host || (o->proxy && !a->proxy) || (o->no_proxy && !a->no_proxy)) return error_memory(error);
  if (!o->access_token) return GENAI_OK;
  a->fixed = true;
  return keep(a, o->access_token, 0, error);
}

static void destroy(auth *a) {
  fetch_abort(a->fetch);
  secret_free(a->bearer);
  credential_deinit(&a->credential);
  mem_free(a->metadata_host);
  secret_free(a->proxy); /* may hold a password */
  mem_free(a->no_proxy);
  net_tls_drop(a->trust);
  uv_cond_destroy(&a->cond);
  uv_mutex_destroy(&a->mutex);
  mem_free(a);
}

static void stop(net_task *task) {
  auth *a = (auth *)((char *)task - offsetof(auth, stop));
  a->stopping = true;
  fetch_abort(a->fetch);
  a->fetch = NULL;
  if (!a->call.running) tell_stopped(a); /* otherwise on_called does */
}

genai_status auth_new(auth **out, net_loop *loop, net_tls *trust, const auth_options *options, genai_error *error) {
  *out = NULL;
  auth *a = mem_zalloc(sizeof *a);
  if (!a) return error_memory(error);
  if (uv_mutex_init(&a->mutex)) {
    mem_free(a);
    return error_set(error, GENAI_ERROR_SYSTEM, "The system has no mutex left.");
  }
  if (uv_cond_init(&a->cond)) {
    uv_mutex_destroy(&a->mutex);
    mem_free(a);
    return error_set(error, GENAI_ERROR_SYSTEM, "The system has no condition left.");
  }
  a->loop = loop;
  a->trust = trust ? net_tls_hold(trust) : NULL;
  a->clock = options->clock;
  a->environment = options->environment;
  a->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;
  a->deliver.run = deliver;
  a->stop.run = stop;
  a->call.loop = loop;
  a->call.done = on_called;
  a->call.ask = options->token;
  a->call.ask_user = options->token_user;
  genai_status status = init(a, options, error);
  if (status == GENAI_OK)
    *out = a;
  else
    destroy(a);
  return status;
}

void auth_free(auth *a) {
  if (!a) return;
  net_loop_post(a->loop, &a->stop);
  uv_mutex_lock(&a->mutex);
  while (!a->stopped) uv_cond_wait(&a->cond, &a->mutex);
  uv_mutex_unlock(&a->mutex);
  destroy(a);
}
