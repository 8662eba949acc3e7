/* The talk with a proxy before the tunnel is open: CONNECT (RFC 9110) or SOCKS5 (RFC 1928, 1929). Bytes in, bytes out; no I/O. */
#ifndef GENAI_SRC_NET_TUNNEL_H
#define GENAI_SRC_NET_TUNNEL_H

#include "base/buf.h"
#include "net/proxy.h"

typedef struct tunnel {
  const net_proxy *proxy;
  const char *host;   /* behind the proxy: a name, or an address */
  int port;
  int step;
  buf in, out;        /* out: what is to be sent now */
} tunnel;

/* proxy and host are not copied. GENAI_ERROR_ARGUMENT when they cannot be said in the protocol. */
genai_status tunnel_init(tunnel *t, const net_proxy *proxy, const char *host, int port, genai_error *error);
void tunnel_deinit(tunnel *t);
/* Takes bytes of the proxy. GENAI_OK: the tunnel is open; GENAI_WOULD_BLOCK: send `out` (and clear it), read on; GENAI_ERROR_PROXY: it
 * refused or broke the protocol. Nothing may follow the last answer: whoever we talk to waits for our first word. */
genai_status tunnel_feed(tunnel *t, const uint8_t *data, size_t size, genai_error *error);

#endif
