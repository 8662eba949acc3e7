#include "cli/histogram.h"

#include <stddef.h>

enum { BUCKETS = HISTOGRAM_STEPS * HISTOGRAM_OCTAVES, STEP_BITS = 5 };

/* Each octave from 32 on has 32 equal steps. */
static size_t bucket_of(uint64_t us) {
  unsigned octave = 0;
  while (us >> octave >= 2 * HISTOGRAM_STEPS) octave++;
  size_t bucket = us < HISTOGRAM_STEPS ? (size_t)us : ((size_t)octave << STEP_BITS) + (size_t)(us >> octave);
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The largest value of a bucket. */
static int64_t top_of(size_t bucket) {
  if (bucket < (size_t)2 * HISTOGRAM_STEPS) return (int64_t)bucket;
  size_t octave = (bucket >> STEP_BITS) - 1;
  return (int64_t)(((uint64_t)(bucket - (octave << STEP_BITS)) + 1) << octave) - 1;
}

void histogram_add(histogram *h, int64_t us) {
  if (us < 0) us = 0;
  h->buckets[bucket_of((uint64_t)us)]++;
  h->count++;
  if (us > h->max_us) h->max_us = us;
}

int64_t histogram_percentile(const histogram *h, double percent) {
  double rank = (double)h->count * percent / 100;
  uint64_t seen = 0;
  for (size_t i = 0; i < BUCKETS && h->count > 0; i++) {
    seen += h->buckets[i];
    if (seen > 0 && (double)seen >= rank) return i + 1 < BUCKETS && top_of(i) < h->max_us ? top_of(i) : h->max_us;
  }
  return h->max_us;
}
