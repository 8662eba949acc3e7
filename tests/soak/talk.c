#include <stdlib.h>
#include <string.h>

#include "net/thread.h"
#include "soak.h"

enum { SEND_MS = 5000, NEXT_MS = 200, CONNECT_MS = 60000, CLOSE_MS = 10000 };

static void log_line(void *user, genai_log_level level, const char *line) {
  (void)user;
  fprintf(stderr, "%d %s\n", (int)level, line);
}

void talk_prepare(talk *t, const talk_options *options) {
  *t = (talk){.options = *options, .talkers = calloc(options->sessions, sizeof *t->talkers)};
  if (!t->talkers) abort();
  for (unsigned i = 0; i < options->sessions; i++) {
    talker *one = &t->talkers[i];
    memset(one->windows, 1, sizeof one->windows); /* written to now, so as to count as memory now */
    for (unsigned k = 0; k < CALLS_KEPT; k++) memset(one->calls[k].text, 1, sizeof one->calls[k].text);
    memset(one->last_words, 1, sizeof one->last_words);
    t->talkers[i].number = i;
    t->talkers[i].flavour = options->sessions == 1 ? SCRIPT_MANUAL : i % SCRIPT_FLAVOURS;
    pthread_mutex_init(&t->talkers[i].mutex, NULL);
    pthread_mutex_init(&t->talkers[i].turn, NULL);
  }
}

static bool make_client(talk *t, const service_process *service) {
  genai_error error = {0};
  const talk_options *o = &t->options;
  const genai_client_options client = {
      .backend = o->vertex ? GENAI_BACKEND_VERTEX : GENAI_BACKEND_GEMINI,
      .api_key = o->vertex ? NULL : "any",
      .project = o->vertex ? "p" : NULL,
      .location = o->vertex ? "l" : NULL,
      .access_token = o->vertex ? "any" : NULL,
      .base_url = service->url,
      .ca_file = service->ca,
      .proxy = "",
      .connect_timeout_ms = 5000 * watch_scale(),
      .keepalive_ms = o->keepalive_ms * watch_scale(),
      .keepalive_timeout_ms = o->keepalive_timeout_ms * watch_scale(),
      .log = o->verbose ? log_line : NULL,
      .log_level = GENAI_LOG_INFO,
  };
  if (genai_client_new(&t->client, &client, &error) == GENAI_OK) return true;
  fprintf(stderr, "soak: %s\n", error.message);
  return false;
}

/* A session may be refused while it begins, which is for its caller to see: it begins again. */
static bool connect_one(talk *t, talker *one) {
  genai_error error = {0};
  const genai_live_connect_params params = {
      .model = "gemini-2.0-flash-live-001",
      .config_json = script_config(one->flavour),
      .user = one,
      .recovery = {.attempts_max = 100000,
                   .budget_ms = 600000,
                   .delay_ms = 20,
                   .delay_max_ms = 300,
                   .stable_ms = 1000,
                   .media_age_ms = t->options.vertex ? UINT32_MAX : 0},
  };
  for (int tries = 0; tries < 50; tries++) {
    watch_call("genai_live_connect", CONNECT_MS);
    genai_status status = genai_live_connect(t->client, &params, &one->session, &(genai_wait){.timeout_ms = CONNECT_MS}, &error);
    watch_call("", 0);
    if (status == GENAI_OK) return true;
  }
  fprintf(stderr, "soak: %s\n", error.message);
  return false;
}

bool talk_connect(talk *t, const service_process *service) {
  if (!make_client(t, service)) return false;
  for (unsigned i = 0; i < t->options.sessions; i++) {
    if (!connect_one(t, &t->talkers[i])) return false;
  }
  return true;
}

/* ---- what is received ---- */

static talk_call *find_call(talker *one, const char *id) {
  uint64_t hash = id ? script_hash(id) : 0;
  for (unsigned i = 0; hash && i < CALLS_KEPT; i++) {
    if (one->calls[i].id == hash) return &one->calls[i];
  }
  return NULL;
}

static void lose_call(talker *one, const char *id) {
  talk_call *call = find_call(one, id);
  if (call) call->gone = true;
}

static void answer(talker *one, const genai_function_call *call) {
  char json[512];
  genai_error error = {0};
  pthread_mutex_lock(&one->mutex);
  if (!find_call(one, call->id)) {
    talk_call *mine = &one->calls[one->calls_made++ % CALLS_KEPT];
    *mine = (talk_call){.id = script_hash(call->id), .adopted = one->adopted, .answered = true};
    snprintf(mine->text, sizeof mine->text, "%s", call->id);
  }
  pthread_mutex_unlock(&one->mutex);
  snprintf(json, sizeof json, "{\"functionResponses\":[{\"id\":\"%s\",\"name\":\"%s\",\"response\":{\"output\":\"done\"}}]}", call->id, call->name);
  watch_call("genai_live_send_tool_response", SEND_MS);
  genai_status status = genai_live_send_json(one->session, GENAI_LIVE_SEND_TOOL_RESPONSE, json, &(genai_wait){.timeout_ms = SEND_MS}, &error);
  watch_call("", 0);
  if (status) {
    pthread_mutex_lock(&one->mutex);
    lose_call(one, call->id);
    pthread_mutex_unlock(&one->mutex);
  }
}

/* What a service without an index may have lost before the handle that it restored, and the calls that it does not know. */
static void take_resumed(talker *one, const genai_live_event *event) {
  talk_window *window = &one->windows[one->window_count++ % WINDOWS];
  memcpy(window->low, one->cut, sizeof window->low);
  window->high = one->at_handle;
  one->resumed++;
  one->replayed += event->replayed;
  one->lost_told += event->lost;
  for (unsigned i = 0; i < CALLS_KEPT; i++) {
    if (one->calls[i].adopted == one->adopted) one->calls[i].gone = true; /* made after the state that goes on */
  }
}

static void take_event(talker *one, const genai_live_event *event) {
  switch (event->kind) {
  case GENAI_LIVE_EVENT_RESUMED: take_resumed(one, event); break;
  case GENAI_LIVE_EVENT_RECONNECTING: one->reconnecting++; break;
  case GENAI_LIVE_EVENT_DEGRADED: one->degraded++; break;
  case GENAI_LIVE_EVENT_CALLS_GONE:
    one->gone += event->call_ids.count;
    for (size_t i = 0; i < event->call_ids.count; i++) lose_call(one, event->call_ids.items[i]);
    break;
  default: break;
  }
}

/* Whether the session holds this handle now: it may have had reasons not to adopt it. */
static void take_update(talker *one, const genai_live_server_session_resumption_update *update) {
  if (!update->resumable.value || !update->new_handle || !*update->new_handle) return;
  char *held = genai_live_resumption_handle(one->session);
  if (held && !strcmp(held, update->new_handle)) {
    one->adopted++;
    one->at_handle = one->sent + 1; /* and the one that may be on its way out just now */
  }
  genai_text_free(held);
}

static void take(talker *one, const genai_live_message *m) {
  const genai_function_call *call;
  pthread_mutex_lock(&one->mutex);
  if (m->event) take_event(one, m->event);
  if (m->server && m->server->session_resumption_update) take_update(one, m->server->session_resumption_update);
  if (m->server && m->server->tool_call_cancellation) {
    const genai_string_list *ids = &m->server->tool_call_cancellation->ids;
    for (size_t i = 0; i < ids->count; i++) lose_call(one, ids->items[i]);
  }
  pthread_mutex_unlock(&one->mutex);
  for (size_t i = 0; (call = genai_live_message_function_call(m, i)); i++) answer(one, call);
}

/* Everything that a session has now. */
static void receive_all(talker *one) {
  genai_error error = {0};
  for (genai_live_message *m;;) {
    watch_call("genai_live_receive", NEXT_MS);
    genai_status status = genai_live_receive(one->session, &m, &(genai_wait){.timeout_ms = GENAI_NO_WAIT}, &error);
    watch_call("", 0);
    if (status == GENAI_WOULD_BLOCK) return;
    if (status == GENAI_ERROR_MESSAGE) {
      pthread_mutex_lock(&one->mutex);
      one->invalid++;
      pthread_mutex_unlock(&one->mutex);
      continue;
    }
    if (status != GENAI_OK) {
      pthread_mutex_lock(&one->mutex);
      if (!atomic_load(&one->ended)) snprintf(one->last_words, sizeof one->last_words, "%s", error.message);
      atomic_store(&one->ended, true);
      pthread_mutex_unlock(&one->mutex);
      return;
    }
    take(one, m);
    genai_live_message_free(m);
  }
}

static void drain(talker *one) {
  pthread_mutex_lock(&one->turn);
  receive_all(one);
  pthread_mutex_unlock(&one->turn);
}

static void *receive(void *user) {
  talk *t = user;
  genai_error error = {0};
  while (!atomic_load(&t->stop)) {
    genai_live_session *session = NULL;
    watch_call("genai_client_next", NEXT_MS);
    genai_status status = genai_client_next(t->client, &session, &(genai_wait){.timeout_ms = NEXT_MS}, &error);
    watch_call("", 0);
    if (status == GENAI_OK) drain(genai_live_user(session));
    else if (status != GENAI_ERROR_TIMEOUT) watch_sleep_ms(10);
  }
  return NULL;
}

/* ---- what is sent ---- */

static void say(talk *t, talker *one, uint64_t now) {
  genai_error error = {0};
  bool alone = t->options.sessions == 1;
  const genai_wait wait = {.timeout_ms = alone ? SEND_MS : GENAI_NO_WAIT};
  watch_call("genai_live_send", SEND_MS);
  genai_status status = script_send(one->session, one->number, one->flavour, one->sent + 1, &wait, &error);
  watch_call("", 0);
  one->due_ms = now + t->options.gap_ms;
  if (status != GENAI_OK) return;
  pthread_mutex_lock(&one->mutex);
  one->sent++;
  pthread_mutex_unlock(&one->mutex);
}

/* Paused, each session ends its round. */
static void *send_all(void *user) {
  talk *t = user;
  while (!atomic_load(&t->stop)) {
    uint64_t now = watch_now_ms();
    bool pause = atomic_load(&t->pause);
    for (unsigned i = 0; i < t->options.sessions; i++) {
      talker *one = &t->talkers[i];
      bool due = now >= one->due_ms && !atomic_load(&one->ended) && !one->judged;
      if (due && (!pause || one->sent % script_round(one->flavour))) say(t, one, now);
    }
    watch_sleep_ms(2);
  }
  return NULL;
}

void talk_run(talk *t) {
  if (net_thread_start(&t->threads[t->thread_count++], send_all, t)) abort();
  for (unsigned i = 0; i < t->options.receivers; i++) {
    if (net_thread_start(&t->threads[t->thread_count++], receive, t)) abort();
  }
}

bool talk_end(talk *t) {
  bool fine = true;
  genai_error error = {0};
  atomic_store(&t->stop, true);
  for (unsigned i = 0; i < t->thread_count; i++) pthread_join(t->threads[i], NULL);
  for (unsigned i = 0; i < t->options.sessions; i++) {
    if (t->talkers[i].session) fine &= genai_live_close(t->talkers[i].session, &(genai_wait){.timeout_ms = GENAI_NO_WAIT}, NULL) == GENAI_OK;
  }
  for (unsigned i = 0; i < t->options.sessions; i++) {
    talker *one = &t->talkers[i];
    if (!one->session) continue;
    watch_call("genai_live_close", CLOSE_MS);
    fine &= genai_live_close(one->session, &(genai_wait){.timeout_ms = CLOSE_MS}, &error) == GENAI_OK;
    watch_call("genai_live_free", CLOSE_MS);
    fine &= genai_live_free(one->session) == GENAI_OK;
    watch_call("", 0);
  }
  watch_call("genai_client_free", CLOSE_MS);
  fine &= genai_client_free(t->client) == GENAI_OK;
  watch_call("", 0);
  if (!fine) fprintf(stderr, "soak: a close failed: %s\n", error.message);
  return fine;
}

void talk_free(talk *t) {
  for (unsigned i = 0; i < t->options.sessions; i++) {
    pthread_mutex_destroy(&t->talkers[i].mutex);
    pthread_mutex_destroy(&t->talkers[i].turn);
  }
  free(t->talkers);
}
