#include <openssl/err.h>
#include <string.h>

#include "net/socket.h"
#include "net/stream_private.h"

/* One turn's share of a stream: then the others' turn comes. */
enum { READS_PER_TURN = 4, RECORDS_PER_READ = 64, READ_MAX = 1 << 30 };

static bool wants(const net_stream *s) {
  return s->state == STREAM_HANDSHAKE || (s->state == STREAM_OPEN && !s->paused);
}

static void out_of_memory(net_stream *s) {
  genai_error error = {0};
  error_memory(&error);
  stream_finish(s, &error);
}

/* Whether input waits that no event of the socket will announce. */
static bool has_rest(const net_stream *s) { return s->held.size || (s->ssl && SSL_pending(s->ssl) > 0); }

/* Hands plain bytes to the user; the rest of what it did not take. */
static size_t hand_out(net_stream *s, uint8_t *data, size_t size) {
  size_t taken = s->events->data(s->user, data, size);
  if (taken < size) s->paused = true;
  return size - taken;
}

static uint8_t *room(net_stream *s, size_t *size) {
  *size = NET_RECEIVE_SIZE; /* one read's share */
  return s->events->room && s->state == STREAM_OPEN ? s->events->room(s->user, size) : NULL;
}

static void room_filled(net_stream *s, size_t size) {
  if (!s->events->room_filled(s->user, size)) s->paused = true;
}

/* ---- TLS ---- */

static void handshake(net_stream *s) {
  ERR_clear_error();
  int r = SSL_do_handshake(s->ssl);
  int why = r == 1 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, r);
  stream_touch(s);
  if (r == 1) {
    s->state = STREAM_OPEN;
    s->events->ready(s->user);
  } else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
    genai_error error = {0};
    tls_explain(s->ssl, true, s->host, s->port, &error);
    stream_finish(s, &error);
  }
}

/* Decrypts into the user's room or, record by record, into the loop's scratch, which is handed out when it is full or
 * the input used up. False when there is no more to be had now. */
static bool decrypt(net_stream *s, unsigned *records) {
  size_t size = 0, filled = 0;
  uint8_t *to = room(s, &size);
  if (s->state == STREAM_ENDED) return false;
  bool direct = to != NULL;
  if (!direct) {
    to = s->loop->plain;
    size = sizeof s->loop->plain;
  }
  int why = SSL_ERROR_NONE;
  ERR_clear_error();
  while (filled < size && *records) {
    size_t want = size - filled < READ_MAX ? size - filled : READ_MAX;
    int n = SSL_read(s->ssl, to + filled, (int)want);
    if (n <= 0) {
      why = SSL_get_error(s->ssl, n);
      break;
    }
    filled += (size_t)n;
    --*records;
  }
  genai_error error = {0};
  bool failed = why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE;
  if (failed && why != SSL_ERROR_ZERO_RETURN) tls_explain(s->ssl, false, s->host, s->port, &error);
  if (s->wire.out.size) stream_touch(s); /* an alert, or the answer to a key update */
  if (filled && direct) {
    room_filled(s, filled);
  } else if (filled) {
    size_t rest = hand_out(s, to, filled);
    if (s->state == STREAM_OPEN && rest && !buf_append(&s->held_plain, to + filled - rest, rest)) {
      out_of_memory(s);
      return false;
    }
  }
  if (failed && s->state == STREAM_OPEN && !s->held_plain.size) {
    stream_finish(s, &error);
    return false;
  }
  return why == SSL_ERROR_NONE;
}

static void feed_tls(net_stream *s, const uint8_t *data, size_t size) {
  unsigned records = RECORDS_PER_READ;
  s->wire.in = data;
  s->wire.in_size = size;
  bool more = true;
  while (more && records && wants(s)) {
    if (s->state == STREAM_HANDSHAKE) {
      handshake(s);
      more = s->state == STREAM_OPEN;
    } else {
      more = decrypt(s, &records);
    }
  }
  /* 9 KB of the 26 KB that an idle session holds; SSL_MODE_RELEASE_BUFFERS leaves a buffer where a read found nothing. */
  if (s->state == STREAM_OPEN && !s->wire.in_size) SSL_free_buffers(s->ssl);
}

/* ---- both ---- */

/* Takes bytes of the socket as far as they are wanted; returns how many were used. */
static size_t feed(net_stream *s, uint8_t *data, size_t size) {
  if (!s->tls) return size - hand_out(s, data, size);
  feed_tls(s, data, size);
  return size - s->wire.in_size;
}

static void alloc_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  net_stream *s = handle->data;
  (void)suggested;
  size_t size = 0;
  uint8_t *to = s->tls ? NULL : room(s, &size);
  s->room_given = to != NULL;
  if (size > READ_MAX) size = READ_MAX; /* a uv_buf_t's size may be an unsigned */
  *out = to ? uv_buf_init((char *)to, (unsigned)size) : uv_buf_init((char *)s->loop->receive, NET_RECEIVE_SIZE);
}

static void ended_by_peer(net_stream *s) {
  genai_error error = {0};
  if (s->state == STREAM_HANDSHAKE)
    tls_explain_eof(s->ssl, s->host, s->port, &error);
  else if (s->state == STREAM_OPEN && s->tls)
    error_set(&error, GENAI_ERROR_LOST, "The connection to %s port %d was lost: it ended without a TLS close.", s->host,
              s->port);
  stream_finish(s, &error);
}

static void received(uv_stream_t *tcp, ssize_t n, const uv_buf_t *data) {
  net_stream *s = tcp->data;
  if (n == 0 || s->state == STREAM_ENDED) return;
  if (n == UV_EOF) n = s->write_error ? s->write_error : net_socket_error(s->tcp); /* each error is told once */
  if (n < 0) stream_lost(s, (int)n);
  else if (n == 0) ended_by_peer(s);
  if (n <= 0 || s->state == STREAM_CLOSING) return;
  if (s->room_given) {
    room_filled(s, (size_t)n);
  } else {
    size_t used = feed(s, (uint8_t *)data->base, (size_t)n);
    if ((s->state == STREAM_OPEN || s->state == STREAM_HANDSHAKE) && used < (size_t)n &&
        !buf_append(&s->held, data->base + used, (size_t)n - used)) {
      out_of_memory(s);
      return;
    }
  }
  if (s->state != STREAM_OPEN && s->state != STREAM_HANDSHAKE) return;
  stream_budget(s);
  if (!wants(s)) {
    stream_read_stop(s);
  } else if (has_rest(s) || ++s->turn_reads >= READS_PER_TURN) {
    stream_read_stop(s);
    net_loop_post(s->loop, &s->again);
  }
}

void stream_read_stop(net_stream *s) {
  if (s->reading) uv_read_stop((uv_stream_t *)s->tcp);
  s->reading = false;
}

static void read_start(net_stream *s) {
  if (s->reading) return;
  int failed = uv_read_start((uv_stream_t *)s->tcp, alloc_buffer, received);
  if (failed) stream_lost(s, failed);
  else s->reading = true;
}

/* What was decrypted before the pause, then what OpenSSL and `held` still have. False: no more is wanted, or the turn's
 * share is used up. */
static bool drain(net_stream *s) {
  if (s->held_plain.size && wants(s)) {
    size_t rest = hand_out(s, s->held_plain.data, s->held_plain.size);
    if (s->state != STREAM_OPEN) return false;
    buf_consume(&s->held_plain, s->held_plain.size - rest);
    if (!rest) buf_deinit(&s->held_plain);
  }
  if (!wants(s)) return false;
  if (s->held.size || s->tls) {
    size_t used = feed(s, s->held.data, s->held.size);
    if (s->state != STREAM_OPEN && s->state != STREAM_HANDSHAKE) return false;
    buf_consume(&s->held, used);
    if (!s->held.size) buf_deinit(&s->held);
    if (has_rest(s)) {
      if (wants(s)) net_loop_post(s->loop, &s->again);
      return false;
    }
  }
  return wants(s);
}

void stream_read_more(net_stream *s) {
  if (s->state == STREAM_CLOSING || (!s->reading && wants(s) && drain(s))) read_start(s);
}

void net_stream_pause(net_stream *s) {
  if (s->state == STREAM_CLOSING || s->state == STREAM_ENDED) return;
  s->paused = true;
  if (s->state == STREAM_OPEN) stream_read_stop(s);
}

void net_stream_resume(net_stream *s) {
  if (!s->paused) return;
  s->paused = false;
  net_loop_post(s->loop, &s->again);
}
