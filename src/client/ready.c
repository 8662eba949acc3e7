/* Waiting for any session of a client. */
#include "base/error.h"
#include "client/live.h"
#include "net/wait.h"

genai_status ready_list_init(ready_list *list, genai_error *error) {
  if (uv_mutex_init(&list->mutex)) return error_set(error, GENAI_ERROR_SYSTEM, "The system has no mutex left.");
  if (uv_cond_init(&list->cond)) {
    uv_mutex_destroy(&list->mutex);
    return error_set(error, GENAI_ERROR_SYSTEM, "The system has no condition left.");
  }
  list->tail = &list->head;
  atomic_init(&list->wanted, false);
  return GENAI_OK;
}

void ready_list_deinit(ready_list *list) {
  notify_deinit(&list->fd);
  uv_cond_destroy(&list->cond);
  uv_mutex_destroy(&list->mutex);
}

bool ready_announce(genai_live_session *s) {
  ready_list *list = &s->client->ready;
  if (!atomic_load(&list->wanted) || s->release_wanted) return false;
  uv_mutex_lock(&list->mutex);
  bool fresh = !s->ready_listed;
  if (fresh) {
    s->ready_listed = true;
    s->ready_next = NULL;
    *list->tail = s;
    list->tail = &s->ready_next;
    notify_set(&list->fd, true);
  }
  uv_mutex_unlock(&list->mutex);
  return fresh;
}

void ready_withdraw(genai_live_session *s) {
  ready_list *list = &s->client->ready;
  uv_mutex_lock(&list->mutex);
  if (s->ready_listed) {
    genai_live_session **link = &list->head;
    while (*link != s) link = &(*link)->ready_next;
    *link = s->ready_next;
    if (!*link) list->tail = link;
    s->ready_listed = false;
    notify_set(&list->fd, list->head != NULL);
  }
  uv_mutex_unlock(&list->mutex);
}

/* From the first question on, sessions announce themselves; those that had news before are asked once. */
static void want(genai_client *c) {
  if (atomic_exchange(&c->ready.wanted, true)) return;
  uv_mutex_lock(&c->sessions_mutex);
  for (genai_live_session *s = c->sessions; s; s = s->next) {
    uv_mutex_lock(&s->mutex);
    if (live_has_news(s) && ready_announce(s)) uv_cond_signal(&c->ready.cond); /* for another thread that came in between */
    uv_mutex_unlock(&s->mutex);
  }
  uv_mutex_unlock(&c->sessions_mutex);
}

genai_status genai_client_next(genai_client *client, genai_live_session **session, const genai_wait *wait, genai_error *error) {
  ready_list *list = &client->ready;
  genai_status status = GENAI_OK;
  waiter w;
  *session = NULL;
  want(client);
  waiter_begin(&w, wait, &list->mutex, &list->cond);
  uv_mutex_lock(&list->mutex);
  while (!list->head && status == GENAI_OK) status = waiter_wait(&w, "Waiting for any session", error);
  genai_live_session *s = list->head;
  if (s) {
    status = GENAI_OK;
    list->head = s->ready_next;
    if (!list->head) list->tail = &list->head;
    s->ready_listed = false;
    notify_set(&list->fd, list->head != NULL);
    *session = s;
  }
  uv_mutex_unlock(&list->mutex);
  waiter_end(&w);
  return status;
}

int genai_client_fd(genai_client *client, genai_error *error) {
  ready_list *list = &client->ready;
  want(client);
  uv_mutex_lock(&list->mutex);
  int fd = notify_fd(&list->fd, error);
  notify_set(&list->fd, list->head != NULL);
  uv_mutex_unlock(&list->mutex);
  return fd;
}
