#include "rig.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "genai/base.h"
#include "tests/base/scale.h"

void gate_open(gate *g) {
  pthread_mutex_lock(&g->mutex);
  g->count++;
  pthread_cond_broadcast(&g->changed);
  pthread_mutex_unlock(&g->mutex);
}

bool gate_wait_ms(gate *g, int count, int ms) {
  struct timespec limit;
  clock_gettime(CLOCK_REALTIME, &limit);
  limit.tv_sec += ms / 1000;
  limit.tv_nsec += (long)(ms % 1000) * 1000000;
  if (limit.tv_nsec >= 1000000000) limit.tv_sec++, limit.tv_nsec -= 1000000000;
  pthread_mutex_lock(&g->mutex);
  while (g->count < count && !pthread_cond_timedwait(&g->changed, &g->mutex, &limit)) {}
  bool reached = g->count >= count;
  pthread_mutex_unlock(&g->mutex);
  return reached;
}

bool gate_wait(gate *g, int count) { return gate_wait_ms(g, count, RIG_LIMIT_S * 1000); }

int gate_count(gate *g) {
  pthread_mutex_lock(&g->mutex);
  int count = g->count;
  pthread_mutex_unlock(&g->mutex);
  return count;
}

typedef struct errand {
  net_task task;
  void (*run)(void *argument);
  void *argument;
  gate done;
} errand;

static void run_errand(net_task *task) {
  errand *e = (errand *)task;
  e->run(e->argument);
  gate_open(&e->done);
}

void rig_on_loop(net_loop *loop, void (*run)(void *argument), void *argument) {
  errand e = {.task = {.run = run_errand}, .run = run, .argument = argument, .done = GATE_INIT};
  net_loop_post(loop, &e.task);
  if (gate_wait(&e.done, 1)) return;
  fprintf(stderr, "the loop does not run\n");
  abort();
}

uint64_t rig_patience(uint64_t ms) { return scaled_down(100) < 100 ? 20 * ms : ms; }

static void nothing(void *argument) { (void)argument; }

void rig_settle(net_loop *loop) { rig_on_loop(loop, nothing, NULL); }

const char *rig_file(const char *text) {
  static char path[64];
  strcpy(path, "/tmp/genai-test-XXXXXX");
  int fd = mkstemp(path);
  if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) abort();
  close(fd);
  return path;
}

void rig_sleep_us(long us) { nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL); }

/* ---- the failing allocator ---- */

static atomic_long fail_at, asked, living;

static bool fails(void) { return atomic_fetch_add(&asked, 1) + 1 == atomic_load(&fail_at); }

static void *allocate(size_t size, void *user) {
  (void)user;
  void *memory = fails() ? NULL : malloc(size);
  if (memory) atomic_fetch_add(&living, 1);
  return memory;
}

static void *reallocate(void *memory, size_t size, void *user) {
  (void)user;
  void *grown = fails() ? NULL : realloc(memory, size);
  if (grown && !memory) atomic_fetch_add(&living, 1);
  return grown;
}

static void release(void *memory, void *user) {
  (void)user;
  if (memory) atomic_fetch_sub(&living, 1);
  free(memory);
}

void rig_fail_alloc(long n) {
  static const genai_allocator failing = {allocate, reallocate, release, NULL};
  atomic_store(&fail_at, n);
  atomic_store(&asked, 0);
  atomic_store(&living, 0);
  genai_set_allocator(&failing);
}

long rig_fail_stop(long *alive) {
  genai_set_allocator(NULL);
  if (alive) *alive = atomic_load(&living);
  return atomic_load(&asked);
}
