/* A certificate authority of our own, and a certificate by it for this machine: made for one run, or kept in a file. */
#ifndef GENAI_EMULATOR_CERT_H
#define GENAI_EMULATOR_CERT_H

#include <stdint.h>

#include "genai/base.h"

typedef struct cert {
  char *ca_pem;    /* what a client trusts */
  char *chain_pem; /* the leaf, for localhost, 127.0.0.1, ::1 and `host`, and the authority */
  char *key_pem;   /* the leaf's; the authority's is forgotten, so that nothing else can be signed with it */
} cert;

/* Valid for a week. host: one more name or address, or NULL. */
genai_status cert_make(cert *c, const char *host, genai_error *error);
/* The one in the file, which is PEM: leaf, authorities, the leaf's key. Where there is no such file it is made, valid for 90
 * days from the system's time on, and written with mode 0600. One that a client would not accept for `host` at `unix_ms` is refused,
 * never replaced: clients may trust it. */
genai_status cert_keep(cert *c, const char *path, const char *host, int64_t unix_ms, genai_error *error);
void cert_deinit(cert *c);
/* Writes a text to a file that appears whole or not at all. */
genai_status cert_write_file(const char *path, const char *text, genai_error *error);

#endif
