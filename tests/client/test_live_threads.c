/* Two threads send, a third receives, a fourth closes, a fifth cancels, and the owner frees: in every order that the scheduler
 * finds. Meant for ThreadSanitizer; the assertions are that all calls end, each in a way that fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake.h"

enum { ROUNDS = 100, MESSAGES = 30 };

typedef struct shared {
  genai_live_session *session;
  genai_cancel *cancel;
  fake *f;
  int round;
} shared;

static bool ends_a_send(genai_status status) {
  return status == GENAI_OK || status == GENAI_ERROR_CLOSED || status == GENAI_ERROR_CANCELLED;
}

static void send_texts(void *argument) {
  shared *s = argument;
  genai_wait wait = {.cancel = s->cancel};
  for (int i = 0; i < MESSAGES; i++) {
    genai_status status = genai_live_send_text(s->session, "hello", i % 2 ? &wait : NULL, NULL);
    if (!ends_a_send(status)) abort();
    if (status == GENAI_ERROR_CLOSED) break;
    genai_live_writable(s->session);
  }
}

static void receive_all(void *argument) {
  shared *s = argument;
  genai_live_message *message;
  genai_wait wait = {.cancel = s->cancel};
  genai_status status;
  genai_error error = {0};
  do {
    status = genai_live_receive(s->session, &message, &wait, &error);
    genai_live_message_free(message);
    genai_live_interruptions(s->session);
  } while (status == GENAI_OK || status == GENAI_ERROR_MESSAGE);
  if (status == GENAI_CLOSED || status == GENAI_ERROR_CANCELLED) return;
  fprintf(stderr, "receive: %s: %s\n", genai_status_name(status), error.message);
  abort();
}

static void speak(void *argument) {
  shared *s = argument;
  for (int i = 0; i < MESSAGES; i++)
    fake_message(s->f, i % 7 ? "{\"serverContent\":{\"interrupted\":true}}" : "not JSON");
}

static void close_it(void *argument) {
  shared *s = argument;
  if (genai_live_close(s->session, NULL, NULL) != GENAI_OK) abort();
}

static void cancel_it(void *argument) {
  shared *s = argument;
  if (s->round % 3 == 0) genai_cancel_fire(s->cancel);
}

static void all_at_once(void **state) {
  (void)state;
  static void (*const parts[])(void *) = {send_texts, send_texts, receive_all, speak, close_it, cancel_it, receive_all};
  enum { PARTS = sizeof parts / sizeof *parts };
  const char *scale = getenv("GENAI_TEST_SCALE");
  int rounds = scale && atoi(scale) > 1 ? ROUNDS / atoi(scale) : ROUNDS;
  for (int round = 0; round < rounds; round++) {
    shared s = {.f = fake_new(), .round = round};
    genai_client *client = fake_client(&(genai_client_options){.outbox_max = 300, .inbox_max = 4096, .close_timeout_ms = 20});
    assert_int_equal(genai_cancel_new(&s.cancel, NULL), GENAI_OK);
    assert_int_equal(genai_live_connect(client, &(genai_live_connect_params){.model = "m"}, &s.session, NULL, NULL), GENAI_OK);
    uv_thread_t threads[PARTS];
    for (int i = 0; i < PARTS; i++) uv_thread_create(&threads[i], parts[(i + round) % PARTS], &s);
    for (int i = 0; i < PARTS; i++) uv_thread_join(&threads[i]);
    assert_int_equal(genai_live_free(s.session), GENAI_OK);
    assert_int_equal(genai_client_free(client), GENAI_OK);
    genai_cancel_free(s.cancel);
    fake_free();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_at_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
