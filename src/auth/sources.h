/* Where credentials are found: Application Default Credentials in Google's order (https://google.aip.dev/auth/4110). */
#ifndef GENAI_SRC_AUTH_SOURCES_H
#define GENAI_SRC_AUTH_SOURCES_H

#include "auth/auth.h"
#include "auth/credential.h"

enum { SOURCE_FILE_MAX = 256 * 1024 };

/* A small file as text, the caller's (secret_free). GENAI_ERROR_CREDENTIALS with the reason, which begins with `what`; *missing (may
 * be NULL) tells whether it was just not there. */
genai_status source_read_file(char **text, const char *path, const char *what, bool *missing, genai_error *error);

/* Fills the credential from the options or, where they name none, the environment; kind CREDENTIAL_METADATA when nothing is
 * found. */
genai_status source_find(credential *c, const auth_options *options, genai_error *error);

#endif
