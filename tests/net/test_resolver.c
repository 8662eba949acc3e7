#include "net/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "fake_dns.h"

static net_loop *loop;

typedef struct query {
  const char *host;
  int port;
  net_lookup *lookup;
  genai_status status;
  genai_error error;
  net_addresses addresses;
  bool on_loop, inside; /* called back from inside net_resolve */
  gate done;
} query;

static void on_resolved(void *user, const net_addresses *addresses, const genai_error *error) {
  query *q = user;
  q->addresses = *addresses;
  if (error) q->error = *error;
  q->on_loop = net_loop_is_current(loop);
  q->lookup = NULL;
  gate_open(&q->done);
}

static void ask(void *user) {
  query *q = user;
  q->status = net_resolve(&q->lookup, loop, q->host, q->port, on_resolved, q, &q->error);
  q->inside = gate_count(&q->done) > 0;
}

static void cancel(void *user) { net_resolve_cancel(((query *)user)->lookup); }

static void ask_and_cancel(void *user) {
  ask(user);
  cancel(user);
}

#define QUERY(...) \
  { .port = 443, .done = GATE_INIT, __VA_ARGS__ }

static void run(query *q) {
  rig_on_loop(loop, ask, q);
  assert_int_equal(q->status, GENAI_OK);
  assert_true(gate_wait(&q->done, 1));
  assert_true(q->on_loop);
  assert_false(q->inside);
}

static const char *text_of(const net_address *a) {
  static char text[4][INET6_ADDRSTRLEN];
  static int next;
  char *out = text[next++ & 3];
  if (a->any.sa_family == AF_INET6)
    inet_ntop(AF_INET6, &a->ip6.sin6_addr, out, INET6_ADDRSTRLEN);
  else
    inet_ntop(AF_INET, &a->ip4.sin_addr, out, INET6_ADDRSTRLEN);
  return out;
}

static void test_addresses_need_no_lookup(void **state) {
  (void)state;
  int before = fake_dns_calls();
  query four = QUERY(.host = "192.0.2.7"), six = QUERY(.host = "2001:db8::7");
  run(&four);
  run(&six);
  assert_int_equal(fake_dns_calls(), before);
  assert_int_equal(four.addresses.count, 1);
  assert_string_equal(text_of(&four.addresses.items[0]), "192.0.2.7");
  assert_int_equal(ntohs(four.addresses.items[0].ip4.sin_port), 443);
  assert_string_equal(text_of(&six.addresses.items[0]), "2001:db8::7");
  assert_int_equal(ntohs(six.addresses.items[0].ip6.sin6_port), 443);
}

/* RFC 6761 section 6.3: whatever the name servers would say. */
static void test_localhost_is_here(void **state) {
  (void)state;
  static const char *const names[] = {"localhost", "LOCALHOST.", "emulator.localhost", "a.b.localhost"};
  int before = fake_dns_calls();
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    query q = QUERY(.host = names[i]);
    run(&q);
    assert_int_equal(q.error.status, GENAI_OK);
    assert_int_equal(q.addresses.count, 2);
    assert_int_equal(q.addresses.items[0].ip4.sin_family, AF_INET);
    assert_int_equal(ntohl(q.addresses.items[0].ip4.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_true(IN6_IS_ADDR_LOOPBACK(&q.addresses.items[1].ip6.sin6_addr));
    assert_int_equal(ntohs(q.addresses.items[1].ip6.sin6_port), 443);
  }
  assert_int_equal(fake_dns_calls(), before);
}

static void test_families_alternate(void **state) {
  (void)state;
  query q = QUERY(.host = "four.example");
  run(&q);
  assert_int_equal(q.addresses.count, 4);
  static const char *const order[] = {"127.0.0.2", "::1", "127.0.0.3", "::2"};
  for (size_t i = 0; i < 4; i++) assert_string_equal(text_of(&q.addresses.items[i]), order[i]);
  query many = QUERY(.host = "many.example");
  run(&many);
  assert_int_equal(many.addresses.count, NET_ADDRESSES_MAX);
}

static void test_failures_are_sentences(void **state) {
  (void)state;
  static const struct {
    const char *host;
    int os_error;
    const char *text;
  } cases[] = {
      {"unknown.example", 0, "The host name unknown.example could not be resolved: Name or service not known."},
      {"again.example", 0, "The host name again.example could not be resolved: Temporary failure in name resolution."},
      {"system.example", EMFILE, "The host name system.example could not be resolved: too many open files."},
      {"empty.example", 0, "The host name empty.example has no IPv4 or IPv6 address."}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    query q = QUERY(.host = cases[i].host);
    run(&q);
    assert_int_equal(q.error.status, GENAI_ERROR_RESOLVE);
    assert_int_equal(q.error.os_error, cases[i].os_error);
    assert_memory_equal(q.error.message, cases[i].text, strlen(cases[i].text) - 1); /* libc's words, then ours */
    assert_int_equal(q.addresses.count, 0);
  }
}

static void unblock(void) { gate_open(&fake_dns_go); }

static void block(void) {
  fake_dns_go = (gate)GATE_INIT;
  fake_dns_waiting = (gate)GATE_INIT;
}

static void test_equal_names_share_a_lookup(void **state) {
  (void)state;
  block();
  int before = fake_dns_calls();
  query same[50];
  for (int i = 0; i < 50; i++) {
    same[i] = (query)QUERY(.host = "block.example");
    rig_on_loop(loop, ask, &same[i]);
    if (i == 0) assert_true(gate_wait(&fake_dns_waiting, 1)); /* joining a running one, too */
  }
  query other = QUERY(.host = "block.example"), quick = QUERY(.host = "quick.example");
  other.port = 80;
  rig_on_loop(loop, ask, &other);
  run(&quick); /* is not held up */
  assert_true(gate_wait(&fake_dns_waiting, 2));
  rig_on_loop(loop, cancel, &same[7]);
  unblock();
  for (int i = 0; i < 50; i++) {
    if (i != 7) assert_true(gate_wait(&same[i].done, 1));
    if (i != 7) assert_int_equal(same[i].addresses.count, 1);
  }
  assert_true(gate_wait(&other.done, 1));
  assert_int_equal(ntohs(other.addresses.items[0].ip4.sin_port), 80);
  assert_int_equal(fake_dns_calls() - before, 3);
  assert_int_equal(gate_count(&same[7].done), 0);
}

static void test_cancelled_at_every_moment(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    query q = QUERY(.host = i & 1 ? "name.example" : "192.0.2.1");
    if (i % 4 < 2) {
      rig_on_loop(loop, ask_and_cancel, &q);
    } else {
      rig_on_loop(loop, ask, &q);
      rig_on_loop(loop, cancel, &q); /* NULL when it is done */
    }
    int done = gate_count(&q.done);
    rig_sleep_us(i % 7 * 10);
    rig_on_loop(loop, cancel, &(query){.lookup = NULL});
    assert_int_equal(gate_count(&q.done), done);
  }
}

/* All threads are blocked, then the queue is full: one more name is refused; a cancelled one makes room. */
static void test_the_queue_has_an_end(void **state) {
  (void)state;
  enum { THREADS = 16, QUEUE = 1024, ALL = THREADS + QUEUE };
  block();
  query *all = calloc(ALL + 1, sizeof *all);
  char(*names)[32] = calloc(ALL + 1, sizeof *names);
  for (int i = 0; i <= ALL; i++) {
    snprintf(names[i], sizeof names[i], "block-%d.example", i);
    all[i] = (query)QUERY(.host = names[i]);
    rig_on_loop(loop, ask, &all[i]);
    if (i < THREADS) assert_true(gate_wait(&fake_dns_waiting, i + 1));
  }
  for (int i = 0; i < ALL; i++) assert_int_equal(all[i].status, GENAI_OK);
  assert_int_equal(all[ALL].status, GENAI_ERROR_RESOLVE);
  assert_non_null(strstr(all[ALL].error.message, "1024 other names already wait"));
  rig_on_loop(loop, cancel, &all[ALL - 1]);
  rig_on_loop(loop, ask, &all[ALL]);
  assert_int_equal(all[ALL].status, GENAI_OK);
  assert_int_equal(gate_count(&fake_dns_waiting), THREADS);
  unblock();
  for (int i = 0; i <= ALL; i++)
    if (i != ALL - 1) assert_true(gate_wait(&all[i].done, 1));
  free(all);
  free(names);
}

/* A blocked getaddrinfo holds up nobody: not the end of the loop, not the next one. */
static void test_the_end_does_not_wait_for_a_blocked_lookup(void **state) {
  (void)state;
  block();
  query stuck[3] = {QUERY(.host = "block-a.example"), QUERY(.host = "block-b.example"),
                    QUERY(.host = "block-c.example")};
  for (int i = 0; i < 3; i++) rig_on_loop(loop, ask, &stuck[i]);
  assert_true(gate_wait(&fake_dns_waiting, 3));
  for (int i = 0; i < 3; i++) rig_on_loop(loop, cancel, &stuck[i]);
  uint64_t begin = net_loop_now(loop);
  net_loop_free(loop);
  assert_int_equal(net_loop_new(&loop, NULL), GENAI_OK);
  assert_true(net_loop_now(loop) - begin < rig_patience(5000));
  query next = QUERY(.host = "next.example"), again = QUERY(.host = "block-a.example");
  run(&next);
  rig_on_loop(loop, ask, &again); /* joins what is still under way */
  unblock();
  assert_true(gate_wait(&again.done, 1));
  for (int i = 0; i < 3; i++) assert_int_equal(gate_count(&stuck[i].done), 0);
}

static void test_loops_come_and_go(void **state) {
  (void)state;
  net_loop_free(loop);
  for (int i = 0; i < 30; i++) {
    assert_int_equal(net_loop_new(&loop, NULL), GENAI_OK);
    query q = QUERY(.host = "name.example");
    run(&q);
    assert_int_equal(q.addresses.count, 1);
    net_loop_free(loop);
  }
  assert_int_equal(net_loop_new(&loop, NULL), GENAI_OK);
}

static void test_memory_out(void **state) {
  (void)state;
  net_loop_free(loop);
  for (long n = 1;; n++) {
    long alive;
    rig_fail_alloc(n);
    query q = QUERY(.host = "name.example");
    genai_status status = net_loop_new(&loop, NULL);
    if (!status) {
      rig_on_loop(loop, ask, &q);
      status = q.status;
      if (!status) assert_true(gate_wait(&q.done, 1));
      net_loop_free(loop);
    }
    bool reached = rig_fail_stop(&alive) >= n;
    assert_int_equal(alive, 0);
    if (!reached) {
      assert_int_equal(q.addresses.count, 1);
      break;
    }
    assert_int_equal(status, GENAI_ERROR_MEMORY);
  }
  loop = NULL;
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
      cmocka_unit_test(test_addresses_need_no_lookup),
      cmocka_unit_test(test_localhost_is_here),
      cmocka_unit_test(test_families_alternate),
      cmocka_unit_test(test_failures_are_sentences),
      cmocka_unit_test(test_equal_names_share_a_lookup),
      cmocka_unit_test(test_cancelled_at_every_moment),
      cmocka_unit_test(test_the_queue_has_an_end),
      cmocka_unit_test(test_the_end_does_not_wait_for_a_blocked_lookup),
      cmocka_unit_test(test_loops_come_and_go),
      cmocka_unit_test(test_memory_out),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
