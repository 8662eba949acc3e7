#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "net/socket.h"
#include "net/stream_private.h"

enum { BACKLOG = 1024 };

struct net_listener {
  net_loop *loop;
  net_tls *tls;
  void (*accepted)(void *user, net_stream *stream);
  void *user;
  int port;
  uv_tcp_t tcp;
};

static void name_of_peer(uv_tcp_t *tcp, char host[static INET6_ADDRSTRLEN], int *port) {
  net_address peer = {0};
  int size = sizeof peer;
  host[0] = '?', host[1] = '\0';
  *port = 0;
  if (uv_tcp_getpeername(tcp, &peer.any, &size)) return;
  if (peer.any.sa_family == AF_INET6) {
    uv_ip6_name(&peer.ip6, host, INET6_ADDRSTRLEN);
    *port = ntohs(peer.ip6.sin6_port);
  } else if (peer.any.sa_family == AF_INET) {
    uv_ip4_name(&peer.ip4, host, INET6_ADDRSTRLEN);
    *port = ntohs(peer.ip4.sin_port);
  }
}

static void connection(uv_stream_t *server, int status) {
  net_listener *listener = server->data;
  if (status) return;
  uv_tcp_t *tcp = net_tcp_new(listener->loop);
  if (!tcp) return; /* libuv keeps the connection and offers it again with the next one */
  if (uv_accept(server, (uv_stream_t *)tcp)) {
    uv_close((uv_handle_t *)tcp, net_tcp_closed);
    return;
  }
  char host[INET6_ADDRSTRLEN];
  int port;
  name_of_peer(tcp, host, &port);
  net_stream *stream = stream_new(listener->loop, listener->tls, host, port, NULL);
  if (!stream) {
    uv_close((uv_handle_t *)tcp, net_tcp_closed);
    return;
  }
  net_socket_tune(tcp);
  stream_attach(stream, tcp);
  listener->accepted(listener->user, stream);
  if (!stream->events) net_stream_abort(stream, false);
  else if (stream->state == STREAM_DIALING) stream_begin(stream);
}

static void closed(uv_handle_t *tcp) {
  net_listener *listener = tcp->data;
  net_tls_drop(listener->tls);
  mem_free(listener);
}

void net_listener_free(net_listener *listener) {
  if (listener) uv_close((uv_handle_t *)&listener->tcp, closed);
}

/* Binds to the first address of the host that can be bound. */
static int bind_and_listen(net_listener *listener, const char *host, int port) {
  char service[8];
  snprintf(service, sizeof service, "%d", port);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE}, *list = NULL;
  if (getaddrinfo(host, service, &hints, &list)) return UV_EAI_NONAME;
  int failed = uv_tcp_bind(&listener->tcp, list->ai_addr, 0);
  freeaddrinfo(list);
  if (!failed) failed = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, connection);
  if (failed) return failed;
  net_address own = {0};
  int size = sizeof own;
  failed = uv_tcp_getsockname(&listener->tcp, &own.any, &size);
  listener->port = ntohs(own.any.sa_family == AF_INET6 ? own.ip6.sin6_port : own.ip4.sin_port);
  return failed;
}

genai_status net_listener_new(net_listener **out, net_loop *loop, const char *host, int port, net_tls *tls,
                              void (*accepted)(void *user, net_stream *stream), void *user, genai_error *error) {
  *out = NULL;
  net_listener *listener = mem_zalloc(sizeof *listener);
  if (!listener) return error_memory(error);
  listener->loop = loop;
  listener->tls = tls ? net_tls_hold(tls) : NULL;
  listener->accepted = accepted;
  listener->user = user;
  uv_tcp_init(&loop->uv, &listener->tcp);
  listener->tcp.data = listener;
  int failed = bind_and_listen(listener, host, port);
  if (failed) {
    net_listener_free(listener);
    return net_error_uv(error, GENAI_ERROR_SYSTEM, failed, "Could not listen on %s port %d", host, port);
  }
  *out = listener;
  return GENAI_OK;
}

int net_listener_port(const net_listener *listener) { return listener->port; }
