/* The body of a request for an ephemeral token. */
#ifndef GENAI_SRC_WIRE_TOKEN_H
#define GENAI_SRC_WIRE_TOKEN_H

#include "base/buf.h"
#include "genai/types.h"

/* Appends the body. The constraints become a setup by the rules of the Gemini Developer API; which of its fields are locked is told
 * by lock_additional_fields:
 *   absent   no mask: the setup is locked whole;
 *   empty    what the setup sets, two levels deep;
 *   fields   these as well, in camelCase, members of generationConfig with their prefix; without a setup these alone, as given.
 * GENAI_ERROR_ARGUMENT for what a setup refuses. After an error `out` is as it was. */
GENAI_MUST_USE genai_status wire_token_write(buf *out, const genai_create_auth_token_config *config, genai_error *error);
/* The same from the public JSON, loose forms (loose.h) in the constraints' config included. */
GENAI_MUST_USE genai_status wire_token_json_write(buf *out, const char *config_json, genai_error *error);

#endif
