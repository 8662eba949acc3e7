/* Ephemeral tokens: one request on the loop, for which the caller waits. */
#include "genai/token.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "client/client.h"
#include "genai/json.h"
#include "net/request.h"
#include "net/wait.h"
#include "wire/reader.h"
#include "wire/tables.h"
#include "wire/token.h"

enum { BODY_MAX = 16 << 20, ANSWER_MAX = 1 << 20, WORDS_MAX = 800 };

/* The token is the first of it, so that its address is that of the whole. */
typedef struct made_token {
  genai_auth_token token;
  arena memory;
} made_token;

/* On the stack of the caller, who waits until the loop has done with it. */
typedef struct creation {
  net_task start, stop;
  genai_client *client;
  buf body;
  uint64_t timeout_ms;
  net_request *request; /* the loop's */
  uv_mutex_t mutex;
  uv_cond_t cond;
  /* Under the mutex. */
  bool finished;
  genai_error error;
  int status;
  char *answer;
} creation;

static void finish(creation *c, const genai_error *error, int status, const char *body, size_t size) {
  uv_mutex_lock(&c->mutex);
  c->error = *error;
  c->status = status;
  if (error->status == GENAI_OK && !(c->answer = mem_strndup(body, size))) error_memory(&c->error);
  c->finished = true;
  uv_cond_broadcast(&c->cond);
  uv_mutex_unlock(&c->mutex);
}

static void on_answer(void *user, const genai_error *error, int status, const char *body, size_t size) {
  creation *c = user;
  c->request = NULL;
  finish(c, error, status, body, size);
}

static void start(net_task *task) {
  creation *c = (creation *)((char *)task - offsetof(creation, start));
  const endpoint *to = &c->client->endpoints[ENDPOINT_TOKENS];
  genai_error error = {0};
  genai_string_pair *headers = mem_alloc((to->header_count + 1) * sizeof *headers);
  if (!headers) {
    error_memory(&error);
    finish(c, &error, 0, "", 0);
    return;
  }
  memcpy(headers, to->headers, to->header_count * sizeof *headers);
  headers[to->header_count] = (genai_string_pair){"Content-Type", "application/json"};
  net_request_params params = {.target = {to->host, to->port, to->tls ? c->client->tls : NULL, NULL, &c->client->proxy},
                               .method = "POST", .path = to->target, .headers = headers, .header_count = to->header_count + 1,
                               .body = (const char *)c->body.data, .body_size = c->body.size, .keep = ANSWER_MAX,
                               .timeout_ms = c->timeout_ms};
  genai_status status = net_request_start(&c->request, c->client->threads[0].loop, &params, on_answer, c, &error);
  mem_free(headers);
  if (status != GENAI_OK) finish(c, &error, 0, "", 0);
}

/* The caller has given up. */
static void stop(net_task *task) {
  creation *c = (creation *)((char *)task - offsetof(creation, stop));
  if (!c->request) return; /* it ended by itself just before */
  net_request_abort(c->request);
  c->request = NULL;
  finish(c, &(genai_error){.status = GENAI_ERROR_CANCELLED}, 0, "", 0);
}

/* Waits for the loop; the deadline is the request's own. */
static genai_status perform(creation *c, const genai_wait *wait, genai_error *error) {
  genai_wait only_cancel = {0, wait ? wait->cancel : NULL};
  genai_status status = GENAI_OK;
  waiter w;
  waiter_begin(&w, &only_cancel, &c->mutex, &c->cond);
  net_loop_post(c->client->threads[0].loop, &c->start);
  uv_mutex_lock(&c->mutex);
  while (!c->finished && status == GENAI_OK) status = waiter_wait(&w, "Making a token", error);
  if (!c->finished) net_loop_post(c->client->threads[0].loop, &c->stop);
  while (!c->finished) uv_cond_wait(&c->cond, &c->mutex);
  uv_mutex_unlock(&c->mutex);
  waiter_end(&w);
  return status == GENAI_OK && c->error.status != GENAI_OK ? error_copy(error, &c->error) : status;
}

/* Google's APIs explain a refusal as {"error":{"code":…,"message":…,"status":…}}. */
static genai_status explain(const creation *c, genai_error *error) {
  char *status = genai_json_copy_string(c->answer, "error.status"), *message = genai_json_copy_string(c->answer, "error.message");
  error_set(error, GENAI_ERROR_SERVICE, "%s made no token: it answered HTTP %d%s%s.", c->client->endpoints[ENDPOINT_TOKENS].peer, c->status,
            status ? ", " : "", status ? status : "");
  if (error) error->http_status = c->status;
  if (message) error_append(error, " It says: %.*s", WORDS_MAX, message);
  mem_free(status);
  mem_free(message);
  return GENAI_ERROR_SERVICE;
}

static genai_status read_token(const creation *c, genai_auth_token **token, genai_error *error) {
  void *read = NULL;
  genai_error fault = {0};
  if (c->status != 200) return explain(c, error);
  made_token *made = mem_zalloc(sizeof *made);
  if (!made) return error_memory(error);
  arena_init(&made->memory, 16 * ANSWER_MAX);
  genai_status status = wire_read(&made->memory, &wire_auth_token, c->answer, strlen(c->answer), NULL, &read, &fault);
  if (status == GENAI_OK) made->token = *(const genai_auth_token *)read;
  if (status == GENAI_OK && made->token.name && *made->token.name) {
    *token = &made->token;
    return GENAI_OK;
  }
  genai_auth_token_free(&made->token);
  if (status == GENAI_ERROR_MEMORY) return error_memory(error);
  return error_set(error, GENAI_ERROR_SERVICE, "%s answered without a token.%s%s", c->client->endpoints[ENDPOINT_TOKENS].peer,
                   status == GENAI_OK ? "" : " ", fault.message);
}

static genai_status check(const genai_client *client, const genai_wait *wait, genai_error *error) {
  if (client->settings.backend == GENAI_BACKEND_VERTEX)
    return error_set(error, GENAI_ERROR_ARGUMENT, "Ephemeral tokens are made by the Gemini Developer API only, not by Vertex AI.");
  if (client->settings.token)
    return error_set(error, GENAI_ERROR_ARGUMENT, "A token cannot make tokens: the client needs an API key.");
  if (client_is_current(client))
    return error_set(error, GENAI_ERROR_THREAD, "Making a token would wait on the library's own thread for itself.");
  if (wait && wait->timeout_ms < 0)
    return error_set(error, GENAI_ERROR_ARGUMENT, "Making a token takes time; a wait of none is not possible.");
  if (wait && wait->cancel && genai_cancel_fired(wait->cancel))
    return error_set(error, GENAI_ERROR_CANCELLED, "Making a token was cancelled.");
  return GENAI_OK;
}

/* With the body written. */
static genai_status create(creation *c, genai_auth_token **token, const genai_wait *wait, genai_error *error) {
  c->timeout_ms = c->client->options.connect_timeout_ms;
  if (wait && wait->timeout_ms > 0 && (uint64_t)wait->timeout_ms < c->timeout_ms) c->timeout_ms = (uint64_t)wait->timeout_ms;
  if (uv_mutex_init(&c->mutex)) return error_set(error, GENAI_ERROR_SYSTEM, "The system has no mutex left.");
  if (uv_cond_init(&c->cond)) {
    uv_mutex_destroy(&c->mutex);
    return error_set(error, GENAI_ERROR_SYSTEM, "The system has no condition left.");
  }
  genai_status status = perform(c, wait, error);
  if (status == GENAI_OK) status = read_token(c, token, error);
  uv_cond_destroy(&c->cond);
  uv_mutex_destroy(&c->mutex);
  mem_free(c->answer);
  return status;
}

static genai_status create_from(genai_client *client, const genai_create_auth_token_config *config, const char *json,
                                genai_auth_token **token, const genai_wait *wait, genai_error *error) {
  static const genai_create_auth_token_config none;
  creation c = {.start = {.run = start}, .stop = {.run = stop}, .client = client};
  *token = NULL;
  genai_status status = check(client, wait, error);
  if (status != GENAI_OK) return status;
  buf_init(&c.body, BODY_MAX);
  status = json ? wire_token_json_write(&c.body, json, error) : wire_token_write(&c.body, config ? config : &none, error);
  if (status == GENAI_OK) status = create(&c, token, wait, error);
  buf_deinit(&c.body);
  return status;
}

genai_status genai_auth_token_create(genai_client *client, const genai_create_auth_token_config *config, genai_auth_token **token,
                                     const genai_wait *wait, genai_error *error) {
  return create_from(client, config, NULL, token, wait, error);
}

genai_status genai_auth_token_create_json(genai_client *client, const char *config_json, genai_auth_token **token,
                                          const genai_wait *wait, genai_error *error) {
  return create_from(client, NULL, config_json, token, wait, error);
}

void genai_auth_token_free(genai_auth_token *token) {
  made_token *made = (made_token *)token;
  if (!made) return;
  arena_deinit(&made->memory);
  mem_free(made);
}
