/* Signed assertions of a service account: RFC 7523, RS256 (RFC 7518 section 3.3). */
#ifndef GENAI_SRC_AUTH_JWT_H
#define GENAI_SRC_AUTH_JWT_H

#include "auth/credential.h"
#include "base/buf.h"

/* Appends the assertion "HEADER.CLAIMS.SIGNATURE", valid for an hour from `now_s`. GENAI_ERROR_CREDENTIALS when the key cannot
 * sign. */
genai_status jwt_write(buf *out, const credential *c, const char *scope, int64_t now_s, genai_error *error);

#endif
