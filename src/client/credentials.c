/* Bearer tokens for connections. The provider lives on the client's first I/O thread; for a session on another one, a request and its
 * answer go from loop to loop. One request is under way at a time, and its session is not released before it is back. */
#include <string.h>

#include "auth/credential.h"
#include "base/error.h"
#include "base/memory.h"
#include "client/connection.h"

enum { HEADERS_MAX = 2 };

struct credential_relay {
  live_connection *connection;
  /* The session's thread. */
  bool wanted, asked, cancelling;
  net_task back, cancelled;       /* run there */
  /* The provider's thread. */
  auth_wait wait;
  net_task ask, cancel;           /* run there */
  /* Whose task is under way, or was last. */
  unsigned refused;               /* a generation to tell the provider of, or 0 */
  bool withdrawn;                 /* by `cancel`: there will be no answer */
  genai_error error;
  genai_string_pair headers[HEADERS_MAX]; /* copies */
  size_t count;
};

static bool is_near(const live_connection *c) { return c->session->thread == c->session->client->threads; }
static net_loop *far(const live_connection *c) { return c->session->client->threads[0].loop; }

/* ---- the provider's thread ---- */

static void forget(const genai_string_pair *headers, size_t count) {
  for (size_t i = 0; i < count; i++) {
    mem_free((char *)(uintptr_t)headers[i].key);
    secret_free((char *)(uintptr_t)headers[i].value);
  }
}

static void keep(credential_relay *r, const genai_string_pair *headers, size_t count) {
  for (; r->count < count && r->count < HEADERS_MAX; r->count++) {
    char *key = mem_strdup(headers[r->count].key), *value = mem_strdup(headers[r->count].value);
    r->headers[r->count] = (genai_string_pair){key, value};
    if (key && value) continue;
    forget(r->headers, r->count + 1);
    r->count = 0;
    error_memory(&r->error);
    return;
  }
}

static void far_done(auth_wait *wait, const genai_error *error, const genai_string_pair *headers, size_t count) {
  credential_relay *r = (credential_relay *)((char *)wait - offsetof(credential_relay, wait));
  r->error = *error;
  keep(r, headers, count);
  net_loop_post(r->connection->session->thread->loop, &r->back);
}

static void far_ask(net_task *task) {
  credential_relay *r = (credential_relay *)((char *)task - offsetof(credential_relay, ask));
  auth *provider = r->connection->session->client->auth;
  if (r->refused) auth_refused(provider, r->refused);
  r->refused = 0;
  auth_get(provider, &r->wait);
}

static void far_cancel(net_task *task) {
  credential_relay *r = (credential_relay *)((char *)task - offsetof(credential_relay, cancel));
  r->withdrawn = r->wait.link != NULL;
  auth_cancel(&r->wait);
  net_loop_post(r->connection->session->thread->loop, &r->cancelled);
}

/* ---- the session's thread ---- */

static void ask(credential_relay *r) {
  r->asked = true;
  net_loop_post(far(r->connection), &r->ask);
}

/* Something came back that nobody waits for any more. */
static void settle(credential_relay *r) {
  genai_live_session *s = r->connection->session;
  if (r->asked || r->cancelling) return;
  if (r->wanted) {
    ask(r);
    return;
  }
  uv_mutex_lock(&s->mutex);
  live_post(s); /* it may be waiting for just that */
  uv_mutex_unlock(&s->mutex);
}

static void on_back(net_task *task) {
  credential_relay *r = (credential_relay *)((char *)task - offsetof(credential_relay, back));
  r->asked = false;
  if (!r->wanted || r->cancelling) {
    forget(r->headers, r->count);
    r->count = 0;
    settle(r);
    return;
  }
  /* What is called may ask again: the answer is out of the relay before. */
  genai_error error = r->error;
  genai_string_pair headers[HEADERS_MAX];
  size_t count = r->count;
  memcpy(headers, r->headers, sizeof headers);
  r->count = 0;
  r->wanted = false;
  r->connection->credentials.generation = r->wait.generation;
  connection_credentials(r->connection, &error, count ? headers : NULL, count);
  forget(headers, count);
}

static void on_cancelled(net_task *task) {
  credential_relay *r = (credential_relay *)((char *)task - offsetof(credential_relay, cancelled));
  r->cancelling = false;
  if (r->withdrawn) r->asked = false;
  settle(r);
}

static void near_done(auth_wait *wait, const genai_error *error, const genai_string_pair *headers, size_t count) {
  connection_credentials((live_connection *)((char *)wait - offsetof(live_connection, credentials)), error, headers, count);
}

static credential_relay *relay_new(live_connection *c) {
  credential_relay *r = mem_zalloc(sizeof *r);
  if (!r) return NULL;
  r->connection = c;
  r->wait.done = far_done;
  r->ask.run = far_ask;
  r->cancel.run = far_cancel;
  r->back.run = on_back;
  r->cancelled.run = on_cancelled;
  return r;
}

bool credentials_get(live_connection *c) {
  if (is_near(c)) {
    auth_get(c->session->client->auth, &c->credentials);
    return true;
  }
  if (!c->relay && !(c->relay = relay_new(c))) return false;
  c->relay->wanted = true;
  if (!c->relay->asked && !c->relay->cancelling) ask(c->relay);
  return true;
}

void credentials_cancel(live_connection *c) {
  credential_relay *r = c->relay;
  auth_cancel(&c->credentials);
  if (!r) return;
  r->wanted = false;
  if (!r->asked || r->cancelling) return;
  r->cancelling = true;
  net_loop_post(far(c), &r->cancel);
}

void credentials_refused(live_connection *c) {
  auth *provider = c->session->client->auth;
  if (!provider) return;
  if (is_near(c)) auth_refused(provider, c->credentials.generation);
  else if (c->relay) c->relay->refused = c->credentials.generation; /* told when the next one is asked for */
}

bool credentials_wanted(const live_connection *c) { return c->credentials.link || (c->relay && c->relay->wanted); }

bool credentials_busy(const live_connection *c) { return c->relay && (c->relay->asked || c->relay->cancelling); }

void credentials_init(live_connection *c) { c->credentials.done = near_done; }

void credentials_deinit(live_connection *c) {
  mem_free(c->relay);
  c->relay = NULL;
}
