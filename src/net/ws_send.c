#include <string.h>

#include "net/ws_private.h"

/* Writes a whole frame when there is room for it; the stream calls `writable` otherwise. */
static bool put_control(net_ws *ws, ws_opcode opcode, const uint8_t *data, size_t size) {
  size_t room;
  uint8_t *to = net_stream_room(ws->stream, &room), mask[4];
  if (!to || room < WS_HEADER_MAX + size) return false;
  if (!net_loop_random(ws->loop, mask, sizeof mask)) {
    ws_doom(ws, GENAI_ERROR_SYSTEM);
    return false;
  }
  size_t n = ws_header_write(to, opcode, true, size, mask);
  if (size) ws_mask(to + n, data, size, mask, 0);
  net_stream_commit(ws->stream, n + size);
  return true;
}

/* The next slice of the message, masked while it is copied. */
static void put_message(net_ws *ws) {
  size_t room, left = ws->message->size - ws->sent;
  uint8_t *to = left ? net_stream_room(ws->stream, &room) : NULL;
  if (to) {
    size_t n = left < room ? left : room;
    ws_mask(to, ws->message->data + ws->sent, n, ws->mask, ws->sent & 3);
    net_stream_commit(ws->stream, n);
    ws->sent += n;
  }
  if (ws->sent < ws->message->size) return;
  payload_drop(ws->message);
  ws->message = NULL;
}

void ws_pump(net_ws *ws) {
  while (ws->message) {
    size_t before = ws->sent;
    put_message(ws);
    if (ws->message && ws->sent == before) return;
  }
  if (ws->close_sent) return;
  if (ws->pong_due && put_control(ws, WS_PONG, ws->pong, ws->pong_size)) ws->pong_due = false;
  if (ws->ping_due && put_control(ws, WS_PING, NULL, 0)) ws->ping_due = false;
  if (ws->close_due && put_control(ws, WS_CLOSE, ws->close, ws->close_size)) {
    ws->close_due = false;
    ws->close_sent = true;
  }
}

bool net_ws_send_as(net_ws *ws, ws_opcode opcode, payload *message) {
  if (ws->state != NET_WS_OPEN || ws->close_due || ws->close_sent || ws->close_received) return false;
  size_t room = 0;
  uint8_t *to = ws->message ? NULL : net_stream_room(ws->stream, &room);
  if (!to || room < WS_HEADER_MAX) {
    ws->want_writable = true;
    return false;
  }
  if (!net_loop_random(ws->loop, ws->mask, sizeof ws->mask)) {
    ws_doom(ws, GENAI_ERROR_SYSTEM);
    return false;
  }
  net_stream_commit(ws->stream, ws_header_write(to, opcode, true, message->size, ws->mask));
  ws->message = payload_hold(message);
  ws->sent = 0;
  ws_pump(ws);
  return true;
}

bool net_ws_send(net_ws *ws, payload *message) { return net_ws_send_as(ws, WS_TEXT, message); }

bool net_ws_flushed(const net_ws *ws) {
  return !ws->message && !ws->pong_due && !ws->ping_due && !ws->close_due && net_stream_flushed(ws->stream);
}

bool net_ws_ping(net_ws *ws) {
  if (ws->state != NET_WS_OPEN || ws->close_due || ws->close_sent) return false;
  ws->ping_due = true;
  ws_pump(ws);
  return true;
}
