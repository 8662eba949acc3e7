/* Functions that run themselves, in sessions over the transport without sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../client/fake.h"
#include "base/error.h"

typedef struct fixture {
  fake *f;
  genai_tools *tools;
  genai_client *client;
  genai_live_session *session;
} fixture;

static genai_status upper(const genai_tool_invocation *call, genai_error *error) {
  char json[256];
  snprintf(json, sizeof json, "{\"heard\":%s,\"user\":\"%s\"}", call->args_json, (const char *)call->user);
  return genai_tool_answer(call, &(genai_tool_result){.response_json = json}, error);
}

static genai_status failing(const genai_tool_invocation *call, genai_error *error) {
  return error_set(error, GENAI_ERROR_ARGUMENT, "The \"%s\" is broken.", call->name);
}

static genai_status silent(const genai_tool_invocation *call, genai_error *error) {
  (void)call, (void)error;
  return GENAI_OK;
}

static genai_status stream(const genai_tool_invocation *call, genai_error *error) {
  genai_status status = genai_tool_answer(
      call, &(genai_tool_result){.response_json = "{\"n\":1}", .will_continue = true, .scheduling = GENAI_FUNCTION_RESPONSE_SCHEDULING_SILENT}, error);
  return status == GENAI_OK ? genai_tool_answer(call, &(genai_tool_result){.response_json = "{\"n\":2}"}, error) : status;
}

static genai_status bad_json(const genai_tool_invocation *call, genai_error *error) {
  return genai_tool_answer(call, &(genai_tool_result){.response_json = "[1]"}, error);
}

static uv_sem_t entered, leave;
static genai_status late_status;

/* Runs until it is cancelled, then answers too late. */
static genai_status stubborn(const genai_tool_invocation *call, genai_error *error) {
  uv_sem_post(&entered);
  while (!genai_cancel_fired(call->cancel)) uv_sleep(1);
  late_status = genai_tool_answer(call, &(genai_tool_result){.response_json = "{}"}, error);
  uv_sem_post(&leave);
  return GENAI_OK;
}

static void add(genai_tools *tools, const char *name, genai_tool_function function) {
  char json[128];
  genai_error error = {0};
  snprintf(json, sizeof json, "{\"name\":\"%s\"}", name);
  if (genai_tools_add_json(tools, json, function, (void *)(uintptr_t)"me", &error) != GENAI_OK) fail_msg("%s", error.message);
}

static fixture open_with(const genai_tools_options *options) {
  fixture x = {.f = fake_new(), .client = fake_client(NULL)};
  genai_error error = {0};
  assert_int_equal(genai_tools_new(&x.tools, options, NULL), GENAI_OK);
  add(x.tools, "upper", upper);
  add(x.tools, "failing", failing);
  add(x.tools, "silent", silent);
  add(x.tools, "stream", stream);
  add(x.tools, "bad_json", bad_json);
  add(x.tools, "stubborn", stubborn);
  genai_live_connect_params p = {.model = "m", .tools = x.tools};
  if (genai_live_connect(x.client, &p, &x.session, NULL, &error) != GENAI_OK) fail_msg("%s", error.message);
  return x;
}

static void done(fixture *x) {
  assert_int_equal(genai_live_free(x->session), GENAI_OK);
  genai_client_free(x->client);
  genai_tools_free(x->tools);
  fake_free();
}

static void call(fixture *x, const char *id, const char *name, const char *args) {
  char json[256];
  snprintf(json, sizeof json, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"%s\",\"name\":\"%s\",\"args\":%s}]}}", id, name, args);
  fake_message(x->f, json);
}

#define ANSWER(id, name, response) "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"" id "\",\"name\":\"" name "\",\"response\":" response "}]}}"

static void declares_behind_the_config(void **state) {
  (void)state;
  fake *f = fake_new();
  genai_client *client = fake_client(NULL);
  genai_tools *tools;
  genai_live_session *session;
  genai_error error = {0};
  assert_int_equal(genai_tools_new(&tools, NULL, NULL), GENAI_OK);
  assert_int_equal(genai_tools_add(tools, &(genai_function_declaration){.name = "a", .description = "does a"}, upper, NULL, NULL), GENAI_OK);
  assert_int_equal(genai_tools_add_json(tools, "{\"name\":\"b\"}", upper, NULL, NULL), GENAI_OK);
  assert_int_equal(genai_tools_add_json(tools, "{\"name\":\"b\"}", upper, NULL, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(genai_tools_add_json(tools, "{\"nane\":\"c\"}", upper, NULL, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(genai_tools_add_json(tools, "{}", upper, NULL, &error), GENAI_ERROR_ARGUMENT);
  assert_true(genai_tools_has(tools, "a") && !genai_tools_has(tools, "c"));
  genai_live_connect_params p = {.model = "m", .config_json = "{\"tools\":[{\"googleSearch\":{}}]}", .tools = tools,
                                 .reconnect = GENAI_LIVE_RECONNECT_NONE};
  assert_int_equal(genai_live_connect(client, &p, &session, NULL, &error), GENAI_OK);
  assert_string_equal(f->sent[0], "{\"setup\":{\"model\":\"models/m\",\"tools\":[{\"googleSearch\":{}},{\"functionDeclarations\":"
                                  "[{\"description\":\"does a\",\"name\":\"a\"},{\"name\":\"b\"}]}]}}");
  assert_int_equal(genai_tools_add_json(tools, "{\"name\":\"late\"}", upper, NULL, &error), GENAI_ERROR_ARGUMENT);
  genai_tools_free(tools); /* the session keeps it */
  assert_int_equal(genai_live_free(session), GENAI_OK);
  genai_client_free(client);
  fake_free();
}

static void answers(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  genai_live_message *m;
  call(&x, "1", "upper", "{\"a\":1}");
  fake_wait_sent(x.f, 2);
  assert_string_equal(x.f->sent[1], ANSWER("1", "upper", "{\"heard\":{\"a\":1},\"user\":\"me\"}"));
  /* The application sees the call too, and one of its own it answers itself. */
  assert_int_equal(genai_live_receive(x.session, &m, NULL, NULL), GENAI_OK);
  assert_string_equal(genai_live_message_function_call(m, 0)->name, "upper");
  genai_live_message_free(m);
  call(&x, "2", "own", "{}");
  call(&x, "3", "failing", "{}");
  fake_wait_sent(x.f, 3);
  assert_string_equal(x.f->sent[2], ANSWER("3", "failing", "{\"error\":\"The \\\"failing\\\" is broken.\"}"));
  call(&x, "4", "silent", "{}");
  fake_wait_sent(x.f, 4);
  assert_non_null(strstr(x.f->sent[3], "returned no result"));
  call(&x, "5", "bad_json", "{}");
  fake_wait_sent(x.f, 5);
  assert_non_null(strstr(x.f->sent[4], "no JSON object"));
  call(&x, "6", "stream", "{}");
  fake_wait_sent(x.f, 7);
  assert_non_null(strstr(x.f->sent[5], "\"willContinue\":true"));
  assert_non_null(strstr(x.f->sent[5], "\"scheduling\":\"SILENT\""));
  assert_string_equal(x.f->sent[6], ANSWER("6", "stream", "{\"n\":2}"));
  done(&x);
}

static void cancellation_reaches_the_function(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  call(&x, "1", "stubborn", "{}");
  uv_sem_wait(&entered);
  fake_message(x.f, "{\"toolCallCancellation\":{\"ids\":[\"1\",\"9\"]}}");
  uv_sem_wait(&leave);
  assert_int_equal(late_status, GENAI_ERROR_CANCELLED);
  assert_int_equal(x.f->sent_count, 1);
  done(&x);
}

static void slow_functions_are_answered_for(void **state) {
  (void)state;
  fixture x = open_with(&(genai_tools_options){.workers = 1, .timeout_ms = 30});
  call(&x, "1", "stubborn", "{}");
  call(&x, "2", "upper", "{}"); /* waits behind it: overdue too, or just not yet */
  fake_wait_sent(x.f, 3);
  bool together = strstr(x.f->sent[1], "\"id\":\"2\"") != NULL; /* found overdue in one look, the later one is answered first */
  assert_non_null(strstr(x.f->sent[together ? 2 : 1], "did not answer in time"));
  assert_non_null(strstr(x.f->sent[together ? 1 : 2], "\"id\":\"2\""));
  uv_sem_wait(&entered);
  uv_sem_wait(&leave);
  assert_int_equal(late_status, GENAI_ERROR_CANCELLED);
  done(&x);
}

static void a_full_queue_answers(void **state) {
  (void)state;
  fixture x = open_with(&(genai_tools_options){.workers = 1, .waiting_max = 1});
  call(&x, "1", "stubborn", "{}");
  uv_sem_wait(&entered);
  call(&x, "2", "upper", "{}");
  call(&x, "3", "upper", "{}");
  fake_wait_sent(x.f, 2);
  assert_non_null(strstr(x.f->sent[1], "\"id\":\"3\""));
  assert_non_null(strstr(x.f->sent[1], "Too many function calls"));
  done(&x); /* ends the stubborn one by its token, and drops the waiting one */
  uv_sem_wait(&leave);
}

/* ---- the storm: many sessions, many calls, failures and cancellations ---- */

enum { SESSIONS = 20, CALLS = 200 };

static genai_status random_function(const genai_tool_invocation *call, genai_error *error) {
  unsigned n = (unsigned)atoi(call->id);
  uv_sleep(n % 5);
  if (n % 7 == 0) return error_set(error, GENAI_ERROR_TIMEOUT, "unlucky");
  genai_status status = genai_tool_answer(call, &(genai_tool_result){.response_json = "{}"}, NULL);
  return status == GENAI_ERROR_CANCELLED ? GENAI_OK : status;
}

static void storm(void **state) {
  (void)state;
  fake *f = fake_new();
  genai_client *client = fake_client(NULL);
  genai_tools *tools;
  genai_live_session *sessions[SESSIONS];
  net_ws *ws[SESSIONS];
  assert_int_equal(genai_tools_new(&tools, NULL, NULL), GENAI_OK);
  add(tools, "f", random_function);
  genai_live_connect_params p = {.model = "m", .tools = tools};
  for (int i = 0; i < SESSIONS; i++) {
    f->sent_count = 0;
    assert_int_equal(genai_live_connect(client, &p, &sessions[i], NULL, NULL), GENAI_OK);
    free(f->sent[0]);
    ws[i] = f->ws;
  }
  f->sent_count = 0;
  f->sent[f->sent_count++] = strdup("setup"); /* so that no answer is taken for a setup */
  unsigned cancelled = 0;
  for (int n = 1; n <= CALLS; n++) {
    char json[160];
    f->ws = ws[n % SESSIONS];
    snprintf(json, sizeof json, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"%d\",\"name\":\"f\"}]}}", n);
    fake_message(f, json);
    if (n % 11) continue;
    snprintf(json, sizeof json, "{\"toolCallCancellation\":{\"ids\":[\"%d\"]}}", n);
    fake_message(f, json);
    cancelled++;
  }
  fake_wait_sent(f, 1 + CALLS - cancelled);
  for (int i = 0; i < SESSIONS; i++) assert_int_equal(genai_live_free(sessions[i]), GENAI_OK);
  genai_client_free(client);
  genai_tools_free(tools);
  /* Every call that was not cancelled is answered once, and none twice. */
  unsigned answered[CALLS + 1] = {0};
  for (size_t i = 1; i < f->sent_count; i++) {
    const char *id = strstr(f->sent[i], "\"id\":\"");
    assert_non_null(id);
    answered[atoi(id + 6)]++;
  }
  for (int n = 1; n <= CALLS; n++) {
    if (n % 11) assert_int_equal(answered[n], 1);
    else assert_in_range(answered[n], 0, 1);
  }
  fake_free();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(declares_behind_the_config), cmocka_unit_test(answers),
      cmocka_unit_test(cancellation_reaches_the_function), cmocka_unit_test(slow_functions_are_answered_for),
      cmocka_unit_test(a_full_queue_answers), cmocka_unit_test(storm),
  };
  uv_sem_init(&entered, 0);
  uv_sem_init(&leave, 0);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
