/* Which backend, which credentials, which project: what a program says, and where it says nothing, the environment, by the rules
 * of Google's SDKs. Pure: the environment is an argument. */
#ifndef GENAI_SRC_CLIENT_SETTINGS_H
#define GENAI_SRC_CLIENT_SETTINGS_H

#include "genai/client.h"

/* What getenv does. */
typedef const char *(*settings_environment)(const char *name);

typedef struct client_settings {
  genai_backend backend;    /* GEMINI or VERTEX */
  char *api_key;            /* trimmed, or NULL; an ephemeral token too */
  char *project, *location; /* Vertex; NULL without one; the location is "global" when nothing says otherwise */
  char *base_url;           /* of the program or the environment, or NULL: Google's own host */
  bool token;               /* api_key is an ephemeral token */
  bool gateway;             /* Vertex: base_url is used as it is, and authentication is the gateway's affair */
  bool oauth;               /* Vertex: bearer tokens are needed (no key, no gateway) */
  const char *warning;      /* something in the environment that was passed over, or NULL; static */
} client_settings;

/* Errors: GENAI_ERROR_CREDENTIALS (nothing to authenticate with), GENAI_ERROR_ARGUMENT (options that contradict each other),
 * GENAI_ERROR_MEMORY. */
genai_status settings_init(client_settings *s, const genai_client_options *options, settings_environment environment,
                           genai_error *error);
void settings_deinit(client_settings *s);

#endif
