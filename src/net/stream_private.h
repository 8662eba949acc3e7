/* The inside of a stream, shared by its three files: life (stream.c), reading and writing. */
#ifndef GENAI_SRC_NET_STREAM_PRIVATE_H
#define GENAI_SRC_NET_STREAM_PRIVATE_H

#include <uv.h>

#include "net/dialer.h"
#include "net/loop_private.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/tls_private.h"

typedef enum stream_state {
  STREAM_DIALING,   /* resolving and connecting */
  STREAM_HANDSHAKE,
  STREAM_OPEN,
  STREAM_CLOSING,   /* net_stream_close was called: what was written leaves, what comes is dropped */
  STREAM_ENDED      /* reported or aborted; memory waits for libuv */
} stream_state;

struct net_stream {
  net_loop *loop;
  const net_stream_events *events;
  void *user;
  stream_state state;
  net_tls *tls;
  SSL *ssl;
  tls_wire wire;      /* wire.out: bytes for the socket, encrypted or plain */
  net_dial *dial;
  uv_tcp_t *tcp;
  uv_timer_t timer;   /* of the close */
  net_turn turn;
  net_task again;     /* what is left goes on in the next turn, after the other streams */
  unsigned handles;   /* of libuv, not closed yet */
  uint64_t turn_seen; /* the loop turn that the budgets below belong to */
  unsigned turn_reads, turn_flushes;

  bool paused;        /* by its user */
  bool reading;       /* uv_read_start is in force */
  bool room_given;    /* a plain read goes into the user's room */
  buf held;           /* as read from the socket, while paused or over the budget */
  buf held_plain;     /* decrypted, while paused */

  buf plain;          /* to be encrypted at the end of the turn */
  buf writing;        /* what uv_write has of the socket's bytes */
  uv_write_t write;
  uv_shutdown_t shutdown;
  int write_error;    /* of libuv: the peer takes no more */
  bool want_writable, out_of_memory;
  bool ready_due;     /* `ready` is to be called at the end of the turn */
  bool said_bye, shut; /* close_notify is written; FIN is asked for */
  bool ending;        /* stream_finish is under way */

  char *host;         /* for sentences */
  int port;
  char names[];       /* what host and wire.name point to */
};

enum { STREAM_WRITE_MAX = 32 * 1024 }; /* plain, encrypted and under way: all that the kernel has not taken */

/* stream.c: a stream without a connection, names copied. */
net_stream *stream_new(net_loop *loop, net_tls *tls, const char *host, int port, const char *tls_name);
/* Takes over a connection. */
void stream_attach(net_stream *s, uv_tcp_t *tcp);
/* TLS begins, or the stream is ready. */
void stream_begin(net_stream *s);
/* Reports the end and lets go of everything. Not from inside a call of the user's. */
void stream_finish(net_stream *s, const genai_error *error);
/* The end by a libuv error of the connection. */
void stream_lost(net_stream *s, int code);
/* While closing: the peer took something, so it gets another second. */
void stream_close_progress(net_stream *s);
/* Something is to be done at the end of the turn. */
void stream_touch(net_stream *s);
/* Starts the turn's budgets anew in a new turn. */
void stream_budget(net_stream *s);

/* stream_read.c */
void stream_read_more(net_stream *s);   /* what was held back, then the socket */
void stream_read_stop(net_stream *s);

/* stream_write.c */
void stream_flush(net_stream *s);       /* encrypts, then stream_push */
void stream_push(net_stream *s);        /* hands encrypted bytes to the kernel as far as it takes them */
void stream_say_bye(net_stream *s);     /* encrypts the rest and, with TLS, a close_notify */
void stream_write_deinit(net_stream *s);

#endif
