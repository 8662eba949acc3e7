/* TLS as bytes in and bytes out: the stream moves the bytes, this explains what went wrong. */
#ifndef GENAI_SRC_NET_TLS_PRIVATE_H
#define GENAI_SRC_NET_TLS_PRIVATE_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/tls.h"

/* Between OpenSSL and the socket: what it may read now, and what it has written. */
typedef struct tls_wire {
  const uint8_t *in;
  size_t in_size;
  buf out;
  const char *name; /* of the peer, as verified; with the port the key of its session */
  int port;
} tls_wire;

/* A connection over `wire`, which must outlive it. A client offers the peer's last session again. */
SSL *tls_start(net_tls *tls, tls_wire *wire, genai_error *error);
/* The sentence for a failed SSL_do_handshake, SSL_read or SSL_write (whose SSL_get_error was not a WANT). */
genai_status tls_explain(SSL *ssl, bool handshake, const char *host, int port, genai_error *error);
/* The same when the peer ended TCP in the middle of the handshake. */
genai_status tls_explain_eof(SSL *ssl, const char *host, int port, genai_error *error);

/* ---- tls_session.c: sessions to resume, kept by a client's context ---- */

typedef struct tls_sessions tls_sessions;
tls_sessions *tls_sessions_new(void); /* NULL when memory is out */
void tls_sessions_free(tls_sessions *sessions);
/* Takes the session over. */
void tls_sessions_put(tls_sessions *sessions, const char *name, int port, SSL_SESSION *session);
/* NULL, or the caller's. */
SSL_SESSION *tls_sessions_take(tls_sessions *sessions, const char *name, int port);

#endif
