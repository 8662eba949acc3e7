/* Trust and keys for TLS: one context a client (or a server), made when first needed, shared by its connections. */
#ifndef GENAI_SRC_NET_TLS_H
#define GENAI_SRC_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "genai/base.h"

typedef struct net_tls net_tls; /* reference-counted; any thread */

typedef struct net_tls_options {
  const char *ca_file;        /* PEM; NULL: SSL_CERT_FILE, else the hashed directory */
  const char *ca_dir;         /* NULL: SSL_CERT_DIR, else the system's hashed directory */
  bool insecure;              /* do not check certificates */
} net_tls_options;

genai_status net_tls_client_new(net_tls **tls, const net_tls_options *options, genai_error *error);
/* A server's: certificate chain and key as PEM text. */
genai_status net_tls_server_new(net_tls **tls, const char *chain_pem, const char *key_pem, genai_error *error);
net_tls *net_tls_hold(net_tls *tls);
void net_tls_drop(net_tls *tls); /* takes NULL */

#endif
