/* A byte stream over TCP and, when a net_tls is given, TLS: either end. Resolving, happy eyeballs (RFC 8305) and the
 * handshake are part of it. Loop thread only.
 *
 * Reads arrive in the loop's shared scratch; writes are encrypted into one buffer that is flushed once a loop turn.
 * Bytes encrypted but not taken by the kernel stay under 32 KB (net_stream_write takes no more than fits). */
#ifndef GENAI_SRC_NET_STREAM_H
#define GENAI_SRC_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "genai/base.h"
#include "net/loop.h"
#include "net/proxy.h"
#include "net/tls.h"

typedef struct net_stream net_stream;

typedef struct net_stream_events {
  /* Connected and, with TLS, through the handshake. */
  void (*ready)(void *user);
  /* Plain bytes; may be modified. Return how many were consumed: fewer than size pauses reading until
   * net_stream_resume, and the rest is handed out again then. */
  size_t (*data)(void *user, uint8_t *data, size_t size);
  /* NULL, or asked before a read: a place for at most *size of the next plain bytes, as ws_decoder_room gives it, so
   * that large messages are not copied twice. When bytes came `room_filled` follows, returning false to have reading
   * paused. */
  uint8_t *(*room)(void *user, size_t *size);
  bool (*room_filled)(void *user, size_t size);
  /* net_stream_write can take bytes again after it took fewer than offered. */
  void (*writable)(void *user);
  /* The end, exactly once, the last call: status GENAI_OK after an orderly end of the peer (TLS close_notify, or FIN on
   * a plain stream) or after net_stream_close; otherwise what happened, in a whole sentence with host and port. */
  void (*end)(void *user, const genai_error *error);
} net_stream_events;

typedef struct net_stream_target {
  const char *host;           /* name or address, no brackets */
  int port;
  net_tls *tls;               /* NULL: plain */
  const char *tls_name;       /* name to verify and to send as SNI; NULL: host */
  const net_proxy *proxy;     /* to go through; NULL or of kind NET_PROXY_NONE: direct. Copied */
} net_stream_target;

/* Starts to connect; everything further is reported by events (never from inside this call). Strings are copied. */
genai_status net_stream_connect(net_stream **stream, net_loop *loop, const net_stream_target *target,
                                const net_stream_events *events, void *user, genai_error *error);

/* Writes as many plain bytes as may be buffered now; returns how many were taken (0..size). When fewer than size,
 * `writable` will be called. */
size_t net_stream_write(net_stream *stream, const void *data, size_t size);
/* The same without a copy: where the next plain bytes may be put, *size being set to how many (NULL and 0 when it is
 * full or memory is out: `writable` will be called); then net_stream_commit says how many were. */
uint8_t *net_stream_room(net_stream *stream, size_t *size);
void net_stream_commit(net_stream *stream, size_t size);
/* Whether nothing written is still waiting for the kernel. */
bool net_stream_flushed(const net_stream *stream);
void net_stream_pause(net_stream *stream);    /* no more `data` until resume */
void net_stream_resume(net_stream *stream);
/* Sends what was written, then close_notify and FIN; `end` follows when the peer has ended too or after 1 s. */
void net_stream_close(net_stream *stream);
/* Drops the connection at once (reset: by RST instead of FIN); `end` is NOT called any more. Safe inside any event. */
void net_stream_abort(net_stream *stream, bool reset);
/* What the stream was doing, for error sentences: "resolving", "connecting", "in the TLS handshake", "connected". */
const char *net_stream_phase(const net_stream *stream);

/* The listening side. Each accepted stream must be given its events inside `accepted`, by net_stream_adopt. */
typedef struct net_listener net_listener;
genai_status net_listener_new(net_listener **listener, net_loop *loop, const char *host, int port, net_tls *tls,
                              void (*accepted)(void *user, net_stream *stream), void *user, genai_error *error);
int net_listener_port(const net_listener *listener); /* the port in use, also when 0 was asked for */
void net_listener_free(net_listener *listener);      /* takes NULL; accepted streams live on */
void net_stream_adopt(net_stream *stream, const net_stream_events *events, void *user);

#endif
