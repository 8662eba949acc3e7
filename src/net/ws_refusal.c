#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "net/ws_private.h"

enum {
  READ_MAX = 64 * 1024, /* of a body */
  KEEP_MAX = 8 * 1024,
  SHOW_MAX = 1024,
  SECRET_MIN = 12       /* characters in a row that, when we sent them, are not shown */
};

struct ws_refusal {
  http_body body;
  bool readable;   /* the framing of the body is understood */
  size_t read;
  int status;
  char reason[64]; /* the status line's */
};

ws_refusal *ws_refusal_new(const http_head *head) {
  ws_refusal *refusal = mem_zalloc(sizeof *refusal);
  if (!refusal) return NULL;
  refusal->status = head->status;
  size_t size = head->reason.size < sizeof refusal->reason ? head->reason.size : sizeof refusal->reason - 1;
  if (utf8_valid((const uint8_t *)head->reason.data, size)) memcpy(refusal->reason, head->reason.data, size);
  refusal->readable = http_body_init(&refusal->body, head, KEEP_MAX, NULL) == GENAI_OK;
  return refusal;
}

void ws_refusal_free(ws_refusal *refusal) {
  if (!refusal) return;
  http_body_deinit(&refusal->body);
  mem_free(refusal);
}

bool ws_refusal_feed(ws_refusal *refusal, const uint8_t *data, size_t size) {
  size_t taken;
  refusal->read += size;
  if (!refusal->readable || http_body_feed(&refusal->body, data, size, &taken, NULL)) return true;
  return refusal->body.done || refusal->read >= READ_MAX;
}

static bool is_token(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

static bool contains(const uint8_t *data, size_t size, const uint8_t *part, size_t part_size) {
  for (size_t i = 0; i + part_size <= size; i++)
    if (!memcmp(data + i, part, part_size)) return true;
  return false;
}

/* Whether a run of characters comes from where our request carries credentials: its query or its caller's headers. */
static bool is_secret(const buf *request, const uint8_t *run, size_t size) {
  static const char own[] = "\r\nSec-WebSocket-Version: 13\r\n"; /* the last of the handshake's own */
  if (size < SECRET_MIN || !request->size) return false;
  const uint8_t *line_end = memchr(request->data, '\r', request->size);
  const uint8_t *query = line_end ? memchr(request->data, '?', (size_t)(line_end - request->data)) : NULL;
  if (query && contains(query, (size_t)(line_end - query), run, size)) return true;
  for (size_t i = 0; i + sizeof own - 1 <= request->size; i++)
    if (!memcmp(request->data + i, own, sizeof own - 1))
      return contains(request->data + i + sizeof own - 1, request->size - i - (sizeof own - 1), run, size);
  return false;
}

/* The character or, of those that make words, the run of characters at `at`. */
static size_t piece_size(const uint8_t *at, size_t size) {
  size_t n = 0;
  while (n < size && is_token(at[n])) n++;
  if (n) return n;
  for (n = 1; at[0] >= 0xC0 && n < size && (at[n] & 0xC0) == 0x80;) n++;
  return n;
}

/* One line: white space collapsed, nothing unprintable, nothing secret, cut at the ceiling of `out`. */
static void quote(buf *out, const uint8_t *body, size_t size, const buf *request) {
  bool text = utf8_valid(body, size), space = false;
  for (size_t i = 0, n; i < size && !out->failed; i += n) {
    const uint8_t *at = body + i;
    n = piece_size(at, size - i);
    if (*at <= ' ' || *at == 0x7F) {
      space = out->size > 0;
      continue;
    }
    if (space) buf_byte(out, ' ');
    space = false;
    if (is_secret(request, at, n)) buf_text(out, "***");
    else if (*at >= 0x80 && !text) buf_byte(out, '?');
    else buf_append(out, at, n);
  }
}

genai_status ws_refusal_explain(const ws_refusal *refusal, const char *host, int port, const buf *request,
                                genai_error *error) {
  const buf *body = &refusal->body.data;
  size_t size = body->size;
  if (refusal->body.cut) /* maybe inside a character */
    while (size && body->data[size - 1] >= 0x80) size--;
  buf reason, shown;
  buf_init(&reason, sizeof refusal->reason);
  buf_init(&shown, SHOW_MAX);
  quote(&reason, (const uint8_t *)refusal->reason, strlen(refusal->reason), request);
  quote(&shown, body->data, size, request);
  error_set(error, GENAI_ERROR_HTTP, "%s port %d refused the WebSocket upgrade with HTTP status %d%s%.*s", host, port,
            refusal->status, reason.size ? " " : "", (int)reason.size, reason.size ? (const char *)reason.data : "");
  if (shown.size) error_append(error, ": %.*s%s", (int)shown.size, (const char *)shown.data, shown.failed ? "..." : "");
  else error_append(error, ".");
  error->http_status = refusal->status;
  buf_deinit(&reason);
  buf_deinit(&shown);
  return GENAI_ERROR_HTTP;
}
