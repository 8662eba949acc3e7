/* How long things took: a histogram of microseconds of a fixed size, exact below 32 and within a thirty-second above. */
#ifndef GENAI_CLI_HISTOGRAM_H
#define GENAI_CLI_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEPS = 32, HISTOGRAM_OCTAVES = 32 };

typedef struct histogram {
  uint64_t count;
  int64_t max_us;
  uint64_t buckets[HISTOGRAM_STEPS * HISTOGRAM_OCTAVES];
} histogram;

/* Less than nothing counts as nothing; more than 19 hours as that. */
void histogram_add(histogram *h, int64_t us);
/* What `percent` per cent of the values are at most; 0 when there are none. */
int64_t histogram_percentile(const histogram *h, double percent);

#endif
