/* Many threads and one session over real sockets; freeing it under waiting calls; a reset while sending in a host that has not
 * ignored SIGPIPE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/live.h" /* only to know when calls wait: no other way tells */
#include "talk.h"

/* ---- two threads send, a third receives, a fourth closes ---- */

enum { ROUNDS = 60, TEXTS = 40 };

/* Answers each message, and lets no TLS record end with a frame. */
static bool echo(peer_io *io, script *s) {
  io->piece = 37;
  while (script_read(io, s))
    if (!script_send_text_of(io, 50)) return false;
  script_answer_close(io, s);
  return true;
}

static const step echoing[] = {OPEN, CALL(echo), DRAIN, END};

typedef struct shared {
  talk *t;
  atomic_uint sent, received;
  int round;
} shared;

static void *send_texts(void *argument) {
  shared *s = argument;
  genai_error error = {0};
  for (int i = 0; i < TEXTS; i++) {
    genai_status status = genai_live_send_text(s->t->session, "hello", NULL, &error);
    if (status == GENAI_ERROR_CLOSED) return NULL;
    if (status != GENAI_OK) return strdup(error.message);
    atomic_fetch_add(&s->sent, 1);
  }
  return NULL;
}

static void *receive_all(void *argument) {
  shared *s = argument;
  genai_live_message *message;
  genai_error error = {0};
  genai_status status;
  while ((status = genai_live_receive(s->t->session, &message, NULL, &error)) == GENAI_OK) {
    atomic_fetch_add(&s->received, 1);
    genai_live_message_free(message);
  }
  return status == GENAI_CLOSED ? NULL : strdup(error.message);
}

static void *close_sometime(void *argument) {
  shared *s = argument;
  while (atomic_load(&s->received) < (unsigned)s->round % TEXTS) rig_sleep_us(50);
  genai_error error = {0};
  return genai_live_close(s->t->session, NULL, &error) == GENAI_OK ? NULL : strdup(error.message);
}

static void all_at_once(bool tls) {
  static void *(*const parts[])(void *) = {send_texts, send_texts, receive_all, close_sometime};
  enum { PARTS = sizeof parts / sizeof *parts };
  int rounds = talk_scaled_down(ROUNDS);
  for (int round = 0; round < rounds; round++) {
    talk t;
    shared s = {.t = &t, .round = round};
    pthread_t threads[PARTS];
    talk_open(&t, echoing, &(genai_client_options){.outbox_max = 500}, tls);
    for (int i = 0; i < PARTS; i++) assert_int_equal(pthread_create(&threads[i], NULL, parts[i], &s), 0);
    for (int i = 0; i < PARTS; i++) {
      void *complaint;
      pthread_join(threads[i], &complaint);
      if (complaint) fail_msg("round %d, part %d: %s", round, i, (char *)complaint);
    }
    talk_deinit(&t);
    assert_int_equal(t.s.close_code, 1000);
    /* The close frame follows everything that was queued. */
    assert_int_equal(t.s.messages, s.sent + 1);
    assert_in_range(s.received, 0, s.sent);
  }
}

static void over_tls(void **state) { (void)state; all_at_once(true); }
static void over_plain_tcp(void **state) { (void)state; all_at_once(false); }

/* ---- free while others wait ---- */

static bool deaf(peer_io *io, script *s) {
  (void)io;
  return gate_wait(&s->go, 1);
}

static const step never_reads[] = {OPEN, CALL(deaf), DRAIN, END};

typedef struct waiting {
  talk *t;
  genai_status status;
} waiting;

static char large[20000];

static void *wait_to_receive(void *argument) {
  waiting *w = argument;
  genai_live_message *message;
  w->status = genai_live_receive(w->t->session, &message, NULL, NULL);
  return NULL;
}

static void *wait_to_send(void *argument) {
  waiting *w = argument;
  w->status = genai_live_send_text(w->t->session, large, NULL, NULL);
  return NULL;
}

static void *wait_to_close(void *argument) {
  waiting *w = argument;
  w->status = genai_live_close(w->t->session, NULL, NULL);
  return NULL;
}

static unsigned calls_in_flight(genai_live_session *s) {
  uv_mutex_lock(&s->mutex);
  unsigned calls = s->calls;
  uv_mutex_unlock(&s->mutex);
  return calls;
}

static void free_while(bool tls, void *(*const *parts)(void *), size_t count, const genai_status *expected) {
  talk t;
  pthread_t threads[8];
  waiting waits[8];
  talk_open(&t, never_reads, &(genai_client_options){.outbox_max = sizeof large, .close_timeout_ms = 50}, tls);
  while (genai_live_send_text(t.session, large, &(genai_wait){.timeout_ms = 50}, NULL) == GENAI_OK) {}
  for (size_t i = 0; i < count; i++) {
    waits[i] = (waiting){.t = &t};
    assert_int_equal(pthread_create(&threads[i], NULL, parts[i], &waits[i]), 0);
  }
  while (calls_in_flight(t.session) < count) rig_sleep_us(100);
  assert_int_equal(genai_live_free(t.session), GENAI_OK);
  t.session = NULL;
  for (size_t i = 0; i < count; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(waits[i].status, expected[i]);
  }
  talk_deinit(&t);
}

static void free_under_waiting_calls(void **state) {
  static void *(*const parts[])(void *) = {wait_to_receive, wait_to_receive, wait_to_send, wait_to_send};
  static const genai_status expected[] = {GENAI_CLOSED, GENAI_CLOSED, GENAI_ERROR_CLOSED, GENAI_ERROR_CLOSED};
  (void)state;
  memset(large, 'x', sizeof large - 1);
  for (int tls = 0; tls < 2; tls++) free_while(tls, parts, 4, expected);
}

/* A close that waits is a call like others; it makes the session end by itself, so the free may find it gone or going. */
static void free_under_a_waiting_close(void **state) {
  talk t;
  pthread_t thread;
  waiting w = {.t = &t};
  (void)state;
  talk_open(&t, never_reads, &(genai_client_options){.close_timeout_ms = 200}, false);
  assert_int_equal(pthread_create(&thread, NULL, wait_to_close, &w), 0);
  while (!calls_in_flight(t.session)) rig_sleep_us(100);
  assert_int_equal(genai_live_free(t.session), GENAI_OK);
  t.session = NULL;
  pthread_join(thread, NULL);
  assert_int_equal(w.status, GENAI_OK);
  talk_deinit(&t);
}

/* The client given up first; messages that outlive both. */
static void free_in_the_other_order(void **state) {
  static const step speaking[] = {OPEN, SAYS("keep me"), DRAIN, END};
  talk t;
  genai_live_message *message;
  (void)state;
  talk_open(&t, speaking, NULL, true);
  assert_int_equal(talk_receive(&t, &message, NULL), GENAI_OK);
  assert_int_equal(genai_client_free(t.client), GENAI_OK);
  t.client = NULL;
  assert_int_equal(genai_live_send_text(t.session, "still fine", NULL, NULL), GENAI_OK);
  talk_deinit(&t);
  assert_string_equal(genai_live_message_text(message, 0), "keep me");
  genai_live_message_free(message);
  assert_non_null(strstr(t.s.last, "still fine"));
}

/* ---- SIGPIPE ---- */

enum { INBOX_MAX = 20000, FLOOD = 8 }; /* it overflows the inbox, but no window of TCP: the FIN must get through */

static bool flood(peer_io *io, script *s) {
  for (int i = 0; i < FLOOD; i++)
    if (!script_send_text_of(io, 4000)) return false;
  (void)s;
  return true;
}

/* FIN, then RST: the next write of the other side fails with EPIPE, and raises SIGPIPE at once. */
static bool finish_and_reset(peer_io *io, script *s) {
  if (!gate_wait(&s->go, 1)) return false;
  shutdown(io->fd, SHUT_WR);
  peer_reset(io);
  gate_open(&s->reached);
  return false;
}

static const step breaks_the_pipe[] = {OPEN, CALL(flood), CALL(finish_and_reset)};

static gate pauses = GATE_INIT;
static void on_log(void *user, genai_log_level level, const char *line) {
  (void)user, (void)level;
  if (strstr(line, "Reading pauses")) gate_open(&pauses);
}

/* While reading is paused the library learns of the reset only by writing. */
static void a_reset_while_sending(bool tls) {
  const genai_client_options options = {.inbox_max = INBOX_MAX, .log = on_log};
  talk t;
  genai_live_message *message;
  genai_error error = {0};
  struct sigaction action;
  int before = gate_count(&pauses);
  signal(SIGPIPE, SIG_DFL);
  talk_open(&t, breaks_the_pipe, &options, tls);
  assert_true(gate_wait(&pauses, before + 1));
  gate_open(&t.s.go);
  assert_true(gate_wait(&t.s.reached, 1));
  while (genai_live_send_text(t.session, "hello", NULL, &error) == GENAI_OK) rig_sleep_us(100);
  assert_int_equal(error.status, GENAI_ERROR_CLOSED);
  while (talk_receive(&t, &message, &error) == GENAI_OK) genai_live_message_free(message);
  /* When the flood still filled the peer's buffers its FIN was not sent, and the write meets the bare RST. */
  bool reset = error.os_error == ECONNRESET;
  verdict v = talk_verdict(&t, (verdict){GENAI_ERROR_LOST, .close_code = 1006, .os_error = reset ? ECONNRESET : EPIPE,
                                         .says = {reset ? "was lost: connection reset" : "was lost: broken pipe",
                                                  "in the middle of an answer", "Connect again"}});
  judge("a reset while sending", &error, &v);
  assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
  assert_ptr_equal(action.sa_handler, SIG_DFL); /* the host's, untouched */
  talk_deinit(&t);
}

static void no_sigpipe_plain(void **state) { (void)state; a_reset_while_sending(false); }
static void no_sigpipe_tls(void **state) { (void)state; a_reset_while_sending(true); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(over_tls),
      cmocka_unit_test(over_plain_tcp),
      cmocka_unit_test(free_under_waiting_calls),
      cmocka_unit_test(free_under_a_waiting_close),
      cmocka_unit_test(free_in_the_other_order),
      cmocka_unit_test(no_sigpipe_plain),
      cmocka_unit_test(no_sigpipe_tls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
