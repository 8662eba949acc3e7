/* What a whole session costs beside the bare TLS floor: the same bytes, the same peer in another process, one run.
 *
 *   bench_session [receive|send|all] [MESSAGES]
 *   bench_session idle SESSIONS [MESSAGES]   (receiving beside so many idle sessions of the same client)
 *   bench_session pace SESSIONS [SECONDS]    (sending 640 bytes of sound 50 times a second in each of so many sessions: to a peer
 *                                             that sleeps between its reads, as one on another machine, which nothing sent wakes)
 *   bench_session floor receive|send|echo MESSAGES PORT CA_FILE   (one figure, against a running bench_peer)
 *
 * receive: 11,520-byte-PCM messages over TLS 1.3, audio bytes in the application's hand, against a loop of SSL_read.
 * send: 3,200-byte chunks at full speed, against SSL_write of ready frames batched to full records. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/measure.h"
#include "bench/peer.h"
#include "genai/live.h"

enum { RUNS = 5, CHUNK = 3200, ECHO_ASK = 640, ECHO_ANSWER = 1920, RECORD = 16384 };

static void die(const char *what) {
  fprintf(stderr, "bench_session: %s\n", what);
  exit(1);
}

/* Of the calling thread: the floor's, whatever idle sessions do beside it. */
static double thread_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the floor: OpenSSL on a blocking socket ---- */

typedef struct floor_link { int fd; SSL_CTX *context; SSL *ssl; } floor_link;

static floor_link floor_open(const peer *p, const char *task) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)p->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  floor_link l = {.fd = socket(AF_INET, SOCK_STREAM, 0), .context = SSL_CTX_new(TLS_client_method())};
  char request[512], answer[1024];
  unsigned char setup[64] = {0x81, (unsigned char)(0x80 | strlen(task)), 0, 0, 0, 0};
  memcpy(setup + 6, task, strlen(task));
  if (connect(l.fd, (struct sockaddr *)&address, sizeof address)) die("the peer is not there");
  l.ssl = SSL_new(l.context);
  SSL_set_fd(l.ssl, l.fd);
  if (SSL_connect(l.ssl) != 1) die("no TLS");
  int size = snprintf(request, sizeof request, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
  SSL_write(l.ssl, request, size);
  if (SSL_read(l.ssl, answer, sizeof answer) <= 0) die("no answer");
  SSL_write(l.ssl, setup, (int)(6 + strlen(task)));
  return l;
}

static void floor_close(floor_link *l) {
  SSL_free(l->ssl);
  SSL_CTX_free(l->context);
  close(l->fd);
}

static size_t message_size(size_t pcm_size) {
  size_t size;
  free(peer_audio_message(pcm_size, &size));
  return size;
}

static double floor_receive(const peer *p, long messages) {
  static char data[64 * 1024];
  char task[32];
  snprintf(task, sizeof task, "pour=%ld", messages);
  floor_link l = floor_open(p, task);
  double start = thread_seconds();
  unsigned long long left = (unsigned long long)messages * (message_size(PEER_PCM_SIZE) + 4);
  while (left) {
    int n = SSL_read(l.ssl, data, sizeof data);
    if (n <= 0) die("the floor's connection broke");
    left = (unsigned long long)n >= left ? 0 : left - (unsigned long long)n;
  }
  double used = thread_seconds() - start;
  floor_close(&l);
  return used;
}

/* The frame of a chunk: base64 inside {"realtimeInput":{"audio":{…}}}, masked. */
static size_t chunk_frame(char *frame, size_t pcm_size) {
  size_t size = 8 + (pcm_size + 2) / 3 * 4 + 72;
  memset(frame, 'A', size);
  frame[0] = (char)0x81;
  frame[1] = (char)(0x80 | 126);
  frame[2] = (char)((size - 8) >> 8);
  frame[3] = (char)(size - 8);
  return size;
}

static double floor_send(const peer *p, long messages) {
  char frame[CHUNK / 3 * 4 + 100];
  size_t frame_size = chunk_frame(frame, CHUNK);
  floor_link l = floor_open(p, "sink");
  size_t per_record = RECORD / frame_size, filled = per_record * frame_size;
  char *record = malloc(filled);
  for (size_t i = 0; i < per_record; i++) memcpy(record + i * frame_size, frame, frame_size);
  double start = thread_seconds();
  for (long left = messages; left > 0; left -= (long)per_record)
    if (SSL_write(l.ssl, record, (int)filled) <= 0) die("the floor's connection broke");
  double used = thread_seconds() - start;
  free(record);
  floor_close(&l);
  return used;
}

/* A chunk there, a chunk back, one after the other. */
static double floor_echo(const peer *p, long messages) {
  char frame[CHUNK], data[16 * 1024], task[32];
  size_t frame_size = chunk_frame(frame, ECHO_ASK), answer_size = message_size(ECHO_ANSWER) + 4;
  snprintf(task, sizeof task, "talk=1/1-size=%d", ECHO_ANSWER);
  floor_link l = floor_open(p, task);
  double start = thread_seconds();
  for (long i = 0; i < messages; i++) {
    if (SSL_write(l.ssl, frame, (int)frame_size) <= 0) die("the floor's connection broke");
    for (size_t had = 0; had < answer_size;) {
      int n = SSL_read(l.ssl, data, sizeof data);
      if (n <= 0) die("the floor's connection broke");
      had += (size_t)n;
    }
  }
  double used = thread_seconds() - start;
  floor_close(&l);
  return used;
}

/* ---- the session ---- */

static genai_client *open_client(const peer *p) {
  enum { PATIENCE_MS = 3600000 }; /* an idle peer answers no pings */
  genai_error error = {0};
  genai_client *client = NULL;
  char url[64];
  snprintf(url, sizeof url, "%s://127.0.0.1:%d", p->tls ? "https" : "http", p->port);
  genai_client_options options = {.api_key = "bench", .base_url = url, .ca_file = p->ca_file, .keepalive_timeout_ms = PATIENCE_MS};
  if (genai_client_new(&client, &options, &error) != GENAI_OK) die(error.message);
  return client;
}

static genai_live_session *open_session(genai_client *client, const char *task) {
  genai_error error = {0};
  genai_live_session *session = NULL;
  if (genai_live_connect(client, &(genai_live_connect_params){.model = task}, &session, NULL, &error) != GENAI_OK) die(error.message);
  return session;
}

static double session_receive(genai_client *client, long messages) {
  genai_live_message *message;
  genai_error error = {0};
  char task[32];
  snprintf(task, sizeof task, "pour=%ld", messages);
  genai_live_session *session = open_session(client, task);
  double start = measure_cpu_s();
  unsigned long long bytes = 0;
  genai_status status;
  while ((status = genai_live_receive(session, &message, NULL, &error)) == GENAI_OK) {
    genai_bytes audio;
    for (size_t i = 0; genai_live_message_audio(message, i, &audio); i++) bytes += audio.size;
    genai_live_message_free(message);
  }
  double used = measure_cpu_s() - start;
  if (status != GENAI_CLOSED || bytes != (unsigned long long)messages * PEER_PCM_SIZE) die(error.message);
  genai_live_free(session);
  return used;
}

static double session_send(genai_client *client, long messages) {
  static char pcm[CHUNK];
  genai_error error = {0};
  genai_live_session *session = open_session(client, "sink");
  for (size_t i = 0; i < sizeof pcm; i++) pcm[i] = (char)(i * 37);
  double start = measure_cpu_s();
  for (long i = 0; i < messages; i++)
    if (genai_live_send_audio(session, pcm, sizeof pcm, 16000, NULL, &error) != GENAI_OK) die(error.message);
  if (genai_live_close(session, NULL, &error) != GENAI_OK) die(error.message);
  double used = measure_cpu_s() - start;
  genai_live_free(session);
  return used;
}

/* ---- idle sessions ---- */

/* Opens them, some at a time. */
static genai_live_session **open_many(genai_client *client, const char *task, long count) {
  enum { AT_ONCE = 100 };
  const genai_live_connect_params params = {.model = task};
  genai_live_session **sessions = calloc((size_t)count, sizeof *sessions);
  genai_live_message *message;
  genai_error error = {0};
  if (!sessions) die("no memory for so many sessions");
  for (long begun = 0, open = 0; open < count; open++) {
    for (; begun < count && begun < open + AT_ONCE; begun++)
      if (genai_live_start(client, &params, &sessions[begun], &error) != GENAI_OK) die(error.message);
    if (genai_live_receive(sessions[open], &message, NULL, &error) != GENAI_OK) die(error.message);
    genai_live_message_free(message);
  }
  return sessions;
}

static void report(const char *what, double *floor, double *session, long messages, double wire_bytes) {
  double f = measure_median(floor, RUNS), s = measure_median(session, RUNS), gigabytes = wire_bytes * (double)messages / 1e9;
  printf("| %s | %.2f | %.2f | %.2f | %.2f |\n", what, f / (double)messages * 1e6, s / (double)messages * 1e6, s / gigabytes, s / f);
  fflush(stdout);
}

/* One figure of the floor beside those of other clients (bench_client): microseconds of CPU a message. */
static int one(char **argv) {
  long messages = atol(argv[3]);
  peer p = {.port = atoi(argv[4]), .tls = strcmp(argv[5], "-") != 0};
  if (messages < 1) die("the number of messages is no number");
  if (p.tls) snprintf(p.ca_file, sizeof p.ca_file, "%s", argv[5]);
  if (!p.tls) die("the floor is one of TLS");
  double used = !strcmp(argv[2], "send") ? floor_send(&p, messages)
                : !strcmp(argv[2], "echo") ? floor_echo(&p, messages)
                                           : floor_receive(&p, messages);
  printf("%.2f\n", used / (double)messages * 1e6);
  return 0;
}

static void compare_receive(const peer *p, genai_client *client, const char *what, long messages) {
  double floor[RUNS], session[RUNS];
  for (int i = 0; i < RUNS; i++) {
    floor[i] = floor_receive(p, messages);
    session[i] = session_receive(client, messages);
  }
  report(what, floor, session, messages, (double)message_size(PEER_PCM_SIZE));
}

static void compare_send(const peer *p, genai_client *client, long messages) {
  char frame[CHUNK / 3 * 4 + 100];
  double floor[RUNS], session[RUNS];
  for (int i = 0; i < RUNS; i++) {
    floor[i] = floor_send(p, messages);
    session[i] = session_send(client, messages);
  }
  report("send 3,200 B PCM", floor, session, messages, (double)chunk_frame(frame, CHUNK));
}

static void compare_beside_idle(peer *p, genai_client *client, long count, long messages) {
  char what[80];
  double start = measure_cpu_s();
  genai_live_session **sessions = open_many(client, "idle", count);
  double used = measure_cpu_s() - start;
  snprintf(what, sizeof what, "receive 11,520 B PCM beside %ld idle sessions (opened in %.2f s of CPU)", count, used);
  compare_receive(p, client, what, messages);
  peer_stop(p); /* ends them all */
  for (long i = 0; i < count; i++) genai_live_free(sessions[i]);
  free(sessions);
}

static void sleep_until(struct timespec *t, long add_ns) {
  t->tv_nsec += add_ns;
  t->tv_sec += t->tv_nsec / 1000000000;
  t->tv_nsec %= 1000000000;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, t, NULL)) {
  }
}

/* ---- speech: every session its chunk of 20 ms, spread evenly over the 20 ms ---- */

enum { PIECE = 640, TURNS = 50, SLOTS = 20 };

/* One connection's chunk; false when it was refused for the moment. */
typedef bool (*pace_send)(void *connections, long i);

static void pace(const char *what, pace_send send, void *connections, long count, long seconds) {
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  double from = (double)next.tv_sec + (double)next.tv_nsec / 1e9, start = measure_cpu_s();
  long sent = 0, refused = 0;
  for (long slot = 0; slot < seconds * TURNS * SLOTS; slot++) {
    for (long i = slot % SLOTS; i < count; i += SLOTS)
      if (send(connections, i)) sent++;
      else refused++;
    sleep_until(&next, 1000000);
  }
  double used = measure_cpu_s() - start;
  clock_gettime(CLOCK_MONOTONIC, &next);
  double took = (double)next.tv_sec + (double)next.tv_nsec / 1e9 - from;
  printf("| %s | %ld | %.0f | %ld | %.1f | %.2f |\n", what, count, (double)sent / took, refused, 100 * used / took, used / (double)sent * 1e6);
  fflush(stdout);
}

static bool pace_floor(void *connections, long i) {
  static char frame[CHUNK];
  static size_t size;
  if (!size) size = chunk_frame(frame, PIECE);
  if (SSL_write(((floor_link *)connections)[i].ssl, frame, (int)size) <= 0) die("the floor's connection broke");
  return true;
}

static bool pace_session(void *connections, long i) {
  static const char pcm[PIECE];
  static const genai_wait no_wait = {.timeout_ms = GENAI_NO_WAIT};
  genai_error error = {0};
  genai_status status =
      genai_live_send_audio(((genai_live_session **)connections)[i], pcm, sizeof pcm, 16000, &no_wait, &error);
  if (status != GENAI_OK && status != GENAI_WOULD_BLOCK) die(error.message);
  return status == GENAI_OK;
}

static void compare_pace(peer *p, genai_client *client, const char *task, long count, long seconds) {
  floor_link *links = calloc((size_t)count, sizeof *links);
  if (!links) die("no memory for so many connections");
  printf("| 640 B PCM over TLS 1.3, 50 times a second each, %ld s | connections | messages a second | refused | %% of a core | us CPU a message |\n"
         "|---|---|---|---|---|---|\n", seconds);
  for (long i = 0; i < count; i++) links[i] = floor_open(p, task);
  pace("SSL_write of ready frames", pace_floor, links, count, seconds);
  for (long i = 0; i < count; i++) floor_close(&links[i]);
  free(links);
  genai_live_session **sessions = open_many(client, task, count);
  pace("sessions", pace_session, sessions, count, seconds);
  peer_stop(p);
  for (long i = 0; i < count; i++) genai_live_free(sessions[i]);
  free(sessions);
}

int main(int argc, char **argv) {
  if (argc == 6 && !strcmp(argv[1], "floor")) return one(argv);
  const char *what = argc > 1 ? argv[1] : "all";
  bool many = !strcmp(what, "idle") || !strcmp(what, "pace");
  long sessions = many && argc > 2 ? atol(argv[2]) : 0;
  long amount = argc > 2 + many ? atol(argv[2 + many]) : strcmp(what, "pace") ? 40000 : 10; /* of messages or seconds */
  peer p;
  if (amount < 1 || (many && sessions < 1)) die("a number of messages, seconds or sessions is no number");
  if (many) measure_allow_descriptors((size_t)sessions);
  if (peer_start(&p, 1)) return 1;
  genai_client *client = open_client(&p);
  if (!strcmp(what, "pace")) {
    compare_pace(&p, client, "sink-nap=100", sessions, amount);
  } else {
    printf("| over TLS 1.3, %ld messages, median of %d | floor, us CPU a message | session, us CPU a message | session, s/GB | ratio |\n"
           "|---|---|---|---|---|\n", amount, RUNS);
    if (many) compare_beside_idle(&p, client, sessions, amount);
    if (!many && strcmp(what, "send")) compare_receive(&p, client, "receive 11,520 B PCM", amount);
    if (!many && strcmp(what, "receive")) compare_send(&p, client, amount);
    if (!many) peer_stop(&p);
  }
  genai_client_free(client);
  return 0;
}
