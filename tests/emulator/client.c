#include "client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>

#ifndef MSG_NOSIGNAL /* older macOS */
#define MSG_NOSIGNAL 0
#endif

static void start_tls(client *c, const char *ca_pem) {
  BIO *bio = BIO_new_mem_buf(ca_pem, -1);
  X509 *ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);
  assert_non_null(ca);
  c->context = SSL_CTX_new(TLS_client_method());
  X509_STORE_add_cert(SSL_CTX_get_cert_store(c->context), ca);
  SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, NULL);
  X509_free(ca);
  BIO_free(bio);
  c->ssl = SSL_new(c->context);
  SSL_set1_host(c->ssl, "localhost");
  SSL_set_fd(c->ssl, c->fd);
  if (SSL_connect(c->ssl) != 1) fail_msg("no TLS: %s", X509_verify_cert_error_string(SSL_get_verify_result(c->ssl)));
}

/* Fewer bytes than asked for at the end of the connection; fails the test at the deadline. */
static size_t receive(client *c, void *data, size_t size) {
  size_t got = 0;
  while (got < size) {
    char *to = (char *)data + got;
    ssize_t n = c->ssl ? SSL_read(c->ssl, to, (int)(size - got)) : recv(c->fd, to, size - got, 0);
    if (n <= 0) break;
    got += (size_t)n;
  }
  return got;
}

void client_write(client *c, const void *data, size_t size) {
  while (size) {
    ssize_t n = c->ssl ? SSL_write(c->ssl, data, (int)size) : send(c->fd, data, size, MSG_NOSIGNAL);
    if (n <= 0) return; /* the reads tell */
    data = (const char *)data + n;
    size -= (size_t)n;
  }
}

void client_finish(client *c) {
  size_t used = 0;
  while (used < sizeof c->head - 1 && !strstr(c->head, "\r\n\r\n")) {
    if (!receive(c, c->head + used, 1)) break;
    c->head[++used] = '\0';
  }
  if (used) assert_int_equal(sscanf(c->head, "HTTP/1.1 %d", &c->status), 1);
  if (c->status != 101) c->head[used + receive(c, c->head + used, sizeof c->head - 1 - used)] = '\0';
}

void client_begin(client *c, int port, const char *ca_pem, const char *request) {
  *c = (client){.fd = socket(AF_INET, SOCK_STREAM, 0)};
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct timeval deadline = {.tv_sec = 20};
  setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  assert_int_equal(connect(c->fd, (struct sockaddr *)&address, sizeof address), 0);
  if (ca_pem) start_tls(c, ca_pem);
  client_write(c, request, strlen(request));
}

void client_open(client *c, int port, const char *ca_pem, const char *path, const char *headers) {
  char request[4096];
  snprintf(request, sizeof request,
           "GET %s HTTP/1.1\r\nHost: localhost:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n%s\r\n",
           path, port, headers ? headers : "");
  client_begin(c, port, ca_pem, request);
  client_finish(c);
  if (c->status == 101) assert_non_null(strstr(c->head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")); /* RFC 6455 section 1.3 */
}

void client_close(client *c) {
  SSL_free(c->ssl);
  SSL_CTX_free(c->context);
  close(c->fd);
  free(c->payload);
  json_decref(c->message);
}

void client_send(client *c, int opcode, const void *data, size_t size) {
  unsigned char *frame = malloc(size + 14), mask[4] = {0x12, 0x34, 0x56, 0x78};
  size_t used = 2;
  frame[0] = (unsigned char)(0x80 | opcode);
  if (size < 126) {
    frame[1] = (unsigned char)(0x80 | size);
  } else {
    int bytes = size < 65536 ? 2 : 8;
    frame[1] = (unsigned char)(0x80 | (bytes == 2 ? 126 : 127));
    while (bytes--) frame[used++] = (unsigned char)((unsigned long long)size >> (8 * bytes));
  }
  memcpy(frame + used, mask, 4);
  used += 4;
  for (size_t i = 0; i < size; i++) frame[used + i] = ((const unsigned char *)data)[i] ^ mask[i % 4];
  client_write(c, frame, used + size);
  free(frame);
}

void client_send_text(client *c, const char *text) { client_send(c, 1, text, strlen(text)); }

/* Reads a frame behind the c->size bytes of payload so far; its first byte, or -1 at the end. */
static int read_frame(client *c) {
  unsigned char head[10];
  if (receive(c, head, 2) != 2) return -1;
  assert_int_equal(head[0] & 0x70, 0); /* no extension */
  assert_int_equal(head[1] & 0x80, 0); /* a server does not mask */
  size_t size = head[1], more = size == 126 ? 2 : size == 127 ? 8 : 0;
  if (receive(c, head + 2, more) != more) return -1;
  for (size_t i = 0; i < more; i++) size = (i ? size << 8 : 0) | head[2 + i];
  c->payload = realloc(c->payload, c->size + size + 1);
  if (receive(c, c->payload + c->size, size) != size) return -1;
  c->size += size;
  c->payload[c->size] = '\0';
  return head[0];
}

int client_read(client *c) {
  c->size = 0;
  int first = read_frame(c), next = first;
  for (c->frames = 1; next >= 0 && !(next & 0x80); c->frames++) {
    assert_true(c->splits);
    next = read_frame(c);
    assert_true(next < 0 || !(next & 15));
  }
  if (next < 0) return c->opcode = 0;
  c->opcode = first & 15;
  if (c->opcode == 8) c->close_code = c->size < 2 ? 1005 : c->payload[0] << 8 | c->payload[1];
  return c->opcode;
}

json_t *client_expect(client *c) {
  int opcode = client_read(c);
  if (opcode == 8) fail_msg("closed: %d %s", c->close_code, c->payload + 2);
  assert_int_equal(opcode, 2);
  json_decref(c->message);
  c->message = json_loads((char *)c->payload, 0, NULL);
  assert_non_null(c->message);
  return c->message;
}
