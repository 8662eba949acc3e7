#include "bench/peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/peer_link.h"

enum { FRAMES_PER_WRITE = 16, READ_SIZE = 256 * 1024, STACK_SIZE = 256 * 1024 };

static SSL_CTX *context;

int peer_put(link_end *l, const void *data, size_t size) {
  for (size_t done = 0; done < size;) {
    const char *rest = (const char *)data + done;
    ssize_t n = l->ssl ? SSL_write(l->ssl, rest, (int)(size - done)) : write(l->fd, rest, size - done);
    if (n <= 0) return -1;
    done += (size_t)n;
  }
  return 0;
}

ssize_t peer_get(link_end *l, void *data, size_t size) {
  return l->ssl ? SSL_read(l->ssl, data, (int)size) : read(l->fd, data, size);
}

/* ---- a certificate of its own ---- */

static EVP_PKEY *make_certificate(X509 **certificate) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *x = X509_new();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -60);
  X509_gmtime_adj(X509_getm_notAfter(x), 86400);
  X509_set_pubkey(x, key);
  X509_NAME *name = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench peer", -1, -1, 0);
  X509_set_issuer_name(x, name);
  X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  X509_add_ext(x, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(x, key, EVP_sha256());
  *certificate = x;
  return key;
}

/* ---- messages ---- */

char *peer_audio_message(size_t pcm_size, size_t *size) {
  static const char before[] = "{\n  \"serverContent\": {\n    \"modelTurn\": {\n      \"parts\": [\n        {\n          \"inlineData\": {\n"
                               "            \"mimeType\": \"audio/pcm;rate=24000\",\n            \"data\": \"";
  static const char after[] = "\"\n          }\n        }\n      ]\n    }\n  }\n}\n";
  unsigned char *pcm = malloc(pcm_size);
  char *text = malloc(sizeof before + sizeof after + pcm_size / 3 * 4 + 8);
  uint32_t seed = 12345;
  for (size_t i = 0; i < pcm_size; i++) pcm[i] = (unsigned char)((seed = seed * 1664525 + 1013904223) >> 24);
  memcpy(text, before, sizeof before - 1);
  size_t at = sizeof before - 1;
  at += (size_t)EVP_EncodeBlock((unsigned char *)text + at, pcm, (int)pcm_size);
  memcpy(text + at, after, sizeof after);
  *size = at + sizeof after - 1;
  free(pcm);
  return text;
}

size_t peer_frame_header(unsigned char *out, int opcode, size_t size) {
  out[0] = (unsigned char)(0x80 | opcode);
  if (size < 126) {
    out[1] = (unsigned char)size;
    return 2;
  }
  int bytes = size < 65536 ? 2 : 8;
  out[1] = size < 65536 ? 126 : 127;
  for (int i = 0; i < bytes; i++) out[2 + i] = (unsigned char)((uint64_t)size >> 8 * (bytes - 1 - i));
  return 2 + (size_t)bytes;
}

static int pour(link_end *l, long count, size_t pcm_size) {
  size_t size;
  char *message = peer_audio_message(pcm_size, &size);
  unsigned char *batch = malloc((size + PEER_HEADER_MAX) * FRAMES_PER_WRITE);
  size_t frame = 0;
  for (int i = 0; i < FRAMES_PER_WRITE; i++) {
    unsigned char *at = batch + (size_t)i * frame;
    size_t header = peer_frame_header(at, 2, size);
    memcpy(at + header, message, size);
    frame = header + size;
  }
  int failed = 0;
  for (long left = count; left > 0 && !failed; left -= FRAMES_PER_WRITE)
    failed = peer_put(l, batch, frame * (size_t)(left < FRAMES_PER_WRITE ? left : FRAMES_PER_WRITE));
  free(batch);
  free(message);
  unsigned char close_frame[4] = {0x88, 2, 0x03, 0xE8};
  if (!failed) failed = peer_put(l, close_frame, sizeof close_frame);
  char rest[1024];
  while (!failed && peer_get(l, rest, sizeof rest) > 0) {
  }
  return failed;
}

/* Skips masked frames until the client's close frame, and answers that. With a nap between its reads nobody sleeps for the next
 * one, whom the client's write would have to wake: as when the peer is on another machine. */
static void sink(link_end *l, long nap_ms) {
  const struct timespec nap = {nap_ms / 1000, nap_ms % 1000 * 1000000};
  static const unsigned char close_frame[4] = {0x88, 2, 0x03, 0xE8};
  unsigned char *data = malloc(READ_SIZE), header[14];
  size_t have = 0, need = 2;
  uint64_t left = 0;
  if (nap_ms && l->ssl) SSL_set_read_ahead(l->ssl, 1); /* all that came meanwhile at once */
  for (ssize_t n; (n = peer_get(l, data, READ_SIZE)) > 0;) {
    if (nap_ms && !(l->ssl && SSL_has_pending(l->ssl))) nanosleep(&nap, NULL);
    for (size_t i = 0; i < (size_t)n;) {
      if (left) {
        size_t skip = left < (size_t)n - i ? (size_t)left : (size_t)n - i;
        left -= skip;
        i += skip;
        continue;
      }
      header[have++] = data[i++];
      if (have < need) continue;
      unsigned size = header[1] & 127u;
      need = 6u + (size == 126 ? 2u : size == 127 ? 8u : 0u);
      if (have < need) continue;
      left = size < 126 ? size : 0;
      for (size_t k = 2; k < need - 4; k++) left = left << 8 | header[k];
      if ((header[0] & 15) == 8) {
        peer_put(l, close_frame, sizeof close_frame);
        goto end;
      }
      have = 0;
      need = 2;
    }
  }
end:
  free(data);
}

/* ---- the upgrade ---- */

static int upgrade(link_end *l, char *request, size_t room) {
  size_t used = 0;
  while (!strstr(request, "\r\n\r\n")) {
    ssize_t n = peer_get(l, request + used, room - 1 - used);
    if (n <= 0) return -1;
    request[used += (size_t)n] = '\0';
  }
  char *key = strstr(request, "Sec-WebSocket-Key: ");
  if (!key) return -1;
  char joined[128], answer[256];
  unsigned char digest[EVP_MAX_MD_SIZE], accept[64];
  unsigned int digest_size;
  snprintf(joined, sizeof joined, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
  EVP_Digest(joined, strlen(joined), digest, &digest_size, EVP_sha1(), NULL);
  EVP_EncodeBlock(accept, digest, (int)digest_size);
  int size = snprintf(answer, sizeof answer,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
  return peer_put(l, answer, (size_t)size);
}

/* The client's first message: one masked frame of less than 64 KB. */
static int read_setup(link_end *l, unsigned char *frame, size_t room) {
  size_t used = 0, header = 2, size = 0;
  while (used < header + 4 || used < header + 4 + size) {
    ssize_t n = peer_get(l, frame + used, room - 1 - used);
    if (n <= 0) return -1;
    used += (size_t)n;
    if (used < 4) continue;
    size = frame[1] & 127u;
    header = size == 126 ? 4 : 2;
    if (size == 126) size = (size_t)frame[2] << 8 | frame[3];
  }
  unsigned char mask[4];
  memcpy(mask, frame + header, sizeof mask);
  for (size_t i = 0; i < size; i++) frame[i] = frame[header + 4 + i] ^ mask[i % 4];
  frame[size] = '\0';
  return 0;
}

static void *serve(void *argument) {
  link_end l = {(int)(intptr_t)argument, NULL};
  char request[8192] = "";
  unsigned char setup[8192];
  static const unsigned char complete[] = "\x82\x14{\"setupComplete\":{}}";
  if (context) {
    l.ssl = SSL_new(context);
    SSL_set_fd(l.ssl, l.fd);
    if (SSL_accept(l.ssl) != 1) goto end;
  }
  if (upgrade(&l, request, sizeof request) || read_setup(&l, setup, sizeof setup)) goto end;
  if (peer_put(&l, complete, sizeof complete - 1)) goto end;
  const char *count = strstr((const char *)setup, "pour=");
  const char *size = strstr((const char *)setup, "size="), *talk = strstr((const char *)setup, "talk=");
  const char *nap = strstr((const char *)setup, "nap=");
  size_t pcm_size = size ? (size_t)atol(size + 5) : PEER_PCM_SIZE;
  if (count)
    pour(&l, atol(count + 5), pcm_size);
  else if (talk)
    peer_talk(&l, talk, pcm_size);
  else if (strstr((const char *)setup, "idle"))
    l.fd = -1; /* nobody serves it any more, so that ten thousand cost the machine next to nothing at this end */
  else
    sink(&l, nap ? atol(nap + 4) : 0);
  if (l.ssl && l.fd >= 0) SSL_shutdown(l.ssl);
end:
  SSL_free(l.ssl);
  if (l.fd >= 0) close(l.fd);
  return NULL;
}

static void accept_all(int listener) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, STACK_SIZE);
  for (;;) {
    int fd = accept(listener, NULL, NULL), one = 1;
    pthread_t thread;
    if (fd < 0) continue;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (pthread_create(&thread, &small, serve, (void *)(intptr_t)fd))
      close(fd);
    else
      pthread_detach(thread);
  }
}

/* A benchmark that was killed leaves no peer behind. */
static void *end_with_parent(void *life) {
  char byte;
  while (read((int)(intptr_t)life, &byte, 1) > 0) {
  }
  _exit(0);
}

static int make_context(const char *ca_file) {
  X509 *certificate;
  EVP_PKEY *key = make_certificate(&certificate);
  FILE *file = fopen(ca_file, "w");
  if (!file) return -1;
  PEM_write_X509(file, certificate);
  fclose(file);
  context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  return 0;
}

int peer_start(peer *p, int tls) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), ready[2], life[2];
  pthread_t watch;
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024) ||
      getsockname(listener, (struct sockaddr *)&address, &size) || pipe(ready) ||
      pipe(life)) {
    perror("bench peer");
    return -1;
  }
  p->port = ntohs(address.sin_port);
  p->tls = tls;
  snprintf(p->ca_file, sizeof p->ca_file, "/tmp/genai-bench-%d.pem", p->port);
  p->pid = fork();
  if (p->pid < 0) return -1;
  if (p->pid == 0) {
    signal(SIGPIPE, SIG_IGN);
    close(life[1]);
    if (pthread_create(&watch, NULL, end_with_parent, (void *)(intptr_t)life[0])) _exit(1);
    char byte = tls && make_context(p->ca_file) ? 1 : 0;
    if (write(ready[1], &byte, 1) != 1 || byte) _exit(1);
    accept_all(listener);
  }
  char byte = 1;
  close(listener);
  if (read(ready[0], &byte, 1) != 1) byte = 1;
  close(ready[0]);
  close(ready[1]);
  close(life[0]);
  fcntl(life[1], F_SETFD, FD_CLOEXEC);
  p->life = life[1];
  if (byte) fprintf(stderr, "bench peer: it could not make its certificate\n");
  return byte ? -1 : 0;
}

void peer_stop(peer *p) {
  kill(p->pid, SIGKILL);
  waitpid(p->pid, NULL, 0);
  close(p->life);
  unlink(p->ca_file);
}
