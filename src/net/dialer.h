/* A TCP connection to a host: its name is resolved and its addresses are tried as RFC 8305 says. Loop thread only. */
#ifndef GENAI_SRC_NET_DIALER_H
#define GENAI_SRC_NET_DIALER_H

#include <uv.h>

#include "genai/base.h"
#include "net/loop.h"
#include "net/proxy.h"

/* Where the connection goes, and through which proxy (NULL, or one of kind NET_PROXY_NONE: direct). */
typedef struct net_route {
  const char *host;
  int port;
  const net_proxy *proxy;
} net_route;

typedef struct net_dial net_dial;

/* Called once: with a connection (now the callee's: close it, then net_tcp_closed as its close callback), or NULL and
 * why not. The dial is gone afterwards. */
typedef void net_dialed(void *user, uv_tcp_t *tcp, const genai_error *error);

/* Starts; never calls back from inside. The route is copied. */
genai_status net_dial_start(net_dial **dial, net_loop *loop, const net_route *route, net_dialed *done, void *user,
                            genai_error *error);
/* `done` is not called any more. Takes NULL. */
void net_dial_abort(net_dial *dial);
/* "resolving", "connecting" or "in the talk with the proxy". */
const char *net_dial_phase(const net_dial *dial);

/* Memory for a connection that libuv owns until its close callback. */
uv_tcp_t *net_tcp_new(net_loop *loop); /* NULL when memory is out */
void net_tcp_closed(uv_handle_t *tcp); /* frees it */

#endif
