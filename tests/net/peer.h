/* Odd peers: blocking servers on threads of their own, over plain sockets or OpenSSL, independent of what they test. */
#ifndef GENAI_TESTS_NET_PEER_H
#define GENAI_TESTS_NET_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pki.h"

typedef struct peer peer;
typedef struct peer_io {
  int fd;
  SSL *ssl;     /* NULL: plain */
  size_t piece; /* the most that one write sends; 0: any size */
} peer_io;

/* Serves one connection after the other on 127.0.0.1 with `serve`, which may return at any time: the connection is then
 * closed. With a certificate: over TLS. */
peer *peer_new(void (*serve)(peer_io *io, void *argument), void *argument, const pki_cert *cert);
int peer_port(const peer *p);
void peer_free(peer *p); /* ends the server when its connections have ended */

size_t peer_read_some(peer_io *io, void *out, size_t size); /* 0: the end */
bool peer_read(peer_io *io, void *out, size_t size);        /* all of it */
bool peer_write(peer_io *io, const void *data, size_t size);
bool peer_text(peer_io *io, const char *text);
void peer_reset(peer_io *io); /* ends with an RST */
void peer_drain(peer_io *io); /* reads until the end */

/* Reads a request's head and its Sec-WebSocket-Key. */
bool peer_read_head(peer_io *io, char *head, size_t size);
/* Accepts an upgrade with the value that RFC 6455 wants. */
bool peer_upgrade(peer_io *io);
/* That answer alone, to the request whose head this is; false when the head has no key. */
bool peer_upgrade_answer(const char *head, char *out, size_t size);
/* Sends a frame without a mask; fin and opcode are the first byte. */
bool peer_frame(peer_io *io, uint8_t first, const void *data, size_t size);
/* Reads a frame (checking that it is masked) into `out`; its opcode with fin, or -1. *size: room, then payload. */
int peer_read_frame(peer_io *io, void *out, size_t *size);

#endif
