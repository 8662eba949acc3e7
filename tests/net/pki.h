/* Certificates made on the spot, good and bad. */
#ifndef GENAI_TESTS_NET_PKI_H
#define GENAI_TESTS_NET_PKI_H

#include <openssl/x509.h>

typedef struct pki_cert {
  X509 *x509;
  EVP_PKEY *key;
  char *chain_pem, *key_pem;
} pki_cert;

/* san: as in "DNS:localhost,IP:127.0.0.1", NULL for a CA. issuer NULL: self-signed. Valid from and until so many days
 * from now. */
void pki_make(pki_cert *cert, const pki_cert *issuer, const char *san, int from_days, int until_days);
void pki_free(pki_cert *cert);

#endif
