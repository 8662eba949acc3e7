/* The threads: workers, made when they are needed, and one watch over deadlines. */
#include <pthread.h>
#include <signal.h>

#include "tools/set.h"

/* In the host's process with every signal masked, as all threads of the library. */
static int start(uv_thread_t *thread, void (*run)(void *), void *argument) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = uv_thread_create(thread, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed;
}

static void work(void *argument) {
  genai_tools *set = argument;
  uv_mutex_lock(&set->mutex);
  for (;;) {
    tool_call *call = run_take(set);
    if (call) {
      uv_mutex_unlock(&set->mutex);
      run_call(set, call);
      uv_mutex_lock(&set->mutex);
    } else if (set->stopping) {
      break;
    } else {
      set->idle++;
      uv_cond_wait(&set->work, &set->mutex);
      set->idle--;
    }
  }
  uv_mutex_unlock(&set->mutex);
}

static void watch(void *argument) {
  genai_tools *set = argument;
  uv_mutex_lock(&set->mutex);
  while (!set->stopping) {
    uint64_t now = uv_hrtime();
    set->next_deadline_ns = run_expire(set, now);
    if (set->next_deadline_ns == UINT64_MAX) uv_cond_wait(&set->work, &set->mutex);
    else uv_cond_timedwait(&set->work, &set->mutex, set->next_deadline_ns > now ? set->next_deadline_ns - now : 1);
  }
  uv_mutex_unlock(&set->mutex);
}

bool pool_wake(genai_tools *set, uint64_t deadline_ns) {
  if (!set->watching && !start(&set->watch, watch, set)) set->watching = true;
  if (!set->idle && set->worker_count < set->options.workers && !start(&set->workers[set->worker_count], work, set))
    set->worker_count++;
  if (deadline_ns < set->next_deadline_ns || set->idle) uv_cond_broadcast(&set->work);
  return set->worker_count > 0 && set->watching;
}

void pool_stop(genai_tools *set) {
  uv_mutex_lock(&set->mutex);
  set->stopping = true;
  uv_cond_broadcast(&set->work);
  uv_mutex_unlock(&set->mutex);
  for (unsigned i = 0; i < set->worker_count; i++) uv_thread_join(&set->workers[i]);
  if (set->watching) uv_thread_join(&set->watch);
}
