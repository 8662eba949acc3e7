#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "bench/peer.h"
#include "net/http.h"
#include "net/ws_frame.h"
#include "tests/net/pki.h"

enum { FRAMES_PER_WRITE = 16, REQUEST_MAX = 16384 };

static SSL *server;
static BIO *from_client, *to_client;
static int file;
static off_t written;
static char request[REQUEST_MAX];
static size_t request_size;
static enum { ASKING, ANSWERED, SET_UP } state;

void die(const char *why) {
  fprintf(stderr, "receive cost: %s\n", why);
  exit(1);
}

void service_begin(void) {
  pki_cert cert;
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  FILE *recording = tmpfile();
  if (!recording) die("no temporary file could be made");
  file = fileno(recording);
  pki_make(&cert, NULL, "IP:127.0.0.1", 0, 1);
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  if (SSL_CTX_use_certificate(context, cert.x509) != 1 || SSL_CTX_use_PrivateKey(context, cert.key) != 1) die("no certificate");
  server = SSL_new(context);
  from_client = BIO_new(BIO_s_mem());
  to_client = BIO_new(BIO_s_mem());
  SSL_set_bio(server, from_client, to_client);
  SSL_set_accept_state(server);
}

static void record(void) {
  char *data;
  long size = BIO_get_mem_data(to_client, &data);
  if (size > 0 && pwrite(file, data, (size_t)size, written) != size) die("the recording could not be written");
  written += size;
  (void)BIO_reset(to_client);
}

static void say(const void *data, size_t size) {
  if (SSL_write(server, data, (int)size) != (int)size) die("the server could not write");
}

static void answer(void) {
  static const char name[] = "Sec-WebSocket-Key: ", complete[] = "\x82\x14{\"setupComplete\":{}}";
  if (state == ANSWERED) {
    say(complete, sizeof complete - 1);
    state = SET_UP;
  }
  if (state != ASKING || !strstr(request, "\r\n\r\n")) return;
  const char *key = strstr(request, name);
  buf out;
  buf_init(&out, REQUEST_MAX);
  if (!key || ws_response_write(&out, key + sizeof name - 1, 24, NULL, 0, NULL)) die("the upgrade could not be answered");
  say(out.data, out.size);
  buf_deinit(&out);
  state = ANSWERED;
}

void service_take(const void *data, size_t size) {
  BIO_write(from_client, data, (int)size);
  if (SSL_is_init_finished(server) || SSL_do_handshake(server) == 1) {
    int n = SSL_read(server, request + request_size, (int)(sizeof request - 1 - request_size));
    if (n > 0) {
      request_size += state == ASKING ? (size_t)n : 0; /* the setup is not looked at */
      answer();
    }
  }
  record();
}

size_t service_pour(long messages) {
  size_t size, frame = 0;
  char *message = peer_audio_message(SERVICE_PCM_SIZE, &size);
  unsigned char *batch = malloc((size + WS_HEADER_MAX) * FRAMES_PER_WRITE);
  for (int i = 0; i < FRAMES_PER_WRITE; i++) {
    unsigned char *at = batch + (size_t)i * frame;
    size_t header = ws_header_write(at, WS_BINARY, true, size, NULL);
    memcpy(at + header, message, size);
    frame = header + size;
  }
  for (long left = messages; left > 0; left -= FRAMES_PER_WRITE) {
    say(batch, frame * (size_t)(left < FRAMES_PER_WRITE ? left : FRAMES_PER_WRITE));
    record();
  }
  free(batch);
  free(message);
  return frame * (size_t)messages;
}

ssize_t service_read(void *to, size_t size) { return read(file, to, size); }

int service_fd(void) { return file; }
