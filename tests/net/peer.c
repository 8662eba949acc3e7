#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
  int listener, port;
  atomic_bool stopping;
  SSL_CTX *context;
  void (*serve)(peer_io *io, void *argument);
  void *argument;
  pthread_t thread;
};

static void serve_one(peer *p, int fd) {
  peer_io io = {.fd = fd};
  bool fine = true;
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (p->context) {
    io.ssl = SSL_new(p->context);
    SSL_set_fd(io.ssl, fd);
    fine = SSL_accept(io.ssl) == 1;
  }
  if (fine) p->serve(&io, p->argument);
  SSL_free(io.ssl);
  if (io.fd >= 0) close(io.fd);
}

static void *accept_all(void *argument) {
  peer *p = argument;
  sigset_t pipe; /* a peer is a peer, not what is tested */
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, NULL);
  for (;;) {
    int fd = accept(p->listener, NULL, NULL);
    if (p->stopping) {
      if (fd >= 0) close(fd);
      return NULL;
    }
    if (fd >= 0) serve_one(p, fd);
  }
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

peer *peer_new(void (*serve)(peer_io *io, void *argument), void *argument, const pki_cert *cert) {
  peer *p = calloc(1, sizeof *p);
  struct sockaddr_in a = loopback(0);
  socklen_t size = sizeof a;
  p->serve = serve;
  p->argument = argument;
  p->listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(p->listener, (struct sockaddr *)&a, size) || listen(p->listener, 64)) abort();
  getsockname(p->listener, (struct sockaddr *)&a, &size);
  p->port = ntohs(a.sin_port);
  if (cert) {
    p->context = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate(p->context, cert->x509) != 1 || SSL_CTX_use_PrivateKey(p->context, cert->key) != 1)
      abort();
  }
  if (pthread_create(&p->thread, NULL, accept_all, p)) abort();
  return p;
}

int peer_port(const peer *p) { return p->port; }

void peer_free(peer *p) {
  struct sockaddr_in a = loopback(p->port);
  p->stopping = true;
  int fd = socket(AF_INET, SOCK_STREAM, 0); /* wakes accept */
  if (connect(fd, (struct sockaddr *)&a, sizeof a)) abort();
  pthread_join(p->thread, NULL);
  close(fd);
  close(p->listener);
  SSL_CTX_free(p->context);
  free(p);
}

size_t peer_read_some(peer_io *io, void *out, size_t size) {
  ssize_t n = io->ssl ? SSL_read(io->ssl, out, (int)size) : read(io->fd, out, size);
  return n > 0 ? (size_t)n : 0;
}

bool peer_read(peer_io *io, void *out, size_t size) {
  for (size_t n, at = 0; at < size; at += n)
    if (!(n = peer_read_some(io, (char *)out + at, size - at))) return false;
  return true;
}

bool peer_write(peer_io *io, const void *data, size_t size) {
  size_t most = io->piece ? io->piece : 1 << 20;
  for (size_t at = 0; at < size;) {
    int part = (int)(size - at < most ? size - at : most);
    ssize_t n = io->ssl ? SSL_write(io->ssl, (const char *)data + at, part)
                        : write(io->fd, (const char *)data + at, (size_t)part);
    if (n <= 0) return false;
    at += (size_t)n;
  }
  return true;
}

bool peer_text(peer_io *io, const char *text) { return peer_write(io, text, strlen(text)); }

void peer_reset(peer_io *io) {
  struct linger l = {1, 0};
  setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
  close(io->fd);
  io->fd = -1;
}

void peer_drain(peer_io *io) {
  char buffer[65536];
  while (peer_read_some(io, buffer, sizeof buffer)) {}
}

bool peer_read_head(peer_io *io, char *head, size_t size) {
  for (size_t n = 0; n + 1 < size; n++) {
    if (!peer_read(io, head + n, 1)) return false;
    head[n + 1] = '\0';
    if (n >= 3 && !memcmp(head + n - 3, "\r\n\r\n", 4)) return true;
  }
  return false;
}

bool peer_upgrade_answer(const char *head, char *out, size_t size) {
  static const char name[] = "\r\nSec-WebSocket-Key: ";
  char text[128], accepted[64];
  unsigned char digest[20];
  const char *key = strstr(head, name);
  if (!key) return false;
  snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + strlen(name));
  SHA1((unsigned char *)text, strlen(text), digest);
  EVP_EncodeBlock((unsigned char *)accepted, digest, 20);
  snprintf(out, size,
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
           "%s\r\n\r\n",
           accepted);
  return true;
}

bool peer_upgrade(peer_io *io) {
  char head[8192], answer[256];
  return peer_read_head(io, head, sizeof head) && peer_upgrade_answer(head, answer, sizeof answer) && peer_text(io, answer);
}

bool peer_frame(peer_io *io, uint8_t first, const void *data, size_t size) {
  uint8_t *frame = malloc(size + 10);
  size_t n = 0;
  frame[n++] = first;
  if (size < 126) {
    frame[n++] = (uint8_t)size;
  } else if (size < 65536) {
    frame[n++] = 126, frame[n++] = (uint8_t)(size >> 8), frame[n++] = (uint8_t)size;
  } else {
    frame[n++] = 127;
    for (int shift = 56; shift >= 0; shift -= 8) frame[n++] = (uint8_t)((uint64_t)size >> shift);
  }
  if (size) memcpy(frame + n, data, size);
  bool fine = peer_write(io, frame, n + size);
  free(frame);
  return fine;
}

int peer_read_frame(peer_io *io, void *out, size_t *size) {
  uint8_t first, head[14], *data = out;
  if (!peer_read(io, head, 2) || !(head[1] & 0x80)) return -1;
  uint64_t length = head[1] & 127;
  first = head[0];
  if (length >= 126) {
    size_t n = length == 126 ? 2 : 8;
    if (!peer_read(io, head + 2, n)) return -1;
    length = 0;
    for (size_t i = 0; i < n; i++) length = length << 8 | head[2 + i];
  }
  if (length > *size || !peer_read(io, head, 4)) return -1;
  uint8_t mask[4];
  memcpy(mask, head, 4);
  *size = (size_t)length;
  if (!peer_read(io, data, *size)) return -1;
  for (size_t i = 0; i < *size; i++) data[i] ^= mask[i & 3];
  return first;
}
