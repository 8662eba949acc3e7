/* The session on the I/O thread: between the transport and the mind. Everything static here runs on the loop's thread. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "client/live.h"

static void apply(genai_live_session *s, session_step step, inbox_item *item);
static void release(genai_live_session *s);

static uint64_t now(const genai_live_session *s) { return net_loop_now(s->client->loop); }

/* Keeps the timer at the mind's next deadline. A deadline that moved back is left to fire early: it moves at each message. */
static void arm(genai_live_session *s) {
  uint64_t next = session_next_tick(&s->mind);
  if (!s->timer || next == SESSION_NEVER || next >= s->timer_at) return;
  uint64_t at = now(s);
  s->timer_at = next;
  net_timer_start(s->timer, next > at ? next - at : 0);
}

static const char *doing(const genai_live_session *s) {
  if (s->ws) return s->transport->phase(s->ws);
  return s->credentials.link ? "getting credentials" : "starting";
}

static void on_timer(void *user) {
  genai_live_session *s = user;
  s->timer_at = SESSION_NEVER;
  apply(s, session_tick(&s->mind, now(s), doing(s)), NULL);
  arm(s);
}

/* ---- out ---- */

/* Room in the outbox for which waiting senders are woken. */
enum { ROOM_ENOUGH = 64 << 10 };

/* Gives the transport what waits, as much as it takes. */
static void pump(genai_live_session *s) {
  size_t sent = 0;
  if (!s->ws || s->close_sent || (s->mind.phase != SESSION_OPEN && s->mind.phase != SESSION_CLOSING)) return;
  for (payload *message; (message = s->sending.head) && s->transport->send(s->ws, message);) {
    sent += message->size;
    session_answered(&s->mind, message->responses);
    payload_drop(outbox_pop(&s->sending));
  }
  if (sent) {
    uv_mutex_lock(&s->mutex);
    s->out_bytes -= sent;
    /* Not for every message that leaves: a wake-up costs more than a send. */
    size_t max = s->client->options.outbox_max, enough = max / 4 < ROOM_ENOUGH ? max / 4 : ROOM_ENOUGH;
    if (s->senders && (!s->out_bytes || s->out_bytes + enough <= max)) uv_cond_broadcast(&s->changed);
    if (s->writable_wanted && s->out_bytes <= s->client->options.outbox_max / 2) {
      inbox_item *event = inbox_item_event(GENAI_LIVE_EVENT_WRITABLE, "There is room for sends again.");
      if (event) {
        s->writable_wanted = false;
        inbox_push(&s->inbox, event);
        live_publish(s, NULL);
      }
    }
    uv_mutex_unlock(&s->mutex);
  }
  if (s->mind.phase == SESSION_CLOSING && !s->sending.head) {
    s->close_sent = true;
    uint64_t at = now(s), left = s->mind.deadline > at ? s->mind.deadline - at : 0;
    s->transport->close(s->ws, 1000, "", (unsigned)left);
  }
}

static void on_writable(void *user) { pump(user); }

/* ---- in ---- */

static void publish(net_turn *turn) {
  genai_live_session *s = (genai_live_session *)((char *)turn - offsetof(genai_live_session, turn));
  uv_mutex_lock(&s->mutex);
  live_publish(s, &s->gathered);
  uv_mutex_unlock(&s->mutex);
  if (s->release_after_turn) release(s);
}

static void gather(genai_live_session *s, inbox_item *item) {
  inbox_push(&s->gathered, item);
  net_loop_at_turn_end(s->client->loop, &s->turn);
}

/* A message for which there was no memory: counted and told, but during setup it may have been the answer. */
static void lose(genai_live_session *s) {
  if (s->mind.phase == SESSION_SETUP) {
    genai_error error = {0};
    error_memory(&error);
    apply(s, session_fail(&s->mind, &error), NULL);
    return;
  }
  uv_mutex_lock(&s->mutex);
  s->lost++;
  live_publish(s, NULL);
  uv_mutex_unlock(&s->mutex);
}

static inbox_item *decode(genai_live_session *s, const uint8_t *text, size_t size) {
  return inbox_item_decode(s->client->pool, s->kind->message, text, size, s->client->options.message_max);
}

/* setupComplete: kept for genai_live_setup_complete, shown to genai_live_connect or received as GENAI_LIVE_EVENT_OPEN. */
static void opened(genai_live_session *s, inbox_item *item) {
  const genai_live_message *m = &item->message.live;
  bool show = !s->open_by_call || s->kind->news(item).more;
  inbox_item *shown = show ? decode(s, (const uint8_t *)m->json, m->json_size) : NULL;
  if (shown && !s->open_by_call) inbox_item_add_event(shown, GENAI_LIVE_EVENT_OPEN, "The session is open.", 0);
  if (shown) gather(s, shown);
  if (show && !shown) lose(s);
  uv_mutex_lock(&s->mutex);
  s->setup_complete = item;
  s->open = true;
  uv_cond_broadcast(&s->changed);
  uv_mutex_unlock(&s->mutex);
  pump(s);
  arm(s); /* from here on silence counts */
}

static void run_tools(genai_live_session *s, const genai_live_server_message *message) {
  if (message->tool_call) tools_run_calls(s->tools, message->tool_call);
  if (message->tool_call_cancellation) tools_run_cancel(s->tools, message->tool_call_cancellation);
}

static void deliver(genai_live_session *s, const session_step *step, inbox_item *item) {
  if (step->interrupted) atomic_fetch_add(&s->interruptions, 1);
  if (step->opened) {
    opened(s, item);
    return;
  }
  if (s->tools) run_tools(s, item->message.live.server);
  if (step->going_away)
    inbox_item_add_event(item, GENAI_LIVE_EVENT_GOING_AWAY, "The service is about to end the connection.", step->time_left_ms);
  gather(s, item);
}

static bool on_message(void *user, ws_opcode opcode, const uint8_t *data, size_t size) {
  genai_live_session *s = user;
  (void)opcode; /* the service sends JSON in binary messages, its recordings in text ones */
  session_heard(&s->mind, now(s));
  inbox_item *item = decode(s, data, size);
  if (!item) {
    lose(s);
  } else if (item->error) {
    gather(s, item);
  } else {
    session_news news = s->kind->news(item);
    apply(s, session_message(&s->mind, &news), item);
  }
  if (!s->ws) return false;
  uv_mutex_lock(&s->mutex);
  size_t waiting = s->inbox.bytes + s->gathered.bytes;
  bool full = waiting > s->client->options.inbox_max;
  s->stalled = full;
  uv_mutex_unlock(&s->mutex);
  if (!full) return true;
  inbox_item *event = inbox_item_event(GENAI_LIVE_EVENT_STALLED, "The inbox is full; reading pauses until messages are received.");
  if (event) gather(s, event);
  session_paused(&s->mind, true, now(s));
  client_log(s->client, GENAI_LOG_WARNING, "Reading pauses: the application has not received %zu bytes yet.", waiting);
  return false;
}

static void on_pong(void *user) {
  genai_live_session *s = user;
  session_heard(&s->mind, now(s));
}

/* ---- life ---- */

static void on_open(void *user) {
  genai_live_session *s = user;
  apply(s, session_connected(&s->mind, now(s)), NULL);
  arm(s);
}

static void on_close(void *user, int code, const char *reason, size_t size) {
  genai_live_session *s = user;
  session_peer_close(&s->mind, code, reason, size);
}

static void on_end(void *user, const genai_error *why) {
  genai_live_session *s = user;
  s->ws = NULL;
  if (why->http_status == 401 && s->client->auth) auth_refused(s->client->auth, s->credentials.generation);
  apply(s, session_transport_end(&s->mind, why), NULL);
}

static const net_ws_events events = {on_open, on_message, on_pong, on_writable, on_close, on_end};

static void end(genai_live_session *s) {
  if (s->tools) tools_run_end(s->tools);
  auth_cancel(&s->credentials);
  if (s->timer) net_timer_stop(s->timer);
  s->timer_at = SESSION_NEVER;
  if (s->doubts && s->mind.end.status == GENAI_ERROR_REFUSED) error_append(&s->mind.end, " This was noticed before: %s", s->doubts);
  client_log(s->client, s->mind.end.status == GENAI_CLOSED ? GENAI_LOG_INFO : GENAI_LOG_WARNING, "%s", s->mind.end.message);
  uv_mutex_lock(&s->mutex);
  s->end = s->mind.end;
  s->ended = true;
  live_publish(s, &s->gathered);
  uv_cond_broadcast(&s->changed);
  uv_mutex_unlock(&s->mutex);
}

/* Does what the mind said; takes the item over. */
static void apply(genai_live_session *s, session_step step, inbox_item *item) {
  if (step.deliver && item) {
    deliver(s, &step, item);
    item = NULL;
  }
  inbox_item_free(item);
  if (step.send_setup) s->transport->send(s->ws, s->setup);
  if (step.ping && s->ws) s->transport->ping(s->ws);
  if (step.close) pump(s);
  if (step.abort && s->ws) {
    net_ws *ws = s->ws;
    s->ws = NULL;
    s->transport->abort(ws);
  }
  if (step.ended) end(s);
}

static void dial(genai_live_session *s, const genai_string_pair *more, size_t count) {
  genai_client *c = s->client;
  const endpoint *to = &c->endpoints[s->kind->service];
  genai_error error = {0};
  genai_status status = GENAI_ERROR_MEMORY;
  genai_string_pair *headers = mem_alloc((to->header_count + count) * sizeof *headers);
  if (headers) {
    memcpy(headers, to->headers, to->header_count * sizeof *headers);
    if (count) memcpy(headers + to->header_count, more, count * sizeof *headers);
    net_ws_params params = {.target = {to->host, to->port, to->tls ? c->tls : NULL, NULL, &c->proxy},
                            .request_target = to->target,
                            .headers = headers,
                            .header_count = to->header_count + count,
                            .message_max = c->options.message_max};
    status = s->transport->connect(&s->ws, c->loop, &params, &events, s, &error);
    mem_free(headers);
  } else {
    error_memory(&error);
  }
  if (status != GENAI_OK) {
    s->ws = NULL;
    apply(s, session_fail(&s->mind, &error), NULL);
    return;
  }
  client_log(c, GENAI_LOG_INFO, "Connecting to %s port %d.", to->host, to->port);
}

static void on_credentials(auth_wait *wait, const genai_error *error, const genai_string_pair *headers, size_t count) {
  genai_live_session *s = (genai_live_session *)((char *)wait - offsetof(genai_live_session, credentials));
  if (error->status == GENAI_OK)
    dial(s, headers, count);
  else
    apply(s, session_fail(&s->mind, error), NULL);
}

static void begin(genai_live_session *s) {
  genai_client *c = s->client;
  const endpoint *to = &c->endpoints[s->kind->service];
  genai_error error = {0};
  session_settings settings = {.peer = to->peer,
                               .connect_timeout = s->mind.settings.connect_timeout,
                               .close_timeout = c->options.close_timeout_ms,
                               .keepalive = c->options.keepalive_ms == UINT32_MAX ? SESSION_NEVER : c->options.keepalive_ms,
                               .keepalive_timeout = c->options.keepalive_timeout_ms};
  s->started = true;
  session_init(&s->mind, &settings, now(s));
  s->timer = net_timer_new(c->loop, on_timer, s);
  if (!s->timer) {
    error_memory(&error);
    apply(s, session_fail(&s->mind, &error), NULL);
    return;
  }
  s->credentials.done = on_credentials;
  if (c->auth)
    auth_get(c->auth, &s->credentials);
  else
    dial(s, NULL, 0);
}

/* The last thing that touches the session on this thread. */
static void release(genai_live_session *s) {
  net_timer_free(s->timer);
  s->timer = NULL;
  uv_mutex_lock(&s->mutex);
  s->released = true;
  uv_cond_broadcast(&s->changed);
  uv_mutex_unlock(&s->mutex);
}

static void run(net_task *task) {
  genai_live_session *s = (genai_live_session *)((char *)task - offsetof(genai_live_session, task));
  if (!s->started) begin(s);
  uv_mutex_lock(&s->mutex);
  if (s->outbox.head) {
    *s->sending.tail = s->outbox.head;
    s->sending.tail = s->outbox.tail;
    outbox_init(&s->outbox);
  }
  bool close = s->close_wanted;
  bool resume = s->stalled && s->inbox.bytes <= s->client->options.inbox_max / 2;
  if (resume) s->stalled = false;
  bool done = s->release_wanted && s->ended && !s->calls;
  s->posted = done; /* a last run is followed by none: genai_live_free may just be about to post */
  uv_mutex_unlock(&s->mutex);
  if (resume && s->ws) {
    session_paused(&s->mind, false, now(s));
    s->transport->resume(s->ws);
  }
  if (close) apply(s, session_close(&s->mind, now(s)), NULL);
  pump(s);
  arm(s);
  if (!done) return;
  if (s->turn.queued)
    s->release_after_turn = true; /* the loop still holds the turn */
  else
    release(s);
}

void live_post(genai_live_session *s) {
  if (s->posted) return;
  s->posted = true;
  net_loop_post(s->client->loop, &s->task);
}

void live_io_init(genai_live_session *s) {
  s->task.run = run;
  s->turn.run = publish;
  s->timer_at = SESSION_NEVER;
  inbox_init(&s->gathered);
  outbox_init(&s->sending);
}

void live_io_deinit(genai_live_session *s) {
  inbox_deinit(&s->gathered);
  outbox_deinit(&s->sending);
}
