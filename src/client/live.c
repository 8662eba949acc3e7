/* Sessions as the application holds them: start, connect, receive, close, free. The other half is io.c. */
#include "client/live.h"

#include "base/error.h"
#include "base/memory.h"
#include "net/wait.h"
#include "models/models.h"
#include "wire/reader.h"
#include "wire/setup.h"
#include "wire/tables.h"

enum { SETUP_MAX = 16 << 20 };

void live_enter(genai_live_session *s) {
  uv_mutex_lock(&s->mutex);
  s->calls++;
}

void live_leave(genai_live_session *s) {
  if (s->wake_owed) { /* after the mutex, which the I/O thread will want at once; the call still counts, so that all of it is there */
    s->wake_owed = false;
    uv_mutex_unlock(&s->mutex);
    net_loop_wake(s->thread->loop);
    uv_mutex_lock(&s->mutex);
  }
  if (--s->calls == 0 && s->release_wanted) uv_cond_broadcast(&s->changed);
  uv_mutex_unlock(&s->mutex);
}

bool live_has_news(const genai_live_session *s) {
  return s->inbox.head || s->lost || ((s->ended || s->close_wanted) && !s->reported);
}

bool live_deposit(genai_live_session *s, inbox *more) {
  if (more) inbox_append(&s->inbox, more);
  notify_set(&s->fd, s->inbox.head || s->lost || s->ended || s->close_wanted);
  return live_has_news(s) && ready_announce(s);
}

void live_tell(genai_live_session *s, bool listed) {
  uv_cond_broadcast(&s->readable);
  if (listed) uv_cond_signal(&s->client->ready.cond);
}

void live_publish(genai_live_session *s, inbox *more) { live_tell(s, live_deposit(s, more)); }

static genai_status encode_setup(payload **out, const genai_client *client, const genai_live_connect_params *params,
                                 genai_error *error) {
  buf b;
  payload_begin(&b, SETUP_MAX, 0);
  wire_setup_params p = {.backend = client->backend, .model = params->model, .config = params->config,
                         .project = client->settings.project, .location = client->settings.location,
                         .express = !client->settings.project && (client->settings.gateway || !client->settings.oauth),
                         .tool = params->tools ? tools_declare(params->tools) : NULL,
                         .config_json = params->config_json, .setup_json = params->setup_json};
  genai_status status = wire_setup_write(&b, &p, error);
  if (status == GENAI_OK && !(*out = payload_end(&b))) status = error_memory(error);
  if (status != GENAI_OK) buf_deinit(&b);
  return status;
}

/* ---- what is known of the model ---- */

enum { DOUBTS_MAX = 1024 };

typedef struct doubts {
  genai_client *client;
  buf text;
} doubts;

static void doubt(void *user, const char *sentence) {
  doubts *d = user;
  client_log(d->client, GENAI_LOG_WARNING, "%s", sentence);
  buf_format(&d->text, "%s%s", d->text.size ? " " : "", sentence);
}

/* Whatever cannot be checked for want of memory is simply not doubted. */
static void check_model(genai_live_session *s) {
  doubts d = {.client = s->client};
  void *message = NULL;
  arena a;
  arena_init(&a, SETUP_MAX);
  buf_init(&d.text, DOUBTS_MAX);
  if (wire_read(&a, &wire_live_client_message, (const char *)s->setup->data, s->setup->size, NULL, &message, NULL) == GENAI_OK) {
    const genai_live_client_setup *setup = ((const genai_live_client_message *)message)->setup;
    models_check(models_find(s->client->models, setup ? setup->model : NULL), setup, doubt, &d);
  }
  const char *text = d.text.size ? buf_cstr(&d.text) : NULL;
  s->doubts = mem_strdup(text);
  buf_deinit(&d.text);
  arena_deinit(&a);
}

/* ---- life ---- */

static void unlink_session(genai_live_session *s) {
  uv_mutex_lock(&s->client->sessions_mutex);
  if (s->link) s->thread->sessions--;
  if (s->link) {
    *s->link = s->next;
    if (s->next) s->next->link = s->link;
  }
  uv_mutex_unlock(&s->client->sessions_mutex);
}

/* The one with the fewest sessions; among equals not the first, which has the tokens to care for. */
static client_thread *choose_thread(genai_client *c) {
  client_thread *best = NULL;
  for (uint32_t i = c->options.io_threads; i-- > 0;)
    if (!best || c->threads[i].sessions < best->sessions) best = &c->threads[i];
  return best;
}

static void link_session(genai_live_session *s) {
  genai_client *c = s->client;
  uv_mutex_lock(&c->sessions_mutex);
  s->thread = choose_thread(c);
  s->thread->sessions++;
  s->next = c->sessions;
  s->link = &c->sessions;
  if (s->next) s->next->link = &s->next;
  c->sessions = s;
  uv_mutex_unlock(&c->sessions_mutex);
}

static genai_status make_locks(genai_live_session *s, genai_error *error) {
  if (uv_mutex_init(&s->mutex)) goto none;
  if (uv_cond_init(&s->readable)) goto no_readable;
  if (uv_cond_init(&s->changed)) goto no_changed;
  return GENAI_OK;
no_changed:
  uv_cond_destroy(&s->readable);
no_readable:
  uv_mutex_destroy(&s->mutex);
none:
  return error_set(error, GENAI_ERROR_SYSTEM, "The system has no mutex or condition left.");
}

static void destroy_locks(genai_live_session *s) {
  uv_cond_destroy(&s->changed);
  uv_cond_destroy(&s->readable);
  uv_mutex_destroy(&s->mutex);
}

static void destroy(genai_live_session *s) {
  genai_client *client = s->client;
  tools_run_free(s->tools);
  inbox_deinit(&s->inbox);
  session_list_clear(&s->outbox);
  mem_free(s->handle);
  inbox_item_free(s->setup_complete);
  live_io_deinit(s);
  payload_drop(s->setup);
  mem_free(s->doubts);
  notify_deinit(&s->fd);
  destroy_locks(s);
  mem_free(s);
  client_drop(client);
}

static session_news news(const inbox_item *item) { return session_news_of_live(item->message.live.server); }

static const live_kind live = {ENDPOINT_LIVE, &wire_live_server_message, news};

/* ---- how the session goes on after a loss ---- */

static uint64_t or_default(uint32_t value, uint64_t fallback) { return value == UINT32_MAX ? SESSION_NEVER : value ? value : fallback; }

/* What the mind begins with; `first_ms`: for the first connection. */
static session_settings settle(const genai_client *c, const live_kind *kind, const genai_live_connect_params *params,
                               uint64_t first_ms) {
  const genai_live_recovery *r = &params->recovery;
  const genai_model_traits *traits = kind == &live ? models_find(c->models, params->model) : NULL;
  return (session_settings){
      .connect_timeout = first_ms,
      .close_timeout = c->options.close_timeout_ms,
      .keepalive = c->options.keepalive_ms == UINT32_MAX ? SESSION_NEVER : c->options.keepalive_ms,
      .keepalive_timeout = c->options.keepalive_timeout_ms,
      .reconnect = params->reconnect,
      .music = kind != &live,
      .vertex = c->backend == WIRE_BACKEND_VERTEX,
      .renewable = c->renewable,
      .single_use = c->settings.token,
      .announce_history = traits && traits->client_content == GENAI_ACCEPTANCE_REFUSED,
      .attempts_max = r->attempts_max ? r->attempts_max : 30,
      .budget = or_default(r->budget_ms, 300000),
      .delay = or_default(r->delay_ms, 500),
      .delay_max = or_default(r->delay_max_ms, 15000),
      .stable = or_default(r->stable_ms, 10000),
      .media_age = or_default(r->media_age_ms, 10000),
      .replay_max = r->replay_max ? r->replay_max : (size_t)4 << 20,
      .first_index = !r->index_from_zero,
      .answer_timeout = or_default(r->answer_timeout_ms, 20000),
  };
}

/* The setup of an encoded session with the handle to go on from. Takes the setup over and gives back another. */
static genai_status add_handle(payload **setup, const genai_client *c, const genai_live_connect_params *params, genai_error *error) {
  session_setup_facts facts;
  payload *with = NULL;
  genai_status status = session_setup_look(*setup, &facts, error);
  const session_setup_needs needs = {
      .handle = params->resumption_handle,
      .transparent = facts.asked ? facts.transparent
                                 : c->backend == WIRE_BACKEND_VERTEX && params->reconnect != GENAI_LIVE_RECONNECT_NONE};
  if (status == GENAI_OK) status = session_setup_write(&with, *setup, &facts, &needs, error);
  mem_free(facts.handle);
  payload_drop(*setup);
  *setup = with;
  return status;
}

/* Takes the setup over. */
static genai_status start(genai_client *client, const live_kind *kind, payload *setup, const genai_live_connect_params *params,
                          bool by_call, uint64_t timeout_ms, genai_live_session **session, genai_error *error) {
  genai_live_session *s = mem_zalloc(sizeof *s);
  if (!s) {
    payload_drop(setup);
    return error_memory(error);
  }
  genai_status status = make_locks(s, error);
  if (status != GENAI_OK) {
    payload_drop(setup);
    mem_free(s);
    return status;
  }
  if (params->tools && !(s->tools = tools_run_new(params->tools, live_answer, s))) {
    destroy_locks(s);
    payload_drop(setup);
    mem_free(s);
    return error_memory(error);
  }
  atomic_fetch_add(&client->references, 1);
  s->client = client;
  s->kind = kind;
  s->transport = client->transport;
  s->user = params->user;
  s->setup = setup;
  s->open_by_call = by_call;
  s->settings = settle(client, kind, params, timeout_ms);
  atomic_init(&s->interruptions, 0);
  inbox_init(&s->inbox);
  session_list_init(&s->outbox);
  live_io_init(s);
  if (kind == &live) check_model(s);
  link_session(s);
  uv_mutex_lock(&s->mutex);
  live_post(s);
  uv_mutex_unlock(&s->mutex);
  *session = s;
  return GENAI_OK;
}

genai_status genai_live_start(genai_client *client, const genai_live_connect_params *params, genai_live_session **session,
                              genai_error *error) {
  payload *setup = NULL;
  *session = NULL;
  genai_status status = encode_setup(&setup, client, params, error);
  if (status == GENAI_OK && params->resumption_handle) status = add_handle(&setup, client, params, error);
  if (status != GENAI_OK) return status;
  return start(client, &live, setup, params, false, client->options.connect_timeout_ms, session, error);
}

static genai_status wait_open(genai_live_session *s, const genai_wait *wait, genai_error *error) {
  /* The deadline is the mind's, which knows what the connection was at; only the token is watched here. */
  genai_wait only_cancel = {0, wait ? wait->cancel : NULL};
  genai_status status = GENAI_OK;
  waiter w;
  waiter_begin(&w, &only_cancel, &s->mutex, &s->changed);
  uv_mutex_lock(&s->mutex);
  while (status == GENAI_OK && !s->open && !s->ended) status = waiter_wait(&w, "Connecting", error);
  if (status == GENAI_ERROR_CANCELLED) error_set(error, status, "Connecting to %s was cancelled.", s->client->endpoints[s->kind->service].peer);
  if (status == GENAI_OK && !s->open) {
    status = error_copy(error, &s->mind.end);
    if (status == GENAI_CLOSED) status = error_set(error, GENAI_ERROR_CLOSED, "The session was closed before it was open.");
  }
  uv_mutex_unlock(&s->mutex);
  waiter_end(&w);
  return status;
}

static genai_status check_wait(genai_client *client, const genai_wait *wait, genai_error *error) {
  if (client_is_current(client))
    return error_set(error, GENAI_ERROR_THREAD, "Connecting would wait on the library's own thread for itself.");
  if (wait && wait->timeout_ms < 0)
    return error_set(error, GENAI_ERROR_ARGUMENT, "Connecting takes time: use genai_live_start to go on without waiting.");
  if (wait && wait->cancel && genai_cancel_fired(wait->cancel))
    return error_set(error, GENAI_ERROR_CANCELLED, "Connecting was cancelled.");
  return GENAI_OK;
}

genai_status live_connect(genai_client *client, const live_kind *kind, payload *setup, const genai_live_connect_params *params,
                          genai_live_session **session, const genai_wait *wait, genai_error *error) {
  *session = NULL;
  genai_status status = check_wait(client, wait, error);
  if (status != GENAI_OK) {
    payload_drop(setup);
    return status;
  }
  uint64_t timeout_ms = client->options.connect_timeout_ms;
  if (wait && wait->timeout_ms > 0 && (uint64_t)wait->timeout_ms < timeout_ms) timeout_ms = (uint64_t)wait->timeout_ms;
  genai_live_session *s = NULL;
  status = start(client, kind, setup, params, true, timeout_ms, &s, error);
  if (status != GENAI_OK) return status;
  status = wait_open(s, wait, error);
  if (status == GENAI_OK)
    *session = s;
  else
    genai_live_free(s);
  return status;
}

genai_status genai_live_connect(genai_client *client, const genai_live_connect_params *params, genai_live_session **session,
                                const genai_wait *wait, genai_error *error) {
  payload *setup = NULL;
  *session = NULL;
  genai_status status = encode_setup(&setup, client, params, error);
  if (status == GENAI_OK && params->resumption_handle) status = add_handle(&setup, client, params, error);
  return status == GENAI_OK ? live_connect(client, &live, setup, params, session, wait, error) : status;
}

/* With the mutex held: the first thing that waits, or GENAI_WOULD_BLOCK. */
static genai_status take(genai_live_session *s, inbox_item **out, genai_error *error) {
  inbox_item *item = inbox_pop(&s->inbox);
  if (item) {
    if (s->stalled && s->inbox.bytes <= s->client->options.inbox_max / 2) live_post_leaving(s);
    if (!item->error) {
      *out = item;
      return GENAI_OK;
    }
    genai_status status = error_copy(error, item->error);
    inbox_item_free(item);
    return status;
  }
  if (s->lost) {
    genai_status status = error_set(error, GENAI_ERROR_MEMORY, "%u received messages were lost: there was no memory to keep "
                                    "them. The session goes on.", s->lost);
    s->lost = 0;
    return status;
  }
  if (s->ended) {
    s->reported = true;
    return error_copy(error, &s->mind.end);
  }
  if (s->close_wanted) {
    s->reported = true;
    error_set(error, GENAI_CLOSED, "The session was closed by this program.");
    if (error) error->close_code = 1000;
    return GENAI_CLOSED;
  }
  return GENAI_WOULD_BLOCK;
}

genai_status live_receive(genai_live_session *s, inbox_item **item, const genai_wait *wait, genai_error *error) {
  genai_status status, waited = GENAI_OK;
  waiter w;
  *item = NULL;
  waiter_begin(&w, wait, &s->mutex, &s->readable);
  live_enter(s);
  while ((status = take(s, item, error)) == GENAI_WOULD_BLOCK) {
    waited = waiter_wait(&w, "Receiving", error);
    if (waited == GENAI_ERROR_TIMEOUT) error_append(error, " No message has come; the session goes on.");
    if (waited != GENAI_OK) break;
  }
  if (status == GENAI_WOULD_BLOCK) status = waited;
  notify_set(&s->fd, s->inbox.head || s->lost || s->ended || s->close_wanted);
  if (live_has_news(s) && ready_announce(s)) uv_cond_signal(&s->client->ready.cond);
  live_leave(s);
  waiter_end(&w);
  return status;
}

genai_status genai_live_receive(genai_live_session *session, genai_live_message **message, const genai_wait *wait,
                                genai_error *error) {
  inbox_item *item;
  *message = NULL;
  if (session->kind != &live) return error_set(error, GENAI_ERROR_ARGUMENT, "A music session is received by genai_music_receive.");
  genai_status status = live_receive(session, &item, wait, error);
  if (status == GENAI_OK) *message = &item->message.live;
  return status;
}

int genai_live_fd(genai_live_session *session, genai_error *error) {
  genai_live_session *s = session;
  live_enter(s);
  int fd = notify_fd(&s->fd, error);
  notify_set(&s->fd, s->inbox.head || s->lost || s->ended || s->close_wanted);
  live_leave(s);
  return fd;
}

uint64_t genai_live_interruptions(const genai_live_session *session) { return atomic_load(&session->interruptions); }

const genai_live_server_setup_complete *genai_live_setup_complete(genai_live_session *session) {
  live_enter(session);
  const inbox_item *item = session->setup_complete;
  live_leave(session);
  return item && session->kind == &live ? item->message.live.server->setup_complete : NULL;
}

char *genai_live_resumption_handle(genai_live_session *session) {
  live_enter(session);
  char *copy = mem_strdup(session->handle);
  live_leave(session);
  return copy;
}

void *genai_live_user(const genai_live_session *session) { return session->user; }

/* With the mutex held. */
static void want_close(genai_live_session *s) {
  if (s->close_wanted || s->ended) return;
  s->close_wanted = true;
  live_post(s);
  live_publish(s, NULL);
  uv_cond_broadcast(&s->changed);
}

genai_status genai_live_close(genai_live_session *session, const genai_wait *wait, genai_error *error) {
  genai_live_session *s = session;
  genai_status status = GENAI_OK;
  bool may_wait = !(wait && wait->timeout_ms < 0) && !client_is_current(s->client);
  waiter w;
  waiter_begin(&w, wait, &s->mutex, &s->changed);
  live_enter(s);
  want_close(s);
  while (may_wait && !s->ended && status == GENAI_OK) status = waiter_wait(&w, "Closing", error);
  if (status != GENAI_OK) error_append(error, " It goes on by itself.");
  live_leave(s);
  waiter_end(&w);
  return status;
}

genai_status genai_live_free(genai_live_session *session) {
  genai_live_session *s = session;
  if (!s) return GENAI_OK;
  if (client_is_current(s->client)) return GENAI_ERROR_THREAD;
  unlink_session(s);
  uv_mutex_lock(&s->mutex);
  want_close(s);
  s->release_wanted = true;
  while (!s->ended || s->calls) uv_cond_wait(&s->changed, &s->mutex);
  live_post(s);
  while (!s->released) uv_cond_wait(&s->changed, &s->mutex);
  ready_withdraw(s);
  uv_mutex_unlock(&s->mutex);
  destroy(s);
  return GENAI_OK;
}
