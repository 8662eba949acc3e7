#include "net/http.h"

#include <string.h>

#include "base/error.h"

enum { LINE_MAX_SIZE = 1024, TRAILERS_MAX = 8 * 1024 };

/* Chunked coding, RFC 9112 section 7.1: what the next byte belongs to. */
typedef enum chunk_state {
  CHUNK_SIZE,      /* hexadecimal digits */
  CHUNK_EXTENSION, /* anything up to CR */
  CHUNK_SIZE_LF,
  CHUNK_DATA,
  CHUNK_DATA_CR,
  CHUNK_DATA_LF,
  TRAILER_START,   /* of a line: CR ends the body */
  TRAILER,
  TRAILER_LF,
  BODY_LF
} chunk_state;

/* Adds one Content-Length item to what the others said; false when it is no number or another one. */
static bool agree(http_slice item, uint64_t *length, bool *known) {
  uint64_t value = 0;
  for (size_t i = 0; i < item.size; i++) {
    unsigned digit = (unsigned char)item.data[i] - (unsigned)'0';
    if (digit > 9 || value > (UINT64_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  if (!item.size || (*known && value != *length)) return false;
  *known = true;
  *length = value;
  return true;
}

/* All Content-Length lines and their lists (RFC 9110 section 8.6) must agree. */
static bool read_length(const http_head *head, uint64_t *length, bool *known) {
  const http_slice *value;
  for (size_t nth = 0; (value = http_head_field(head, "Content-Length", nth)) != NULL; nth++) {
    http_slice rest = *value, item;
    while (http_list_next(&rest, &item))
      if (!agree(item, length, known)) return false;
  }
  return true;
}

genai_status http_body_init(http_body *body, const http_head *head, size_t keep, genai_error *error) {
  const http_slice *encoding = http_head_field(head, "Transfer-Encoding", 0);
  bool known = false;
  *body = (http_body){.keep = keep, .framing = head->request ? HTTP_BODY_NONE : HTTP_BODY_EOF};
  buf_init(&body->data, keep);
  if (!read_length(head, &body->left, &known))
    return error_set(error, GENAI_ERROR_PROTOCOL, "The peer's Content-Length is not one number.");
  if (encoding && known)
    return error_set(error, GENAI_ERROR_PROTOCOL, "The peer sent both a Content-Length and a Transfer-Encoding.");
  if (encoding && (head->minor < 1 || !http_slice_is_nocase(*encoding, "chunked") ||
                   http_head_field(head, "Transfer-Encoding", 1)))
    return error_set(error, GENAI_ERROR_PROTOCOL, "The peer sent a Transfer-Encoding other than chunked.");
  if (encoding) body->framing = HTTP_BODY_CHUNKED;
  if (known) body->framing = HTTP_BODY_LENGTH;
  /* RFC 9112 section 6.3, rule 1: these never have one, whatever the fields say. */
  if (!head->request && (head->status < 200 || head->status == 204 || head->status == 304))
    body->framing = HTTP_BODY_NONE;
  body->done = body->framing == HTTP_BODY_NONE || (body->framing == HTTP_BODY_LENGTH && !body->left);
  return GENAI_OK;
}

void http_body_deinit(http_body *body) { buf_deinit(&body->data); }

static genai_status keep_bytes(http_body *body, const uint8_t *data, size_t size, genai_error *error) {
  size_t room = body->keep - body->data.size;
  if (size > room) {
    body->cut = true;
    size = room;
  }
  return buf_append(&body->data, data, size) ? GENAI_OK : error_memory(error);
}

/* The next bytes of a length or a chunk. */
static genai_status take_counted(http_body *body, const uint8_t *data, size_t size, size_t *used, genai_error *error) {
  *used = body->left < size ? (size_t)body->left : size;
  body->left -= *used;
  return keep_bytes(body, data, *used, error);
}

static int hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static genai_status bad_chunk(const char *what, genai_error *error) {
  return error_set(error, GENAI_ERROR_PROTOCOL, "The peer's chunked body is malformed: %s.", what);
}

static genai_status end_size_line(http_body *body, uint8_t byte, genai_error *error) {
  if (byte != '\n') return bad_chunk("a CR without LF", error);
  body->line_size = 0;
  body->chunk_state = body->left ? CHUNK_DATA : TRAILER_START;
  return GENAI_OK;
}

static genai_status take_size(http_body *body, uint8_t byte, genai_error *error) {
  int digit = hex_digit(byte);
  if (digit < 0 && !body->line_size) return bad_chunk("a chunk has no size", error);
  if (digit < 0) { /* spaces before an extension or the line's end are sloppy but harmless */
    if (byte != '\r' && byte != ';' && byte != ' ' && byte != '\t')
      return bad_chunk("a chunk size is no hexadecimal number", error);
    body->chunk_state = byte == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
    return GENAI_OK;
  }
  if (body->left >> 59 || ++body->line_size > 32) return bad_chunk("a chunk size is too large", error);
  body->left = body->left << 4 | (unsigned)digit;
  return GENAI_OK;
}

/* An extension or a trailer: skipped, but never longer than its ceiling and never with a stray line end. */
static genai_status skip_line(http_body *body, uint8_t byte, size_t most, int after, genai_error *error) {
  if (byte == '\r') body->chunk_state = after;
  else if ((byte < ' ' && byte != '\t') || byte == 0x7F) return bad_chunk("a line holds a control character", error);
  else if (++body->line_size > most)
    return error_set(error, GENAI_ERROR_LIMIT, "The peer's chunked body has a line of more than %zu bytes.", most);
  return GENAI_OK;
}

static genai_status expect(http_body *body, uint8_t byte, uint8_t wanted, int after, const char *what,
                           genai_error *error) {
  if (byte != wanted) return bad_chunk(what, error);
  body->chunk_state = after;
  return GENAI_OK;
}

static genai_status take_chunk_byte(http_body *body, uint8_t byte, genai_error *error) {
  switch ((chunk_state)body->chunk_state) {
  case CHUNK_SIZE: return take_size(body, byte, error);
  case CHUNK_EXTENSION: return skip_line(body, byte, LINE_MAX_SIZE, CHUNK_SIZE_LF, error);
  case CHUNK_SIZE_LF: return end_size_line(body, byte, error);
  case CHUNK_DATA_CR: return expect(body, byte, '\r', CHUNK_DATA_LF, "a chunk is longer than its size", error);
  case CHUNK_DATA_LF: return expect(body, byte, '\n', CHUNK_SIZE, "a CR without LF", error);
  case TRAILER_START:
    body->chunk_state = byte == '\r' ? BODY_LF : TRAILER;
    return byte == '\r' ? GENAI_OK : skip_line(body, byte, TRAILERS_MAX, TRAILER_LF, error);
  case TRAILER: return skip_line(body, byte, TRAILERS_MAX, TRAILER_LF, error);
  case TRAILER_LF: return expect(body, byte, '\n', TRAILER_START, "a CR without LF", error);
  case BODY_LF:
    body->done = true;
    return expect(body, byte, '\n', BODY_LF, "a CR without LF", error);
  case CHUNK_DATA: break;
  }
  return GENAI_OK;
}

static genai_status take_chunked(http_body *body, const uint8_t *data, size_t size, size_t *used, genai_error *error) {
  if (body->chunk_state != CHUNK_DATA) {
    *used = 1;
    return take_chunk_byte(body, *data, error);
  }
  genai_status status = take_counted(body, data, size, used, error);
  if (!body->left) body->chunk_state = CHUNK_DATA_CR;
  return status;
}

genai_status http_body_feed(http_body *body, const uint8_t *data, size_t size, size_t *taken, genai_error *error) {
  genai_status status = GENAI_OK;
  *taken = 0;
  while (status == GENAI_OK && !body->done && *taken < size) {
    const uint8_t *next = data + *taken;
    size_t rest = size - *taken, used = rest;
    if (body->framing == HTTP_BODY_CHUNKED) {
      status = take_chunked(body, next, rest, &used, error);
    } else if (body->framing == HTTP_BODY_LENGTH) {
      status = take_counted(body, next, rest, &used, error);
      body->done = !body->left;
    } else {
      status = keep_bytes(body, next, rest, error);
    }
    *taken += used;
  }
  return status;
}

genai_status http_body_eof(http_body *body, genai_error *error) {
  if (body->framing == HTTP_BODY_EOF) body->done = true;
  if (body->done) return GENAI_OK;
  return error_set(error, GENAI_ERROR_LOST, "The connection ended in the middle of the HTTP body.");
}
