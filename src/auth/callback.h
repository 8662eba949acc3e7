/* A bearer token from the application, on a thread of its own. */
#ifndef GENAI_SRC_AUTH_CALLBACK_H
#define GENAI_SRC_AUTH_CALLBACK_H

#include <pthread.h>

#include "genai/base.h"
#include "net/loop.h"

enum { CALLBACK_TOKEN_MAX = 16 * 1024 };

/* Embedded; loop thread only. `done` finds the token in `token`, erases it, and may end with freeing the owner. */
typedef struct callback {
  net_task task;
  net_loop *loop;
  genai_status (*ask)(void *user, char *token, size_t size, int64_t *lifetime_s, genai_error *error);
  void *ask_user;
  void (*done)(struct callback *call);
  pthread_t thread;
  bool running;
  genai_status status;
  genai_error error;
  int64_t lifetime_s;
  char token[CALLBACK_TOKEN_MAX];
} callback;

/* Asks; `done` is called later. GENAI_ERROR_SYSTEM when there is no thread. */
genai_status callback_start(callback *call, genai_error *error);

#endif
