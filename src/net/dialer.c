#include "net/dialer.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/memory.h"
#include "net/loop_private.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "net/tunnel.h"

enum {
  STAGGER_MS = 250, /* RFC 8305 section 5, Connection Attempt Delay */
  ANSWER_SIZE = 2048, ADDRESS_TEXT = 64
};

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
  int port;                  /* of the target */
  net_proxy proxy;
  attempt *through;          /* the connection to the proxy, while the tunnel is not open */
  tunnel tunnel;
  char address[ADDRESS_TEXT]; /* of the target, when it is resolved here for the proxy */
  uint8_t answer[ANSWER_SIZE];
  char host[];               /* the target */
};

static bool proxied(const net_dial *dial) { return dial->proxy.kind != NET_PROXY_NONE; }
static const char *peer_host(const net_dial *dial) { return proxied(dial) ? dial->proxy.host : dial->host; }
static int peer_port(const net_dial *dial) { return proxied(dial) ? dial->proxy.port : dial->port; }

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

static void freed(uv_handle_t *stagger) {
  net_dial *dial = stagger->data;
  OPENSSL_cleanse(&dial->proxy, sizeof dial->proxy);
  mem_free(dial);
}

void net_dial_abort(net_dial *dial) {
  if (!dial) return;
  net_resolve_cancel(dial->lookup);
  for (size_t i = 0; i < dial->next; i++) attempt_drop(dial, i);
  if (dial->through) uv_close((uv_handle_t *)&dial->through->tcp, net_tcp_closed);
  dial->through = NULL;
  tunnel_deinit(&dial->tunnel);
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
    genai_status status = local ? GENAI_ERROR_SYSTEM : proxied(dial) ? GENAI_ERROR_PROXY : GENAI_ERROR_CONNECT;
    error_set(&error, status, "Could not connect to %s%s port %d: %s", proxied(dial) ? "the proxy " : "", peer_host(dial),
              peer_port(dial), uv_strerror(dial->failure));
    if (dial->next > 1) error_append(&error, " (tried %zu addresses)", dial->next);
    error_append(&error, ".");
    error.os_error = -dial->failure;
  }
  finish(dial, NULL, &error);
}

/* ---- through a proxy ---- */

static bool say(net_dial *dial) {
  buf *out = &dial->tunnel.out;
  uv_buf_t data = uv_buf_init((char *)out->data, (unsigned)out->size);
  int n = out->size ? uv_try_write((uv_stream_t *)&dial->through->tcp, &data, 1) : 0;
  bool whole = n == (int)out->size; /* a fresh connection takes some hundred bytes at once */
  buf_clear(out);
  return whole;
}

static void lost_proxy(net_dial *dial, const char *what) {
  genai_error error = {0};
  error_set(&error, GENAI_ERROR_PROXY, "The proxy %s port %d did not connect to %s port %d: %s", dial->proxy.host,
            dial->proxy.port, dial->host, dial->port, what);
  finish(dial, NULL, &error);
}

static void answer_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  net_dial *dial = handle->data;
  (void)suggested;
  *out = uv_buf_init((char *)dial->answer, ANSWER_SIZE);
}

static void answered(uv_stream_t *stream, ssize_t n, const uv_buf_t *data) {
  net_dial *dial = stream->data;
  genai_error error = {0};
  if (!n) return;
  if (n < 0) {
    lost_proxy(dial, "it ended the connection.");
    return;
  }
  genai_status status = tunnel_feed(&dial->tunnel, (const uint8_t *)data->base, (size_t)n, &error);
  if (status == GENAI_OK) {
    attempt *a = dial->through;
    uv_read_stop(stream);
    dial->through = NULL;
    finish(dial, &a->tcp, NULL);
  } else if (status != GENAI_WOULD_BLOCK) {
    finish(dial, NULL, &error);
  } else if (!say(dial)) {
    lost_proxy(dial, "it takes no bytes.");
  }
}

static void open_tunnel(net_dial *dial, attempt *a) {
  genai_error error = {0};
  dial->through = a;
  a->tcp.data = dial;
  const char *target = dial->address[0] ? dial->address : dial->host;
  genai_status status = tunnel_init(&dial->tunnel, &dial->proxy, target, dial->port, &error);
  if (status != GENAI_OK) finish(dial, NULL, &error);
  else if (!say(dial)) lost_proxy(dial, "it takes no bytes.");
  else if (uv_read_start((uv_stream_t *)&a->tcp, answer_room, answered)) lost_proxy(dial, "its connection cannot be read.");
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
  if (!proxied(dial)) {
    finish(dial, &a->tcp, NULL);
    return;
  }
  uv_timer_stop(&dial->stagger);
  for (size_t i = 0; i < dial->next; i++) attempt_drop(dial, i);
  open_tunnel(dial, a);
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

/* The target's address for a proxy that wants one (socks5); then the proxy's own. */
static void target_resolved(void *user, const net_addresses *addresses, const genai_error *error) {
  net_dial *dial = user;
  genai_error failed = {0};
  dial->lookup = NULL;
  if (error) {
    finish(dial, NULL, error);
    return;
  }
  uv_ip_name(&addresses->items[0].any, dial->address, sizeof dial->address);
  if (net_resolve(&dial->lookup, dial->loop, dial->proxy.host, dial->proxy.port, resolved, dial, &failed)) finish(dial, NULL, &failed);
}

static bool is_address(const char *host) {
  struct sockaddr_in6 a6;
  struct sockaddr_in a4;
  return !uv_ip4_addr(host, 0, &a4) || !uv_ip6_addr(host, 0, &a6);
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
  if (route->proxy) dial->proxy = *route->proxy;
  bool target_first = dial->proxy.kind == NET_PROXY_SOCKS5 && !is_address(dial->host);
  genai_status status = target_first ? net_resolve(&dial->lookup, loop, dial->host, dial->port, target_resolved, dial, error)
                                     : net_resolve(&dial->lookup, loop, peer_host(dial), peer_port(dial), resolved, dial, error);
  if (status) {
    mem_free(dial);
    return status;
  }
  uv_timer_init(&loop->uv, &dial->stagger);
  dial->stagger.data = dial;
  *out = dial;
  return GENAI_OK;
}

const char *net_dial_phase(const net_dial *dial) {
  if (dial->through) return "in the talk with the proxy";
  return dial->lookup ? "resolving" : "connecting";
}
