#include "auth/callback.h"

#include <string.h>

#include "base/error.h"
#include "net/thread.h"

static void finish(net_task *task) {
  callback *call = (callback *)((char *)task - offsetof(callback, task));
  pthread_join(call->thread, NULL); /* posting was the last it did */
  call->running = false;
  call->done(call);
}

static void *run(void *argument) {
  callback *call = argument;
  call->status = call->ask(call->ask_user, call->token, sizeof call->token, &call->lifetime_s, &call->error);
  net_loop_post(call->loop, &call->task);
  return NULL;
}

genai_status callback_start(callback *call, genai_error *error) {
  call->task.run = finish;
  call->error = (genai_error){0};
  call->lifetime_s = 3600;
  call->token[0] = '\0';
  int failed = net_thread_start(&call->thread, run, call);
  call->running = !failed;
  if (!failed) return GENAI_OK;
  return error_set(error, GENAI_ERROR_SYSTEM, "No thread could be started to ask for an access token: %s.", strerror(failed));
}
