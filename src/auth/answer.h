/* What a token endpoint answers. */
#ifndef GENAI_SRC_AUTH_ANSWER_H
#define GENAI_SRC_AUTH_ANSWER_H

#include "genai/base.h"

/* The token of an answer ({"access_token":…,"expires_in":…} as RFC 6749 section 5.1, or {"accessToken":…}) in *token, the
 * caller's (secret_free). *lifetime_s stays as it was when the answer does not say. Otherwise GENAI_ERROR_CREDENTIALS with the
 * peer's own words, which are cut, and error->http_status. */
genai_status answer_token(const char *peer, int http_status, const char *body, char **token, int64_t *lifetime_s, genai_error *error);
/* Only whether the answer is 200, with the same sentence when not. */
genai_status answer_check(const char *peer, int http_status, const char *body, genai_error *error);

#endif
