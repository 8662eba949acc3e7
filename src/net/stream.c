#include "net/stream.h"

#include <string.h>

#include "base/memory.h"
#include "net/stream_private.h"

enum {
  CLOSE_MS = 1000,         /* for the peer to take what was written, and again to end */
  FLUSHES_PER_TURN = 8,
  HELD_MAX = NET_RECEIVE_SIZE,
  OUT_MAX = 128 * 1024     /* what OpenSSL may add by itself: handshakes, tickets, alerts */
};

/* ---- life ---- */

/* Frees the memory once neither libuv nor the loop knows it any more. */
static void release(net_stream *s) {
  if (s->state != STREAM_ENDED || s->handles || s->turn.queued || s->again.queued) return;
  net_tls_drop(s->tls);
  mem_free(s);
}

static void timer_closed(uv_handle_t *timer) {
  net_stream *s = timer->data;
  s->handles--;
  release(s);
}

static void tcp_closed(uv_handle_t *tcp) {
  net_stream *s = tcp->data;
  net_tcp_closed(tcp);
  s->tcp = NULL;
  s->handles--;
  release(s);
}

static void tear_down(net_stream *s, bool reset) {
  if (s->state == STREAM_ENDED) return;
  s->state = STREAM_ENDED;
  net_dial_abort(s->dial);
  s->dial = NULL;
  SSL_free(s->ssl);
  s->ssl = NULL;
  stream_write_deinit(s);
  buf_deinit(&s->held);
  buf_deinit(&s->held_plain);
  uv_close((uv_handle_t *)&s->timer, timer_closed);
  if (!s->tcp) return;
  if (!reset || uv_tcp_close_reset(s->tcp, tcp_closed)) uv_close((uv_handle_t *)s->tcp, tcp_closed);
}

void net_stream_abort(net_stream *s, bool reset) { tear_down(s, reset); }

void stream_finish(net_stream *s, const genai_error *error) {
  static const genai_error fine;
  const net_stream_events *events = s->events;
  void *user = s->user;
  if (s->state == STREAM_ENDED || s->ending) return;
  s->ending = true;
  if (s->state == STREAM_CLOSING) error = &fine;
  if (s->state == STREAM_OPEN && !error->status) stream_say_bye(s);
  if (s->tcp) stream_push(s); /* the last the peer hears: an alert, a close_notify, an answer to its close frame */
  tear_down(s, false);
  events->end(user, error);
}

void stream_lost(net_stream *s, int code) {
  genai_error error = {0};
  if (code == UV_ENOMEM) error_memory(&error);
  else if (s->state == STREAM_HANDSHAKE)
    net_error_uv(&error, GENAI_ERROR_TLS, code, "The TLS handshake with %s port %d failed", s->host, s->port);
  else net_error_uv(&error, GENAI_ERROR_LOST, code, "The connection to %s port %d was lost", s->host, s->port);
  stream_finish(s, &error);
}

/* ---- the end of a turn ---- */

void stream_budget(net_stream *s) {
  if (s->turn_seen == s->loop->turn) return;
  s->turn_seen = s->loop->turn;
  s->turn_reads = s->turn_flushes = 0;
}

void stream_touch(net_stream *s) {
  if (s->state == STREAM_ENDED) return;
  stream_budget(s);
  if (s->turn_flushes < FLUSHES_PER_TURN) net_loop_at_turn_end(s->loop, &s->turn);
  else net_loop_post(s->loop, &s->again);
}

static void shut(uv_shutdown_t *request, int status) { (void)request, (void)status; }

/* After net_stream_close: what was written, close_notify, FIN; then the peer's end or the timer. */
static void go_on_closing(net_stream *s) {
  static const genai_error fine;
  if (!s->tcp || (s->ssl && !SSL_is_init_finished(s->ssl))) {
    stream_finish(s, &fine);
    return;
  }
  stream_say_bye(s);
  stream_push(s);
  if (s->state == STREAM_CLOSING && !s->shut && net_stream_flushed(s)) {
    s->shut = true;
    uv_shutdown(&s->shutdown, (uv_stream_t *)s->tcp, shut);
  }
}

static void go_on_open(net_stream *s) {
  if (s->ready_due) {
    s->ready_due = false;
    s->events->ready(s->user);
  }
  if (s->state == STREAM_OPEN || s->state == STREAM_HANDSHAKE) stream_flush(s);
  if (s->state != STREAM_OPEN || !s->want_writable || !net_stream_flushed(s)) return;
  s->want_writable = false;
  if (s->events->writable) s->events->writable(s->user);
}

static void at_turn_end(net_turn *turn) {
  net_stream *s = (net_stream *)((char *)turn - offsetof(net_stream, turn));
  s->turn_flushes++;
  if (s->state == STREAM_ENDED) release(s);
  else if (s->out_of_memory) stream_lost(s, UV_ENOMEM);
  else if (s->state == STREAM_CLOSING) go_on_closing(s);
  else if (s->tcp) go_on_open(s);
}

static void once_more(net_task *task) {
  net_stream *s = (net_stream *)((char *)task - offsetof(net_stream, again));
  if (s->state != STREAM_ENDED && s->tcp) stream_read_more(s);
  if (s->state == STREAM_ENDED) release(s);
  else stream_touch(s);
}

/* ---- connecting and closing ---- */

net_stream *stream_new(net_loop *loop, net_tls *tls, const char *host, int port, const char *tls_name) {
  size_t host_size = strlen(host) + 1, name_size = tls_name ? strlen(tls_name) + 1 : 0;
  net_stream *s = mem_zalloc(sizeof *s + host_size + name_size);
  if (!s) return NULL;
  s->host = s->names;
  memcpy(s->host, host, host_size);
  s->wire.name = tls_name ? memcpy(s->names + host_size, tls_name, name_size) : s->host;
  s->port = s->wire.port = port;
  s->loop = loop;
  s->tls = tls ? net_tls_hold(tls) : NULL;
  s->turn.run = at_turn_end;
  s->again.run = once_more;
  buf_init(&s->wire.out, OUT_MAX);
  buf_init(&s->plain, STREAM_WRITE_MAX);
  buf_init(&s->held, HELD_MAX);
  buf_init(&s->held_plain, NET_PLAIN_SIZE);
  uv_timer_init(&loop->uv, &s->timer);
  s->timer.data = s;
  s->handles = 1;
  return s;
}

void stream_attach(net_stream *s, uv_tcp_t *tcp) {
  s->tcp = tcp;
  tcp->data = s;
  s->handles++;
}

void stream_begin(net_stream *s) {
  if (s->tls) {
    genai_error error = {0};
    s->state = STREAM_HANDSHAKE;
    s->ssl = tls_start(s->tls, &s->wire, &error);
    if (!s->ssl) {
      stream_finish(s, &error);
      return;
    }
  } else {
    s->state = STREAM_OPEN;
    s->ready_due = true;
  }
  net_loop_post(s->loop, &s->again);
}

static void dialed(void *user, uv_tcp_t *tcp, const genai_error *error) {
  net_stream *s = user;
  s->dial = NULL;
  if (error) {
    stream_finish(s, error);
    return;
  }
  stream_attach(s, tcp);
  stream_begin(s);
}

genai_status net_stream_connect(net_stream **out, net_loop *loop, const net_stream_target *target,
                                const net_stream_events *events, void *user, genai_error *error) {
  *out = NULL;
  net_stream *s = stream_new(loop, target->tls, target->host, target->port, target->tls_name);
  if (!s) return error_memory(error);
  net_stream_adopt(s, events, user);
  net_route route = {target->host, target->port, target->proxy};
  genai_status status = net_dial_start(&s->dial, loop, &route, dialed, s, error);
  if (status) tear_down(s, false);
  else *out = s;
  return status;
}

void net_stream_adopt(net_stream *s, const net_stream_events *events, void *user) {
  s->events = events;
  s->user = user;
}

static void close_timed_out(uv_timer_t *timer) {
  static const genai_error fine;
  stream_finish(timer->data, &fine);
}

void stream_close_progress(net_stream *s) {
  if (s->state == STREAM_CLOSING) uv_timer_start(&s->timer, close_timed_out, CLOSE_MS, 0);
}

void net_stream_close(net_stream *s) {
  if (s->state == STREAM_CLOSING || s->state == STREAM_ENDED) return;
  s->state = STREAM_CLOSING;
  stream_close_progress(s);
  stream_touch(s);
  net_loop_post(s->loop, &s->again); /* a paused stream is read again, so that the peer's end is seen */
}

const char *net_stream_phase(const net_stream *s) {
  if (s->state == STREAM_DIALING) return s->dial ? net_dial_phase(s->dial) : "connecting";
  return s->state == STREAM_HANDSHAKE ? "in the TLS handshake" : "connected";
}
