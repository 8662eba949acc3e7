/* Ephemeral tokens: a server with an API key makes one and hands it to a device, which uses it as its API key. Gemini Developer API
 * only. */
#ifndef GENAI_TOKEN_H
#define GENAI_TOKEN_H

#include "genai/client.h"
#include "genai/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a token: one request, over HTTPS, with the client's API key. config may be NULL: one session, to be opened within a minute,
 * of any setup. Waits for the answer, at most for `wait` and the client's connect_timeout_ms; any thread but the library's own.
 * On success *token is the service's answer, to be freed by genai_auth_token_free; its name is the token.
 * Errors: GENAI_ERROR_ARGUMENT (a config that is refused, a client of Vertex AI, a client whose key is a token itself),
 * GENAI_ERROR_SERVICE (the service's own words; error->http_status), GENAI_ERROR_TIMEOUT, GENAI_ERROR_CANCELLED, those of a
 * connection, GENAI_ERROR_THREAD, GENAI_ERROR_MEMORY. On failure *token is NULL. */
GENAI_API GENAI_MUST_USE genai_status genai_auth_token_create(genai_client *client, const genai_create_auth_token_config *config,
                                                              genai_auth_token **token, const genai_wait *wait, genai_error *error);
/* The same; the config as the public JSON of Google's SDKs. NULL is none. */
GENAI_API GENAI_MUST_USE genai_status genai_auth_token_create_json(genai_client *client, const char *config_json,
                                                                   genai_auth_token **token, const genai_wait *wait,
                                                                   genai_error *error);
/* Takes NULL. */
GENAI_API void genai_auth_token_free(genai_auth_token *token);

#ifdef __cplusplus
}
#endif
#endif
