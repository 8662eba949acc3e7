#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static genai_cancel *cancel_now; /* guarded by lock, like `came` */
static bool came;
static int pipe_ends[2] = {-1, -1};

static sigset_t awaited(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

static void *take_signals(void *unused) {
  sigset_t set = awaited();
  int number;
  (void)unused;
  while (sigwait(&set, &number) != 0) continue;
  pthread_mutex_lock(&lock);
  came = true;
  if (cancel_now != NULL) genai_cancel_fire(cancel_now);
  pthread_mutex_unlock(&lock);
  close(pipe_ends[1]); /* the other end now reads as ended, for ever */
  while (sigwait(&set, &number) != 0) continue;
  _exit(STATUS_INTERRUPTED);
}

genai_status interrupt_start(genai_error *error) {
  sigset_t set = awaited();
  pthread_t thread;
  int code = pipe(pipe_ends) != 0 ? errno : 0;
  for (int i = 0; code == 0 && i < 2; i++) fcntl(pipe_ends[i], F_SETFD, FD_CLOEXEC);
  if (code == 0) code = pthread_sigmask(SIG_BLOCK, &set, NULL);
  if (code == 0) code = pthread_create(&thread, NULL, take_signals, NULL);
  if (code == 0) code = pthread_detach(thread);
  if (code != 0) return error_set(error, GENAI_ERROR_SYSTEM, "Signals cannot be awaited: %s.", strerror(code));
  return GENAI_OK;
}

int interrupt_fd(void) { return pipe_ends[0]; }

bool interrupt_came(void) {
  pthread_mutex_lock(&lock);
  bool answer = came;
  pthread_mutex_unlock(&lock);
  return answer;
}

void interrupt_cancels(genai_cancel *cancel) {
  pthread_mutex_lock(&lock);
  cancel_now = cancel;
  if (cancel != NULL && came) genai_cancel_fire(cancel);
  pthread_mutex_unlock(&lock);
}
