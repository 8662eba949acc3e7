#include "bench/gateway.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/measure.h"

enum { OPENING_MAX = 64, QUIET_MS = 300 };

void gateway_die(const char *what) {
  fprintf(stderr, "bench: %s\n", what);
  exit(1);
}

void gateway_start(gateway *g, size_t count, unsigned io_threads) {
  genai_error error = {0};
  char url[64];
  *g = (gateway){.count = count, .sessions = calloc(count, sizeof *g->sessions),
                 .ends = calloc(count, sizeof *g->ends)};
  measure_allow_descriptors(count);
  if (!g->sessions || !g->ends || peer_start(&g->peer, !getenv("PLAIN"))) gateway_die("the peer could not be started");
  snprintf(url, sizeof url, "%s://127.0.0.1:%d", g->peer.tls ? "https" : "http", g->peer.port);
  const genai_client_options options = {.api_key = "bench", .base_url = url, .ca_file = g->peer.tls ? g->peer.ca_file : NULL,
                                        .io_threads = io_threads};
  if (genai_client_new(&g->client, &options, &error) != GENAI_OK) gateway_die(error.message);
}

void gateway_end(gateway *g) {
  genai_error error;
  const genai_wait at_once = {.timeout_ms = GENAI_NO_WAIT};
  for (size_t i = 0; i < g->started; i++) (void)genai_live_close(g->sessions[i], &at_once, &error);
  for (size_t i = 0; i < g->started; i++) (void)genai_live_free(g->sessions[i]);
  (void)genai_client_free(g->client);
  peer_stop(&g->peer);
  free(g->sessions);
  free(g->ends);
}

static void take(gateway *g, genai_live_message *m) {
  genai_bytes audio;
  if (m->event && m->event->kind == GENAI_LIVE_EVENT_OPEN) g->open++;
  if (m->server) g->messages++;
  for (size_t i = 0; genai_live_message_audio(m, i, &audio); i++) g->bytes += audio.size;
  genai_live_message_free(m);
}

bool gateway_next(gateway *g, int64_t timeout_ms) {
  genai_live_session *session;
  genai_live_message *m;
  genai_error error = {0};
  const genai_wait wait = {.timeout_ms = timeout_ms}, at_once = {.timeout_ms = GENAI_NO_WAIT};
  if (genai_client_next(g->client, &session, &wait, &error) != GENAI_OK) return false;
  genai_status status;
  while ((status = genai_live_receive(session, &m, &at_once, &error)) == GENAI_OK) take(g, m);
  bool *ended = genai_live_user(session);
  if (status == GENAI_CLOSED) {
    g->ended += !*ended;
    *ended = true;
  } else if (status != GENAI_WOULD_BLOCK) {
    gateway_die(error.message);
  }
  return true;
}

void gateway_open(gateway *g, size_t count, const char *model, const genai_live_recovery *recovery) {
  static const genai_live_recovery none;
  genai_error error = {0};
  size_t to = g->started + count;
  while (g->open < to) {
    while (g->started < to && g->started - g->open < OPENING_MAX) {
      const genai_live_connect_params params = {.model = model, .user = &g->ends[g->started], .recovery = recovery ? *recovery : none};
      if (genai_live_start(g->client, &params, &g->sessions[g->started], &error) != GENAI_OK)
        gateway_die(error.message);
      g->started++;
    }
    if (!gateway_next(g, 60000)) gateway_die("a session did not open within a minute");
  }
}

void gateway_until_quiet(gateway *g) {
  while (gateway_next(g, QUIET_MS)) continue;
}
