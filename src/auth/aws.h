/* External accounts of AWS: a signed request for the caller's identity, which Google's token service sends on
 * (https://google.aip.dev/auth/4117). */
#ifndef GENAI_SRC_AUTH_AWS_H
#define GENAI_SRC_AUTH_AWS_H

#include "auth/credential.h"
#include "base/buf.h"

/* What a machine of AWS signs with. */
typedef struct aws_keys {
  char *region, *id, *secret, *session; /* session: NULL for keys that last */
} aws_keys;
void aws_keys_deinit(aws_keys *keys);

/* Where a request goes and what of it is signed: AWS's signature version 4 of an empty body. Header names are lower case and in order. */
typedef struct aws_request {
  const char *method, *host, *path, *query, *service;
  genai_string_pair headers[4];
  size_t header_count;
} aws_request;

/* Appends the value of the Authorization field for `date` (YYYYMMDD'T'HHMMSS'Z'). False: out of memory. */
bool aws_sign(buf *out, const aws_request *request, const aws_keys *keys, const char *date);

/* The subject token, the caller's (secret_free): that request as URL-encoded JSON. */
genai_status aws_subject(char **subject, const credential *c, const aws_keys *keys, int64_t now_s, genai_error *error);

#endif
