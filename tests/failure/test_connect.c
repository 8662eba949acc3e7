/* Everything that can go wrong before a session is open, each with its status, its fields and its sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "odd.h"
#include "talk.h"

enum { SHORT_MS = 400 };

/* The peer's certificate: none, or one that is good, or bad in one way. */
typedef enum cert { PLAIN, GOOD, EXPIRED, NOT_YET_VALID, SELF_SIGNED, UNKNOWN_ISSUER, WRONG_HOST, CERTS } cert;

typedef struct row {
  const char *name;
  const step *steps;                 /* of the peer */
  enum { PEER, NOBODY, BLACK_HOLE } at;
  const char *scheme, *host;         /* NULL: http (https with a certificate), 127.0.0.1 */
  cert cert;
  genai_client_options options;
  bool out_of_time;                  /* the deadline is near and passes */
  verdict v;                         /* the host and the port of the URL are always expected */
  int client_close;                  /* the code that the peer must have got from us */
} row;

#define STEPS (const step[])
#define REFUSE(line, body) STEPS{HEAD, BYTES("HTTP/1.1 " line "\r\nContent-Type: application/json\r\n\r\n" body), END}

/* A service that repeats what it was asked, credentials and all. */
static bool echo_request(peer_io *io, script *s) {
  return peer_text(io, "HTTP/1.1 403 Forbidden\r\n\r\nYou sent: ") && peer_text(io, s->head);
}

static bool hello(peer_io *io, script *s) {
  char bytes[4096];
  (void)s;
  return peer_read_some(io, bytes, sizeof bytes) > 0;
}

static bool wrong_accept_key(peer_io *io, script *s) {
  (void)s;
  return peer_text(io, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n");
}

static const row rows[] = {
    /* ---- names and addresses ---- */
    {"unknown host", .at = NOBODY, .host = "unknown.test",
     .v = {GENAI_ERROR_RESOLVE, .says = {"could not be resolved", "Check its spelling"}}},
    {"a name server that does not answer", .at = NOBODY, .host = "slow.test", .out_of_time = true,
     .v = {GENAI_ERROR_TIMEOUT, .says = {"resolving", "connect_timeout_ms"}}},
    {"refused port", .at = NOBODY, .v = {GENAI_ERROR_CONNECT, .os_error = ECONNREFUSED, .says = {"connection refused", "Check"}}},
    {"refused port behind a name", .at = NOBODY, .host = "local.test",
     .options = {.dangerously_allow_plain_credentials = true},
     .v = {GENAI_ERROR_CONNECT, .os_error = ECONNREFUSED, .says = {"connection refused", "Check"}}},
    {"black hole", .at = BLACK_HOLE, .out_of_time = true,
     .v = {GENAI_ERROR_TIMEOUT, .says = {"connecting", "connect_timeout_ms"}}},

    /* ---- TLS ---- */
    {"expired certificate", .cert = EXPIRED, .v = {GENAI_ERROR_CERTIFICATE, .says = {"certificate has expired", "clock"}}},
    {"certificate not yet valid", .cert = NOT_YET_VALID,
     .v = {GENAI_ERROR_CERTIFICATE, .says = {"not yet valid", "clock"}}},
    {"self-signed certificate", .cert = SELF_SIGNED,
     .v = {GENAI_ERROR_CERTIFICATE, .says = {"self-signed certificate", "genai_client_options.ca_file"}}},
    {"certificate of an unknown issuer", .cert = UNKNOWN_ISSUER,
     .v = {GENAI_ERROR_CERTIFICATE, .says = {"unable to get local issuer certificate", "CA file"}}},
    {"certificate for another host", .cert = WRONG_HOST,
     .v = {GENAI_ERROR_CERTIFICATE, .says = {"mismatch", "another name"}}},
    {"a plain server behind https", STEPS{BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"), DRAIN, END}, .scheme = "https",
     .v = {GENAI_ERROR_TLS, .says = {"did not answer with TLS", "plain http or ws server?"}}},
    {"end in the TLS handshake", STEPS{CALL(hello), END}, .scheme = "https",
     .v = {GENAI_ERROR_TLS, .says = {"TLS handshake", "is it a TLS server?"}}},
    {"reset in the TLS handshake", STEPS{CALL(hello), RESET}, .scheme = "wss",
     .v = {GENAI_ERROR_TLS, .os_error = ECONNRESET, .says = {"TLS handshake", "connection reset"}}},
    {"silence in the TLS handshake", STEPS{DRAIN, END}, .scheme = "https", .out_of_time = true,
     .v = {GENAI_ERROR_TIMEOUT, .says = {"in the TLS handshake"}}},

    /* ---- the upgrade ---- */
    {"a peer that is no HTTP server", STEPS{HEAD, BYTES("220 mail.example.com ESMTP\r\n"), DRAIN, END},
     .v = {GENAI_ERROR_PROTOCOL, .says = {"220 mail.example.com", "HTTP", "Check the base URL"}}},
    {"a peer that sends an SSH banner at once", STEPS{BYTES("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), DRAIN, END},
     .v = {GENAI_ERROR_PROTOCOL, .says = {"SSH-2.0-OpenSSH", "HTTP", "Check the base URL"}}},
    {"wrong accept key", STEPS{HEAD, CALL(wrong_accept_key), DRAIN, END},
     .v = {GENAI_ERROR_PROTOCOL, .says = {"Sec-WebSocket-Accept", "Check the base URL"}}},
    {"400", REFUSE("400 Bad Request", "{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API key.\"}}"),
     .v = {GENAI_ERROR_HTTP, 400, .says = {"400 Bad Request", "API key not valid. Please pass", "Check the API key."}}},
    {"401", REFUSE("401 Unauthorized", "{\"error\":{\"code\":401,\"message\":\"Request had invalid authentication credentials.\"}}"),
     .v = {GENAI_ERROR_HTTP, 401, .says = {"401 Unauthorized", "invalid authentication credentials.", "Check the API key"}}},
    {"403", REFUSE("403 Forbidden", "{\"error\":{\"code\":403,\"message\":\"Generative Language API has not been used.\"}}"),
     .v = {GENAI_ERROR_HTTP, 403, .says = {"403 Forbidden", "has not been used.", "may do"}}},
    {"403 that repeats the request", STEPS{HEAD, CALL(echo_request), END},
     .v = {GENAI_ERROR_HTTP, 403, .says = {"403 Forbidden", "You sent: GET", "***"}}},
    {"404", REFUSE("404 Not Found", "{\"error\":{\"code\":404,\"message\":\"Method not found.\"}}"),
     .v = {GENAI_ERROR_HTTP, 404, .says = {"404 Not Found", "Method not found.", "Check the base URL and the API version"}}},
    {"404 without a body", REFUSE("404 Not Found", ""),
     .v = {GENAI_ERROR_HTTP, 404, .says = {"404 Not Found", "Check the base URL and the API version"}}},
    {"429", REFUSE("429 Too Many Requests", "{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}"),
     .v = {GENAI_ERROR_HTTP, 429, .says = {"429 Too Many Requests", "RESOURCE_EXHAUSTED", "quota"}}},
    {"500", REFUSE("500 Internal Server Error", "{\"error\":{\"code\":500,\"message\":\"Internal error encountered.\"}}"),
     .v = {GENAI_ERROR_HTTP, 500, .says = {"500 Internal Server Error", "Internal error encountered.", "connect again"}}},
    {"503 over TLS", REFUSE("503 Service Unavailable", "{\"error\":{\"code\":503}}"), .cert = GOOD,
     .v = {GENAI_ERROR_HTTP, 503, .says = {"503 Service Unavailable", "connect again"}}},
    {"302", STEPS{HEAD, BYTES("HTTP/1.1 302 Found\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n"), DRAIN, END},
     .v = {GENAI_ERROR_HTTP, 302, .says = {"302 Found", "Check the base URL"}}},
    {"200 instead of an upgrade", STEPS{HEAD, BYTES("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>hi</html>"), DRAIN, END},
     .v = {GENAI_ERROR_HTTP, 200, .says = {"200 OK", "<html>hi</html>", "Check the base URL"}}},
    {"end instead of an answer", STEPS{HEAD, END},
     .v = {GENAI_ERROR_LOST, .close_code = 1006, .says = {"before it answered the WebSocket upgrade"}}},
    {"reset instead of an answer", STEPS{HEAD, RESET},
     .v = {GENAI_ERROR_LOST, .close_code = 1006, .os_error = ECONNRESET, .says = {"connection reset by peer"}}},
    {"silence instead of an answer", STEPS{HEAD, DRAIN, END}, .out_of_time = true,
     .v = {GENAI_ERROR_TIMEOUT, .says = {"waiting for the upgrade"}}},

    /* ---- the setup ---- */
    {"close during setup", STEPS{SETUP, CLOSE(1008, "models/nope is not found for API version v1"), DRAIN, END},
     .v = {GENAI_ERROR_REFUSED, .close_code = 1008, .reason = "models/nope is not found for API version v1",
           .says = {"during setup", "1008", "is not found for API version v1", "Check the model's name"}}},
    {"close during setup over TLS", STEPS{SETUP, CLOSE(1007, "API key not valid. Please pass a valid API key."), DRAIN, END},
     .cert = GOOD,
     .v = {GENAI_ERROR_REFUSED, .close_code = 1007, .reason = "API key not valid. Please pass a valid API key.",
           .says = {"during setup", "1007", "Check the API key."}}},
    {"close during setup without a reason", STEPS{SETUP, CLOSE(1011, ""), DRAIN, END},
     .v = {GENAI_ERROR_REFUSED, .close_code = 1011, .says = {"during setup", "1011.", "connecting again"}}},
    {"even a normal close during setup is a failure", STEPS{SETUP, CLOSE(1000, ""), DRAIN, END},
     .v = {GENAI_ERROR_REFUSED, .close_code = 1000, .says = {"during setup", "1000"}}},
    {"an unknown close code during setup", STEPS{SETUP, CLOSE(4321, "because"), DRAIN, END},
     .v = {GENAI_ERROR_REFUSED, .close_code = 4321, .reason = "because", .says = {"during setup", "4321", "because"}}},
    {"end during setup", STEPS{SETUP, END}, .v = {GENAI_ERROR_LOST, .close_code = 1006, .says = {"during setup", "without"}}},
    {"reset during setup", STEPS{SETUP, RESET},
     .v = {GENAI_ERROR_LOST, .close_code = 1006, .os_error = ECONNRESET, .says = {"during setup", "connection reset by peer"}}},
    {"no setupComplete", STEPS{SETUP, DRAIN, END}, .out_of_time = true,
     .v = {GENAI_ERROR_TIMEOUT, .says = {"setupComplete", "model", "connect_timeout_ms"}}},
    {"messages but no setupComplete", STEPS{SETUP, TEXT("{}"), TEXT("{\"usageMetadata\":{}}"), DRAIN, END}, .out_of_time = true,
     .v = {GENAI_ERROR_TIMEOUT, .says = {"setupComplete"}}},
    {"an error for an answer", STEPS{SETUP, BINARY("{\"error\":{\"code\":403,\"message\":\"Your project was denied access.\","
                                                   "\"status\":\"PERMISSION_DENIED\"}}"), DRAIN, END},
     .v = {GENAI_ERROR_SERVICE, .http_status = 403, .says = {"refused the setup", "403", "PERMISSION_DENIED", "Your project was denied access."}}},
    {"an empty error for an answer", STEPS{SETUP, TEXT("{\"error\":{}}"), DRAIN, END},
     .v = {GENAI_ERROR_SERVICE, .says = {"refused the setup"}}},
    {"a masked frame", STEPS{SETUP, BYTES("\x82\x82\1\2\3\4zz"), DRAIN, END}, .client_close = 1002,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"masked frame"}}},
    {"a setupComplete over the ceiling", STEPS{OPEN, DRAIN, END}, .options = {.message_max = 10}, .client_close = 1009,
     .v = {GENAI_ERROR_LIMIT, .says = {"20 bytes", "10 that are allowed", "message_max"}}},
};

static pki_cert certs[CERTS];
static const char *ca_file;

static int make_certs(void **state) {
  static const char san[] = "IP:127.0.0.1,DNS:local.test";
  static pki_cert stranger;
  pki_cert *ca = &certs[PLAIN];
  (void)state;
  pki_make(ca, NULL, NULL, 0, 30);
  pki_make(&stranger, NULL, NULL, 0, 30);
  pki_make(&certs[GOOD], ca, san, 0, 30);
  pki_make(&certs[EXPIRED], ca, san, -30, -1);
  pki_make(&certs[NOT_YET_VALID], ca, san, 2, 30);
  pki_make(&certs[SELF_SIGNED], NULL, san, 0, 30);
  pki_make(&certs[UNKNOWN_ISSUER], &stranger, san, 0, 30);
  pki_make(&certs[WRONG_HOST], ca, "DNS:somewhere.example,IP:127.0.0.2", 0, 30);
  pki_free(&stranger);
  ca_file = rig_file(ca->chain_pem);
  return 0;
}

static int free_certs(void **state) {
  (void)state;
  for (int i = 0; i < CERTS; i++) pki_free(&certs[i]);
  return 0;
}

static void fails_as_it_should(void **state) {
  const row *r = *state;
  script s = SCRIPT(r->steps);
  peer *p = r->at == PEER ? peer_new(script_serve, &s, r->cert ? &certs[r->cert] : NULL) : NULL;
  int port = p ? peer_port(p) : r->at == NOBODY ? odd_refused_port() : odd_black_hole_open();
  if (port < 0) skip();
  const char *host = r->host ? r->host : "127.0.0.1", *scheme = r->scheme ? r->scheme : r->cert ? "https" : "http";
  char url[256];
  snprintf(url, sizeof url, "%s://%s:%d/some/base?key=%s", scheme, host, port, QUERY_SECRET);
  genai_client_options options = r->options;
  options.api_key = KEY;
  options.base_url = url;
  options.ca_file = ca_file;
  options.dangerously_allow_plain_credentials = true;
  if (r->out_of_time) options.connect_timeout_ms = SHORT_MS * (uint32_t)talk_scale();
  genai_client *client;
  genai_live_session *session;
  genai_error error = {0};
  if (genai_client_new(&client, &options, &error) != GENAI_OK) fail_msg("%s: %s", r->name, error.message);
  genai_status status = genai_live_connect(client, &talk_bare, &session, NULL, &error);
  gate_open(&odd_slow_go);
  genai_client_free(client);
  if (p) peer_free(p);
  odd_black_hole_close();
  verdict v = r->v;
  char within[32];
  snprintf(within, sizeof within, "within %u ms", (unsigned)options.connect_timeout_ms);
  size_t said = 0;
  while (v.says[said]) said++;
  if (r->out_of_time) v.says[said] = within;
  v.host = host;
  v.port = v.status == GENAI_ERROR_RESOLVE ? 0 : port;
  assert_int_equal(status, error.status);
  assert_null(session);
  judge(r->name, &error, &v);
  int expected = v.status == GENAI_ERROR_REFUSED ? v.close_code : r->client_close; /* an echo (section 5.5.1) */
  if (s.close_code != expected) fail_msg("%s: our close code was %d", r->name, s.close_code);
}

/* ---- refused before anything is dialed ---- */

static void no_client(const char *name, const genai_client_options *options, const verdict *v) {
  genai_client *client = (genai_client *)&name;
  genai_error error = {0};
  assert_int_equal(genai_client_new(&client, options, &error), v->status);
  assert_null(client);
  judge(name, &error, v);
}

static void a_key_in_the_clear(void **state) {
  (void)state;
  no_client("a key over plain http", &(genai_client_options){.api_key = KEY, .base_url = "http://example.com:8080/x?key=" QUERY_SECRET},
            &(verdict){GENAI_ERROR_INSECURE, .host = "example.com", .port = 8080,
                       .says = {"in the clear", "Use https", "dangerously_allow_plain_credentials"}});
  no_client("a key over ws", &(genai_client_options){.api_key = KEY, .base_url = "ws://192.0.2.1"},
            &(verdict){GENAI_ERROR_INSECURE, .host = "192.0.2.1", .port = 80, .says = {"in the clear", "Use wss"}});
  no_client("a host that only looks like loopback",
            &(genai_client_options){.api_key = KEY, .base_url = "http://localhost.example.com"},
            &(verdict){GENAI_ERROR_INSECURE, .host = "localhost.example.com", .port = 80});
}

static void bad_options(void **state) {
  (void)state;
  no_client("a CA file that is not there",
            &(genai_client_options){.api_key = KEY, .ca_file = "/nowhere/ca.pem"},
            &(verdict){GENAI_ERROR_CERTIFICATE, .os_error = ENOENT, .says = {"/nowhere/ca.pem", "Name another one"}});
  unsetenv("GOOGLE_API_KEY");
  unsetenv("GEMINI_API_KEY");
  no_client("no key at all", &(genai_client_options){.base_url = "http://localhost"},
            &(verdict){GENAI_ERROR_CREDENTIALS, .says = {"no API key", "genai_client_options.api_key", "GEMINI_API_KEY"}});
  no_client("a URL that is none", &(genai_client_options){.api_key = KEY, .base_url = "ftp://example.com"},
            &(verdict){GENAI_ERROR_ARGUMENT, .says = {"URL", "https"}});
}

/* The deadline of the call, when it is the nearer one. */
static void a_wait_of_its_own(void **state) {
  static const step slow[] = {HEAD, DRAIN, END};
  talk t;
  genai_error error = {0};
  genai_wait wait = {.timeout_ms = SHORT_MS};
  (void)state;
  talk_init(&t, slow, NULL, false);
  assert_int_equal(genai_live_connect(t.client, &talk_bare, &t.session, &wait, &error),
                   GENAI_ERROR_TIMEOUT);
  verdict v = talk_verdict(&t, (verdict){GENAI_ERROR_TIMEOUT, .says = {"within 400 ms", "the call's own wait"}});
  judge("the call's own deadline", &error, &v);
  talk_deinit(&t);
}

static void no_descriptor_left(void **state) {
  enum { FEW = 100 };
  int held[FEW], count = 0;
  struct rlimit before, few;
  talk t;
  genai_error error = {0};
  (void)state;
  talk_init_at(&t, NULL, "http", "127.0.0.1", odd_refused_port(), NULL);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  few = before;
  few.rlim_cur = FEW;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  while (count < FEW && (held[count] = dup(1)) >= 0) count++;
  genai_status status = genai_live_connect(t.client, &talk_bare, &t.session, NULL, &error);
  while (count) close(held[--count]);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_int_equal(status, GENAI_ERROR_SYSTEM);
  judge("no descriptor left", &error, &(verdict){GENAI_ERROR_SYSTEM, .os_error = EMFILE, .host = "127.0.0.1", .port = t.port,
                                                 .says = {"too many open files", "raise it"}});
  talk_deinit(&t);
}

/* Which would let a key from a file write headers. */
static void a_key_with_a_line_break(void **state) {
  (void)state;
  genai_client *client;
  genai_live_session *session;
  genai_error error = {0};
  genai_client_options options = {.api_key = KEY "\r\nHost: evil", .base_url = "http://127.0.0.1:9"};
  assert_int_equal(genai_client_new(&client, &options, &error), GENAI_OK);
  assert_int_equal(genai_live_connect(client, &talk_bare, &session, NULL, &error),
                   GENAI_ERROR_ARGUMENT);
  judge("a key with a line break", &error, &(verdict){GENAI_ERROR_ARGUMENT, .says = {"x-goog-api-key", "line break"}});
  genai_client_free(client);
}

enum { ROWS = sizeof rows / sizeof *rows, OTHERS = 5 };

int main(void) {
  struct CMUnitTest tests[ROWS + OTHERS] = {cmocka_unit_test(a_key_in_the_clear), cmocka_unit_test(bad_options),
                                              cmocka_unit_test(a_key_with_a_line_break), cmocka_unit_test(a_wait_of_its_own),
                                              cmocka_unit_test(no_descriptor_left)};
  for (size_t i = 0; i < ROWS; i++)
    tests[OTHERS + i] = (struct CMUnitTest){.name = rows[i].name, .test_func = fails_as_it_should, .initial_state = (void *)&rows[i]};
  return cmocka_run_group_tests(tests, make_certs, free_certs);
}
