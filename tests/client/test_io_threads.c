/* Several I/O threads in one client: sessions are spread over them, stay on one each, and look to the application like those of one
 * thread. Meant for ThreadSanitizer too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/live.h"
#include "fail_once.h"

/* ---- a service without sockets that answers each message: setupComplete first, then turnComplete ---- */

struct net_ws {
  net_task task;
  net_loop *loop;
  const net_ws_events *events;
  void *user;
  unsigned owed;  /* answers */
  bool open, complete, closing, dead;
};

static void run_echo(net_task *task) {
  static const char setup[] = "{\"setupComplete\":{}}", turn[] = "{\"serverContent\":{\"turnComplete\":true}}";
  net_ws *ws = (net_ws *)task;
  if (!net_loop_is_current(ws->loop)) abort();
  if (!ws->dead && !ws->open) {
    ws->open = true;
    ws->events->open(ws->user);
  }
  for (; !ws->dead && ws->owed; ws->owed--) {
    const char *text = ws->complete ? turn : setup;
    ws->complete = true;
    ws->events->message(ws->user, WS_TEXT, (const uint8_t *)text, strlen(text));
  }
  if (!ws->dead && ws->closing) {
    ws->events->close(ws->user, 1000, "", 0);
    ws->dead = true;
    ws->events->end(ws->user, &(genai_error){.close_code = 1000});
  }
  if (ws->dead) free(ws);
}

static genai_status connect_echo(net_ws **out, net_loop *loop, const net_ws_params *params, const net_ws_events *events, void *user,
                                 genai_error *error) {
  (void)params;
  (void)error;
  net_ws *ws = calloc(1, sizeof *ws);
  if (!ws || !net_loop_is_current(loop)) abort();
  *ws = (net_ws){.task = {.run = run_echo}, .loop = loop, .events = events, .user = user};
  net_loop_post(loop, &ws->task);
  *out = ws;
  return GENAI_OK;
}

static bool send_echo(net_ws *ws, payload *message) {
  (void)message;
  ws->owed++;
  net_loop_post(ws->loop, &ws->task);
  return true;
}

static bool ping_echo(net_ws *ws) {
  (void)ws;
  return true;
}

static void nothing(net_ws *ws) { (void)ws; }

static void close_echo(net_ws *ws, int code, const char *reason, unsigned linger_ms) {
  (void)code, (void)reason, (void)linger_ms;
  ws->closing = true;
  net_loop_post(ws->loop, &ws->task);
}

static void abort_echo(net_ws *ws) {
  ws->dead = true;
  net_loop_post(ws->loop, &ws->task);
}

static const char *phase_echo(const net_ws *ws) {
  (void)ws;
  return "in the test";
}

static const live_transport echo = {connect_echo, send_echo, ping_echo, nothing, nothing, close_echo, abort_echo, phase_echo};

static genai_client *client_of(uint32_t io_threads) {
  genai_client *client = NULL;
  genai_error error = {0};
  const genai_client_options options = {.api_key = "k", .base_url = "http://127.0.0.1:9", .io_threads = io_threads};
  if (genai_client_new(&client, &options, &error) != GENAI_OK) fail_msg("%s", error.message);
  client_set_transport(client, &echo);
  return client;
}

static genai_live_session *connect_one(genai_client *client) {
  genai_live_session *session = NULL;
  genai_error error = {0};
  if (genai_live_connect(client, &(genai_live_connect_params){.model = "m"}, &session, NULL, &error) != GENAI_OK)
    fail_msg("%s", error.message);
  return session;
}

/* ---- tests ---- */

static void one_by_default_and_a_ceiling(void **state) {
  (void)state;
  genai_client *client = client_of(0);
  genai_error error = {0};
  assert_int_equal(client->options.io_threads, 1);
  assert_int_equal(genai_client_free(client), GENAI_OK);
  const genai_client_options many = {.api_key = "k", .io_threads = 65};
  assert_int_equal(genai_client_new(&client, &many, &error), GENAI_ERROR_ARGUMENT);
  assert_string_equal(error.message, "65 I/O threads are more than a client takes; at most 64.");
  assert_null(client);
}

static void spread_evenly(void **state) {
  enum { THREADS = 3, SESSIONS = 9 };
  (void)state;
  genai_client *client = client_of(THREADS);
  genai_live_session *sessions[SESSIONS];
  for (int i = 0; i < SESSIONS; i++) sessions[i] = connect_one(client);
  for (int i = 0; i < THREADS; i++) assert_int_equal(client->threads[i].sessions, SESSIONS / THREADS);
  /* Who leaves makes room for the next. */
  client_thread *emptied = sessions[4]->thread;
  assert_int_equal(genai_live_free(sessions[4]), GENAI_OK);
  assert_int_equal(emptied->sessions, SESSIONS / THREADS - 1);
  sessions[4] = connect_one(client);
  assert_ptr_equal(sessions[4]->thread, emptied);
  for (int i = 0; i < SESSIONS; i++) assert_int_equal(genai_live_free(sessions[i]), GENAI_OK);
  for (int i = 0; i < THREADS; i++) assert_int_equal(client->threads[i].sessions, 0);
  assert_int_equal(genai_client_free(client), GENAI_OK);
}

typedef struct visit {
  net_task task;
  genai_client *client;
  genai_live_session *session;
  genai_status freed, freed_session, sent;
  uv_sem_t over;
} visit;

static void on_library_thread(net_task *task) {
  visit *v = (visit *)task;
  v->freed = genai_client_free(v->client);
  v->freed_session = genai_live_free(v->session);
  v->sent = genai_live_send_text(v->session, "x", NULL, NULL);
  uv_sem_post(&v->over);
}

/* Each of its threads is the library's own, for the sessions of the others as well. */
static void none_of_them_waits(void **state) {
  (void)state;
  genai_client *client = client_of(3);
  genai_live_session *session = connect_one(client);
  for (int i = 0; i < 3; i++) {
    visit v = {.task = {.run = on_library_thread}, .client = client, .session = session};
    uv_sem_init(&v.over, 0);
    net_loop_post(client->threads[i].loop, &v.task);
    uv_sem_wait(&v.over);
    uv_sem_destroy(&v.over);
    assert_int_equal(v.freed, GENAI_ERROR_THREAD);
    assert_int_equal(v.freed_session, GENAI_ERROR_THREAD);
    assert_int_equal(v.sent, GENAI_ERROR_THREAD);
  }
  assert_int_equal(genai_live_free(session), GENAI_OK);
  assert_int_equal(genai_client_free(client), GENAI_OK);
}

enum { SESSIONS = 12, TEXTS = 50, WORKERS = 2 };

typedef struct crowd {
  genai_client *client;
  genai_live_session *sessions[SESSIONS];
  genai_cancel *cancel;
  atomic_int answered[SESSIONS], all;
} crowd;

static void send_to_all(void *argument) {
  crowd *c = argument;
  for (int i = 0; i < TEXTS; i++)
    for (int s = 0; s < SESSIONS; s++)
      if (genai_live_send_text(c->sessions[s], "hello", NULL, NULL) != GENAI_OK) abort();
}

static void receive_from_any(void *argument) {
  crowd *c = argument;
  const genai_wait wait = {.cancel = c->cancel}, at_once = {.timeout_ms = GENAI_NO_WAIT};
  genai_live_session *session;
  genai_live_message *m;
  while (genai_client_next(c->client, &session, &wait, NULL) == GENAI_OK) {
    while (genai_live_receive(session, &m, &at_once, NULL) == GENAI_OK) {
      if (genai_live_message_turn_complete(m)) {
        atomic_fetch_add((atomic_int *)genai_live_user(session), 1);
        if (atomic_fetch_add(&c->all, 1) + 1 == SESSIONS * TEXTS * WORKERS) genai_cancel_fire(c->cancel);
      }
      genai_live_message_free(m);
    }
  }
}

static void one_next_for_all(void **state) {
  (void)state;
  static crowd c;
  uv_thread_t senders[WORKERS], receivers[WORKERS];
  c.client = client_of(4);
  assert_int_equal(genai_cancel_new(&c.cancel, NULL), GENAI_OK);
  for (int i = 0; i < SESSIONS; i++) {
    const genai_live_connect_params params = {.model = "m", .user = &c.answered[i]};
    assert_int_equal(genai_live_connect(c.client, &params, &c.sessions[i], NULL, NULL), GENAI_OK);
  }
  for (int i = 0; i < WORKERS; i++) {
    uv_thread_create(&receivers[i], receive_from_any, &c);
    uv_thread_create(&senders[i], send_to_all, &c);
  }
  for (int i = 0; i < WORKERS; i++) {
    uv_thread_join(&senders[i]);
    uv_thread_join(&receivers[i]);
  }
  for (int i = 0; i < SESSIONS; i++) {
    assert_int_equal(c.answered[i], TEXTS * WORKERS);
    assert_int_equal(genai_live_free(c.sessions[i]), GENAI_OK);
  }
  genai_cancel_free(c.cancel);
  assert_int_equal(genai_client_free(c.client), GENAI_OK);
}

/* A message may outlive its session, its client and the thread whose memory it is. */
static void messages_outlive_the_threads(void **state) {
  (void)state;
  genai_client *client = client_of(2);
  genai_live_session *sessions[2];
  genai_live_message *messages[2];
  for (int i = 0; i < 2; i++) {
    sessions[i] = connect_one(client);
    assert_int_equal(genai_live_send_text(sessions[i], "hello", NULL, NULL), GENAI_OK);
    assert_int_equal(genai_live_receive(sessions[i], &messages[i], NULL, NULL), GENAI_OK);
  }
  for (int i = 0; i < 2; i++) assert_int_equal(genai_live_free(sessions[i]), GENAI_OK);
  assert_int_equal(genai_client_free(client), GENAI_OK);
  for (int i = 0; i < 2; i++) {
    assert_true(genai_live_message_turn_complete(messages[i]));
    genai_live_message_free(messages[i]);
  }
}

/* ---- memory ---- */

static void fail_each(genai_status (*work)(void), long least) {
  genai_set_allocator(&(genai_allocator){fail_once_allocate, fail_once_reallocate, fail_once_release, NULL});
  atomic_store(&fail_once_balance, 0);
  long n = 0;
  do { /* some of what fails is done without */
    atomic_store(&fail_once_countdown, ++n);
    genai_status status = work();
    if (status != GENAI_OK) assert_int_equal(status, GENAI_ERROR_MEMORY);
    assert_int_equal(atomic_load(&fail_once_balance), 0);
  } while (atomic_load(&fail_once_countdown) <= 0 && n < 1000);
  genai_set_allocator(NULL);
  assert_in_range(n, least, 999);
}

static genai_status make_three_threads(void) {
  const genai_client_options options = {.api_key = "k", .base_url = "http://127.0.0.1:9", .io_threads = 3};
  genai_client *client;
  genai_status status = genai_client_new(&client, &options, NULL);
  assert_int_equal(genai_client_free(client), GENAI_OK);
  return status;
}

/* The token is on the first thread, the session on the second. */
static genai_status connect_with_token(void) {
  const genai_client_options options = {.backend = GENAI_BACKEND_VERTEX, .project = "p", .location = "l", .access_token = "t",
                                        .base_url = "http://127.0.0.1:9", .io_threads = 2,
                                        .dangerously_skip_certificate_checks = true}; /* no file of them is read each time */
  const genai_live_connect_params params = {.model = "m", .reconnect = GENAI_LIVE_RECONNECT_NONE};
  genai_client *client;
  genai_live_session *session = NULL;
  genai_status status = genai_client_new(&client, &options, NULL);
  if (status == GENAI_OK) {
    client_set_transport(client, &echo);
    status = genai_live_connect(client, &params, &session, NULL, NULL);
    assert_int_equal(genai_live_free(session), GENAI_OK);
  }
  assert_int_equal(genai_client_free(client), GENAI_OK);
  return status;
}

static void each_allocation_fails(void **state) {
  (void)state;
  fail_each(make_three_threads, 7); /* at least the client, its threads, three loops, three pools */
  fail_each(connect_with_token, 15);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_by_default_and_a_ceiling), cmocka_unit_test(spread_evenly),
      cmocka_unit_test(none_of_them_waits),           cmocka_unit_test(one_next_for_all),
      cmocka_unit_test(messages_outlive_the_threads), cmocka_unit_test(each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
