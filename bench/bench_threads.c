/* How the throughput of one client grows with its I/O threads, without a peer that would want the same cores: a transport without
 * sockets hands each session ready messages as fast as they are taken. Decoding, the mind, the inbox and genai_client_next are real.
 *
 *   bench_threads SESSIONS THREADS MESSAGES   prints SESSIONS, THREADS, messages a second, cores used, us CPU a message
 *
 * On a machine with other work, run it by `chrt -r 1`: the receiving thread then comes before the I/O threads, for with as many of
 * those as cores it would fall behind by whole time slices, and what waits would outgrow the pool of memory. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/peer.h"
#include "client/client.h"

enum { PER_TURN = 16 };

static char *sound;
static size_t sound_size;
static long messages;

static void die(const char *what) {
  fprintf(stderr, "bench_threads: %s\n", what);
  exit(1);
}

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the transport ---- */

struct net_ws {
  net_task task;
  net_loop *loop;
  const net_ws_events *events;
  void *user;
  long left;
  bool open, set_up, paused, ended;
};

static void feed(net_task *task) {
  static const char complete[] = "{\"setupComplete\":{}}";
  net_ws *ws = (net_ws *)task;
  if (!ws->open) {
    ws->open = true;
    ws->events->open(ws->user); /* the setup is sent from inside */
    if (!ws->events->message(ws->user, WS_TEXT, (const uint8_t *)complete, sizeof complete - 1)) return;
    ws->set_up = true;
  }
  for (int i = 0; i < PER_TURN && ws->left && !ws->paused; i++, ws->left--)
    if (!ws->events->message(ws->user, WS_BINARY, (const uint8_t *)sound, sound_size)) ws->paused = true;
  if (ws->left && !ws->paused) {
    net_loop_post(ws->loop, &ws->task);
  } else if (!ws->left && !ws->ended) {
    ws->ended = true;
    ws->events->close(ws->user, 1000, "", 0);
    ws->events->end(ws->user, &(genai_error){.close_code = 1000});
  }
}

static genai_status connect_feed(net_ws **out, net_loop *loop, const net_ws_params *params, const net_ws_events *events, void *user,
                                 genai_error *error) {
  (void)params, (void)error;
  net_ws *ws = calloc(1, sizeof *ws); /* for as long as the process */
  if (!ws) die("no memory");
  *ws = (net_ws){.task = {.run = feed}, .loop = loop, .events = events, .user = user, .left = messages};
  net_loop_post(loop, &ws->task);
  *out = ws;
  return GENAI_OK;
}

static bool take(net_ws *ws, payload *message) {
  (void)ws, (void)message;
  return true;
}

static bool ping(net_ws *ws) {
  (void)ws;
  return true;
}

static void resume(net_ws *ws) {
  ws->paused = false;
  net_loop_post(ws->loop, &ws->task);
}

static void upgrade(net_ws *ws) { (void)ws; }

static void end(net_ws *ws) {
  ws->paused = ws->ended = true;
  ws->left = 0;
}

static void close_feed(net_ws *ws, int code, const char *reason, unsigned linger_ms) {
  (void)code, (void)reason, (void)linger_ms;
  end(ws);
  ws->events->end(ws->user, &(genai_error){.close_code = 1000});
}

static const char *phase(const net_ws *ws) {
  (void)ws;
  return "in the benchmark";
}

static const live_transport feeder = {connect_feed, take, ping, upgrade, resume, close_feed, end, phase};

/* ---- the application: one thread ---- */

static void come_first(void) {
  struct sched_param priority;
  int policy;
  if (pthread_getschedparam(pthread_self(), &policy, &priority) || policy != SCHED_RR) return;
  priority.sched_priority++;
  if (pthread_setschedparam(pthread_self(), policy, &priority)) die("the priority cannot be raised");
}

static unsigned long long receive_all(genai_client *client, long sessions) {
  unsigned long long bytes = 0, whole = (unsigned long long)sessions * (unsigned long long)messages * PEER_PCM_SIZE;
  const genai_wait at_once = {.timeout_ms = GENAI_NO_WAIT}, patience = {.timeout_ms = 60000};
  genai_error error = {0};
  while (bytes < whole) {
    genai_live_session *session;
    genai_live_message *m;
    genai_bytes audio;
    if (genai_client_next(client, &session, &patience, &error) != GENAI_OK) die("the sessions stand still");
    while (genai_live_receive(session, &m, &at_once, &error) == GENAI_OK) {
      for (size_t i = 0; genai_live_message_audio(m, i, &audio); i++) bytes += audio.size;
      genai_live_message_free(m);
    }
  }
  return bytes;
}

int main(int argc, char **argv) {
  long sessions = argc > 1 ? atol(argv[1]) : 0, threads = argc > 2 ? atol(argv[2]) : 0;
  genai_client *client = NULL;
  genai_error error = {0};
  messages = argc > 3 ? atol(argv[3]) : 0;
  if (sessions < 1 || threads < 1 || messages < 1) {
    fprintf(stderr, "usage: bench_threads SESSIONS THREADS MESSAGES\n");
    return 2;
  }
  sound = peer_audio_message(PEER_PCM_SIZE, &sound_size);
  const genai_client_options options = {.api_key = "bench", .base_url = "http://127.0.0.1:9", .io_threads = (uint32_t)threads};
  genai_live_session **all = calloc((size_t)sessions, sizeof *all);
  if (!all || genai_client_new(&client, &options, &error) != GENAI_OK) die(error.message);
  client_set_transport(client, &feeder);
  come_first();
  double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  for (long i = 0; i < sessions; i++)
    if (genai_live_start(client, &(genai_live_connect_params){.model = "m"}, &all[i], &error) != GENAI_OK) die(error.message);
  receive_all(client, sessions);
  wall = seconds(CLOCK_MONOTONIC) - wall;
  cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  double count = (double)sessions * (double)messages;
  printf("%ld %ld %.0f %.2f %.2f\n", sessions, threads, count / wall, cpu / wall, cpu / count * 1e6);
  for (long i = 0; i < sessions; i++) (void)genai_live_free(all[i]);
  (void)genai_client_free(client);
  free(all);
  free(sound);
  return 0;
}
