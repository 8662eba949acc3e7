#include "emulator/connection.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "emulator/door.h"
#include "emulator/line.h"
#include "emulator/plan.h"
#include "emulator/service.h"
#include "net/ws_frame.h"

enum {
  HEAD_MS = 10000,  /* for the upgrade request to come */
  CLOSE_MS = 2000,  /* for the peer's close frame, and for what is to be written to leave */
  BACKLOG_MAX = 32, /* messages waiting: the client is not read before they are fewer */
  DOOM_MS = 1000,       /* for what was written before a drop to leave */
  PROBE_MS = 1000,      /* for any sign of life when another session wants the conversation */
  FROZEN_MS = 120000,   /* then a connection that would stay frozen for ever is dropped */
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

typedef enum connection_doom { DOOM_NONE, DOOM_DROP, DOOM_RESET } connection_doom;

struct connection {
  server *server;
  connection *next, **link;
  unsigned number;
  connection_state state;
  net_stream *stream;
  net_timer *timer;       /* upgrade, the service's deadline, the end */
  net_timer *fault_timer; /* whatever a fault waits for */
  buf head;
  http_body body;
  ws_decoder decoder;
  service *service; /* NULL before the upgrade */
  line wire;
  bool paused;    /* not read, because of messages that wait */
  bool throttled; /* not read, because the line does not let in */
  plan plan;
  unsigned phases; /* beside the service's own */
  connection_doom doom;
  uint64_t doom_ms; /* when it is carried out at the latest */
  uint64_t ends_ms; /* of a frozen connection */
  uint64_t probe_ms; /* when nothing has come by then, it is dead; 0: nobody asked */
  char token[TOKEN_NAME_MAX]; /* "" without one */
};

static void say(const connection *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const connection *c, const char *format, ...) {
  const emulator_options *options = c->server->options;
  char text[512];
  if (!options->log) return;
  int used = snprintf(text, sizeof text, "#%u ", c->number);
  va_list args;
  va_start(args, format);
  vsnprintf(text + used, sizeof text - (size_t)used, format, args);
  va_end(args);
  options->log(options->user, text);
}

/* ---- life ---- */

static uint64_t now_of(const connection *c) { return net_loop_now(c->server->loop); }

static void discard(connection *c) {
  if (c->service) service_lost(c->service, now_of(c));
  speaker_forget(c->server->speaker, c);
  *c->link = c->next;
  if (c->next) c->next->link = c->link;
  c->server->count--;
  net_timer_free(c->timer);
  net_timer_free(c->fault_timer);
  service_free(c->service);
  ws_decoder_deinit(&c->decoder);
  buf_deinit(&c->head);
  http_body_deinit(&c->body);
  line_deinit(&c->wire);
  mem_free(c);
}

static void drop(connection *c) {
  net_stream_abort(c->stream, false);
  discard(c);
}

/* ---- faults ---- */

static plan_view view_of(const connection *c) {
  plan_view view = {0};
  if (c->service) view = service_view(c->service);
  view.bytes = c->wire.written;
  if (c->phases & FAULT_BIT(FAULT_CLOSING)) view.phases = 0;
  if (c->phases != FAULT_BIT(FAULT_SETUP) || !view.phases) view.phases |= c->phases;
  return view;
}

static void doom(connection *c, connection_doom how) {
  if (c->doom) return;
  c->doom = how;
  c->doom_ms = now_of(c) + DOOM_MS;
}

/* A frozen connection is lost to the service when that is for good; the client finds out by itself. */
static void freeze(connection *c, const fault *f) {
  if (f->for_ms != FAULT_NEVER) return;
  c->ends_ms = now_of(c) + FROZEN_MS;
  if (c->service && f->how != FAULT_OUT) service_lost(c->service, now_of(c));
}

static void write_close(connection *c, int code, const char *reason, connection_state then);

static void suffer(connection *c, const fault *f) {
  uint64_t now_ms = now_of(c);
  say(c, "suffers %s", fault_name(f));
  ledger_fault(&c->server->ledger, c->number, fault_name(f));
  if (f->kind == FAULT_DROP || f->kind == FAULT_RESET)
    doom(c, f->kind == FAULT_DROP ? DOOM_DROP : DOOM_RESET);
  else if (f->kind == FAULT_CLOSE && c->phases & FAULT_BIT(FAULT_CLOSING))
    write_close(c, (int)f->code, f->reason, CONNECTION_FINISHING);
  else if (line_fault(&c->wire, now_ms, f)) {
    if (f->kind == FAULT_FREEZE) freeze(c, f);
    if (f->kind != FAULT_INVALID || f->how != FAULT_CUT_FRAME) return;
    line_drain(&c->wire, now_ms, FAULT_NEVER);
    doom(c, DOOM_DROP);
  } else if (c->service)
    service_fault(c->service, now_ms, f);
}

static void suffer_due(connection *c) {
  const fault *f;
  for (plan_view view = view_of(c); !c->doom && (f = plan_next(&c->plan, now_of(c), &view)); view = view_of(c)) suffer(c, f);
}

static uint64_t fault_deadline(const connection *c) {
  uint64_t line_ms = line_deadline(&c->wire, now_of(c)), plan_ms = plan_deadline(&c->plan);
  if (plan_ms < line_ms) line_ms = plan_ms;
  if (c->probe_ms && c->probe_ms < line_ms) line_ms = c->probe_ms;
  return c->ends_ms && c->ends_ms < line_ms ? c->ends_ms : line_ms;
}

/* The end of every event: what is doomed ends as soon as what was written before has left. False: it is gone. */
static bool settle(connection *c) {
  uint64_t now_ms = now_of(c);
  if (c->doom && (net_stream_flushed(c->stream) || now_ms >= c->doom_ms)) {
    net_stream_abort(c->stream, c->doom == DOOM_RESET);
    discard(c);
    return false;
  }
  uint64_t deadline = c->doom ? now_ms + 1 : fault_deadline(c);
  if (deadline == UINT64_MAX)
    net_timer_stop(c->fault_timer);
  else
    net_timer_start(c->fault_timer, deadline > now_ms ? deadline - now_ms : 1);
  return true;
}

/* ---- writing ---- */

/* Hands what is written to the stream; false when something is left (the stream or a fault wakes us). Faults that count
 * bytes come exactly where they are due. */
static bool drain(connection *c) {
  for (;;) {
    if (c->doom) return false;
    uint64_t limit = plan_bytes(&c->plan, c->wire.written), before = c->wire.written;
    if (line_drain(&c->wire, now_of(c), limit)) break;
    if (limit == FAULT_NEVER || c->wire.written - before < limit) return false;
    suffer_due(c);
  }
  if (c->state == CONNECTION_FINISHING) net_stream_close(c->stream);
  return true;
}

/* Writes a close frame and waits for what is to follow it. */
static void write_close(connection *c, int code, const char *reason, connection_state then) {
  uint8_t payload[WS_CONTROL_MAX];
  if (c->state != CONNECTION_OPEN) return;
  if (c->service) service_lost(c->service, now_of(c));
  line_frame(&c->wire, now_of(c), WS_CLOSE, payload, ws_close_payload(payload, code, reason));
  c->state = then;
  net_timer_start(c->timer, CLOSE_MS);
}

static void set_clock(connection *c, uint64_t now_ms) {
  uint64_t deadline = service_deadline(c->service);
  if (deadline == SERVICE_NEVER)
    net_timer_stop(c->timer);
  else
    net_timer_start(c->timer, deadline > now_ms ? deadline - now_ms : 1);
}

static void carry_out(connection *c, const service_action *action) {
  uint64_t now_ms = now_of(c);
  if (action->kind == SERVICE_SEND) {
    line_frame(&c->wire, now_ms, WS_BINARY, action->text, action->size);
  } else if (action->kind == SERVICE_CLOSE) {
    say(c, "closing with %d %s", action->code, action->text);
    write_close(c, action->code, action->text, CONNECTION_CLOSING);
  } else if (!speaker_say(c->server->speaker, c, action->id, action->text)) {
    service_spoken(c->service, now_ms, action->id, NULL, 0);
  }
  if (c->wire.out.failed) write_close(c, CLOSE_INTERNAL, "Internal error encountered.", CONNECTION_FINISHING);
}

/* Carries out what the service wants, as far as the stream takes it, and sets the clock for what it will want. */
static void pump(connection *c) {
  service_action action;
  uint64_t now_ms = now_of(c);
  while (drain(c) && c->state == CONNECTION_OPEN) {
    suffer_due(c);
    if (c->wire.out.size || c->doom) continue; /* of a fault */
    if (!service_next(c->service, now_ms, &action)) {
      set_clock(c, now_ms);
      break;
    }
    carry_out(c, &action);
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
  if (c->state != CONNECTION_OPEN || c->doom) return true; /* after our close frame nothing counts but the peer's */
  if (!c->phases) {
    c->phases = FAULT_BIT(FAULT_SETUP);
    suffer_due(c);
    if (c->doom) return false;
  }
  service_receive(c->service, now_of(c), (const char *)data, size);
  suffer_due(c);
  c->paused = service_backlog(c->service) >= BACKLOG_MAX;
  return !c->paused && !c->doom && line_reads(&c->wire, now_of(c));
}

static bool on_control(void *user, ws_opcode opcode, const uint8_t *data, size_t size) {
  connection *c = user;
  if (opcode == WS_PING && c->state == CONNECTION_OPEN) line_pong_due(&c->wire, now_of(c), data, size);
  return true;
}

static void on_close(void *user, int code, const char *reason, size_t size) {
  connection *c = user;
  say(c, "closed by the client with %d %.*s", code, (int)size, reason);
  service_lost(c->service, now_of(c));
  c->phases = FAULT_BIT(FAULT_CLOSING);
  suffer_due(c);
  if (c->ends_ms) c->ends_ms = now_of(c) + HEAD_MS;
  write_close(c, ws_code_sendable(code) ? code : WS_CODE_EMPTY, NULL, CONNECTION_FINISHING);
  c->state = CONNECTION_FINISHING;
}

static const ws_events frame_events = {.message = on_message, .control = on_control, .close = on_close};

/* Takes frames; returns how many bytes the stream may forget. */
static size_t take_frames(connection *c, uint8_t *data, size_t size) {
  genai_error error = {0};
  size_t used = 0, taken = 0;
  while (used < size && !c->paused && !c->doom && c->state != CONNECTION_FINISHING && line_reads(&c->wire, now_of(c))) {
    genai_status status = ws_decoder_feed(&c->decoder, data + used, size - used, &taken, &error);
    used += taken;
    if (c->paused) pump(c); /* perhaps the messages that wait can leave at once */
    if (!status) continue;
    say(c, "%s", error.message);
    write_close(c, error.close_code ? error.close_code : CLOSE_INTERNAL, NULL, CONNECTION_FINISHING);
    c->state = CONNECTION_FINISHING;
  }
  if (c->state == CONNECTION_FINISHING || c->doom) used = size;
  pump(c);
  return used;
}

/* ---- the upgrade ---- */

static void refuse(connection *c, const door_answer *answer) {
  say(c, "refused with HTTP %d %s", answer->status, answer->reason);
  door_write_refusal(&c->wire.out, answer);
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

/* A client that is alive answers a ping; one whose end was never told of does not. */
static void on_wanted(void *user) {
  connection *c = user;
  if (c->probe_ms || c->state != CONNECTION_OPEN) return;
  c->probe_ms = now_of(c) + PROBE_MS;
  line_frame(&c->wire, now_of(c), WS_PING, "alive", 5);
  net_timer_start(c->fault_timer, 1); /* from outside of its own events */
}

static void note(void *user, const service_event *event) {
  connection *c = user;
  ledger_event(&c->server->ledger, c->number, event);
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
      .epoch_ms = unix_ms(c) - (int64_t)now_of(c),
      .index_first = options->index_from_zero ? 0 : 1,
      .answers = c->server->scenario.answers,
      .event = ledger_wanted(&c->server->ledger) ? note : NULL,
      .wanted = on_wanted,
      .event_user = c,
      .expires_ms = left_ms > 0 ? now_of(c) + (uint64_t)left_ms : 0,
      .admit = constrained ? admit : NULL,
      .admit_user = c,
  });
  if (!c->service || ws_response_write(&c->wire.out, answer->key.data, answer->key.size, NULL, 0, NULL)) {
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
  rest_answer(&c->wire.out, &c->server->rest, unix_ms(c), &head, c->body.data.data, c->body.data.size, c->body.cut);
  c->state = CONNECTION_FINISHING;
  net_timer_start(c->timer, CLOSE_MS);
  return size;
}

/* What the plan has for an upgrade request: another answer, or none. */
static void spoil_upgrade(connection *c, door_answer *answer) {
  const fault *f;
  c->phases = FAULT_BIT(FAULT_UPGRADE);
  for (plan_view view = view_of(c); !c->doom && (f = plan_next(&c->plan, now_of(c), &view));) {
    if (f->kind == FAULT_REFUSE) {
      door_refuse(answer, (int)f->status);
    } else if (f->kind == FAULT_CLOSE && answer->status == 101) {
      answer->close_code = (int)f->code;
      answer->message = f->reason;
    }
    suffer(c, f);
  }
  c->phases = 0;
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
  c->number = ++c->server->accepted;
  plan_init(&c->plan, &c->server->scenario, c->number, now_of(c));
  spoil_upgrade(c, &answer);
  if (c->doom) return size;
  if (answer.status == 101)
    open(c, &answer);
  else
    refuse(c, &answer);
  buf_deinit(&c->head);
  return used;
}

/* ---- events of the stream ---- */

static void on_ready(void *user) { (void)user; }

static size_t take(connection *c, uint8_t *data, size_t size) {
  size_t used = c->state == CONNECTION_HEAD   ? take_head(c, data, size)
                : c->state == CONNECTION_BODY ? take_body(c, data, size)
                                              : 0;
  if (c->doom) return size;
  if (c->state == CONNECTION_HEAD || c->state == CONNECTION_BODY) return used;
  if (c->service) return used + take_frames(c, data + used, size - used);
  drain(c);
  return size;
}

static size_t on_data(void *user, uint8_t *data, size_t size) {
  connection *c = user;
  size_t admitted = line_admit(&c->wire, now_of(c), size);
  if (admitted) c->probe_ms = 0;
  size_t used = c->doom ? size : admitted ? take(c, data, admitted) : 0;
  c->throttled = used < size && !c->paused;
  settle(c);
  return used;
}

static void on_writable(void *user) {
  connection *c = user;
  if (c->service)
    pump(c);
  else
    drain(c);
  settle(c);
}

static void on_fault_timer(void *user) {
  connection *c = user;
  if ((c->ends_ms && now_of(c) >= c->ends_ms) || (c->probe_ms && now_of(c) >= c->probe_ms)) doom(c, DOOM_DROP);
  if (c->throttled && line_reads(&c->wire, now_of(c))) {
    c->throttled = false;
    net_stream_resume(c->stream);
  }
  on_writable(c);
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
  } else if (!c->ends_ms) {
    say(c, "dropped: the client is too slow");
    drop(c);
    return;
  }
  settle(c);
}

void connection_accept(void *user, net_stream *stream) {
  static const net_stream_events events = {.ready = on_ready, .data = on_data, .writable = on_writable, .end = on_end};
  server *s = user;
  connection *c = s->count < CONNECTIONS_MAX ? mem_zalloc(sizeof *c) : NULL;
  if (!c) return; /* a stream that is not adopted is dropped */
  c->timer = net_timer_new(s->loop, on_timer, c);
  c->fault_timer = net_timer_new(s->loop, on_fault_timer, c);
  if (!c->timer || !c->fault_timer) {
    net_timer_free(c->timer);
    net_timer_free(c->fault_timer);
    mem_free(c);
    return;
  }
  c->server = s;
  c->stream = stream;
  c->plan.scenario = &s->scenario;
  c->plan.chaos.done = c->plan.parts.done = true; /* until the upgrade */
  c->next = s->connections;
  c->link = &s->connections;
  if (c->next) c->next->link = &c->next;
  s->connections = c;
  s->count++;
  buf_init(&c->head, HTTP_HEAD_MAX * 2);
  line_init(&c->wire, stream, SERVICE_MESSAGE_MAX * 2);
  ws_decoder_init(&c->decoder, WS_SERVER, SERVICE_MESSAGE_MAX, &frame_events, c);
  net_stream_adopt(stream, &events, c);
  net_timer_start(c->timer, HEAD_MS);
}

void connection_spoken(void *user, uint64_t id, const buf *samples) {
  connection *c = user;
  service_spoken(c->service, now_of(c), id, audio_samples(samples), audio_count(samples));
  pump(c);
  settle(c);
}

connection *connection_next(const connection *c) { return c->next; }
unsigned connection_number(const connection *c) { return c->number; }
bool connection_serves(const connection *c) { return c->state == CONNECTION_OPEN; }

void connection_suffer(connection *c, const fault *f) {
  suffer(c, f);
  if (c->service) pump(c);
  settle(c);
}

void connection_end(connection *c) {
  write_close(c, CLOSE_GOING_AWAY, "The emulator stops.", CONNECTION_FINISHING);
  if (c->state != CONNECTION_FINISHING || !drain(c)) drop(c);
}
