#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "talk.h"

const genai_live_connect_params talk_bare = {.model = "m", .reconnect = GENAI_LIVE_RECONNECT_NONE};

static void make_client(talk *t, const char *scheme, const char *host, const char *ca_file, const genai_client_options *more) {
  char url[256];
  genai_client_options options = more ? *more : (genai_client_options){0};
  genai_error error = {0};
  snprintf(url, sizeof url, "%s://%s:%d/base?key=" QUERY_SECRET, scheme, host, t->port);
  options.api_key = KEY;
  options.base_url = url;
  options.ca_file = ca_file;
  options.dangerously_allow_plain_credentials = true;
  if (genai_client_new(&t->client, &options, &error) != GENAI_OK) fail_msg("%s", error.message);
}

void talk_init(talk *t, const step *steps, const genai_client_options *options, bool tls) {
  *t = (talk){.s = SCRIPT(steps)};
  const char *ca_file = NULL;
  if (tls) {
    pki_cert cert;
    pki_make(&cert, NULL, "IP:127.0.0.1", 0, 1);
    ca_file = rig_file(cert.chain_pem);
    t->p = peer_new(script_serve, &t->s, &cert);
    pki_free(&cert);
  } else {
    t->p = peer_new(script_serve, &t->s, NULL);
  }
  t->port = peer_port(t->p);
  make_client(t, tls ? "https" : "http", "127.0.0.1", ca_file, options);
}

void talk_init_at(talk *t, const step *steps, const char *scheme, const char *host, int port, const genai_client_options *options) {
  *t = (talk){.s = SCRIPT(steps), .port = port};
  if (steps) {
    t->p = peer_new(script_serve, &t->s, NULL);
    t->port = peer_port(t->p);
  }
  make_client(t, scheme, host, NULL, options);
}

void talk_open(talk *t, const step *steps, const genai_client_options *options, bool tls) {
  genai_error error = {0};
  talk_init(t, steps, options, tls);
  if (genai_live_connect(t->client, &talk_bare, &t->session, NULL, &error) != GENAI_OK)
    fail_msg("%s", error.message);
}

void talk_deinit(talk *t) {
  assert_int_equal(genai_live_free(t->session), GENAI_OK);
  assert_int_equal(genai_client_free(t->client), GENAI_OK);
  gate_open(&t->s.go);
  if (t->p) peer_free(t->p);
}

genai_status talk_receive(talk *t, genai_live_message **message, genai_error *error) {
  return genai_live_receive(t->session, message, &(genai_wait){.timeout_ms = RIG_LIMIT_S * 1000}, error);
}

void talk_expect(talk *t, const char *text) {
  genai_live_message *message;
  genai_error error = {0};
  if (talk_receive(t, &message, &error) != GENAI_OK) fail_msg("\"%s\" was expected: %s", text, error.message);
  const char *found = genai_live_message_text(message, 0);
  if (!found || strcmp(found, text)) fail_msg("\"%s\" instead of \"%s\"", found ? found : "no text", text);
  genai_live_message_free(message);
}

void talk_expect_event(talk *t, genai_live_event_kind kind) {
  genai_live_message *message;
  genai_error error = {0};
  if (talk_receive(t, &message, &error) != GENAI_OK) fail_msg("event %d was expected: %s", kind, error.message);
  assert_non_null(message->event);
  assert_int_equal(message->event->kind, kind);
  genai_live_message_free(message);
}

verdict talk_verdict(const talk *t, verdict v) {
  v.host = "127.0.0.1";
  v.port = t->port;
  return v;
}

int talk_scale(void) {
  const char *text = getenv("GENAI_TEST_SCALE");
  int scale = text ? atoi(text) : 1;
  return scale > 1 ? scale : 1;
}

int talk_scaled_down(int count) { return count > talk_scale() ? count / talk_scale() : 1; }
