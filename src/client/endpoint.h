/* Where a session goes and what it says there: base URL, path, host, credentials, header fields. */
#ifndef GENAI_SRC_CLIENT_ENDPOINT_H
#define GENAI_SRC_CLIENT_ENDPOINT_H

#include "genai/client.h"

typedef struct endpoint {
  char *host;
  char *peer;                 /* "HOST port N", for sentences */
  int port;
  bool tls;
  char *target;               /* path and query of the upgrade */
  genai_string_pair *headers; /* credentials included: never log a value */
  size_t header_count;
} endpoint;

/* From the options and the environment. Errors: GENAI_ERROR_CREDENTIALS, _INSECURE, _ARGUMENT, _MEMORY. */
genai_status endpoint_init(endpoint *e, const genai_client_options *options, genai_error *error);
void endpoint_deinit(endpoint *e);

#endif
