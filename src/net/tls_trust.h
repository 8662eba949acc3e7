/* Which certificates a client trusts. */
#ifndef GENAI_SRC_NET_TLS_TRUST_H
#define GENAI_SRC_NET_TLS_TRUST_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* Options win over SSL_CERT_FILE and SSL_CERT_DIR, these over the system's own. A hashed directory is read as it is
 * needed; the system's file (20-35 ms and 0.85 MB a context) is loaded only where there is no such directory. */
genai_status tls_trust_load(SSL_CTX *context, const net_tls_options *options, genai_error *error);

#endif
