#include "emulator/connection.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "emulator/door.h"
#include "emulator/service.h"
#include "net/ws_frame.h"

enum {
  HEAD_MS = 10000,  /* for the upgrade request to come */
  CLOSE_MS = 2000,  /* for the peer's close frame, and for what is to be written to leave */
  BACKLOG_MAX = 32, /* messages waiting: the client is not read before they are fewer */
  CLOSE_GOING_AWAY = 1001,
  CLOSE_POLICY = 1008,
  CLOSE_INTERNAL = 1011
};

typedef enum connection_state {
  CONNECTION_HEAD, /* waiting for the upgrade request */
  CONNECTION_BODY, /* it was none: waiting for its body */
  CONNECTION_OPEN,
  CONNECTION_CLOSING,  /* our close frame is written; the peer's is waited for */
  CONNECTION_FINISHING /* what is written is the last */
} connection_state;

struct connection {
  server *server;
  connection *next, **link;
  unsigned number;
  connection_state state;
  net_stream *stream;
  net_timer *timer; /* upgrade, the service's deadline, the end */
  buf head;
  http_body body;
  ws_decoder decoder;
  service *service; /* NULL before the upgrade */
  buf out;          /* frames; up to out_at they are written */
  size_t out_at;
  bool paused;
  char token[TOKEN_NAME_MAX]; /* "" without one */
};

static void say(const connection *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const connection *c, const char *format, ...) {
  const emulator_options *options = c->server->options;
  char line[512];
  if (!options->log) return;
  int used = snprintf(line, sizeof line, "#%u ", c->number);
  va_list args;
  va_start(args, format);
  vsnprintf(line + used, sizeof line - (size_t)used, format, args);
  va_end(args);
  options->log(options->user, line);
}

/* ---- life ---- */

static void discard(connection *c) {
  if (c->service) service_lost(c->service, net_loop_now(c->server->loop));
  speaker_forget(c->server->speaker, c);
  *c->link = c->next;
  if (c->next) c->next->link = c->link;
  c->server->count--;
  net_timer_free(c->timer);
  service_free(c->service);
  ws_decoder_deinit(&c->decoder);
  buf_deinit(&c->head);
  http_body_deinit(&c->body);
  buf_deinit(&c->out);
  mem_free(c);
}

static void drop(connection *c) {
  net_stream_abort(c->stream, false);
  discard(c);
}

/* ---- writing ---- */

/* Hands what is written to the stream; false when the stream is full (on_writable follows). */
static bool drain(connection *c) {
  while (c->out_at < c->out.size) {
    size_t taken = net_stream_write(c->stream, c->out.data + c->out_at, c->out.size - c->out_at);
    if (!taken) return false;
    c->out_at += taken;
  }
  buf_clear(&c->out);
  c->out_at = 0;
  if (c->state == CONNECTION_FINISHING) net_stream_close(c->stream);
  return true;
}

static void write_frame(connection *c, ws_opcode opcode, const void *data, size_t size) {
  uint8_t header[WS_HEADER_MAX];
  buf_append(&c->out, header, ws_header_write(header, opcode, true, size, NULL));
  buf_append(&c->out, data, size);
}

/* Writes a close frame and waits for what is to follow it. */
static void write_close(connection *c, int code, const char *reason, connection_state then) {
  uint8_t payload[WS_CONTROL_MAX];
  if (c->state != CONNECTION_OPEN) return;
  write_frame(c, WS_CLOSE, payload, ws_close_payload(payload, code, reason));
  c->state = then;
  net_timer_start(c->timer, CLOSE_MS);
}

/* Carries out what the service wants, as far as the stream takes it, and sets the clock for what it will want. */
static void pump(connection *c) {
  service_action action;
  uint64_t now_ms = net_loop_now(c->server->loop);
  while (drain(c) && c->state == CONNECTION_OPEN) {
    if (!service_next(c->service, now_ms, &action)) {
      uint64_t deadline = service_deadline(c->service);
      if (deadline == SERVICE_NEVER)
        net_timer_stop(c->timer);
      else
        net_timer_start(c->timer, deadline > now_ms ? deadline - now_ms : 1);
      break;
    }
    if (action.kind == SERVICE_SEND) {
      write_frame(c, WS_BINARY, action.text, action.size);
    } else if (action.kind == SERVICE_CLOSE) {
      say(c, "closing with %d %s", action.code, action.text);
      write_close(c, action.code, action.text, CONNECTION_CLOSING);
    } else if (!speaker_say(c->server->speaker, c, action.id, action.text)) {
      service_spoken(c->service, now_ms, action.id, NULL, 0);
    }
    if (c->out.failed) write_close(c, CLOSE_INTERNAL, "Internal error encountered.", CONNECTION_FINISHING);
  }
  if (c->paused && (c->state != CONNECTION_OPEN || service_backlog(c->service) < BACKLOG_MAX)) {
    c->paused = false;
    net_stream_resume(c->stream);
  }
}

/* ---- reading ---- */

static bool on_message(void *user, ws_opcode opcode, uint8_t *data, size_t size) {
  (void)opcode; /* the service reads text and binary alike */
  connection *c = user;
  if (c->state != CONNECTION_OPEN) return true; /* after our close frame nothing counts but the peer's */
  service_receive(c->service, net_loop_now(c->server->loop), (const char *)data, size);
  c->paused = service_backlog(c->service) >= BACKLOG_MAX;
  return !c->paused;
}

static bool on_control(void *user, ws_opcode opcode, const uint8_t *data, size_t size) {
  connection *c = user;
  if (opcode == WS_PING && c->state == CONNECTION_OPEN) write_frame(c, WS_PONG, data, size);
  return true;
}

static void on_close(void *user, int code, const char *reason, size_t size) {
  connection *c = user;
  say(c, "closed by the client with %d %.*s", code, (int)size, reason);
  service_lost(c->service, net_loop_now(c->server->loop));
  write_close(c, ws_code_sendable(code) ? code : WS_CODE_EMPTY, NULL, CONNECTION_FINISHING);
  c->state = CONNECTION_FINISHING;
}

static const ws_events frame_events = {.message = on_message, .control = on_control, .close = on_close};

/* Takes frames; returns how many bytes the stream may forget. */
static size_t take_frames(connection *c, uint8_t *data, size_t size) {
  genai_error error = {0};
  size_t used = 0, taken = 0;
  while (used < size && !c->paused && c->state != CONNECTION_FINISHING) {
    genai_status status = ws_decoder_feed(&c->decoder, data + used, size - used, &taken, &error);
    used += taken;
    if (c->paused) pump(c); /* perhaps the messages that wait can leave at once */
    if (!status) continue;
    say(c, "%s", error.message);
    write_close(c, error.close_code ? error.close_code : CLOSE_INTERNAL, NULL, CONNECTION_FINISHING);
    c->state = CONNECTION_FINISHING;
  }
  if (c->state == CONNECTION_FINISHING) used = size;
  pump(c);
  return used;
}

/* ---- the upgrade ---- */

static void refuse(connection *c, const door_answer *answer) {
  say(c, "refused with HTTP %d %s", answer->status, answer->reason);
  door_write_refusal(&c->out, answer);
  c->state = CONNECTION_FINISHING;
  net_timer_start(c->timer, CLOSE_MS);
}

static int64_t unix_ms(const connection *c) {
  const emulator_options *options = c->server->options;
  return options->unix_ms(options->user);
}

/* A service's admit: the token's word on a setup. */
static int admit(void *user, json_t *wanted, char reason[SETUP_REASON_MAX]) {
  connection *c = user;
  return tokens_admit(c->server->rest.tokens, unix_ms(c), c->token, wanted, reason);
}

/* What the client showed as a token becomes its session's; false, and the reason, when it opens nothing. */
static bool take_token(connection *c, const door_answer *answer, char reason[SETUP_REASON_MAX]) {
  memcpy(c->token, answer->token, sizeof c->token);
  return !tokens_check(c->server->rest.tokens, unix_ms(c), c->token, reason);
}

static void open(connection *c, const door_answer *answer) {
  const emulator_options *options = c->server->options;
  char reason[SETUP_REASON_MAX];
  bool constrained = answer->method == DOOR_CONSTRAINED, known = !constrained || take_token(c, answer, reason);
  int64_t left_ms = constrained && known ? tokens_expiry_ms(c->server->rest.tokens, c->token) - unix_ms(c) : 0;
  setup_backend backend = answer->backend;
  backend.project = options->project;
  backend.location = options->location;
  c->service = service_new(&(service_options){
      .backend = backend,
      .music = answer->method == DOOR_MUSIC,
      .recording = c->server->recording,
      .transcript = options->transcript,
      .fast = options->fast,
      .seed = options->seed + c->number,
      .conversations = c->server->conversations,
      .epoch_ms = unix_ms(c) - (int64_t)net_loop_now(c->server->loop),
      .index_first = options->index_from_zero ? 0 : 1,
      .expires_ms = left_ms > 0 ? net_loop_now(c->server->loop) + (uint64_t)left_ms : 0,
      .admit = constrained ? admit : NULL,
      .admit_user = c,
  });
  if (!c->service || ws_response_write(&c->out, answer->key.data, answer->key.size, NULL, 0, NULL)) {
    refuse(c, &(door_answer){.status = 503,
                             .reason = "Service Unavailable",
                             .code = "UNAVAILABLE",
                             .message = "The service is currently unavailable."});
    return;
  }
  say(c, "opened: %s %s%s%s", answer->backend.vertex ? "Vertex" : "Gemini API", answer->backend.version,
      constrained ? ", constrained" : "", answer->method == DOOR_MUSIC ? ", music" : "");
  net_timer_stop(c->timer);
  c->state = CONNECTION_OPEN;
  if (answer->close_code) write_close(c, answer->close_code, answer->message, CONNECTION_CLOSING);
  if (!known) write_close(c, CLOSE_POLICY, reason, CONNECTION_CLOSING);
}

static const door_answer malformed = {.status = 400,
                                      .reason = "Bad Request",
                                      .code = "INVALID_ARGUMENT",
                                      .message = "The request could not be understood."};

/* Takes the body of a plain request and, when it is there, answers. Returns how many bytes belong to it. */
static size_t take_body(connection *c, const uint8_t *data, size_t size) {
  http_head head;
  size_t used = 0;
  if (http_body_feed(&c->body, data, size, &used, NULL) ||
      ((c->body.done || c->body.cut) && http_head_parse(&head, true, c->head.data, c->head.size, NULL))) {
    refuse(c, &malformed);
    return size;
  }
  if (!c->body.done && !c->body.cut) return used;
  say(c, "answered a %.*s", (int)head.method.size, head.method.data);
  rest_answer(&c->out, &c->server->rest, unix_ms(c), &head, c->body.data.data, c->body.data.size, c->body.cut);
  c->state = CONNECTION_FINISHING;
  net_timer_start(c->timer, CLOSE_MS);
  return size;
}

/* Takes the request's head; returns how many bytes belong to it. */
static size_t take_head(connection *c, const uint8_t *data, size_t size) {
  http_head head;
  door_answer answer;
  size_t before = c->head.size, room = c->head.ceiling - before;
  genai_status status = buf_append(&c->head, data, size < room ? size : room)
                            ? http_head_parse(&head, true, c->head.data, c->head.size, NULL)
                            : GENAI_ERROR_LIMIT;
  if (status == GENAI_WOULD_BLOCK) return size;
  if (status) {
    refuse(c, &malformed);
    return size;
  }
  size_t used = head.size - before;
  if (rest_takes(&c->server->rest, &head)) {
    c->head.size = head.size;
    c->state = CONNECTION_BODY;
    if (!http_body_init(&c->body, &head, REST_BODY_MAX, NULL)) return used + take_body(c, data + used, size - used);
    refuse(c, &malformed);
    return size;
  }
  door_judge(&answer, &head, c->server->options->key);
  if (answer.status == 101)
    open(c, &answer);
  else
    refuse(c, &answer);
  buf_deinit(&c->head);
  return used;
}

/* ---- events of the stream ---- */

static void on_ready(void *user) { (void)user; }

static size_t on_data(void *user, uint8_t *data, size_t size) {
  connection *c = user;
  size_t used = c->state == CONNECTION_HEAD   ? take_head(c, data, size)
                : c->state == CONNECTION_BODY ? take_body(c, data, size)
                                              : 0;
  if (c->state == CONNECTION_HEAD || c->state == CONNECTION_BODY) return used;
  if (c->service) return used + take_frames(c, data + used, size - used);
  drain(c);
  return size;
}

static void on_writable(void *user) {
  connection *c = user;
  if (c->service)
    pump(c);
  else
    drain(c);
}

static void on_end(void *user, const genai_error *error) {
  connection *c = user;
  if (c->state == CONNECTION_OPEN)
    say(c, "lost without a close: %s", *error->message ? error->message : "the client ended the connection.");
  discard(c);
}

static void on_timer(void *user) {
  connection *c = user;
  if (c->state == CONNECTION_OPEN) {
    pump(c);
  } else if (c->state == CONNECTION_CLOSING) {
    c->state = CONNECTION_FINISHING;
    net_timer_start(c->timer, CLOSE_MS);
    drain(c);
  } else {
    say(c, "dropped: the client is too slow");
    drop(c);
  }
}

void connection_accept(void *user, net_stream *stream) {
  static const net_stream_events events = {.ready = on_ready, .data = on_data, .writable = on_writable, .end = on_end};
  server *s = user;
  connection *c = s->count < CONNECTIONS_MAX ? mem_zalloc(sizeof *c) : NULL;
  if (!c) return; /* a stream that is not adopted is dropped */
  c->timer = net_timer_new(s->loop, on_timer, c);
  if (!c->timer) {
    mem_free(c);
    return;
  }
  c->server = s;
  c->stream = stream;
  c->number = ++s->accepted;
  c->next = s->connections;
  c->link = &s->connections;
  if (c->next) c->next->link = &c->next;
  s->connections = c;
  s->count++;
  buf_init(&c->head, HTTP_HEAD_MAX * 2);
  buf_init(&c->out, SERVICE_MESSAGE_MAX * 2);
  ws_decoder_init(&c->decoder, WS_SERVER, SERVICE_MESSAGE_MAX, &frame_events, c);
  net_stream_adopt(stream, &events, c);
  net_timer_start(c->timer, HEAD_MS);
}

void connection_spoken(void *user, uint64_t id, const buf *samples) {
  connection *c = user;
  service_spoken(c->service, net_loop_now(c->server->loop), id, audio_samples(samples), audio_count(samples));
  pump(c);
}

connection *connection_next(const connection *c) { return c->next; }

void connection_end(connection *c) {
  write_close(c, CLOSE_GOING_AWAY, "The emulator stops.", CONNECTION_FINISHING);
  if (c->state != CONNECTION_FINISHING || !drain(c)) drop(c);
}
