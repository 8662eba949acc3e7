/* The session on the I/O thread: between its connections and the mind. Everything static here runs on the loop's thread. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "client/connection.h"

static void apply(genai_live_session *s, session_step step, inbox_item *item);
static void release(genai_live_session *s);

static uint64_t now(const genai_live_session *s) { return net_loop_now(s->thread->loop); }
static net_ws *serving(const genai_live_session *s) { return s->connection->ws; }
static live_connection *standby(genai_live_session *s) { return &s->connections[s->connection == s->connections]; }

/* Keeps the timer at the mind's next deadline. A deadline that moved back is left to fire early: it moves at each message. */
static void arm(genai_live_session *s) {
  uint64_t next = session_next_tick(&s->mind);
  if (!s->timer || next == SESSION_NEVER || next >= s->timer_at) return;
  uint64_t at = now(s);
  s->timer_at = next;
  net_timer_start(s->timer, next > at ? next - at : 1); /* never in the same turn of the loop, which would not end */
}

static void on_timer(void *user) {
  genai_live_session *s = user;
  s->timer_at = SESSION_NEVER;
  apply(s, session_tick(&s->mind, now(s), connection_phase(s->connection)), NULL);
  arm(s);
}

/* ---- out ---- */

/* Room in the outbox for which waiting senders are woken: a wake-up costs more than a send. So at once for a quarter of it, and on a
 * slow line, where that takes long, for less from time to time. */
enum { ROOM_SOME = 64 << 10, ROOM_AGAIN_MS = 10 };

/* With the mutex held: less waits for a connection than before. Whether senders are to be woken. */
static bool tell_room(genai_live_session *s) {
  size_t max = s->client->options.outbox_max, some = max / 4 < ROOM_SOME ? max / 4 : ROOM_SOME;
  size_t waiting = s->outbox.bytes + s->waiting_bytes, enough = now(s) - s->room_told < ROOM_AGAIN_MS ? max / 4 : some;
  bool wake = s->senders && (!waiting || waiting + enough <= max);
  if (wake) s->room_told = now(s);
  if (!s->writable_wanted || waiting > max / 2) return wake;
  const genai_live_event writable = {.kind = GENAI_LIVE_EVENT_WRITABLE, .text = "There is room for sends again."};
  inbox_item *event = inbox_item_event(&writable);
  if (!event) return wake;
  s->writable_wanted = false;
  inbox_push(&s->inbox, event);
  live_publish(s, NULL);
  return wake;
}

/* Gives the connection what waits, as much as it takes. */
static void pump(genai_live_session *s) {
  uint64_t at = now(s);
  net_ws *ws = serving(s);
  if (ws && !s->close_sent)
    for (payload *message; (message = session_next(&s->mind)) && s->transport->send(ws, message);) session_sent(&s->mind, at);
  if (s->waiting_bytes != s->mind.inputs.waiting.bytes) { /* this thread alone changes it */
    uv_mutex_lock(&s->mutex);
    s->waiting_bytes = s->mind.inputs.waiting.bytes;
    bool wake = tell_room(s);
    uv_mutex_unlock(&s->mutex);
    if (wake) uv_cond_broadcast(&s->changed);
  }
  if (ws && s->mind.phase == SESSION_CLOSING && !s->close_sent && !session_next(&s->mind)) {
    uint64_t left = s->mind.deadline > at ? s->mind.deadline - at : 0;
    s->close_sent = true;
    s->transport->close(ws, 1000, "", (unsigned)left);
  }
}

static void on_writable(void *user) { pump(((live_connection *)user)->session); }

/* ---- in ---- */

static void publish(net_turn *turn) {
  genai_live_session *s = (genai_live_session *)((char *)turn - offsetof(genai_live_session, turn));
  uv_mutex_lock(&s->mutex);
  bool listed = live_deposit(s, &s->gathered);
  uv_mutex_unlock(&s->mutex);
  live_tell(s, listed);
  if (s->release_after_turn) release(s);
}

static void gather(genai_live_session *s, inbox_item *item) {
  inbox_push(&s->gathered, item);
  net_loop_at_turn_end(s->thread->loop, &s->turn);
}

/* Something to receive for which there was no memory: counted, and told when there is. */
static void lose(genai_live_session *s) {
  uv_mutex_lock(&s->mutex);
  s->lost++;
  live_publish(s, NULL);
  uv_mutex_unlock(&s->mutex);
}

static inbox_item *decode(genai_live_session *s, const uint8_t *text, size_t size) {
  return inbox_item_decode(s->thread->pool, s->kind->message, text, size, s->client->options.message_max);
}

/* setupComplete: kept for genai_live_setup_complete, shown to genai_live_connect or received as GENAI_LIVE_EVENT_OPEN. */
static void opened(genai_live_session *s, inbox_item *item) {
  static const genai_live_event open = {.kind = GENAI_LIVE_EVENT_OPEN, .text = "The session is open."};
  const genai_live_message *m = &item->message.live;
  bool show = !s->open_by_call || s->kind->news(item).more;
  inbox_item *shown = show ? decode(s, (const uint8_t *)m->json, m->json_size) : NULL;
  if (shown && !s->open_by_call) inbox_item_add_event(shown, &open);
  if (shown) gather(s, shown);
  if (show && !shown) lose(s);
  s->mind.settings.connect_timeout = s->client->options.connect_timeout_ms; /* the first was the caller's */
  uv_mutex_lock(&s->mutex);
  s->setup_complete = item;
  s->open = true;
  uv_cond_broadcast(&s->changed);
  uv_mutex_unlock(&s->mutex);
}

static void run_tools(genai_live_session *s, const genai_live_server_message *message) {
  if (message->tool_call) tools_run_calls(s->tools, message->tool_call);
  if (message->tool_call_cancellation) tools_run_cancel(s->tools, message->tool_call_cancellation);
}

/* The first thing that happened by a message belongs to it. */
static void deliver(genai_live_session *s, const session_step *step, inbox_item *item) {
  session_event event;
  if (step->interrupted) atomic_fetch_add(&s->interruptions, 1);
  if (step->opened) {
    opened(s, item);
    return;
  }
  if (s->tools) run_tools(s, item->message.live.server);
  if (session_event_next(&s->mind, &event)) inbox_item_add_event(item, &event.event);
  gather(s, item);
}

static void tell_events(genai_live_session *s) {
  session_event event;
  while (session_event_next(&s->mind, &event)) {
    client_log(s->client, event.event.kind == GENAI_LIVE_EVENT_RESUMED ? GENAI_LOG_INFO : GENAI_LOG_WARNING, "%s", event.text);
    inbox_item *item = inbox_item_event(&event.event);
    if (item)
      gather(s, item);
    else
      lose(s);
  }
}

/* For genai_live_resumption_handle. */
static void show_handle(genai_live_session *s) {
  char *copy = mem_strdup(s->mind.handle);
  uv_mutex_lock(&s->mutex);
  if (copy || !s->mind.handle) {
    mem_free(s->handle);
    s->handle = copy;
  }
  uv_mutex_unlock(&s->mutex);
}

/* Whether the inbox is full, in which case reading pauses. */
static bool overflows(genai_live_session *s) {
  static const genai_live_event stalled = {.kind = GENAI_LIVE_EVENT_STALLED,
                                           .text = "The inbox is full; reading pauses until messages are received."};
  uv_mutex_lock(&s->mutex);
  size_t waiting = s->inbox.bytes + s->gathered.bytes;
  bool full = waiting > s->client->options.inbox_max;
  s->stalled = full;
  uv_mutex_unlock(&s->mutex);
  if (!full) return false;
  inbox_item *event = inbox_item_event(&stalled);
  if (event) gather(s, event);
  session_paused(&s->mind, true, now(s));
  client_log(s->client, GENAI_LOG_WARNING, "Reading pauses: the application has not received %zu bytes yet.", waiting);
  return true;
}

/* No memory for a message; during a setup it may have been the answer. */
static void miss(live_connection *c) {
  genai_error error = {0};
  if (c->session->mind.phase != SESSION_SETUP) {
    lose(c->session);
    return;
  }
  error_memory(&error);
  connection_drop(c);
  io_failed(c, &error);
}

static bool on_message(void *user, ws_opcode opcode, const uint8_t *data, size_t size) {
  live_connection *c = user;
  genai_live_session *s = c->session;
  net_ws *ws = c->ws;
  (void)opcode; /* the service sends JSON in binary messages, its recordings in text ones */
  session_heard(&s->mind, now(s));
  inbox_item *item = decode(s, data, size);
  if (!item) {
    miss(c);
  } else if (item->error) {
    gather(s, item);
  } else {
    session_news news = s->kind->news(item);
    session_step step = session_message(&s->mind, &news, now(s));
    if (news.update || step.reopened) show_handle(s);
    apply(s, step, item);
    arm(s);
  }
  return c->ws == ws && !overflows(s);
}

static void on_pong(void *user) {
  genai_live_session *s = ((live_connection *)user)->session;
  session_heard(&s->mind, now(s));
}

/* ---- life ---- */

static void on_held(void *user) {
  genai_live_session *s = ((live_connection *)user)->session;
  apply(s, session_standby_ready(&s->mind, now(s)), NULL);
  arm(s);
}

static void on_open(void *user) {
  genai_live_session *s = ((live_connection *)user)->session;
  apply(s, session_connected(&s->mind, now(s)), NULL);
  arm(s);
}

static void on_close(void *user, int code, const char *reason, size_t size) {
  genai_live_session *s = ((live_connection *)user)->session;
  session_peer_close(&s->mind, code, reason, size);
}

void io_failed(live_connection *c, const genai_error *why) {
  genai_live_session *s = c->session;
  session_step step = c == s->connection ? session_transport_end(&s->mind, why, now(s)) : session_standby_end(&s->mind, now(s));
  apply(s, step, NULL);
  arm(s);
}

/* For the first connection that is an end of its own; a later one is tried again, as after any loss. */
void io_no_credentials(live_connection *c, const genai_error *why) {
  genai_live_session *s = c->session;
  if (s->mind.was_open)
    io_failed(c, why);
  else
    apply(s, session_fail(&s->mind, why), NULL);
}

static void on_end(void *user, const genai_error *why) {
  live_connection *c = user;
  c->ws = NULL;
  if (why->http_status == 401) credentials_refused(c);
  io_failed(c, why);
}

const net_ws_events io_events = {on_held, on_open, on_message, on_pong, on_writable, on_close, on_end};

static void end(genai_live_session *s) {
  if (s->tools) tools_run_end(s->tools);
  for (int i = 0; i < 2; i++) credentials_cancel(&s->connections[i]);
  if (s->timer) net_timer_stop(s->timer);
  s->timer_at = SESSION_NEVER;
  if (s->doubts && s->mind.end.status == GENAI_ERROR_REFUSED) error_append(&s->mind.end, " This was noticed before: %s", s->doubts);
  client_log(s->client, s->mind.end.status == GENAI_CLOSED ? GENAI_LOG_INFO : GENAI_LOG_WARNING, "%s", s->mind.end.message);
  uv_mutex_lock(&s->mutex);
  s->ended = true;
  live_publish(s, &s->gathered);
  uv_cond_broadcast(&s->changed);
  uv_mutex_unlock(&s->mutex);
}

static void send_setup(genai_live_session *s) {
  payload *setup = NULL;
  genai_error error = {0};
  if (session_setup_text(&s->mind, &setup, &error) == GENAI_OK) {
    s->transport->send(serving(s), setup); /* the first message of a connection is always taken */
    payload_drop(setup);
    return;
  }
  connection_drop(s->connection);
  io_failed(s->connection, &error);
}

/* The next connection takes over from the one that is gone. */
static void promote(genai_live_session *s) {
  s->connection = standby(s);
  if (serving(s)) s->transport->upgrade(serving(s));
}

static void cancel_lost_calls(genai_live_session *s) {
  const char *ids[SESSION_CALLS_GONE_MAX];
  const genai_live_server_tool_call_cancellation gone = {.ids = {ids, session_calls_lost(&s->mind.calls, ids, SESSION_CALLS_GONE_MAX)}};
  if (s->tools) tools_run_cancel(s->tools, &gone);
}

/* Does what the mind said, in this order; takes the item over. */
static void apply(genai_live_session *s, session_step step, inbox_item *item) {
  if (step.deliver && item) {
    deliver(s, &step, item);
    item = NULL;
  }
  inbox_item_free(item);
  tell_events(s);
  if (step.lost_calls) cancel_lost_calls(s);
  if (step.abort) connection_drop(s->connection);
  if (step.drop_standby) connection_drop(standby(s));
  if (step.upgrade) promote(s);
  if (step.dial) connection_dial(s->connection);
  if (step.dial_standby) connection_dial(standby(s));
  if (step.send_setup) send_setup(s);
  if (step.ping && serving(s)) s->transport->ping(serving(s));
  if (step.leave && serving(s)) s->transport->close(serving(s), 1000, "", (unsigned)(s->mind.deadline - now(s)));
  if (step.close || step.opened || step.reopened) pump(s);
  if (step.ended) end(s);
}

static void begin(genai_live_session *s) {
  const endpoint *to = &s->client->endpoints[s->kind->service];
  genai_error error = {0};
  s->started = true;
  s->settings.peer = to->peer;
  net_loop_random(s->thread->loop, &s->settings.seed, sizeof s->settings.seed); /* without it the jitter is the same for all */
  genai_status status = session_init(&s->mind, &s->settings, s->setup, now(s), &error);
  s->timer = net_timer_new(s->thread->loop, on_timer, s);
  if (status == GENAI_OK && !s->timer) status = error_memory(&error);
  if (status == GENAI_OK)
    connection_dial(s->connection);
  else
    apply(s, session_fail(&s->mind, &error), NULL);
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

/* Hands what was queued to the mind. */
static void add(genai_live_session *s, session_list *queued) {
  uint64_t at = now(s);
  for (payload *message; (message = session_list_pop(queued));) session_add(&s->mind, message, at);
}

static void run(net_task *task) {
  genai_live_session *s = (genai_live_session *)((char *)task - offsetof(genai_live_session, task));
  session_list queued;
  if (!s->started) begin(s);
  uv_mutex_lock(&s->mutex);
  session_list_init(&queued);
  if (s->outbox.head) {
    queued = s->outbox;
    s->waiting_bytes += queued.bytes;
    session_list_init(&s->outbox);
  }
  bool close = s->close_wanted;
  bool resume = s->stalled && s->inbox.bytes <= s->client->options.inbox_max / 2;
  if (resume) s->stalled = false;
  bool done = s->release_wanted && s->ended && !s->calls && !credentials_busy(&s->connections[0]) &&
              !credentials_busy(&s->connections[1]);
  s->posted = done; /* a last run is followed by none: genai_live_free may just be about to post */
  uv_mutex_unlock(&s->mutex);
  add(s, &queued);
  if (resume && serving(s)) {
    session_paused(&s->mind, false, now(s));
    s->transport->resume(serving(s));
  }
  if (close) apply(s, session_close(&s->mind, now(s)), NULL);
  tell_events(s);
  pump(s);
  arm(s);
  if (!done) return;
  if (s->turn.queued)
    s->release_after_turn = true; /* the loop still holds the turn */
  else
    release(s);
}

/* True: the loop is to be woken for it. */
static bool push(genai_live_session *s) {
  if (s->posted) return false;
  s->posted = true;
  return net_loop_push(s->thread->loop, &s->task);
}

void live_post_leaving(genai_live_session *s) {
  if (push(s)) s->wake_owed = true;
}

void live_post(genai_live_session *s) {
  if (push(s)) net_loop_wake(s->thread->loop);
}

void live_io_init(genai_live_session *s) {
  s->task.run = run;
  s->turn.run = publish;
  s->timer_at = SESSION_NEVER;
  s->connection = s->connections;
  for (int i = 0; i < 2; i++) connection_init(&s->connections[i], s);
  inbox_init(&s->gathered);
}

void live_io_deinit(genai_live_session *s) {
  for (int i = 0; i < 2; i++) credentials_deinit(&s->connections[i]);
  inbox_deinit(&s->gathered);
  session_deinit(&s->mind);
}
