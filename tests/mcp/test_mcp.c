/* Tools of an MCP server in a session over the transport without sockets. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../client/fake.h"
#include "genai/mcp.h"

#define SERVER TESTS_DIR "/mcp/server.py"

typedef struct fixture {
  fake *f;
  genai_tools *tools;
  genai_client *client;
  genai_live_session *session;
  char cancelled[64];
} fixture;

static fixture open_with(const genai_tools_options *options) {
  fixture x = {.f = fake_new(), .client = fake_client(NULL)};
  genai_error error = {0};
  snprintf(x.cancelled, sizeof x.cancelled, "/tmp/genai-mcp-%d", (int)getpid());
  const char *argv[] = {"python3", SERVER, x.cancelled, NULL};
  assert_int_equal(genai_tools_new(&x.tools, options, NULL), GENAI_OK);
  const genai_string_pair more[] = {{"MINE", "1"}};
  if (genai_tools_add_mcp(x.tools, argv, &(genai_mcp_options){.environment = {more, 1}}, &error) != GENAI_OK) fail_msg("%s", error.message);
  genai_live_connect_params p = {.model = "m", .tools = x.tools};
  if (genai_live_connect(x.client, &p, &x.session, NULL, &error) != GENAI_OK) fail_msg("%s", error.message);
  return x;
}

static void done(fixture *x) {
  assert_int_equal(genai_live_free(x->session), GENAI_OK);
  genai_client_free(x->client);
  genai_tools_free(x->tools);
  fake_free();
  unlink(x->cancelled);
  /* No zombie, no child. */
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);
}

static const char *call(fixture *x, const char *name, const char *args) {
  char json[256];
  size_t sent = x->f->sent_count;
  snprintf(json, sizeof json, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"7\",\"name\":\"%s\",\"args\":%s}]}}", name, args);
  fake_message(x->f, json);
  fake_wait_sent(x->f, sent + 1);
  return x->f->sent[sent];
}

static void says(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("\"%s\" is not in %s", part, text);
}

static void lists_and_routes(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  says(x.f->sent[0], "{\"description\":\"does add\",\"name\":\"add\",\"parametersJsonSchema\":{\"type\": \"object\"");
  says(x.f->sent[0], "\"name\":\"hang\""); /* the second page */
  says(call(&x, "add", "{\"a\":2,\n\"b\":3}"), "\"response\":{\"content\": [{\"type\": \"text\", \"text\": \"5\"}]}");
  says(call(&x, "broken", "{}"), "{\"error\":\"The tool \\\"broken\\\" failed: no ink\"}");
  says(call(&x, "refused", "{}"), "refused tools/call: Unknown tool");
  setenv("GEMINI_API_KEY", "secret", 1);
  done(&x);
  x = open_with(NULL);
  const char *environment = call(&x, "environment", "{}");
  says(environment, "MINE");
  assert_null(strstr(environment, "GEMINI_API_KEY"));
  done(&x);
}

static void death_is_told(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  says(call(&x, "die", "{}"), "has ended");
  says(call(&x, "add", "{\"a\":1,\"b\":1}"), "has ended");
  done(&x);
}

static void cancellation_reaches_the_server(void **state) {
  (void)state;
  fixture x = open_with(&(genai_tools_options){.timeout_ms = 50});
  says(call(&x, "hang", "{}"), "did not answer in time");
  done(&x); /* waits for the function, which has told the server */
  x = open_with(NULL);
  fake_message(x.f, "{\"toolCall\":{\"functionCalls\":[{\"id\":\"8\",\"name\":\"hang\"}]}}");
  fake_message(x.f, "{\"toolCallCancellation\":{\"ids\":[\"8\"]}}");
  /* The call may be cancelled before its turn; then the server never heard of it. Either way it is not answered. */
  says(call(&x, "add", "{\"a\":1,\"b\":1}"), "\"text\": \"2\"");
  assert_int_equal(x.f->sent_count, 2);
  done(&x);
}

static void children_end_too(void **state) {
  (void)state;
  fixture x = open_with(NULL);
  says(call(&x, "child", "{}"), "left");
  done(&x);
}

static void add_fails(const char *const *argv, genai_status status, const char *part) {
  genai_tools *tools;
  genai_error error = {0};
  assert_int_equal(genai_tools_new(&tools, NULL, NULL), GENAI_OK);
  genai_status got = genai_tools_add_mcp(tools, argv, &(genai_mcp_options){.start_timeout_ms = 5000}, &error);
  if (got != status) fail_msg("%s: %s", genai_status_name(got), error.message);
  says(error.message, part);
  genai_tools_free(tools);
}

static void bad_servers(void **state) {
  (void)state;
  /* valgrind makes a fork of vfork, so that posix_spawn cannot tell there that exec failed. */
  if (getenv("GENAI_TEST_SCALE")) add_fails((const char *const[]){"/nowhere/at/all", NULL}, GENAI_ERROR_LOST, "has ended");
  else add_fails((const char *const[]){"/nowhere/at/all", NULL}, GENAI_ERROR_SYSTEM, "could not be started");
  add_fails((const char *const[]){NULL}, GENAI_ERROR_ARGUMENT, "no command");
  add_fails((const char *const[]){"python3", SERVER, "mute", NULL}, GENAI_ERROR_LOST, "has ended");
  add_fails((const char *const[]){"python3", SERVER, "silent", NULL}, GENAI_ERROR_TIMEOUT, "5000 ms");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lists_and_routes), cmocka_unit_test(death_is_told), cmocka_unit_test(cancellation_reaches_the_server),
      cmocka_unit_test(children_end_too), cmocka_unit_test(bad_servers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
