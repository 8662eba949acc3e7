/* Names to addresses, off the loop: a process-wide pool of threads around getaddrinfo that lives while loops do. */
#ifndef GENAI_SRC_NET_RESOLVER_H
#define GENAI_SRC_NET_RESOLVER_H

#include <netinet/in.h>
#include <stddef.h>

#include "genai/base.h"
#include "net/loop.h"

enum { NET_ADDRESSES_MAX = 16 };

typedef union net_address {
  struct sockaddr any;
  struct sockaddr_in ip4;
  struct sockaddr_in6 ip6;
} net_address;

typedef struct net_addresses {
  size_t count;
  net_address items[NET_ADDRESSES_MAX]; /* families alternate (RFC 8305 section 4) */
} net_addresses;

typedef struct net_lookup net_lookup;

/* Called once on the loop's thread: error is NULL or says why there are no addresses. The lookup is gone afterwards. */
typedef void net_resolved(void *user, const net_addresses *addresses, const genai_error *error);

/* Loop thread. Never calls back from inside. An address needs no thread; localhost and *.localhost are always this machine's own;
 * equal names under way share one lookup. */
genai_status net_resolve(net_lookup **lookup, net_loop *loop, const char *host, int port, net_resolved *done,
                         void *user, genai_error *error);
/* Loop thread; takes NULL. `done` is not called any more; a getaddrinfo under way is left to itself. */
void net_resolve_cancel(net_lookup *lookup);

/* Loops hold the pool. The last drop joins its idle threads and leaves the blocked ones to end by themselves. */
void net_resolver_hold(void);
void net_resolver_drop(void);

#endif
