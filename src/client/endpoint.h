/* Where a session goes and what it says there: host, path, key, header fields. */
#ifndef GENAI_SRC_CLIENT_ENDPOINT_H
#define GENAI_SRC_CLIENT_ENDPOINT_H

#include "client/settings.h"

/* Which service of the API is dialed. */
typedef enum endpoint_service { ENDPOINT_LIVE, ENDPOINT_MUSIC, ENDPOINT_TOKENS, ENDPOINT_COUNT } endpoint_service;

typedef struct endpoint {
  char *host;
  char *peer;                 /* "HOST port N", for sentences */
  int port;
  bool tls;
  char *target;               /* path and query of the request */
  genai_string_pair *headers; /* the key included, bearer tokens not: never log a value */
  size_t header_count;
} endpoint;

/* Errors: GENAI_ERROR_INSECURE, GENAI_ERROR_ARGUMENT, GENAI_ERROR_MEMORY. */
genai_status endpoint_init(endpoint *e, endpoint_service service, const client_settings *settings,
                           const genai_client_options *options, genai_error *error);
void endpoint_deinit(endpoint *e);

#endif
