/* A certificate authority of our own, and a certificate by it for this machine: made for one run, valid for some days.
 */
#ifndef GENAI_EMULATOR_CERT_H
#define GENAI_EMULATOR_CERT_H

#include "genai/base.h"

typedef struct cert {
  char *ca_pem;    /* what a client trusts */
  char *chain_pem; /* the leaf, for localhost, 127.0.0.1, ::1 and `host`, and the authority */
  char *key_pem;   /* the leaf's; the authority's is forgotten, so that nothing else can be signed with it */
} cert;

/* host: one more name or address, or NULL. */
genai_status cert_make(cert *c, const char *host, genai_error *error);
void cert_deinit(cert *c);
/* Writes a text to a file that appears whole or not at all. */
genai_status cert_write_file(const char *path, const char *text, genai_error *error);

#endif
