/* The session with each allocation failing once, for every n: a clear error or success, never a crash, hang or leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fail_once.h"
#include "fake.h"

static void fine_or_memory(genai_status status, const genai_error *error) {
  if (status == GENAI_OK || status == GENAI_CLOSED) return;
  if (status != GENAI_ERROR_MEMORY) fail_msg("%s: %s", genai_status_name(status), error->message);
}

static void receive_all(genai_live_session *session) {
  genai_wait wait = {.timeout_ms = 20000};
  for (;;) {
    genai_error error = {0};
    genai_live_message *message;
    genai_status status = genai_live_receive(session, &message, &wait, &error);
    if (status != GENAI_ERROR_MESSAGE) fine_or_memory(status, &error);
    genai_live_message_free(message);
    if (status == GENAI_CLOSED || (status != GENAI_OK && !strstr(error.message, "goes on"))) return;
  }
}

static void talk(genai_client *client, fake *f) {
  genai_error error = {0};
  genai_live_session *session;
  genai_live_connect_config config = {.response_modalities = GENAI_ENUMS(GENAI_MODALITY_AUDIO), .temperature = GENAI_SOME(0.7)};
  genai_live_connect_params params = {.model = "m", .config = &config, .reconnect = GENAI_LIVE_RECONNECT_NONE};
  genai_wait wait = {.timeout_ms = 20000};
  genai_status status = genai_live_connect(client, &params, &session, &wait, &error);
  fine_or_memory(status, &error);
  if (status != GENAI_OK) return;
  fine_or_memory(genai_live_send_text(session, "hello", &wait, &error), &error);
  fine_or_memory(genai_live_send_audio(session, "\0\1\2\3", 4, 16000, &wait, &error), &error);
  fine_or_memory(genai_live_send_json(session, GENAI_LIVE_SEND_TOOL_RESPONSE,
                                      "{\"functionResponses\":[{\"id\":\"1\",\"name\":\"f\",\"response\":{}}]}", &wait, &error), &error);
  fake_message(f, "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"inlineData\":{\"data\":\"AAEC\"}}]}},\"goAway\":{\"timeLeft\":\"1s\"}}");
  fake_message(f, "not JSON");
  fake_close(f, 1000, "");
  receive_all(session);
  assert_int_equal(genai_live_free(session), GENAI_OK);
}

/* Until the session goes on, or has ended for want of memory. */
static void receive_resumed(genai_live_session *session) {
  genai_wait wait = {.timeout_ms = 20000};
  for (bool on = true; on;) {
    genai_error error = {0};
    genai_live_message *message;
    genai_status status = genai_live_receive(session, &message, &wait, &error);
    fine_or_memory(status, &error);
    if (status == GENAI_OK && message->event && message->event->kind == GENAI_LIVE_EVENT_RESUMED) on = false;
    if (status != GENAI_OK) on = strstr(error.message, "goes on"); /* it was the event that was lost, perhaps */
    genai_live_message_free(message);
    if (status == GENAI_ERROR_MEMORY) on = false;
  }
}

static void lose_and_go_on(genai_client *client, fake *f) {
  genai_error error = {0};
  genai_live_session *session;
  genai_live_connect_params params = {.model = "m", .recovery = {.delay_ms = 1, .delay_max_ms = 1}};
  genai_wait wait = {.timeout_ms = 20000};
  genai_status status = genai_live_connect(client, &params, &session, &wait, &error);
  fine_or_memory(status, &error);
  if (status != GENAI_OK) return;
  fake_message(f, "{\"sessionResumptionUpdate\":{\"newHandle\":\"h1\",\"resumable\":true}}");
  fine_or_memory(genai_live_send_text(session, "hello", &wait, &error), &error);
  fake_message(f, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"c1\",\"name\":\"f\"}]}}");
  fake_lost(f);
  receive_resumed(session);
  assert_int_equal(genai_live_free(session), GENAI_OK);
}

static void fail_each(void (*with)(genai_client *client, fake *f), long least) {
  genai_allocator failing = {fail_once_allocate, fail_once_reallocate, fail_once_release, NULL};
  long n = 1;
  genai_set_allocator(&failing);
  for (bool failed = true; failed; n++) {
    fake *f = fake_new();
    atomic_store(&fail_once_countdown, n);
    genai_client *client = fake_client(NULL);
    if (client) {
      with(client, f);
      genai_client_free(client);
    }
    failed = atomic_load(&fail_once_countdown) <= 0;
    fake_free();
    assert_int_equal(atomic_load(&fail_once_balance), 0);
  }
  genai_set_allocator(NULL);
  assert_in_range(n, least, 10000); /* it reached into everything */
}

static void each_allocation_fails_once(void **state) {
  (void)state;
  fail_each(talk, 30);
}

static void each_allocation_of_a_recovery_fails_once(void **state) {
  (void)state;
  fail_each(lose_and_go_on, 40);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails_once), cmocka_unit_test(each_allocation_of_a_recovery_fails_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
