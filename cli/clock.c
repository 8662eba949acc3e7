#include "cli/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

enum { WAIT_MAX = 8, BEHIND_MAX_MS = 1000 };

int64_t clock_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_ms(void) { return clock_us() / 1000; }

int clock_wait(const int *fds, size_t count, int64_t timeout_ms) {
  struct pollfd polls[WAIT_MAX];
  int64_t deadline = timeout_ms >= 0 ? clock_ms() + timeout_ms : INT64_MAX;
  for (size_t i = 0; i < count; i++) polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
  for (;;) {
    int64_t left = timeout_ms >= 0 ? deadline - clock_ms() : INT_MAX;
    if (left < 0) left = 0;
    int ready = poll(polls, (nfds_t)count, timeout_ms < 0 ? -1 : (int)(left < INT_MAX ? left : INT_MAX));
    if (ready == 0 && (timeout_ms < 0 || left < INT_MAX)) return -1;
    if (ready < 0 && errno != EINTR) return -1;
    for (size_t i = 0; ready > 0 && i < count; i++) {
      if (polls[i].revents != 0) return (int)i;
    }
  }
}

void pace_init(pace *p, int rate_hz, int64_t now_ms) { *p = (pace){.start_ms = now_ms, .rate_hz = rate_hz}; }

int64_t pace_next(pace *p, size_t count, int64_t now_ms) {
  int64_t wait = p->start_ms + p->samples * 1000 / p->rate_hz - now_ms;
  if (wait < -BEHIND_MAX_MS) {
    pace_init(p, p->rate_hz, now_ms);
    wait = 0;
  }
  p->samples += (int64_t)count;
  return wait > 0 ? wait : 0;
}
