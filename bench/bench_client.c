/* One figure of one client, for the comparison with other clients (interop/bench): the same work as client.mjs and client.py.
 *
 *   bench_client receive|send|echo COUNT BASE_URL CA_FILE|-   microseconds of CPU a message
 *   bench_client hold COUNT BASE_URL CA_FILE|-                kilobytes of memory a session that is open and idle
 *   bench_client start 1 BASE_URL CA_FILE|-                   "open" as soon as the setup is complete; the caller has the clock */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/measure.h"
#include "bench/peer.h"
#include "genai/live.h"

enum { CHUNK = 3200, ECHO_ASK = 640, ECHO_ANSWER = 1920, SESSIONS_MAX = 10000 };

static genai_client *client;
static genai_error error;

static void die(const char *what) {
  fprintf(stderr, "bench_client: %s\n", what);
  exit(1);
}

static double memory_kilobytes(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)r.ru_maxrss;
}

static genai_live_session *open_session(const char *task) {
  genai_live_session *session = NULL;
  if (genai_live_connect(client, &(genai_live_connect_params){.model = task}, &session, NULL, &error) != GENAI_OK) die(error.message);
  return session;
}

/* Receives to the end, or one message. Returns the bytes of audio. */
static unsigned long long receive(genai_live_session *session, bool one) {
  unsigned long long bytes = 0;
  genai_live_message *message;
  genai_status status;
  while ((status = genai_live_receive(session, &message, NULL, &error)) == GENAI_OK) {
    genai_bytes audio;
    for (size_t i = 0; genai_live_message_audio(message, i, &audio); i++) bytes += audio.size;
    genai_live_message_free(message);
    if (one) return bytes;
  }
  if (status != GENAI_CLOSED) die(error.message);
  return bytes;
}

static void send_chunk(genai_live_session *session, size_t size) {
  static char pcm[CHUNK];
  if (!pcm[1])
    for (size_t i = 0; i < sizeof pcm; i++) pcm[i] = (char)(i * 37);
  if (genai_live_send_audio(session, pcm, size, 16000, NULL, &error) != GENAI_OK) die(error.message);
}

static void close_session(genai_live_session *session) {
  if (genai_live_close(session, NULL, &error) != GENAI_OK) die(error.message);
}

/* ---- the works: what is done in an open session ---- */

static void receive_all(genai_live_session *session, long count) {
  if (receive(session, false) != (unsigned long long)count * PEER_PCM_SIZE) die("audio is missing");
}

static void send_all(genai_live_session *session, long count) {
  for (long i = 0; i < count; i++) send_chunk(session, CHUNK);
  close_session(session);
}

/* A chunk there, a chunk back, one after the other. */
static void echo_all(genai_live_session *session, long count) {
  for (long i = 0; i < count; i++) {
    send_chunk(session, ECHO_ASK);
    if (receive(session, true) != ECHO_ANSWER) die("an answer is not whole");
  }
  close_session(session);
}

/* Microseconds of CPU a message. */
static double measure(const char *task, void (*work)(genai_live_session *session, long count), long count) {
  genai_live_session *session = open_session(task);
  double before = measure_cpu_s();
  work(session, count);
  double used = measure_cpu_s() - before;
  genai_live_free(session);
  return used * 1e6 / (double)count;
}

static double figure_of(const char *what, long count) {
  char pour[32];
  snprintf(pour, sizeof pour, "pour=%ld", count);
  if (!strcmp(what, "receive")) return measure(pour, receive_all, count);
  if (!strcmp(what, "send")) return measure("sink", send_all, count);
  return measure("talk=1/1-size=1920", echo_all, count);
}

/* The first session brings the libraries' own memory with it. */
static double hold(long count) {
  static genai_live_session *sessions[SESSIONS_MAX];
  if (count > SESSIONS_MAX) die("so many sessions are not held");
  genai_live_session *first = open_session("sink");
  double before = memory_kilobytes();
  for (long i = 0; i < count; i++) sessions[i] = open_session("sink");
  double used = memory_kilobytes() - before;
  for (long i = 0; i < count; i++) genai_live_free(sessions[i]);
  genai_live_free(first);
  return used / (double)count;
}

int main(int argc, char **argv) {
  long count = argc == 5 ? atol(argv[2]) : 0;
  if (count < 1) die("usage: bench_client receive|send|echo|hold|start COUNT BASE_URL CA_FILE|-");
  const genai_client_options options = {.api_key = "bench", .base_url = argv[3], .ca_file = strcmp(argv[4], "-") ? argv[4] : NULL};
  if (genai_client_new(&client, &options, &error) != GENAI_OK) die(error.message);
  if (!strcmp(argv[1], "start")) {
    genai_live_session *session = open_session("sink");
    puts("open");
    fflush(stdout);
    genai_live_free(session);
  } else {
    double figure = !strcmp(argv[1], "hold") ? hold(count) : figure_of(argv[1], count);
    printf("%.2f\n", figure);
  }
  genai_client_free(client);
  return 0;
}
