/* The session's contract over a transport without sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>

#include <cmocka.h>

#include "client/live.h"
#include "fake.h"

/* The bare session: what it does after a loss is test_recovery.c. */
static const genai_live_connect_params params = {.model = "m", .reconnect = GENAI_LIVE_RECONNECT_NONE};

typedef struct fixture {
  fake *f;
  genai_client *client;
  genai_live_session *session;
} fixture;

static fixture open_with(const genai_client_options *options) {
  fixture x = {.f = fake_new(), .client = fake_client(options)};
  genai_error error = {0};
  assert_non_null(x.client);
  if (genai_live_connect(x.client, &params, &x.session, NULL, &error) != GENAI_OK) fail_msg("%s", error.message);
  return x;
}

static void done(fixture *x) {
  assert_int_equal(genai_live_free(x->session), GENAI_OK);
  assert_int_equal(genai_client_free(x->client), GENAI_OK);
  fake_free();
}

static genai_status receive(fixture *x, genai_live_message **message, genai_error *error) {
  genai_wait wait = {.timeout_ms = 10000};
  return genai_live_receive(x->session, message, &wait, error);
}

static void says(const genai_error *error, const char *part) {
  if (!strstr(error->message, part)) fail_msg("\"%s\" is not in \"%s\"", part, error->message);
}

/* ---- connecting ---- */

static void connects_and_keeps_setup_complete(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  assert_string_equal(x.f->sent[0], "{\"setup\":{\"model\":\"models/m\"}}");
  assert_string_equal(genai_live_setup_complete(x.session)->session_id, "s1");
  /* setupComplete itself is not received again. */
  genai_live_message *message;
  genai_wait no_wait = {.timeout_ms = GENAI_NO_WAIT};
  assert_int_equal(genai_live_receive(x.session, &message, &no_wait, NULL), GENAI_WOULD_BLOCK);
  assert_null(message);
  done(&x);
}

static void start_reports_open_as_event(void **state) {
  (void)state;
  fixture x = {.f = fake_new(), .client = fake_client(NULL)};
  genai_live_message *message;
  int user;
  genai_live_connect_params p = {.model = "m", .user = &user};
  assert_int_equal(genai_live_start(x.client, &p, &x.session, NULL), GENAI_OK);
  assert_ptr_equal(genai_live_user(x.session), &user);
  /* Sent before the session is open: queued, and sent after the setup. */
  assert_int_equal(genai_live_send_text(x.session, "early", NULL, NULL), GENAI_OK);
  assert_int_equal(receive(&x, &message, NULL), GENAI_OK);
  assert_int_equal(message->event->kind, GENAI_LIVE_EVENT_OPEN);
  assert_string_equal(message->server->setup_complete->session_id, "s1");
  genai_live_message_free(message);
  fake_wait_sent(x.f, 2);
  assert_non_null(strstr(x.f->sent[1], "early"));
  done(&x);
}

static void connect_fails_with(fake *f, const genai_wait *wait, const genai_client_options *options, genai_status status,
                               const char *part) {
  genai_client *client = fake_client(options);
  genai_live_session *session = (genai_live_session *)f;
  genai_error error = {0};
  assert_int_equal(genai_live_connect(client, &params, &session, wait, &error), status);
  assert_null(session);
  assert_int_equal(error.status, status);
  says(&error, part);
  genai_client_free(client);
  fake_free();
}

static void connect_failures(void **state) {
  (void)state;
  fake *f = fake_new();
  f->refuse_connect = true;
  connect_fails_with(f, NULL, NULL, GENAI_ERROR_SYSTEM, "refuses to connect");
  f = fake_new();
  f->never_open = true;
  connect_fails_with(f, &(genai_wait){.timeout_ms = 30}, NULL, GENAI_ERROR_TIMEOUT, "in the test");
  f = fake_new();
  f->silent = true;
  connect_fails_with(f, NULL, &(genai_client_options){.connect_timeout_ms = 30}, GENAI_ERROR_TIMEOUT, "setupComplete");
  f = fake_new();
  connect_fails_with(f, &(genai_wait){.timeout_ms = GENAI_NO_WAIT}, NULL, GENAI_ERROR_ARGUMENT, "genai_live_start");
}

static void bad_setup_is_refused_before_dialing(void **state) {
  (void)state;
  fixture x = {.f = fake_new(), .client = fake_client(NULL)};
  genai_error error = {0};
  genai_live_connect_config config = {.explicit_vad_signal = {true, false}};
  genai_live_connect_params p = {.model = "m", .config = &config};
  assert_int_equal(genai_live_connect(x.client, &p, &x.session, NULL, &error), GENAI_ERROR_ARGUMENT);
  says(&error, "explicitVadSignal");
  assert_int_equal(genai_live_connect(x.client, &(genai_live_connect_params){0}, &x.session, NULL, &error), GENAI_ERROR_ARGUMENT);
  says(&error, "model");
  assert_int_equal(x.f->sent_count, 0);
  genai_client_free(x.client);
  fake_free();
}

typedef struct service { fake *f; void (*act)(fake *f); } service;

static void act(void *argument) {
  service *s = argument;
  fake_wait_sent(s->f, 1);
  s->act(s->f);
}
static void act_close(fake *f) { fake_close(f, 1007, "Request contains an invalid argument."); }
static void act_error(fake *f) { fake_message(f, "{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\",\"message\":\"Bad setup.\"}}"); }
static void act_lost(fake *f) { fake_lost(f); }

static void setup_fails(void (*how)(fake *), genai_status status, int code, const char *part) {
  fake *f = fake_new();
  f->silent = true;
  genai_client *client = fake_client(NULL);
  genai_live_session *session;
  genai_error error = {0};
  service s = {f, how};
  uv_thread_t thread;
  uv_thread_create(&thread, act, &s);
  assert_int_equal(genai_live_connect(client, &params, &session, NULL, &error), status);
  assert_int_equal(error.close_code, code);
  says(&error, part);
  uv_thread_join(&thread);
  genai_client_free(client);
  fake_free();
}

static void failures_during_setup(void **state) {
  (void)state;
  setup_fails(act_close, GENAI_ERROR_REFUSED, 1007, "\"Request contains an invalid argument.\"");
  setup_fails(act_error, GENAI_ERROR_SERVICE, 0, "400 INVALID_ARGUMENT: Bad setup.");
  setup_fails(act_lost, GENAI_ERROR_LOST, 1006, "during setup");
}

static char logged[4096];

static void log_all(void *user, genai_log_level level, const char *line) {
  (void)user;
  if (level == GENAI_LOG_WARNING) strncat(logged, line, sizeof logged - strlen(logged) - 1);
}

static void what_a_model_does_not_take_is_told(void **state) {
  (void)state;
  fixture x = {.f = fake_new(), .client = fake_client(&(genai_client_options){
                                    .log = log_all, .models_json = "{\"models\":[{\"model\":\"mine\",\"thinking\":\"NONE\"}]}"})};
  genai_error error = {0};
  genai_live_message *m;
  genai_live_connect_params p = {.model = "mine", .config_json = "{\"thinkingConfig\":{\"thinkingBudget\":1}}",
                                 .reconnect = GENAI_LIVE_RECONNECT_NONE};
  logged[0] = '\0';
  assert_int_equal(genai_live_connect(x.client, &p, &x.session, NULL, &error), GENAI_OK);
  assert_non_null(strstr(logged, "take no thinkingConfig"));
  fake_close(x.f, 1007, "Request contains an invalid argument.");
  assert_int_equal(receive(&x, &m, &error), GENAI_ERROR_REFUSED);
  says(&error, "take no thinkingConfig");
  done(&x);
  assert_int_equal(genai_client_new(&x.client, &(genai_client_options){.api_key = "k", .models_json = "{\"nodels\":[]}"}, &error),
                   GENAI_ERROR_ARGUMENT);
  says(&error, "models_json");
}

/* ---- receiving ---- */

static void receives_everything_in_order(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  fake_message(x.f, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"thinking\",\"thought\":true},{\"text\":\"one\"},"
                    "{\"inlineData\":{\"mimeType\":\"audio/pcm;rate=24000\",\"data\":\"AAEC\"}}]}}}");
  fake_message(x.f, "{\"serverContent\":{\"turnComplete\":true,\"generationComplete\":true},\"usageMetadata\":{\"totalTokenCount\":7},\"novel\":[1]}");
  fake_message(x.f, "{}");
  genai_live_message *m;
  genai_bytes audio;
  assert_int_equal(receive(&x, &m, NULL), GENAI_OK);
  assert_string_equal(genai_live_message_text(m, 0), "one");
  assert_null(genai_live_message_text(m, 1));
  assert_true(genai_live_message_audio(m, 0, &audio));
  assert_int_equal(audio.size, 3);
  assert_memory_equal(audio.data, "\0\1\2", 3);
  assert_false(genai_live_message_audio(m, 1, &audio));
  assert_false(genai_live_message_turn_complete(m));
  genai_live_message_free(m);
  assert_int_equal(receive(&x, &m, NULL), GENAI_OK);
  assert_true(genai_live_message_turn_complete(m) && genai_live_message_generation_complete(m));
  assert_int_equal(m->server->usage_metadata->total_token_count.value, 7);
  assert_non_null(strstr(m->json, "\"novel\":[1]"));
  assert_int_equal(strlen(m->json), m->json_size);
  genai_live_message_free(m);
  assert_int_equal(receive(&x, &m, NULL), GENAI_OK);
  assert_string_equal(m->json, "{}");
  assert_non_null(m->server);
  genai_live_message_free(m);
  done(&x);
}

static void bad_messages_are_reported_and_skipped(void **state) {
  (void)state;
  static const char *const bad[] = {"", "{", "nonsense", "[1]", "{\"serverContent\":7}", "{\"serverContent\":{\"turnComplete\":\xff}}"};
  fixture x = open_with(NULL);
  genai_live_message *m;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    genai_error error = {0};
    fake_message(x.f, bad[i]);
    fake_message(x.f, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"7\",\"name\":\"f\"}]}}");
    assert_int_equal(receive(&x, &m, &error), GENAI_ERROR_MESSAGE);
    assert_null(m);
    says(&error, "the session goes on");
    assert_int_equal(receive(&x, &m, &error), GENAI_OK);
    assert_string_equal(genai_live_message_function_call(m, 0)->name, "f");
    assert_null(genai_live_message_function_call(m, 1));
    genai_live_message_free(m);
  }
  done(&x);
}

static void getters_take_null(void **state) {
  (void)state;
  genai_bytes audio = {(const uint8_t *)"", 1};
  genai_live_message empty = {0};
  const genai_live_message *messages[] = {NULL, &empty};
  for (int i = 0; i < 2; i++) {
    assert_false(genai_live_message_audio(messages[i], 0, &audio));
    assert_null(audio.data);
    assert_null(genai_live_message_text(messages[i], 0));
    assert_null(genai_live_message_function_call(messages[i], 0));
    assert_null(genai_live_message_input_transcription(messages[i]));
    assert_null(genai_live_message_output_transcription(messages[i]));
    assert_false(genai_live_message_turn_complete(messages[i]));
    assert_false(genai_live_message_generation_complete(messages[i]));
    assert_false(genai_live_message_interrupted(messages[i]));
  }
  assert_int_equal(genai_blob_rate_hz(NULL), 24000);
  assert_int_equal(genai_blob_rate_hz(&(genai_blob){.mime_type = "audio/pcm;rate=48000"}), 48000);
  genai_live_message_free(NULL);
}

static void go_away_is_an_event(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  genai_live_message *m;
  fake_message(x.f, "{\"goAway\":{\"timeLeft\":\"50.5s\"}}");
  assert_int_equal(receive(&x, &m, NULL), GENAI_OK);
  assert_int_equal(m->event->kind, GENAI_LIVE_EVENT_GOING_AWAY);
  assert_int_equal(m->event->time_left_ms, 50500);
  assert_int_equal(m->server->go_away->time_left.value.seconds, 50);
  genai_live_message_free(m);
  done(&x);
}

static void interruptions_are_counted_before_receiving(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  assert_int_equal(genai_live_interruptions(x.session), 0);
  fake_message(x.f, "{\"serverContent\":{\"interrupted\":true}}");
  fake_message(x.f, "{\"serverContent\":{\"interrupted\":true}}");
  assert_int_equal(genai_live_interruptions(x.session), 2);
  done(&x);
}

static void inbox_ceiling_pauses_reading(void **state) {
  (void)state;
  fixture x = open_with(&(genai_client_options){.inbox_max = 64 * 1024});
  genai_live_message *m;
  char big[8000];
  memset(big, ' ', sizeof big - 1);
  big[0] = '{';
  big[sizeof big - 2] = '}';
  big[sizeof big - 1] = '\0';
  size_t given = 0;
  while (!x.f->paused && given < 1000) {
    fake_message(x.f, big);
    given++;
  }
  assert_true(x.f->paused);
  assert_in_range(given, 2, 20);
  size_t got = 0, stalled = 0;
  while (got < given || !stalled) {
    assert_int_equal(receive(&x, &m, NULL), GENAI_OK);
    if (m->server) got++;
    if (m->event) stalled += m->event->kind == GENAI_LIVE_EVENT_STALLED;
    genai_live_message_free(m);
  }
  assert_int_equal(stalled, 1);
  uv_mutex_lock(&x.f->mutex);
  while (x.f->paused) uv_cond_wait(&x.f->cond, &x.f->mutex);
  uv_mutex_unlock(&x.f->mutex);
  assert_int_equal(x.f->resumes, 1);
  done(&x);
}

static void fd_is_readable_while_something_waits(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  genai_live_message *m;
  struct pollfd p = {.fd = genai_live_fd(x.session, NULL), .events = POLLIN};
  assert_true(p.fd >= 0);
  assert_int_equal(genai_live_fd(x.session, NULL), p.fd);
  assert_int_equal(poll(&p, 1, 0), 0);
  fake_message(x.f, "{}");
  fake_message(x.f, "{}");
  assert_int_equal(poll(&p, 1, 10000), 1);
  assert_int_equal(receive(&x, &m, NULL), GENAI_OK);
  genai_live_message_free(m);
  assert_int_equal(receive(&x, &m, NULL), GENAI_OK);
  genai_live_message_free(m);
  assert_int_equal(poll(&p, 1, 0), 0);
  fake_close(x.f, 1000, "");
  assert_int_equal(poll(&p, 1, 10000), 1);
  done(&x);
}

/* ---- ends ---- */

static void graceful_close_keeps_code_and_reason(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  genai_live_message *m;
  genai_error error = {0};
  fake_message(x.f, "{}");
  fake_close(x.f, 1000, "bye");
  assert_int_equal(receive(&x, &m, &error), GENAI_OK);
  genai_live_message_free(m);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(receive(&x, &m, &error), GENAI_CLOSED);
    assert_int_equal(error.close_code, 1000);
    assert_string_equal(error.close_reason, "bye");
  }
  assert_int_equal(genai_live_send_text(x.session, "late", NULL, &error), GENAI_ERROR_CLOSED);
  says(&error, "bye");
  assert_false(genai_live_writable(x.session));
  assert_int_equal(genai_live_close(x.session, NULL, &error), GENAI_OK);
  done(&x);
}

static void failures_are_never_closed(void **state) {
  (void)state;
  genai_live_message *m;
  genai_error error = {0};
  fixture x = open_with(NULL);
  fake_close(x.f, 1011, "Internal error encountered.");
  assert_int_equal(receive(&x, &m, &error), GENAI_ERROR_REFUSED);
  assert_int_equal(error.close_code, 1011);
  done(&x);
  x = open_with(NULL);
  fake_lost(x.f);
  assert_int_equal(receive(&x, &m, &error), GENAI_ERROR_LOST);
  assert_int_equal(error.close_code, 1006);
  done(&x);
}

static void closes_after_what_was_queued(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  genai_live_message *m;
  genai_error error = {0};
  for (int i = 0; i < 50; i++) assert_int_equal(genai_live_send_text(x.session, "word", NULL, NULL), GENAI_OK);
  assert_int_equal(genai_live_close(x.session, NULL, &error), GENAI_OK);
  assert_int_equal(x.f->sent_count, 51);
  assert_int_equal(x.f->close_code, 1000);
  assert_int_equal(genai_live_close(x.session, NULL, &error), GENAI_OK);
  assert_int_equal(x.f->closes, 1);
  assert_int_equal(receive(&x, &m, &error), GENAI_CLOSED);
  assert_int_equal(genai_live_send_text(x.session, "late", NULL, &error), GENAI_ERROR_CLOSED);
  done(&x);
}

static void close_ends_without_an_answer(void **state) {
  (void)state;
  fake *f;
  fixture x = open_with(&(genai_client_options){.close_timeout_ms = 30});
  f = x.f;
  f->ignore_close = true;
  assert_int_equal(genai_live_close(x.session, NULL, NULL), GENAI_OK);
  assert_int_equal(f->aborts, 1);
  done(&x);
}

/* ---- waiting ---- */

static void waits_end(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  genai_live_message *m;
  genai_error error = {0};
  genai_cancel *cancel;
  assert_int_equal(genai_cancel_new(&cancel, NULL), GENAI_OK);
  genai_wait soon = {.timeout_ms = 20}, cancelled = {.cancel = cancel};
  assert_int_equal(genai_live_receive(x.session, &m, &soon, &error), GENAI_ERROR_TIMEOUT);
  says(&error, "20 ms");
  genai_cancel_fire(cancel);
  assert_true(genai_cancel_fired(cancel));
  assert_int_equal(genai_live_receive(x.session, &m, &cancelled, &error), GENAI_ERROR_CANCELLED);
  assert_int_equal(genai_live_send_text(x.session, "no", &cancelled, &error), GENAI_ERROR_CANCELLED);
  genai_live_session *other;
  assert_int_equal(genai_live_connect(x.client, &params, &other, &cancelled, &error), GENAI_ERROR_CANCELLED);
  assert_int_equal(genai_client_next(x.client, &other, &cancelled, &error), GENAI_ERROR_CANCELLED);
  assert_int_equal(x.f->sent_count, 1);
  genai_cancel_free(cancel);
  done(&x);
}

typedef struct call { fixture *x; genai_wait wait; genai_status status; genai_error error; } call;

static void receiving(void *argument) {
  call *c = argument;
  genai_live_message *m;
  c->status = genai_live_receive(c->x->session, &m, &c->wait, &c->error);
  genai_live_message_free(m);
}

static void sending(void *argument) {
  call *c = argument;
  c->status = genai_live_send_text(c->x->session, "waiting for room", &c->wait, &c->error);
}

/* A full outbox: one large message that the transport does not take. */
static void fill(fixture *x) {
  static char text[2000];
  memset(text, 'x', sizeof text - 1);
  atomic_store(&x->f->blocked, true);
  assert_int_equal(genai_live_send_text(x->session, text, NULL, NULL), GENAI_OK);
}

static void full_outbox_makes_sends_wait(void **state) {
  (void)state;
  fixture x = open_with(&(genai_client_options){.outbox_max = 1000});
  genai_error error = {0};
  genai_wait no_wait = {.timeout_ms = GENAI_NO_WAIT}, soon = {.timeout_ms = 20};
  fill(&x);
  assert_false(genai_live_writable(x.session));
  assert_int_equal(genai_live_send_text(x.session, "a", &no_wait, &error), GENAI_WOULD_BLOCK);
  assert_int_equal(genai_live_send_text(x.session, "b", &soon, &error), GENAI_ERROR_TIMEOUT);
  says(&error, "Nothing was queued");
  call c = {.x = &x};
  uv_thread_t thread;
  uv_thread_create(&thread, sending, &c);
  fake_unblock(x.f);
  uv_thread_join(&thread);
  assert_int_equal(c.status, GENAI_OK);
  fake_wait_sent(x.f, 3);
  assert_non_null(strstr(x.f->sent[2], "waiting for room"));
  /* Room is back, and was announced once. */
  genai_live_message *m;
  assert_int_equal(receive(&x, &m, NULL), GENAI_OK);
  assert_int_equal(m->event->kind, GENAI_LIVE_EVENT_WRITABLE);
  genai_live_message_free(m);
  done(&x);
}

static void cancel_and_close_wake_waiting_calls(void **state) {
  (void)state;
  fixture x = open_with(&(genai_client_options){.outbox_max = 1000, .close_timeout_ms = 50});
  genai_cancel *cancel;
  assert_int_equal(genai_cancel_new(&cancel, NULL), GENAI_OK);
  fill(&x);
  call calls[6];
  uv_thread_t threads[6];
  for (int i = 0; i < 6; i++) {
    calls[i] = (call){.x = &x, .wait = {.cancel = i < 2 ? cancel : NULL}};
    uv_thread_create(&threads[i], i % 2 ? sending : receiving, &calls[i]);
  }
  genai_cancel_fire(cancel);
  for (int i = 0; i < 2; i++) {
    uv_thread_join(&threads[i]);
    assert_int_equal(calls[i].status, GENAI_ERROR_CANCELLED);
  }
  assert_int_equal(genai_live_close(x.session, NULL, NULL), GENAI_OK);
  for (int i = 2; i < 6; i++) {
    uv_thread_join(&threads[i]);
    assert_int_equal(calls[i].status, i % 2 ? GENAI_ERROR_CLOSED : GENAI_CLOSED);
  }
  assert_int_equal(x.f->sent_count, 1);
  genai_cancel_free(cancel);
  done(&x);
}

/* A call may not begin after free, so the test looks whether one has begun. */
static void wait_inside(genai_live_session *s) {
  for (unsigned calls = 0; !calls; uv_sleep(1)) {
    uv_mutex_lock(&s->mutex);
    calls = s->calls;
    uv_mutex_unlock(&s->mutex);
  }
}

static void free_waits_for_calls_in_flight(void **state) {
  (void)state;
  for (int round = 0; round < 20; round++) {
    fixture x = open_with(&(genai_client_options){.close_timeout_ms = 20});
    call calls[3];
    uv_thread_t threads[3];
    for (int i = 0; i < 3; i++) {
      calls[i] = (call){.x = &x};
      uv_thread_create(&threads[i], receiving, &calls[i]);
    }
    for (int i = 0; i < 3; i++) fake_message(x.f, "{}");
    for (int i = 0; i < 3; i++) uv_thread_join(&threads[i]);
    uv_thread_create(&threads[0], receiving, &calls[0]);
    wait_inside(x.session);
    done(&x);
    uv_thread_join(&threads[0]);
    assert_true(calls[0].status == GENAI_CLOSED);
  }
}

/* ---- sends ---- */

static void sends_are_encoded(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  genai_error error = {0};
  const genai_function_response response = {.id = "7", .name = "f", .response_json = "{\"ok\":true}"};
  const genai_function_response *responses[] = {&response};
  assert_int_equal(genai_live_send_text(x.session, "hi", NULL, NULL), GENAI_OK);
  assert_int_equal(genai_live_send_audio(x.session, "\0\1", 2, 0, NULL, NULL), GENAI_OK);
  assert_int_equal(genai_live_send_tool_response(
                       x.session, &(genai_live_client_tool_response){.function_responses = {responses, 1}}, NULL, NULL), GENAI_OK);
  assert_int_equal(genai_live_send_json(x.session, GENAI_LIVE_SEND_REALTIME_INPUT, "{\"audioStreamEnd\":true}", NULL, NULL), GENAI_OK);
  assert_int_equal(genai_live_send_audio(x.session, "\0", 1, 0, NULL, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(genai_live_send_realtime_input(x.session, &(genai_live_send_realtime_input_parameters){0}, NULL, &error),
                   GENAI_ERROR_ARGUMENT);
  assert_int_equal(genai_live_send_text(x.session, NULL, NULL, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(genai_live_send_json(x.session, GENAI_LIVE_SEND_REALTIME_INPUT, "{", NULL, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(genai_live_close(x.session, NULL, NULL), GENAI_OK);
  assert_int_equal(x.f->sent_count, 5);
  assert_string_equal(x.f->sent[1], "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"hi\"}],\"role\":\"user\"}],\"turnComplete\":true}}");
  assert_string_equal(x.f->sent[2], "{\"realtimeInput\":{\"audio\":{\"data\":\"AAE=\",\"mimeType\":\"audio/pcm;rate=16000\"}}}");
  assert_string_equal(x.f->sent[3], "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"7\",\"name\":\"f\",\"response\":{\"ok\":true}}]}}");
  assert_string_equal(x.f->sent[4], "{\"realtimeInput\":{\"audioStreamEnd\":true}}");
  done(&x);
}

/* ---- many sessions ---- */

static void next_names_each_session_with_news(void **state) {
  (void)state;
  enum { SESSIONS = 3 };
  fake *f = fake_new();
  genai_client *client = fake_client(NULL);
  genai_live_session *sessions[SESSIONS], *ready;
  genai_live_message *m;
  genai_wait no_wait = {.timeout_ms = GENAI_NO_WAIT}, wait = {.timeout_ms = 10000};
  net_ws *ws[SESSIONS];
  for (int i = 0; i < SESSIONS; i++) {
    f->sent_count = 0; /* the next message is a setup again */
    assert_int_equal(genai_live_connect(client, &params, &sessions[i], NULL, NULL), GENAI_OK);
    free(f->sent[0]);
    ws[i] = f->ws;
  }
  f->sent_count = 0;
  f->ws = ws[2];
  fake_message(f, "{}"); /* before the first question */
  assert_int_equal(genai_client_next(client, &ready, &wait, NULL), GENAI_OK);
  assert_ptr_equal(ready, sessions[2]);
  assert_int_equal(genai_client_next(client, &ready, &no_wait, NULL), GENAI_WOULD_BLOCK);
  assert_int_equal(genai_live_receive(sessions[2], &m, &no_wait, NULL), GENAI_OK);
  genai_live_message_free(m);
  assert_int_equal(genai_client_next(client, &ready, &no_wait, NULL), GENAI_WOULD_BLOCK);
  struct pollfd p = {.fd = genai_client_fd(client, NULL), .events = POLLIN};
  assert_int_equal(poll(&p, 1, 0), 0);
  f->ws = ws[0];
  fake_message(f, "{}");
  fake_message(f, "{}");
  f->ws = ws[1];
  fake_close(f, 1000, "");
  assert_int_equal(poll(&p, 1, 10000), 1);
  assert_int_equal(genai_client_next(client, &ready, &wait, NULL), GENAI_OK);
  assert_ptr_equal(ready, sessions[0]);
  assert_int_equal(genai_live_receive(ready, &m, &no_wait, NULL), GENAI_OK);
  genai_live_message_free(m);
  assert_int_equal(genai_client_next(client, &ready, &wait, NULL), GENAI_OK);
  assert_ptr_equal(ready, sessions[1]);
  assert_int_equal(genai_live_receive(ready, &m, &no_wait, NULL), GENAI_CLOSED);
  assert_int_equal(genai_client_next(client, &ready, &wait, NULL), GENAI_OK);
  assert_ptr_equal(ready, sessions[0]); /* it has one more */
  for (int i = 0; i < SESSIONS; i++) assert_int_equal(genai_live_free(sessions[i]), GENAI_OK);
  assert_int_equal(genai_client_next(client, &ready, &no_wait, NULL), GENAI_WOULD_BLOCK);
  genai_client_free(client);
  fake_free();
}

/* ---- own threads ---- */

static genai_live_session *on_loop;
static genai_status loop_free, loop_send, loop_close;

static void log_line(void *user, genai_log_level level, const char *line) {
  (void)user;
  (void)level;
  if (!on_loop || !strstr(line, "code 1000")) return;
  genai_live_session *s = on_loop;
  on_loop = NULL;
  genai_wait no_wait = {.timeout_ms = GENAI_NO_WAIT};
  loop_free = genai_live_free(s);
  loop_send = genai_live_send_text(s, "x", NULL, NULL);
  loop_close = genai_live_close(s, &no_wait, NULL);
}

static void own_threads_are_refused(void **state) {
  (void)state;
  fixture x = open_with(&(genai_client_options){.log = log_line, .log_level = GENAI_LOG_DEBUG});
  on_loop = x.session;
  loop_free = loop_send = loop_close = GENAI_WOULD_BLOCK;
  fake_close(x.f, 1000, "");
  assert_int_equal(loop_free, GENAI_ERROR_THREAD);
  assert_int_equal(loop_send, GENAI_ERROR_THREAD);
  assert_int_equal(loop_close, GENAI_OK);
  done(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(connects_and_keeps_setup_complete),
      cmocka_unit_test(start_reports_open_as_event),
      cmocka_unit_test(connect_failures),
      cmocka_unit_test(bad_setup_is_refused_before_dialing),
      cmocka_unit_test(failures_during_setup),
      cmocka_unit_test(what_a_model_does_not_take_is_told),
      cmocka_unit_test(receives_everything_in_order),
      cmocka_unit_test(bad_messages_are_reported_and_skipped),
      cmocka_unit_test(getters_take_null),
      cmocka_unit_test(go_away_is_an_event),
      cmocka_unit_test(interruptions_are_counted_before_receiving),
      cmocka_unit_test(inbox_ceiling_pauses_reading),
      cmocka_unit_test(fd_is_readable_while_something_waits),
      cmocka_unit_test(graceful_close_keeps_code_and_reason),
      cmocka_unit_test(failures_are_never_closed),
      cmocka_unit_test(closes_after_what_was_queued),
      cmocka_unit_test(close_ends_without_an_answer),
      cmocka_unit_test(waits_end),
      cmocka_unit_test(full_outbox_makes_sends_wait),
      cmocka_unit_test(cancel_and_close_wake_waiting_calls),
      cmocka_unit_test(free_waits_for_calls_in_flight),
      cmocka_unit_test(sends_are_encoded),
      cmocka_unit_test(next_names_each_session_with_news),
      cmocka_unit_test(own_threads_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
