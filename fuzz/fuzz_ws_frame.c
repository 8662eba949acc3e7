/* Frames: whatever the bytes, cutting them into other pieces must not change what the decoder says.
 * The first byte chooses role and ceiling, the second the pieces; the rest is what the peer sent. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "net/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct heard {
  uint64_t hash;
  size_t events, message_max;
  genai_status status;
  genai_error error;
} heard;

static void must(bool truth) {
  if (!truth) abort();
}

static void hash(heard *h, const void *data, size_t size) {
  for (size_t i = 0; i < size; i++) h->hash = (h->hash ^ ((const uint8_t *)data)[i]) * 1099511628211u;
}

static void note(heard *h, int kind, const uint8_t *data, size_t size) {
  must(data != NULL);
  hash(h, &kind, sizeof kind);
  hash(h, &size, sizeof size);
  hash(h, data, size);
  h->events++;
}

static bool on_message(void *user, ws_opcode opcode, uint8_t *data, size_t size) {
  heard *h = user;
  must(size <= h->message_max);
  must(opcode == WS_BINARY || (opcode == WS_TEXT && utf8_valid(data, size)));
  note(h, opcode, data, size);
  memset(data, 0xFF, size); /* it is ours during the call */
  return h->events % 3 != 0;
}

static bool on_control(void *user, ws_opcode opcode, const uint8_t *data, size_t size) {
  heard *h = user;
  must(size <= WS_CONTROL_MAX && (opcode == WS_PING || opcode == WS_PONG));
  note(h, opcode, data, size);
  return h->events % 3 != 0;
}

static void on_close(void *user, int code, const char *reason, size_t size) {
  must(size <= WS_CONTROL_MAX - 2 && utf8_valid((const uint8_t *)reason, size));
  must(code >= 1000 && code <= 4999 && code != 1006);
  note(user, code, (const uint8_t *)reason, size);
}

static const ws_events EVENTS = {on_message, on_control, on_close};

/* Pieces of piece, piece+step, ... bytes; `direct` reads into the message where the decoder offers room. */
static heard hear(ws_role role, size_t message_max, const uint8_t *stream, size_t size, size_t piece, size_t step,
                  bool direct) {
  heard h = {.hash = 14695981039346656037u, .message_max = message_max};
  ws_decoder d;
  ws_decoder_init(&d, role, message_max, &EVENTS, &h);
  for (size_t at = 0; at < size && h.status == GENAI_OK && !d.closed; piece += step) {
    size_t n = piece < size - at ? piece : size - at, taken = n;
    uint8_t *room = direct ? ws_decoder_room(&d, &n) : NULL;
    if (room) {
      must(n >= 1 && n <= size - at);
      memcpy(room, stream + at, n);
      h.status = ws_decoder_filled(&d, n, &h.error);
      taken = n;
    } else {
      uint8_t *copy = malloc(n);
      memcpy(copy, stream + at, n);
      h.status = ws_decoder_feed(&d, copy, n, &taken, &h.error);
      free(copy);
      must(taken <= n && (taken > 0 || h.status != GENAI_OK));
    }
    at += taken;
    must(d.message.capacity <= 2 * size + 32 * 1024 && d.message.size <= message_max);
  }
  ws_decoder_deinit(&d);
  return h;
}

static void same(const heard *a, const heard *b) {
  must(a->status == b->status && a->events == b->events && a->hash == b->hash);
  must(a->error.close_code == b->error.close_code && strcmp(a->error.message, b->error.message) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  ws_role role = data[0] & 1 ? WS_SERVER : WS_CLIENT;
  size_t message_max = data[0] & 2 ? 100 : data[0] & 4 ? 70000 : 1 << 20, first = data[1] & 15, step = data[1] >> 4;
  data += 2;
  size -= 2;
  heard whole = hear(role, message_max, data, size, size + 1, 0, false);
  heard bytewise = hear(role, message_max, data, size, 1, 0, false);
  heard pieces = hear(role, message_max, data, size, first + 1, step, true);
  same(&whole, &bytewise);
  same(&whole, &pieces);
  return 0;
}
