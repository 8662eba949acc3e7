/* One HTTP request and its answer, against blocking peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/request.h"
#include "peer.h"
#include "rig.h"

typedef struct script { const char *answer; char heard[4096]; bool wait; } script;

static void serve(peer_io *io, void *argument) {
  script *s = argument;
  memset(s->heard, 0, sizeof s->heard);
  if (!peer_read_head(io, s->heard, sizeof s->heard)) return;
  if (s->answer) peer_text(io, s->answer);
  if (s->wait) peer_drain(io);
}

typedef struct run {
  net_loop *loop;
  net_request *request;
  net_request_params params;
  gate done;
  genai_error error;
  int status;
  char body[512];
  size_t size;
  genai_status started;
} run;

static void done(void *user, const genai_error *error, int status, const char *body, size_t size) {
  run *r = user;
  r->error = *error;
  r->status = status;
  r->size = size;
  snprintf(r->body, sizeof r->body, "%s", body);
  gate_open(&r->done);
}

static void start(void *argument) {
  run *r = argument;
  r->started = net_request_start(&r->request, r->loop, &r->params, done, r, &r->error);
}

static void fetch(run *r, int port) {
  *r = (run){.done = GATE_INIT, .params = r->params};
  r->params.target.host = "127.0.0.1";
  r->params.target.port = port;
  if (!r->params.method) r->params.method = "GET";
  if (!r->params.path) r->params.path = "/x?y";
  if (!r->params.keep) r->params.keep = 400;
  if (!r->params.timeout_ms) r->params.timeout_ms = 10000;
  assert_int_equal(net_loop_new(&r->loop, NULL), GENAI_OK);
  rig_on_loop(r->loop, start, r);
  if (r->started == GENAI_OK) assert_true(gate_wait(&r->done, 1));
  net_loop_free(r->loop);
}

static run answered(const char *answer, const net_request_params *params) {
  script s = {.answer = answer};
  run r = {.params = params ? *params : (net_request_params){.method = NULL}};
  peer *p = peer_new(serve, &s, NULL);
  fetch(&r, peer_port(p));
  peer_free(p);
  return r;
}

static void bodies(void **state) {
  (void)state;
  static const char *const answers[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"};
  for (size_t i = 0; i < 4; i++) {
    run r = answered(answers[i], NULL);
    assert_int_equal(r.error.status, GENAI_OK);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "hello");
    assert_int_equal(r.size, 5);
  }
}

static void other_statuses_are_answers(void **state) {
  (void)state;
  run r = answered("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}", NULL);
  assert_int_equal(r.error.status, GENAI_OK);
  assert_int_equal(r.status, 400);
  r = answered("HTTP/1.1 302 Found\r\nLocation: https://elsewhere\r\nContent-Length: 0\r\n\r\n", NULL);
  assert_int_equal(r.status, 302); /* not followed */
  assert_string_equal(r.body, "");
}

static void says_what_it_sends(void **state) {
  (void)state;
  const genai_string_pair fields[] = {{"X-Mine", "1"}};
  script s = {.answer = "HTTP/1.1 204 No Content\r\n\r\n"};
  run r = {.params = {.method = "POST", .path = "/token", .headers = fields, .header_count = 1, .body = "a=b", .body_size = 3}};
  peer *p = peer_new(serve, &s, NULL);
  fetch(&r, peer_port(p));
  peer_free(p);
  assert_int_equal(r.status, 204);
  assert_non_null(strstr(s.heard, "POST /token HTTP/1.1\r\nHost: 127.0.0.1:"));
  assert_non_null(strstr(s.heard, "Content-Length: 3\r\nConnection: close\r\nX-Mine: 1\r\n\r\n"));
}

static void failures(void **state) {
  (void)state;
  run r = answered("SSH-2.0-x\r\n", NULL);
  assert_int_equal(r.error.status, GENAI_ERROR_PROTOCOL);
  r = answered("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhe", NULL);
  assert_int_equal(r.error.status, GENAI_ERROR_LOST);
  assert_non_null(strstr(r.error.message, "127.0.0.1 port"));
  r = answered("", NULL);
  assert_int_equal(r.error.status, GENAI_ERROR_LOST);
  r = (run){0};
  fetch(&r, 1);
  assert_int_equal(r.error.status, GENAI_ERROR_CONNECT);
  net_request_params bad = {.path = "/a b"};
  r = answered("", &bad);
  assert_int_equal(r.started, GENAI_ERROR_ARGUMENT);
}

static void keeps_no_more_than_asked(void **state) {
  (void)state;
  net_request_params params = {.keep = 3};
  run r = answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", &params);
  assert_int_equal(r.error.status, GENAI_OK);
  assert_string_equal(r.body, "hel");
}

static void deadline(void **state) {
  (void)state;
  script s = {.wait = true};
  run r = {.params = {.timeout_ms = 30}};
  peer *p = peer_new(serve, &s, NULL);
  fetch(&r, peer_port(p));
  peer_free(p);
  assert_int_equal(r.error.status, GENAI_ERROR_TIMEOUT);
  assert_non_null(strstr(r.error.message, "30 ms"));
}

static void give_up(void *argument) { net_request_abort(((run *)argument)->request); }

static void abort_means_silence(void **state) {
  (void)state;
  script s = {.wait = true};
  peer *p = peer_new(serve, &s, NULL);
  run r = {.done = GATE_INIT, .params = {.target = {.host = "127.0.0.1", .port = peer_port(p)}, .method = "GET", .path = "/", .keep = 1, .timeout_ms = 9000}};
  assert_int_equal(net_loop_new(&r.loop, NULL), GENAI_OK);
  rig_on_loop(r.loop, start, &r);
  rig_on_loop(r.loop, give_up, &r);
  net_loop_free(r.loop);
  peer_free(p);
  assert_int_equal(gate_count(&r.done), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bodies),           cmocka_unit_test(other_statuses_are_answers), cmocka_unit_test(says_what_it_sends),
      cmocka_unit_test(failures),         cmocka_unit_test(keeps_no_more_than_asked),   cmocka_unit_test(deadline),
      cmocka_unit_test(abort_means_silence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
