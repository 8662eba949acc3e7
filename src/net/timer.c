#include "base/memory.h"
#include "net/loop_private.h"

struct net_timer {
  uv_timer_t uv;
  void (*fire)(void *user);
  void *user;
};

static void fired(uv_timer_t *uv) {
  net_timer *timer = uv->data;
  timer->fire(timer->user);
}

static void closed(uv_handle_t *uv) { mem_free(uv->data); }

net_timer *net_timer_new(net_loop *loop, void (*fire)(void *user), void *user) {
  net_timer *timer = mem_zalloc(sizeof *timer);
  if (!timer) return NULL;
  uv_timer_init(&loop->uv, &timer->uv);
  timer->uv.data = timer;
  timer->fire = fire;
  timer->user = user;
  return timer;
}

void net_timer_start(net_timer *timer, uint64_t delay_ms) { uv_timer_start(&timer->uv, fired, delay_ms, 0); }

void net_timer_stop(net_timer *timer) { uv_timer_stop(&timer->uv); }

void net_timer_free(net_timer *timer) {
  if (timer) uv_close((uv_handle_t *)&timer->uv, closed);
}
