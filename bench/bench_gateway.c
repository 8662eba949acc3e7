/* What a gateway pays: many sessions in one client, the peer in another process.
 *
 *   bench_gateway memory SESSIONS             opening, memory of idle sessions before and after traffic
 *   bench_gateway latency IDLE [MESSAGES]     send -> peer and peer -> receive, beside idle sessions
 *   bench_gateway receive SESSIONS THREADS [MESSAGES]  throughput with that many I/O threads
 *   bench_gateway reconnect N                 N connections, one after the other: how many resume their TLS session
 * PLAIN=1 in the environment: without TLS. Each prints one line of a table, or of NAME=VALUE with FIGURES=1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "bench/peer.h"
#include "cli/histogram.h"
#include "genai/live.h"

enum { OPENING_MAX = 64, CHUNK = 1280, UP = 20, DOWN = 5, LATENCY_CHUNK = 640, QUIET_MS = 300, AT_ONCE = 16 };

static void die(const char *what) {
  fprintf(stderr, "bench_gateway: %s\n", what);
  exit(1);
}

static double cpu_seconds(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double resident_kb(void) {
  size_t bytes = 0;
  if (uv_resident_set_memory(&bytes)) die("the memory of this process cannot be read");
  return (double)bytes / 1024;
}

/* ---- sessions ---- */

typedef struct gateway {
  peer peer;
  genai_client *client;
  genai_live_session **sessions;
  bool *ends; /* of each: its end has been received */
  size_t count, started, open, ended;
  uint64_t messages, bytes;
} gateway;

static void raise_limit(size_t sessions) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return;
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < sessions + 64) {
    fprintf(stderr, "bench_gateway: %zu sessions need %zu open files, and this process may have %llu (ulimit -Hn).\n", sessions,
            sessions + 64, (unsigned long long)limit.rlim_max);
    exit(1);
  }
  if (limit.rlim_cur < sessions + 64) limit.rlim_cur = sessions + 64;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static void gateway_start(gateway *g, size_t count, unsigned io_threads) {
  genai_error error = {0};
  char url[64];
  *g = (gateway){.count = count, .sessions = calloc(count, sizeof *g->sessions),
                 .ends = calloc(count, sizeof *g->ends)};
  raise_limit(count);
  if (!g->sessions || !g->ends || peer_start(&g->peer, !getenv("PLAIN"))) die("the peer could not be started");
  snprintf(url, sizeof url, "%s://127.0.0.1:%d", g->peer.tls ? "https" : "http", g->peer.port);
  const genai_client_options options = {.api_key = "bench", .base_url = url, .ca_file = g->peer.tls ? g->peer.ca_file : NULL,
                                        .io_threads = io_threads};
  if (genai_client_new(&g->client, &options, &error) != GENAI_OK) die(error.message);
}

static void gateway_end(gateway *g) {
  genai_error error;
  const genai_wait at_once = {.timeout_ms = GENAI_NO_WAIT};
  for (size_t i = 0; i < g->started; i++) (void)genai_live_close(g->sessions[i], &at_once, &error);
  for (size_t i = 0; i < g->started; i++) (void)genai_live_free(g->sessions[i]);
  (void)genai_client_free(g->client);
  peer_stop(&g->peer);
  free(g->sessions);
  free(g->ends);
}

static void take(gateway *g, genai_live_message *m) {
  genai_bytes audio;
  if (m->event && m->event->kind == GENAI_LIVE_EVENT_OPEN) g->open++;
  if (m->server) g->messages++;
  for (size_t i = 0; genai_live_message_audio(m, i, &audio); i++) g->bytes += audio.size;
  genai_live_message_free(m);
}

/* Takes what comes from one session; false when nothing came in time. */
static bool next(gateway *g, int64_t timeout_ms) {
  genai_live_session *session;
  genai_live_message *m;
  genai_error error = {0};
  const genai_wait wait = {.timeout_ms = timeout_ms}, at_once = {.timeout_ms = GENAI_NO_WAIT};
  if (genai_client_next(g->client, &session, &wait, &error) != GENAI_OK) return false;
  genai_status status;
  while ((status = genai_live_receive(session, &m, &at_once, &error)) == GENAI_OK) take(g, m);
  bool *ended = genai_live_user(session);
  if (status == GENAI_CLOSED) {
    g->ended += !*ended;
    *ended = true;
  } else if (status != GENAI_WOULD_BLOCK) {
    die(error.message);
  }
  return true;
}

static void open_all(gateway *g, size_t count, const char *task) {
  genai_error error = {0};
  size_t to = g->started + count;
  while (g->open < to) {
    while (g->started < to && g->started - g->open < OPENING_MAX) {
      const genai_live_connect_params params = {.model = task, .user = &g->ends[g->started]};
      if (genai_live_start(g->client, &params, &g->sessions[g->started], &error) != GENAI_OK)
        die(error.message);
      g->started++;
    }
    if (!next(g, 60000)) die("a session did not open within a minute");
  }
}

static void until_quiet(gateway *g) {
  while (next(g, QUIET_MS)) continue;
}

/* ---- memory ---- */

static void send_chunks(gateway *g, genai_live_session *session, int count) {
  static char pcm[CHUNK];
  genai_error error = {0};
  (void)g;
  for (int i = 0; i < count; i++)
    if (genai_live_send_audio(session, pcm, sizeof pcm, 16000, NULL, &error) != GENAI_OK) die(error.message);
}

static int measure_memory(size_t count) {
  gateway g;
  char task[32];
  snprintf(task, sizeof task, "talk=%d/%d", UP, DOWN);
  gateway_start(&g, count + 1, 1);
  open_all(&g, 1, task); /* what the first session brings is the client's */
  until_quiet(&g);
  double base = resident_kb(), cpu = cpu_seconds();
  uint64_t start = now_ns();
  open_all(&g, count, task);
  cpu = cpu_seconds() - cpu;
  double wall = (double)(now_ns() - start) / 1e9;
  until_quiet(&g);
  double idle = resident_kb();
  uint64_t before = g.messages;
  for (size_t i = 1; i <= count; i++) {
    send_chunks(&g, g.sessions[i], UP);
    while (i % AT_ONCE == 0 && g.messages - before < i * (DOWN + 1)) /* what comes is taken as it comes */
      if (!next(&g, 60000)) die("an answer did not come within a minute");
  }
  until_quiet(&g);
  double after = resident_kb();
  if (g.messages - before < count * DOWN) die("some answers did not come");
  if (getenv("FIGURES"))
    printf("sessions=%zu open_cpu_s=%.3f open_wall_s=%.3f idle_kb=%.2f after_kb=%.2f total_mb=%.1f\n", count, cpu, wall,
           (idle - base) / (double)count, (after - base) / (double)count, after / 1024);
  else
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
  uint64_t stamp = now_ns();
  memcpy(pcm, &stamp, sizeof stamp);
  if (genai_live_send_audio(session, pcm, sizeof pcm, 16000, NULL, &error) != GENAI_OK) die(error.message);
}

/* The peer's answer holds when it left and how long ours was under way; false: it is another message. */
static bool take_stamp(genai_live_message *m, histogram *up, histogram *down) {
  uint64_t came = now_ns(), times[2];
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
  open_all(&g, idle, "sink");
  open_all(&g, 1, "talk=stamp");
  genai_live_session *session = g.sessions[idle];
  for (long i = 0; i < messages; i++) {
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    send_stamp(session);
    for (bool answered = false; !answered;) {
      if (genai_live_receive(session, &m, NULL, &error) != GENAI_OK) die(error.message);
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
  double cpu = cpu_seconds();
  uint64_t start = now_ns();
  open_all(&g, count, task);
  while (g.ended < count)
    if (!next(&g, 60000)) die("a session stands still");
  double wall = (double)(now_ns() - start) / 1e9;
  cpu = cpu_seconds() - cpu;
  double all = (double)count * (double)messages;
  if (g.bytes != (uint64_t)all * PEER_PCM_SIZE) die("sound is missing");
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
