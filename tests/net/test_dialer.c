#include "net/dialer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "fake_dns.h"

static net_loop *loop;

/* ---- listening sockets ---- */

static struct sockaddr_in address(const char *ip, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, ip, &a.sin_addr);
  return a;
}

/* On port 0: any. */
static int listen_on(const char *ip, int *port, int backlog) {
  struct sockaddr_in a = address(ip, *port);
  socklen_t size = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr *)&a, size) || listen(fd, backlog)) {
    close(fd);
    return -1;
  }
  getsockname(fd, (struct sockaddr *)&a, &size);
  *port = ntohs(a.sin_port);
  return fd;
}

/* A port on which nothing is ever answered: its queue of connections is full, and what comes is dropped. */
typedef struct black_hole {
  int listener, fillers[8];
} black_hole;

static bool black_hole_open(black_hole *hole, const char *ip, int *port) {
  hole->listener = listen_on(ip, port, 0);
  if (hole->listener < 0) return false;
  for (size_t i = 0; i < 8; i++) {
    struct sockaddr_in a = address(ip, *port);
    hole->fillers[i] = socket(AF_INET, SOCK_STREAM, 0);
    fcntl(hole->fillers[i], F_SETFL, O_NONBLOCK);
    if (connect(hole->fillers[i], (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS) return false;
  }
  return true;
}

static void black_hole_close(black_hole *hole) {
  for (size_t i = 0; i < 8; i++) close(hole->fillers[i]);
  close(hole->listener);
}

/* ---- dials ---- */

typedef struct dial {
  const char *host;
  int port;
  net_dial *dial;
  genai_status status;
  genai_error error;
  uv_tcp_t *tcp;
  const char *phase;
  int no_delay, keepalive, close_on_exec;
  char peer[INET_ADDRSTRLEN];
  gate done;
} dial;

#define DIAL(...) \
  { .done = GATE_INIT, __VA_ARGS__ }

static void look_at_socket(dial *d) {
  uv_os_fd_t fd;
  struct sockaddr_in a;
  socklen_t size = sizeof a, int_size = sizeof(int);
  assert_int_equal(uv_fileno((uv_handle_t *)d->tcp, &fd), 0);
  getpeername(fd, (struct sockaddr *)&a, &size);
  inet_ntop(AF_INET, &a.sin_addr, d->peer, sizeof d->peer);
  getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &d->no_delay, &int_size);
  getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &d->keepalive, &int_size);
  d->close_on_exec = fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static void on_dialed(void *user, uv_tcp_t *tcp, const genai_error *error) {
  dial *d = user;
  d->dial = NULL;
  if (error) d->error = *error;
  d->tcp = tcp;
  if (tcp) {
    look_at_socket(d);
    uv_close((uv_handle_t *)tcp, net_tcp_closed);
  }
  gate_open(&d->done);
}

static void start(void *user) {
  dial *d = user;
  d->status = net_dial_start(&d->dial, loop, &(net_route){d->host, d->port, NULL}, on_dialed, d, &d->error);
}

static void stop(void *user) {
  dial *d = user;
  if (d->dial) d->phase = net_dial_phase(d->dial);
  net_dial_abort(d->dial);
}

static void run(dial *d) {
  rig_on_loop(loop, start, d);
  assert_int_equal(d->status, GENAI_OK);
  assert_true(gate_wait(&d->done, 1));
}

static void test_the_socket_is_tuned(void **state) {
  (void)state;
  int port = 0, fd = listen_on("127.0.0.1", &port, 5);
  dial d = DIAL(.host = "name.example", .port = port);
  run(&d);
  assert_non_null(d.tcp);
  assert_true(d.no_delay && d.keepalive && d.close_on_exec);
  close(fd);
}

static void test_the_next_address_follows_a_refusal_at_once(void **state) {
  (void)state;
  int port = 0, fd = listen_on("127.0.0.1", &port, 5);
  uint64_t took = 250;
  for (int i = 0; i < 5 && took >= 240; i++) { /* a busy machine may be late, but not always */
    dial d = DIAL(.host = "pair.example", .port = port);
    uint64_t begin = net_loop_now(loop);
    run(&d);
    took = net_loop_now(loop) - begin;
    assert_non_null(d.tcp);
    assert_string_equal(d.peer, "127.0.0.1");
  }
  assert_true(took < rig_patience(240));
  close(fd);
}

static void test_the_next_address_follows_a_silent_one_after_a_while(void **state) {
  (void)state;
  int port = 0, fd = listen_on("127.0.0.1", &port, 5);
  black_hole hole;
  if (!black_hole_open(&hole, "127.0.0.2", &port)) {
    print_message("skipped: 127.0.0.2 is missing\n");
    skip();
  }
  dial d = DIAL(.host = "pair.example", .port = port);
  uint64_t begin = net_loop_now(loop);
  run(&d);
  uint64_t took = net_loop_now(loop) - begin;
  assert_non_null(d.tcp);
  assert_string_equal(d.peer, "127.0.0.1");
  assert_in_range(took, 240, rig_patience(3000)); /* RFC 8305: 250 ms */
  black_hole_close(&hole);
  close(fd);
}

static void test_a_refused_port(void **state) {
  (void)state;
  int port = 0, fd = listen_on("127.0.0.1", &port, 5);
  close(fd);
  dial one = DIAL(.host = "name.example", .port = port), two = DIAL(.host = "pair.example", .port = port);
  char text[128];
  run(&one);
  run(&two);
  assert_int_equal(one.error.status, GENAI_ERROR_CONNECT);
  assert_int_equal(one.error.os_error, ECONNREFUSED);
  snprintf(text, sizeof text, "Could not connect to name.example port %d: connection refused.", port);
  assert_string_equal(one.error.message, text);
  snprintf(text, sizeof text, "Could not connect to pair.example port %d: connection refused (tried 2 addresses).",
           port);
  assert_string_equal(two.error.message, text);
}

static void test_an_unknown_host(void **state) {
  (void)state;
  dial d = DIAL(.host = "unknown.example", .port = 443);
  run(&d);
  assert_int_equal(d.error.status, GENAI_ERROR_RESOLVE);
  assert_null(d.tcp);
}

static void test_a_black_hole_ends_by_abort(void **state) {
  (void)state;
  int port = 0;
  black_hole hole;
  assert_true(black_hole_open(&hole, "127.0.0.1", &port));
  dial d = DIAL(.host = "name.example", .port = port);
  rig_on_loop(loop, start, &d);
  assert_false(gate_wait_ms(&d.done, 1, 400));
  rig_on_loop(loop, stop, &d);
  assert_string_equal(d.phase, "connecting");
  black_hole_close(&hole);
}

static void test_abort_in_every_phase(void **state) {
  (void)state;
  int port = 0, fd = listen_on("127.0.0.1", &port, 400);
  fake_dns_go = (gate)GATE_INIT;
  fake_dns_waiting = (gate)GATE_INIT;
  dial stuck = DIAL(.host = "block.example", .port = port);
  rig_on_loop(loop, start, &stuck);
  assert_true(gate_wait(&fake_dns_waiting, 1));
  rig_on_loop(loop, stop, &stuck);
  assert_string_equal(stuck.phase, "resolving");
  gate_open(&fake_dns_go);
  for (int i = 0; i < 200; i++) {
    dial d = DIAL(.host = i & 1 ? "name.example" : "127.0.0.1", .port = port);
    rig_on_loop(loop, start, &d);
    rig_sleep_us(i % 10 * 20);
    rig_on_loop(loop, stop, &d);
    int done = gate_count(&d.done);
    rig_sleep_us(100);
    assert_int_equal(gate_count(&d.done), done);
  }
  close(fd);
  assert_int_equal(gate_count(&stuck.done), 0);
}

static void test_memory_out(void **state) {
  (void)state;
  int port = 0, fd = listen_on("127.0.0.1", &port, 128);
  net_loop_free(loop);
  for (long n = 1;; n++) {
    long alive;
    rig_fail_alloc(n);
    dial d = DIAL(.host = "pair.example", .port = port);
    genai_status status = net_loop_new(&loop, NULL);
    if (!status) {
      rig_on_loop(loop, start, &d);
      status = d.status;
      if (!status) assert_true(gate_wait(&d.done, 1));
      net_loop_free(loop);
    }
    bool reached = rig_fail_stop(&alive) >= n;
    assert_int_equal(alive, 0);
    if (!status) status = d.error.status;
    if (!reached) {
      assert_int_equal(status, GENAI_OK);
      break;
    }
    assert_true(status == GENAI_ERROR_MEMORY || d.tcp); /* the second address makes up for the first attempt */
  }
  loop = NULL;
  close(fd);
}

static int set_up(void **state) {
  (void)state;
  return net_loop_new(&loop, NULL);
}

static int tear_down(void **state) {
  (void)state;
  net_loop_free(loop);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_socket_is_tuned),
      cmocka_unit_test(test_the_next_address_follows_a_refusal_at_once),
      cmocka_unit_test(test_the_next_address_follows_a_silent_one_after_a_while),
      cmocka_unit_test(test_a_refused_port),
      cmocka_unit_test(test_an_unknown_host),
      cmocka_unit_test(test_a_black_hole_ends_by_abort),
      cmocka_unit_test(test_abort_in_every_phase),
      cmocka_unit_test(test_memory_out),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
