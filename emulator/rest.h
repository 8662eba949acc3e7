/* What the emulator answers to plain HTTP: auth_tokens, and, where that is switched on, what Google's credentials need:
 * a token endpoint and a metadata server. Pure: a request and the time in, a response out. */
#ifndef GENAI_EMULATOR_REST_H
#define GENAI_EMULATOR_REST_H

#include "emulator/tokens.h"
#include "net/http.h"

enum { REST_BODY_MAX = 64 * 1024 };

typedef struct rest_service {
  tokens *tokens;
  const char *key;     /* the only API key taken; NULL: any */
  bool credentials;    /* the token endpoint and the metadata server are there */
  const char *project; /* of the metadata server; NULL: "emulator" */
} rest_service;

/* Whether the request is for one of these; if not, it is an upgrade or nothing. */
bool rest_takes(const rest_service *s, const http_head *head);
/* Appends the whole response to a request that rest_takes. `cut`: the body was longer than REST_BODY_MAX. */
void rest_answer(buf *out, const rest_service *s, int64_t now_ms, const http_head *head, const uint8_t *body,
                 size_t size, bool cut);

#endif
