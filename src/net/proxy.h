/* Which way a connection goes: a proxy of the program's or the environment's, as curl reads them. Pure: the environment is an
 * argument. */
#ifndef GENAI_SRC_NET_PROXY_H
#define GENAI_SRC_NET_PROXY_H

#include "genai/base.h"

typedef enum net_proxy_kind {
  NET_PROXY_NONE,
  NET_PROXY_HTTP,   /* CONNECT, RFC 9110 section 9.3.6 */
  NET_PROXY_SOCKS5, /* RFC 1928; names are resolved here */
  NET_PROXY_SOCKS5H /* names are resolved by the proxy */
} net_proxy_kind;

typedef struct net_proxy {
  net_proxy_kind kind;
  char host[256];
  int port;
  bool login;       /* user and password are given (percent-decoded); never to be shown */
  char user[256], password[256];
} net_proxy;

/* What getenv does. */
typedef const char *(*net_environment)(const char *name);

/* [scheme://][user[:password]@]host[:port]; http (the default, port 80), socks5 and socks5h (port 1080). The sentence of an error
 * quotes nothing of the text. */
genai_status net_proxy_parse(net_proxy *proxy, const char *text, genai_error *error);
/* Whether a NO_PROXY list names the host: *, host, .suffix, suffix, address, CIDR block, each with an optional :port. */
bool net_proxy_bypassed(const char *list, const char *host, int port);
/* The proxy for a connection. `given` (the program's; "" for none at all) wins over https_proxy / HTTPS_PROXY (with TLS), http_proxy
 * (without; HTTP_PROXY is not read: a CGI server would set it from a request) and all_proxy / ALL_PROXY. `given_no` wins over
 * no_proxy / NO_PROXY. Loopback hosts go direct unless `given` says otherwise. */
genai_status net_proxy_choose(net_proxy *proxy, const char *given, const char *given_no, net_environment environment,
                              const char *host, int port, bool tls, genai_error *error);

#endif
