/* The provider: keeping, renewing, coalescing, backing off, refusals, cancelling, the application's own tokens; no real clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "provider.h"
#include "token_server.h"

#define TOKEN(name, life) "{\"access_token\":\"" name "\",\"expires_in\":" #life "}"

static token_server server;

static void start(provider *p, const char *body) {
  char file[1024];
  token_server_start(&server, body);
  snprintf(file, sizeof file, "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s\",\"refresh_token\":\"r\",\"token_uri\":"
           "\"%s\"}", token_server_url(&server, "/t"));
  assert_int_equal(provider_start(p, &(auth_options){.credentials_json = file}), GENAI_OK);
}

static void stop(provider *p) {
  provider_stop(p);
  token_server_stop(&server);
}

static void forward_s(provider *p, uint64_t seconds) { atomic_fetch_add(&p->now_ms, seconds * 1000); }

/* The loop has taken in an answer that nobody waited for. */
static void await_requests(int count) {
  for (int i = 0; i < 20000 && token_server_count(&server) < count; i++) rig_sleep_us(1000);
  assert_int_equal(token_server_count(&server), count);
}

static void get_until(provider *p, asker *a, const char *expected) {
  for (int i = 0; i < 20000 && strcmp(provider_get(p, a), expected) != 0; i++) rig_sleep_us(1000);
  assert_string_equal(a->bearer, expected);
}

static void keeps_and_renews(void **state) {
  (void)state;
  provider p;
  asker a;
  start(&p, TOKEN("one", 3600));
  server.bodies[1] = TOKEN("two", 100);
  server.bodies[2] = TOKEN("three", 3600);
  assert_string_equal(provider_get(&p, &a), "Bearer one");
  forward_s(&p, 3299);
  atomic_fetch_add(&p.wall_s, -999999); /* whatever the wall says */
  assert_string_equal(provider_get(&p, &a), "Bearer one");
  assert_int_equal(token_server_count(&server), 1);
  forward_s(&p, 1); /* 5 minutes before its end it is renewed, and still given to those who ask meanwhile */
  assert_string_equal(provider_get(&p, &a), "Bearer one");
  get_until(&p, &a, "Bearer two");
  assert_int_equal(token_server_count(&server), 2);
  forward_s(&p, 74); /* a short life: at three quarters */
  assert_string_equal(provider_get(&p, &a), "Bearer two");
  assert_int_equal(token_server_count(&server), 2);
  forward_s(&p, 16); /* over: nobody gets it any more */
  assert_string_equal(provider_get(&p, &a), "Bearer three");
  assert_int_equal(token_server_count(&server), 3);
  stop(&p);
}

static void one_request_for_all(void **state) {
  (void)state;
  provider p;
  asker many[50];
  start(&p, TOKEN("one", 3600));
  token_server_mute(&server);
  for (int i = 0; i < 50; i++) provider_ask(&p, &many[i]);
  await_requests(1);
  rig_settle(p.loop);
  for (int i = 0; i < 50; i++) assert_int_equal(gate_count(&many[i].answered), 0);
  for (int i = 0; i < 50; i += 2) provider_cancel(&many[i]);
  provider_cancel(&many[0]); /* again: nothing */
  stop(&p);
  for (int i = 0; i < 50; i++) assert_int_equal(gate_count(&many[i].answered), 0);

  start(&p, TOKEN("one", 3600));
  for (int i = 0; i < 50; i++) provider_ask(&p, &many[i]);
  for (int i = 0; i < 50; i++) {
    assert_true(gate_wait(&many[i].answered, 1));
    assert_string_equal(many[i].bearer, "Bearer one");
  }
  assert_int_equal(token_server_count(&server), 1);
  stop(&p);
}

static void backs_off(void **state) {
  (void)state;
  provider p;
  asker a;
  start(&p, "{\"error\":\"invalid_grant\"}");
  server.status = 400;
  provider_get(&p, &a);
  assert_int_equal(a.error.http_status, 400);
  for (int i = 0; i < 100; i++) {
    provider_get(&p, &a);
    assert_int_equal(a.error.http_status, 400); /* the same answer, without asking again */
  }
  assert_int_equal(token_server_count(&server), 1);
  int expected = 1;
  for (uint64_t delay = 1; delay <= 128; delay *= 2) {
    uint64_t wait = delay < 60 ? delay : 60;
    atomic_fetch_add(&p.now_ms, wait * 1000 - 1);
    provider_get(&p, &a);
    assert_int_equal(token_server_count(&server), expected);
    atomic_fetch_add(&p.now_ms, 1);
    provider_get(&p, &a);
    assert_int_equal(token_server_count(&server), ++expected);
  }
  token_server_set(&server, 200, TOKEN("one", 3600));
  forward_s(&p, 60);
  assert_string_equal(provider_get(&p, &a), "Bearer one");
  stop(&p);
}

/* A renewal in vain does not take away what still holds. */
static void failing_renewal(void **state) {
  (void)state;
  provider p;
  asker a;
  start(&p, TOKEN("one", 3600));
  assert_string_equal(provider_get(&p, &a), "Bearer one");
  token_server_set(&server, 500, "");
  forward_s(&p, 3400);
  assert_string_equal(provider_get(&p, &a), "Bearer one");
  await_requests(2);
  assert_string_equal(provider_get(&p, &a), "Bearer one");
  forward_s(&p, 195);
  assert_string_equal(provider_get(&p, &a), "");
  assert_int_equal(a.error.http_status, 500);
  stop(&p);
}

static void refusals(void **state) {
  (void)state;
  provider p;
  asker a;
  start(&p, TOKEN("one", 3600));
  server.bodies[1] = TOKEN("two", 3600);
  server.bodies[2] = TOKEN("three", 3600);
  assert_string_equal(provider_get(&p, &a), "Bearer one");
  unsigned first = a.generation;
  forward_s(&p, 1000);
  provider_refuse(&p, first); /* was revoked */
  assert_string_equal(provider_get(&p, &a), "Bearer two");
  provider_refuse(&p, first); /* late: it is not the one in use any more */
  assert_string_equal(provider_get(&p, &a), "Bearer two");
  provider_refuse(&p, a.generation); /* quite fresh: another at once would not help */
  assert_string_equal(provider_get(&p, &a), "");
  assert_int_equal(a.error.status, GENAI_ERROR_CREDENTIALS);
  assert_int_equal(a.error.http_status, 401);
  assert_non_null(strstr(a.error.message, "refused a fresh access token"));
  assert_int_equal(token_server_count(&server), 2);
  forward_s(&p, 1);
  assert_string_equal(provider_get(&p, &a), "Bearer three");
  provider_refuse(&p, a.generation);
  forward_s(&p, 1);
  assert_string_equal(provider_get(&p, &a), ""); /* longer each time */
  forward_s(&p, 1);
  assert_string_equal(provider_get(&p, &a), "Bearer three");
  stop(&p);
}

static void given_token(void **state) {
  (void)state;
  provider p;
  asker a;
  provider_environment((const char *const[]){"GOOGLE_CLOUD_QUOTA_PROJECT=q", NULL});
  assert_int_equal(provider_start(&p, &(auth_options){.access_token = "mine"}), GENAI_OK);
  assert_string_equal(provider_get(&p, &a), "Bearer mine");
  assert_string_equal(a.project, "q");
  forward_s(&p, 1000000);
  assert_string_equal(provider_get(&p, &a), "Bearer mine");
  provider_refuse(&p, a.generation);
  forward_s(&p, 1000000);
  assert_string_equal(provider_get(&p, &a), "");
  assert_non_null(strstr(a.error.message, "make a client with a new one"));
  provider_stop(&p);
  assert_int_equal(provider_start(&p, &(auth_options){.access_token = "a\nb"}), GENAI_ERROR_CREDENTIALS);
  provider_stop(&p);
  provider_environment(NULL);
}

/* ---- the application's callback ---- */

typedef struct app {
  gate asked, go;
  int running, most, calls;
  genai_status status;
  bool silent;
} app;

static genai_status on_token(void *user, char *token, size_t size, int64_t *lifetime_s, genai_error *error) {
  app *x = user;
  if (++x->running > x->most) x->most = x->running;
  int n = ++x->calls;
  gate_open(&x->asked);
  assert_true(gate_wait(&x->go, n));
  snprintf(token, size, "app-%d", n);
  if (n == 2) *lifetime_s = 40;
  x->running--;
  if (x->status == GENAI_OK || x->silent) return x->status;
  snprintf(error->message, sizeof error->message, "The key store is locked.");
  return x->status;
}

static void callbacks(void **state) {
  (void)state;
  provider p;
  asker a, b;
  app x = {.asked = GATE_INIT, .go = GATE_INIT};
  assert_int_equal(provider_start(&p, &(auth_options){.token = on_token, .token_user = &x}), GENAI_OK);
  provider_ask(&p, &a);
  provider_ask(&p, &b);
  assert_true(gate_wait(&x.asked, 1));
  rig_settle(p.loop); /* it blocks, the loop does not */
  gate_open(&x.go);
  assert_true(gate_wait(&a.answered, 1) && gate_wait(&b.answered, 1));
  assert_string_equal(a.bearer, "Bearer app-1");
  assert_string_equal(b.bearer, "Bearer app-1");
  forward_s(&p, 3600); /* without a word about its life: an hour */
  gate_open(&x.go);
  assert_string_equal(provider_get(&p, &a), "Bearer app-2");
  forward_s(&p, 40);
  x.status = GENAI_ERROR_TIMEOUT;
  gate_open(&x.go);
  provider_get(&p, &a);
  assert_int_equal(a.error.status, GENAI_ERROR_CREDENTIALS);
  assert_string_equal(a.error.message, "The key store is locked.");
  forward_s(&p, 1);
  x.silent = true;
  gate_open(&x.go);
  provider_get(&p, &a);
  assert_string_equal(a.error.message, "The application's token callback failed (GENAI_ERROR_TIMEOUT).");
  assert_int_equal(x.most, 1);
  provider_stop(&p);
}

typedef struct late { app *x; } late;

static void *open_later(void *argument) {
  rig_sleep_us(30000);
  gate_open(&((late *)argument)->x->go);
  return NULL;
}

static void end_waits_for_the_callback(void **state) {
  (void)state;
  provider p;
  asker a;
  app x = {.asked = GATE_INIT, .go = GATE_INIT};
  late l = {&x};
  pthread_t thread;
  assert_int_equal(provider_start(&p, &(auth_options){.token = on_token, .token_user = &x}), GENAI_OK);
  provider_ask(&p, &a);
  assert_true(gate_wait(&x.asked, 1));
  provider_cancel(&a);
  assert_int_equal(pthread_create(&thread, NULL, open_later, &l), 0);
  provider_stop(&p);
  assert_int_equal(x.running, 0);
  assert_int_equal(gate_count(&a.answered), 0);
  pthread_join(thread, NULL);
}

static provider failing;

static genai_status start_failing(const char *json) { return provider_start(&failing, &(auth_options){.credentials_json = json}); }

static void each_allocation_fails(void **state) {
  (void)state;
  token_server_start(&server, TOKEN("one", 3600));
  char file[1024];
  snprintf(file, sizeof file, "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s\",\"refresh_token\":\"r\",\"token_uri\":"
           "\"%s\"}", token_server_url(&server, "/t"));
  provider_fail_each(&failing, start_failing, file);
  token_server_stop(&server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_and_renews), cmocka_unit_test(one_request_for_all), cmocka_unit_test(backs_off),
      cmocka_unit_test(failing_renewal),  cmocka_unit_test(refusals),            cmocka_unit_test(given_token),
      cmocka_unit_test(callbacks),        cmocka_unit_test(end_waits_for_the_callback),
      cmocka_unit_test(each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
