/* Who does not keep up: a peer that stops reading, an application that stops receiving. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "talk.h"

/* ---- a peer that stops reading ---- */

enum {
  TEXT_SIZE = 3000,
  OUTBOX_MAX = 60000,
  IN_FLIGHT_MAX = 400000, /* what the stream, both kernels' buffers and the peer's window may hold beyond the outbox */
  PATIENCE_MS = 100
};

static bool wait_then_count(peer_io *io, script *s) {
  int *next = s->user;
  if (!gate_wait(&s->go, 1)) return false;
  for (int number; script_read(io, s); ++*next) {
    const char *mark = strchr(s->last, '#');
    if (!mark || sscanf(mark, "#%d ", &number) != 1 || number != *next) {
      *next = -1; /* one is missing, twice there or out of order */
      return false;
    }
  }
  script_answer_close(io, s);
  peer_drain(io);
  return false;
}

static const step deaf_at_first[] = {OPEN, CALL(wait_then_count)};

static genai_status send_number(talk *t, int number, const genai_wait *wait, genai_error *error) {
  static char text[TEXT_SIZE];
  memset(text, 'x', sizeof text - 1);
  text[snprintf(text, sizeof text, "#%d", number)] = ' ';
  return genai_live_send_text(t->session, text, wait, error);
}

static void a_peer_stops_reading(bool tls) {
  const genai_client_options options = {.outbox_max = OUTBOX_MAX};
  const genai_wait patience = {.timeout_ms = PATIENCE_MS}, no_wait = {.timeout_ms = GENAI_NO_WAIT};
  talk t;
  int sent = 0, counted = 0;
  genai_error error = {0};
  talk_init(&t, deaf_at_first, &options, tls);
  t.s.user = &counted;
  assert_int_equal(genai_live_connect(t.client, &talk_bare, &t.session, NULL, NULL), GENAI_OK);
  genai_status status;
  while ((status = send_number(&t, sent, &patience, &error)) == GENAI_OK) sent++;
  assert_int_equal(status, GENAI_ERROR_TIMEOUT);
  judge("a send to a peer that does not read", &error,
        &(verdict){GENAI_ERROR_TIMEOUT, .says = {"within 100 ms", "Nothing was queued", "outbox is full"}});
  /* The outbox was used up, and little beyond it: what is said next must not queue up in the kernel. */
  if (sent * TEXT_SIZE < OUTBOX_MAX - TEXT_SIZE || sent * TEXT_SIZE > OUTBOX_MAX + IN_FLIGHT_MAX)
    fail_msg("%d texts of %d bytes were taken", sent, TEXT_SIZE);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(send_number(&t, 1000000 + i, &no_wait, &error), GENAI_WOULD_BLOCK);
    judge("a send that may not wait", &error, &(verdict){GENAI_WOULD_BLOCK, .says = {"would have to wait", "Nothing was queued"}});
    assert_int_equal(send_number(&t, 2000000 + i, &(genai_wait){.timeout_ms = 1}, &error), GENAI_ERROR_TIMEOUT);
  }
  gate_open(&t.s.go);
  talk_expect_event(&t, GENAI_LIVE_EVENT_WRITABLE);
  assert_true(genai_live_writable(t.session));
  for (int i = 0; i < 50; i++) assert_int_equal(send_number(&t, sent++, NULL, &error), GENAI_OK);
  assert_int_equal(genai_live_close(t.session, NULL, NULL), GENAI_OK);
  talk_deinit(&t);
  assert_int_equal(counted, sent);
  assert_int_equal(t.s.close_code, 1000);
}

static void a_plain_peer_stops_reading(void **state) { (void)state; a_peer_stops_reading(false); }
static void a_tls_peer_stops_reading(void **state) { (void)state; a_peer_stops_reading(true); }

/* What can never leave must not make the end wait longer than the close may take. */
static void freeing_a_session_whose_peer_does_not_read(void **state) {
  const genai_client_options options = {.outbox_max = OUTBOX_MAX, .close_timeout_ms = 100};
  talk t;
  int sent = 0, counted = 0;
  (void)state;
  talk_init(&t, deaf_at_first, &options, false);
  t.s.user = &counted;
  assert_int_equal(genai_live_connect(t.client, &talk_bare, &t.session, NULL, NULL), GENAI_OK);
  while (send_number(&t, sent, &(genai_wait){.timeout_ms = PATIENCE_MS}, NULL) == GENAI_OK) sent++;
  assert_int_equal(genai_live_free(t.session), GENAI_OK); /* before the peer reads */
  t.session = NULL;
  talk_deinit(&t);
  assert_in_range(counted, 1, sent);
}

/* One message may be larger than the outbox: it waits until it is alone. */
static bool read_two(peer_io *io, script *s) { return script_read(io, s) && script_read(io, s); }
static const step reads_two[] = {OPEN, CALL(read_two), DRAIN, END};

static void a_message_larger_than_the_outbox(void **state) {
  enum { SIZE = 1 << 20 };
  char *text = malloc(SIZE + 1);
  talk t;
  (void)state;
  memset(text, 'x', SIZE);
  text[SIZE] = '\0';
  talk_open(&t, reads_two, &(genai_client_options){.outbox_max = 1000}, false);
  for (int i = 0; i < 2; i++) assert_int_equal(genai_live_send_text(t.session, text, NULL, NULL), GENAI_OK);
  assert_int_equal(genai_live_close(t.session, NULL, NULL), GENAI_OK);
  talk_deinit(&t);
  assert_int_equal(t.s.messages, 3);
  free(text);
}

/* Beyond 64 MiB nothing is encoded; the session does not notice. */
static void a_message_too_large_to_send(void **state) {
  enum { SIZE = 65 << 20 };
  char *text = malloc(SIZE + 1);
  talk t;
  genai_error error = {0};
  (void)state;
  memset(text, 'x', SIZE);
  text[SIZE] = '\0';
  talk_open(&t, reads_two, NULL, false);
  assert_int_equal(genai_live_send_text(t.session, text, NULL, &error), GENAI_ERROR_LIMIT);
  judge("a message too large to send", &error, &(verdict){GENAI_ERROR_LIMIT, .says = {"larger than the ceiling", "Nothing was queued", "smaller pieces"}});
  assert_int_equal(genai_live_send_text(t.session, "small", NULL, NULL), GENAI_OK);
  talk_deinit(&t);
  assert_int_equal(t.s.messages, 2);
  assert_non_null(strstr(t.s.last, "small"));
  free(text);
}

/* ---- an application that stops receiving ---- */

enum {
  INBOX_MAX = 100000,
  MESSAGE_SIZE = 4000,
  MESSAGES = 5000, /* 20 MB: more than any kernel buffers, so that the peer is held up too */
  SILENCE_MS = 50
};

static atomic_int written;

static bool send_numbers(peer_io *io, script *s) {
  static char text[MESSAGE_SIZE + 100];
  int count = *(int *)s->user;
  for (int i = 0; i < count; i++) {
    int size = snprintf(text, sizeof text,
                        "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"#%d %0*d\"}]}}}", i, MESSAGE_SIZE, 0);
    if (!peer_frame(io, 0x82, text, (size_t)size)) return false;
    atomic_store(&written, i + 1);
  }
  return true;
}

static bool drain_bytes(peer_io *io, script *s) {
  (void)s;
  peer_drain(io);
  return false;
}

static const step flooding[] = {OPEN, CALL(send_numbers), CALL(drain_bytes)};
static const step silent[] = {OPEN, CALL(drain_bytes)};

static gate pauses = GATE_INIT;
static void on_log(void *user, genai_log_level level, const char *line) {
  (void)user, (void)level;
  if (strstr(line, "Reading pauses")) gate_open(&pauses);
}

/* Lasts until the keepalive has ended a session whose peer is really gone: longer than it would take with ours. */
static void wait_for_a_death_by_silence(const genai_client_options *options) {
  talk witness;
  genai_live_message *message;
  talk_open(&witness, silent, options, false);
  assert_int_equal(talk_receive(&witness, &message, NULL), GENAI_ERROR_LOST);
  talk_deinit(&witness);
}

static void receive_numbers(talk *t, int count, unsigned *stalls) {
  for (int next = 0, number; next < count;) {
    genai_live_message *m;
    genai_error error = {0};
    if (talk_receive(t, &m, &error) != GENAI_OK) fail_msg("message %d: %s", next, error.message);
    if (m->event) {
      assert_int_equal(m->event->kind, GENAI_LIVE_EVENT_STALLED);
      ++*stalls;
    } else {
      const char *text = genai_live_message_text(m, 0);
      if (!text || sscanf(text, "#%d ", &number) != 1 || number != next) fail_msg("message %d: %.40s", next, text ? text : "no text");
      next++;
    }
    genai_live_message_free(m);
  }
}

static void the_application_stops_receiving(bool tls) {
  const genai_client_options options = {.inbox_max = INBOX_MAX, .keepalive_ms = SILENCE_MS, .keepalive_timeout_ms = SILENCE_MS,
                                        .log = on_log};
  talk t;
  int count = talk_scaled_down(MESSAGES), before = gate_count(&pauses);
  unsigned stalls = 0;
  atomic_store(&written, 0);
  talk_init(&t, flooding, &options, tls);
  t.s.user = &count;
  assert_int_equal(genai_live_connect(t.client, &talk_bare, &t.session, NULL, NULL), GENAI_OK);
  assert_true(gate_wait(&pauses, before + 1));
  wait_for_a_death_by_silence(&options);
  wait_for_a_death_by_silence(&options);
  if (count == MESSAGES) assert_in_range(atomic_load(&written), 1, MESSAGES - 1); /* the rest never left the peer */
  assert_int_equal(gate_count(&pauses), before + 1);
  struct pollfd p = {.fd = genai_live_fd(t.session, NULL), .events = POLLIN};
  assert_int_equal(poll(&p, 1, 0), 1);
  assert_int_equal(genai_live_send_text(t.session, "still here", NULL, NULL), GENAI_OK);
  receive_numbers(&t, count, &stalls);
  assert_true(stalls > 0);
  /* And silence counts again. */
  genai_live_message *message;
  genai_status status;
  while ((status = talk_receive(&t, &message, NULL)) == GENAI_OK) genai_live_message_free(message);
  assert_int_equal(status, GENAI_ERROR_LOST);
  talk_deinit(&t);
}

static void a_plain_application_stops_receiving(void **state) { (void)state; the_application_stops_receiving(false); }
static void a_tls_application_stops_receiving(void **state) { (void)state; the_application_stops_receiving(true); }

/* A session that is closed while it is stalled ends, and what was received is not lost. */
static void closing_while_stalled(void **state) {
  const genai_client_options options = {.inbox_max = INBOX_MAX, .log = on_log, .close_timeout_ms = 100};
  talk t;
  int count = MESSAGES, before = gate_count(&pauses), received = 0;
  genai_live_message *message;
  genai_status status;
  genai_error error = {0};
  (void)state;
  talk_init(&t, flooding, &options, false);
  t.s.user = &count;
  assert_int_equal(genai_live_connect(t.client, &talk_bare, &t.session, NULL, NULL), GENAI_OK);
  assert_true(gate_wait(&pauses, before + 1));
  assert_int_equal(genai_live_close(t.session, NULL, NULL), GENAI_OK);
  while ((status = talk_receive(&t, &message, &error)) == GENAI_OK) {
    if (!message->event) received++;
    genai_live_message_free(message);
  }
  assert_int_equal(status, GENAI_CLOSED);
  judge("closed while stalled", &error, &(verdict){GENAI_CLOSED, .close_code = 1000, .says = {"closed by this program"}});
  assert_in_range(received * MESSAGE_SIZE, INBOX_MAX / 4, INBOX_MAX * 2 + 512 * 1024);
  talk_deinit(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plain_peer_stops_reading),
      cmocka_unit_test(a_tls_peer_stops_reading),
      cmocka_unit_test(freeing_a_session_whose_peer_does_not_read),
      cmocka_unit_test(a_message_larger_than_the_outbox),
      cmocka_unit_test(a_message_too_large_to_send),
      cmocka_unit_test(a_plain_application_stops_receiving),
      cmocka_unit_test(a_tls_application_stops_receiving),
      cmocka_unit_test(closing_while_stalled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
