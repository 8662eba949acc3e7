#include "net/ws.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "net/ws_private.h"

enum {
  REQUEST_MAX = 16 * 1024,
  REFUSAL_MS = 2000, /* for the body of a refusal */
  CODE_INTERNAL = 1011
};

/* ---- life ---- */

static void release(net_ws *ws) {
  if (ws->state != NET_WS_ENDED || ws->busy || ws->turn.queued) return;
  net_timer_free(ws->timer);
  payload_drop(ws->message);
  buf_deinit(&ws->request);
  buf_deinit(&ws->head);
  ws_refusal_free(ws->refusal);
  ws_decoder_deinit(&ws->decoder);
  mem_free(ws);
}

void net_ws_abort(net_ws *ws) {
  if (ws->state == NET_WS_ENDED) return;
  ws->state = NET_WS_ENDED;
  net_timer_stop(ws->timer);
  if (ws->stream) net_stream_abort(ws->stream, false);
  ws->stream = NULL;
  release(ws);
}

static void ignore(void *user) { (void)user; }
static size_t ignore_data(void *user, uint8_t *data, size_t size) { (void)user, (void)data; return size; }
static void ignore_end(void *user, const genai_error *error) { (void)user, (void)error; }

/* Reports the end. The stream sends what it has, closes in good order and frees itself. */
static void leave(net_ws *ws, const genai_error *error) {
  static const net_stream_events nobody = {.ready = ignore, .data = ignore_data, .writable = ignore, .end = ignore_end};
  if (ws->state == NET_WS_ENDED) return;
  ws->state = NET_WS_ENDED;
  net_timer_stop(ws->timer);
  if (ws->stream) {
    net_stream_adopt(ws->stream, &nobody, NULL);
    net_stream_close(ws->stream);
  }
  ws->stream = NULL;
  ws->events->end(ws->user, error);
  release(ws);
}

/* The connection is failed (section 7.1.7): a close frame with the error's code, unless a message is half sent. */
static void fail(net_ws *ws, const genai_error *error) {
  genai_error copy = *error;
  if (ws->state == NET_WS_ENDED) return;
  if (ws->state == NET_WS_OPEN && !ws->close_due && !ws->close_sent) {
    ws->close_size = (uint8_t)ws_close_payload(ws->close, error->close_code ? error->close_code : CODE_INTERNAL, NULL);
    ws->close_due = true;
    ws->pong_due = ws->ping_due = false;
    ws_pump(ws);
  }
  copy.close_code = 0; /* it was ours */
  error_append(&copy, " The peer is %s port %d.", ws->host, ws->port);
  leave(ws, &copy);
}

static genai_status lost(const net_ws *ws, genai_error *error, const char *what) {
  error_set(error, GENAI_ERROR_LOST, "%s port %d ended the connection %s.", ws->host, ws->port, what);
  error->close_code = WS_CODE_LOST;
  return GENAI_ERROR_LOST;
}

/* Close frames were exchanged. */
static void leave_closed(net_ws *ws) {
  genai_error error = {.close_code = ws->close_code};
  memcpy(error.close_reason, ws->close_reason, sizeof error.close_reason);
  leave(ws, &error);
}

static void doomed(net_turn *turn) {
  net_ws *ws = (net_ws *)((char *)turn - offsetof(net_ws, turn));
  genai_error error = {0};
  if (ws->state == NET_WS_ENDED) {
    release(ws);
    return;
  }
  if (ws->doomed == GENAI_ERROR_CLOSED)
    error_set(&error, GENAI_ERROR_CLOSED, "The connection to %s port %d was closed before it was open.", ws->host,
              ws->port);
  else
    error_set(&error, ws->doomed, "The operating system has no random bytes for the connection to %s port %d.",
              ws->host, ws->port);
  leave(ws, &error);
}

void ws_doom(net_ws *ws, genai_status status) {
  ws->doomed = status;
  net_loop_at_turn_end(ws->loop, &ws->turn);
}

/* ---- frames ---- */

static bool on_message(void *user, ws_opcode opcode, uint8_t *data, size_t size) {
  net_ws *ws = user;
  if (!ws->events->message(ws->user, opcode, data, size)) ws->paused = true;
  return ws->state == NET_WS_OPEN && !ws->paused;
}

static bool on_control(void *user, ws_opcode opcode, const uint8_t *data, size_t size) {
  net_ws *ws = user;
  if (opcode == WS_PONG) {
    ws->events->pong(ws->user);
  } else if (!ws->close_due && !ws->close_sent) {
    memcpy(ws->pong, data, size); /* of several pings that wait, the latest is answered (section 5.5.3) */
    ws->pong_size = (uint8_t)size;
    ws->pong_due = true;
    ws_pump(ws);
  }
  return ws->state == NET_WS_OPEN && !ws->paused;
}

/* The echo of the peer's close frame (section 5.5.1); then nothing more is to be said. */
static void on_close(void *user, int code, const char *reason, size_t size) {
  net_ws *ws = user;
  ws->close_received = true;
  ws->close_code = code;
  memcpy(ws->close_reason, reason, size);
  ws->close_reason[size] = '\0';
  if (!ws->close_due && !ws->close_sent) {
    ws->close_size = (uint8_t)ws_close_payload(ws->close, ws_code_sendable(code) ? code : WS_CODE_EMPTY, NULL);
    ws->close_due = true;
  }
  ws->pong_due = ws->ping_due = false;
  ws_pump(ws);
  ws->events->close(ws->user, code, reason, size);
}

/* Takes frames; returns how many bytes the stream may forget. */
static size_t take_frames(net_ws *ws, uint8_t *data, size_t size) {
  genai_error error;
  size_t used = 0, taken;
  while (used < size && ws->state == NET_WS_OPEN && !ws->paused && !ws->close_received) {
    genai_status status = ws_decoder_feed(&ws->decoder, data + used, size - used, &taken, &error);
    used += taken;
    if (status) fail(ws, &error);
  }
  if (ws->state == NET_WS_OPEN && ws->close_received) leave_closed(ws);
  if (ws->state != NET_WS_OPEN) return size;
  if (ws->paused && used == size) net_stream_pause(ws->stream);
  return used;
}

static uint8_t *on_room(void *user, size_t *size) {
  net_ws *ws = user;
  return ws->state == NET_WS_OPEN && !ws->paused ? ws_decoder_room(&ws->decoder, size) : NULL;
}

static bool on_room_filled(void *user, size_t size) {
  net_ws *ws = user;
  genai_error error;
  ws->busy++;
  if (ws_decoder_filled(&ws->decoder, size, &error)) fail(ws, &error);
  bool go_on = !ws->paused;
  ws->busy--;
  release(ws);
  return go_on;
}

/* ---- the upgrade ---- */

static void opened(net_ws *ws) {
  static const ws_events frames = {on_message, on_control, on_close};
  buf_deinit(&ws->head);
  buf_deinit(&ws->request);
  ws_decoder_init(&ws->decoder, WS_CLIENT, ws->message_max, &frames, ws);
  ws->state = NET_WS_OPEN;
  ws->events->open(ws->user);
}

static void explain_refusal(net_ws *ws) {
  genai_error error;
  ws_refusal_explain(ws->refusal, ws->host, ws->port, &ws->request, &error);
  leave(ws, &error);
}

static void take_body(net_ws *ws, const uint8_t *data, size_t size) {
  if (ws_refusal_feed(ws->refusal, data, size)) explain_refusal(ws);
}

/* Takes bytes of the answer's head; returns how many of them were its own. */
static size_t take_head(net_ws *ws, const uint8_t *data, size_t size) {
  http_head head;
  genai_error error;
  size_t before = ws->head.size, n = size < HTTP_HEAD_MAX - before ? size : HTTP_HEAD_MAX - before;
  genai_status status = buf_append(&ws->head, data, n) ? GENAI_OK : error_memory(&error);
  if (!status) status = http_head_parse(&head, false, ws->head.data, ws->head.size, &error);
  if (status == GENAI_WOULD_BLOCK) return n;
  if (status) {
    fail(ws, &error);
    return size;
  }
  size_t own = head.size - before;
  if (head.status == 101) {
    if (ws_response_check(&head, ws->key, &error)) fail(ws, &error);
    else opened(ws);
    return own;
  }
  ws->refusal = ws_refusal_new(&head);
  if (!ws->refusal) {
    error_memory(&error);
    fail(ws, &error);
    return size;
  }
  ws->state = NET_WS_REFUSED;
  net_timer_start(ws->timer, REFUSAL_MS);
  if (own == size) take_body(ws, NULL, 0); /* it may be known to be empty */
  return own;
}

/* ---- events of the stream ---- */

static void ask_upgrade(net_ws *ws) {
  ws->state = NET_WS_UPGRADING;
  net_stream_write(ws->stream, ws->request.data, ws->request.size); /* smaller than what a new stream takes */
}

static void on_ready(void *user) {
  net_ws *ws = user;
  if (!ws->hold) {
    ask_upgrade(ws);
    return;
  }
  ws->state = NET_WS_HELD;
  ws->events->held(ws->user);
}

/* An HTTP server waits to be asked. */
static void refuse_early(net_ws *ws) {
  genai_error error;
  error_set(&error, GENAI_ERROR_PROTOCOL, "The server spoke before it was asked for the WebSocket upgrade.");
  fail(ws, &error);
}

static size_t on_data(void *user, uint8_t *data, size_t size) {
  net_ws *ws = user;
  size_t used = 0;
  ws->busy++;
  if (ws->state == NET_WS_HELD) refuse_early(ws);
  if (ws->state == NET_WS_UPGRADING) used = take_head(ws, data, size);
  if (ws->state == NET_WS_REFUSED) take_body(ws, data + used, size - used), used = size;
  if (ws->state == NET_WS_OPEN) used += take_frames(ws, data + used, size - used);
  if (ws->state == NET_WS_ENDED) used = size;
  ws->busy--;
  release(ws);
  return used;
}

static void on_writable(void *user) {
  net_ws *ws = user;
  if (ws->state != NET_WS_OPEN) return;
  ws_pump(ws);
  if (ws->message || !ws->want_writable || ws->close_due || ws->close_sent) return;
  ws->want_writable = false;
  ws->events->writable(ws->user);
}

static void on_end(void *user, const genai_error *from) {
  net_ws *ws = user;
  genai_error error = *from;
  ws->stream = NULL;
  if (ws->state == NET_WS_REFUSED) {
    explain_refusal(ws);
    return;
  }
  if (error.status == GENAI_OK)
    lost(ws, &error,
         ws->state == NET_WS_OPEN ? "without a WebSocket close" : "before it answered the WebSocket upgrade");
  if (error.status == GENAI_ERROR_LOST) error.close_code = WS_CODE_LOST;
  leave(ws, &error);
}

static void on_timer(void *user) {
  net_ws *ws = user;
  genai_error error;
  if (ws->state == NET_WS_REFUSED) {
    explain_refusal(ws);
    return;
  }
  error_set(&error, GENAI_ERROR_TIMEOUT, "%s port %d did not answer the WebSocket close in time.", ws->host, ws->port);
  error.close_code = WS_CODE_LOST;
  net_stream_abort(ws->stream, false); /* it had its time */
  ws->stream = NULL;
  leave(ws, &error);
}

/* ---- the face ---- */

static genai_status write_request(net_ws *ws, const net_ws_params *params, genai_error *error) {
  uint8_t random[16];
  char host_port[300];
  const net_stream_target *target = &params->target;
  bool ip6 = strchr(target->host, ':') != NULL, usual = target->port == (target->tls ? 443 : 80);
  if (!net_loop_random(ws->loop, random, sizeof random))
    return error_set(error, GENAI_ERROR_SYSTEM, "The operating system has no random bytes for a WebSocket key.");
  ws_key_write(ws->key, random);
  int size = snprintf(host_port, sizeof host_port, "%s%s%s", ip6 ? "[" : "", target->host, ip6 ? "]" : "");
  if (!usual && size > 0 && (size_t)size < sizeof host_port)
    size += snprintf(host_port + size, sizeof host_port - (size_t)size, ":%d", target->port);
  if (size < 0 || (size_t)size >= sizeof host_port)
    return error_set(error, GENAI_ERROR_ARGUMENT, "The host name is longer than 255 bytes.");
  return ws_request_write(&ws->request, params->request_target, host_port, ws->key, params->headers,
                          params->header_count, error);
}

genai_status net_ws_connect(net_ws **out, net_loop *loop, const net_ws_params *params, const net_ws_events *events,
                            void *user, genai_error *error) {
  static const net_stream_events stream_events = {
      on_ready, on_data, on_room, on_room_filled, on_writable, on_end};
  size_t host_size = strlen(params->target.host) + 1;
  *out = NULL;
  net_ws *ws = mem_zalloc(sizeof *ws + host_size);
  if (!ws) return error_memory(error);
  memcpy(ws->host, params->target.host, host_size);
  ws->port = params->target.port;
  ws->loop = loop;
  ws->events = events;
  ws->user = user;
  ws->message_max = params->message_max;
  ws->hold = params->hold;
  ws->turn.run = doomed;
  buf_init(&ws->request, REQUEST_MAX);
  buf_init(&ws->head, HTTP_HEAD_MAX);
  genai_status status = write_request(ws, params, error);
  if (!status && !(ws->timer = net_timer_new(loop, on_timer, ws))) status = error_memory(error);
  if (!status) status = net_stream_connect(&ws->stream, loop, &params->target, &stream_events, ws, error);
  if (!status) {
    *out = ws;
    return GENAI_OK;
  }
  ws->state = NET_WS_ENDED;
  release(ws);
  return status;
}

void net_ws_resume(net_ws *ws) {
  if (!ws->paused || ws->state != NET_WS_OPEN) return;
  ws->paused = false;
  net_stream_resume(ws->stream);
}

void net_ws_close(net_ws *ws, int code, const char *reason, unsigned linger_ms) {
  if (ws->state == NET_WS_ENDED || ws->close_due || ws->close_sent) return;
  if (ws->state != NET_WS_OPEN) {
    ws_doom(ws, GENAI_ERROR_CLOSED);
    return;
  }
  ws->close_size = (uint8_t)ws_close_payload(ws->close, code, reason);
  ws->close_due = true;
  ws->pong_due = ws->ping_due = false;
  ws_pump(ws);
  net_timer_start(ws->timer, linger_ms);
}

const char *net_ws_phase(const net_ws *ws) {
  if (ws->state == NET_WS_HELD) return "held";
  if (ws->state == NET_WS_UPGRADING || ws->state == NET_WS_REFUSED) return "waiting for the upgrade";
  return ws->stream ? net_stream_phase(ws->stream) : "connected";
}

void net_ws_upgrade(net_ws *ws) {
  ws->hold = false;
  if (ws->state == NET_WS_HELD) ask_upgrade(ws);
}
