/* A WebSocket client over the library's own transport (src/net) that sends every message back as it came, text as text
 * and binary as binary, until the peer closes: what Autobahn's fuzzing server talks to (interop/autobahn).
 *
 *   ws_echo_client [--print] URL    any ws:// or wss:// URL
 *
 * --print prints text messages, a line each, and sends nothing back. Exit status 0 after an exchange of close frames;
 * 1, with a sentence, after any other end. It never lasts longer than a minute. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/ws.h"

enum { LIFETIME_S = 60, MESSAGE_MAX = 64 << 20, TARGET_MAX = 2048 };

typedef struct echo {
  net_task task;           /* first: connects, on the loop's thread */
  net_loop *loop;
  net_ws_params params;
  bool print;
  net_ws *ws;
  payload *waiting;        /* the one message that the connection has not taken yet; reading pauses until it has */
  ws_opcode waiting_opcode;
  genai_error error;       /* how it ended */
  bool ended;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
} echo;

static void finish(echo *e, const genai_error *error) {
  payload_drop(e->waiting);
  e->waiting = NULL;
  pthread_mutex_lock(&e->mutex);
  e->error = *error;
  e->ended = true;
  pthread_cond_signal(&e->changed);
  pthread_mutex_unlock(&e->mutex);
}

static bool send_waiting(echo *e) {
  if (e->waiting && !net_ws_send_as(e->ws, e->waiting_opcode, e->waiting)) return false;
  payload_drop(e->waiting);
  e->waiting = NULL;
  return true;
}

/* ---- events, on the loop's thread ---- */

static void on_open(void *user) { (void)user; }
static void on_pong(void *user) { (void)user; }
static void on_close(void *user, int code, const char *reason, size_t size) { (void)user, (void)code, (void)reason, (void)size; }
static void on_end(void *user, const genai_error *error) { finish(user, error); }

static bool on_message(void *user, ws_opcode opcode, const uint8_t *data, size_t size) {
  echo *e = user;
  if (e->print) {
    if (opcode == WS_TEXT) printf("%.*s\n", (int)size, (const char *)data);
    return true;
  }
  e->waiting = payload_copy(data, size);
  e->waiting_opcode = opcode;
  if (e->waiting) return send_waiting(e);
  net_ws_close(e->ws, 1011, "out of memory", 1000);
  return true;
}

static void on_writable(void *user) {
  echo *e = user;
  if (send_waiting(e)) net_ws_resume(e->ws);
}

static void start(net_task *task) {
  static const net_ws_events events = {.open = on_open, .message = on_message, .pong = on_pong, .writable = on_writable, .close = on_close,
                                       .end = on_end};
  echo *e = (echo *)task;
  genai_error error = {0};
  if (net_ws_connect(&e->ws, e->loop, &e->params, &events, e, &error)) finish(e, &error);
}

/* ---- the program ---- */

static genai_status set_target(echo *e, const net_url *url, char target[TARGET_MAX], genai_error *error) {
  int size = snprintf(target, TARGET_MAX, "%.*s%s%.*s", url->path.size ? (int)url->path.size : 1,
                      url->path.size ? url->path.data : "/", url->query.size ? "?" : "", (int)url->query.size,
                      url->query.size ? url->query.data : "");
  e->params = (net_ws_params){
      .target = {.host = url->host, .port = url->port}, .request_target = target, .message_max = MESSAGE_MAX};
  if (size < 0 || size >= TARGET_MAX) {
    snprintf(error->message, sizeof error->message, "The URL is longer than %d bytes.", TARGET_MAX);
    return error->status = GENAI_ERROR_ARGUMENT;
  }
  return url->tls ? net_tls_client_new(&e->params.target.tls, &(net_tls_options){.ca_file = NULL}, error) : GENAI_OK;
}

int main(int argc, char **argv) {
  echo e = {.task.run = start, .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  genai_error error = {0};
  net_url url;
  char target[TARGET_MAX];
  e.print = argc == 3 && strcmp(argv[1], "--print") == 0;
  if (argc != 2 + e.print) {
    fputs("usage: ws_echo_client [--print] URL\n", stderr);
    return 2;
  }
  alarm(LIFETIME_S);
  genai_status status = net_url_parse(&url, argv[argc - 1], &error);
  if (!status) status = set_target(&e, &url, target, &error);
  if (!status) status = net_loop_new(&e.loop, &error);
  if (!status) {
    net_loop_post(e.loop, &e.task);
    pthread_mutex_lock(&e.mutex);
    while (!e.ended) pthread_cond_wait(&e.changed, &e.mutex);
    pthread_mutex_unlock(&e.mutex);
    net_loop_free(e.loop); /* when the connection has ended in good order */
    error = e.error;
    status = error.status;
  }
  net_tls_drop(e.params.target.tls);
  if (status) fprintf(stderr, "ws_echo_client: %s\n", error.message);
  return status ? 1 : 0;
}
