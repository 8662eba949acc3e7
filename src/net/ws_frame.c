#include "net/ws_frame.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

enum {
  KEEP_MAX = 4096,        /* a larger message buffer is freed with its message: thousands of sessions sit idle */
  DIRECT_MIN = 16 * 1024, /* from this much outstanding payload on (one TLS record) the transport may read into it */
  CODE_PROTOCOL = 1002, CODE_UTF8 = 1007, CODE_TOO_BIG = 1009, CODE_INTERNAL = 1011
};

/* A frame header, as far as it was read (section 5.2). */
typedef struct head {
  uint64_t size;     /* of the payload */
  size_t header_size;
  size_t need;       /* contiguous bytes that must be seen before the frame can be handled */
  uint8_t opcode;
  uint8_t mask[4];
  bool fin;
} head;

static genai_status fail(ws_decoder *d, genai_error *error, genai_status status, int code) {
  d->closed = true;
  if (error) error->close_code = code;
  return status;
}

/* The sentence says what the peer did and which section forbids it. */
#define BROKE(d, error, code, section, ...) \
  fail(d, error, error_set(error, GENAI_ERROR_PROTOCOL, \
                           "The peer broke the WebSocket protocol (RFC 6455 section " section "): " __VA_ARGS__), code)

static genai_status fail_memory(ws_decoder *d, genai_error *error) {
  return fail(d, error, error_memory(error), CODE_INTERNAL);
}

void ws_decoder_init(ws_decoder *d, ws_role role, size_t message_max, const ws_events *events, void *user) {
  *d = (ws_decoder){.role = role, .message_max = message_max, .events = events, .user = user};
  buf_init(&d->message, message_max);
}

void ws_decoder_deinit(ws_decoder *d) { buf_deinit(&d->message); }

bool ws_decoder_idle(const ws_decoder *d) { return !d->held_size && !d->opcode; }

static bool is_control(uint8_t opcode) { return (opcode & 8) != 0; }

/* ---- headers: section 5.2, and which frame may follow which: sections 5.4 and 5.5 ---- */

static genai_status check_first_byte(ws_decoder *d, uint8_t byte, genai_error *error) {
  uint8_t opcode = byte & 15;
  bool fin = (byte & 0x80) != 0;
  if (byte & 0x70)
    return BROKE(d, error, CODE_PROTOCOL, "5.2", "a frame has reserved bits set, but no extension was agreed.");
  if ((opcode > WS_BINARY && opcode < WS_CLOSE) || opcode > WS_PONG)
    return BROKE(d, error, CODE_PROTOCOL, "5.2", "a frame has the reserved opcode %d.", opcode);
  if (is_control(opcode) && !fin)
    return BROKE(d, error, CODE_PROTOCOL, "5.5", "a control frame is fragmented.");
  if (opcode == WS_CONTINUATION && !d->opcode)
    return BROKE(d, error, CODE_PROTOCOL, "5.4", "a continuation frame continues no message.");
  if ((opcode == WS_TEXT || opcode == WS_BINARY) && d->opcode)
    return BROKE(d, error, CODE_PROTOCOL, "5.4", "a new message began before the fragmented one was finished.");
  return GENAI_OK;
}

static genai_status check_second_byte(ws_decoder *d, uint8_t byte, bool control, genai_error *error) {
  bool masked = (byte & 0x80) != 0;
  if (masked && d->role == WS_CLIENT)
    return BROKE(d, error, CODE_PROTOCOL, "5.1", "the server sent a masked frame.");
  if (!masked && d->role == WS_SERVER)
    return BROKE(d, error, CODE_PROTOCOL, "5.1", "the client sent a frame without a mask.");
  if (control && (byte & 0x7F) > WS_CONTROL_MAX)
    return BROKE(d, error, CODE_PROTOCOL, "5.5", "a control frame is longer than 125 bytes.");
  return GENAI_OK;
}

static genai_status check_size(ws_decoder *d, const head *h, size_t length_size, genai_error *error) {
  if (h->size >> 63)
    return BROKE(d, error, CODE_PROTOCOL, "5.2", "the highest bit of a frame's 64-bit length is set.");
  if ((length_size == 2 && h->size < 126) || (length_size == 8 && h->size <= UINT16_MAX))
    return BROKE(d, error, CODE_PROTOCOL, "5.2", "a frame's length is not encoded in the fewest bytes.");
  if (is_control(h->opcode) || h->size <= d->message_max - d->message.size) return GENAI_OK;
  error_set(error, GENAI_ERROR_LIMIT,
            "The peer sent a message of at least %llu bytes, more than the %llu that are allowed; raise the message "
            "ceiling if such messages are expected.",
            (unsigned long long)(h->size + d->message.size), (unsigned long long)d->message_max);
  return fail(d, error, GENAI_ERROR_LIMIT, CODE_TOO_BIG);
}

/* Reads the header of the frame at `data`. GENAI_WOULD_BLOCK: all that is there was checked, h->need bytes are needed
 * to go on. GENAI_OK: a whole header, and for a control frame a whole payload behind it. */
static genai_status head_read(ws_decoder *d, head *h, const uint8_t *data, size_t size, genai_error *error) {
  genai_status status;
  *h = (head){.need = 2};
  if (size < 1) return GENAI_WOULD_BLOCK;
  if ((status = check_first_byte(d, data[0], error)) != GENAI_OK) return status;
  h->fin = (data[0] & 0x80) != 0;
  h->opcode = data[0] & 15;
  if (size < 2) return GENAI_WOULD_BLOCK;
  if ((status = check_second_byte(d, data[1], is_control(h->opcode), error)) != GENAI_OK) return status;

  size_t length = data[1] & 0x7F, length_size = length == 127 ? 8 : length == 126 ? 2 : 0;
  size_t mask_size = d->role == WS_SERVER ? 4 : 0;
  h->header_size = h->need = 2 + length_size + mask_size;
  if (size < 2 + length_size) return GENAI_WOULD_BLOCK;
  h->size = length_size ? 0 : length;
  for (size_t i = 0; i < length_size; i++) h->size = h->size << 8 | data[2 + i];
  if ((status = check_size(d, h, length_size, error)) != GENAI_OK) return status;

  if (is_control(h->opcode)) h->need += (size_t)h->size;
  if (size < h->need) return GENAI_WOULD_BLOCK;
  if (mask_size) memcpy(h->mask, data + 2 + length_size, 4);
  return GENAI_OK;
}

/* ---- control frames: section 5.5 ---- */

static genai_status take_close(ws_decoder *d, const uint8_t *data, size_t size, genai_error *error) {
  if (size == 1)
    return BROKE(d, error, CODE_PROTOCOL, "5.5.1", "a close frame has one byte of payload; a code takes two.");
  int code = size ? data[0] << 8 | data[1] : WS_CODE_EMPTY;
  /* 1016-2999 are unregistered, not forbidden: a real service's word is passed on. */
  if (size && (code < 1000 || code > 4999 || code == 1004 || code == 1005 || code == 1006 || code == 1015))
    return BROKE(d, error, CODE_PROTOCOL, "7.4", "a close frame has the code %d, which may not be sent.", code);
  if (size > 2 && !utf8_valid(data + 2, size - 2))
    return BROKE(d, error, CODE_UTF8, "5.5.1", "the reason in a close frame (code %d) is not UTF-8.", code);
  d->closed = true;
  d->events->close(d->user, code, (const char *)data + (size ? 2 : 0), size ? size - 2 : 0);
  return GENAI_OK;
}

static genai_status take_control(ws_decoder *d, const head *h, uint8_t *data, bool *go_on, genai_error *error) {
  size_t size = (size_t)h->size;
  if (d->role == WS_SERVER) ws_mask(data, data, size, h->mask, 0);
  if (h->opcode == WS_CLOSE) return take_close(d, data, size, error);
  *go_on = d->events->control(d->user, (ws_opcode)h->opcode, data, size);
  return GENAI_OK;
}

/* ---- data frames: section 5.6 ---- */

static genai_status check_text(ws_decoder *d, const uint8_t *data, size_t size, bool last, genai_error *error) {
  if (d->opcode != WS_TEXT) return GENAI_OK;
  d->utf8_state = utf8_feed(d->utf8_state, data, size);
  if (d->utf8_state == UTF8_REJECT || (last && d->utf8_state != UTF8_ACCEPT))
    return BROKE(d, error, CODE_UTF8, "8.1", "a text message is not UTF-8.");
  return GENAI_OK;
}

static void begin_frame(ws_decoder *d, const head *h) {
  if (h->opcode != WS_CONTINUATION) {
    d->opcode = h->opcode;
    d->utf8_state = UTF8_ACCEPT;
  }
  d->in_frame = true;
  d->fin = h->fin;
  d->frame_left = h->size;
  memcpy(d->mask, h->mask, 4);
  /* Doubling stops at the whole message's size once that is known. */
  d->message.ceiling = h->fin ? d->message.size + (size_t)h->size : d->message_max;
}

static bool give_message(ws_decoder *d, uint8_t *data, size_t size) {
  ws_opcode opcode = (ws_opcode)d->opcode;
  d->opcode = 0;
  d->in_frame = false;
  return d->events->message(d->user, opcode, data, size);
}

/* The next `size` bytes of the frame's payload are at the end of the message buffer, still masked. */
static genai_status take_payload(ws_decoder *d, size_t size, bool *go_on, genai_error *error) {
  static uint8_t nothing[1];
  uint8_t *data = d->message.data ? d->message.data + d->message.size : nothing;
  if (d->role == WS_SERVER) {
    uint8_t mask[4];
    memcpy(mask, d->mask, 4);
    ws_mask(data, data, size, mask, 0);
    for (size_t i = 0; i < 4; i++) d->mask[i] = mask[(size + i) & 3];
  }
  buf_commit(&d->message, size);
  d->frame_left -= size;
  bool end = !d->frame_left;
  genai_status status = check_text(d, data, size, end && d->fin, error);
  if (status != GENAI_OK || !end) return status;
  d->in_frame = false;
  if (!d->fin) return GENAI_OK;
  *go_on = give_message(d, d->message.data ? d->message.data : nothing, d->message.size);
  buf_clear(&d->message);
  if (d->message.capacity > KEEP_MAX) buf_deinit(&d->message);
  return GENAI_OK;
}

static genai_status copy_payload(ws_decoder *d, const uint8_t *data, size_t size, bool *go_on, genai_error *error) {
  if (size) {
    uint8_t *room = buf_room(&d->message, size);
    if (!room) return fail_memory(d, error);
    memcpy(room, data, size);
  }
  return take_payload(d, size, go_on, error);
}

/* A data frame's payload begins at `data`; `size` bytes of the piece are left. */
static genai_status take_data(ws_decoder *d, const head *h, uint8_t *data, size_t size, size_t *used, bool *go_on,
                              genai_error *error) {
  bool whole = h->fin && h->opcode != WS_CONTINUATION && h->size <= size;
  *used = h->size < size ? (size_t)h->size : size;
  begin_frame(d, h);
  if (!whole) return copy_payload(d, data, *used, go_on, error);
  if (d->role == WS_SERVER) ws_mask(data, data, *used, h->mask, 0);
  genai_status status = check_text(d, data, *used, true, error);
  if (status == GENAI_OK) *go_on = give_message(d, data, *used);
  return status;
}

/* ---- the feed ---- */

/* One frame, or the first part of one, begins at `data`. */
static genai_status take_frame(ws_decoder *d, uint8_t *data, size_t size, size_t *used, bool *go_on,
                               genai_error *error) {
  head h;
  genai_status status = head_read(d, &h, data, size, error);
  if (status == GENAI_WOULD_BLOCK) {
    memmove(d->held, data, size); /* data may be d->held itself */
    d->held_size = (uint8_t)size;
    d->held_need = (uint8_t)h.need;
    *used = size;
    return GENAI_OK;
  }
  if (status != GENAI_OK) return status;
  if (is_control(h.opcode)) {
    *used = h.need;
    return take_control(d, &h, data + h.header_size, go_on, error);
  }
  status = take_data(d, &h, data + h.header_size, size - h.header_size, used, go_on, error);
  *used += h.header_size;
  return status;
}

/* The frame began in an earlier piece: adds what its header or control payload lacks, no byte more. */
static genai_status take_held(ws_decoder *d, const uint8_t *data, size_t size, size_t *used, bool *go_on,
                              genai_error *error) {
  size_t lacking = (size_t)d->held_need - d->held_size, have, unused;
  *used = lacking < size ? lacking : size;
  memcpy(d->held + d->held_size, data, *used);
  have = d->held_size + *used;
  d->held_size = 0;
  return take_frame(d, d->held, have, &unused, go_on, error);
}

static genai_status take_some(ws_decoder *d, uint8_t *data, size_t size, size_t *used, bool *go_on,
                              genai_error *error) {
  if (d->held_size) return take_held(d, data, size, used, go_on, error);
  if (!d->in_frame) return take_frame(d, data, size, used, go_on, error);
  *used = d->frame_left < size ? (size_t)d->frame_left : size;
  return copy_payload(d, data, *used, go_on, error);
}

genai_status ws_decoder_feed(ws_decoder *d, uint8_t *data, size_t size, size_t *taken, genai_error *error) {
  genai_status status = GENAI_OK;
  bool go_on = true;
  *taken = 0;
  while (status == GENAI_OK && go_on && !d->closed && *taken < size) {
    size_t used = 0;
    status = take_some(d, data + *taken, size - *taken, &used, &go_on, error);
    *taken += used;
  }
  return status;
}

uint8_t *ws_decoder_room(ws_decoder *d, size_t *size) {
  if (d->closed || !d->in_frame || d->frame_left < DIRECT_MIN) return NULL;
  uint8_t *room = buf_room(&d->message, DIRECT_MIN);
  if (!room) return NULL;
  size_t most = d->message.capacity - d->message.size;
  if (most > d->frame_left) most = (size_t)d->frame_left;
  if (*size > most) *size = most;
  return room;
}

genai_status ws_decoder_filled(ws_decoder *d, size_t size, genai_error *error) {
  bool go_on;
  return size ? take_payload(d, size, &go_on, error) : GENAI_OK;
}

/* ---- the other way ---- */

size_t ws_header_write(uint8_t out[WS_HEADER_MAX], ws_opcode opcode, bool fin, uint64_t size, const uint8_t mask[4]) {
  size_t length_size = size < 126 ? 0 : size <= UINT16_MAX ? 2 : 8, n = 2;
  out[0] = (uint8_t)((fin ? 0x80 : 0) | opcode);
  out[1] = (uint8_t)((mask ? 0x80 : 0) | (length_size == 0 ? size : length_size == 2 ? 126 : 127));
  for (size_t i = length_size; i-- > 0;) out[n++] = (uint8_t)(size >> (8 * i));
  if (mask) {
    memcpy(out + n, mask, 4);
    n += 4;
  }
  return n;
}

void ws_mask(uint8_t *out, const uint8_t *in, size_t size, const uint8_t mask[4], size_t phase) {
  uint8_t bytes[8];
  uint64_t word, a, b, c, d;
  size_t i = 0;
  for (size_t k = 0; k < 8; k++) bytes[k] = mask[(phase + k) & 3];
  memcpy(&word, bytes, 8);
  for (; size - i >= 32; i += 32) { /* named words: compilers keep them in registers, an array they put on the stack */
    memcpy(&a, in + i, 8);
    memcpy(&b, in + i + 8, 8);
    memcpy(&c, in + i + 16, 8);
    memcpy(&d, in + i + 24, 8);
    a ^= word;
    b ^= word;
    c ^= word;
    d ^= word;
    memcpy(out + i, &a, 8);
    memcpy(out + i + 8, &b, 8);
    memcpy(out + i + 16, &c, 8);
    memcpy(out + i + 24, &d, 8);
  }
  for (; i < size; i++) out[i] = in[i] ^ bytes[i & 7];
}

size_t ws_close_payload(uint8_t out[WS_CONTROL_MAX], int code, const char *reason) {
  if (code == 0 || code == WS_CODE_EMPTY) return 0;
  out[0] = (uint8_t)(code >> 8);
  out[1] = (uint8_t)code;
  size_t size = reason ? strlen(reason) : 0;
  if (size > WS_CONTROL_MAX - 2) {
    size = WS_CONTROL_MAX - 2;
    while (size && ((uint8_t)reason[size] & 0xC0) == 0x80) size--; /* the next byte must begin a character */
  }
  if (size) memcpy(out + 2, reason, size);
  return size + 2;
}

bool ws_code_sendable(int code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}
