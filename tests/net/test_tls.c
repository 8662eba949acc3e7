#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "net/stream_private.h"
#include "peer.h"
#include "rig.h"

static net_loop *loop;
static pki_cert ca, other_ca, leaf;
static char ca_path[64], other_path[64];

/* ---- a connection that is closed when it is ready ---- */

typedef struct visit {
  const char *host, *tls_name;
  int port;
  net_tls *tls;
  net_stream *stream;
  bool ready, resumed;
  int version;
  char greeting[16];
  genai_status status;
  genai_error error;
  gate ended;
} visit;

#define VISIT(...) \
  { .host = "127.0.0.1", .ended = GATE_INIT, __VA_ARGS__ }

static void on_ready(void *user) {
  visit *v = user;
  v->ready = true;
  v->resumed = SSL_session_reused(v->stream->ssl);
  v->version = SSL_version(v->stream->ssl);
}

/* Session tickets come before it. */
static size_t on_data(void *user, uint8_t *data, size_t size) {
  visit *v = user;
  snprintf(v->greeting, sizeof v->greeting, "%.*s", (int)size, (const char *)data);
  net_stream_close(v->stream);
  return size;
}

static void on_end(void *user, const genai_error *error) {
  visit *v = user;
  v->error = *error;
  gate_open(&v->ended);
}

static void begin(void *user) {
  static const net_stream_events events = {.ready = on_ready, .data = on_data, .end = on_end};
  visit *v = user;
  net_stream_target target = {.host = v->host, .port = v->port, .tls = v->tls, .tls_name = v->tls_name};
  v->status = net_stream_connect(&v->stream, loop, &target, &events, v, &v->error);
}

static void greet(peer_io *io, void *argument) {
  (void)argument;
  peer_text(io, "welcome");
  peer_drain(io);
  SSL_shutdown(io->ssl);
}

static void run(visit *v, const pki_cert *cert) {
  peer *p = peer_new(greet, NULL, cert);
  v->port = peer_port(p);
  rig_on_loop(loop, begin, v);
  assert_int_equal(v->status, GENAI_OK);
  assert_true(gate_wait(&v->ended, 1));
  peer_free(p);
}

static net_tls *client(net_tls_options options) {
  net_tls *tls;
  genai_error error = {0};
  if (net_tls_client_new(&tls, &options, &error)) fail_msg("%s", error.message);
  return tls;
}

/* ---- names and certificates ---- */

typedef struct certificate_case {
  const char *san, *host, *tls_name;
  int issuer; /* 0: itself, 1: trusted, 2: not trusted */
  int from_days, until_days;
  const char *text; /* of the refusal; NULL: accepted */
} certificate_case;

static void test_certificates(void **state) {
  (void)state;
  static const certificate_case cases[] = {
      {"DNS:localhost,IP:127.0.0.1", "127.0.0.1", NULL, 1, 0, 10, NULL},
      {"DNS:service.example", "127.0.0.1", "service.example", 1, 0, 10, NULL},
      {"DNS:service.example", "127.0.0.1", "service.example.", 1, 0, 10, NULL},
      {"DNS:*.service.example", "127.0.0.1", "a.service.example", 1, 0, 10, NULL},
      {"IP:127.0.0.1", "127.0.0.1", NULL, 1, -10, -5,
       "certificate has expired. If it should be valid today, check this machine's clock."},
      {"IP:127.0.0.1", "127.0.0.1", NULL, 1, 5, 10, "certificate is not yet valid. If it should be valid today"},
      {"IP:127.0.0.1", "127.0.0.1", NULL, 0, 0, 10, "self-signed certificate. If you trust its issuer"},
      {"IP:127.0.0.1", "127.0.0.1", NULL, 2, 0, 10, "unable to get local issuer certificate. If you trust its issuer"},
      {"DNS:other.example", "127.0.0.1", "service.example", 1, 0, 10,
       "hostname mismatch. It was issued for another name"},
      {"DNS:a*.service.example", "127.0.0.1", "ab.service.example", 1, 0, 10, "hostname mismatch"},
      {"DNS:*.service.example", "127.0.0.1", "b.a.service.example", 1, 0, 10, "hostname mismatch"},
      {"DNS:localhost", "127.0.0.1", NULL, 1, 0, 10, "IP address mismatch. It was issued for another name"},
      {"IP:127.0.0.2,DNS:127.0.0.1", "127.0.0.1", NULL, 1, 0, 10, "IP address mismatch"},
  };
  net_tls *tls = client((net_tls_options){.ca_file = ca_path}), *blind = client((net_tls_options){.insecure = true});
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const certificate_case *c = &cases[i];
    pki_cert cert;
    pki_make(&cert, c->issuer == 1 ? &ca : c->issuer == 2 ? &other_ca : NULL, c->san, c->from_days, c->until_days);
    visit v = VISIT(.tls_name = c->tls_name, .tls = tls), insecure = VISIT(.tls_name = c->tls_name, .tls = blind);
    run(&v, &cert);
    run(&insecure, &cert);
    assert_true(insecure.ready);
    assert_int_equal(insecure.error.status, GENAI_OK);
    if (c->text) {
      char text[128];
      snprintf(text, sizeof text, "The certificate of 127.0.0.1 port %d was not accepted: ", v.port);
      assert_int_equal(v.error.status, GENAI_ERROR_CERTIFICATE);
      assert_memory_equal(v.error.message, text, strlen(text));
      if (!strstr(v.error.message, c->text)) fail_msg("%s", v.error.message);
      assert_false(v.ready);
    } else if (v.error.status) {
      fail_msg("%s: %s", c->san, v.error.message);
    } else {
      assert_true(v.ready);
      assert_string_equal(v.greeting, "welcome");
    }
    pki_free(&cert);
  }
  net_tls_drop(tls);
  net_tls_drop(blind);
}

static char sni[256];

static int note_sni(SSL *ssl, int *alert, void *argument) {
  (void)alert, (void)argument;
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  snprintf(sni, sizeof sni, "%s", name ? name : "none");
  return SSL_TLSEXT_ERR_OK;
}

/* ---- against a server with an own context ---- */

typedef struct own_server {
  SSL_CTX *context;
  int max_version;
} own_server;

static void serve_tls(peer_io *io, void *argument) {
  const own_server *s = argument;
  io->ssl = SSL_new(s->context);
  SSL_set_fd(io->ssl, io->fd);
  if (SSL_accept(io->ssl) == 1) greet(io, NULL);
}

static void own_server_start(own_server *s) {
  s->context = SSL_CTX_new(TLS_server_method());
  if (s->max_version) {
    SSL_CTX_set_max_proto_version(s->context, s->max_version);
    SSL_CTX_set_min_proto_version(s->context, TLS1_VERSION);
    SSL_CTX_set_security_level(s->context, 0);
  }
  SSL_CTX_use_certificate(s->context, leaf.x509);
  SSL_CTX_use_PrivateKey(s->context, leaf.key);
  SSL_CTX_set_tlsext_servername_callback(s->context, note_sni);
}

static void run_own(visit *v, own_server *s, int *port) {
  peer *p = peer_new(serve_tls, s, NULL);
  v->port = *port = peer_port(p);
  rig_on_loop(loop, begin, v);
  assert_true(gate_wait(&v->ended, 1));
  peer_free(p);
}

static void test_names_are_announced_but_addresses_are_not(void **state) {
  (void)state;
  own_server s = {NULL, 0};
  int port;
  own_server_start(&s);
  net_tls *tls = client((net_tls_options){.ca_file = ca_path});
  visit address = VISIT(.tls = tls), name = VISIT(.tls = tls, .tls_name = "localhost");
  run_own(&address, &s, &port);
  assert_string_equal(sni, "none");
  run_own(&name, &s, &port);
  assert_string_equal(sni, "localhost");
  assert_int_equal(name.error.status, GENAI_OK);
  net_tls_drop(tls);
  SSL_CTX_free(s.context);
}

static void test_versions(void **state) {
  (void)state;
  static const int versions[] = {TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
  for (size_t i = 0; i < 3; i++) {
    own_server s = {NULL, versions[i]};
    int port;
    own_server_start(&s);
    net_tls *tls = client((net_tls_options){.ca_file = ca_path});
    visit v = VISIT(.tls = tls);
    run_own(&v, &s, &port);
    assert_int_equal(v.error.status, i ? GENAI_OK : GENAI_ERROR_TLS);
    if (i)
      assert_int_equal(v.version, versions[i]);
    else
      assert_memory_equal(v.error.message, "The TLS handshake with 127.0.0.1 port", 37);
    net_tls_drop(tls);
    SSL_CTX_free(s.context);
  }
}

static void visit_again(visit *v, peer *p, net_tls *tls, const char *name) {
  *v = (visit)VISIT(.tls = tls, .tls_name = name, .port = peer_port(p));
  rig_on_loop(loop, begin, v);
  assert_true(gate_wait(&v->ended, 1));
  assert_int_equal(v->error.status, GENAI_OK);
}

static void test_sessions_are_resumed(void **state) {
  (void)state;
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  for (size_t i = 0; i < 2; i++) {
    own_server s = {NULL, versions[i]};
    own_server_start(&s);
    peer *p = peer_new(serve_tls, &s, NULL);
    net_tls *tls = client((net_tls_options){.ca_file = ca_path}),
            *other = client((net_tls_options){.ca_file = ca_path});
    visit v;
    visit_again(&v, p, tls, NULL);
    assert_false(v.resumed);
    for (int k = 0; k < 5; k++) {
      visit_again(&v, p, tls, NULL);
      assert_true(v.resumed);
    }
    visit_again(&v, p, tls, "localhost"); /* another name is another peer */
    assert_false(v.resumed);
    visit_again(&v, p, other, NULL); /* another context, other trust */
    assert_false(v.resumed);
    peer_free(p);
    net_tls_drop(tls);
    net_tls_drop(other);
    SSL_CTX_free(s.context);
  }
}

static void test_the_session_cache_is_bounded(void **state) {
  (void)state;
  tls_sessions *sessions = tls_sessions_new();
  char name[300];
  assert_null(tls_sessions_take(sessions, "a", 1));
  for (int i = 0; i < 100; i++) {
    SSL_SESSION *session = SSL_SESSION_new();
    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION);
    snprintf(name, sizeof name, "host-%d", i);
    tls_sessions_put(sessions, name, 443, session);
  }
  int kept = 0;
  for (int i = 0; i < 100; i++) {
    snprintf(name, sizeof name, "host-%d", i);
    assert_null(tls_sessions_take(sessions, name, 444));
    SSL_SESSION *session = tls_sessions_take(sessions, name, 443);
    if (session) assert_true(i >= 68); /* the newest 32 */
    kept += session != NULL;
    SSL_SESSION_free(session);
    assert_null(tls_sessions_take(sessions, name, 443));
  }
  assert_int_equal(kept, 32);
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  tls_sessions_put(sessions, name, 443, SSL_SESSION_new()); /* too long a name: freed */
  tls_sessions_free(sessions);
  tls_sessions_free(NULL);
}

/* ---- trust ---- */

static bool accepted(net_tls_options options) {
  net_tls *tls = client(options);
  visit v = VISIT(.tls = tls);
  run(&v, &leaf);
  net_tls_drop(tls);
  if (v.error.status) assert_int_equal(v.error.status, GENAI_ERROR_CERTIFICATE);
  return v.ready;
}

static void test_trust_by_file_directory_and_environment(void **state) {
  (void)state;
  char dir[] = "/tmp/genai-test-XXXXXX", link[128];
  assert_non_null(mkdtemp(dir));
  snprintf(link, sizeof link, "%s/%08lx.0", dir, X509_subject_name_hash(ca.x509));
  assert_int_equal(symlink(ca_path, link), 0);
  unsetenv("SSL_CERT_FILE");
  unsetenv("SSL_CERT_DIR");
  assert_false(accepted((net_tls_options){0})); /* the system does not know our CA */
  assert_true(accepted((net_tls_options){.ca_file = ca_path}));
  assert_true(accepted((net_tls_options){.ca_dir = dir}));
  setenv("SSL_CERT_FILE", ca_path, 1);
  assert_true(accepted((net_tls_options){0}));
  assert_false(accepted((net_tls_options){.ca_file = other_path})); /* given ones win */
  setenv("SSL_CERT_FILE", "", 1);
  setenv("SSL_CERT_DIR", dir, 1);
  assert_true(accepted((net_tls_options){0}));
  unsetenv("SSL_CERT_FILE");
  unsetenv("SSL_CERT_DIR");
  unlink(link);
  rmdir(dir);
}

static void test_files_that_hold_no_certificates(void **state) {
  (void)state;
  net_tls *tls;
  genai_error error = {0};
  const char *rubbish = rig_file("rubbish\n");
  assert_int_equal(net_tls_client_new(&tls, &(net_tls_options){.ca_file = rubbish}, &error), GENAI_ERROR_CERTIFICATE);
  assert_non_null(strstr(error.message, rubbish));
  assert_null(tls);
  unlink(rubbish);
  assert_int_equal(net_tls_client_new(&tls, &(net_tls_options){.ca_file = "/missing"}, &error),
                   GENAI_ERROR_CERTIFICATE);
  assert_memory_equal(error.message, "The file of trusted certificates /missing could not be read:", 60);
  assert_int_equal(net_tls_server_new(&tls, leaf.chain_pem, ca.key_pem, &error), GENAI_ERROR_TLS);
  assert_int_equal(net_tls_server_new(&tls, "", leaf.key_pem, &error), GENAI_ERROR_TLS);
  assert_int_equal(net_tls_server_new(&tls, leaf.chain_pem, "", &error), GENAI_ERROR_TLS);
  assert_null(tls);
  assert_int_equal(net_tls_server_new(&tls, leaf.chain_pem, leaf.key_pem, &error), GENAI_OK);
  net_tls_drop(net_tls_hold(tls));
  net_tls_drop(tls);
  net_tls_drop(NULL);
}

static void test_memory_out(void **state) {
  (void)state;
  net_loop_free(loop); /* its thread would share the failing allocator */
  loop = NULL;
  for (int server = 0; server < 2; server++)
    for (long n = 1;; n++) {
      long alive;
      net_tls *tls;
      rig_fail_alloc(n);
      genai_status status = server ? net_tls_server_new(&tls, leaf.chain_pem, leaf.key_pem, NULL)
                                   : net_tls_client_new(&tls, &(net_tls_options){.insecure = true}, NULL);
      net_tls_drop(tls);
      bool reached = rig_fail_stop(&alive) >= n;
      assert_int_equal(alive, 0);
      assert_int_equal(status, reached ? GENAI_ERROR_MEMORY : GENAI_OK);
      if (!reached) break;
    }
}

static int set_up(void **state) {
  (void)state;
  pki_make(&ca, NULL, NULL, 0, 10);
  pki_make(&other_ca, NULL, NULL, 0, 10);
  pki_make(&leaf, &ca, "DNS:localhost,IP:127.0.0.1", 0, 10);
  strcpy(ca_path, rig_file(ca.chain_pem));
  strcpy(other_path, rig_file(other_ca.chain_pem));
  return net_loop_new(&loop, NULL);
}

static int tear_down(void **state) {
  (void)state;
  net_loop_free(loop);
  unlink(ca_path);
  unlink(other_path);
  pki_free(&ca);
  pki_free(&other_ca);
  pki_free(&leaf);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_certificates),
      cmocka_unit_test(test_names_are_announced_but_addresses_are_not),
      cmocka_unit_test(test_versions),
      cmocka_unit_test(test_sessions_are_resumed),
      cmocka_unit_test(test_the_session_cache_is_bounded),
      cmocka_unit_test(test_trust_by_file_directory_and_environment),
      cmocka_unit_test(test_files_that_hold_no_certificates),
      cmocka_unit_test(test_memory_out),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
