/* Proxy settings, the talk with proxies, and requests through them: small ones of our own, and Debian's tinyproxy and microsocks
 * where they are installed. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/request.h"
#include "net/tunnel.h"
#include "peer.h"
#include "rig.h"

/* ---- settings ---- */

static void parses(const char *text, net_proxy_kind kind, const char *host, int port, const char *user, const char *password) {
  net_proxy p;
  genai_error error = {0};
  if (net_proxy_parse(&p, text, &error) != GENAI_OK) fail_msg("%s: %s", text, error.message);
  assert_int_equal(p.kind, kind);
  assert_string_equal(p.host, host);
  assert_int_equal(p.port, port);
  assert_int_equal(p.login, user != NULL);
  if (user) assert_string_equal(p.user, user);
  if (user) assert_string_equal(p.password, password);
}

static void settings(void **state) {
  (void)state;
  parses("proxy", NET_PROXY_HTTP, "proxy", 80, NULL, NULL);
  parses("http://proxy:3128/", NET_PROXY_HTTP, "proxy", 3128, NULL, NULL);
  parses("SOCKS5://[::1]:99", NET_PROXY_SOCKS5, "::1", 99, NULL, NULL);
  parses("socks5h://u:p%40ss%3a@h", NET_PROXY_SOCKS5H, "h", 1080, "u", "p@ss:");
  parses("http://me@h:1", NET_PROXY_HTTP, "h", 1, "me", "");
  static const char *const bad[] = {"", "https://h", "ftp://h", "h:0", "h:99999", "h:x", "http://[::1", "http://u:secret@", "http://a%00:b@h"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    net_proxy p;
    genai_error error = {0};
    assert_int_equal(net_proxy_parse(&p, bad[i], &error), GENAI_ERROR_ARGUMENT);
    assert_null(strstr(error.message, "secret"));
  }
}

static void bypasses(void **state) {
  (void)state;
  static const struct { const char *list, *host; int port; bool direct; } cases[] = {
      {"*", "x", 1, true},           {"example.org", "example.org", 1, true},  {"example.org", "a.example.org", 1, true},
      {".example.org", "example.org", 1, true}, {"example.org", "badexample.org", 1, false}, {"a, b,c", "b", 1, true},
      {"h:80", "h", 80, true},       {"h:80", "h", 81, false},                 {"10.0.0.0/8", "10.1.2.3", 1, true},
      {"10.0.0.0/8", "11.1.2.3", 1, false}, {"192.168.1.128/25", "192.168.1.129", 1, true}, {"192.168.1.128/25", "192.168.1.1", 1, false},
      {"fd00::/8", "fd12::1", 1, true}, {"[::1]:443", "::1", 443, true},       {"::1", "::1", 1, true}, {"EXAMPLE.org.", "example.ORG", 1, true},
      {"", "x", 1, false},           {NULL, "x", 1, false},                    {"*.example.org", "a.example.org", 1, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (net_proxy_bypassed(cases[i].list, cases[i].host, cases[i].port) != cases[i].direct) fail_msg("%s and %s", cases[i].list, cases[i].host);
}

static const char *const *variables;

static const char *environment(const char *name) {
  size_t size = strlen(name);
  for (const char *const *v = variables; v && *v; v++)
    if (!strncmp(*v, name, size) && (*v)[size] == '=') return *v + size + 1;
  return NULL;
}

static void chooses(const char *given, const char *const *env, const char *host, bool tls, const char *expected) {
  net_proxy p;
  variables = env;
  assert_int_equal(net_proxy_choose(&p, given, NULL, environment, host, 443, tls, NULL), GENAI_OK);
  if (expected) assert_string_equal(p.host, expected);
  assert_int_equal(p.kind != NET_PROXY_NONE, expected != NULL);
}

#define ENV(...) (const char *const[]){__VA_ARGS__, NULL}

static void choices(void **state) {
  (void)state;
  chooses(NULL, NULL, "h", true, NULL);
  chooses(NULL, ENV("HTTPS_PROXY=a"), "h", true, "a");
  chooses(NULL, ENV("https_proxy=b", "HTTPS_PROXY=a"), "h", true, "b");
  chooses(NULL, ENV("ALL_PROXY=socks5://c"), "h", true, "c");
  chooses(NULL, ENV("HTTP_PROXY=evil"), "h", false, NULL);
  chooses(NULL, ENV("http_proxy=d"), "h", false, "d");
  chooses(NULL, ENV("HTTPS_PROXY=a", "NO_PROXY=h"), "h", true, NULL);
  chooses(NULL, ENV("HTTPS_PROXY=a"), "127.0.0.1", true, NULL);
  chooses("mine", ENV("HTTPS_PROXY=a"), "127.0.0.1", true, "mine");
  chooses("", ENV("HTTPS_PROXY=a"), "h", true, NULL);
}

/* ---- the talk, in one piece and byte by byte ---- */

static genai_status talk(net_proxy_kind kind, bool login, const char *host, const char *answers, size_t size, size_t step,
                         char *said, size_t *said_size, genai_error *error) {
  net_proxy p = {.kind = kind, .host = "proxy", .port = 1, .login = login, .user = "u", .password = "pw"};
  tunnel t;
  genai_status status = tunnel_init(&t, &p, host, 443, error);
  *said_size = 0;
  for (size_t at = 0; status == GENAI_OK || status == GENAI_WOULD_BLOCK;) {
    memcpy(said + *said_size, t.out.data, t.out.size);
    *said_size += t.out.size;
    buf_clear(&t.out);
    if (at == size) break;
    size_t n = size - at < step ? size - at : step;
    status = tunnel_feed(&t, (const uint8_t *)answers + at, n, error);
    at += n;
    if (status == GENAI_OK) break;
  }
  memcpy(said + *said_size, t.out.data ? (const char *)t.out.data : "", t.out.size);
  *said_size += t.out.size;
  tunnel_deinit(&t);
  return status;
}

static void talks(net_proxy_kind kind, bool login, const char *host, const char *answers, size_t size, const char *expected, size_t expected_size) {
  for (size_t step = 1; step <= size; step++) {
    char said[2048];
    size_t said_size;
    genai_error error = {0};
    if (talk(kind, login, host, answers, size, step, said, &said_size, &error) != GENAI_OK) fail_msg("%s", error.message);
    assert_int_equal(said_size, expected_size);
    assert_memory_equal(said, expected, said_size);
  }
}

#define TALK(kind, login, host, answers, said) talks(kind, login, host, answers, sizeof answers - 1, said, sizeof said - 1)

static void open_tunnels(void **state) {
  (void)state;
  TALK(NET_PROXY_HTTP, false, "h.example", "HTTP/1.1 200 Connection established\r\n\r\n", "CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\n\r\n");
  TALK(NET_PROXY_HTTP, true, "::1", "HTTP/1.0 200 OK\r\nVia: x\r\n\r\n",
       "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nProxy-Authorization: Basic dTpwdw==\r\n\r\n");
  TALK(NET_PROXY_SOCKS5H, false, "h", "\5\0\5\0\0\1\1\2\3\4\0\5", "\5\1\0\5\1\0\3\1h\1\273");
  TALK(NET_PROXY_SOCKS5, true, "127.0.0.1", "\5\2\1\0\5\0\0\3\2ab\0\5", "\5\2\0\2\1\1u\2pw\5\1\0\1\177\0\0\1\1\273");
}

static void refuses(net_proxy_kind kind, const char *answers, size_t size, const char *part) {
  char said[2048];
  size_t said_size;
  genai_error error = {0};
  assert_int_equal(talk(kind, true, "h", answers, size, 1, said, &said_size, &error), GENAI_ERROR_PROXY);
  if (!strstr(error.message, part)) fail_msg("%s", error.message);
  assert_non_null(strstr(error.message, "proxy port 1"));
  assert_null(strstr(error.message, "pw"));
}

#define REFUSES(kind, answers, part) refuses(kind, answers, sizeof answers - 1, part)

static void refusals(void **state) {
  (void)state;
  REFUSES(NET_PROXY_HTTP, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407");
  REFUSES(NET_PROXY_HTTP, "HTTP/1.1 403 Filtered\r\n\r\n", "403 Filtered");
  REFUSES(NET_PROXY_HTTP, "HTTP/1.1 403 Not with pw\r\n\r\n", "answered 403.");
  REFUSES(NET_PROXY_HTTP, "HTTP/1.1 403 Not with dTpwdw==\r\n\r\n", "answered 403.");
  REFUSES(NET_PROXY_HTTP, "SSH-2.0\r\n\r\n", "no HTTP");
  REFUSES(NET_PROXY_SOCKS5H, "HTTP/1.1 400", "no SOCKS5");
  REFUSES(NET_PROXY_SOCKS5H, "\5\377", "wants a login");
  REFUSES(NET_PROXY_SOCKS5H, "\5\2\1\1", "did not accept user and password");
  REFUSES(NET_PROXY_SOCKS5H, "\5\0\5\5\0\1", "refused");
  REFUSES(NET_PROXY_SOCKS5H, "\5\0\5\0\0\11\1\1", "unknown kind");
}

/* ---- through them ---- */

typedef struct run {
  net_loop *loop;
  net_request *request;
  net_proxy proxy;
  net_request_params params;
  gate done;
  genai_error error;
  int status;
  genai_status started;
} run;

static void done(void *user, const genai_error *error, int status, const char *body, size_t size) {
  run *r = user;
  (void)body, (void)size;
  r->error = *error;
  r->status = status;
  gate_open(&r->done);
}

static void start(void *argument) {
  run *r = argument;
  r->started = net_request_start(&r->request, r->loop, &r->params, done, r, &r->error);
}

static void fetch(run *r, const char *proxy, const char *host, int port) {
  *r = (run){.done = GATE_INIT, .params = {.target = {host, port, NULL, NULL, &r->proxy}, .method = "GET", .path = "/", .keep = 64, .timeout_ms = 10000}};
  assert_int_equal(net_proxy_parse(&r->proxy, proxy, NULL), GENAI_OK);
  assert_int_equal(net_loop_new(&r->loop, NULL), GENAI_OK);
  rig_on_loop(r->loop, start, r);
  assert_int_equal(r->started, GENAI_OK);
  assert_true(gate_wait(&r->done, 1));
  net_loop_free(r->loop);
}

static void answer(peer_io *io, void *argument) {
  char head[2048] = "";
  (void)argument;
  if (peer_read_head(io, head, sizeof head)) peer_text(io, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

/* A proxy that is its own target. */
static void both(peer_io *io, void *argument) {
  char head[2048] = "";
  if (!peer_read_head(io, head, sizeof head)) return;
  snprintf(argument, 256, "%.60s", head);
  peer_text(io, "HTTP/1.1 200 OK\r\n\r\n");
  answer(io, NULL);
}

static void through_our_own(void **state) {
  (void)state;
  char heard[256] = "", url[64];
  run r;
  peer *p = peer_new(both, heard, NULL);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", peer_port(p));
  fetch(&r, url, "far.example", 80);
  peer_free(p);
  assert_int_equal(r.error.status, GENAI_OK);
  assert_int_equal(r.status, 200);
  assert_non_null(strstr(heard, "CONNECT far.example:80 HTTP/1.1\r\n"));
  fetch(&r, "http://127.0.0.1:1", "far.example", 80);
  assert_int_equal(r.error.status, GENAI_ERROR_PROXY);
  assert_non_null(strstr(r.error.message, "the proxy 127.0.0.1 port 1"));
}

/* Debian's proxies, each for one request to a peer of ours; false when it is not installed. */
static bool through(peer *target, const char *const *argv, const char *url) {
  extern char **environ;
  pid_t pid;
  run r;
  char found[256];
  snprintf(found, sizeof found, "command -v %s > /dev/null 2>&1", argv[0]);
  if (system(found)) return false;
  assert_int_equal(posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ), 0);
  for (int tries = 0; tries < 200; tries++) {
    fetch(&r, url, "127.0.0.1", peer_port(target));
    if (r.error.status != GENAI_ERROR_PROXY || r.error.http_status) break; /* it is listening now */
    rig_sleep_us(20000);
  }
  kill(pid, SIGTERM);
  waitpid(pid, NULL, 0);
  if (r.error.status != GENAI_OK) fail_msg("%s: %s", argv[0], r.error.message);
  assert_int_equal(r.status, 200);
  return true;
}

/* Bound and never connected, so that nothing of it lingers. */
static int free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

static void through_tinyproxy(void **state) {
  (void)state;
  char url[64], config[256];
  peer *target = peer_new(answer, NULL, NULL); /* first: it must not get the proxy's port */
  int port = free_port();
  snprintf(config, sizeof config, "Port %d\nListen 127.0.0.1\nTimeout 10\nMaxClients 4\nBasicAuth u pw\n", port);
  snprintf(url, sizeof url, "http://u:pw@127.0.0.1:%d", port);
  const char *path = rig_file(config);
  bool tried = through(target, (const char *const[]){"tinyproxy", "-d", "-c", path, NULL}, url);
  peer_free(target);
  if (!tried) skip();
}

static void through_microsocks(void **state) {
  (void)state;
  char url[64], number[8];
  peer *target = peer_new(answer, NULL, NULL);
  int port = free_port();
  snprintf(number, sizeof number, "%d", port);
  snprintf(url, sizeof url, "socks5h://u:pw@127.0.0.1:%d", port);
  bool tried = through(target, (const char *const[]){"microsocks", "-i", "127.0.0.1", "-p", number, "-u", "u", "-P", "pw", NULL}, url);
  peer_free(target);
  if (!tried) skip();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(settings),        cmocka_unit_test(bypasses),          cmocka_unit_test(choices),
      cmocka_unit_test(open_tunnels),    cmocka_unit_test(refusals),          cmocka_unit_test(through_our_own),
      cmocka_unit_test(through_tinyproxy), cmocka_unit_test(through_microsocks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
