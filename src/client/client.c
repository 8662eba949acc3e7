#include "client/client.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/http.h"
#include "wire/reader.h"
#include "wire/tables.h"

enum { MODELS_MAX = 4 << 20 };

static const live_transport over_websocket = {net_ws_connect, net_ws_send,  net_ws_ping, net_ws_upgrade,
                                              net_ws_resume,  net_ws_close, net_ws_abort, net_ws_phase};

static const genai_client_options defaults = {
    .backend = GENAI_BACKEND_GEMINI,
    .connect_timeout_ms = 30000,
    .close_timeout_ms = 2000,
    .message_max = (size_t)64 << 20,
    .inbox_max = (size_t)32 << 20,
    .outbox_max = (size_t)4 << 20,
    .keepalive_ms = 20000,
    .keepalive_timeout_ms = 60000,
    .log_level = GENAI_LOG_WARNING,
    .io_threads = 1,
};

/* The scalars of the options with their defaults; the strings went into endpoint and trust. */
static genai_client_options settled(const genai_client_options *o) {
  genai_client_options s = defaults;
  if (o->connect_timeout_ms) s.connect_timeout_ms = o->connect_timeout_ms;
  if (o->close_timeout_ms) s.close_timeout_ms = o->close_timeout_ms;
  if (o->message_max) s.message_max = o->message_max;
  if (o->inbox_max) s.inbox_max = o->inbox_max;
  if (o->outbox_max) s.outbox_max = o->outbox_max;
  if (o->keepalive_ms) s.keepalive_ms = o->keepalive_ms;
  if (o->keepalive_timeout_ms) s.keepalive_timeout_ms = o->keepalive_timeout_ms;
  if (o->log_level) s.log_level = o->log_level;
  if (o->io_threads) s.io_threads = o->io_threads;
  s.log = o->log;
  s.log_user = o->log_user;
  return s;
}

static const char *environment(const char *name) { return getenv(name); }

static genai_status read_models(genai_client *c, const char *json, genai_error *error) {
  static const wire_limits strict = {.refuse_unknown = true, .root = "models_json"};
  void *table = NULL;
  if (!json) return GENAI_OK;
  genai_status status = wire_read(&c->memory, &wire_model_table, json, strlen(json), &strict, &table, error);
  c->models = table;
  return status;
}

/* A user's own Authorization field is authentication enough. */
static bool needs_tokens(const genai_client *c, const genai_client_options *options) {
  for (size_t i = 0; i < options->headers.count; i++)
    if (!strcasecmp(options->headers.items[i].key, "Authorization")) return false;
  return c->settings.oauth;
}

/* A base URL on this machine is an emulator's, which has its own token endpoint beside it. */
static genai_status make_auth(genai_client *c, const genai_client_options *options, genai_error *error) {
  auth_options o = {.access_token = options->access_token, .token = options->token, .token_user = options->token_user,
                    .credentials_file = options->credentials_file, .credentials_json = options->credentials_json,
                    .proxy = options->proxy, .no_proxy = options->no_proxy, .environment = environment,
                    .allow_loopback = net_host_is_loopback(c->endpoints[ENDPOINT_LIVE].host)};
  c->renewable = !options->access_token;
  const char *project = NULL;
  genai_status status = auth_new(&c->auth, c->threads[0].loop, c->tls, &o, error);
  if (status != GENAI_OK || c->settings.project || c->settings.gateway) return status;
  status = auth_project(c->auth, &project, error);
  if (status != GENAI_OK || !project) return status;
  c->settings.project = mem_strdup(project);
  return c->settings.project ? GENAI_OK : error_memory(error);
}

static genai_status start_threads(genai_client *c, genai_error *error) {
  genai_status status = GENAI_OK;
  if (c->options.io_threads > CLIENT_THREADS_MAX)
    return error_set(error, GENAI_ERROR_ARGUMENT, "%u I/O threads are more than a client takes; at most %d.", c->options.io_threads,
                     CLIENT_THREADS_MAX);
  c->threads = mem_zalloc(c->options.io_threads * sizeof *c->threads);
  if (!c->threads) return error_memory(error);
  for (uint32_t i = 0; i < c->options.io_threads && status == GENAI_OK; i++) {
    c->threads[i].pool = pool_new();
    c->threads[i].payloads = payload_pool_new();
    status = c->threads[i].pool && c->threads[i].payloads ? net_loop_new(&c->threads[i].loop, error) : error_memory(error);
  }
  return status;
}

static genai_status make_parts(genai_client *c, const genai_client_options *options, genai_error *error) {
  genai_status status = settings_init(&c->settings, options, environment, error);
  if (status == GENAI_OK) status = endpoint_init(&c->endpoints[ENDPOINT_LIVE], ENDPOINT_LIVE, &c->settings, options, error);
  for (int i = ENDPOINT_MUSIC; i < ENDPOINT_COUNT && status == GENAI_OK && c->settings.backend == GENAI_BACKEND_GEMINI; i++)
    status = endpoint_init(&c->endpoints[i], (endpoint_service)i, &c->settings, options, error);
  const endpoint *live = &c->endpoints[ENDPOINT_LIVE];
  if (status == GENAI_OK)
    status = net_proxy_choose(&c->proxy, options->proxy, options->no_proxy, environment, live->host, live->port, live->tls, error);
  if (status == GENAI_OK) status = read_models(c, options->models_json, error);
  if (status != GENAI_OK) return status;
  c->backend = c->settings.backend == GENAI_BACKEND_VERTEX ? WIRE_BACKEND_VERTEX : WIRE_BACKEND_GEMINI;
  if (c->settings.warning) client_log(c, GENAI_LOG_WARNING, "%s", c->settings.warning);
  if (c->endpoints[ENDPOINT_LIVE].tls || needs_tokens(c, options)) {
    net_tls_options trust = {options->ca_file, options->ca_dir, options->dangerously_skip_certificate_checks};
    status = net_tls_client_new(&c->tls, &trust, error);
    if (status != GENAI_OK) return status;
  }
  status = start_threads(c, error);
  return status == GENAI_OK && needs_tokens(c, options) ? make_auth(c, options, error) : status;
}

static genai_status make_locks(genai_client *c, genai_error *error) {
  if (uv_mutex_init(&c->sessions_mutex)) return error_set(error, GENAI_ERROR_SYSTEM, "The system has no mutex left.");
  if (uv_mutex_init(&c->log_mutex)) {
    uv_mutex_destroy(&c->sessions_mutex);
    return error_set(error, GENAI_ERROR_SYSTEM, "The system has no mutex left.");
  }
  genai_status status = ready_list_init(&c->ready, error);
  if (status == GENAI_OK) return GENAI_OK;
  uv_mutex_destroy(&c->sessions_mutex);
  uv_mutex_destroy(&c->log_mutex);
  return status;
}

static void destroy(genai_client *c) {
  auth_free(c->auth);
  for (uint32_t i = 0; c->threads && i < c->options.io_threads; i++) {
    net_loop_free(c->threads[i].loop);
    pool_drop(c->threads[i].pool);
    payload_pool_free(c->threads[i].payloads);
  }
  mem_free(c->threads);
  net_tls_drop(c->tls);
  for (int i = 0; i < ENDPOINT_COUNT; i++) endpoint_deinit(&c->endpoints[i]);
  settings_deinit(&c->settings);
  arena_deinit(&c->memory);
  OPENSSL_cleanse(&c->proxy, sizeof c->proxy);
  ready_list_deinit(&c->ready);
  uv_mutex_destroy(&c->log_mutex);
  uv_mutex_destroy(&c->sessions_mutex);
  mem_free(c);
}

genai_status genai_client_new(genai_client **client, const genai_client_options *options, genai_error *error) {
  static const genai_client_options none;
  *client = NULL;
  if (!options) options = &none;
  genai_client *c = mem_zalloc(sizeof *c);
  if (!c) return error_memory(error);
  genai_status status = make_locks(c, error);
  if (status != GENAI_OK) {
    mem_free(c);
    return status;
  }
  atomic_init(&c->references, 1);
  arena_init(&c->memory, MODELS_MAX);
  c->options = settled(options);
  c->transport = &over_websocket;
  status = make_parts(c, options, error);
  if (status != GENAI_OK) {
    destroy(c);
    return status;
  }
  *client = c;
  return GENAI_OK;
}

void client_drop(genai_client *client) {
  if (atomic_fetch_sub(&client->references, 1) == 1) destroy(client);
}

genai_status genai_client_free(genai_client *client) {
  if (!client) return GENAI_OK;
  if (client_is_current(client)) return GENAI_ERROR_THREAD;
  client_drop(client);
  return GENAI_OK;
}

bool client_is_current(const genai_client *client) {
  for (uint32_t i = 0; i < client->options.io_threads; i++)
    if (net_loop_is_current(client->threads[i].loop)) return true;
  return false;
}

void client_set_transport(genai_client *client, const live_transport *transport) { client->transport = transport; }

void client_log(genai_client *client, genai_log_level level, const char *format, ...) {
  if (!client->options.log || level > client->options.log_level) return;
  char line[2304];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  uv_mutex_lock(&client->log_mutex);
  client->options.log(client->options.log_user, level, line);
  uv_mutex_unlock(&client->log_mutex);
}
