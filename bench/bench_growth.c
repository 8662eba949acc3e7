/* How cost grows: lines of "X Y", the CPU of this process over what is varied. tools/bench-plots draws them.
 *
 *   bench_growth size       X: KB of PCM in a received message; Y: us CPU a message, of one session
 *   bench_growth sessions   X: how many sessions take turns; Y: us CPU for 3,200 bytes sent and 11,520 received
 *   bench_growth replay     X: how full the replay buffer of 4 MiB is, in per cent; Y: us CPU for 3,200 bytes sent
 * Each Y is the median of several runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gateway.h"
#include "bench/measure.h"

enum { RUNS = 5, CHUNK = 3200, REPLAY_MAX = 4 << 20, WIRE_SIZE = CHUNK / 3 * 4 + 4 + 72 };

static void send_chunk(genai_live_session *session) {
  static char pcm[CHUNK];
  genai_error error = {0};
  if (genai_live_send_audio(session, pcm, sizeof pcm, 16000, NULL, &error) != GENAI_OK) gateway_die(error.message);
}

/* ---- the size of a message ---- */

static double receive_one(long messages, double size) {
  gateway g;
  char task[48];
  snprintf(task, sizeof task, "pour=%ld size=%.0f", messages, size);
  gateway_start(&g, 1, 1);
  double cpu = measure_cpu_s();
  gateway_open(&g, 1, task, NULL);
  while (!g.ended)
    if (!gateway_next(&g, 60000)) gateway_die("the session stands still");
  cpu = measure_cpu_s() - cpu;
  gateway_end(&g);
  return cpu / (double)messages * 1e6;
}

static void grow_size(void) {
  static const double kilobytes[] = {0.2, 0.5, 1, 2, 5, 11.52, 20, 50, 100, 200, 500, 1000};
  for (size_t i = 0; i < sizeof kilobytes / sizeof *kilobytes; i++) {
    double runs[RUNS], size = kilobytes[i] * 1000;
    long messages = (long)(1e8 / (size + 5000));
    for (int r = 0; r < RUNS; r++) runs[r] = receive_one(messages, size);
    printf("%g %.2f\n", kilobytes[i], measure_median(runs, RUNS));
    fflush(stdout);
  }
}

/* ---- sessions ---- */

/* What goes on at once is bounded, so that only the number of sessions differs. */
static double exchange(gateway *g, size_t exchanges) {
  enum { AT_ONCE = 8 };
  uint64_t before = g->messages;
  double cpu = measure_cpu_s();
  for (size_t i = 1; i <= exchanges; i++) {
    send_chunk(g->sessions[i % g->count]);
    while (g->messages - before < 2 * (i < exchanges ? i > AT_ONCE ? i - AT_ONCE : 0 : i)) /* sound, and a handle */
      if (!gateway_next(g, 60000)) gateway_die("an answer did not come within a minute");
  }
  return (measure_cpu_s() - cpu) / (double)exchanges * 1e6;
}

static void grow_sessions(void) {
  static const size_t counts[] = {1, 2, 5, 10, 30, 100, 300, 1000, 3000, 10000};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    double runs[RUNS];
    gateway g;
    gateway_start(&g, counts[i], 1);
    gateway_open(&g, counts[i], "talk=1/1", NULL);
    gateway_until_quiet(&g);
    exchange(&g, 1000);
    for (int r = 0; r < RUNS; r++) runs[r] = exchange(&g, 4000);
    printf("%zu %.2f\n", counts[i], measure_median(runs, RUNS));
    fflush(stdout);
    gateway_end(&g);
  }
}

/* ---- the replay buffer ---- */

/* In steps of a tenth of the buffer, until it has been full for as long as it took to fill it. */
static void grow_replay(void) {
  enum { STEPS = 20, PER_STEP = REPLAY_MAX / WIRE_SIZE / 10 };
  static const genai_live_recovery keep = {.replay_max = REPLAY_MAX, .media_age_ms = UINT32_MAX};
  enum { SAMPLES = 15 };
  static double runs[STEPS][SAMPLES];
  char task[48];
  snprintf(task, sizeof task, "talk=%d/1-", PER_STEP); /* so that it is known when the last has left */
  for (int r = 0; r < SAMPLES; r++) {
    gateway g;
    gateway_start(&g, 1, 1);
    gateway_open(&g, 1, task, &keep);
    gateway_until_quiet(&g);
    for (int step = 0; step < STEPS; step++) {
      double cpu = measure_cpu_s();
      uint64_t before = g.messages;
      for (int i = 0; i < PER_STEP; i++) send_chunk(g.sessions[0]);
      while (g.messages == before)
        if (!gateway_next(&g, 60000)) gateway_die("an answer did not come within a minute");
      runs[step][r] = (measure_cpu_s() - cpu) / PER_STEP * 1e6;
    }
    gateway_end(&g);
  }
  for (int step = 0; step < STEPS; step++) printf("%d %.2f\n", (step + 1) * 10, measure_median(runs[step], SAMPLES));
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "size")) grow_size();
  else if (!strcmp(what, "sessions")) grow_sessions();
  else if (!strcmp(what, "replay")) grow_replay();
  else {
    fprintf(stderr, "usage: bench_growth size|sessions|replay\n");
    return 2;
  }
  return 0;
}
