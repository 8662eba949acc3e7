/* The mind against a simulated world: seeded scenarios of faults, phases and traffic, with fake time.
 *
 *   test_simulation [--scenarios N] [--seed N]   as many, from that seed on; the default is 20,000 from 1
 *   test_simulation --seed N --verbose           the story of one
 *   test_simulation --starve N                   each allocation of the first N scenarios fails once */
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "../base/scale.h"

/* ---- memory: counted, and failing at will ---- */

static struct { long alive, seen, fail_at; } memory;

static void *allocate(size_t size, void *user) {
  (void)user;
  if (++memory.seen == memory.fail_at) return NULL;
  memory.alive++;
  return malloc(size);
}

static void *reallocate(void *old, size_t size, void *user) {
  (void)user;
  if (++memory.seen == memory.fail_at) return NULL;
  if (!old) memory.alive++;
  return realloc(old, size);
}

static void release(void *old, void *user) {
  (void)user;
  if (old) memory.alive--;
  free(old);
}

static sim world;
static uint64_t figures[16];

/* Whether all held; what did not is printed, in one line that reproduces it. */
static bool play(uint64_t seed, long fail_at) {
  memory.alive = memory.seen = 0;
  memory.fail_at = fail_at;
  world.starved = fail_at;
  sim_run(&world, seed);
  if (!world.broken && memory.alive) sim_break(&world, "memory", "%ld allocations are left", memory.alive);
  for (int i = 0; i < 16; i++) figures[i] += world.figures[i];
  if (!world.broken) return true;
  fprintf(stderr, "%s: %s. Again: test_simulation --seed %llu --verbose", world.broken, world.detail, (unsigned long long)seed);
  if (fail_at) fprintf(stderr, " --fail-at %ld", fail_at);
  fputc('\n', stderr);
  return false;
}

static bool starve(uint64_t seed, uint64_t scenarios) {
  for (uint64_t i = 0; i < scenarios; i++) {
    if (!play(seed + i, 0)) return false;
    for (long n = 1, all = memory.seen; n <= all && n < 2000; n++)
      if (!play(seed + i, n)) return false;
  }
  return true;
}

int main(int argc, char **argv) {
  static const genai_allocator allocator = {allocate, reallocate, release, NULL};
  uint64_t scenarios = (uint64_t)scaled_down(20000), seed = 1, starved = (uint64_t)scaled_down(20);
  long fail_at = 0;
  bool given = false, wrong = false;
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (!strcmp(argv[i], "--verbose")) world.verbose = true;
    else if (!strcmp(argv[i], "--scenarios")) scenarios = strtoull(value, NULL, 10), starved = 0, i++;
    else if (!strcmp(argv[i], "--seed")) seed = strtoull(value, NULL, 10), given = true, i++;
    else if (!strcmp(argv[i], "--starve")) starved = strtoull(value, NULL, 10), scenarios = 0, i++;
    else if (!strcmp(argv[i], "--fail-at")) fail_at = strtol(value, NULL, 10), i++;
    else wrong = true;
  }
  if (wrong) {
    fputs("usage: test_simulation [--scenarios N] [--seed N] [--verbose] [--starve N]\n", stderr);
    return 2;
  }
  genai_set_allocator(&allocator);
  if (given && world.verbose) return play(seed, fail_at) ? 0 : 1;
  unsigned failed = 0;
  for (uint64_t i = 0; i < scenarios && failed < 10; i++) failed += !play(seed + i, 0);
  if (!failed && !starve(seed, starved)) failed++;
  printf("%llu scenarios: %llu messages, %llu faults, %llu goAways, %llu attempts, %llu handovers (%llu left at a safe point), %llu resumed, %llu fresh; "
         "%llu messages said again, %llu told as lost, %llu ambiguous\n",
         (unsigned long long)scenarios, (unsigned long long)figures[SIM_FIG_MESSAGES], (unsigned long long)figures[SIM_FIG_FAULTS],
         (unsigned long long)figures[SIM_FIG_GO_AWAY], (unsigned long long)figures[SIM_FIG_DIALS], (unsigned long long)figures[SIM_FIG_HANDOVER],
         (unsigned long long)figures[SIM_FIG_SAFE], (unsigned long long)figures[SIM_FIG_RESUMED], (unsigned long long)figures[SIM_FIG_FRESH],
         (unsigned long long)figures[SIM_FIG_REPLAYED], (unsigned long long)figures[SIM_FIG_LOST], (unsigned long long)figures[SIM_FIG_AMBIGUOUS]);
  return failed ? 1 : 0;
}
