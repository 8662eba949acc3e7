/* Cancelling, closing and freeing in every phase of a session's life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "odd.h"
#include "talk.h"

static bool hello(peer_io *io, script *s) {
  char bytes[4096];
  (void)s;
  return peer_read_some(io, bytes, sizeof bytes) > 0;
}

static bool drain_bytes(peer_io *io, script *s) {
  (void)s;
  peer_drain(io);
  return false;
}

#define STEPS (const step[])

/* Where the session stays until something ends it. */
typedef struct phase {
  const char *name;
  enum { AT_PEER, AT_BLACK_HOLE, AT_NOBODY } at;
  const char *scheme, *host;
  const step *steps;
} phase;

static const phase phases[] = {
    {"resolving", AT_NOBODY, "http", "slow.test", NULL},
    {"connecting", AT_BLACK_HOLE, "http", "127.0.0.1", NULL},
    {"in the TLS handshake", AT_PEER, "https", "127.0.0.1", STEPS{CALL(hello), REACHED, CALL(drain_bytes)}},
    {"waiting for the upgrade", AT_PEER, "http", "127.0.0.1", STEPS{HEAD, REACHED, CALL(drain_bytes)}},
    {"waiting for setupComplete", AT_PEER, "http", "127.0.0.1", STEPS{SETUP, REACHED, DRAIN, END}},
};
enum { PHASES = sizeof phases / sizeof *phases };

/* No peer sees that a connection to a black hole begins; the log does. */
static gate dialing = GATE_INIT;
static void on_log(void *user, genai_log_level level, const char *line) {
  (void)user, (void)level;
  if (strstr(line, "Connecting to")) gate_open(&dialing);
}

typedef struct rig {
  talk t;
  int slow_before, dialing_before;
  const phase *phase;
} rig;

static void begin(rig *r, const phase *p) {
  const genai_client_options options = {.log = on_log, .log_level = GENAI_LOG_INFO};
  int port = p->at == AT_BLACK_HOLE ? odd_black_hole_open() : odd_refused_port();
  if (port < 0) skip();
  r->phase = p;
  r->slow_before = gate_count(&odd_slow_reached);
  r->dialing_before = gate_count(&dialing);
  talk_init_at(&r->t, p->steps, p->scheme, p->host, port, &options);
}

static void wait_until_reached(rig *r) {
  if (r->phase->steps) assert_true(gate_wait(&r->t.s.reached, 1));
  else if (r->phase->at == AT_BLACK_HOLE) assert_true(gate_wait(&dialing, r->dialing_before + 1));
  else assert_true(gate_wait(&odd_slow_reached, r->slow_before + 1));
}

static void end(rig *r) {
  if (r->phase->at == AT_NOBODY) gate_open(&odd_slow_go);
  talk_deinit(&r->t);
  odd_black_hole_close();
}

/* ---- before it is open ---- */

typedef struct connecting {
  rig *r;
  genai_cancel *cancel;
  genai_status status;
  genai_error error;
} connecting;

static void *connect_it(void *argument) {
  connecting *c = argument;
  genai_wait wait = {.cancel = c->cancel};
  c->status = genai_live_connect(c->r->t.client, &talk_bare, &c->r->t.session, &wait, &c->error);
  return NULL;
}

static void connect_is_cancelled(void **state) {
  const phase *p = *state;
  rig r;
  connecting c = {.r = &r};
  pthread_t thread;
  begin(&r, p);
  assert_int_equal(genai_cancel_new(&c.cancel, NULL), GENAI_OK);
  assert_int_equal(pthread_create(&thread, NULL, connect_it, &c), 0);
  wait_until_reached(&r);
  genai_cancel_fire(c.cancel);
  pthread_join(thread, NULL);
  assert_int_equal(c.status, GENAI_ERROR_CANCELLED);
  assert_null(r.t.session);
  judge("connecting, cancelled", &c.error,
        &(verdict){GENAI_ERROR_CANCELLED, .host = p->host, .port = r.t.port, .says = {"Connecting to", "was cancelled"}});
  end(&r);
  genai_cancel_free(c.cancel);
}

static void started_is_closed(void **state) {
  rig r;
  genai_live_message *message;
  genai_error error = {0};
  begin(&r, *state);
  assert_int_equal(genai_live_start(r.t.client, &talk_bare, &r.t.session, NULL), GENAI_OK);
  assert_int_equal(genai_live_send_text(r.t.session, "queued, never sent", NULL, NULL), GENAI_OK);
  wait_until_reached(&r);
  assert_int_equal(genai_live_close(r.t.session, NULL, &error), GENAI_OK);
  assert_int_equal(talk_receive(&r.t, &message, &error), GENAI_CLOSED);
  judge("closed before it was open", &error, &(verdict){GENAI_CLOSED, .close_code = 1000, .says = {"closed by this program"}});
  assert_int_equal(genai_live_send_text(r.t.session, "too late", NULL, &error), GENAI_ERROR_CLOSED);
  end(&r);
  assert_null(strstr(r.t.s.last, "never sent"));
}

static void started_is_freed(void **state) {
  rig r;
  begin(&r, *state);
  assert_int_equal(genai_live_start(r.t.client, &talk_bare, &r.t.session, NULL), GENAI_OK);
  wait_until_reached(&r);
  end(&r);
}

/* The session's own end and its free come at the same moment. */
static void freed_as_it_fails(void **state) {
  enum { ROUNDS = 500 };
  (void)state;
  for (int i = 0, rounds = talk_scaled_down(ROUNDS); i < rounds; i++) {
    talk t;
    int before = gate_count(&odd_slow_reached);
    talk_init_at(&t, NULL, "http", "slow.test", i + 1, NULL); /* lookups of the same name and port would share one */
    assert_int_equal(genai_live_start(t.client, &talk_bare, &t.session, NULL), GENAI_OK);
    assert_true(gate_wait(&odd_slow_reached, before + 1));
    gate_open(&odd_slow_go);
    talk_deinit(&t);
  }
}

/* ---- open ---- */

enum { WAITING_US = 20000 }; /* that a call has most likely begun to wait; correct also if it has not */

static const step talkative[] = {OPEN, REACHED, WAIT, SAYS("hello"), DRAIN, END};

typedef struct call {
  talk *t;
  genai_wait wait;
  genai_status status;
  genai_error error;
} call;

static void *receive_it(void *argument) {
  call *c = argument;
  genai_live_message *message;
  c->status = genai_live_receive(c->t->session, &message, &c->wait, &c->error);
  return message;
}

static void *close_it(void *argument) {
  call *c = argument;
  c->status = genai_live_close(c->t->session, &c->wait, &c->error);
  return NULL;
}

static void receive_is_cancelled(void **state) {
  talk t;
  call calls[3];
  pthread_t threads[3];
  genai_cancel *cancel;
  genai_live_message *message;
  genai_error error = {0};
  (void)state;
  talk_open(&t, talkative, NULL, false);
  assert_int_equal(genai_cancel_new(&cancel, NULL), GENAI_OK);
  for (int i = 0; i < 3; i++) {
    calls[i] = (call){.t = &t, .wait = {.cancel = cancel}};
    assert_int_equal(pthread_create(&threads[i], NULL, receive_it, &calls[i]), 0);
  }
  rig_sleep_us(WAITING_US);
  genai_cancel_fire(cancel);
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(calls[i].status, GENAI_ERROR_CANCELLED);
    judge("receiving, cancelled", &calls[i].error, &(verdict){GENAI_ERROR_CANCELLED, .says = {"Receiving was cancelled"}});
  }
  /* One token, later calls: before they begin. */
  assert_true(genai_cancel_fired(cancel));
  assert_int_equal(genai_live_receive(t.session, &message, &calls[0].wait, &error), GENAI_ERROR_CANCELLED);
  assert_int_equal(genai_live_send_text(t.session, "no", &calls[0].wait, &error), GENAI_ERROR_CANCELLED);
  judge("a send with a fired token", &error,
        &(verdict){GENAI_ERROR_CANCELLED, .says = {"The send was cancelled", "othing was queued"}});
  assert_int_equal(genai_live_receive(t.session, &message, &(genai_wait){.timeout_ms = 20}, &error), GENAI_ERROR_TIMEOUT);
  judge("receiving, out of time", &error, &(verdict){GENAI_ERROR_TIMEOUT, .says = {"Receiving did not finish within 20 ms", "the session goes on"}});
  assert_int_equal(genai_live_receive(t.session, &message, &(genai_wait){.timeout_ms = GENAI_NO_WAIT}, &error), GENAI_WOULD_BLOCK);
  judge("receiving without waiting", &error, &(verdict){GENAI_WOULD_BLOCK, .says = {"Receiving would have to wait"}});
  /* The session does not notice. */
  gate_open(&t.s.go);
  talk_expect(&t, "hello");
  talk_deinit(&t);
  assert_null(strstr(t.s.last, "no"));
  genai_cancel_free(cancel);
}

static bool deaf(peer_io *io, script *s) {
  (void)io;
  return gate_wait(&s->go, 1);
}

static const step never_reads[] = {OPEN, CALL(deaf), DRAIN, END};

static void close_is_cancelled(void **state) {
  talk t;
  pthread_t threads[2];
  call calls[2];
  genai_error error = {0};
  (void)state;
  talk_open(&t, never_reads, &(genai_client_options){.close_timeout_ms = 600000}, false);
  for (int i = 0; i < 2; i++) {
    calls[i] = (call){.t = &t};
    assert_int_equal(genai_cancel_new(&calls[i].wait.cancel, NULL), GENAI_OK);
    assert_int_equal(pthread_create(&threads[i], NULL, close_it, &calls[i]), 0);
  }
  rig_sleep_us(WAITING_US);
  genai_cancel_fire(calls[0].wait.cancel);
  pthread_join(threads[0], NULL);
  assert_int_equal(calls[0].status, GENAI_ERROR_CANCELLED);
  judge("closing, cancelled", &calls[0].error, &(verdict){GENAI_ERROR_CANCELLED, .says = {"Closing was cancelled", "goes on"}});
  assert_int_equal(genai_live_close(t.session, &(genai_wait){.timeout_ms = 20}, &error), GENAI_ERROR_TIMEOUT);
  judge("closing, out of time", &error, &(verdict){GENAI_ERROR_TIMEOUT, .says = {"Closing did not finish within 20 ms", "goes on"}});
  gate_open(&t.s.go);
  pthread_join(threads[1], NULL); /* the close went on for the other */
  assert_int_equal(calls[1].status, GENAI_OK);
  talk_deinit(&t);
  assert_int_equal(t.s.close_code, 1000);
  for (int i = 0; i < 2; i++) genai_cancel_free(calls[i].wait.cancel);
}

static void *send_it(void *argument) {
  call *c = argument;
  c->status = genai_live_send_text(c->t->session, "cancelled", &c->wait, &c->error);
  return NULL;
}

static void send_is_cancelled(void **state) {
  static char text[20000];
  talk t;
  pthread_t thread;
  call c = {.t = &t};
  unsigned sent = 0;
  (void)state;
  memset(text, 'x', sizeof text - 1);
  talk_open(&t, never_reads, &(genai_client_options){.outbox_max = sizeof text}, false);
  while (genai_live_send_text(t.session, text, &(genai_wait){.timeout_ms = 100}, NULL) == GENAI_OK) sent++;
  assert_false(genai_live_writable(t.session));
  assert_int_equal(genai_cancel_new(&c.wait.cancel, NULL), GENAI_OK);
  assert_int_equal(pthread_create(&thread, NULL, send_it, &c), 0);
  rig_sleep_us(WAITING_US);
  genai_cancel_fire(c.wait.cancel);
  pthread_join(thread, NULL);
  assert_int_equal(c.status, GENAI_ERROR_CANCELLED);
  judge("a send that waits, cancelled", &c.error,
        &(verdict){GENAI_ERROR_CANCELLED, .says = {"The send was cancelled", "othing was queued"}});
  gate_open(&t.s.go);
  talk_deinit(&t);
  genai_cancel_free(c.wait.cancel);
  assert_int_equal(t.s.messages, sent + 1); /* the setup is one; the cancelled text is none */
}

enum { OTHERS = 4, WAYS = 3 };

int main(void) {
  static void (*const ways[WAYS])(void **) = {connect_is_cancelled, started_is_closed, started_is_freed};
  static const struct CMUnitTest others[OTHERS] = {
      cmocka_unit_test(freed_as_it_fails), cmocka_unit_test(receive_is_cancelled), cmocka_unit_test(send_is_cancelled),
      cmocka_unit_test(close_is_cancelled)};
  struct CMUnitTest tests[WAYS * PHASES + OTHERS];
  for (size_t i = 0; i < WAYS * PHASES; i++)
    tests[i] = (struct CMUnitTest){.name = phases[i % PHASES].name, .test_func = ways[i / PHASES],
                                   .initial_state = (void *)&phases[i % PHASES]};
  memcpy(tests + WAYS * PHASES, others, sizeof others);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
