#include "client/connection.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static void dial(live_connection *c, const genai_string_pair *more, size_t count) {
  genai_live_session *s = c->session;
  genai_client *client = s->client;
  const endpoint *to = &client->endpoints[s->kind->service];
  genai_error error = {0};
  genai_status status = GENAI_ERROR_MEMORY;
  genai_string_pair *headers = mem_alloc((to->header_count + count) * sizeof *headers);
  if (headers) {
    memcpy(headers, to->headers, to->header_count * sizeof *headers);
    if (count) memcpy(headers + to->header_count, more, count * sizeof *headers);
    net_ws_params params = {.target = {to->host, to->port, to->tls ? client->tls : NULL, NULL, &client->proxy},
                            .request_target = to->target,
                            .headers = headers,
                            .header_count = to->header_count + count,
                            .message_max = client->options.message_max,
                            .hold = c != s->connection};
    status = s->transport->connect(&c->ws, s->thread->loop, &params, &io_events, c, &error);
    mem_free(headers);
  } else {
    error_memory(&error);
  }
  if (status != GENAI_OK) {
    c->ws = NULL;
    io_failed(c, &error);
    return;
  }
  client_log(client, GENAI_LOG_INFO, "Connecting to %s port %d.", to->host, to->port);
}

void connection_credentials(live_connection *c, const genai_error *error, const genai_string_pair *headers, size_t count) {
  if (error->status == GENAI_OK)
    dial(c, headers, count);
  else
    io_no_credentials(c, error);
}

void connection_init(live_connection *c, genai_live_session *session) {
  c->session = session;
  credentials_init(c);
}

void connection_dial(live_connection *c) {
  genai_error error = {0};
  if (!c->session->client->auth) {
    dial(c, NULL, 0);
  } else if (!credentials_get(c)) {
    error_memory(&error);
    io_failed(c, &error);
  }
}

void connection_drop(live_connection *c) {
  net_ws *ws = c->ws;
  credentials_cancel(c);
  c->ws = NULL;
  if (ws) c->session->transport->abort(ws);
}

const char *connection_phase(const live_connection *c) {
  if (c->ws) return c->session->transport->phase(c->ws);
  return credentials_wanted(c) ? "getting credentials" : "starting";
}
