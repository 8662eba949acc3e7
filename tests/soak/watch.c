#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/thread.h"
#include "soak.h"

enum { SLOTS = 32, GRACE_MS = 3000, LOOK_MS = 100 };

typedef struct slot {
  _Atomic(const char *) name; /* NULL: no call is under way */
  atomic_ullong until_ms;
} slot;

static slot slots[SLOTS];
static atomic_uint slots_used;
static _Thread_local slot *mine;
static const char *how;
static atomic_bool over;
static pthread_t watcher;

uint64_t watch_now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void watch_sleep_ms(unsigned ms) {
  const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  nanosleep(&t, NULL);
}

unsigned watch_scale(void) {
  const char *text = getenv("GENAI_TEST_SCALE");
  int scale = text ? atoi(text) : 1;
  return scale > 1 ? (unsigned)scale : 1;
}

void watch_call(const char *name, uint64_t deadline_ms) {
  if (!mine) mine = &slots[atomic_fetch_add(&slots_used, 1) % SLOTS];
  atomic_store(&mine->until_ms, watch_now_ms() + deadline_ms + GRACE_MS * watch_scale());
  atomic_store(&mine->name, deadline_ms ? name : NULL);
}

static void *watch(void *unused) {
  (void)unused;
  while (!atomic_load(&over)) {
    for (size_t i = 0; i < SLOTS; i++) {
      const char *name = atomic_load(&slots[i].name);
      if (!name || watch_now_ms() < atomic_load(&slots[i].until_ms) || name != atomic_load(&slots[i].name)) continue;
      fprintf(stderr, "HANG: %s did not end by its deadline. Again: %s\n", name, how);
      service_abandon();
      abort();
    }
    watch_sleep_ms(LOOK_MS);
  }
  return NULL;
}

void watch_begin(const char *reproduce) {
  how = reproduce;
  if (net_thread_start(&watcher, watch, NULL)) abort();
}

void watch_end(void) {
  atomic_store(&over, true);
  pthread_join(watcher, NULL);
}
