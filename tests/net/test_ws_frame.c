/* Frames, RFC 6455: every rule its own case, every stream whole, byte by byte and split at each point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "fail_alloc.h"
#include "net/ws_frame.h"

enum { MESSAGE_MAX = 1 << 20 };

/* ---- writing what a peer sends ---- */

static const uint8_t MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

static void put_frame(buf *out, ws_role from, ws_opcode opcode, bool fin, const void *data, size_t size) {
  const uint8_t *mask = from == WS_CLIENT ? MASK : NULL;
  uint8_t header[WS_HEADER_MAX];
  assert_true(buf_append(out, header, ws_header_write(header, opcode, fin, size, mask)));
  uint8_t *room = buf_room(out, size + 1);
  assert_non_null(room);
  if (mask) ws_mask(room, data, size, mask, 0);
  else if (size) memcpy(room, data, size);
  buf_commit(out, size);
}

static void put_text(buf *out, ws_role from, ws_opcode opcode, bool fin, const char *text) {
  put_frame(out, from, opcode, fin, text, strlen(text));
}

/* ---- a log of what the decoder reported ---- */

typedef struct log {
  buf text;
  int stop_after; /* the n-th event returns false; 0: never */
  int events;
} log;

static uint32_t checksum(const uint8_t *data, size_t size) {
  uint32_t sum = 2166136261u;
  for (size_t i = 0; i < size; i++) sum = (sum ^ data[i]) * 16777619u;
  return sum;
}

static bool note(log *l, const char *kind, int number, const uint8_t *data, size_t size) {
  assert_non_null(data);
  if (size <= 130) buf_format(&l->text, "%s %d <%.*s>\n", kind, number, (int)size, (const char *)data);
  else buf_format(&l->text, "%s %d #%zu %08x\n", kind, number, size, (unsigned)checksum(data, size));
  return ++l->events != l->stop_after;
}

static bool on_message(void *user, ws_opcode opcode, uint8_t *data, size_t size) {
  bool go_on = note(user, "message", opcode, data, size);
  memset(data, '!', size); /* it is ours during the call */
  return go_on;
}

static bool on_control(void *user, ws_opcode opcode, const uint8_t *data, size_t size) {
  return note(user, "control", opcode, data, size);
}

static void on_close(void *user, int code, const char *reason, size_t size) {
  note(user, "close", code, (const uint8_t *)reason, size);
}

static const ws_events EVENTS = {on_message, on_control, on_close};

static void log_init(log *l) {
  *l = (log){.stop_after = 0};
  buf_init(&l->text, 1 << 20);
}

static const char *log_text(log *l) {
  const char *text = buf_cstr(&l->text);
  assert_non_null(text);
  return text;
}

/* Feeds a copy (the decoder unmasks in place) in pieces that end at the given offsets. */
static genai_status feed_pieces(ws_decoder *d, const buf *stream, const size_t *ends, size_t count, genai_error *error) {
  genai_status status = GENAI_OK;
  for (size_t i = 0, at = 0; i < count && status == GENAI_OK; at = ends[i++]) {
    size_t size = ends[i] - at, taken;
    uint8_t *copy = malloc(size + 1); /* its exact bounds are watched by ASan */
    if (size) memcpy(copy, stream->data + at, size);
    status = ws_decoder_feed(d, copy, size, &taken, error);
    if (status == GENAI_OK && !d->closed) assert_int_equal(taken, size);
    free(copy);
  }
  return status;
}

static genai_status decode(ws_role role, const buf *stream, const size_t *ends, size_t count, log *l, genai_error *error) {
  ws_decoder d;
  log_init(l);
  ws_decoder_init(&d, role, MESSAGE_MAX, &EVENTS, l);
  genai_status status = feed_pieces(&d, stream, ends, count, error);
  ws_decoder_deinit(&d);
  return status;
}

/* Whole, byte by byte, and split in two at each point: the same events, the same error. */
static void check(ws_role role, const buf *stream, genai_status wanted, int close_code, const char *sentence,
                  const char *events) {
  size_t n = stream->size, *each = malloc((n + 1) * sizeof *each);
  for (size_t i = 0; i < n; i++) each[i] = i + 1;
  for (size_t split = 0; split <= n + 1; split++) {
    size_t two[2] = {split <= n ? split : 0, n};
    genai_error error = {0};
    log l;
    genai_status status =
        split <= n ? decode(role, stream, two, 2, &l, &error) : decode(role, stream, each, n, &l, &error);
    assert_int_equal(status, wanted);
    assert_int_equal(error.status, wanted);
    assert_int_equal(error.close_code, close_code);
    if (sentence) assert_string_equal(error.message, sentence);
    assert_string_equal(log_text(&l), events);
    buf_deinit(&l.text);
  }
  free(each);
}

static ws_role other(ws_role role) { return role == WS_CLIENT ? WS_SERVER : WS_CLIENT; }

/* ---- what is right ---- */

static void put_conversation(buf *out, ws_role from) {
  char large[300];
  memset(large, 'x', sizeof large);
  put_text(out, from, WS_TEXT, true, "Hello");
  put_text(out, from, WS_BINARY, true, "");
  put_text(out, from, WS_TEXT, false, "Hel");
  put_text(out, from, WS_PING, true, "are you there?");
  put_text(out, from, WS_CONTINUATION, false, "");
  put_text(out, from, WS_PONG, true, "");
  put_text(out, from, WS_CONTINUATION, true, "lo");
  put_text(out, from, WS_TEXT, false, "caf\xc3");
  put_text(out, from, WS_CONTINUATION, false, "\xa9 \xf0\x9f");
  put_text(out, from, WS_CONTINUATION, true, "\x98\x80");
  put_text(out, from, WS_BINARY, false, "");
  put_text(out, from, WS_CONTINUATION, true, "");
  put_frame(out, from, WS_BINARY, true, large, 125);
  put_frame(out, from, WS_BINARY, true, large, 126);
  put_frame(out, from, WS_PING, true, large, 125);
  put_frame(out, from, WS_BINARY, false, large, sizeof large);
  put_frame(out, from, WS_CONTINUATION, true, large, sizeof large);
  put_text(out, from, WS_CLOSE, true, "\x03\xe8" "bye \xe2\x9c\x93");
  put_text(out, from, WS_TEXT, true, "after the close");
}

static void test_conversation(void **state) {
  (void)state;
  char x[301], events[2048];
  uint8_t large[600];
  memset(large, 'x', sizeof large);
  memset(x, 'x', 300);
  x[300] = '\0';
  snprintf(events, sizeof events,
           "message 1 <Hello>\nmessage 2 <>\ncontrol 9 <are you there?>\ncontrol 10 <>\nmessage 1 <Hello>\n"
           "message 1 <caf\xc3\xa9 \xf0\x9f\x98\x80>\nmessage 2 <>\nmessage 2 <%.125s>\nmessage 2 <%.126s>\n"
           "control 9 <%.125s>\nmessage 2 #600 %08x\nclose 1000 <bye \xe2\x9c\x93>\n",
           x, x, x, (unsigned)checksum(large, sizeof large));
  for (int role = WS_CLIENT; role <= WS_SERVER; role++) {
    buf stream;
    buf_init(&stream, MESSAGE_MAX);
    put_conversation(&stream, other((ws_role)role));
    check((ws_role)role, &stream, GENAI_OK, 0, "", events);
    buf_deinit(&stream);
  }
}

/* RFC 6455 section 5.7: the examples, byte for byte. */
static void test_rfc_examples(void **state) {
  (void)state;
  static const struct { ws_role to; const char *bytes; size_t size; const char *events; } cases[] = {
      {WS_CLIENT, "\x81\x05\x48\x65\x6c\x6c\x6f", 7, "message 1 <Hello>\n"},
      {WS_SERVER, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, "message 1 <Hello>\n"},
      {WS_CLIENT, "\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f", 9, "message 1 <Hello>\n"},
      {WS_CLIENT, "\x89\x05\x48\x65\x6c\x6c\x6f", 7, "control 9 <Hello>\n"},
      {WS_SERVER, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, "control 10 <Hello>\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    buf stream;
    buf_init(&stream, MESSAGE_MAX);
    buf_append(&stream, cases[i].bytes, cases[i].size);
    check(cases[i].to, &stream, GENAI_OK, 0, "", cases[i].events);
    buf_deinit(&stream);
  }
  uint8_t header[WS_HEADER_MAX];
  assert_int_equal(ws_header_write(header, WS_BINARY, true, 256, NULL), 4);
  assert_memory_equal(header, "\x82\x7e\x01\x00", 4);
  assert_int_equal(ws_header_write(header, WS_BINARY, true, 65536, NULL), 10);
  assert_memory_equal(header, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
}

static void test_sizes(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 7, 8, 125, 126, 127, 4096, 4097, 65535, 65536, 70000, 300001};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (int role = WS_CLIENT; role <= WS_SERVER; role++) {
      uint8_t *data = malloc(sizes[i] + 1);
      for (size_t k = 0; k < sizes[i]; k++) data[k] = (uint8_t)(k * 31 + (k >> 8));
      buf stream;
      buf_init(&stream, MESSAGE_MAX);
      put_frame(&stream, other((ws_role)role), WS_BINARY, true, data, sizes[i]);
      put_frame(&stream, other((ws_role)role), WS_BINARY, true, data, sizes[i]);
      char wanted[64];
      snprintf(wanted, sizeof wanted, "message 2 #%zu %08x\n", sizes[i], (unsigned)checksum(data, sizes[i]));
      for (size_t split = 0; split < 24; split++) {
        size_t a = split < stream.size ? split : stream.size, ends[3] = {a, stream.size - a / 2, stream.size};
        if (ends[1] < a) ends[1] = a;
        genai_error error = {0};
        log l;
        assert_int_equal(decode((ws_role)role, &stream, ends, 3, &l, &error), GENAI_OK);
        assert_int_equal(l.events, 2);
        if (sizes[i] > 130) assert_memory_equal(log_text(&l), wanted, strlen(wanted));
        buf_deinit(&l.text);
      }
      buf_deinit(&stream);
      free(data);
    }
  }
}

/* ---- what is wrong: each rule, its sentence and its code ---- */

#define WRONG(section, text) "The peer broke the WebSocket protocol (RFC 6455 section " section "): " text

static const struct wrong { ws_role to; const char *bytes; size_t size; int code; const char *sentence, *events; } wrongs[] = {
#define CASE(to, bytes, code, sentence, events) {to, bytes, sizeof bytes - 1, code, sentence, events}
    CASE(WS_CLIENT, "\xc1", 1002, WRONG("5.2", "a frame has reserved bits set, but no extension was agreed."), ""),
    CASE(WS_CLIENT, "\xa1", 1002, WRONG("5.2", "a frame has reserved bits set, but no extension was agreed."), ""),
    CASE(WS_CLIENT, "\x99", 1002, WRONG("5.2", "a frame has reserved bits set, but no extension was agreed."), ""),
    CASE(WS_CLIENT, "\x83", 1002, WRONG("5.2", "a frame has the reserved opcode 3."), ""),
    CASE(WS_CLIENT, "\x87", 1002, WRONG("5.2", "a frame has the reserved opcode 7."), ""),
    CASE(WS_CLIENT, "\x8b", 1002, WRONG("5.2", "a frame has the reserved opcode 11."), ""),
    CASE(WS_CLIENT, "\x8f", 1002, WRONG("5.2", "a frame has the reserved opcode 15."), ""),
    CASE(WS_CLIENT, "\x03", 1002, WRONG("5.2", "a frame has the reserved opcode 3."), ""),
    CASE(WS_CLIENT, "\x09", 1002, WRONG("5.5", "a control frame is fragmented."), ""),
    CASE(WS_CLIENT, "\x0a", 1002, WRONG("5.5", "a control frame is fragmented."), ""),
    CASE(WS_CLIENT, "\x08", 1002, WRONG("5.5", "a control frame is fragmented."), ""),
    CASE(WS_CLIENT, "\x80", 1002, WRONG("5.4", "a continuation frame continues no message."), ""),
    CASE(WS_CLIENT, "\x81\x01x\x00", 1002, WRONG("5.4", "a continuation frame continues no message."), "message 1 <x>\n"),
    CASE(WS_CLIENT, "\x01\x01x\x81", 1002, WRONG("5.4", "a new message began before the fragmented one was finished."), ""),
    CASE(WS_CLIENT, "\x02\x00\x02", 1002, WRONG("5.4", "a new message began before the fragmented one was finished."), ""),
    CASE(WS_CLIENT, "\x81\x80", 1002, WRONG("5.1", "the server sent a masked frame."), ""),
    CASE(WS_SERVER, "\x81\x00", 1002, WRONG("5.1", "the client sent a frame without a mask."), ""),
    CASE(WS_SERVER, "\x88\x00", 1002, WRONG("5.1", "the client sent a frame without a mask."), ""),
    CASE(WS_CLIENT, "\x89\x7e", 1002, WRONG("5.5", "a control frame is longer than 125 bytes."), ""),
    CASE(WS_CLIENT, "\x8a\x7f", 1002, WRONG("5.5", "a control frame is longer than 125 bytes."), ""),
    CASE(WS_SERVER, "\x88\xfe", 1002, WRONG("5.5", "a control frame is longer than 125 bytes."), ""),
    CASE(WS_CLIENT, "\x82\x7e\x00\x7d", 1002, WRONG("5.2", "a frame's length is not encoded in the fewest bytes."), ""),
    CASE(WS_CLIENT, "\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 1002,
         WRONG("5.2", "a frame's length is not encoded in the fewest bytes."), ""),
    CASE(WS_CLIENT, "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 1002,
         WRONG("5.2", "the highest bit of a frame's 64-bit length is set."), ""),
    CASE(WS_CLIENT, "\x88\x01\x03", 1002, WRONG("5.5.1", "a close frame has one byte of payload; a code takes two."), ""),
    CASE(WS_CLIENT, "\x88\x04\x03\xe8\xc3\x28", 1007, WRONG("5.5.1", "the reason in a close frame (code 1000) is not UTF-8."), ""),
    CASE(WS_CLIENT, "\x88\x03\x0b\xb8\xc3", 1007, WRONG("5.5.1", "the reason in a close frame (code 3000) is not UTF-8."), ""),
    CASE(WS_CLIENT, "\x81\x04" "ab\xff", 1007, WRONG("8.1", "a text message is not UTF-8."), ""),
    CASE(WS_CLIENT, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00" "ab\xc0", 1007, WRONG("8.1", "a text message is not UTF-8."), ""),
    CASE(WS_CLIENT, "\x81\x03" "ab\xc3", 1007, WRONG("8.1", "a text message is not UTF-8."), ""),
    CASE(WS_CLIENT, "\x81\x7e\x01\x00\xed\xa0", 1007, WRONG("8.1", "a text message is not UTF-8."), ""),
    CASE(WS_CLIENT, "\x81\x7e\x01\x00\xf4\x90", 1007, WRONG("8.1", "a text message is not UTF-8."), ""),
    CASE(WS_CLIENT, "\x01\x01\xc3\x80\x01\x28", 1007, WRONG("8.1", "a text message is not UTF-8."), ""),
    CASE(WS_CLIENT, "\x01\x01\xc3\x80\x00", 1007, WRONG("8.1", "a text message is not UTF-8."), ""),
    CASE(WS_CLIENT, "\x01\x01\xe2\x89\x01p\x80\x01\x28", 1007, WRONG("8.1", "a text message is not UTF-8."), "control 9 <p>\n"),
    CASE(WS_SERVER, "\x81\x83\x01\x02\x03\x04\xfe", 1007, WRONG("8.1", "a text message is not UTF-8."), ""),
#undef CASE
};

static void test_wrong(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
    const struct wrong *w = &wrongs[i];
    buf stream;
    buf_init(&stream, MESSAGE_MAX);
    buf_append(&stream, w->bytes, w->size);
    check(w->to, &stream, GENAI_ERROR_PROTOCOL, w->code, w->sentence, w->events);
    buf_deinit(&stream);
  }
}

/* The last byte of each wrong stream is the one that decides: without it nothing is wrong yet. */
static void test_wrong_is_early(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
    const struct wrong *w = &wrongs[i];
    genai_error error = {0};
    log l;
    buf stream;
    buf_init(&stream, MESSAGE_MAX);
    buf_append(&stream, w->bytes, w->size - 1);
    size_t end = stream.size;
    assert_int_equal(decode(w->to, &stream, &end, 1, &l, &error), GENAI_OK);
    buf_deinit(&l.text);
    buf_deinit(&stream);
  }
}

static void test_binary_is_unchecked(void **state) {
  (void)state;
  buf stream;
  buf_init(&stream, MESSAGE_MAX);
  put_text(&stream, WS_SERVER, WS_BINARY, false, "\xff\xc3");
  put_text(&stream, WS_SERVER, WS_CONTINUATION, true, "(");
  check(WS_CLIENT, &stream, GENAI_OK, 0, "", "message 2 <\xff\xc3(>\n");
  buf_deinit(&stream);
}

/* ---- closes ---- */

static void test_close_codes(void **state) {
  (void)state;
  for (int code = 0; code <= 65535; code++) {
    bool legal = (code >= 1000 && code <= 4999) && code != 1004 && code != 1005 && code != 1006 && code != 1015;
    uint8_t frame[6] = {0x88, 4, (uint8_t)(code >> 8), (uint8_t)code, 'o', 'k'};
    genai_error error = {0};
    ws_decoder d;
    log l;
    size_t taken;
    char wanted[128] = "";
    log_init(&l);
    ws_decoder_init(&d, WS_CLIENT, MESSAGE_MAX, &EVENTS, &l);
    genai_status status = ws_decoder_feed(&d, frame, sizeof frame, &taken, &error);
    if (legal) snprintf(wanted, sizeof wanted, "close %d <ok>\n", code);
    assert_int_equal(status, legal ? GENAI_OK : GENAI_ERROR_PROTOCOL);
    assert_string_equal(log_text(&l), wanted);
    snprintf(wanted, sizeof wanted, WRONG("7.4", "a close frame has the code %d, which may not be sent."), code);
    assert_string_equal(error.message, legal ? "" : wanted);
    ws_decoder_deinit(&d);
    buf_deinit(&l.text);
  }
}

static void test_close_empty_and_after(void **state) {
  (void)state;
  uint8_t bytes[] = {0x88, 0, 0x81, 1, 'x'};
  genai_error error = {0};
  ws_decoder d;
  log l;
  size_t taken;
  log_init(&l);
  ws_decoder_init(&d, WS_CLIENT, MESSAGE_MAX, &EVENTS, &l);
  assert_int_equal(ws_decoder_feed(&d, bytes, sizeof bytes, &taken, &error), GENAI_OK);
  assert_int_equal(taken, 2);
  assert_int_equal(ws_decoder_feed(&d, bytes + 2, 3, &taken, &error), GENAI_OK);
  assert_int_equal(taken, 0);
  size_t size = 100;
  assert_null(ws_decoder_room(&d, &size));
  assert_string_equal(log_text(&l), "close 1005 <>\n");
  ws_decoder_deinit(&d);
  buf_deinit(&l.text);
}

static void test_close_payload(void **state) {
  (void)state;
  uint8_t out[WS_CONTROL_MAX];
  char reason[200];
  assert_int_equal(ws_close_payload(out, 0, "x"), 0);
  assert_int_equal(ws_close_payload(out, WS_CODE_EMPTY, "x"), 0);
  assert_int_equal(ws_close_payload(out, 1000, NULL), 2);
  assert_memory_equal(out, "\x03\xe8", 2);
  assert_int_equal(ws_close_payload(out, 4999, "bye"), 5);
  assert_memory_equal(out, "\x13\x87" "bye", 5);
  memset(reason, 'r', sizeof reason);
  reason[123] = '\0';
  assert_int_equal(ws_close_payload(out, 1000, reason), 125);
  /* A character of 2, 3 or 4 bytes over the edge is left out whole; one that ends at it stays. */
  static const char *const characters[] = {"\xc3\xa9", "\xe2\x9c\x93", "\xf0\x9f\x98\x80"};
  for (size_t c = 0; c < 3; c++) {
    size_t length = strlen(characters[c]);
    for (size_t before = 123 - length; before <= 123; before++) {
      memset(reason, 'r', sizeof reason);
      memcpy(reason + before, characters[c], length);
      reason[before + length + 5] = '\0';
      size_t size = ws_close_payload(out, 1000, reason);
      assert_int_equal(size, 2 + (before == 123 - length ? 123 : before));
      assert_true(utf8_valid(out + 2, size - 2));
    }
  }
}

static void test_sendable(void **state) {
  (void)state;
  for (int code = -1; code <= 70000; code++) {
    bool wanted = (code >= 3000 && code <= 4999) || (code >= 1000 && code <= 1014);
    if (code == 1004 || code == 1005 || code == 1006) wanted = false;
    assert_int_equal(ws_code_sendable(code), wanted);
  }
}

/* ---- ceilings and memory ---- */

/* Refused as soon as the header claims it, in one frame or with the fragments before it. */
static void test_limit(void **state) {
  (void)state;
  static const struct { const char *bytes; size_t size; const char *sizes; genai_status status; } cases[] = {
      {"\x82\x7e\x03\xe8", 4, "", GENAI_OK},
      {"\x82\x7e\x03\xe9", 4, "1001", GENAI_ERROR_LIMIT},
      {"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10, "9223372036854775807", GENAI_ERROR_LIMIT},
      {"\x02\x01x\x80\x7e\x03\xe7", 7, "", GENAI_OK},
      {"\x02\x01x\x80\x7e\x03\xe8", 7, "1001", GENAI_ERROR_LIMIT},
      {"\x02\x01x\x89\x01p\x00\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 16, "9223372036854775808", GENAI_ERROR_LIMIT},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (size_t step = 1; step <= cases[i].size; step++) {
      uint8_t bytes[32];
      char sentence[256];
      genai_error error = {0};
      genai_status status = GENAI_OK;
      ws_decoder d;
      log l;
      log_init(&l);
      ws_decoder_init(&d, WS_CLIENT, 1000, &EVENTS, &l);
      memcpy(bytes, cases[i].bytes, cases[i].size);
      for (size_t at = 0, taken; at < cases[i].size && status == GENAI_OK; at += step)
        status = ws_decoder_feed(&d, bytes + at, step < cases[i].size - at ? step : cases[i].size - at, &taken, &error);
      snprintf(sentence, sizeof sentence,
               "The peer sent a message of at least %s bytes, more than the 1000 that are allowed; raise the message "
               "ceiling if such messages are expected.", cases[i].sizes);
      assert_int_equal(status, cases[i].status);
      assert_string_equal(error.message, status == GENAI_OK ? "" : sentence);
      assert_int_equal(error.close_code, status == GENAI_OK ? 0 : 1009);
      ws_decoder_deinit(&d);
      buf_deinit(&l.text);
    }
  }
}

/* Memory follows the bytes received, stops at the message's size, and is given back after a large message. */
static void test_memory(void **state) {
  (void)state;
  enum { SIZE = 1000000 };
  uint8_t header[WS_HEADER_MAX], byte;
  genai_error error = {0};
  ws_decoder d;
  log l;
  size_t taken;
  log_init(&l);
  ws_decoder_init(&d, WS_CLIENT, MESSAGE_MAX, &EVENTS, &l);
  size_t n = ws_header_write(header, WS_BINARY, true, SIZE, NULL);
  assert_true(ws_decoder_idle(&d));
  assert_int_equal(ws_decoder_feed(&d, header, n - 1, &taken, &error), GENAI_OK);
  assert_false(ws_decoder_idle(&d));
  assert_int_equal(ws_decoder_feed(&d, header + n - 1, 1, &taken, &error), GENAI_OK);
  assert_int_equal(d.message.capacity, 0);
  for (size_t i = 1; i < SIZE; i++) {
    byte = 'x';
    assert_int_equal(ws_decoder_feed(&d, &byte, 1, &taken, &error), GENAI_OK);
    assert_true(d.message.capacity <= 2 * i + 256 && d.message.capacity <= SIZE);
  }
  assert_false(ws_decoder_idle(&d));
  assert_int_equal(l.events, 0);
  byte = 'x';
  assert_int_equal(ws_decoder_feed(&d, &byte, 1, &taken, &error), GENAI_OK);
  assert_int_equal(l.events, 1);
  assert_int_equal(d.message.capacity, 0);
  assert_true(ws_decoder_idle(&d));
  ws_decoder_deinit(&d);
  buf_deinit(&l.text);
}

/* A message in very many small frames costs no quadratic time: the buffer doubles. */
static void test_many_fragments(void **state) {
  (void)state;
  enum { COUNT = 200000 };
  buf stream;
  genai_error error = {0};
  log l;
  buf_init(&stream, MESSAGE_MAX);
  buf_append(&stream, "\x02\x00", 2);
  for (int i = 0; i < COUNT; i++) buf_append(&stream, "\x00\x01x", 3);
  buf_append(&stream, "\x80\x00", 2);
  size_t end = stream.size;
  fail_alloc_use(0);
  assert_int_equal(decode(WS_CLIENT, &stream, &end, 1, &l, &error), GENAI_OK);
  assert_true(fail_alloc_done());
  assert_true(fail_alloc.seen < 40);
  assert_int_equal(l.events, 1);
  fail_alloc_use(0);
  buf_deinit(&l.text);
  fail_alloc_done();
  buf_deinit(&stream);
}

/* Reading straight into the message: the same result as feeding, for both roles. */
static void test_room(void **state) {
  (void)state;
  enum { SIZE = 200003 };
  for (int role = WS_CLIENT; role <= WS_SERVER; role++) {
    uint8_t *data = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++) data[i] = (uint8_t)('a' + i % 26);
    buf stream;
    genai_error error = {0};
    ws_decoder d;
    log l;
    char wanted[64];
    buf_init(&stream, MESSAGE_MAX);
    put_frame(&stream, other((ws_role)role), WS_TEXT, true, data, SIZE);
    put_frame(&stream, other((ws_role)role), WS_PING, true, "p", 1);
    snprintf(wanted, sizeof wanted, "message 1 #%d %08x\ncontrol 9 <p>\n", SIZE, (unsigned)checksum(data, SIZE));
    log_init(&l);
    ws_decoder_init(&d, (ws_role)role, MESSAGE_MAX, &EVENTS, &l);
    size_t direct = 0;
    for (size_t at = 0, piece = 1; at < stream.size; piece = piece % 4999 + 7) {
      size_t left = stream.size - at, size = piece < left ? piece : left, taken;
      uint8_t *room = ws_decoder_room(&d, &size);
      if (room) {
        assert_true(size >= 1 && size <= piece);
        memcpy(room, stream.data + at, size);
        assert_int_equal(ws_decoder_filled(&d, size, &error), GENAI_OK);
        direct += size;
      } else {
        size = piece < left ? piece : left;
        assert_int_equal(ws_decoder_feed(&d, stream.data + at, size, &taken, &error), GENAI_OK);
        assert_int_equal(taken, size);
      }
      at += size;
    }
    assert_true(direct > SIZE - 32 * 1024);
    assert_string_equal(log_text(&l), wanted);
    assert_true(ws_decoder_idle(&d));
    ws_decoder_deinit(&d);
    buf_deinit(&l.text);
    buf_deinit(&stream);
    free(data);
  }
}

static void test_room_errors(void **state) {
  (void)state;
  uint8_t header[WS_HEADER_MAX];
  genai_error error = {0};
  ws_decoder d;
  log l;
  size_t taken, size = 3;
  log_init(&l);
  ws_decoder_init(&d, WS_CLIENT, MESSAGE_MAX, &EVENTS, &l);
  ws_decoder_feed(&d, header, ws_header_write(header, WS_TEXT, true, 100000, NULL), &taken, &error);
  uint8_t *room = ws_decoder_room(&d, &size);
  assert_non_null(room);
  memcpy(room, "ab\xff", 3);
  assert_int_equal(ws_decoder_filled(&d, 3, &error), GENAI_ERROR_PROTOCOL);
  assert_int_equal(error.close_code, 1007);
  assert_null(ws_decoder_room(&d, &size));
  ws_decoder_deinit(&d);

  ws_decoder_init(&d, WS_CLIENT, MESSAGE_MAX, &EVENTS, &l);
  ws_decoder_feed(&d, header, ws_header_write(header, WS_BINARY, true, 100000, NULL), &taken, &error);
  fail_alloc_use(1);
  assert_null(ws_decoder_room(&d, &size));
  fail_alloc_use(1);
  assert_int_equal(ws_decoder_feed(&d, header, 1, &taken, &error), GENAI_ERROR_MEMORY);
  assert_int_equal(error.close_code, 1011);
  ws_decoder_deinit(&d);
  fail_alloc_done();
  buf_deinit(&l.text);
}

static void test_each_allocation_fails(void **state) {
  (void)state;
  buf stream;
  bool reached = true;
  int failures = 0;
  buf_init(&stream, MESSAGE_MAX);
  put_conversation(&stream, WS_CLIENT);
  for (long n = 1; reached; n++) {
    genai_error error = {0};
    ws_decoder d;
    log l;
    log_init(&l);
    assert_non_null(buf_room(&l.text, 4096)); /* not what is tested */
    ws_decoder_init(&d, WS_SERVER, MESSAGE_MAX, &EVENTS, &l);
    size_t ends[] = {stream.size - 200, stream.size};
    fail_alloc_use(n);
    genai_status status = feed_pieces(&d, &stream, ends, 2, &error);
    ws_decoder_deinit(&d);
    reached = fail_alloc_done();
    assert_int_equal(fail_alloc.alive, 0);
    assert_int_equal(status, reached ? GENAI_ERROR_MEMORY : GENAI_OK);
    assert_int_equal(error.close_code, reached ? 1011 : 0);
    failures += reached;
    buf_deinit(&l.text);
  }
  assert_true(failures >= 3);
  buf_deinit(&stream);
}

/* ---- stopping ---- */

static void test_stop_after_each_event(void **state) {
  (void)state;
  for (int role = WS_CLIENT; role <= WS_SERVER; role++) {
    for (int stop = 1; stop <= 11; stop++) {
      buf stream;
      genai_error error = {0};
      ws_decoder d;
      log l, whole;
      buf_init(&stream, MESSAGE_MAX);
      put_conversation(&stream, other((ws_role)role));
      size_t end = stream.size, taken, rest;
      assert_int_equal(decode((ws_role)role, &stream, &end, 1, &whole, &error), GENAI_OK);
      log_init(&l);
      l.stop_after = stop;
      ws_decoder_init(&d, (ws_role)role, MESSAGE_MAX, &EVENTS, &l);
      assert_int_equal(ws_decoder_feed(&d, stream.data, stream.size, &taken, &error), GENAI_OK);
      assert_int_equal(l.events, stop);
      assert_true(taken < stream.size);
      assert_int_equal(ws_decoder_feed(&d, stream.data + taken, stream.size - taken, &rest, &error), GENAI_OK);
      assert_string_equal(log_text(&l), log_text(&whole));
      ws_decoder_deinit(&d);
      buf_deinit(&l.text);
      buf_deinit(&whole.text);
      buf_deinit(&stream);
    }
  }
}

static void test_null_error(void **state) {
  (void)state;
  uint8_t bytes[] = {0xff, 0};
  ws_decoder d;
  size_t taken;
  ws_decoder_init(&d, WS_CLIENT, MESSAGE_MAX, &EVENTS, NULL);
  assert_int_equal(ws_decoder_feed(&d, bytes, 2, &taken, NULL), GENAI_ERROR_PROTOCOL);
  ws_decoder_deinit(&d);
}

/* ---- masks ---- */

static void test_mask(void **state) {
  (void)state;
  uint8_t in[200], out[200], expected[200];
  for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)(i * 7 + 3);
  for (size_t offset = 0; offset < 9; offset++) {
    for (size_t size = 0; size + offset <= 100; size++) {
      for (size_t phase = 0; phase < 6; phase++) {
        memset(out, 0xEE, sizeof out);
        memset(expected, 0xEE, sizeof expected);
        for (size_t i = 0; i < size; i++) expected[offset + i] = in[i + 1] ^ MASK[(phase + i) % 4];
        ws_mask(out + offset, in + 1, size, MASK, phase);
        assert_memory_equal(out, expected, sizeof out);
        ws_mask(out + offset, out + offset, size, MASK, phase); /* in place, and back */
        assert_memory_equal(out + offset, in + 1, size);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conversation),        cmocka_unit_test(test_rfc_examples),
      cmocka_unit_test(test_sizes),               cmocka_unit_test(test_wrong),
      cmocka_unit_test(test_wrong_is_early),      cmocka_unit_test(test_binary_is_unchecked),
      cmocka_unit_test(test_close_codes),         cmocka_unit_test(test_close_empty_and_after),
      cmocka_unit_test(test_close_payload),       cmocka_unit_test(test_sendable),
      cmocka_unit_test(test_limit),               cmocka_unit_test(test_memory),
      cmocka_unit_test(test_many_fragments),      cmocka_unit_test(test_room),
      cmocka_unit_test(test_room_errors),         cmocka_unit_test(test_each_allocation_fails),
      cmocka_unit_test(test_stop_after_each_event), cmocka_unit_test(test_null_error),
      cmocka_unit_test(test_mask),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
