/* What receiving costs in user-space instructions, for callgrind to count: recorded TLS bytes are read by a bare SSL_read loop, or by
 * a whole session (loop, stream, TLS, frames, decoding, inbox, genai_live_receive, audio bytes in hand). Only that is counted.
 *
 *   receive floor|session MESSAGES
 *
 * There are no sockets: the linker puts the functions below in the place of those by which src/net reaches one (--wrap). */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <valgrind/callgrind.h>

#include "genai/live.h"
#include "net/dialer.h"
#include "service.h"

/* ---- a connection that is a file ---- */

static struct wire {
  net_loop *loop;
  uv_tcp_t *tcp;
  net_dialed *dialed;
  void *user;
  uv_alloc_cb alloc;
  uv_read_cb read; /* NULL: nobody reads */
} wire;

genai_status __wrap_net_dial_start(net_dial **dial, net_loop *loop, const net_route *route, net_dialed *done, void *user,
                                   genai_error *error);
int __wrap_uv_read_start(uv_stream_t *stream, uv_alloc_cb alloc, uv_read_cb read);
int __wrap_uv_read_stop(uv_stream_t *stream);
int __wrap_uv_try_write(uv_stream_t *stream, const uv_buf_t *bufs, unsigned count);

/* As libuv does with a readable socket: until a read is not full, 32 at most, or until nobody wants more. */
static void on_readable(net_task *task) {
  (void)task;
  for (int i = 0; i < 32 && wire.read; i++) {
    uv_buf_t to;
    wire.alloc((uv_handle_t *)wire.tcp, 65536, &to);
    ssize_t n = service_read(to.base, to.len);
    if (n > 0) wire.read((uv_stream_t *)wire.tcp, n, &to);
    if (n < (ssize_t)to.len) return;
  }
}

static net_task readable = {.run = on_readable};

static void on_dialed(net_task *task) {
  (void)task;
  wire.dialed(wire.user, wire.tcp, NULL);
}

genai_status __wrap_net_dial_start(net_dial **dial, net_loop *loop, const net_route *route, net_dialed *done, void *user,
                                   genai_error *error) {
  static net_task task = {.run = on_dialed};
  (void)route, (void)error;
  wire = (struct wire){.loop = loop, .tcp = net_tcp_new(loop), .dialed = done, .user = user};
  net_loop_post(loop, &task);
  *dial = NULL;
  return GENAI_OK;
}

int __wrap_uv_read_start(uv_stream_t *stream, uv_alloc_cb alloc, uv_read_cb read) {
  (void)stream;
  wire.alloc = alloc;
  wire.read = read;
  net_loop_post(wire.loop, &readable);
  return 0;
}

int __wrap_uv_read_stop(uv_stream_t *stream) {
  (void)stream;
  wire.read = NULL;
  return 0;
}

int __wrap_uv_try_write(uv_stream_t *stream, const uv_buf_t *bufs, unsigned count) {
  size_t size = 0;
  (void)stream;
  for (unsigned i = 0; i < count; i++) {
    service_take(bufs[i].base, bufs[i].len);
    size += bufs[i].len;
  }
  net_loop_post(wire.loop, &readable);
  return (int)size;
}

/* ---- the two that are compared ---- */

static void count_floor(long messages) {
  static char data[64 * 1024];
  SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, in, out);
  while (SSL_connect(ssl) != 1) {
    char *said;
    long size = BIO_get_mem_data(out, &said);
    if (size <= 0) die("the handshake stands still");
    service_take(said, (size_t)size);
    (void)BIO_reset(out);
    for (ssize_t n; (n = service_read(data, sizeof data)) > 0;) BIO_write(in, data, (int)n);
  }
  char *finished;
  long size = BIO_get_mem_data(out, &finished);
  service_take(finished, (size_t)size);
  size_t left = service_pour(messages);
  SSL_set0_rbio(ssl, BIO_new_fd(service_fd(), BIO_NOCLOSE));
  CALLGRIND_START_INSTRUMENTATION;
  while (left) {
    int n = SSL_read(ssl, data, sizeof data);
    if (n <= 0) die("the recording ends too early");
    left -= (size_t)n;
  }
  CALLGRIND_STOP_INSTRUMENTATION;
}

static void count_session(long messages) {
  genai_client *client;
  genai_live_session *session;
  genai_live_message *message;
  genai_error error = {0};
  genai_client_options options = {.api_key = "cost", .base_url = "https://127.0.0.1:1", .dangerously_skip_certificate_checks = true};
  if (genai_client_new(&client, &options, &error) != GENAI_OK ||
      genai_live_connect(client, &(genai_live_connect_params){.model = "cost"}, &session, NULL, &error) != GENAI_OK)
    die(error.message);
  service_pour(messages);
  size_t bytes = 0;
  CALLGRIND_START_INSTRUMENTATION;
  net_loop_post(wire.loop, &readable);
  for (long i = 0; i < messages; i++) {
    genai_bytes audio;
    if (genai_live_receive(session, &message, NULL, &error) != GENAI_OK) die(error.message);
    for (size_t k = 0; genai_live_message_audio(message, k, &audio); k++) bytes += audio.size;
    genai_live_message_free(message);
  }
  CALLGRIND_STOP_INSTRUMENTATION;
  if (bytes != (size_t)messages * SERVICE_PCM_SIZE) die("the audio bytes are not all there");
}

int main(int argc, char **argv) {
  long messages = argc == 3 ? atol(argv[2]) : 0;
  if (messages < 1 || (strcmp(argv[1], "floor") && strcmp(argv[1], "session"))) die("usage: receive floor|session MESSAGES");
  service_begin();
  if (!strcmp(argv[1], "floor")) count_floor(messages);
  else count_session(messages);
  fflush(NULL);
  _exit(0); /* what was counted is over; there is no connection that could be closed */
}
