/* Bytes in odd pieces: one at a time, many frames at once, messages in fragments with pings in between, very large ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "talk.h"

enum { LARGE = 10 << 20 };

/* Plain and over TLS; `after` looks at what the peer saw, when it has ended. */
static void both(const step *steps, void (*check)(talk *t), void (*after)(const script *s)) {
  for (int tls = 0; tls < 2; tls++) {
    talk t;
    talk_open(&t, steps, NULL, tls);
    check(&t);
    talk_deinit(&t);
    if (after) after(&t.s);
  }
}

static void ends_with(talk *t, int code, const char *reason) {
  genai_live_message *message;
  genai_error error = {0};
  if (talk_receive(t, &message, &error) != GENAI_CLOSED) fail_msg("%s", error.message);
  assert_int_equal(error.close_code, code);
  assert_string_equal(error.close_reason, reason);
}

/* ---- one byte at a time: the upgrade's head, frame headers, payloads, the close ---- */

static bool in_pieces_of_one(peer_io *io, script *s) {
  (void)s;
  io->piece = 1; /* without Nagle's delay: a segment; over TLS: a record */
  return true;
}

static const step bytewise[] = {CALL(in_pieces_of_one), OPEN, SAYS("one"), FRAME(0x89, "ping"),
                                FRAME(0x01, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"\xE2"), FRAME(0x00, "\x82"),
                                FRAME(0x80, "\xAC\"}]}}}"), READ(1), CLOSE(1000, "the end"), DRAIN, END};

static void check_bytewise(talk *t) {
  talk_expect(t, "one");
  talk_expect(t, "\xE2\x82\xAC");
  assert_int_equal(genai_live_send_text(t->session, "back", NULL, NULL), GENAI_OK);
  ends_with(t, 1000, "the end");
}

static void after_bytewise(const script *s) {
  assert_int_equal(s->pongs, 1);
  assert_string_equal(s->pong, "ping");
  assert_non_null(strstr(s->last, "back"));
}

static void one_byte_pieces(void **state) { (void)state; both(bytewise, check_bytewise, after_bytewise); }

/* ---- everything at once: the answer to the upgrade, setupComplete, messages and the close in one write ---- */

static size_t put(char *out, int first, const char *text) {
  size_t size = strlen(text), head = size < 126 ? 2 : 4;
  out[0] = (char)first;
  if (size < 126) out[1] = (char)size;
  else out[1] = 126, out[2] = (char)(size >> 8), out[3] = (char)size;
  memcpy(out + head, text, size);
  return head + size;
}

enum { COALESCED = 500 };

static bool all_at_once(peer_io *io, script *s) {
  static char all[COALESCED * 200], text[200];
  if (!peer_read_head(io, s->head, sizeof s->head) || !peer_upgrade_answer(s->head, all, sizeof all)) return false;
  size_t size = strlen(all);
  size += put(all + size, 0x82, "{\"setupComplete\":{}}");
  for (int i = 0; i < COALESCED; i++) {
    snprintf(text, sizeof text, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"%d%*s\"}]}}}", i, i % 90, "");
    size += put(all + size, i % 2 ? 0x81 : 0x82, text);
    if (i % 50 == 0) size += put(all + size, 0x89, "ping");
  }
  size += put(all + size, 0x88, "\x03\xe8 bye");
  s->close_sent = true;
  return peer_write(io, all, size);
}

static const step coalesced[] = {CALL(all_at_once), DRAIN, END};

static void check_coalesced(talk *t) {
  char text[200];
  for (int i = 0; i < COALESCED; i++) {
    snprintf(text, sizeof text, "%d%*s", i, i % 90, "");
    talk_expect(t, text);
  }
  ends_with(t, 1000, " bye");
}

static void coalesced_frames(void **state) { (void)state; both(coalesced, check_coalesced, NULL); }

/* ---- fragments ---- */

/* 125 bytes are the most in a control frame. */
#define TEN "1234567890"
#define LONGEST TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "12345"

static const step fragmented[] = {
    OPEN, FRAME(0x02, "{\"serverContent\":{\"model"), FRAME(0x89, "1"), FRAME(0x00, ""), FRAME(0x00, "Turn\":{\"parts\":[{\"text\":\"in"),
    FRAME(0x89, ""), FRAME(0x8A, "unasked"), FRAME(0x00, " piec"), FRAME(0x89, LONGEST), FRAME(0x80, "es\"}]}}}"), SAYS("whole"), READ(1),
    CLOSE(1000, ""), DRAIN, END};

static void check_fragmented(talk *t) {
  talk_expect(t, "in pieces");
  talk_expect(t, "whole");
  assert_int_equal(genai_live_send_text(t->session, "thanks", NULL, NULL), GENAI_OK);
  ends_with(t, 1000, "");
}

static void after_fragmented(const script *s) {
  assert_in_range(s->pongs, 1, 3); /* of pings that wait together the last is answered (section 5.5.3) */
  assert_int_equal(strlen(s->pong), 125);
}

static void fragmented_messages_with_pings(void **state) { (void)state; both(fragmented, check_fragmented, after_fragmented); }

/* ---- large ---- */

static bool large_whole(peer_io *io, script *s) {
  (void)s;
  return script_send_text_of(io, LARGE);
}

/* The same in fragments of odd sizes, with a ping after each. */
static bool large_in_fragments(peer_io *io, script *s) {
  static const char before[] = "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"";
  static char piece[100001];
  size_t left = LARGE;
  (void)s;
  memset(piece, 'x', sizeof piece);
  bool fine = peer_frame(io, 0x02, before, sizeof before - 1);
  for (size_t size = 1; fine && left; size = size * 3 % sizeof piece + 1) {
    size_t n = size < left ? size : left;
    fine = peer_frame(io, 0x00, piece, n) && peer_frame(io, 0x89, "?", 1);
    left -= n;
  }
  return fine && peer_frame(io, 0x80, "\"}]}}}", 6);
}

static const step large[] = {OPEN, CALL(large_whole), SAYS("between"), CALL(large_in_fragments), READ(2), CLOSE(1000, ""), DRAIN, END};

static void expect_large(talk *t) {
  genai_live_message *message;
  genai_error error = {0};
  if (talk_receive(t, &message, &error) != GENAI_OK) fail_msg("%s", error.message);
  const char *text = genai_live_message_text(message, 0);
  assert_non_null(text);
  assert_int_equal(strlen(text), LARGE);
  assert_int_equal(strspn(text, "x"), LARGE);
  assert_int_equal(strlen(message->json), message->json_size);
  genai_live_message_free(message);
}

static void check_large(talk *t) {
  expect_large(t);
  talk_expect(t, "between");
  expect_large(t);
  char *text = malloc(LARGE + 1);
  memset(text, 'y', LARGE);
  text[LARGE] = '\0';
  for (int i = 0; i < 2; i++) assert_int_equal(genai_live_send_text(t->session, text, NULL, NULL), GENAI_OK);
  free(text);
  ends_with(t, 1000, "");
}

static void after_large(const script *s) { assert_int_equal(s->messages, 3); }

static void messages_of_10_MB(void **state) { (void)state; both(large, check_large, after_large); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_byte_pieces),
      cmocka_unit_test(coalesced_frames),
      cmocka_unit_test(fragmented_messages_with_pings),
      cmocka_unit_test(messages_of_10_MB),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
