#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/stream_private.h"
#include "peer.h"
#include "rig.h"
#include "tests/base/scale.h"

static size_t large; /* 20 MiB, or what a slow run can bear */

static pki_cert ca, leaf;
static char ca_path[64];
static net_loop *loop;       /* of the clients */
static net_loop *other_loop; /* of the servers */

static uint8_t pattern(size_t at) { return (uint8_t)(at * 2654435761u >> 13 ^ at); }

static net_tls *client_tls(void) {
  net_tls *tls;
  assert_int_equal(net_tls_client_new(&tls, &(net_tls_options){.ca_file = ca_path}, NULL), GENAI_OK);
  return tls;
}

static net_tls *server_tls(void) {
  net_tls *tls;
  assert_int_equal(net_tls_server_new(&tls, leaf.chain_pem, leaf.key_pem, NULL), GENAI_OK);
  return tls;
}

/* ---- one end of a connection, and what a test wants it to do ---- */

typedef struct end {
  net_loop *loop;
  net_stream *stream;
  net_tls *tls;
  int port;
  const char *host;
  bool echo;         /* write back what comes */
  size_t send, sent; /* bytes of the pattern to write, and written */
  size_t take;       /* at most so many bytes a `data`; resumed by a task. 0: all */
  int abort_at;      /* abort at this event (1: the first); 0: never */
  bool reset;
  size_t got, expect; /* `complete` opens when so many came */
  bool wrong;         /* what came was not the pattern */
  bool text_only;     /* what comes is no pattern: keep its beginning */
  char text[256];
  int events;
  uint8_t *room; /* offered while `use_room` */
  size_t room_size, room_bytes;
  genai_status connect_status;
  genai_error error;
  net_task task;
  gate ready, ended, complete, aborted;
} end;

static bool step(end *e) { /* counts an event; true when it was the one to abort at */
  if (++e->events != e->abort_at) return false;
  net_stream_abort(e->stream, e->reset);
  net_stream_abort(e->stream, e->reset); /* again: nothing */
  gate_open(&e->aborted);
  return true;
}

static void send_more(end *e) {
  uint8_t piece[16384];
  while (e->sent < e->send) {
    size_t n = e->send - e->sent < sizeof piece ? e->send - e->sent : sizeof piece;
    for (size_t i = 0; i < n; i++) piece[i] = pattern(e->sent + i);
    size_t taken = net_stream_write(e->stream, piece, n);
    e->sent += taken;
    if (taken < n) break;
  }
}

static void on_ready(void *user) {
  end *e = user;
  if (step(e)) return;
  send_more(e);
  gate_open(&e->ready);
}

static void check(end *e, const uint8_t *data, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (e->got + i < sizeof e->text - 1) e->text[e->got + i] = (char)data[i];
    if (!e->text_only && data[i] != pattern(e->got + i)) e->wrong = true;
  }
  if (e->got < e->expect && e->got + n >= e->expect) gate_open(&e->complete);
  e->got += n;
}

static void resume(net_task *task) {
  end *e = (end *)((char *)task - offsetof(end, task));
  net_stream_resume(e->stream);
}

static size_t on_data(void *user, uint8_t *data, size_t size) {
  end *e = user;
  if (step(e)) return 0;
  size_t n = e->take && e->take < size ? e->take : size;
  if (e->echo) {
    n = net_stream_write(e->stream, data, n);
    e->got += n;
    return n; /* `writable` goes on */
  }
  check(e, data, n);
  if (n < size) net_loop_post(e->loop, &e->task);
  return n;
}

static uint8_t *on_room(void *user, size_t *size) {
  end *e = user;
  if (!e->room_size) return NULL;
  if (*size > e->room_size) *size = e->room_size;
  return e->room;
}

static bool on_room_filled(void *user, size_t size) {
  end *e = user;
  if (step(e)) return false;
  e->room_bytes += size;
  check(e, e->room, size);
  if (!e->take) return true;
  net_loop_post(e->loop, &e->task);
  return false;
}

static void on_writable(void *user) {
  end *e = user;
  if (step(e)) return;
  send_more(e);
  if (e->echo) net_stream_resume(e->stream);
}

static void on_end(void *user, const genai_error *error) {
  end *e = user;
  e->error = *error;
  if (!e->error.status && e->error.message[0]) e->wrong = true;
  step(e);
  gate_open(&e->ended);
}

static const net_stream_events events = {on_ready, on_data, on_room, on_room_filled, on_writable, on_end};

static void connect_end(void *user) {
  end *e = user;
  net_stream_target target = {.host = e->host ? e->host : "127.0.0.1", .port = e->port, .tls = e->tls};
  e->loop = loop;
  e->task.run = resume;
  e->connect_status = net_stream_connect(&e->stream, loop, &target, &events, e, &e->error);
}

static void close_end(void *user) {
  net_stream_close(((end *)user)->stream);
  net_stream_close(((end *)user)->stream); /* idempotent */
}

static void abort_end(void *user) { net_stream_abort(((end *)user)->stream, ((end *)user)->reset); }

#define END(...) \
  { .ready = GATE_INIT, .ended = GATE_INIT, .complete = GATE_INIT, .aborted = GATE_INIT, __VA_ARGS__ }

/* ---- the server side of ours ---- */

typedef struct server {
  net_listener *listener;
  net_tls *tls;
  end end; /* of the one connection */
  genai_status status;
} server;

static void on_accepted(void *user, net_stream *stream) {
  server *s = user;
  s->end.stream = stream;
  s->end.loop = other_loop;
  s->end.task.run = resume;
  net_stream_adopt(stream, &events, &s->end);
}

static void listen_now(void *user) {
  server *s = user;
  s->status = net_listener_new(&s->listener, other_loop, "127.0.0.1", 0, s->tls, on_accepted, s, NULL);
}

static void unlisten(void *user) { net_listener_free(((server *)user)->listener); }

static void server_start(server *s, bool tls) {
  if (tls) s->tls = server_tls();
  rig_on_loop(other_loop, listen_now, s);
  assert_int_equal(s->status, GENAI_OK);
  assert_true(net_listener_port(s->listener) > 0);
}

static void server_stop(server *s) {
  rig_on_loop(other_loop, unlisten, s);
  net_tls_drop(s->tls);
}

#define SERVER(...) \
  { .end = END(__VA_ARGS__) }

/* Both directions at once, then an orderly close by the client. */
static void exchange(bool tls, size_t up, size_t down, size_t take, size_t room) {
  server s = SERVER(.send = down, .take = take, .expect = up);
  server_start(&s, tls);
  end c = END(.port = net_listener_port(s.listener), .send = up, .take = take, .room_size = room, .expect = down);
  c.room = malloc(room + 1);
  if (tls) c.tls = client_tls();
  rig_on_loop(loop, connect_end, &c);
  assert_int_equal(c.connect_status, GENAI_OK);
  assert_true(gate_wait(&c.ready, 1));
  assert_true(!down || gate_wait(&c.complete, 1));
  assert_true(!up || gate_wait(&s.end.complete, 1));
  rig_on_loop(loop, close_end, &c);
  assert_true(gate_wait(&c.ended, 1));
  assert_true(gate_wait(&s.end.ended, 1));
  assert_int_equal(c.error.status, GENAI_OK);
  assert_int_equal(s.end.error.status, GENAI_OK);
  assert_false(c.wrong);
  assert_false(s.end.wrong);
  assert_int_equal(c.got, down);
  assert_int_equal(s.end.got, up);
  if (room) assert_true(c.room_bytes > down / 2);
  server_stop(&s);
  net_tls_drop(c.tls);
  free(c.room);
}

static void test_small_exchange(void **state) {
  (void)state;
  exchange(false, 10, 20, 0, 0);
  exchange(true, 10, 20, 0, 0);
}
static void test_silent_connection(void **state) {
  (void)state;
  exchange(false, 0, 0, 0, 0);
  exchange(true, 0, 0, 0, 0);
}
static void test_large_both_ways_plain(void **state) {
  (void)state;
  exchange(false, large, large, 0, 0);
}
static void test_large_both_ways_tls(void **state) {
  (void)state;
  exchange(true, large, large, 0, 0);
}
static void test_pausing(void **state) {
  (void)state;
  exchange(false, large / 7, large / 7, 7001, 0);
  exchange(true, large / 7, large / 7, 7001, 0);
}
static void test_pausing_after_each_byte(void **state) {
  (void)state;
  exchange(false, 3000, 3000, 1, 0);
  exchange(true, 3000, 3000, 1, 0);
}
static void test_reading_into_room(void **state) {
  (void)state;
  exchange(false, 10, large, 0, 300000);
  exchange(true, 10, large, 0, 300000);
}
static void test_pausing_in_room(void **state) {
  (void)state;
  exchange(false, 10, large / 7, 1, 9000);
  exchange(true, 10, large / 7, 1, 9000);
}

/* ---- odd peers ---- */

static void run_client(end *e, peer *p) {
  e->port = peer_port(p);
  rig_on_loop(loop, connect_end, e);
  assert_int_equal(e->connect_status, GENAI_OK);
  assert_true(gate_wait(&e->ended, 1));
}

static void one_byte_pieces(peer_io *io, void *argument) {
  (void)argument;
  for (size_t i = 0; i < 2000; i++) {
    uint8_t byte = pattern(i);
    peer_write(io, &byte, 1);
  }
  if (io->ssl)
    SSL_shutdown(io->ssl);
  else
    shutdown(io->fd, SHUT_WR);
  peer_drain(io);
}

static void test_one_byte_pieces(void **state) {
  (void)state;
  for (int tls = 0; tls < 2; tls++) {
    peer *p = peer_new(one_byte_pieces, NULL, tls ? &leaf : NULL);
    end c = END(.tls = tls ? client_tls() : NULL);
    run_client(&c, p);
    assert_int_equal(c.error.status, GENAI_OK);
    assert_int_equal(c.got, 2000);
    assert_false(c.wrong);
    peer_free(p);
    net_tls_drop(c.tls);
  }
}

static void cut(peer_io *io, void *reset) {
  peer_text(io, "half");
  char byte;
  peer_read(io, &byte, 1);
  if (reset) peer_reset(io);
}

static void test_lost(void **state) {
  (void)state;
  for (int kind = 0; kind < 4; kind++) {
    bool tls = kind & 1, reset = kind & 2;
    peer *p = peer_new(cut, reset ? &kind : NULL, tls ? &leaf : NULL);
    end c = END(.tls = tls ? client_tls() : NULL, .send = 1, .text_only = true);
    run_client(&c, p);
    assert_string_equal(c.text, "half");
    char place[64];
    snprintf(place, sizeof place, "127.0.0.1 port %d", peer_port(p));
    if (tls || reset) {
      assert_int_equal(c.error.status, GENAI_ERROR_LOST);
      assert_non_null(strstr(c.error.message, place));
      if (reset)
        assert_int_equal(c.error.os_error, ECONNRESET);
      else
        assert_non_null(strstr(c.error.message, "without a TLS close"));
    } else {
      assert_int_equal(c.error.status, GENAI_OK);
    }
    peer_free(p);
    net_tls_drop(c.tls);
  }
}

static void read_nothing(peer_io *io, void *argument) {
  (void)io;
  gate_wait(argument, 1);
}

typedef struct glance {
  end *end;
  size_t sent, held;
  bool flushed;
  const char *phase;
} glance;

static void look(void *user) {
  glance *g = user;
  net_stream *s = g->end->stream;
  g->sent = g->end->sent;
  g->held = s->plain.size + s->wire.out.size + s->writing.size;
  g->flushed = net_stream_flushed(s);
  g->phase = net_stream_phase(s);
}

/* What the process holds back for a peer that does not read. */
static void test_a_peer_that_stops_reading(void **state) {
  (void)state;
  for (int tls = 0; tls < 2; tls++) {
    gate over = GATE_INIT;
    peer *p = peer_new(read_nothing, &over, tls ? &leaf : NULL);
    end c = END(.tls = tls ? client_tls() : NULL, .send = 1u << 30, .port = peer_port(p));
    rig_on_loop(loop, connect_end, &c);
    assert_true(gate_wait(&c.ready, 1));
    glance g = {.end = &c};
    size_t before;
    do { /* until the kernel's buffers are full, too */
      before = g.sent;
      rig_sleep_us(200000);
      rig_on_loop(loop, look, &g);
    } while (g.sent != before);
    assert_true(g.sent < 16u << 20);
    assert_in_range(g.held, 1, STREAM_WRITE_MAX + 1024);
    assert_false(g.flushed);
    rig_on_loop(loop, abort_end, &c);
    gate_open(&over);
    peer_free(p);
    net_tls_drop(c.tls);
  }
}

static void answer_with_http(peer_io *io, void *argument) {
  char head[2000];
  (void)argument;
  peer_read_some(io, head, sizeof head);
  peer_text(io, "HTTP/1.1 400 Bad Request\r\n\r\n");
}

static void say_nothing(peer_io *io, void *reset) {
  char hello[2000];
  peer_read_some(io, hello, sizeof hello);
  if (reset) peer_reset(io);
}

static void test_a_peer_without_tls(void **state) {
  (void)state;
  for (int kind = 0; kind < 3; kind++) {
    peer *p = peer_new(kind == 0 ? answer_with_http : say_nothing, kind == 2 ? &kind : NULL, NULL);
    end c = END(.tls = client_tls());
    run_client(&c, p);
    assert_int_equal(c.error.status, GENAI_ERROR_TLS);
    assert_non_null(strstr(c.error.message, kind == 0 ? "did not answer with TLS; is it a plain http or ws server?"
                                            : kind == 1
                                                ? "ended the connection in the TLS handshake; is it a TLS server?"
                                                : "connection reset by peer"));
    assert_int_equal(gate_count(&c.ready), 0);
    peer_free(p);
    net_tls_drop(c.tls);
  }
}

/* Our server, when a client speaks something else. */
static void test_a_client_without_tls(void **state) {
  (void)state;
  server s = SERVER(.send = 0);
  server_start(&s, true);
  end c = END(.port = net_listener_port(s.listener), .send = 1000, .text_only = true);
  rig_on_loop(loop, connect_end, &c);
  assert_true(gate_wait(&c.ended, 1));
  assert_true(gate_wait(&s.end.ended, 1));
  assert_int_equal(s.end.error.status, GENAI_ERROR_TLS);
  assert_non_null(strstr(s.end.error.message, "did not speak TLS"));
  server_stop(&s);
}

static void test_refused_port(void **state) {
  (void)state;
  peer *p = peer_new(say_nothing, NULL, NULL);
  end c = END(.port = peer_port(p));
  peer_free(p);
  rig_on_loop(loop, connect_end, &c);
  assert_true(gate_wait(&c.ended, 1));
  assert_int_equal(c.error.status, GENAI_ERROR_CONNECT);
  assert_int_equal(c.error.os_error, ECONNREFUSED);
  char text[128];
  snprintf(text, sizeof text, "Could not connect to 127.0.0.1 port %d: connection refused.", c.port);
  assert_string_equal(c.error.message, text);
}

/* ---- closing ---- */

static void keep_open(peer_io *io, void *argument) {
  uint8_t byte;
  while (peer_read_some(io, &byte, 1)) {}
  gate_wait(argument, 1); /* FIN came, ours does not go */
}

static void test_close_waits_a_second(void **state) {
  (void)state;
  gate over = GATE_INIT;
  peer *p = peer_new(keep_open, &over, &leaf);
  end c = END(.tls = client_tls(), .port = peer_port(p), .send = 100000);
  rig_on_loop(loop, connect_end, &c);
  assert_true(gate_wait(&c.ready, 1));
  uint64_t start = net_loop_now(loop);
  rig_on_loop(loop, close_end, &c);
  assert_true(gate_wait(&c.ended, 1));
  assert_in_range(net_loop_now(loop) - start, 900, rig_patience(5000));
  assert_int_equal(c.error.status, GENAI_OK);
  gate_open(&over);
  peer_free(p);
  net_tls_drop(c.tls);
}

static void count_all(peer_io *io, void *argument) {
  char buffer[4096];
  for (size_t n; (n = peer_read_some(io, buffer, sizeof buffer));) *(size_t *)argument += n;
}

/* What was written before the close arrives whole. */
static void test_close_sends_what_was_written(void **state) {
  (void)state;
  for (int tls = 0; tls < 2; tls++) {
    size_t arrived = 0;
    peer *p = peer_new(count_all, &arrived, tls ? &leaf : NULL);
    end c = END(.tls = tls ? client_tls() : NULL, .port = peer_port(p), .send = 30000);
    rig_on_loop(loop, connect_end, &c);
    assert_true(gate_wait(&c.ready, 1));
    rig_on_loop(loop, close_end, &c);
    assert_true(gate_wait(&c.ended, 1));
    peer_free(p);
    assert_int_equal(c.error.status, GENAI_OK);
    assert_int_equal(arrived, 30000);
    net_tls_drop(c.tls);
  }
}

static void close_at_once(void *user) {
  end *e = user;
  connect_end(user);
  net_stream_close(e->stream);
}

static void test_close_before_it_is_open(void **state) {
  (void)state;
  peer *p = peer_new(say_nothing, NULL, NULL);
  end c = END(.port = peer_port(p));
  rig_on_loop(loop, close_at_once, &c);
  assert_true(gate_wait(&c.ended, 1));
  assert_int_equal(c.error.status, GENAI_OK);
  assert_int_equal(gate_count(&c.ready), 0);
  peer_free(p);
}

/* ---- aborting ---- */

static void talk(peer_io *io, void *argument) {
  uint8_t data[3000];
  (void)argument;
  for (size_t i = 0; i < sizeof data; i++) data[i] = pattern(i);
  if (!peer_read(io, data + 2000, 1000)) return;
  peer_write(io, data, 1000);
  rig_sleep_us(2000);
  peer_write(io, data + 1000, 1000);
  if (io->ssl) SSL_shutdown(io->ssl);
}

/* At every event, and in `end` itself. */
static void test_abort_in_every_event(void **state) {
  (void)state;
  for (int kind = 0; kind < 4; kind++) {
    peer *p = peer_new(talk, NULL, kind & 1 ? &leaf : NULL);
    net_tls *tls = kind & 1 ? client_tls() : NULL;
    for (int at = 1; at < 8; at++) {
      end c = END(.tls = tls, .port = peer_port(p), .send = 1000, .abort_at = at, .reset = kind & 2);
      rig_on_loop(loop, connect_end, &c);
      while (!gate_wait_ms(&c.aborted, 1, 1) && !gate_count(&c.ended)) {}
      rig_settle(loop);
      if (gate_count(&c.ended) && c.events < at) break; /* all events were had */
      assert_true(gate_wait(&c.aborted, 1));
    }
    peer_free(p);
    net_tls_drop(tls);
  }
}

static void abort_at_once(void *user) {
  connect_end(user);
  abort_end(user);
}

/* At moments that fall into every phase: resolving, connecting, the handshake, open. */
static void test_abort_in_every_phase(void **state) {
  (void)state;
  peer *p = peer_new(talk, NULL, &leaf);
  net_tls *tls = client_tls();
  for (int i = 0; i < 100; i++) {
    end c = END(.tls = tls, .port = peer_port(p));
    if (i % 10 == 0) {
      rig_on_loop(loop, abort_at_once, &c);
    } else {
      rig_on_loop(loop, connect_end, &c);
      rig_sleep_us(i % 10 * 150);
      glance g = {.end = &c};
      rig_on_loop(loop, look, &g);
      assert_non_null(g.phase);
      rig_on_loop(loop, abort_end, &c);
    }
    rig_sleep_us(500);
    assert_int_equal(gate_count(&c.ended), 0);
  }
  peer_free(p);
  net_tls_drop(tls);
}

/* ---- a guest in its host's process, and a good neighbour on its loop ---- */

enum { FDS = 256 };

static void open_fds(int flags[FDS]) {
  for (int fd = 0; fd < FDS; fd++) flags[fd] = fcntl(fd, F_GETFD);
}

static void test_descriptors_close_on_exec(void **state) {
  (void)state;
  int before[FDS], after[FDS], found = 0;
  net_loop *common = loop, *common_other = other_loop;
  open_fds(before);
  assert_int_equal(net_loop_new(&loop, NULL), GENAI_OK);
  assert_int_equal(net_loop_new(&other_loop, NULL), GENAI_OK);
  server s = SERVER(.send = 1);
  server_start(&s, true);
  end c = END(.tls = client_tls(), .port = net_listener_port(s.listener), .expect = 1);
  rig_on_loop(loop, connect_end, &c);
  assert_true(gate_wait(&c.complete, 1));
  open_fds(after);
  for (int fd = 0; fd < FDS; fd++) {
    if (before[fd] >= 0 || after[fd] < 0) continue;
    found++;
    if (!(after[fd] & FD_CLOEXEC)) fail_msg("descriptor %d stays open in a child", fd);
  }
  assert_true(found >= 5); /* two loops, a listener, two ends */
  rig_on_loop(loop, close_end, &c);
  assert_true(gate_wait(&c.ended, 1));
  assert_true(gate_wait(&s.end.ended, 1));
  server_stop(&s);
  net_tls_drop(c.tls);
  net_loop_free(loop);
  net_loop_free(other_loop);
  loop = common;
  other_loop = common_other;
  open_fds(after);
  for (int fd = 0; fd < FDS; fd++) assert_int_equal(before[fd], after[fd]); /* and all are given back */
}

static void flood(peer_io *io, void *argument) {
  static char data[1 << 20];
  (void)argument;
  while (peer_write(io, data, sizeof data)) {}
}

static void answer_each_byte(peer_io *io, void *argument) {
  char byte;
  (void)argument;
  while (peer_read(io, &byte, 1) && peer_write(io, &byte, 1)) {}
}

static void send_a_byte(void *user) { assert_int_equal(net_stream_write(((end *)user)->stream, "x", 1), 1); }

/* Reading as fast as a peer can write must not keep another stream of the loop waiting for long. */
static void test_a_busy_stream_lets_others_through(void **state) {
  (void)state;
  for (int tls = 0; tls < 2; tls++) {
    const pki_cert *cert = tls ? &leaf : NULL;
    peer *busy = peer_new(flood, NULL, cert), *quiet = peer_new(answer_each_byte, NULL, cert);
    net_tls *trust = tls ? client_tls() : NULL;
    end b = END(.tls = trust, .port = peer_port(busy), .text_only = true);
    rig_on_loop(loop, connect_end, &b);
    assert_true(gate_wait(&b.ready, 1));
    end q = END(.tls = trust, .port = peer_port(quiet), .text_only = true);
    rig_on_loop(loop, connect_end, &q);
    assert_true(gate_wait(&q.ready, 1));
    uint64_t begin = net_loop_now(loop);
    for (int i = 1; i <= 50; i++) {
      q.expect = (size_t)i; /* the loop reads it after the task that sends */
      rig_on_loop(loop, send_a_byte, &q);
      assert_true(gate_wait(&q.complete, i));
    }
    assert_true(net_loop_now(loop) - begin < rig_patience(10000));
    assert_int_equal(gate_count(&b.ended), 0);
    rig_on_loop(loop, abort_end, &b);
    rig_on_loop(loop, close_end, &q);
    assert_true(gate_wait(&q.ended, 1));
    peer_free(busy);
    peer_free(quiet);
    net_tls_drop(trust);
  }
}

/* ---- SIGPIPE ---- */

static void reset_after_first(peer_io *io, void *argument) {
  char byte;
  (void)argument;
  peer_read(io, &byte, 1);
  peer_reset(io);
}

static void write_much(void *user) {
  end *e = user;
  if (!gate_count(&e->ended)) e->send += 30000, send_more(e);
}

static void test_sigpipe(void **state) {
  (void)state;
  signal(SIGPIPE, SIG_DFL);
  peer *p = peer_new(reset_after_first, NULL, NULL);
  end c = END(.send = 1, .port = peer_port(p));
  rig_on_loop(loop, connect_end, &c);
  assert_true(gate_wait(&c.ready, 1));
  for (int i = 0; i < 100 && !gate_count(&c.ended); i++) rig_on_loop(loop, write_much, &c);
  assert_true(gate_wait(&c.ended, 1));
  assert_int_equal(c.error.status, GENAI_ERROR_LOST);
  peer_free(p);
}

/* ---- memory ---- */

static void test_memory_out(void **state) {
  (void)state;
  net_loop_free(loop); /* their threads would share the failing allocator */
  net_loop_free(other_loop);
  loop = other_loop = NULL;
  for (int tls = 0; tls < 2; tls++) {
    peer *p = peer_new(talk, NULL, tls ? &leaf : NULL);
    for (long n = 1;; n++) {
      long alive;
      rig_fail_alloc(n);
      net_loop *own = NULL, *common = loop;
      end c = END(.port = peer_port(p), .send = 1000);
      genai_status status =
          tls ? net_tls_client_new(&c.tls, &(net_tls_options){.ca_file = ca_path}, &c.error) : GENAI_OK;
      if (!status) status = net_loop_new(&own, &c.error);
      if (!status) {
        loop = own;
        rig_on_loop(loop, connect_end, &c);
        loop = common;
        status = c.connect_status;
      }
      if (!status) {
        assert_true(gate_wait(&c.ended, 1));
        status = c.error.status;
      }
      net_loop_free(own);
      net_tls_drop(c.tls);
      bool reached = rig_fail_stop(&alive) >= n;
      assert_int_equal(alive, 0);
      /* A failed allocation inside OpenSSL's BIO is a TLS failure, one for writing is tried once more. */
      if (status == GENAI_OK)
        assert_int_equal(c.got, 2000);
      else if (!reached || (status != GENAI_ERROR_MEMORY && status != GENAI_ERROR_TLS))
        fail_msg("allocation %ld: %s", n, c.error.message);
      if (!reached) break;
    }
    peer_free(p);
  }
}

static int set_up(void **state) {
  (void)state;
  large = (size_t)scaled_down(20 * 1024 * 1024);
  pki_make(&ca, NULL, NULL, 0, 10);
  pki_make(&leaf, &ca, "DNS:localhost,IP:127.0.0.1", 0, 10);
  strcpy(ca_path, rig_file(ca.chain_pem));
  return net_loop_new(&loop, NULL) || net_loop_new(&other_loop, NULL);
}

static int tear_down(void **state) {
  (void)state;
  net_loop_free(loop);
  net_loop_free(other_loop);
  unlink(ca_path);
  pki_free(&leaf);
  pki_free(&ca);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_small_exchange),
      cmocka_unit_test(test_silent_connection),
      cmocka_unit_test(test_large_both_ways_plain),
      cmocka_unit_test(test_large_both_ways_tls),
      cmocka_unit_test(test_pausing),
      cmocka_unit_test(test_pausing_after_each_byte),
      cmocka_unit_test(test_reading_into_room),
      cmocka_unit_test(test_pausing_in_room),
      cmocka_unit_test(test_one_byte_pieces),
      cmocka_unit_test(test_lost),
      cmocka_unit_test(test_a_peer_that_stops_reading),
      cmocka_unit_test(test_a_peer_without_tls),
      cmocka_unit_test(test_a_client_without_tls),
      cmocka_unit_test(test_refused_port),
      cmocka_unit_test(test_close_waits_a_second),
      cmocka_unit_test(test_close_sends_what_was_written),
      cmocka_unit_test(test_close_before_it_is_open),
      cmocka_unit_test(test_abort_in_every_event),
      cmocka_unit_test(test_abort_in_every_phase),
      cmocka_unit_test(test_descriptors_close_on_exec),
      cmocka_unit_test(test_a_busy_stream_lets_others_through),
      cmocka_unit_test(test_sigpipe),
      cmocka_unit_test(test_memory_out),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
