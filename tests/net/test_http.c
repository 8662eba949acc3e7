/* HTTP heads, bodies and the WebSocket upgrade: every rule its own case, whole and at each split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "net/http.h"

/* RFC 6455 section 1.3 */
static const char KEY[] = "dGhlIHNhbXBsZSBub25jZQ==", ACCEPT[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/* Parses the first `size` bytes in memory of exactly that size, which ASan watches; *copy is to be freed. */
static genai_status parse(http_head *head, bool request, const char *text, size_t size, char **copy, genai_error *error) {
  *copy = malloc(size ? size : 1);
  memcpy(*copy, text, size);
  return http_head_parse(head, request, (const uint8_t *)*copy, size, error);
}

static void check_slice(http_slice slice, const char *wanted) {
  assert_int_equal(slice.size, strlen(wanted));
  assert_memory_equal(slice.data, wanted, slice.size);
}

static void check_field(const http_head *head, const char *name, size_t nth, const char *wanted) {
  const http_slice *value = http_head_field(head, name, nth);
  if (!wanted) assert_null(value);
  else assert_non_null(value);
  if (wanted) check_slice(*value, wanted);
}

/* Every shorter piece of a good head asks for more; the head with a body behind it ends where it should. */
static void check_head(http_head *head, bool request, const char *text, size_t size, char **copy) {
  char behind[4096];
  genai_error error = {0};
  for (size_t i = 0; i < size; i++) {
    assert_int_equal(parse(head, request, text, i, copy, &error), GENAI_WOULD_BLOCK);
    free(*copy);
  }
  snprintf(behind, sizeof behind, "%sHTTP/1.1 body", text);
  assert_int_equal(parse(head, request, behind, size + 13, copy, &error), GENAI_OK);
  assert_int_equal(head->size, size);
  free(*copy);
  assert_int_equal(parse(head, request, text, size, copy, &error), GENAI_OK);
  assert_int_equal(head->size, size);
  assert_string_equal(error.message, "");
}

/* ---- heads ---- */

static void test_response(void **state) {
  (void)state;
  static const char text[] = "HTTP/1.1 403 Not this one\r\nContent-Type:application/json\r\ncontent-length: \t 12 \t\r\n"
                             "Empty:\r\nVary: a, b ,c\r\nVARY: \xe2\x9c\x93\td\r\nSet-Cookie: x=1:2\r\n\r\n";
  http_head head;
  char *copy;
  check_head(&head, false, text, sizeof text - 1, &copy);
  assert_int_equal(head.status, 403);
  assert_int_equal(head.minor, 1);
  assert_false(head.request);
  check_slice(head.reason, "Not this one");
  assert_int_equal(head.count, 6);
  check_field(&head, "content-type", 0, "application/json");
  check_field(&head, "Content-Length", 0, "12");
  check_field(&head, "empty", 0, "");
  check_field(&head, "vary", 0, "a, b ,c");
  check_field(&head, "vary", 1, "\xe2\x9c\x93\td");
  check_field(&head, "vary", 2, NULL);
  check_field(&head, "Set-Cookie", 0, "x=1:2");
  check_field(&head, "Cookie", 0, NULL);
  assert_true(http_head_has_token(&head, "Vary", "B"));
  assert_true(http_head_has_token(&head, "Vary", "c"));
  assert_false(http_head_has_token(&head, "Vary", "d"));
  assert_false(http_head_has_token(&head, "Vary", "a, b"));
  assert_false(http_head_has_token(&head, "None", "a"));
  assert_true(http_head_has_token(&head, "Empty", ""));
  free(copy);
}

static void test_sloppy_but_harmless(void **state) {
  (void)state;
  static const struct { const char *text, *reason; int status, minor; } cases[] = {
      {"HTTP/1.1 200\r\n\r\n", "", 200, 1},
      {"HTTP/1.0 200 \r\n\r\n", "", 200, 0},
      {"HTTP/1.1 299 \xc3\xa9t\xc3\xa9\r\n\r\n", "\xc3\xa9t\xc3\xa9", 299, 1},
      {"HTTP/1.1 999 x\r\nA: b\r\n\r\n", "x", 999, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    http_head head;
    char *copy;
    check_head(&head, false, cases[i].text, strlen(cases[i].text), &copy);
    assert_int_equal(head.status, cases[i].status);
    assert_int_equal(head.minor, cases[i].minor);
    check_slice(head.reason, cases[i].reason);
    free(copy);
  }
}

static void test_request(void **state) {
  (void)state;
  static const char text[] = "GET /ws/a?b=c&d HTTP/1.1\r\nHost: localhost:1\r\n\r\n";
  http_head head;
  char *copy;
  check_head(&head, true, text, sizeof text - 1, &copy);
  assert_true(head.request);
  check_slice(head.method, "GET");
  check_slice(head.target, "/ws/a?b=c&d");
  assert_int_equal(head.minor, 1);
  check_field(&head, "HOST", 0, "localhost:1");
  free(copy);
}

/* RFC 9110 section 15.2: interim responses are skipped, but 101 is an answer. */
static void test_interim(void **state) {
  (void)state;
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 101 Go\r\nA: b\r\n\r\n";
  http_head head;
  genai_error error = {0};
  char *copy;
  check_head(&head, false, text, sizeof text - 1, &copy);
  assert_int_equal(head.status, 101);
  assert_int_equal(head.count, 1);
  check_field(&head, "Link", 0, NULL);
  free(copy);
  static char endless[HTTP_HEAD_MAX + 100];
  for (size_t at = 0; at + 25 < sizeof endless; at += 25) memcpy(endless + at, "HTTP/1.1 100 Continue\r\n\r\n", 25);
  assert_int_equal(parse(&head, false, endless, sizeof endless - 50, &copy, &error), GENAI_ERROR_LIMIT);
  free(copy);
}

#define BAD(why, quote) "The peer does not speak proper HTTP/1.1: " why ". It began with \"" quote "\"."

/* The last byte of each text is the one that shows it. */
static void test_bad_heads(void **state) {
  (void)state;
  static const struct { bool request; const char *text; size_t size; const char *sentence; } cases[] = {
#define CASE(request, text, sentence) {request, text, sizeof text - 1, sentence}
      CASE(false, "S", BAD("its answer does not start with \"HTTP/1\"", "S")),
      CASE(false, "HTTP/2", BAD("its answer does not start with \"HTTP/1\"", "HTTP/2")),
      CASE(false, "h", BAD("its answer does not start with \"HTTP/1\"", "h")),
      CASE(false, "\r", BAD("its answer does not start with \"HTTP/1\"", "")),
      CASE(false, "\x15", BAD("it speaks TLS where plain text was expected", ".")),
      CASE(true, "\x16", BAD("it speaks TLS where plain text was expected", ".")),
      CASE(true, "G\x80", BAD("its request does not start with a method", "G.")),
      CASE(true, "{", BAD("its request does not start with a method", "{")),
      CASE(true, "\r", BAD("its request does not start with a method", "")),
      CASE(false, "HTTP/1.1 20\r\n", BAD("its status line is malformed", "HTTP/1.1 20")),
      CASE(false, "HTTP/1.1  200 OK\r\n", BAD("its status line is malformed", "HTTP/1.1  200 OK")),
      CASE(false, "HTTP/1.1 2000 OK\r\n", BAD("its status line is malformed", "HTTP/1.1 2000 OK")),
      CASE(false, "HTTP/1.1 -20 OK\r\n", BAD("its status line is malformed", "HTTP/1.1 -20 OK")),
      CASE(false, "HTTP/1.1 099 OK\r\n", BAD("its status line is malformed", "HTTP/1.1 099 OK")),
      CASE(false, "HTTP/1.x 200 OK\r\n", BAD("its status line is malformed", "HTTP/1.x 200 OK")),
      CASE(false, "HTTP/1.1\t200 OK\r\n", BAD("its status line is malformed", "HTTP/1.1.200 OK")),
      CASE(false, "HTTP/1.1 200 O\0K\r\n", BAD("its status line holds a control character", "HTTP/1.1 200 O.K")),
      CASE(false, "HTTP/1.1 200 O\rK\r\n", BAD("its status line holds a control character", "HTTP/1.1 200 O")),
      CASE(false, "HTTP/1.1 200 OK\n", BAD("a line does not end in CR LF", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\n\n", BAD("a line does not end in CR LF", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\nA: b\n", BAD("a line does not end in CR LF", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n", BAD("a header line is folded", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\n\tA: b\r\n", BAD("a header line is folded", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\nA\r\n", BAD("a header line has no colon", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\n: b\r\n", BAD("a header name is malformed", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\nA : b\r\n", BAD("a header name is malformed", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\nA\xc3\xa9: b\r\n", BAD("a header name is malformed", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\nA\0: b\r\n", BAD("a header name is malformed", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\nA: b\0c\r\n", BAD("a header value holds a control character", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\nA: b\rB: c\r\n", BAD("a header value holds a control character", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\nA: b\r\r\n", BAD("a header value holds a control character", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 200 OK\r\nA: \x7f\r\n", BAD("a header value holds a control character", "HTTP/1.1 200 OK")),
      CASE(false, "HTTP/1.1 100 Continue\r\n\r\nG", BAD("its answer does not start with \"HTTP/1\"", "G")),
      CASE(true, "GET\r", BAD("its request does not start with a method", "GET")),
      CASE(true, "GET /\r\n", BAD("its request line is malformed", "GET /")),
      CASE(true, "GET / HTTP/2.0\r\n", BAD("its request line does not end with HTTP/1.1", "GET / HTTP/2.0")),
      CASE(true, "GET / HTTP/1.1 \r\n", BAD("its request line does not end with HTTP/1.1", "GET / HTTP/1.1 ")),
      CASE(true, "GET / a HTTP/1.1\r\n", BAD("its request line does not end with HTTP/1.1", "GET / a HTTP/1.1")),
      CASE(true, "GET  HTTP/1.1\r\n", BAD("its request target holds a character that needs escaping", "GET  HTTP/1.1")),
      CASE(true, "GET /\xc3\xa9?SECRET HTTP/1.1\r\n",
           BAD("its request target holds a character that needs escaping", "GET /..")),
#undef CASE
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    http_head head;
    genai_error error = {0};
    char *copy;
    for (size_t n = 0; n < cases[i].size; n++) {
      assert_int_equal(parse(&head, cases[i].request, cases[i].text, n, &copy, NULL), GENAI_WOULD_BLOCK);
      free(copy);
    }
    assert_int_equal(parse(&head, cases[i].request, cases[i].text, cases[i].size, &copy, &error), GENAI_ERROR_PROTOCOL);
    assert_string_equal(error.message, cases[i].sentence);
    free(copy);
  }
}

static void test_quote_is_cut(void **state) {
  (void)state;
  http_head head;
  genai_error error = {0};
  char text[100];
  memset(text, 'x', sizeof text);
  assert_int_equal(http_head_parse(&head, false, (const uint8_t *)text, sizeof text, &error), GENAI_ERROR_PROTOCOL);
  assert_string_equal(error.message, BAD("its answer does not start with \"HTTP/1\"", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
  static const char echo[] = "GET /p?key=SECRET HTTP/1.1\r\n";
  assert_int_equal(http_head_parse(&head, false, (const uint8_t *)echo, sizeof echo - 1, &error), GENAI_ERROR_PROTOCOL);
  assert_string_equal(error.message, BAD("its answer does not start with \"HTTP/1\"", "GET /p"));
}

static void test_head_limits(void **state) {
  (void)state;
  static const char sentence[] = "The peer's HTTP head is longer than 32768 bytes or has more than 100 header lines.";
  http_head head;
  genai_error error = {0};
  for (int fields = HTTP_FIELDS_MAX; fields <= HTTP_FIELDS_MAX + 1; fields++) {
    buf text;
    buf_init(&text, HTTP_HEAD_MAX * 2);
    buf_text(&text, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < fields; i++) buf_format(&text, "F%d: %d\r\n", i, i);
    buf_text(&text, "\r\n");
    genai_status status = http_head_parse(&head, false, text.data, text.size, &error);
    assert_int_equal(status, fields == HTTP_FIELDS_MAX ? GENAI_OK : GENAI_ERROR_LIMIT);
    assert_string_equal(error.message, fields == HTTP_FIELDS_MAX ? "" : sentence);
    buf_deinit(&text);
  }
  for (size_t size = HTTP_HEAD_MAX; size <= HTTP_HEAD_MAX + 1; size++) {
    char *text = malloc(size + 10);
    memset(text, 'x', size + 10);
    memcpy(text, "HTTP/1.1 200 OK\r\nA: ", 20);
    assert_int_equal(http_head_parse(&head, false, (uint8_t *)text, HTTP_HEAD_MAX - 1, NULL), GENAI_WOULD_BLOCK);
    assert_int_equal(http_head_parse(&head, false, (uint8_t *)text, HTTP_HEAD_MAX, &error), GENAI_ERROR_LIMIT);
    assert_string_equal(error.message, sentence);
    memcpy(text + size - 4, "\r\n\r\n", 4);
    assert_int_equal(http_head_parse(&head, false, (uint8_t *)text, size + 10, NULL),
                     size == HTTP_HEAD_MAX ? GENAI_OK : GENAI_ERROR_LIMIT);
    free(text);
  }
}

/* ---- bodies ---- */

typedef struct fed { genai_status status; size_t taken; } fed;

/* Feeds in pieces of `first` bytes, then `piece` bytes each, in memory that ends where the piece does. */
static fed feed(http_body *body, const char *text, size_t size, size_t first, size_t piece, genai_error *error) {
  fed f = {GENAI_OK, 0};
  for (size_t at = 0, n = first; at < size && f.status == GENAI_OK && !body->done; at += n, n = piece) {
    if (n > size - at) n = size - at;
    uint8_t *copy = malloc(n + 1);
    size_t taken;
    memcpy(copy, text + at, n);
    f.status = http_body_feed(body, copy, n, &taken, error);
    f.taken += taken;
    free(copy);
  }
  return f;
}

static void start(http_body *body, const char *head_text, size_t keep) {
  http_head head;
  genai_error error = {0};
  assert_int_equal(http_head_parse(&head, false, (const uint8_t *)head_text, strlen(head_text), &error), GENAI_OK);
  assert_int_equal(http_body_init(body, &head, keep, &error), GENAI_OK);
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"

static void test_bodies(void **state) {
  (void)state;
  static const struct { const char *head, *text, *body; size_t keep, behind; bool cut; } cases[] = {
      {"HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n", "hello, more", "hello", 100, 6, false},
      {"HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n", "hello", "hell", 4, 0, true},
      {"HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n", "hello", "hello", 5, 0, false},
      {"HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n", "hello", "", 0, 0, true},
      {"HTTP/1.1 403 No\r\nContent-Length: 5, 05\r\nContent-Length:5\r\n\r\n", "hello", "hello", 100, 0, false},
      {"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "next", "", 100, 4, false},
      {"HTTP/1.1 204 No\r\n\r\n", "next", "", 100, 4, false},
      {"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", "next", "", 100, 4, false},
      {"HTTP/1.1 101 Go\r\n\r\n", "next", "", 100, 4, false},
      {CHUNKED, "5\r\nhello\r\n0\r\n\r\nnext", "hello", 100, 4, false},
      {CHUNKED, "5\r\nhello\r\n00A\r\n, world..\n\r\n0\r\n\r\n", "hello, world..\n", 100, 0, false},
      {CHUNKED, "5\r\nhello\r\na\r\n, world..\n\r\n0\r\n\r\n", "hello, w", 8, 0, true},
      {CHUNKED, "2;a=b;c=\"d\"\r\nhe\r\n3 \t;x\r\nllo\r\n0;last\r\n\r\nX", "hello", 100, 1, false},
      {CHUNKED, "1\r\n\r\r\n1\r\n\n\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\nX", "\r\n", 100, 1, false},
      {CHUNKED, "0\r\n\r\n", "", 100, 0, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t size = strlen(cases[i].text);
    for (size_t first = 1; first <= size; first++) {
      for (int bytewise = 0; bytewise < 2; bytewise++) {
        http_body body;
        genai_error error = {0};
        start(&body, cases[i].head, cases[i].keep);
        fed f = feed(&body, cases[i].text, size, first, bytewise ? 1 : size, &error);
        assert_int_equal(f.status, GENAI_OK);
        assert_int_equal(size - f.taken, cases[i].behind);
        assert_true(body.done);
        assert_int_equal(body.cut, cases[i].cut);
        assert_int_equal(body.data.size, strlen(cases[i].body));
        if (body.data.size) assert_memory_equal(body.data.data, cases[i].body, body.data.size);
        assert_int_equal(http_body_eof(&body, &error), GENAI_OK);
        http_body_deinit(&body);
      }
    }
  }
}

static void test_body_until_the_end(void **state) {
  (void)state;
  http_body body;
  genai_error error = {0};
  start(&body, "HTTP/1.0 500 No\r\n\r\n", 4);
  assert_int_equal(feed(&body, "hello", 5, 2, 1, &error).taken, 5);
  assert_false(body.done);
  assert_true(body.cut);
  assert_int_equal(http_body_eof(&body, &error), GENAI_OK);
  assert_true(body.done);
  assert_memory_equal(body.data.data, "hell", 4);
  http_body_deinit(&body);
}

static void test_body_cut_off(void **state) {
  (void)state;
  static const struct { const char *head, *text; } cases[] = {
      {"HTTP/1.1 403 No\r\nContent-Length: 6\r\n\r\n", "hello"},
      {CHUNKED, "5\r\nhello\r\n0\r\n\r\n"},
      {CHUNKED, "0\r\nA: b\r\n\r\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (size_t size = 0; size < strlen(cases[i].text); size++) {
      http_body body;
      genai_error error = {0};
      start(&body, cases[i].head, 100);
      assert_int_equal(feed(&body, cases[i].text, size, 1, 1, &error).status, GENAI_OK);
      assert_int_equal(http_body_eof(&body, &error), GENAI_ERROR_LOST);
      assert_string_equal(error.message, "The connection ended in the middle of the HTTP body.");
      http_body_deinit(&body);
    }
  }
}

static void test_bad_lengths(void **state) {
  (void)state;
  static const char number[] = "The peer's Content-Length is not one number.";
  static const char both[] = "The peer sent both a Content-Length and a Transfer-Encoding.";
  static const char coding[] = "The peer sent a Transfer-Encoding other than chunked.";
  static const struct { const char *head, *sentence; } cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", number},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", number},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\n", number},
      {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", number},
      {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", number},
      {"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", number},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n", number},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\n", number},
      {"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", number},
      {"HTTP/1.1 204 OK\r\nContent-Length: x\r\n\r\n", number},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", both},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", both},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", coding},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", coding},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n", coding},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", coding},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", coding},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", coding},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    http_head head;
    http_body body;
    genai_error error = {0};
    assert_int_equal(http_head_parse(&head, false, (const uint8_t *)cases[i].head, strlen(cases[i].head), &error), GENAI_OK);
    assert_int_equal(http_body_init(&body, &head, 10, &error), GENAI_ERROR_PROTOCOL);
    assert_string_equal(error.message, cases[i].sentence);
    http_body_deinit(&body);
  }
}

/* The largest length there is, and a request's body. */
static void test_good_lengths(void **state) {
  (void)state;
  http_head head;
  http_body body;
  start(&body, "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n", 10);
  assert_true(body.left == UINT64_MAX);
  static const char *const requests[] = {"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"};
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(http_head_parse(&head, true, (const uint8_t *)requests[i], strlen(requests[i]), NULL), GENAI_OK);
    assert_int_equal(http_body_init(&body, &head, 10, NULL), GENAI_OK);
    assert_int_equal(body.framing, i ? HTTP_BODY_NONE : HTTP_BODY_LENGTH);
    assert_int_equal(body.done, i);
  }
}

#define BAD_CHUNK(what) "The peer's chunked body is malformed: " what "."

/* The last byte of each text is the one that shows it. */
static void test_bad_chunks(void **state) {
  (void)state;
  static const struct { const char *text; size_t size; const char *sentence; } cases[] = {
#define CASE(text, sentence) {text, sizeof text - 1, sentence}
      CASE("\r", BAD_CHUNK("a chunk has no size")),
      CASE(";", BAD_CHUNK("a chunk has no size")),
      CASE(" ", BAD_CHUNK("a chunk has no size")),
      CASE("-", BAD_CHUNK("a chunk has no size")),
      CASE("+", BAD_CHUNK("a chunk has no size")),
      CASE("0x", BAD_CHUNK("a chunk size is no hexadecimal number")),
      CASE("5\n", BAD_CHUNK("a chunk size is no hexadecimal number")),
      CASE("5g", BAD_CHUNK("a chunk size is no hexadecimal number")),
      CASE("5\r5", BAD_CHUNK("a CR without LF")),
      CASE("5;\n", BAD_CHUNK("a line holds a control character")),
      CASE("5 \0", BAD_CHUNK("a line holds a control character")),
      CASE("5;a\rb", BAD_CHUNK("a CR without LF")),
      CASE("1\r\nab", BAD_CHUNK("a chunk is longer than its size")),
      CASE("1\r\na\n", BAD_CHUNK("a chunk is longer than its size")),
      CASE("1\r\na\ra", BAD_CHUNK("a CR without LF")),
      CASE("8000000000000000", BAD_CHUNK("a chunk size is too large")),
      CASE("ffffffffffffffff", BAD_CHUNK("a chunk size is too large")),
      CASE("000000000000000000000000000000001", BAD_CHUNK("a chunk size is too large")),
      CASE("0\r\n\n", BAD_CHUNK("a line holds a control character")),
      CASE("0\r\nA\n", BAD_CHUNK("a line holds a control character")),
      CASE("0\r\nA\rB", BAD_CHUNK("a CR without LF")),
      CASE("0\r\n\rB", BAD_CHUNK("a CR without LF")),
#undef CASE
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (size_t piece = 1; piece <= cases[i].size; piece++) {
      http_body body;
      genai_error error = {0};
      start(&body, CHUNKED, 100);
      assert_int_equal(feed(&body, cases[i].text, cases[i].size - 1, piece, piece, &error).status, GENAI_OK);
      http_body_deinit(&body);
      start(&body, CHUNKED, 100);
      assert_int_equal(feed(&body, cases[i].text, cases[i].size, piece, piece, &error).status, GENAI_ERROR_PROTOCOL);
      assert_string_equal(error.message, cases[i].sentence);
      http_body_deinit(&body);
    }
  }
}

static void test_chunk_lines_are_bounded(void **state) {
  (void)state;
  for (int trailers = 0; trailers < 2; trailers++) {
    size_t most = trailers ? 8192 : 1024;
    char *text = malloc(10000), sentence[128];
    http_body body;
    genai_error error = {0};
    memset(text, 'x', 10000);
    memcpy(text, trailers ? "0\r\n" : "5;", trailers ? 3 : 2);
    start(&body, CHUNKED, 100);
    fed f = feed(&body, text, 10000, 7, 11, &error);
    snprintf(sentence, sizeof sentence, "The peer's chunked body has a line of more than %zu bytes.", most);
    assert_int_equal(f.status, GENAI_ERROR_LIMIT);
    assert_string_equal(error.message, sentence);
    assert_true(f.taken <= most + 4);
    http_body_deinit(&body);
    free(text);
  }
}

static void test_body_allocation_fails(void **state) {
  (void)state;
  http_body body;
  genai_error error = {0};
  size_t taken;
  start(&body, CHUNKED, 100);
  fail_alloc_use(1);
  assert_int_equal(http_body_feed(&body, (const uint8_t *)"5\r\nhello\r\n0\r\n\r\n", 15, &taken, &error), GENAI_ERROR_MEMORY);
  http_body_deinit(&body);
  assert_true(fail_alloc_done());
  assert_int_equal(fail_alloc.alive, 0);
}

/* ---- writing ---- */

static void check_text(buf *out, const char *wanted) {
  const char *text = buf_cstr(out);
  assert_non_null(text);
  assert_string_equal(text, wanted);
}

static void test_write(void **state) {
  (void)state;
  const genai_string_pair headers[] = {{"Content-Type", "application/json"}, {"x-goog-api-key", ""}};
  buf out;
  genai_error error = {0};
  buf_init(&out, 1000);
  assert_int_equal(http_request_write(&out, "POST", "/v1/tokens?a=b", headers, 2, &error), GENAI_OK);
  assert_int_equal(http_response_write(&out, 404, "Not Found", headers, 1, &error), GENAI_OK);
  assert_int_equal(http_response_write(&out, 200, "", NULL, 0, &error), GENAI_OK);
  check_text(&out, "POST /v1/tokens?a=b HTTP/1.1\r\nContent-Type: application/json\r\nx-goog-api-key: \r\n\r\n"
                   "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\nHTTP/1.1 200 \r\n\r\n");
  buf_deinit(&out);
}

static void test_write_upgrade(void **state) {
  (void)state;
  const genai_string_pair headers[] = {{"x-goog-api-key", "k"}};
  buf out;
  genai_error error = {0};
  buf_init(&out, 1000);
  assert_int_equal(ws_request_write(&out, "/ws?a", "host:1", KEY, headers, 1, &error), GENAI_OK);
  check_text(&out, "GET /ws?a HTTP/1.1\r\nHost: host:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nx-goog-api-key: k\r\n\r\n");
  http_head head;
  http_slice key;
  assert_int_equal(http_head_parse(&head, true, out.data, out.size, &error), GENAI_OK);
  assert_int_equal(ws_request_check(&head, &key, &error), GENAI_OK);
  check_slice(key, KEY);

  buf answer;
  buf_init(&answer, 1000);
  assert_int_equal(ws_response_write(&answer, key.data, key.size, headers, 1, &error), GENAI_OK);
  check_text(&answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nx-goog-api-key: k\r\n\r\n");
  assert_int_equal(http_head_parse(&head, false, answer.data, answer.size, &error), GENAI_OK);
  assert_int_equal(ws_response_check(&head, KEY, &error), GENAI_OK);
  buf_deinit(&answer);
  buf_deinit(&out);
}

#define NAME " has no valid name: letters, digits and !#$%&'*+-.^_`|~ are allowed."
#define BREAK " holds a line break or another control character."

static void test_write_refuses(void **state) {
  (void)state;
  static const struct { const char *method, *target; genai_string_pair header; const char *sentence; } cases[] = {
      {"GE T", "/", {"A", "b"}, "The request's method is not a word."},
      {"", "/", {"A", "b"}, "The request's method is not a word."},
      {"GET", "", {"A", "b"}, "The request's path is empty or holds a space, a control character or a character that is not ASCII; percent-encode it."},
      {"GET", "/ SECRET", {"A", "b"}, "The request's path is empty or holds a space, a control character or a character that is not ASCII; percent-encode it."},
      {"GET", "/", {NULL, "SECRET"}, "Header 2" NAME},
      {"GET", "/", {"", "SECRET"}, "Header 2" NAME},
      {"GET", "/", {"A:", "SECRET"}, "Header 2" NAME},
      {"GET", "/", {"A\r\nB", "SECRET"}, "Header 2" NAME},
      {"GET", "/", {"A", NULL}, "The value of the header \"A\" is missing."},
      {"GET", "/", {"A", "SECRET\n"}, "The value of the header \"A\"" BREAK},
      {"GET", "/", {"x-key", "SECRET\r\nB: c"}, "The value of the header \"x-key\"" BREAK},
      {"GET", "/", {"A", "\x01SECRET"}, "The value of the header \"A\"" BREAK},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const genai_string_pair headers[] = {{"First", "1"}, cases[i].header};
    buf out;
    genai_error error = {0};
    buf_init(&out, 1000);
    buf_text(&out, "before");
    assert_int_equal(http_request_write(&out, cases[i].method, cases[i].target, headers, 2, &error), GENAI_ERROR_ARGUMENT);
    assert_string_equal(error.message, cases[i].sentence);
    assert_null(strstr(error.message, "SECRET"));
    check_text(&out, "before");
    buf_deinit(&out);
  }
}

static void test_write_refuses_response(void **state) {
  (void)state;
  genai_error error = {0};
  buf out;
  buf_init(&out, 1000);
  static const struct { int status; const char *reason; } cases[] = {{99, "x"}, {1000, "x"}, {200, "a\r\nb"}};
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(http_response_write(&out, cases[i].status, cases[i].reason, NULL, 0, &error), GENAI_ERROR_ARGUMENT);
    assert_string_equal(error.message, "The response's status or reason is malformed.");
  }
  assert_int_equal(out.size, 0);
}

static void test_write_reserved(void **state) {
  (void)state;
  static const char *const names[] = {"host", "Upgrade", "CONNECTION", "Sec-WebSocket-Key", "sec-websocket-extensions",
                                      "Sec-WebSocket-", "Content-Length", "transfer-encoding"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const genai_string_pair header = {names[i], "SECRET"};
    genai_error error = {0};
    char sentence[128];
    buf out;
    buf_init(&out, 1000);
    snprintf(sentence, sizeof sentence, "The header \"%s\" belongs to the WebSocket handshake and cannot be set.", names[i]);
    assert_int_equal(ws_request_write(&out, "/", "h", KEY, &header, 1, &error), GENAI_ERROR_ARGUMENT);
    assert_string_equal(error.message, sentence);
    assert_int_equal(ws_response_write(&out, KEY, WS_KEY_SIZE, &header, 1, &error), GENAI_ERROR_ARGUMENT);
    assert_string_equal(error.message, sentence);
    assert_int_equal(out.size, 0);
    buf_deinit(&out);
  }
}

/* A bad Host value (from a URL) or key is caught by the same check as any header. */
static void test_write_host_injection(void **state) {
  (void)state;
  genai_error error = {0};
  buf out;
  buf_init(&out, 1000);
  assert_int_equal(ws_request_write(&out, "/", "h\r\nX: y", KEY, NULL, 0, &error), GENAI_ERROR_ARGUMENT);
  assert_string_equal(error.message, "The value of the header \"Host\"" BREAK);
}

static void test_write_ceiling_and_memory(void **state) {
  (void)state;
  genai_error error = {0};
  buf out;
  buf_init(&out, 100);
  assert_int_equal(ws_request_write(&out, "/", "h", KEY, NULL, 0, &error), GENAI_ERROR_LIMIT);
  assert_string_equal(error.message, "The HTTP head would be larger than 100 bytes; shorten its headers.");
  assert_int_equal(out.size, 0);
  buf_deinit(&out);
  for (int kind = 0; kind < 2; kind++) {
    int failures = 0;
    bool reached = true;
    for (long n = 1; reached; n++) {
      buf_init(&out, 1000);
      fail_alloc_use(n);
      genai_status status = kind ? ws_request_write(&out, "/", "h", KEY, NULL, 0, &error)
                                 : ws_response_write(&out, KEY, WS_KEY_SIZE, NULL, 0, &error);
      assert_true(status == GENAI_OK || out.size == 0);
      buf_deinit(&out);
      reached = fail_alloc_done();
      assert_int_equal(status, reached ? GENAI_ERROR_MEMORY : GENAI_OK);
      assert_int_equal(fail_alloc.alive, 0);
      failures += reached;
    }
    assert_int_equal(failures, 2);
  }
}

/* ---- the upgrade ---- */

static void test_key_and_accept(void **state) {
  (void)state;
  char key[WS_KEY_SIZE + 1], accept[WS_ACCEPT_SIZE + 1];
  ws_key_write(key, (const uint8_t *)"the sample nonce");
  assert_string_equal(key, KEY);
  ws_accept_write(accept, key, WS_KEY_SIZE);
  assert_string_equal(accept, ACCEPT);
  ws_accept_write(accept, "this is much too long to be a key", 33);
  assert_string_equal(accept, "");
}

#define ANSWER "The server's answer to the WebSocket upgrade is wrong: "

static void test_response_check(void **state) {
  (void)state;
  static const char accept[] = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
  static const struct { const char *line, *fields; bool accept; const char *sentence; } cases[] = {
      {"HTTP/1.1 101 x", "upgrade: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n", true, ""},
      {"HTTP/1.0 101 x", "Upgrade: websocket\r\nConnection: Upgrade\r\n", true, ANSWER "it is HTTP/1.0."},
      {"HTTP/1.1 101 x", "Connection: Upgrade\r\n", true, ANSWER "its Upgrade header is not \"websocket\"."},
      {"HTTP/1.1 101 x", "Upgrade: h2c\r\nConnection: Upgrade\r\n", true, ANSWER "its Upgrade header is not \"websocket\"."},
      {"HTTP/1.1 101 x", "Upgrade: websocket\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", true,
       ANSWER "its Upgrade header is not \"websocket\"."},
      {"HTTP/1.1 101 x", "Upgrade: websocket\r\n", true, ANSWER "its Connection header does not name Upgrade."},
      {"HTTP/1.1 101 x", "Upgrade: websocket\r\nConnection: close\r\n", true, ANSWER "its Connection header does not name Upgrade."},
      {"HTTP/1.1 101 x", "Upgrade: websocket\r\nConnection: Upgrade\r\n", false, ANSWER "there is not one Sec-WebSocket-Accept header."},
      {"HTTP/1.1 101 x", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n", true,
       ANSWER "there is not one Sec-WebSocket-Accept header."},
      {"HTTP/1.1 101 x", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n", false,
       ANSWER "its Sec-WebSocket-Accept does not answer our key, so it comes from a cache or from no WebSocket server."},
      {"HTTP/1.1 101 x", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", true,
       ANSWER "it uses an extension that was not asked for."},
      {"HTTP/1.1 101 x", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\n", true,
       ANSWER "it uses a subprotocol that was not asked for."},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[1024];
    http_head head;
    genai_error error = {0};
    snprintf(text, sizeof text, "%s\r\n%s%s\r\n", cases[i].line, cases[i].fields, cases[i].accept ? accept : "");
    assert_int_equal(http_head_parse(&head, false, (uint8_t *)text, strlen(text), &error), GENAI_OK);
    assert_int_equal(ws_response_check(&head, KEY, &error), cases[i].sentence[0] ? GENAI_ERROR_PROTOCOL : GENAI_OK);
    assert_string_equal(error.message, cases[i].sentence);
  }
}

static void test_response_refused(void **state) {
  (void)state;
  static const char text[] = "HTTP/1.1 429 Too many\r\n\r\n";
  http_head head;
  genai_error error = {0};
  assert_int_equal(http_head_parse(&head, false, (const uint8_t *)text, sizeof text - 1, &error), GENAI_OK);
  assert_int_equal(ws_response_check(&head, KEY, &error), GENAI_ERROR_HTTP);
  assert_int_equal(error.http_status, 429);
  assert_string_equal(error.message, "The server refused the WebSocket upgrade with HTTP status 429.");
}

#define REQUEST "The request is no WebSocket upgrade: "
#define GOOD "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
#define GOOD_KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define NO_KEY REQUEST "its Sec-WebSocket-Key is not 16 bytes in base64."

static void test_request_check(void **state) {
  (void)state;
  static const struct { const char *text; int http_status; const char *sentence; } cases[] = {
      {"GET / HTTP/1.1\r\n" GOOD GOOD_KEY "\r\n", 0, ""},
      {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nUPGRADE: WebSocket\r\nConnection: keep-alive, upgrade\r\n"
       "Sec-WebSocket-Version: 13\r\n" GOOD_KEY "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 0, ""},
      {"POST / HTTP/1.1\r\n" GOOD GOOD_KEY "\r\n", 405, REQUEST "its method is not GET."},
      {"get / HTTP/1.1\r\n" GOOD GOOD_KEY "\r\n", 405, REQUEST "its method is not GET."},
      {"GET / HTTP/1.0\r\n" GOOD GOOD_KEY "\r\n", 400, REQUEST "it is HTTP/1.0."},
      {"GET / HTTP/1.1\r\nHost: i\r\n" GOOD GOOD_KEY "\r\n", 400, REQUEST "there is not one Host header."},
      {"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" GOOD_KEY "\r\n", 400,
       REQUEST "there is not one Host header."},
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 426, REQUEST "its Upgrade header does not name websocket."},
      {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\n", 426, REQUEST "its Upgrade header does not name websocket."},
      {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n", 400,
       REQUEST "its Connection header does not name Upgrade."},
      {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n" GOOD_KEY "\r\n", 426,
       REQUEST "its Sec-WebSocket-Version is not 13."},
      {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" GOOD_KEY "\r\n", 426,
       REQUEST "its Sec-WebSocket-Version is not 13."},
      {"GET / HTTP/1.1\r\n" GOOD "\r\n", 400, NO_KEY},
      {"GET / HTTP/1.1\r\n" GOOD GOOD_KEY GOOD_KEY "\r\n", 400, NO_KEY},
      {"GET / HTTP/1.1\r\n" GOOD "Sec-WebSocket-Key:\r\n\r\n", 400, NO_KEY},
      {"GET / HTTP/1.1\r\n" GOOD "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n", 400, NO_KEY},
      {"GET / HTTP/1.1\r\n" GOOD "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n", 400, NO_KEY},
      {"GET / HTTP/1.1\r\n" GOOD "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==\r\n\r\n", 400, NO_KEY},
      {"GET / HTTP/1.1\r\n" GOOD "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n\r\n", 400, NO_KEY},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    http_head head;
    http_slice key = {NULL, 0};
    genai_error error = {0};
    assert_int_equal(http_head_parse(&head, true, (const uint8_t *)cases[i].text, strlen(cases[i].text), &error), GENAI_OK);
    assert_int_equal(ws_request_check(&head, &key, &error), cases[i].http_status ? GENAI_ERROR_PROTOCOL : GENAI_OK);
    assert_string_equal(error.message, cases[i].sentence);
    assert_int_equal(error.http_status, cases[i].http_status);
    if (!cases[i].http_status) check_slice(key, KEY);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_response),
      cmocka_unit_test(test_sloppy_but_harmless),
      cmocka_unit_test(test_request),
      cmocka_unit_test(test_interim),
      cmocka_unit_test(test_bad_heads),
      cmocka_unit_test(test_quote_is_cut),
      cmocka_unit_test(test_head_limits),
      cmocka_unit_test(test_bodies),
      cmocka_unit_test(test_body_until_the_end),
      cmocka_unit_test(test_body_cut_off),
      cmocka_unit_test(test_bad_lengths),
      cmocka_unit_test(test_good_lengths),
      cmocka_unit_test(test_bad_chunks),
      cmocka_unit_test(test_chunk_lines_are_bounded),
      cmocka_unit_test(test_body_allocation_fails),
      cmocka_unit_test(test_write),
      cmocka_unit_test(test_write_upgrade),
      cmocka_unit_test(test_write_refuses),
      cmocka_unit_test(test_write_refuses_response),
      cmocka_unit_test(test_write_reserved),
      cmocka_unit_test(test_write_host_injection),
      cmocka_unit_test(test_write_ceiling_and_memory),
      cmocka_unit_test(test_key_and_accept),
      cmocka_unit_test(test_response_check),
      cmocka_unit_test(test_response_refused),
      cmocka_unit_test(test_request_check),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
