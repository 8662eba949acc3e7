#include "net/ws.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "peer.h"
#include "rig.h"
#include "tests/base/scale.h"

enum { CEILING = 64 * 1024 * 1024, LARGE = 20 * 1024 * 1024 };
enum {
  FIN = 0x80,
  TEXT = FIN | WS_TEXT,
  BINARY = FIN | WS_BINARY,
  CLOSE = FIN | WS_CLOSE,
  PING = FIN | WS_PING,
  PONG = FIN | WS_PONG
};

static pki_cert ca, leaf;
static char ca_path[64];
static net_loop *loop;

/* ---- the client ---- */

typedef struct client {
  net_ws *ws;
  net_tls *tls;
  int port;
  const char *target;
  const genai_string_pair *headers;
  size_t header_count, ceiling;
  payload **to_send; /* sent in this order from `open` on */
  size_t send_count, sent;
  bool binary; /* sent as */
  bool pause; /* after each message; resumed by a task */
  int abort_at, events;
  const char *phase; /* before the abort */

  size_t messages, bytes;
  uint64_t hash;    /* of all messages */
  ws_opcode opcode; /* of the last one */
  char last[256];
  int close_code;
  char close_reason[128];
  genai_status connect_status;
  genai_error error;
  net_task task;
  gate opened, got, ponged, closed, ended, aborted;
} client;

#define CLIENT(...)                                                                                      \
  {                                                                                                      \
    .opened = GATE_INIT, .got = GATE_INIT, .ponged = GATE_INIT, .closed = GATE_INIT, .ended = GATE_INIT, \
    .aborted = GATE_INIT, __VA_ARGS__                                                                    \
  }

static uint64_t hash_bytes(uint64_t hash, const uint8_t *data, size_t size) {
  for (size_t i = 0; i < size; i++) hash = (hash ^ data[i]) * 1099511628211u;
  return hash;
}

static bool step(client *c) {
  if (++c->events != c->abort_at) return false;
  net_ws_abort(c->ws);
  gate_open(&c->aborted);
  return true;
}

static void send_more(client *c) {
  while (c->sent < c->send_count && (c->binary ? net_ws_send_as(c->ws, WS_BINARY, c->to_send[c->sent])
                                               : net_ws_send(c->ws, c->to_send[c->sent])))
    c->sent++;
}

static void on_open(void *user) {
  client *c = user;
  if (step(c)) return;
  send_more(c);
  gate_open(&c->opened);
}

static void resume(net_task *task) { net_ws_resume(((client *)((char *)task - offsetof(client, task)))->ws); }

static bool on_message(void *user, ws_opcode opcode, const uint8_t *data, size_t size) {
  client *c = user;
  if (step(c)) return true;
  c->messages++;
  c->bytes += size;
  c->opcode = opcode;
  c->hash = hash_bytes(c->hash, data, size);
  snprintf(c->last, sizeof c->last, "%.*s", (int)(size < 200 ? size : 200), (const char *)data);
  gate_open(&c->got);
  if (c->pause) net_loop_post(loop, &c->task);
  return !c->pause;
}

static void on_pong(void *user) {
  client *c = user;
  if (!step(c)) gate_open(&c->ponged);
}

static void on_writable(void *user) {
  client *c = user;
  if (!step(c)) send_more(c);
}

static void on_close(void *user, int code, const char *reason, size_t size) {
  client *c = user;
  if (step(c)) return;
  c->close_code = code;
  snprintf(c->close_reason, sizeof c->close_reason, "%.*s", (int)size, reason);
  gate_open(&c->closed);
}

static void on_end(void *user, const genai_error *error) {
  client *c = user;
  c->error = *error;
  step(c);
  gate_open(&c->ended);
}

static void on_held(void *user) { (void)user; }
static const net_ws_events events = {on_held, on_open, on_message, on_pong, on_writable, on_close, on_end};

static void connect_client(void *user) {
  client *c = user;
  net_ws_params params = {.target = {.host = "127.0.0.1", .port = c->port, .tls = c->tls},
                          .request_target = c->target ? c->target : "/ws?key=SECRET-KEY-0123456789",
                          .headers = c->headers,
                          .header_count = c->header_count,
                          .message_max = c->ceiling ? c->ceiling : CEILING};
  c->task.run = resume;
  c->connect_status = net_ws_connect(&c->ws, loop, &params, &events, c, &c->error);
}

typedef struct glance {
  client *client;
  size_t sent;
  bool flushed;
} glance;

static void look(void *user) {
  glance *g = user;
  g->sent = g->client->sent;
  g->flushed = net_ws_flushed(g->client->ws);
}

static void abort_client(void *user) { net_ws_abort(((client *)user)->ws); }

static void close_client(void *user) {
  net_ws_close(((client *)user)->ws, 1000, "done", 500);
  net_ws_close(((client *)user)->ws, 1001, "again", 1); /* idempotent */
}

static void ping_client(void *user) { assert_true(net_ws_ping(((client *)user)->ws)); }

static void start(client *c, peer *p) {
  c->port = peer_port(p);
  rig_on_loop(loop, connect_client, c);
  assert_int_equal(c->connect_status, GENAI_OK);
}

static net_tls *client_tls(void) {
  net_tls *tls;
  assert_int_equal(net_tls_client_new(&tls, &(net_tls_options){.ca_file = ca_path}, NULL), GENAI_OK);
  return tls;
}

static payload *message_of(size_t size, unsigned seed) {
  uint8_t *data = malloc(size + 1);
  for (size_t i = 0; i < size; i++) data[i] = (uint8_t)(' ' + (i * 31 + i / 97 + seed) % 90);
  payload *p = payload_copy(data, size);
  free(data);
  return p;
}

/* ---- messages ---- */

/* Sends each message back, then answers the close. */
static void echo(peer_io *io, void *argument) {
  uint8_t *data = malloc(LARGE);
  (void)argument;
  if (peer_upgrade(io))
    for (;;) {
      size_t size = LARGE;
      int first = peer_read_frame(io, data, &size);
      if (first < 0 || !peer_frame(io, first == PING ? PONG : (uint8_t)first, data, size) || first == CLOSE) break;
    }
  free(data);
}

static void test_echo(void **state) {
  (void)state;
  const size_t sizes[] = {0,     1,     2,     125,   126,   127,    4000,  16383, 16384,
                                 32767, 32768, 65535, 65536, 65537, 300000, (size_t)scaled_down(LARGE), 5};
  enum { COUNT = sizeof sizes / sizeof *sizes };
  payload *messages[COUNT];
  uint64_t hash = 0;
  size_t bytes = 0;
  for (size_t i = 0; i < COUNT; i++) {
    messages[i] = message_of(sizes[i], (unsigned)i);
    hash = hash_bytes(hash, messages[i]->data, sizes[i]);
    bytes += sizes[i];
  }
  for (int kind = 0; kind < 8; kind++) {
    peer *p = peer_new(echo, NULL, kind & 1 ? &leaf : NULL);
    client c = CLIENT(.tls = kind & 1 ? client_tls() : NULL, .to_send = messages, .send_count = COUNT, .pause = kind & 2,
                      .binary = kind & 4);
    start(&c, p);
    assert_true(gate_wait(&c.got, COUNT));
    assert_int_equal(c.bytes, bytes);
    assert_true(c.hash == hash);
    assert_int_equal(c.opcode, c.binary ? WS_BINARY : WS_TEXT);
    rig_on_loop(loop, ping_client, &c);
    assert_true(gate_wait(&c.ponged, 1));
    rig_on_loop(loop, close_client, &c);
    assert_true(gate_wait(&c.ended, 1));
    assert_int_equal(c.error.status, GENAI_OK);
    assert_int_equal(c.error.close_code, 1000);
    assert_int_equal(c.close_code, 1000);
    assert_string_equal(c.close_reason, "done");
    peer_free(p);
    net_tls_drop(c.tls);
  }
  for (size_t i = 0; i < COUNT; i++) {
    assert_int_equal(messages[i]->references, 1);
    payload_drop(messages[i]);
  }
}

static void test_many_small_messages(void **state) {
  (void)state;
  const unsigned COUNT = (unsigned)scaled_down(20000);
  payload **messages = malloc(COUNT * sizeof *messages);
  for (unsigned i = 0; i < COUNT; i++) messages[i] = message_of(i % 50, i);
  peer *p = peer_new(echo, NULL, &leaf);
  client c = CLIENT(.tls = client_tls(), .to_send = messages, .send_count = COUNT);
  uint64_t hash = 0;
  for (unsigned i = 0; i < COUNT; i++) hash = hash_bytes(hash, messages[i]->data, messages[i]->size);
  start(&c, p);
  assert_true(gate_wait(&c.got, COUNT));
  assert_true(c.hash == hash);
  rig_on_loop(loop, close_client, &c);
  assert_true(gate_wait(&c.ended, 1));
  peer_free(p);
  net_tls_drop(c.tls);
  for (unsigned i = 0; i < COUNT; i++) payload_drop(messages[i]);
  free(messages);
}

/* ---- a peer that follows a script ---- */

typedef struct script {
  void (*play)(peer_io *io, const void *argument);
  const void *argument;
  uint8_t answer[200]; /* of the client, to what was played: its first frame that is no pong */
  size_t answer_size;
  int answer_first;
  int pongs;
  uint8_t pong[200]; /* the last one */
  size_t pong_size;
  char head[4096];
} script;

static void play(peer_io *io, void *argument) {
  script *s = argument;
  if (!peer_upgrade(io)) return;
  s->play(io, s->argument);
  do {
    s->answer_size = sizeof s->answer;
    s->answer_first = peer_read_frame(io, s->answer, &s->answer_size);
    if (s->answer_first != PONG) break;
    s->pongs++;
    memcpy(s->pong, s->answer, s->pong_size = s->answer_size);
  } while (true);
  if (io->ssl) SSL_shutdown(io->ssl);
}

static int answer_code(const script *s) {
  return s->answer_first == CLOSE && s->answer_size >= 2 ? s->answer[0] << 8 | s->answer[1] : s->answer_first;
}

/* Plays the script to a client over plain and TLS connections; the client must end by itself. */
static void run_script(script *s, client *c, bool tls) {
  peer *p = peer_new(play, s, tls ? &leaf : NULL);
  if (tls) c->tls = client_tls();
  start(c, p);
  assert_true(gate_wait(&c->ended, 1));
  peer_free(p);
  net_tls_drop(c->tls);
}

static void play_fragments(peer_io *io, const void *argument) {
  (void)argument;
  peer_frame(io, WS_TEXT, "one \xC3", 5);
  peer_frame(io, PING, "first", 5);
  peer_frame(io, PING, "second", 6);
  peer_frame(io, 0, "\xA4 two ", 6);
  peer_frame(io, PONG, NULL, 0);
  peer_frame(io, 0, NULL, 0);
  peer_frame(io, FIN, "three", 5);
  peer_frame(io, BINARY, "\xFF\xFE", 2);
  peer_frame(io, CLOSE, "\x03\xE8", 2);
}

static void test_fragments_and_pings(void **state) {
  (void)state;
  for (int tls = 0; tls < 2; tls++) {
    script s = {.play = play_fragments};
    client c = CLIENT(.pause = false);
    run_script(&s, &c, tls);
    assert_int_equal(c.messages, 2);
    assert_true(c.hash == hash_bytes(hash_bytes(0, (const uint8_t *)"one \xC3\xA4 two three", 16),
                                     (const uint8_t *)"\xFF\xFE", 2));
    assert_int_equal(c.opcode, WS_BINARY);
    assert_int_equal(gate_count(&c.ponged), 1);
    assert_in_range(s.pongs, 1, 2);
    assert_memory_equal(s.pong, "second", 6);
    assert_int_equal(answer_code(&s), 1000);
    assert_int_equal(c.error.status, GENAI_OK);
  }
}

static void play_bytes(peer_io *io, const void *argument) {
  const char *frames = argument;
  for (size_t i = 0; i < 20; i++) peer_write(io, frames + i, 1);
}

static void test_one_byte_pieces(void **state) {
  (void)state;
  static const char frames[] = "\x81\x05Hello\x82\x03"
                               "abc\x89\x02hi\x81\x7E\x00\x00"; /* the last length is not the shortest */
  script s = {.play = play_bytes, .argument = frames};
  client c = CLIENT(.pause = true);
  run_script(&s, &c, true);
  assert_int_equal(c.messages, 2);
  assert_string_equal(c.last, "abc");
  assert_int_equal(c.error.status, GENAI_ERROR_PROTOCOL);
  assert_int_equal(answer_code(&s), 1002);
}

/* ---- closes ---- */

static void play_close(peer_io *io, const void *argument) {
  const int *code = argument;
  uint8_t data[40] = {(uint8_t)(*code >> 8), (uint8_t)*code};
  strcpy((char *)data + 2, "because of that");
  peer_frame(io, CLOSE, data, *code == WS_CODE_EMPTY ? 0 : 17);
}

static void test_every_close_code(void **state) {
  (void)state;
  static const int codes[] = {1000, 1001, 1002, 1003, WS_CODE_EMPTY, 1007, 1008, 1009, 1010,
                              1011, 1012, 1013, 1014, 1016,          2999, 3000, 4000, 4999};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    script s = {.play = play_close, .argument = &codes[i]};
    client c = CLIENT(.pause = false);
    run_script(&s, &c, i & 1);
    assert_int_equal(c.error.status, GENAI_OK);
    assert_int_equal(gate_count(&c.closed), 1);
    assert_int_equal(c.close_code, codes[i]);
    assert_int_equal(c.error.close_code, codes[i]);
    assert_string_equal(c.close_reason, codes[i] == WS_CODE_EMPTY ? "" : "because of that");
    assert_string_equal(c.error.close_reason, c.close_reason);
    assert_int_equal(s.answer_first, CLOSE);
    if (ws_code_sendable(codes[i]))
      assert_int_equal(answer_code(&s), codes[i]);
    else
      assert_int_equal(s.answer_size, 0);
  }
}

static void play_until_close(peer_io *io, const void *argument) {
  uint8_t data[200];
  size_t size = sizeof data;
  (void)argument;
  assert_int_equal(peer_read_frame(io, data, &size), CLOSE);
  for (int i = 0; i < 100; i++) peer_frame(io, TEXT, "late", 4);
  peer_frame(io, CLOSE, data, size);
}

static void test_messages_are_delivered_while_closing(void **state) {
  (void)state;
  script s = {.play = play_until_close};
  peer *p = peer_new(play, &s, NULL);
  client c = CLIENT(.pause = false);
  start(&c, p);
  assert_true(gate_wait(&c.opened, 1));
  rig_on_loop(loop, close_client, &c);
  assert_true(gate_wait(&c.ended, 1));
  peer_free(p);
  assert_int_equal(c.error.status, GENAI_OK);
  assert_int_equal(c.messages, 100);
  assert_int_equal(c.error.close_code, 1000);
}

static void play_deaf(peer_io *io, const void *argument) {
  (void)argument;
  peer_drain(io);
}

static void test_a_close_without_answer(void **state) {
  (void)state;
  script s = {.play = play_deaf};
  peer *p = peer_new(play, &s, &leaf);
  client c = CLIENT(.tls = client_tls());
  start(&c, p);
  assert_true(gate_wait(&c.opened, 1));
  uint64_t begin = net_loop_now(loop);
  rig_on_loop(loop, close_client, &c);
  assert_true(gate_wait(&c.ended, 1));
  assert_in_range(net_loop_now(loop) - begin, 450, rig_patience(3000));
  peer_free(p);
  assert_int_equal(c.error.status, GENAI_ERROR_TIMEOUT);
  assert_int_equal(c.error.close_code, WS_CODE_LOST);
  net_tls_drop(c.tls);
}

static void close_at_once(void *user) {
  client *c = user;
  connect_client(c);
  net_ws_close(c->ws, 1000, NULL, 1000);
}

static void test_close_before_it_is_open(void **state) {
  (void)state;
  peer *p = peer_new(echo, NULL, NULL);
  client c = CLIENT(.port = peer_port(p));
  rig_on_loop(loop, close_at_once, &c);
  assert_true(gate_wait(&c.ended, 1));
  assert_int_equal(c.error.status, GENAI_ERROR_CLOSED);
  peer_free(p);
}

/* ---- the peer's faults ---- */

typedef struct fault {
  const char *bytes;
  size_t size;
  int code; /* that the client answers with */
  genai_status status;
  const char *text;
} fault;

static void play_fault(peer_io *io, const void *argument) {
  const fault *f = argument;
  peer_write(io, f->bytes, f->size);
}

static void test_protocol_errors(void **state) {
  (void)state;
  static const fault faults[] = {
      {"\xC1\x00", 2, 1002, GENAI_ERROR_PROTOCOL, "reserved bits"},
      {"\x83\x00", 2, 1002, GENAI_ERROR_PROTOCOL, "opcode"},
      {"\x81\x80\0\0\0\0", 6, 1002, GENAI_ERROR_PROTOCOL, "masked"},
      {"\x80\x00", 2, 1002, GENAI_ERROR_PROTOCOL, "continues no message"},
      {"\x88\x01\x03", 3, 1002, GENAI_ERROR_PROTOCOL, "one byte"},
      {"\x88\x02\x03\xEE", 4, 1002, GENAI_ERROR_PROTOCOL, "1006"},
      {"\x88\x03\x03\xE8\xFF", 5, 1007, GENAI_ERROR_PROTOCOL, "not UTF-8"},
      {"\x01\x01\xC3\x80\x01(", 6, 1007, GENAI_ERROR_PROTOCOL, "not UTF-8"}, /* a character split over frames */
      {"\x01\x02\xC3\xA4\x80\x01\xC3", 7, 1007, GENAI_ERROR_PROTOCOL, "not UTF-8"},
      {"\x81\x7F\0\0\0\0\0\x10\0\x01", 10, 1009, GENAI_ERROR_LIMIT, "1048577"},
  };
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    script s = {.play = play_fault, .argument = &faults[i]};
    client c = CLIENT(.ceiling = 1 << 20);
    run_script(&s, &c, i & 1);
    assert_int_equal(c.error.status, faults[i].status);
    assert_non_null(strstr(c.error.message, faults[i].text));
    assert_non_null(strstr(c.error.message, "127.0.0.1 port "));
    assert_int_equal(answer_code(&s), faults[i].code);
    assert_int_equal(gate_count(&c.closed), 0);
    assert_int_equal(c.messages, 0);
  }
}

static void play_ceiling(peer_io *io, const void *argument) {
  static uint8_t data[600000];
  (void)argument;
  memset(data, 'x', sizeof data);
  peer_frame(io, WS_TEXT, data, sizeof data);
  peer_frame(io, FIN, data, sizeof data);
}

static void test_fragments_over_the_ceiling(void **state) {
  (void)state;
  script s = {.play = play_ceiling};
  client c = CLIENT(.ceiling = 1 << 20);
  run_script(&s, &c, true);
  assert_int_equal(c.error.status, GENAI_ERROR_LIMIT);
  assert_int_equal(answer_code(&s), 1009);
}

static void play_cut(peer_io *io, const void *argument) {
  const int *kind = argument;
  static uint8_t data[100000];
  char head[10] = "\x82\x7F\0\0\0\0\0\x0F\0"; /* 983,040 bytes are announced, */
  peer_frame(io, TEXT, "whole", 5);
  if (*kind) peer_write(io, head, 10), peer_write(io, data, sizeof data); /* not so many come */
  if (*kind == 2)
    peer_reset(io);
  else if (io->ssl)
    SSL_shutdown(io->ssl), shutdown(io->fd, SHUT_RDWR);
  else
    shutdown(io->fd, SHUT_RDWR);
}

static void test_lost(void **state) {
  (void)state;
  for (int tls = 0; tls < 2; tls++)
    for (int kind = 0; kind < 3; kind++) {
      script s = {.play = play_cut, .argument = &kind};
      client c = CLIENT(.pause = false);
      run_script(&s, &c, tls);
      assert_int_equal(c.messages, 1);
      assert_int_equal(c.error.status, GENAI_ERROR_LOST);
      assert_int_equal(c.error.close_code, WS_CODE_LOST);
      assert_int_equal(gate_count(&c.closed), 0);
      if (kind == 2)
        assert_int_equal(c.error.os_error, ECONNRESET);
      else
        assert_non_null(strstr(c.error.message, "ended the connection without a WebSocket close"));
    }
}

static void play_silence(peer_io *io, const void *argument) {
  (void)io;
  gate_wait((gate *)(uintptr_t)argument, 1);
}

static void test_a_peer_that_stops_reading(void **state) {
  (void)state;
  gate over = GATE_INIT;
  script s = {.play = play_silence, .argument = &over};
  peer *p = peer_new(play, &s, &leaf);
  payload *message = message_of(50000, 1), *messages[2000];
  for (size_t i = 0; i < 2000; i++) messages[i] = message;
  client c = CLIENT(.tls = client_tls(), .to_send = messages, .send_count = 2000);
  start(&c, p);
  assert_true(gate_wait(&c.opened, 1));
  glance g = {.client = &c};
  size_t before;
  do {
    before = g.sent;
    rig_sleep_us(200000);
    rig_on_loop(loop, look, &g);
  } while (g.sent != before);
  assert_in_range(g.sent, 1, 400); /* of 100 MB; the rest is still ours */
  assert_int_equal(message->references, 2);
  assert_false(g.flushed);
  rig_on_loop(loop, abort_client, &c);
  assert_int_equal(message->references, 1);
  payload_drop(message);
  gate_open(&over);
  peer_free(p);
  net_tls_drop(c.tls);
}

/* ---- refused upgrades ---- */

typedef struct refusal {
  const char *answer;
  int status;
  const char *text, *absent; /* the sentence holds the one and not the other */
  int hang;                  /* keep the connection open afterwards */
  int least_ms;
} refusal;

static void refuse(peer_io *io, void *argument) {
  const refusal *r = argument;
  char head[4096];
  if (!peer_read_head(io, head, sizeof head)) return;
  const char *later = strchr(r->answer, '\1'); /* a pause */
  peer_write(io, r->answer, later ? (size_t)(later - r->answer) : strlen(r->answer));
  if (later) {
    rig_sleep_us(30000);
    peer_text(io, later + 1);
  }
  if (r->hang)
    peer_drain(io);
  else if (io->ssl)
    SSL_shutdown(io->ssl);
}

#define JSON "{\n  \"error\": {\n    \"code\": 403,\n    \"message\": \"API key not valid.\"\n  }\n}\n"
#define LINE "{ \"error\": { \"code\": 403, \"message\": \"API key not valid.\" } }"

static void test_refused_upgrades(void **state) {
  (void)state;
  static const refusal refusals[] = {
      {"HTTP/1.1 403 Forbidden\r\nContent-Length: 74\r\n\r\n\1" JSON, 403, "HTTP status 403 Forbidden: " LINE, NULL, 1,
       0},
      {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", 401, "HTTP status 401 Unauthorized: no", NULL, 1, 0},
      {"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n\1<html>\n lost  \n<\r\n2\r\nx>\r\n0\r\n\r\n",
       404, "HTTP status 404 Not Found: <html> lost <x>", NULL, 1, 0},
      {"HTTP/1.1 429 Too Many Requests\r\n\r\n\1" JSON, 429, "429 Too Many Requests: " LINE, NULL, 0, 0},
      {"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n", 500, "refused the WebSocket upgrade with HTTP status 500.", NULL,
       1, 0},
      {"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302, "302 Found.", NULL, 1, 0},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "200 OK: hello", NULL, 1, 0},
      /* It announces more than it sends: what came is told after 2 s, or at the end of the connection. */
      {"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\npart", 403, "403 Forbidden: part", NULL, 1, 1900},
      {"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\npart", 403, "403 Forbidden: part", NULL, 0, 0},
      {"HTTP/1.1 403 Forbidden\r\nContent-Length: x\r\n\r\npart", 403, "403 Forbidden.", NULL, 1, 0},
      /* A page that repeats our own request does not carry its secrets into the error. */
      {"HTTP/1.1 404 Not Found\r\n\r\nThe URL /ws?key=SECRET-KEY-0123456789 and Bearer TOKEN_abcdefghijkl. was not "
       "found",
       404, "The URL /ws?key=*** and Bearer ***. was not found", "SECRET-KEY", 0, 0},
      {"HTTP/1.1 403 Bad SECRET-KEY-0123456789\r\nContent-Length: 2\r\n\r\nno", 403, "HTTP status 403 Bad ***: no", "SECRET-KEY", 1, 0},
      {"HTTP/1.1 403 Forbidden\r\n\r\n\xFF\xFE\x01 text", 403, "403 Forbidden: ?? text", NULL, 0, 0},
      {"HTTP/1.1 403 Forbidden\r\n\r\n\xC3\xA4\xE2\x82\xAC text", 403, "403 Forbidden: \xC3\xA4\xE2\x82\xAC text", NULL,
       0, 0},
  };
  static const genai_string_pair headers[] = {{"Authorization", "Bearer TOKEN_abcdefghijkl"}};
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    peer *p = peer_new(refuse, (void *)(uintptr_t)&refusals[i], i & 1 ? &leaf : NULL);
    client c = CLIENT(.tls = i & 1 ? client_tls() : NULL, .headers = headers, .header_count = 1);
    uint64_t begin = net_loop_now(loop);
    start(&c, p);
    assert_true(gate_wait(&c.ended, 1));
    uint64_t took = net_loop_now(loop) - begin;
    peer_free(p);
    assert_int_equal(c.error.status, GENAI_ERROR_HTTP);
    assert_int_equal(c.error.http_status, refusals[i].status);
    if (!strstr(c.error.message, refusals[i].text)) fail_msg("%s", c.error.message);
    if (refusals[i].absent) assert_null(strstr(c.error.message, refusals[i].absent));
    assert_null(strstr(c.error.message, "TOKEN"));
    assert_in_range(took, refusals[i].least_ms, refusals[i].least_ms + rig_patience(1800));
    assert_int_equal(gate_count(&c.opened), 0);
    net_tls_drop(c.tls);
  }
}

static void refuse_at_length(peer_io *io, void *argument) {
  char head[4096], line[1001];
  (void)argument;
  if (!peer_read_head(io, head, sizeof head)) return;
  memset(line, 'y', 1000);
  memcpy(line, "\xE2\x82\xAC ", 4);
  line[1000] = '\0';
  peer_text(io, "HTTP/1.1 403 Forbidden\r\nContent-Length: 100000000\r\n\r\n");
  for (int i = 0; i < 100000 && peer_text(io, line); i++) {}
}

static void test_a_refusal_without_end(void **state) {
  (void)state;
  peer *p = peer_new(refuse_at_length, NULL, NULL);
  client c = CLIENT(.pause = false);
  start(&c, p);
  assert_true(gate_wait(&c.ended, 1));
  peer_free(p);
  assert_int_equal(c.error.status, GENAI_ERROR_HTTP);
  assert_in_range(strlen(c.error.message), 50, 1200);
  assert_non_null(strstr(c.error.message, "\xE2\x82\xAC yyy"));
}

static void test_answers_that_are_no_upgrade(void **state) {
  (void)state;
  static const refusal answers[] = {
      {"HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
       "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
       0, "Sec-WebSocket-Accept does not answer our key", NULL, 1, 0},
      {"HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\n\r\n", 0, "Upgrade header", NULL, 1, 0},
      {"SSH-2.0-OpenSSH_9.2\r\n", 0, "does not speak proper HTTP", NULL, 1, 0},
      {"HTTP/1.1 101 Fine\r\nbroken\r\n\r\n", 0, "no colon", NULL, 1, 0},
  };
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    peer *p = peer_new(refuse, (void *)(uintptr_t)&answers[i], NULL);
    client c = CLIENT(.pause = false);
    start(&c, p);
    assert_true(gate_wait(&c.ended, 1));
    peer_free(p);
    assert_int_equal(c.error.status, GENAI_ERROR_PROTOCOL);
    if (!strstr(c.error.message, answers[i].text)) fail_msg("%s", c.error.message);
    assert_non_null(strstr(c.error.message, "127.0.0.1 port "));
  }
}

static void say_nothing(peer_io *io, void *argument) {
  char head[4096];
  (void)argument;
  peer_read_head(io, head, sizeof head);
}

static void test_no_answer_to_the_upgrade(void **state) {
  (void)state;
  peer *p = peer_new(say_nothing, NULL, NULL);
  client c = CLIENT(.pause = false);
  start(&c, p);
  assert_true(gate_wait(&c.ended, 1));
  peer_free(p);
  assert_int_equal(c.error.status, GENAI_ERROR_LOST);
  assert_non_null(strstr(c.error.message, "ended the connection before it answered the WebSocket upgrade."));
}

static void test_plain_to_a_tls_peer(void **state) {
  (void)state;
  peer *p = peer_new(echo, NULL, &leaf);
  client c = CLIENT(.pause = false);
  start(&c, p);
  assert_true(gate_wait(&c.ended, 1));
  peer_free(p);
  /* OpenSSL's server may say so with an alert, or just hang up. */
  assert_true(c.error.status == GENAI_ERROR_PROTOCOL || c.error.status == GENAI_ERROR_LOST);
  if (c.error.status == GENAI_ERROR_PROTOCOL)
    assert_non_null(strstr(c.error.message, "speaks TLS where plain text was expected"));
}

static void test_bad_arguments(void **state) {
  (void)state;
  static const genai_string_pair bad = {"X-Bad", "a\r\nb"}, own = {"Upgrade", "x"};
  const genai_string_pair *headers[] = {&bad, &own, NULL};
  for (int i = 0; i < 3; i++) {
    client c = CLIENT(.port = 1, .headers = headers[i], .header_count = headers[i] ? 1 : 0,
                      .target = headers[i] ? NULL : "/a b");
    rig_on_loop(loop, connect_client, &c);
    assert_true(c.connect_status == GENAI_ERROR_ARGUMENT || (!headers[i] && c.connect_status != GENAI_OK));
    assert_null(c.ws);
  }
}

/* ---- aborting and memory ---- */

static void play_everything(peer_io *io, const void *argument) {
  uint8_t data[200];
  size_t size = sizeof data;
  (void)argument;
  peer_read_frame(io, data, &size);
  peer_frame(io, TEXT, "one", 3);
  peer_frame(io, PONG, NULL, 0);
  rig_sleep_us(1000);
  peer_frame(io, TEXT, "two", 3);
  peer_frame(io, CLOSE, "\x03\xE8", 2);
}

static void test_abort_in_every_event(void **state) {
  (void)state;
  payload *message = message_of(100, 0);
  for (int tls = 0; tls < 2; tls++) {
    script s = {.play = play_everything};
    peer *p = peer_new(play, &s, tls ? &leaf : NULL);
    net_tls *shared = tls ? client_tls() : NULL;
    int at = 1;
    for (;; at++) {
      client c = CLIENT(.tls = shared, .to_send = &message, .send_count = 1, .abort_at = at);
      start(&c, p);
      while (!gate_wait_ms(&c.aborted, 1, 1) && !gate_count(&c.ended)) {}
      rig_settle(loop);
      if (c.events < at) break;
    }
    assert_in_range(at, 6, 9); /* open, message, pong, message, close, end */
    peer_free(p);
    net_tls_drop(shared);
  }
  assert_int_equal(message->references, 1);
  payload_drop(message);
}

static void note_phase_and_abort(void *user) {
  client *c = user;
  if (gate_count(&c->ended)) return;
  c->phase = net_ws_phase(c->ws);
  net_ws_abort(c->ws);
}

static void test_abort_in_every_phase(void **state) {
  (void)state;
  script s = {.play = play_everything};
  peer *p = peer_new(play, &s, &leaf);
  net_tls *tls = client_tls();
  for (int i = 0; i < 150; i++) {
    client c = CLIENT(.tls = tls);
    start(&c, p);
    rig_sleep_us(i % 30 * 100);
    rig_on_loop(loop, note_phase_and_abort, &c);
    assert_int_equal(gate_count(&c.ended), 0);
    assert_non_null(c.phase);
  }
  peer_free(p);
  net_tls_drop(tls);
}

static void test_memory_out(void **state) {
  (void)state;
  net_loop_free(loop); /* its thread would share the failing allocator */
  loop = NULL;
  payload *message = message_of(100, 0);
  for (int kind = 0; kind < 2; kind++) {
    static const refusal no = {"HTTP/1.1 403 Forbidden\r\nContent-Length: 74\r\n\r\n\1" JSON, 403, NULL, NULL, 0, 0};
    script s = {.play = play_everything};
    peer *p = kind ? peer_new(refuse, (void *)(uintptr_t)&no, NULL) : peer_new(play, &s, &leaf);
    net_tls *tls = kind ? NULL : client_tls();
    for (long n = 1;; n++) {
      long alive;
      rig_fail_alloc(n);
      net_loop *own = NULL, *common = loop;
      client c = CLIENT(.tls = tls, .to_send = &message, .send_count = 1, .port = peer_port(p));
      genai_status status = net_loop_new(&own, &c.error);
      if (!status) {
        loop = own;
        rig_on_loop(loop, connect_client, &c);
        status = c.connect_status;
        if (!status) {
          assert_true(gate_wait(&c.ended, 1));
          status = c.error.status;
        }
        loop = common;
      }
      net_loop_free(own);
      bool reached = rig_fail_stop(&alive) >= n;
      assert_int_equal(alive, 0);
      assert_int_equal(message->references, 1);
      if (!reached) assert_int_equal(status, kind ? GENAI_ERROR_HTTP : GENAI_OK);
      if (!reached) break;
      bool expected =
          status == GENAI_ERROR_MEMORY || status == GENAI_ERROR_TLS || status == GENAI_OK || status == GENAI_ERROR_HTTP;
      if (!expected) fail_msg("allocation %ld: %d %s", n, status, c.error.message);
    }
    peer_free(p);
    net_tls_drop(tls);
  }
  payload_drop(message);
}

static int set_up(void **state) {
  (void)state;
  pki_make(&ca, NULL, NULL, 0, 10);
  pki_make(&leaf, &ca, "DNS:localhost,IP:127.0.0.1", 0, 10);
  strcpy(ca_path, rig_file(ca.chain_pem));
  return net_loop_new(&loop, NULL);
}

static int tear_down(void **state) {
  (void)state;
  net_loop_free(loop);
  unlink(ca_path);
  pki_free(&leaf);
  pki_free(&ca);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_echo),
      cmocka_unit_test(test_many_small_messages),
      cmocka_unit_test(test_fragments_and_pings),
      cmocka_unit_test(test_one_byte_pieces),
      cmocka_unit_test(test_every_close_code),
      cmocka_unit_test(test_messages_are_delivered_while_closing),
      cmocka_unit_test(test_a_close_without_answer),
      cmocka_unit_test(test_close_before_it_is_open),
      cmocka_unit_test(test_protocol_errors),
      cmocka_unit_test(test_fragments_over_the_ceiling),
      cmocka_unit_test(test_lost),
      cmocka_unit_test(test_a_peer_that_stops_reading),
      cmocka_unit_test(test_refused_upgrades),
      cmocka_unit_test(test_a_refusal_without_end),
      cmocka_unit_test(test_answers_that_are_no_upgrade),
      cmocka_unit_test(test_no_answer_to_the_upgrade),
      cmocka_unit_test(test_plain_to_a_tls_peer),
      cmocka_unit_test(test_bad_arguments),
      cmocka_unit_test(test_abort_in_every_event),
      cmocka_unit_test(test_abort_in_every_phase),
      cmocka_unit_test(test_memory_out),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
