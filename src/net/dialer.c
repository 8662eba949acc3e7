#include "net/dialer.h"

#include <string.h>

#include "base/memory.h"
#include "net/loop_private.h"
#include "net/resolver.h"
#include "net/socket.h"

enum { STAGGER_MS = 250 }; /* RFC 8305 section 5, Connection Attempt Delay */

/* A connection with its attempt. The winner moves by pointer and lives on as a plain connection. */
typedef struct attempt {
  uv_tcp_t tcp; /* first: net_tcp_closed frees the attempt by it */
  uv_connect_t request;
  net_dial *dial; /* NULL: nobody waits for it any more */
} attempt;

struct net_dial {
  net_loop *loop;
  net_lookup *lookup; /* while resolving */
  uv_timer_t stagger;
  net_addresses addresses;
  size_t next, live; /* addresses tried so far; of these, attempts under way */
  attempt *attempts[NET_ADDRESSES_MAX];
  int failure;
  net_dialed *done;
  void *user;
  int port;
  char host[];
};

static void try_next(net_dial *dial);

void net_tcp_closed(uv_handle_t *tcp) { mem_free(tcp); }

static attempt *attempt_new(net_loop *loop) {
  attempt *a = mem_zalloc(sizeof *a);
  if (!a) return NULL;
  uv_tcp_init(&loop->uv, &a->tcp);
  return a;
}

uv_tcp_t *net_tcp_new(net_loop *loop) { return (uv_tcp_t *)attempt_new(loop); }

static void attempt_drop(net_dial *dial, size_t index) {
  attempt *a = dial->attempts[index];
  if (!a) return;
  dial->attempts[index] = NULL;
  a->dial = NULL;
  uv_close((uv_handle_t *)&a->tcp, net_tcp_closed);
}

static void freed(uv_handle_t *stagger) { mem_free(stagger->data); }

void net_dial_abort(net_dial *dial) {
  if (!dial) return;
  net_resolve_cancel(dial->lookup);
  for (size_t i = 0; i < dial->next; i++) attempt_drop(dial, i);
  uv_close((uv_handle_t *)&dial->stagger, freed);
}

static void finish(net_dial *dial, uv_tcp_t *tcp, const genai_error *error) {
  net_dialed *done = dial->done;
  void *user = dial->user;
  net_dial_abort(dial); /* its memory lasts until the loop has closed the timer; the error may lie in it */
  done(user, tcp, error);
}

/* An address family without a route says less than what another address answered. */
static bool says_little(int code) {
  return code == UV_ENETUNREACH || code == UV_EHOSTUNREACH || code == UV_EADDRNOTAVAIL || code == UV_EAFNOSUPPORT;
}

static void note_failure(net_dial *dial, int code) {
  if (!dial->failure || !says_little(code)) dial->failure = code;
}

static void give_up(net_dial *dial) {
  genai_error error = {0};
  bool local = dial->failure == UV_EMFILE || dial->failure == UV_ENFILE || dial->failure == UV_ENOBUFS;
  if (dial->failure == UV_ENOMEM) {
    error_memory(&error);
  } else {
    error_set(&error, local ? GENAI_ERROR_SYSTEM : GENAI_ERROR_CONNECT, "Could not connect to %s port %d: %s",
              dial->host, dial->port, uv_strerror(dial->failure));
    if (dial->next > 1) error_append(&error, " (tried %zu addresses)", dial->next);
    error_append(&error, ".");
    error.os_error = -dial->failure;
  }
  finish(dial, NULL, &error);
}

static void connected(uv_connect_t *request, int status) {
  attempt *a = request->data;
  net_dial *dial = a->dial;
  if (!dial) return;
  size_t index = 0;
  while (dial->attempts[index] != a) index++;
  dial->live--;
  if (status) {
    note_failure(dial, status);
    attempt_drop(dial, index);
    try_next(dial);
    return;
  }
  dial->attempts[index] = NULL;
  a->dial = NULL;
  net_socket_tune(&a->tcp);
  finish(dial, &a->tcp, NULL);
}

static void stagger_over(uv_timer_t *stagger) { try_next(stagger->data); }

/* Starts the next address that can be started; another follows when it has failed or is slow. */
static void try_next(net_dial *dial) {
  while (dial->next < dial->addresses.count) {
    size_t index = dial->next++;
    attempt *a = attempt_new(dial->loop);
    if (!a) {
      note_failure(dial, UV_ENOMEM);
      continue;
    }
    dial->attempts[index] = a;
    a->dial = dial;
    a->request.data = a;
    int failed = uv_tcp_connect(&a->request, &a->tcp, &dial->addresses.items[index].any, connected);
    if (!failed) {
      dial->live++;
      if (dial->next < dial->addresses.count) uv_timer_start(&dial->stagger, stagger_over, STAGGER_MS, 0);
      return;
    }
    note_failure(dial, failed);
    attempt_drop(dial, index);
  }
  uv_timer_stop(&dial->stagger);
  if (!dial->live) give_up(dial);
}

static void resolved(void *user, const net_addresses *addresses, const genai_error *error) {
  net_dial *dial = user;
  dial->lookup = NULL;
  if (error) {
    finish(dial, NULL, error);
    return;
  }
  dial->addresses = *addresses;
  try_next(dial);
}

genai_status net_dial_start(net_dial **out, net_loop *loop, const net_route *route, net_dialed *done, void *user,
                            genai_error *error) {
  *out = NULL;
  size_t size = strlen(route->host) + 1;
  net_dial *dial = mem_zalloc(sizeof *dial + size);
  if (!dial) return error_memory(error);
  memcpy(dial->host, route->host, size);
  dial->port = route->port;
  dial->loop = loop;
  dial->done = done;
  dial->user = user;
  genai_status status = net_resolve(&dial->lookup, loop, dial->host, dial->port, resolved, dial, error);
  if (status) {
    mem_free(dial);
    return status;
  }
  uv_timer_init(&loop->uv, &dial->stagger);
  dial->stagger.data = dial;
  *out = dial;
  return GENAI_OK;
}

const char *net_dial_phase(const net_dial *dial) { return dial->lookup ? "resolving" : "connecting"; }
