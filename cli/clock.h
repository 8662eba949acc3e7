/* Time for the command: now, waiting for descriptors, and when the next piece of a sound is due. */
#ifndef GENAI_CLI_CLOCK_H
#define GENAI_CLI_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds and microseconds of a clock that nobody sets. */
int64_t clock_ms(void);
int64_t clock_us(void);

/* Waits until one of the descriptors is readable (or at its end) and returns its index; -1 when timeout_ms have passed.
 * timeout_ms < 0: for ever. A descriptor of -1 is left out. */
int clock_wait(const int *fds, size_t count, int64_t timeout_ms);

/* Real-time pace. A sender that fell far behind (a suspended process) starts anew rather than sending all at once. */
typedef struct pace {
  int64_t start_ms;
  int64_t samples;  /* sent since start_ms */
  int rate_hz;
} pace;

void pace_init(pace *p, int rate_hz, int64_t now_ms);
/* Milliseconds until the next `count` samples are due, 0 when they are; they count as sent. */
int64_t pace_next(pace *p, size_t count, int64_t now_ms);

#endif
