/* What a gateway pays: many sessions in one client, the peer in another process.
 *
 *   bench_gateway memory SESSIONS             opening, memory of idle sessions before and after traffic
 *   bench_gateway latency IDLE [MESSAGES]     send -> peer and peer -> receive, beside idle sessions
 *   bench_gateway receive SESSIONS THREADS [MESSAGES]  throughput with that many I/O threads
 * PLAIN=1 in the environment: without TLS. Each prints rows of a table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "bench/gateway.h"
#include "bench/measure.h"
#include "cli/histogram.h"

enum { CHUNK = 1280, UP = 20, DOWN = 5, LATENCY_CHUNK = 640, AT_ONCE = 16 };

static double resident_kb(void) {
  size_t bytes = 0;
  if (uv_resident_set_memory(&bytes)) gateway_die("the memory of this process cannot be read");
  return (double)bytes / 1024;
}

/* ---- memory ---- */

static void send_chunks(genai_live_session *session, int count) {
  static char pcm[CHUNK];
  genai_error error = {0};
  for (int i = 0; i < count; i++)
    if (genai_live_send_audio(session, pcm, sizeof pcm, 16000, NULL, &error) != GENAI_OK) gateway_die(error.message);
}

static int measure_memory(size_t count) {
  gateway g;
  char task[32];
  snprintf(task, sizeof task, "talk=%d/%d", UP, DOWN);
  gateway_start(&g, count + 1, 1);
  gateway_open(&g, 1, task, NULL); /* what the first session brings is the client's */
  gateway_until_quiet(&g);
  double base = resident_kb(), cpu = measure_cpu_s();
  uint64_t start = measure_now_ns();
  gateway_open(&g, count, task, NULL);
  cpu = measure_cpu_s() - cpu;
  double wall = (double)(measure_now_ns() - start) / 1e9;
  gateway_until_quiet(&g);
  double idle = resident_kb();
  uint64_t before = g.messages;
  for (size_t i = 1; i <= count; i++) {
    send_chunks(g.sessions[i], UP);
    while (i % AT_ONCE == 0 && g.messages - before < i * (DOWN + 1)) /* what comes is taken as it comes */
      if (!gateway_next(&g, 60000)) gateway_die("an answer did not come within a minute");
  }
  gateway_until_quiet(&g);
  double after = resident_kb();
  if (g.messages - before < count * DOWN) gateway_die("some answers did not come");
  printf("| %zu | %.2f s | %.2f s | %.1f KB | %.1f KB | %.1f MB |\n", count, cpu, wall, (idle - base) / (double)count,
         (after - base) / (double)count, after / 1024);
  fflush(stdout);
  gateway_end(&g);
  return 0;
}

/* ---- latency ---- */

static void send_stamp(genai_live_session *session) {
  static unsigned char pcm[LATENCY_CHUNK];
  genai_error error = {0};
  uint64_t stamp = measure_now_ns();
  memcpy(pcm, &stamp, sizeof stamp);
  if (genai_live_send_audio(session, pcm, sizeof pcm, 16000, NULL, &error) != GENAI_OK) gateway_die(error.message);
}

/* The peer's answer holds when it left and how long ours was under way; false: it is another message. */
static bool take_stamp(genai_live_message *m, histogram *up, histogram *down) {
  uint64_t came = measure_now_ns(), times[2];
  genai_bytes audio;
  if (!genai_live_message_audio(m, 0, &audio) || audio.size < sizeof times) return false;
  memcpy(times, audio.data, sizeof times);
  histogram_add(up, (int64_t)(times[1] / 1000));
  histogram_add(down, (int64_t)((came - times[0]) / 1000));
  return true;
}

static int measure_latency(size_t idle, long messages) {
  static histogram up, down;
  gateway g;
  genai_error error = {0};
  genai_live_message *m;
  gateway_start(&g, idle + 1, 1);
  gateway_open(&g, idle, "sink", NULL);
  gateway_open(&g, 1, "talk=stamp", NULL);
  genai_live_session *session = g.sessions[idle];
  for (long i = 0; i < messages; i++) {
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    send_stamp(session);
    for (bool answered = false; !answered;) {
      if (genai_live_receive(session, &m, NULL, &error) != GENAI_OK) gateway_die(error.message);
      answered = take_stamp(m, &up, &down);
      genai_live_message_free(m);
    }
  }
  const histogram *both[] = {&up, &down};
  static const char *const names[] = {"send -> peer has it", "peer -> receive returns"};
  for (int i = 0; i < 2; i++)
    printf("| %s, %zu idle beside | %lld us | %lld us | %lld us | %lld us |\n", names[i], idle,
           (long long)histogram_percentile(both[i], 50), (long long)histogram_percentile(both[i], 90),
           (long long)histogram_percentile(both[i], 99), (long long)both[i]->max_us);
  gateway_end(&g);
  return 0;
}

/* ---- throughput ---- */

static int measure_receive(size_t count, unsigned io_threads, long messages) {
  gateway g;
  char task[32];
  snprintf(task, sizeof task, "pour=%ld", messages);
  gateway_start(&g, count, io_threads);
  double cpu = measure_cpu_s();
  uint64_t start = measure_now_ns();
  gateway_open(&g, count, task, NULL);
  while (g.ended < count)
    if (!gateway_next(&g, 60000)) gateway_die("a session stands still");
  double wall = (double)(measure_now_ns() - start) / 1e9;
  cpu = measure_cpu_s() - cpu;
  double all = (double)count * (double)messages;
  if (g.bytes != (uint64_t)all * PEER_PCM_SIZE) gateway_die("sound is missing");
  printf("| %zu | %u | %.0f | %.2f | %.2f |\n", count, io_threads, all / wall, cpu / wall, cpu / all * 1e6);
  gateway_end(&g);
  return 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  long a = argc > 2 ? atol(argv[2]) : 0, b = argc > 3 ? atol(argv[3]) : 0, c = argc > 4 ? atol(argv[4]) : 0;
  if (!strcmp(what, "memory") && a > 0) return measure_memory((size_t)a);
  if (!strcmp(what, "latency") && a >= 0) return measure_latency((size_t)a, b > 0 ? b : 2000);
  if (!strcmp(what, "receive") && a > 0) return measure_receive((size_t)a, b > 0 ? (unsigned)b : 1, c > 0 ? c : 2000);
  fprintf(stderr, "usage: bench_gateway memory SESSIONS | latency IDLE [MESSAGES] | receive SESSIONS THREADS [MESSAGES]\n");
  return 2;
}
