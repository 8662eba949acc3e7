#include "provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const *variables;
static net_tls *trusted;

void provider_environment(const char *const *names) { variables = names; }

void provider_trust(net_tls *trust) { trusted = trust; }

static const char *environment(const char *name) {
  size_t size = strlen(name);
  for (const char *const *v = variables; v && *v; v++)
    if (!strncmp(*v, name, size) && (*v)[size] == '=') return *v + size + 1;
  return NULL;
}

static uint64_t monotonic(void *user) { return atomic_load(&((provider *)user)->now_ms); }
static int64_t wall(void *user) { return atomic_load(&((provider *)user)->wall_s); }

genai_status provider_start(provider *p, const auth_options *options) {
  auth_options o = *options;
  *p = (provider){.clock = {monotonic, wall, p}};
  atomic_init(&p->now_ms, 1000000);
  atomic_init(&p->wall_s, 1700000000);
  o.environment = environment;
  o.allow_loopback = true;
  o.clock = &p->clock;
  genai_status status = net_loop_new(&p->loop, &p->error);
  if (status != GENAI_OK) return status;
  return auth_new(&p->auth, p->loop, trusted, &o, &p->error);
}

void provider_stop(provider *p) {
  auth_free(p->auth);
  net_loop_free(p->loop);
}

static void on_done(auth_wait *wait, const genai_error *error, const genai_string_pair *headers, size_t count) {
  asker *a = (asker *)((char *)wait - offsetof(asker, wait));
  a->error = *error;
  a->generation = wait->generation;
  for (size_t i = 0; i < count; i++) {
    bool bearer = !strcmp(headers[i].key, "Authorization");
    if (!bearer && strcmp(headers[i].key, "x-goog-user-project") != 0) abort();
    snprintf(bearer ? a->bearer : a->project, bearer ? sizeof a->bearer : sizeof a->project, "%s", headers[i].value);
  }
  gate_open(&a->answered);
}

static void do_ask(void *argument) {
  asker *a = argument;
  auth_get(a->provider->auth, &a->wait);
  if (gate_count(&a->answered)) abort(); /* never from inside */
}

static void do_cancel(void *argument) { auth_cancel(&((asker *)argument)->wait); }

void provider_ask(provider *p, asker *a) {
  *a = (asker){.wait = {.done = on_done}, .provider = p, .answered = GATE_INIT};
  rig_on_loop(p->loop, do_ask, a);
}

void provider_cancel(asker *a) { rig_on_loop(a->provider->loop, do_cancel, a); }

const char *provider_get(provider *p, asker *a) {
  provider_ask(p, a);
  if (!gate_wait(&a->answered, 1)) abort();
  return a->bearer;
}

typedef struct refusal { provider *provider; unsigned generation; } refusal;

static void do_refuse(void *argument) {
  refusal *r = argument;
  auth_refused(r->provider->auth, r->generation);
}

void provider_refuse(provider *p, unsigned generation) {
  refusal r = {p, generation};
  rig_on_loop(p->loop, do_refuse, &r);
}

void provider_fail_each(provider *p, genai_status (*start)(const char *argument), const char *argument) {
  long n = 1, asked, alive;
  do {
    asker a;
    rig_fail_alloc(n);
    if (start(argument) == GENAI_OK) {
      provider_get(p, &a);
      assert_true(a.error.status == GENAI_OK || a.error.status == GENAI_ERROR_MEMORY || a.error.status == GENAI_ERROR_CREDENTIALS ||
                  a.error.status == GENAI_ERROR_LOST);
    }
    if (p->loop) provider_stop(p);
    asked = rig_fail_stop(&alive);
    assert_int_equal(alive, 0);
  } while (asked >= n++);
  assert_true(n > 20);
}
