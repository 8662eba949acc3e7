/* HTTP heads, bodies, upgrade checks and URLs. The first byte chooses what the rest is: an answer, a request, a chunked
 * body or a URL. What pieces the bytes come in must not matter, and what we write we must read back. */
#include <stdlib.h>
#include <string.h>

#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char KEY[] = "dGhlIHNhbXBsZSBub25jZQ==";

static void must(bool truth) {
  if (!truth) abort();
}

/* ---- heads ---- */

/* What a prefix says is final: more bytes change nothing but WOULD_BLOCK. */
static void check_prefixes(bool request, const uint8_t *data, size_t size, genai_status final,
                           const genai_error *error) {
  genai_status last = GENAI_WOULD_BLOCK;
  for (size_t n = 0; n <= size && last == GENAI_WOULD_BLOCK; n += n < 512 ? 1 : n / 4) {
    http_head head;
    genai_error e = {0};
    last = http_head_parse(&head, request, data, n, &e);
    must(last == GENAI_WOULD_BLOCK || (last == final && (!error || strncmp(e.message, error->message, 60) == 0)));
  }
}

static void check_slices(const http_head *head, const uint8_t *data, size_t size) {
  const char *start = (const char *)data, *end = start + size;
  must(head->size <= size && head->size <= HTTP_HEAD_MAX && head->count <= HTTP_FIELDS_MAX);
  for (size_t i = 0; i < head->count; i++) {
    const http_field *f = &head->fields[i];
    must(f->name.data >= start && f->value.data + f->value.size <= end);
    must(http_is_token(f->name.data, f->name.size) && http_is_value(f->value.data, f->value.size));
    must(http_head_field(head, "Host", 0) || !http_slice_is_nocase(f->name, "host"));
  }
}

/* ---- bodies ---- */

typedef struct outcome { genai_status status, eof; size_t taken; http_body body; } outcome;

static outcome read_body(const http_head *head, const uint8_t *data, size_t size, size_t piece) {
  outcome o = {.status = GENAI_OK};
  genai_error error = {0};
  o.status = http_body_init(&o.body, head, 64, &error);
  while (o.status == GENAI_OK && !o.body.done && o.taken < size) {
    size_t n = piece < size - o.taken ? piece : size - o.taken, taken;
    o.status = http_body_feed(&o.body, data + o.taken, n, &taken, &error);
    must(taken <= n && taken > 0 && (taken == n || o.body.done || o.status != GENAI_OK));
    o.taken += taken;
  }
  must(o.body.data.size <= 64);
  if (o.status == GENAI_OK) o.eof = http_body_eof(&o.body, &error);
  must((o.status == GENAI_OK && o.eof == GENAI_OK) == (error.message[0] == '\0'));
  return o;
}

static void check_body(const http_head *head, const uint8_t *data, size_t size) {
  outcome whole = read_body(head, data, size, size + 1), bytewise = read_body(head, data, size, 1);
  must(whole.status == bytewise.status && whole.eof == bytewise.eof && whole.taken == bytewise.taken);
  must(whole.body.cut == bytewise.body.cut && whole.body.data.size == bytewise.body.data.size);
  must(!whole.body.data.size || memcmp(whole.body.data.data, bytewise.body.data.data, whole.body.data.size) == 0);
  http_body_deinit(&whole.body);
  http_body_deinit(&bytewise.body);
}

static void check_head(bool request, const uint8_t *data, size_t size) {
  http_head head;
  http_slice key;
  genai_error error = {0};
  genai_status status = http_head_parse(&head, request, data, size, &error);
  check_prefixes(request, data, size, status, status == GENAI_OK ? NULL : &error);
  if (status != GENAI_OK) return;
  check_slices(&head, data, size);
  check_body(&head, data + head.size, size - head.size);
  if (request && ws_request_check(&head, &key, &error) == GENAI_OK) must(key.size == WS_KEY_SIZE);
  if (!request && ws_response_check(&head, KEY, &error) == GENAI_OK) must(head.status == 101);
}

/* ---- URLs ---- */

static void check_url(const char *text) {
  net_url url;
  genai_error error = {0};
  if (net_url_parse(&url, text, &error) != GENAI_OK) {
    must(error.message[0] != '\0');
    return;
  }
  must(url.port > 0 && url.port < 65536 && url.host[0] && (!url.path.size || url.path.data[0] == '/'));
  net_host_is_loopback(url.host);
  buf out;
  http_head head;
  http_slice key;
  buf_init(&out, 1 << 20);
  const char *target = url.path.size ? url.path.data : "/";
  must(ws_request_write(&out, target, url.host, KEY, NULL, 0, &error) == GENAI_OK);
  genai_status status = http_head_parse(&head, true, out.data, out.size, &error);
  must(status == GENAI_OK || (status == GENAI_ERROR_LIMIT && out.size > HTTP_HEAD_MAX));
  if (status == GENAI_OK) must(head.size == out.size && ws_request_check(&head, &key, &error) == GENAI_OK);
  buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  http_head head;
  if (!size) return 0;
  int kind = data[0] & 3;
  data++;
  size--;
  if (kind < 2) {
    check_head(kind == 1, data, size);
  } else if (kind == 2) {
    must(http_head_parse(&head, false, (const uint8_t *)chunked, sizeof chunked - 1, NULL) == GENAI_OK);
    check_body(&head, data, size);
  } else {
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    check_url(text);
    free(text);
  }
  return 0;
}
