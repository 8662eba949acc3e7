/* Who may come in: an upgrade request's path and credentials, as the service judges them. */
#ifndef GENAI_EMULATOR_DOOR_H
#define GENAI_EMULATOR_DOOR_H

#include "emulator/setup.h"
#include "net/http.h"

typedef enum door_method { DOOR_LIVE, DOOR_MUSIC } door_method;

typedef struct door_answer {
  int status;         /* 101, or the HTTP status of a refusal */
  const char *reason; /* of the status line */
  const char *code;   /* of a refusal: Google's, as in PERMISSION_DENIED */
  const char
      *message;   /* of a refusal, or, with 101, of the close (1007) that follows at once: a wrong key; else NULL */
  http_slice key; /* 101: Sec-WebSocket-Key; points into the head */
  setup_backend backend; /* 101 */
  door_method method;    /* 101 */
} door_answer;

/* key: the only one taken; NULL: any. */
void door_judge(door_answer *answer, const http_head *head, const char *key);
/* Appends a refusal's whole response. */
void door_write_refusal(buf *out, const door_answer *answer);

#endif
