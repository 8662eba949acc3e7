#include "mcp/rpc.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "genai/json.h"
#include "genai/live.h"
#include "net/thread.h"

enum { LINE_MAX_SIZE = 16 << 20, READ_SIZE = 16 << 10, METHOD_MAX = 128, TEXT_MAX = 1024, STOP_GRACE_MS = 2000 };

/* A request that waits for its answer. */
typedef struct pending {
  int64_t id;
  char *line;  /* the answer, or NULL */
  struct pending *next;
} pending;

struct rpc {
  process child;
  pthread_t reader;
  uv_file quit[2];        /* written to end the reader: somebody may hold the child's output open for ever */
  uv_mutex_t write_mutex; /* a line at a time */
  uv_mutex_t mutex;       /* all below */
  uv_cond_t answered;
  pending *waiting;
  int64_t last_id;
  bool ended;
  genai_error end;        /* why */
  char name[256];
};

/* ---- out ---- */

/* A pipe without a reader must not kill the host: the signal is masked here, and taken away when it came. */
static bool write_all(int fd, const uint8_t *data, size_t size) {
  sigset_t pipe_signal, before, waiting;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  bool fine = true;
  while (size && fine) {
    ssize_t n = write(fd, data, size);
    if (n > 0) {
      data += n;
      size -= (size_t)n;
    } else if (errno != EINTR) {
      fine = false;
    }
  }
  int got;
  sigpending(&waiting);
  if (!fine && sigismember(&waiting, SIGPIPE)) sigwait(&pipe_signal, &got);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return fine;
}

static genai_status gone(rpc *r, genai_error *error) {
  return error_set(error, GENAI_ERROR_LOST, "The MCP server \"%s\" has ended; its own messages may say why.", r->name);
}

static genai_status send_line(rpc *r, buf *line, genai_error *error) {
  if (!buf_byte(line, '\n')) return error_memory(error);
  uv_mutex_lock(&r->write_mutex);
  bool sent = write_all(r->child.in, line->data, line->size);
  uv_mutex_unlock(&r->write_mutex);
  return sent ? GENAI_OK : gone(r, error);
}

genai_status rpc_notify(rpc *r, const char *method, genai_error *error) {
  buf b;
  buf_init(&b, LINE_MAX_SIZE);
  buf_format(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\"}", method);
  genai_status status = send_line(r, &b, error);
  buf_deinit(&b);
  return status;
}

static void tell_cancelled(rpc *r, int64_t id) {
  buf b;
  buf_init(&b, LINE_MAX_SIZE);
  buf_format(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":%lld}}", (long long)id);
  (void)!send_line(r, &b, NULL);
  buf_deinit(&b);
}

/* ---- in, on the reading thread ---- */

/* What the server asks of us: a ping is answered, anything else is refused. */
static void answer_request(rpc *r, const char *line, const char *method) {
  const char *id;
  size_t size;
  buf b;
  if (!genai_json_get(line, "id", &id, &size)) return; /* a notification */
  buf_init(&b, LINE_MAX_SIZE);
  buf_text(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
  buf_append(&b, id, size);
  buf_text(&b, !strcmp(method, "ping") ? ",\"result\":{}}" : ",\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}");
  (void)!send_line(r, &b, NULL);
  buf_deinit(&b);
}

static void take_line(rpc *r, const char *line) {
  char method[METHOD_MAX];
  int64_t id;
  if (genai_json_get_string(line, "method", method, sizeof method)) {
    answer_request(r, line, method);
    return;
  }
  if (!genai_json_get_int64(line, "id", &id)) return; /* servers print other things, too */
  uv_mutex_lock(&r->mutex);
  for (pending *p = r->waiting; p; p = p->next) {
    if (p->id != id || p->line) continue;
    p->line = mem_strdup(line);
    if (!p->line) r->ended = true, error_memory(&r->end);
  }
  uv_cond_broadcast(&r->answered);
  uv_mutex_unlock(&r->mutex);
}

static void take_lines(rpc *r, buf *in) {
  uint8_t *end;
  while (in->size && (end = memchr(in->data, '\n', in->size))) {
    *end = '\0';
    take_line(r, (const char *)in->data);
    buf_consume(in, (size_t)(end - in->data) + 1);
  }
}

/* Bytes of the child, or 0 at its end and when we quit. */
static ssize_t read_some(rpc *r, buf *in) {
  struct pollfd fds[] = {{.fd = r->child.out, .events = POLLIN}, {.fd = r->quit[0], .events = POLLIN}};
  uint8_t *room = buf_room(in, READ_SIZE);
  ssize_t n = -1;
  if (!room) return 0;
  do {
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents) return 0;
    n = read(r->child.out, room, READ_SIZE);
  } while (n < 0 && errno == EINTR);
  if (n > 0) buf_commit(in, (size_t)n);
  return n > 0 ? n : 0;
}

static void *read_lines(void *argument) {
  rpc *r = argument;
  buf in;
  buf_init(&in, LINE_MAX_SIZE);
  while (read_some(r, &in)) take_lines(r, &in);
  uv_mutex_lock(&r->mutex);
  if (!r->ended) gone(r, &r->end);
  if (in.failed) error_set(&r->end, GENAI_ERROR_LIMIT, "The MCP server \"%s\" sent a line of more than %d bytes.", r->name, LINE_MAX_SIZE);
  r->ended = true;
  uv_cond_broadcast(&r->answered);
  uv_mutex_unlock(&r->mutex);
  buf_deinit(&in);
  return NULL;
}

/* ---- calls ---- */

static genai_status take_result(rpc *r, const char *method, const char *line, char **result, genai_error *error) {
  const char *value;
  size_t size;
  char text[TEXT_MAX];
  if (genai_json_get(line, "result", &value, &size)) {
    *result = mem_strndup(value, size);
    return *result ? GENAI_OK : error_memory(error);
  }
  if (genai_json_get_string(line, "error.message", text, sizeof text))
    return error_set(error, GENAI_ERROR_SERVICE, "The MCP server \"%s\" refused %s: %s", r->name, method, text);
  return error_set(error, GENAI_ERROR_PROTOCOL, "The MCP server \"%s\" answered %s with neither a result nor an error.", r->name, method);
}

static genai_status write_request(rpc *r, int64_t id, const char *method, const char *params_json, genai_error *error) {
  buf b;
  buf_init(&b, LINE_MAX_SIZE);
  buf_format(&b, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"method\":\"%s\",\"params\":", (long long)id, method);
  for (const char *c = params_json; *c; c++) buf_byte(&b, *c == '\n' || *c == '\r' ? ' ' : (uint8_t)*c); /* white space in JSON */
  buf_byte(&b, '}');
  genai_status status = b.failed ? error_memory(error) : send_line(r, &b, error);
  buf_deinit(&b);
  return status;
}

genai_status rpc_call(rpc *r, const char *method, const char *params_json, char **result, const genai_wait *wait, genai_error *error) {
  waiter w;
  *result = NULL;
  pending *mine = mem_zalloc(sizeof *mine);
  if (!mine) return error_memory(error);
  uv_mutex_lock(&r->mutex);
  mine->id = ++r->last_id;
  mine->next = r->waiting;
  r->waiting = mine;
  uv_mutex_unlock(&r->mutex);
  genai_status status = write_request(r, mine->id, method, params_json, error);
  waiter_begin(&w, wait, &r->mutex, &r->answered);
  uv_mutex_lock(&r->mutex);
  while (status == GENAI_OK && !mine->line && !r->ended) status = waiter_wait(&w, "The call of the MCP server", error);
  if (status == GENAI_OK && !mine->line) status = error_copy(error, &r->end);
  pending **link = &r->waiting;
  while (*link != mine) link = &(*link)->next;
  *link = mine->next;
  uv_mutex_unlock(&r->mutex);
  waiter_end(&w);
  if (status == GENAI_ERROR_CANCELLED || status == GENAI_ERROR_TIMEOUT) tell_cancelled(r, mine->id);
  if (status == GENAI_OK) status = take_result(r, method, mine->line, result, error);
  mem_free(mine->line);
  mem_free(mine);
  return status;
}

/* ---- life ---- */

static genai_status make_locks(rpc *r, genai_error *error) {
  if (uv_mutex_init(&r->mutex)) goto none;
  if (uv_mutex_init(&r->write_mutex)) goto no_write;
  if (uv_cond_init(&r->answered)) goto no_answered;
  if (uv_pipe(r->quit, 0, 0)) goto no_pipe;
  return GENAI_OK;
no_pipe:
  uv_cond_destroy(&r->answered);
no_answered:
  uv_mutex_destroy(&r->write_mutex);
no_write:
  uv_mutex_destroy(&r->mutex);
none:
  return error_set(error, GENAI_ERROR_SYSTEM, "The system has no mutex, condition or descriptor left.");
}

static void destroy(rpc *r) {
  close(r->quit[0]);
  close(r->quit[1]);
  uv_cond_destroy(&r->answered);
  uv_mutex_destroy(&r->write_mutex);
  uv_mutex_destroy(&r->mutex);
  mem_free(r);
}

genai_status rpc_new(rpc **out, const char *const *argv, const genai_string_map *environment, genai_error *error) {
  *out = NULL;
  rpc *r = mem_zalloc(sizeof *r);
  if (!r) return error_memory(error);
  genai_status status = make_locks(r, error);
  if (status != GENAI_OK) {
    mem_free(r);
    return status;
  }
  status = process_start(&r->child, argv, environment, error);
  if (status == GENAI_OK) {
    strncpy(r->name, argv[0], sizeof r->name - 1);
    if (net_thread_start(&r->reader, read_lines, r)) {
      status = error_set(error, GENAI_ERROR_SYSTEM, "No thread could be started for the MCP server \"%s\".", r->name);
      process_stop(&r->child, STOP_GRACE_MS);
      close(r->child.out);
    }
  }
  if (status != GENAI_OK) {
    destroy(r);
    return status;
  }
  *out = r;
  return GENAI_OK;
}

void rpc_free(rpc *r) {
  if (!r) return;
  process_stop(&r->child, STOP_GRACE_MS);
  (void)!write(r->quit[1], "", 1);
  pthread_join(r->reader, NULL);
  close(r->child.out);
  destroy(r);
}
