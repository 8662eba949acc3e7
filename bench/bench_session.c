/* What a whole session costs beside the bare TLS floor: the same bytes, the same peer in another process, one run.
 *
 *   bench_session [receive|send|all] [MESSAGES]
 *   bench_session session|floor receive|send MESSAGES PORT CA_FILE|-   (one figure, against a running bench_peer; the floor: TLS only)
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/peer.h"
#include "genai/live.h"

enum { RUNS = 5, CHUNK = 3200, RECORD = 16384 };

static void die(const char *what) {
  fprintf(stderr, "bench_session: %s\n", what);
  exit(1);
}

static double cpu_seconds(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
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

static size_t message_size(void) {
  size_t size;
  free(peer_audio_message(PEER_PCM_SIZE, &size));
  return size;
}

static double floor_receive(const peer *p, long messages) {
  static char data[64 * 1024];
  char task[32];
  snprintf(task, sizeof task, "pour=%ld", messages);
  floor_link l = floor_open(p, task);
  double start = cpu_seconds();
  unsigned long long left = (unsigned long long)messages * (message_size() + 4);
  while (left) {
    int n = SSL_read(l.ssl, data, sizeof data);
    if (n <= 0) die("the floor's connection broke");
    left = (unsigned long long)n >= left ? 0 : left - (unsigned long long)n;
  }
  double used = cpu_seconds() - start;
  floor_close(&l);
  return used;
}

/* The frame of such a chunk: base64 inside {"realtimeInput":{"audio":{…}}}, masked. */
static size_t chunk_frame(char *frame) {
  size_t size = 8 + CHUNK / 3 * 4 + 4 + 72;
  memset(frame, 'A', size);
  frame[0] = (char)0x81;
  frame[1] = (char)(0x80 | 126);
  frame[2] = (char)((size - 8) >> 8);
  frame[3] = (char)(size - 8);
  return size;
}

static double floor_send(const peer *p, long messages) {
  char frame[CHUNK / 3 * 4 + 100];
  size_t frame_size = chunk_frame(frame);
  floor_link l = floor_open(p, "sink");
  size_t per_record = RECORD / frame_size, filled = per_record * frame_size;
  char *record = malloc(filled);
  for (size_t i = 0; i < per_record; i++) memcpy(record + i * frame_size, frame, frame_size);
  double start = cpu_seconds();
  for (long left = messages; left > 0; left -= (long)per_record)
    if (SSL_write(l.ssl, record, (int)filled) <= 0) die("the floor's connection broke");
  double used = cpu_seconds() - start;
  free(record);
  floor_close(&l);
  return used;
}

/* ---- the session ---- */

static genai_live_session *open_session(const peer *p, const char *task, genai_client **client) {
  genai_error error = {0};
  genai_live_session *session = NULL;
  char url[64];
  snprintf(url, sizeof url, "%s://127.0.0.1:%d", p->tls ? "https" : "http", p->port);
  genai_client_options options = {.api_key = "bench", .base_url = url, .ca_file = p->ca_file};
  if (genai_client_new(client, &options, &error) != GENAI_OK ||
      genai_live_connect(*client, &(genai_live_connect_params){.model = task}, &session, NULL, &error) != GENAI_OK)
    die(error.message);
  return session;
}

static double session_receive(const peer *p, long messages) {
  genai_client *client;
  genai_live_message *message;
  genai_error error = {0};
  char task[32];
  snprintf(task, sizeof task, "pour=%ld", messages);
  double start = 0;
  genai_live_session *session = open_session(p, task, &client);
  start = cpu_seconds();
  unsigned long long bytes = 0;
  genai_status status;
  while ((status = genai_live_receive(session, &message, NULL, &error)) == GENAI_OK) {
    genai_bytes audio;
    for (size_t i = 0; genai_live_message_audio(message, i, &audio); i++) bytes += audio.size;
    genai_live_message_free(message);
  }
  double used = cpu_seconds() - start;
  if (status != GENAI_CLOSED || bytes != (unsigned long long)messages * PEER_PCM_SIZE) die(error.message);
  genai_live_free(session);
  genai_client_free(client);
  return used;
}

static double session_send(const peer *p, long messages) {
  static char pcm[CHUNK];
  genai_client *client;
  genai_error error = {0};
  genai_live_session *session = open_session(p, "sink", &client);
  for (size_t i = 0; i < sizeof pcm; i++) pcm[i] = (char)(i * 37);
  double start = cpu_seconds();
  for (long i = 0; i < messages; i++)
    if (genai_live_send_audio(session, pcm, sizeof pcm, 16000, NULL, &error) != GENAI_OK) die(error.message);
  if (genai_live_close(session, NULL, &error) != GENAI_OK) die(error.message);
  double used = cpu_seconds() - start;
  genai_live_free(session);
  genai_client_free(client);
  return used;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values) {
  qsort(values, RUNS, sizeof *values, by_value);
  return values[RUNS / 2];
}

static void report(const char *what, double *floor, double *session, long messages, double wire_bytes) {
  double f = median(floor), s = median(session), gigabytes = wire_bytes * (double)messages / 1e9;
  printf("| %s | %.2f | %.2f | %.2f | %.2f |\n", what, f / (double)messages * 1e6, s / (double)messages * 1e6, s / gigabytes, s / f);
  fflush(stdout);
}

/* One figure for comparisons with other clients: microseconds of CPU a message. */
static int one(char **argv) {
  long messages = atol(argv[3]);
  peer p = {.port = atoi(argv[4]), .tls = strcmp(argv[5], "-") != 0};
  if (messages < 1) die("the number of messages is no number");
  if (p.tls) snprintf(p.ca_file, sizeof p.ca_file, "%s", argv[5]);
  bool floor = !strcmp(argv[1], "floor"), send = !strcmp(argv[2], "send");
  if (floor && !p.tls) die("the floor is one of TLS");
  double used = send ? floor ? floor_send(&p, messages) : session_send(&p, messages)
                     : floor ? floor_receive(&p, messages) : session_receive(&p, messages);
  printf("%.2f\n", used / (double)messages * 1e6);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 6 && (!strcmp(argv[1], "session") || !strcmp(argv[1], "floor"))) return one(argv);
  const char *what = argc > 1 ? argv[1] : "all";
  long messages = argc > 2 ? atol(argv[2]) : 40000;
  double floor[RUNS], session[RUNS];
  peer p;
  if (messages < 1 || peer_start(&p, 1)) return 1;
  printf("| over TLS 1.3, %ld messages, median of %d | floor, us CPU a message | session, us CPU a message | session, s/GB | ratio |\n|---|---|---|---|---|\n",
         messages, RUNS);
  if (strcmp(what, "send")) {
    for (int i = 0; i < RUNS; i++) {
      floor[i] = floor_receive(&p, messages);
      session[i] = session_receive(&p, messages);
    }
    report("receive 11,520 B PCM", floor, session, messages, (double)message_size());
  }
  if (strcmp(what, "receive")) {
    char frame[CHUNK / 3 * 4 + 100];
    for (int i = 0; i < RUNS; i++) {
      floor[i] = floor_send(&p, messages);
      session[i] = session_send(&p, messages);
    }
    report("send 3,200 B PCM", floor, session, messages, (double)chunk_frame(frame));
  }
  peer_stop(&p);
  return 0;
}
