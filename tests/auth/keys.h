/* An RSA key made on the spot, and what checks its signatures. */
#ifndef GENAI_TESTS_AUTH_KEYS_H
#define GENAI_TESTS_AUTH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/* PEM (PKCS #8) with "\n" escaped as in JSON; made once a process. */
const char *keys_pem_json(void);
/* The same kind of text for a key that is not RSA. */
const char *keys_ec_pem_json(void);
/* Whether "HEADER.CLAIMS.SIGNATURE" is signed by that key (RS256); header and claims as text. */
bool keys_verify(const char *jwt, char *header, char *claims, size_t size);
/* A service account's file with this token address. */
void keys_service_account(char *out, size_t size, const char *token_uri);

#endif
