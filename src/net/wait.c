#include "net/wait.h"

#include <stdatomic.h>

#include "base/error.h"
#include "base/memory.h"

struct genai_cancel {
  atomic_bool fired;
  uv_mutex_t mutex;
  waiter *waiters;
};

genai_status genai_cancel_new(genai_cancel **cancel, genai_error *error) {
  *cancel = NULL;
  genai_cancel *c = mem_zalloc(sizeof *c);
  if (!c) return error_memory(error);
  if (uv_mutex_init(&c->mutex)) {
    mem_free(c);
    return error_set(error, GENAI_ERROR_SYSTEM, "The system has no mutex left.");
  }
  atomic_init(&c->fired, false);
  *cancel = c;
  return GENAI_OK;
}

void genai_cancel_fire(genai_cancel *cancel) {
  uv_mutex_lock(&cancel->mutex);
  atomic_store(&cancel->fired, true);
  for (waiter *w = cancel->waiters; w; w = w->next) {
    uv_mutex_lock(w->mutex); /* so that the wake-up cannot fall between a look and a wait */
    uv_cond_broadcast(w->cond);
    uv_mutex_unlock(w->mutex);
  }
  uv_mutex_unlock(&cancel->mutex);
}

bool genai_cancel_fired(const genai_cancel *cancel) { return atomic_load(&cancel->fired); }

void genai_cancel_free(genai_cancel *cancel) {
  if (!cancel) return;
  uv_mutex_destroy(&cancel->mutex);
  mem_free(cancel);
}

void waiter_begin(waiter *w, const genai_wait *wait, uv_mutex_t *mutex, uv_cond_t *cond) {
  *w = (waiter){.wait = wait, .mutex = mutex, .cond = cond};
  if (!wait) return;
  if (wait->timeout_ms > 0) {
    uint64_t now = uv_hrtime(), delay = (uint64_t)wait->timeout_ms;
    w->deadline_ns = delay > (UINT64_MAX - now) / 1000000 ? UINT64_MAX : now + delay * 1000000;
  }
  if (!wait->cancel) return;
  uv_mutex_lock(&wait->cancel->mutex);
  w->next = wait->cancel->waiters;
  w->link = &wait->cancel->waiters;
  if (w->next) w->next->link = &w->next;
  *w->link = w;
  uv_mutex_unlock(&wait->cancel->mutex);
}

void waiter_end(waiter *w) {
  if (!w->wait || !w->wait->cancel) return;
  uv_mutex_lock(&w->wait->cancel->mutex);
  *w->link = w->next;
  if (w->next) w->next->link = w->link;
  uv_mutex_unlock(&w->wait->cancel->mutex);
}

genai_status waiter_wait(waiter *w, const char *what, genai_error *error) {
  const genai_wait *wait = w->wait;
  if (wait && wait->cancel && atomic_load(&wait->cancel->fired))
    return error_set(error, GENAI_ERROR_CANCELLED, "%s was cancelled.", what);
  if (wait && wait->timeout_ms < 0) return error_set(error, GENAI_WOULD_BLOCK, "%s would have to wait.", what);
  if (!w->deadline_ns) {
    uv_cond_wait(w->cond, w->mutex);
    return GENAI_OK;
  }
  uint64_t now = uv_hrtime();
  if (now >= w->deadline_ns)
    return error_set(error, GENAI_ERROR_TIMEOUT, "%s did not finish within %lld ms.", what, (long long)wait->timeout_ms);
  uv_cond_timedwait(w->cond, w->mutex, w->deadline_ns - now);
  return GENAI_OK;
}
