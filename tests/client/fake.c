#include "fake.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* What net_ws is here. Work for the loop is a list that one task runs. */
typedef struct job {
  struct job *next;
  void (*run)(net_ws *ws, struct job *job);
  char *data;
  size_t size;
  int code;
  bool wait, done;
} job;

struct net_ws {
  net_task task;
  net_loop *loop;
  const net_ws_events *events;
  void *user;
  job *jobs;
  bool dead;
  net_ws *older; /* every one made, freed by fake_free */
};

static fake *current;
static net_ws *made;

static void run_jobs(net_task *task) {
  net_ws *ws = (net_ws *)task;
  for (;;) {
    uv_mutex_lock(&current->mutex);
    job *j = ws->jobs;
    if (j) ws->jobs = j->next;
    bool dead = ws->dead;
    uv_mutex_unlock(&current->mutex);
    if (!j) break;
    if (!dead) j->run(ws, j);
    uv_mutex_lock(&current->mutex);
    j->done = true;
    bool wait = j->wait;
    uv_cond_broadcast(&current->cond);
    uv_mutex_unlock(&current->mutex);
    if (!wait) {
      free(j->data);
      free(j);
    }
  }
}

static job *job_new(void (*run)(net_ws *, job *), const void *data, size_t size, int code, bool wait) {
  job *j = calloc(1, sizeof *j);
  *j = (job){.run = run, .size = size, .code = code, .wait = wait, .data = malloc(size + 1)};
  if (size) memcpy(j->data, data, size);
  j->data[size] = '\0';
  return j;
}

/* With the mutex held. */
static void add(net_ws *ws, job *j) {
  job **link = &ws->jobs;
  while (*link) link = &(*link)->next;
  *link = j;
  net_loop_post(ws->loop, &ws->task);
}

static void do_held(net_ws *ws, job *j) { (void)j; ws->events->held(ws->user); }
static void do_open(net_ws *ws, job *j) { (void)j; ws->events->open(ws->user); }
static void do_message(net_ws *ws, job *j) {
  bool more = ws->events->message(ws->user, WS_TEXT, (const uint8_t *)j->data, j->size);
  uv_mutex_lock(&current->mutex);
  if (!more) current->paused = true;
  uv_mutex_unlock(&current->mutex);
}
static void do_writable(net_ws *ws, job *j) { (void)j; ws->events->writable(ws->user); }
static void do_end(net_ws *ws, job *j) {
  genai_error why = {0};
  if (j->code) error_set(&why, GENAI_ERROR_LOST, "The test cut the line.");
  uv_mutex_lock(&current->mutex);
  ws->dead = true;
  current->ws = NULL;
  uv_mutex_unlock(&current->mutex);
  ws->events->end(ws->user, &why);
}
static void do_close(net_ws *ws, job *j) {
  ws->events->close(ws->user, j->code, j->data, j->size);
  do_end(ws, &(job){0});
}

static genai_status connect_fake(net_ws **out, net_loop *loop, const net_ws_params *params, const net_ws_events *events,
                                 void *user, genai_error *error) {
  if (current->refuse_connect) return error_set(error, GENAI_ERROR_SYSTEM, "The test refuses to connect.");
  net_ws *ws = calloc(1, sizeof *ws);
  *ws = (net_ws){.task = {.run = run_jobs}, .loop = loop, .events = events, .user = user};
  uv_mutex_lock(&current->mutex);
  ws->older = made;
  made = ws;
  current->ws = ws;
  if (!current->never_open) add(ws, job_new(params->hold ? do_held : do_open, NULL, 0, 0, false));
  uv_mutex_unlock(&current->mutex);
  *out = ws;
  return GENAI_OK;
}

static bool send_fake(net_ws *ws, payload *message) {
  static const char complete[] = "{\"setupComplete\":{\"sessionId\":\"s1\"}}";
  uv_mutex_lock(&current->mutex);
  bool setup = message->size > 9 && !memcmp(message->data, "{\"setup\":", 9), take = setup || !atomic_load(&current->blocked);
  if (!take) atomic_store(&current->refused, true);
  if (take && current->sent_count < FAKE_SENT_MAX) {
    char *text = malloc(message->size + 1);
    memcpy(text, message->data, message->size);
    text[message->size] = '\0';
    current->sent[current->sent_count++] = text;
    uv_cond_broadcast(&current->cond);
  }
  if (setup && !current->silent) add(ws, job_new(do_message, complete, sizeof complete - 1, 0, false));
  uv_mutex_unlock(&current->mutex);
  return take;
}

static bool ping_fake(net_ws *ws) {
  (void)ws;
  current->pings++;
  return true;
}

static void upgrade_fake(net_ws *ws) {
  uv_mutex_lock(&current->mutex);
  add(ws, job_new(do_open, NULL, 0, 0, false));
  uv_mutex_unlock(&current->mutex);
}

static void resume_fake(net_ws *ws) {
  (void)ws;
  uv_mutex_lock(&current->mutex);
  current->resumes++;
  current->paused = false;
  uv_cond_broadcast(&current->cond);
  uv_mutex_unlock(&current->mutex);
}

static void close_fake(net_ws *ws, int code, const char *reason, unsigned linger_ms) {
  (void)reason;
  (void)linger_ms;
  uv_mutex_lock(&current->mutex);
  current->closes++;
  current->close_code = code;
  if (!current->ignore_close) add(ws, job_new(do_close, NULL, 0, 1000, false));
  uv_mutex_unlock(&current->mutex);
}

static void abort_fake(net_ws *ws) {
  uv_mutex_lock(&current->mutex);
  current->aborts++;
  current->ws = NULL;
  ws->dead = true;
  uv_mutex_unlock(&current->mutex);
}

static const char *phase_fake(const net_ws *ws) {
  (void)ws;
  return "in the test";
}

const live_transport fake_transport = {connect_fake, send_fake,  ping_fake,  upgrade_fake,
                                       resume_fake,  close_fake, abort_fake, phase_fake};

fake *fake_new(void) {
  current = calloc(1, sizeof *current);
  uv_mutex_init(&current->mutex);
  uv_cond_init(&current->cond);
  return current;
}

void fake_free(void) {
  for (net_ws *ws = made, *older; ws; ws = older) {
    for (job *j = ws->jobs, *next; j; j = next) {
      next = j->next;
      free(j->data);
      free(j);
    }
    older = ws->older;
    free(ws);
  }
  made = NULL;
  for (size_t i = 0; i < current->sent_count; i++) free(current->sent[i]);
  uv_cond_destroy(&current->cond);
  uv_mutex_destroy(&current->mutex);
  free(current);
  current = NULL;
}

static void perform(fake *f, job *j) {
  uv_mutex_lock(&f->mutex);
  if (f->ws) {
    add(f->ws, j);
    while (!j->done) uv_cond_wait(&f->cond, &f->mutex);
  }
  uv_mutex_unlock(&f->mutex);
  free(j->data);
  free(j);
}

void fake_bytes(fake *f, const void *data, size_t size) { perform(f, job_new(do_message, data, size, 0, true)); }
void fake_message(fake *f, const char *text) { fake_bytes(f, text, strlen(text)); }
void fake_close(fake *f, int code, const char *reason) { perform(f, job_new(do_close, reason, strlen(reason), code, true)); }
void fake_lost(fake *f) { perform(f, job_new(do_end, NULL, 0, 1, true)); }

void fake_unblock(fake *f) {
  atomic_store(&f->blocked, false);
  perform(f, job_new(do_writable, NULL, 0, 0, true));
}

void fake_wait_sent(fake *f, size_t count) {
  uv_mutex_lock(&f->mutex);
  while (f->sent_count < count) uv_cond_wait(&f->cond, &f->mutex);
  uv_mutex_unlock(&f->mutex);
}

genai_client *fake_client(const genai_client_options *options) {
  genai_client_options o = options ? *options : (genai_client_options){0};
  genai_client *client = NULL;
  o.api_key = "test-key";
  o.base_url = "http://127.0.0.1:9";
  if (genai_client_new(&client, &o, NULL) == GENAI_OK) client_set_transport(client, &fake_transport);
  return client;
}
