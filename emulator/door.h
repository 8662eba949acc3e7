/* Who may come in: an upgrade request's path and credentials, as the service judges them. */
#ifndef GENAI_EMULATOR_DOOR_H
#define GENAI_EMULATOR_DOOR_H

#include "emulator/tokens.h"
#include "net/http.h"

typedef enum door_method {
  DOOR_LIVE,
  DOOR_CONSTRAINED, /* live, with an ephemeral token */
  DOOR_MUSIC
} door_method;
enum { DOOR_CREDENTIAL_MAX = 8192 };

typedef struct door_answer {
  int status;                 /* 101, or the HTTP status of a refusal */
  const char *reason;         /* of the status line */
  const char *code;           /* of a refusal: Google's, as in PERMISSION_DENIED */
  const char *message;        /* of a refusal, or of the close that follows a 101 at once */
  int close_code;             /* 101: of that close; 0: the client may stay */
  http_slice key;             /* 101: Sec-WebSocket-Key; points into the head */
  setup_backend backend;      /* 101 */
  door_method method;         /* 101 */
  char token[TOKEN_NAME_MAX]; /* 101, CONSTRAINED: what was shown as an ephemeral token; "" if it is too long for one */
} door_answer;

/* key: the only one taken; NULL: any. */
void door_judge(door_answer *answer, const http_head *head, const char *key);
/* The API key of a request: x-goog-api-key, or ?key=. False without one. */
bool door_key(const http_head *head, char out[DOOR_CREDENTIAL_MAX]);
/* The value of a parameter of a query or a form, decoded; false when it is absent or empty. */
bool door_parameter(http_slice query, const char *name, char out[DOOR_CREDENTIAL_MAX]);
/* Whether a target's path ends in `path`: any prefix may come before it, and a doubled slash, which two of the SDKs
 * send. */
bool door_path_ends(const http_head *head, const char *path);
/* Turns an answer into the service's refusal with a status. */
void door_refuse(door_answer *answer, int status);
/* Appends a refusal's whole response. */
void door_write_refusal(buf *out, const door_answer *answer);

#endif
