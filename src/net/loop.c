#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "net/loop_private.h"
#include "net/resolver.h"
#include "net/thread.h"

static _Thread_local const net_loop *current;

genai_status net_error_uv(genai_error *error, genai_status status, int code, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  error_set(error, status, "%s: %s.", text, uv_strerror(code));
  if (error) error->os_error = -code;
  return status;
}

/* ---- turn ends ---- */

void net_loop_at_turn_end(net_loop *loop, net_turn *turn) {
  if (turn->queued) return;
  turn->queued = true;
  turn->next = NULL;
  *loop->turns_tail = turn;
  loop->turns_tail = &turn->next;
}

static bool run_turns(net_loop *loop) {
  bool any = loop->turns != NULL;
  while (loop->turns) {
    net_turn *turn = loop->turns;
    loop->turns = turn->next;
    if (!loop->turns) loop->turns_tail = &loop->turns;
    turn->queued = false;
    turn->run(turn);
  }
  return any;
}

static bool end_turn(net_loop *loop) {
  bool any = run_turns(loop);
  loop->turn++;
  return any;
}

/* libuv prepares just before it waits: timers, sockets and closed handles of this turn have all been served. */
static void prepared(uv_prepare_t *prepare) { end_turn(prepare->data); }

/* ---- tasks: a stack that any thread pushes to and the loop takes whole ---- */

bool net_loop_push(net_loop *loop, net_task *task) {
  if (atomic_exchange(&task->queued, true)) return false;
  net_task *top = atomic_load_explicit(&loop->posted, memory_order_relaxed);
  do task->next = top;
  while (!atomic_compare_exchange_weak_explicit(&loop->posted, &top, task, memory_order_release, memory_order_relaxed));
  return !top;
}

void net_loop_wake(net_loop *loop) { uv_async_send(&loop->wake); }

void net_loop_post(net_loop *loop, net_task *task) {
  if (net_loop_push(loop, task)) net_loop_wake(loop);
}

/* Runs what was posted, oldest first; what these tasks post comes in the next turn. What a task leaves for the end of the turn is
 * done behind it: many sessions that send at once then use the same memory one after the other. */
static bool run_tasks(net_loop *loop) {
  net_task *newest = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire), *oldest = NULL;
  bool any = newest != NULL;
  while (newest) {
    net_task *next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest) {
    net_task *task = oldest;
    oldest = task->next;
    atomic_store(&task->queued, false);
    task->run(task);
    run_turns(loop);
  }
  return any;
}

static void woken(uv_async_t *wake) {
  net_loop *loop = wake->data;
  run_tasks(loop);
  /* From here on the loop ends when nothing else is alive on it. */
  if (atomic_load(&loop->stopping)) uv_unref((uv_handle_t *)&loop->wake);
}

/* ---- life ---- */

/* What net_loop_new waits for: `failed` is 0 or an error of libuv. */
typedef struct birth {
  net_loop *loop;
  uv_sem_t over;
  int failed;
} birth;

/* On the loop's own thread: libuv may give a loop an io_uring, whose end interrupts the system calls of the thread that
 * began it (EINTR); that must not be one of the host's. */
static int make(net_loop *loop) {
  int failed = uv_loop_init(&loop->uv);
  if (failed) return failed;
  failed = uv_async_init(&loop->uv, &loop->wake, woken);
  if (failed) {
    uv_loop_close(&loop->uv);
    return failed;
  }
  uv_prepare_init(&loop->uv, &loop->prepare);
  uv_prepare_start(&loop->prepare, prepared);
  uv_unref((uv_handle_t *)&loop->prepare);
  loop->wake.data = loop->prepare.data = loop;
  return 0;
}

static void *run(void *argument) {
  birth *b = argument;
  net_loop *loop = b->loop;
  int failed = b->failed = make(loop);
  uv_sem_post(&b->over);
  if (failed) return NULL;
  current = loop;
  do uv_run(&loop->uv, UV_RUN_DEFAULT);
  while (run_tasks(loop) || end_turn(loop) || uv_loop_alive(&loop->uv));
  uv_close((uv_handle_t *)&loop->prepare, NULL);
  uv_close((uv_handle_t *)&loop->wake, NULL);
  uv_run(&loop->uv, UV_RUN_DEFAULT);
  return NULL;
}

/* Starts the thread and waits for its loop. */
static genai_status start(net_loop *loop, genai_error *error) {
  birth b = {.loop = loop};
  int failed = uv_sem_init(&b.over, 0);
  if (failed) return net_error_uv(error, GENAI_ERROR_SYSTEM, failed, "The I/O loop could not be made");
  failed = net_thread_start(&loop->thread, run, &b);
  if (!failed) uv_sem_wait(&b.over);
  uv_sem_destroy(&b.over);
  if (failed)
    return net_error_uv(error, GENAI_ERROR_SYSTEM, uv_translate_sys_error(failed), "The I/O thread could not be started");
  if (!b.failed) return GENAI_OK;
  pthread_join(loop->thread, NULL);
  return net_error_uv(error, GENAI_ERROR_SYSTEM, b.failed, "The I/O loop could not be made");
}

genai_status net_loop_new(net_loop **out, genai_error *error) {
  *out = NULL;
  net_loop *loop = mem_alloc(sizeof *loop);
  if (!loop) return error_memory(error);
  memset(loop, 0, offsetof(net_loop, random)); /* the scratch memory becomes real only when it is used */
  loop->turns_tail = &loop->turns;
  genai_status status = start(loop, error);
  if (status != GENAI_OK) {
    mem_free(loop);
    return status;
  }
  net_resolver_hold();
  *out = loop;
  return GENAI_OK;
}

void net_loop_free(net_loop *loop) {
  if (!loop) return;
  atomic_store(&loop->stopping, true);
  uv_async_send(&loop->wake);
  pthread_join(loop->thread, NULL);
  uv_loop_close(&loop->uv);
  buf_deinit(&loop->spare_plain);
  buf_deinit(&loop->spare_out);
  mem_free(loop);
  net_resolver_drop();
}

bool net_loop_is_current(const net_loop *loop) { return current == loop; }

uint64_t net_loop_now(const net_loop *loop) {
  return current == loop ? uv_now(&loop->uv) : uv_hrtime() / 1000000;
}

bool net_loop_random(net_loop *loop, void *out, size_t size) {
  if (size > NET_RANDOM_SIZE) return false;
  if (size > loop->random_left) {
    if (RAND_bytes(loop->random, NET_RANDOM_SIZE) != 1) return false;
    loop->random_left = NET_RANDOM_SIZE;
  }
  loop->random_left -= size;
  memcpy(out, loop->random + loop->random_left, size);
  memset(loop->random + loop->random_left, 0, size); /* a mask or key that was used is nowhere else */
  return true;
}
