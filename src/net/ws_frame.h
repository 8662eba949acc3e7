/* WebSocket frames, RFC 6455: bytes in, messages out, and the other way. No I/O, both roles.
 *
 * The decoder is fed whatever the transport read, in any pieces. Whole unfragmented messages that lie inside one
 * piece are handed out without a copy (a server unmasks them in place); others are assembled, and memory grows with
 * bytes received, never with the length that a header claims. After an error the decoder must only be deinitialised.
 * No function of a decoder may be called from inside its events. */
#ifndef GENAI_SRC_NET_WS_FRAME_H
#define GENAI_SRC_NET_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "genai/base.h"

typedef enum ws_opcode {
  WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10
} ws_opcode;

typedef enum ws_role { WS_CLIENT, WS_SERVER } ws_role;

enum {
  WS_CONTROL_MAX = 125,     /* section 5.5 */
  WS_HEADER_MAX = 14,       /* 2 + 8 + 4 */
  WS_CODE_EMPTY = 1005,     /* section 7.4.1: a close frame without a code */
  WS_CODE_LOST = 1006       /* no close frame */
};

/* What the decoder reports. data is valid during the call only; a message's may be modified by the callee.
 * data is never NULL, also when size is 0. */
typedef struct ws_events {
  /* A whole message; opcode is WS_TEXT or WS_BINARY. Text was checked to be UTF-8. Return false to stop the feed
   * (the rest of the piece stays unconsumed; ws_decoder_feed says how much was taken). */
  bool (*message)(void *user, ws_opcode opcode, uint8_t *data, size_t size);
  /* WS_PING or WS_PONG, at most WS_CONTROL_MAX bytes. Return as above. */
  bool (*control)(void *user, ws_opcode opcode, const uint8_t *data, size_t size);
  /* The peer's close: code as it came (any that may be on the wire: 1000-1003, 1007-1014, 1016-4999), WS_CODE_EMPTY
   * when there was none; reason is UTF-8, not NUL-terminated, at most 123 bytes. Nothing follows. */
  void (*close)(void *user, int code, const char *reason, size_t size);
} ws_events;

typedef struct ws_decoder {
  ws_role role;               /* ours: a client refuses masked frames, a server unmasked ones (section 5.1) */
  const ws_events *events;
  void *user;
  size_t message_max;
  buf message;                /* fragments, and messages that did not come in one piece */
  uint64_t frame_left;        /* payload still to come of the data frame under way */
  uint32_t utf8_state;        /* of the text message under way */
  uint8_t held[WS_HEADER_MAX + WS_CONTROL_MAX]; /* a header or control frame that is not complete yet */
  uint8_t held_size, held_need;
  uint8_t mask[4];            /* of the data frame under way, turned so that mask[0] is for the next byte */
  uint8_t opcode;             /* of the message under way, 0 when none */
  bool in_frame, fin;         /* a data frame is under way; it is its message's last */
  bool closed;                /* a close frame came, or an error was reported */
} ws_decoder;

/* message_max is the ceiling for one message, all its frames together. events must outlive the decoder. */
void ws_decoder_init(ws_decoder *d, ws_role role, size_t message_max, const ws_events *events, void *user);
void ws_decoder_deinit(ws_decoder *d);

/* Takes bytes. GENAI_OK: *taken bytes were consumed (fewer than size only when an event returned false or after the
 * close). GENAI_ERROR_PROTOCOL (error->close_code = 1002, or 1007 for bad UTF-8), GENAI_ERROR_LIMIT (1009) or
 * GENAI_ERROR_MEMORY (1011): the connection must be failed with that code. The sentence says what was wrong.
 * Bad headers, oversized messages and bad UTF-8 are found at the first byte that decides, not at the frame's end. */
genai_status ws_decoder_feed(ws_decoder *d, uint8_t *data, size_t size, size_t *taken, genai_error *error);

/* Where the transport may read the next payload bytes directly, so that they are not copied twice: room for at least
 * 1 and at most *size bytes, *size being set to it; NULL when ws_decoder_feed must be used (no large frame is under
 * way, or memory is out, which the feed then reports). After reading n bytes into it call ws_decoder_filled. */
uint8_t *ws_decoder_room(ws_decoder *d, size_t *size);
/* As ws_decoder_feed, for the first `size` bytes of the room; an event's answer has no effect, for nothing is left. */
genai_status ws_decoder_filled(ws_decoder *d, size_t size, genai_error *error);

/* Whether nothing of a message or frame is held back (for tests and for an orderly end). */
bool ws_decoder_idle(const ws_decoder *d);

/* Writes a frame header; a client passes its 4 mask bytes, a server NULL. Returns its size (2..14). */
size_t ws_header_write(uint8_t out[WS_HEADER_MAX], ws_opcode opcode, bool fin, uint64_t size, const uint8_t mask[4]);
/* Copies payload XOR mask (section 5.3), starting at `phase` bytes into the payload. in and out may be the same. */
void ws_mask(uint8_t *out, const uint8_t *in, size_t size, const uint8_t mask[4], size_t phase);
/* Writes a close payload; code 0 or WS_CODE_EMPTY gives an empty one. The reason is cut at 123 bytes, at a whole
 * UTF-8 character. Returns its size; the reason must be UTF-8 or NULL. */
size_t ws_close_payload(uint8_t out[WS_CONTROL_MAX], int code, const char *reason);
/* Whether we may send a close code (section 7.4 and IANA's registry: 1000-1003, 1007-1014, 3000-4999). */
bool ws_code_sendable(int code);

#endif
