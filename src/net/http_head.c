#include "net/http.h"

#include <string.h>

#include "base/error.h"

enum { QUOTE_MAX = 40 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool is_token_char(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool http_is_token(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (!is_token_char(text[i])) return false;
  return size > 0;
}

bool http_is_value(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7F) return false;
  return true;
}

bool http_is_target(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7F) return false;
  return size > 0;
}

bool http_slice_is(http_slice slice, const char *text) {
  return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

bool http_slice_is_nocase(http_slice slice, const char *text) {
  if (slice.size != strlen(text)) return false;
  for (size_t i = 0; i < slice.size; i++)
    if (lower(slice.data[i]) != lower(text[i])) return false;
  return true;
}

static http_slice trim(const char *data, size_t size) {
  while (size && (*data == ' ' || *data == '\t')) data++, size--;
  while (size && (data[size - 1] == ' ' || data[size - 1] == '\t')) size--;
  return (http_slice){data, size};
}

bool http_list_next(http_slice *rest, http_slice *item) {
  if (!rest->data) return false;
  const char *comma = rest->size ? memchr(rest->data, ',', rest->size) : NULL;
  size_t size = comma ? (size_t)(comma - rest->data) : rest->size;
  *item = trim(rest->data, size);
  *rest = comma ? (http_slice){comma + 1, rest->size - size - 1} : (http_slice){NULL, 0};
  return true;
}

const http_slice *http_head_field(const http_head *head, const char *name, size_t nth) {
  for (size_t i = 0; i < head->count; i++)
    if (http_slice_is_nocase(head->fields[i].name, name) && !nth--) return &head->fields[i].value;
  return NULL;
}

bool http_head_has_token(const http_head *head, const char *name, const char *token) {
  const http_slice *value;
  for (size_t nth = 0; (value = http_head_field(head, name, nth)) != NULL; nth++) {
    http_slice rest = *value, item;
    while (http_list_next(&rest, &item))
      if (http_slice_is_nocase(item, token)) return true;
  }
  return false;
}

/* ---- parsing ---- */

/* What the peer said, safe to print. */
static const char *quote(char out[QUOTE_MAX + 1], const uint8_t *data, size_t size) {
  size_t n = 0;
  for (; n < size && n < QUOTE_MAX && data[n] != '?' && data[n] != '\r' && data[n] != '\n'; n++)
    out[n] = data[n] >= ' ' && data[n] < 0x7F ? (char)data[n] : '.';
  out[n] = '\0';
  return out;
}

/* `size` of the peer's bytes are at `data`, for the sentence. */
static genai_status malformed(const uint8_t *data, size_t size, const char *what, genai_error *error) {
  char text[QUOTE_MAX + 1];
  return error_set(error, GENAI_ERROR_PROTOCOL, "The peer does not speak proper HTTP/1.1: %s. It began with \"%s\".",
                   what, quote(text, data, size));
}

/* The start line, before its end was seen: another protocol must not be waited for. */
static const char *check_start(bool request, const uint8_t *data, size_t size) {
  static const char version[] = "HTTP/1.";
  size_t n = size < sizeof version - 1 ? size : sizeof version - 1;
  if (data[0] == 0x15 || data[0] == 0x16) return "it speaks TLS where plain text was expected";
  if (!request) return memcmp(data, version, n) == 0 ? NULL : "its answer does not start with \"HTTP/1\"";
  for (size_t i = 0; i < size && data[i] != ' '; i++)
    if (!is_token_char((char)data[i])) return "its request does not start with a method";
  return NULL;
}

static const char *parse_status_line(http_head *head, const char *line, size_t size) {
  if (size < 12 || !is_digit(line[7]) || line[8] != ' ' || line[9] < '1' || !is_digit(line[9]) || !is_digit(line[10]) ||
      !is_digit(line[11]) || (size > 12 && line[12] != ' '))
    return "its status line is malformed";
  head->minor = line[7] - '0';
  head->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  head->reason = trim(line + 12, size - 12);
  return http_is_value(line, size) ? NULL : "its status line holds a control character";
}

static const char *parse_request_line(http_head *head, const char *line, size_t size) {
  const char *target = memchr(line, ' ', size);
  if (!target++) return "its request line is malformed";
  size_t rest = size - (size_t)(target - line);
  const char *version = memchr(target, ' ', rest);
  if (!version) return "its request line is malformed";
  head->method = (http_slice){line, (size_t)(target - line) - 1};
  head->target = (http_slice){target, (size_t)(version - target)};
  version++;
  if (size - (size_t)(version - line) != 8 || memcmp(version, "HTTP/1.", 7) != 0 || !is_digit(version[7]))
    return "its request line does not end with HTTP/1.1";
  head->minor = version[7] - '0';
  if (!http_is_token(line, head->method.size)) return "its request does not start with a method";
  return http_is_target(target, head->target.size) ? NULL : "its request target holds a character that needs escaping";
}

static const char *parse_field(http_head *head, const char *line, size_t size) {
  const char *colon = memchr(line, ':', size);
  if (line[0] == ' ' || line[0] == '\t') return "a header line is folded"; /* RFC 9112 section 5.2 */
  if (!colon) return "a header line has no colon";
  size_t name = (size_t)(colon - line);
  if (!http_is_token(line, name)) return "a header name is malformed"; /* also a space before the colon, section 5.1 */
  if (!http_is_value(colon + 1, size - name - 1)) return "a header value holds a control character";
  head->fields[head->count++] = (http_field){{line, name}, trim(colon + 1, size - name - 1)};
  return NULL;
}

static genai_status too_long(genai_error *error) {
  return error_set(error, GENAI_ERROR_LIMIT,
                   "The peer's HTTP head is longer than %d bytes or has more than %d header lines.", HTTP_HEAD_MAX,
                   HTTP_FIELDS_MAX);
}

/* One head at `data`; interim or final. */
static genai_status parse_one(http_head *head, bool request, const uint8_t *data, size_t size, genai_error *error) {
  const char *what = check_start(request, data, size);
  *head = (http_head){.request = request};
  for (size_t at = 0; !what;) {
    const uint8_t *lf = memchr(data + at, '\n', size - at);
    if (!lf) return GENAI_WOULD_BLOCK;
    const char *line = (const char *)data + at;
    size_t n = (size_t)((const char *)lf - line), before = at;
    at += n + 1;
    if (!n || line[n - 1] != '\r') {
      what = "a line does not end in CR LF";
    } else if (!before) {
      what = request ? parse_request_line(head, line, n - 1) : parse_status_line(head, line, n - 1);
    } else if (n == 1) {
      head->size = at;
      return GENAI_OK;
    } else if (head->count == HTTP_FIELDS_MAX) {
      return too_long(error);
    } else {
      what = parse_field(head, line, n - 1);
    }
  }
  return malformed(data, size, what, error);
}

genai_status http_head_parse(http_head *head, bool request, const uint8_t *data, size_t size, genai_error *error) {
  size_t skipped = 0, most = size < HTTP_HEAD_MAX ? size : HTTP_HEAD_MAX;
  for (;;) {
    genai_status status =
        skipped < most ? parse_one(head, request, data + skipped, most - skipped, error) : GENAI_WOULD_BLOCK;
    if (status == GENAI_WOULD_BLOCK && most == HTTP_HEAD_MAX) return too_long(error);
    if (status != GENAI_OK) return status;
    head->size += skipped;
    if (request || head->status >= 200 || head->status == 101) return GENAI_OK;
    skipped = head->size;
  }
}
