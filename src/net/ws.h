/* A WebSocket client connection: stream, upgrade, frames, pings, closes (RFC 6455). Loop thread only. */
#ifndef GENAI_SRC_NET_WS_H
#define GENAI_SRC_NET_WS_H

#include "base/payload.h"
#include "net/http.h"
#include "net/stream.h"
#include "net/ws_frame.h"

typedef struct net_ws net_ws;

typedef struct net_ws_events {
  /* With net_ws_params.hold: TCP and TLS are ready; net_ws_upgrade goes on. */
  void (*held)(void *user);
  /* The upgrade was accepted. */
  void (*open)(void *user);
  /* A whole message, valid during the call. Text is UTF-8; binary is unchecked. Return false to pause reading after it
   * (net_ws_resume goes on). */
  bool (*message)(void *user, ws_opcode opcode, const uint8_t *data, size_t size);
  void (*pong)(void *user);
  /* net_ws_send can take a message again. */
  void (*writable)(void *user);
  /* The peer's close frame (our answer to it is sent by net_ws itself). `end` follows. */
  void (*close)(void *user, int code, const char *reason, size_t size);
  /* The end, exactly once, the last call.
   *  GENAI_OK: close frames were exchanged (error->close_code and close_reason as they came); GENAI_ERROR_HTTP: the
   *  upgrade was refused (error->http_status; the sentence quotes the body's first 1 KB); GENAI_ERROR_LOST: TCP or TLS
   *  ended without a close frame (close_code 1006); GENAI_ERROR_TIMEOUT: net_ws_close had no answer within its linger_ms;
   *  GENAI_ERROR_CLOSED: net_ws_close before `open`; others as of net_stream and the decoder, after which a close frame
   *  with the fitting code was sent. */
  void (*end)(void *user, const genai_error *error);
} net_ws_events;

typedef struct net_ws_params {
  net_stream_target target;
  const char *request_target;            /* path and query */
  const genai_string_pair *headers;      /* more header fields of the upgrade */
  size_t header_count;
  size_t message_max;                    /* ceiling of one incoming message, bytes */
  bool hold;                             /* stop before the upgrade is asked for */
} net_ws_params;

/* Starts to connect; events follow, never from inside this call. */
genai_status net_ws_connect(net_ws **ws, net_loop *loop, const net_ws_params *params, const net_ws_events *events,
                            void *user, genai_error *error);
/* Asks for the upgrade as soon as TCP and TLS are ready, for a connection made with `hold`. */
void net_ws_upgrade(net_ws *ws);
/* Takes a message (one text frame, freshly masked) when the one before has left and the stream has room: holds a
 * reference to it and returns true; false: wait for `writable`. Many small messages may be taken in one loop turn. */
bool net_ws_send(net_ws *ws, payload *message);
/* The same as a frame of either kind: WS_TEXT or WS_BINARY. */
bool net_ws_send_as(net_ws *ws, ws_opcode opcode, payload *message);
/* Whether everything taken has been handed to the kernel. */
bool net_ws_flushed(const net_ws *ws);
bool net_ws_ping(net_ws *ws);
void net_ws_resume(net_ws *ws);
/* Sends what was taken, then a close frame; reads on (messages are still delivered) until the peer's close frame or
 * `linger_ms`; `end` follows. Idempotent. */
void net_ws_close(net_ws *ws, int code, const char *reason, unsigned linger_ms);
/* Drops everything at once; `end` is not called any more. Safe inside any event. */
void net_ws_abort(net_ws *ws);
/* For error sentences: "resolving", "connecting", "in the TLS handshake", "held", "waiting for the upgrade", "connected". */
const char *net_ws_phase(const net_ws *ws);

#endif
