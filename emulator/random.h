/* splitmix64: any seed is a good one. */
#ifndef GENAI_EMULATOR_RANDOM_H
#define GENAI_EMULATOR_RANDOM_H

#include <stdint.h>

/* Its finisher alone: a hash of 64 bits. */
static inline uint64_t random_mix(uint64_t z) {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static inline uint64_t random_next(uint64_t *state) { return random_mix(*state += 0x9E3779B97F4A7C15u); }

#endif
