#include "emulator/connection.h"

#include "base/memory.h"
#include "emulator/connection_parts.h"

/* ---- reading ---- */

static bool on_message(void *user, ws_opcode opcode, uint8_t *data, size_t size) {
  (void)opcode; /* the service reads text and binary alike */
  connection *c = user;
  if (c->state != CONNECTION_OPEN || c->doom) return true; /* after our close frame nothing counts but the peer's */
  if (!c->phases) {
    c->phases = FAULT_BIT(FAULT_SETUP);
    connection_suffer_due(c);
    if (c->doom) return false;
  }
  service_receive(c->service, connection_now(c), (const char *)data, size);
  connection_suffer_due(c);
  c->paused = service_backlog(c->service) >= BACKLOG_MAX;
  return !c->paused && !c->doom && line_reads(&c->wire, connection_now(c));
}

static bool on_control(void *user, ws_opcode opcode, const uint8_t *data, size_t size) {
  connection *c = user;
  if (opcode == WS_PING && c->state == CONNECTION_OPEN) line_pong_due(&c->wire, connection_now(c), data, size);
  return true;
}

static void on_close(void *user, int code, const char *reason, size_t size) {
  connection *c = user;
  connection_say(c, "closed by the client with %d %.*s", code, (int)size, reason);
  service_lost(c->service, connection_now(c));
  c->phases = FAULT_BIT(FAULT_CLOSING);
  connection_suffer_due(c);
  if (c->ends_ms) c->ends_ms = connection_now(c) + HEAD_MS;
  connection_write_close(c, ws_code_sendable(code) ? code : WS_CODE_EMPTY, NULL, CONNECTION_FINISHING);
  c->state = CONNECTION_FINISHING;
}

static const ws_events frame_events = {.message = on_message, .control = on_control, .close = on_close};

/* Takes frames; returns how many bytes the stream may forget. */
static size_t take_frames(connection *c, uint8_t *data, size_t size) {
  genai_error error = {0};
  size_t used = 0, taken = 0;
  while (used < size && !c->paused && !c->doom && c->state != CONNECTION_FINISHING && line_reads(&c->wire, connection_now(c))) {
    genai_status status = ws_decoder_feed(&c->decoder, data + used, size - used, &taken, &error);
    used += taken;
    if (c->paused) connection_pump(c); /* perhaps the messages that wait can leave at once */
    if (!status) continue;
    connection_say(c, "%s", error.message);
    connection_write_close(c, error.close_code ? error.close_code : CLOSE_INTERNAL, NULL, CONNECTION_FINISHING);
    c->state = CONNECTION_FINISHING;
  }
  if (c->state == CONNECTION_FINISHING || c->doom) used = size;
  connection_pump(c);
  return used;
}

/* ---- events of the stream ---- */

static void drop(connection *c) {
  net_stream_abort(c->stream, false);
  connection_discard(c);
}

static void on_ready(void *user) { (void)user; }

static size_t take(connection *c, uint8_t *data, size_t size) {
  size_t used = c->state == CONNECTION_HEAD   ? connection_take_head(c, data, size)
                : c->state == CONNECTION_BODY ? connection_take_body(c, data, size)
                                              : 0;
  if (c->doom) return size;
  if (c->state == CONNECTION_HEAD || c->state == CONNECTION_BODY) return used;
  if (c->service) return used + take_frames(c, data + used, size - used);
  connection_drain(c);
  return size;
}

static size_t on_data(void *user, uint8_t *data, size_t size) {
  connection *c = user;
  size_t admitted = line_admit(&c->wire, connection_now(c), size);
  if (admitted) c->probe_ms = 0;
  size_t used = c->doom ? size : admitted ? take(c, data, admitted) : 0;
  c->throttled = used < size && !c->paused;
  connection_settle(c);
  return used;
}

static void on_writable(void *user) {
  connection *c = user;
  if (c->service)
    connection_pump(c);
  else
    connection_drain(c);
  connection_settle(c);
}

static void on_fault_timer(void *user) {
  connection *c = user;
  uint64_t now_ms = connection_now(c);
  bool over = (c->ends_ms && now_ms >= c->ends_ms) || (c->probe_ms && now_ms >= c->probe_ms);
  if (over) connection_condemn(c, DOOM_DROP);
  if (c->throttled && line_reads(&c->wire, now_ms)) {
    c->throttled = false;
    net_stream_resume(c->stream);
  }
  on_writable(c);
}

static void on_end(void *user, const genai_error *error) {
  connection *c = user;
  if (c->state == CONNECTION_OPEN)
    connection_say(c, "lost without a close: %s", *error->message ? error->message : "the client ended the connection.");
  connection_discard(c);
}

static void on_timer(void *user) {
  connection *c = user;
  if (c->state == CONNECTION_OPEN) {
    connection_pump(c);
  } else if (c->state == CONNECTION_CLOSING) {
    c->state = CONNECTION_FINISHING;
    net_timer_start(c->timer, CLOSE_MS);
    connection_drain(c);
  } else if (!c->ends_ms) {
    connection_say(c, "dropped: the client is too slow");
    drop(c);
    return;
  }
  connection_settle(c);
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
  service_spoken(c->service, connection_now(c), id, audio_samples(samples), audio_count(samples));
  connection_pump(c);
  connection_settle(c);
}

connection *connection_next(const connection *c) { return c->next; }
unsigned connection_number(const connection *c) { return c->number; }
bool connection_serves(const connection *c) { return c->state == CONNECTION_OPEN; }

void connection_suffer(connection *c, const fault *f) {
  connection_apply(c, f);
  if (c->service) connection_pump(c);
  connection_settle(c);
}

void connection_end(connection *c) {
  connection_write_close(c, CLOSE_GOING_AWAY, "The emulator stops.", CONNECTION_FINISHING);
  if (c->state != CONNECTION_FINISHING || !connection_drain(c)) drop(c);
}
