/* The ledger's promise, by simulation: a client that follows Google's recipe for transparent resumption, over sessions that
 * chaos spoils and ends, finds in the end each of its messages taken in once, in order. The clock and the seeds are the
 * test's; a failure names its seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "emulator/plan.h"
#include "emulator/random.h"
#include "emulator/service.h"

enum { SEEDS = 300, MESSAGES = 120, STEPS_MAX = 20000, PULLS = 4, CUT_EVERY = 60 };

#define MODEL "projects/p/locations/l/publishers/google/models/m"

typedef struct player {
  unsigned seed;
  uint64_t random, now_ms;
  conversations *all;
  scenario scenario;
  service *service;
  plan plan;
  bool complete; /* setupComplete came */
  unsigned connections, resumed;
  /* the client */
  int next, kept[MESSAGES], kept_count; /* what no handle holds yet, in its order; the index of the first is 1 + pruned */
  int64_t pruned;
  char handle[HANDLE_MAX];
  /* the ledger */
  int held[MESSAGES * 2];
  uint64_t held_count, conversation;
} player;

static unsigned draw(player *p, unsigned below) { return (unsigned)(random_next(&p->random) % below); }

static void note(void *user, const service_event *event) {
  player *p = user;
  if (event->kind == SERVICE_SENT || event->kind == SERVICE_ENDS) return;
  if (event->kind == SERVICE_BEGINS && !*p->handle) { /* none came yet: everything is sent anew */
    p->conversation = event->conversation;
    p->held_count = 0;
  }
  if (event->conversation != p->conversation) fail_msg("seed %u: another conversation", p->seed);
  if (event->kind == SERVICE_TOOK) {
    if (event->position != p->held_count + 1 || p->held_count == MESSAGES * 2) fail_msg("seed %u: a leap", p->seed);
    char *text = json_dumps(event->message, JSON_COMPACT);
    const char *number = strstr(text, "n=");
    p->held[p->held_count++] = number ? atoi(number + 2) : 0;
    free(text);
  } else {
    if (event->position > p->held_count) fail_msg("seed %u: resumed from the future", p->seed);
    p->resumed += event->kind == SERVICE_RESUMES;
    p->held_count = event->position;
  }
}

/* Turns, texts that interrupt, parts of turns. */
static void send_number(player *p, int number) {
  char text[300];
  static const char *const forms[][2] = {
      {"{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"", "\"}]}],\"turnComplete\":true}}"},
      {"{\"realtimeInput\":{\"text\":\"", "\"}}"},
      {"{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"", "\"}]}]}}"},
      {"{\"realtimeInput\":{\"video\":{\"mimeType\":\"image/", "\",\"data\":\"\"}}}"},
  };
  snprintf(text, sizeof text, "%sn=%d%s", forms[number % 4][0], number, forms[number % 4][1]);
  service_receive(p->service, p->now_ms, text, strlen(text));
}

static void take_update(player *p, const char *text) {
  json_t *message = json_loads(text, 0, NULL), *update = json_object_get(message, "sessionResumptionUpdate");
  const char *handle = json_string_value(json_object_get(update, "newHandle"));
  const char *index = json_string_value(json_object_get(update, "lastConsumedClientMessageIndex"));
  if (json_is_true(json_object_get(update, "resumable")) && *handle && index) {
    snprintf(p->handle, sizeof p->handle, "%s", handle);
    int64_t gone = atoll(index) - p->pruned;
    if (gone > p->kept_count) fail_msg("seed %u: more was consumed than was sent", p->seed);
    for (; gone > 0; gone--, p->pruned++) memmove(p->kept, p->kept + 1, (size_t)--p->kept_count * sizeof *p->kept);
  }
  p->complete = p->complete || json_object_get(message, "setupComplete");
  json_decref(message);
}

/* False after a close. */
static bool pull(player *p, unsigned most) {
  service_action action;
  for (unsigned i = 0; i < most && service_next(p->service, p->now_ms, &action); i++) {
    if (action.kind == SERVICE_CLOSE) return false;
    if (action.kind == SERVICE_SEND) take_update(p, action.text);
  }
  return true;
}

/* False when the connection is gone by it. */
static bool suffer(player *p) {
  plan_view view = service_view(p->service);
  for (const fault *f; (f = plan_next(&p->plan, p->now_ms, &view)); view = service_view(p->service)) {
    if (!service_fault(p->service, p->now_ms, f) && (f->kind == FAULT_DROP || f->kind == FAULT_RESET)) return false;
  }
  return true;
}

static bool is_done(const player *p) { return p->next > MESSAGES && !p->kept_count; }

static bool open_session(player *p) {
  char first[400];
  p->service = service_new(&(service_options){.backend = {.vertex = true, .version = "v1beta1"}, .fast = draw(p, 2), .seed = p->seed,
                                              .conversations = p->all, .index_first = 1, .event = note, .event_user = p});
  assert_non_null(p->service);
  plan_init(&p->plan, &p->scenario, ++p->connections, p->now_ms);
  snprintf(first, sizeof first,
           "{\"setup\":{\"model\":\"" MODEL "\",\"generationConfig\":{\"responseModalities\":[\"TEXT\"]},"
           "\"sessionResumption\":{\"transparent\":true%s%s%s}}}",
           *p->handle ? ",\"handle\":\"" : "", p->handle, *p->handle ? "\"" : "");
  p->complete = false;
  service_receive(p->service, p->now_ms, first, strlen(first));
  if (!pull(p, 1) || !p->complete) return false;
  p->pruned = 0;
  for (int i = 0; i < p->kept_count; i++) send_number(p, p->kept[i]);
  return true;
}

static unsigned resumptions;

static void play(unsigned seed) {
  player p = {.seed = seed, .random = seed, .next = 1, .now_ms = 1000,
              .all = conversations_new(&(conversations_options){.seed = seed})};
  assert_non_null(p.all);
  assert_int_equal(scenario_set_chaos(&p.scenario, seed, 1000, NULL, NULL), GENAI_OK);
  for (int steps = 0; !is_done(&p);) {
    bool open = open_session(&p);
    for (; open && !is_done(&p); steps++) {
      if (steps > STEPS_MAX) fail_msg("seed %u: it does not end", seed);
      p.now_ms += draw(&p, 100);
      if (p.next <= MESSAGES && draw(&p, 2)) {
        p.kept[p.kept_count++] = p.next;
        send_number(&p, p.next++);
      }
      open = suffer(&p) && pull(&p, draw(&p, PULLS)) && draw(&p, CUT_EVERY);
    }
    service_lost(p.service, p.now_ms); /* what was not pulled never came */
    service_free(p.service);
    p.now_ms += 200;
    if (++steps > STEPS_MAX) fail_msg("seed %u: it does not begin", seed);
  }
  for (uint64_t i = 0; i < MESSAGES; i++) {
    if (i >= p.held_count || p.held[i] != (int)i + 1) fail_msg("seed %u: number %d is lost or doubled", seed, (int)i + 1);
  }
  assert_int_equal(p.held_count, MESSAGES);
  resumptions += p.resumed;
  scenario_deinit(&p.scenario);
  conversations_free(p.all);
}

static void nothing_is_lost_or_doubled(void **state) {
  (void)state;
  for (unsigned seed = 1; seed <= SEEDS; seed++) play(seed);
  print_message("%u resumptions\n", resumptions);
  assert_true(resumptions > SEEDS);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost_or_doubled)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
