#include "net/process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/memory.h"

enum { STEP_MS = 10 };

/* What a server gets of the host's environment: enough to find its programs and its language, no key. */
static const char *const kept[] = {"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"};
enum { KEPT = sizeof kept / sizeof *kept };

static char *pair(const char *name, const char *value) {
  size_t size = strlen(name) + strlen(value) + 2;
  char *text = mem_alloc(size);
  if (text) snprintf(text, size, "%s=%s", name, value);
  return text;
}

static void free_environment(char **environment) {
  for (char **e = environment; e && *e; e++) mem_free(*e);
  mem_free(environment);
}

static char **make_environment(const genai_string_map *more) {
  char **environment = mem_zalloc((KEPT + more->count + 1) * sizeof *environment), **at = environment;
  if (!environment) return NULL;
  bool whole = true;
  for (size_t i = 0; i < KEPT && whole; i++) {
    const char *value = getenv(kept[i]);
    if (value) whole = (*at++ = pair(kept[i], value)) != NULL;
  }
  for (size_t i = 0; i < more->count && whole; i++) whole = (*at++ = pair(more->items[i].key, more->items[i].value)) != NULL;
  if (whole) return environment;
  free_environment(environment);
  return NULL;
}

/* libuv makes both ends close-on-exec in one step where the system can: a child that the host forks meanwhile must inherit none, or
 * nobody would ever see the end of what it reads. Where the system cannot (macOS), the lock still keeps our own children apart. */
static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;

static int make_pipe(int ends[2]) { return -uv_pipe(ends, 0, 0); }

static void close_both(int ends[2]) {
  for (int i = 0; i < 2; i++) {
    if (ends[i] >= 0) close(ends[i]);
  }
}

/* Its own group, so that its children can be ended with it; default signals, none masked: our threads mask all. */
static int set_attributes(posix_spawnattr_t *attributes) {
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  sigaddset(&usual, SIGINT);
  sigaddset(&usual, SIGTERM);
  int failed = posix_spawnattr_setpgroup(attributes, 0);
  if (!failed) failed = posix_spawnattr_setsigmask(attributes, &none);
  if (!failed) failed = posix_spawnattr_setsigdefault(attributes, &usual);
  if (failed) return failed;
  return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(process *p, const char *const *argv, char **environment, int in, int out, int err) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  int failed = posix_spawn_file_actions_init(&files);
  if (failed) return failed;
  failed = posix_spawnattr_init(&attributes);
  if (!failed) {
    failed = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    if (!failed) failed = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    if (!failed && err >= 0) failed = posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
    if (!failed) failed = set_attributes(&attributes);
    if (!failed) failed = posix_spawnp(&p->pid, argv[0], &files, &attributes, (char *const *)(uintptr_t)argv, environment);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&files);
  return failed;
}

/* Pipes and the process, or the cause and nothing. */
static int start(process *p, const char *const *argv, char **environment, bool capture) {
  int to[2] = {-1, -1}, from[2] = {-1, -1}, errors[2] = {-1, -1};
  int failed = make_pipe(to);
  if (!failed) failed = make_pipe(from);
  if (!failed && capture) failed = make_pipe(errors);
  if (!failed) failed = spawn(p, argv, environment, to[0], from[1], errors[1]);
  if (failed) {
    close_both(to);
    close_both(from);
    close_both(errors);
    return failed;
  }
  close(to[0]);
  close(from[1]);
  if (capture) close(errors[1]);
  p->in = to[1];
  p->out = from[0];
  p->err = errors[0];
  return 0;
}

static genai_status start_with(process *p, const char *const *argv, const genai_string_map *more, bool capture, genai_error *error) {
  if (!argv || !argv[0]) return error_set(error, GENAI_ERROR_ARGUMENT, "There is no command to start.");
  char **environment = make_environment(more);
  if (!environment) return error_memory(error);
  pthread_mutex_lock(&starting);
  int failed = start(p, argv, environment, capture);
  pthread_mutex_unlock(&starting);
  free_environment(environment);
  if (!failed) return GENAI_OK;
  error_set(error, GENAI_ERROR_SYSTEM, "\"%s\" could not be started: %s. Is it installed, and in PATH?", argv[0], strerror(failed));
  if (error) error->os_error = failed;
  return GENAI_ERROR_SYSTEM;
}

genai_status process_start(process *p, const char *const *argv, const genai_string_map *environment, genai_error *error) {
  return start_with(p, argv, environment, false, error);
}

genai_status process_start_captured(process *p, const char *const *argv, const genai_string_map *environment, genai_error *error) {
  return start_with(p, argv, environment, true, error);
}

void process_end_input(process *p) {
  if (p->in >= 0) close(p->in);
  p->in = -1;
}

/* WNOWAIT: its number stays its own until process_stop. */
bool process_ended(const process *p, int *status) {
  siginfo_t info = {0};
  int failed;
  do failed = waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT);
  while (failed && errno == EINTR);
  *status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  if (failed) *status = 0; /* a host that ignores SIGCHLD has reaped it */
  return failed || info.si_pid == p->pid;
}

static bool ended(pid_t pid, int options) {
  pid_t got;
  do got = waitpid(pid, NULL, options);
  while (got < 0 && errno == EINTR);
  return got != 0; /* a host that ignores SIGCHLD has reaped it: ECHILD */
}

void process_stop(process *p, unsigned grace_ms) {
  process_end_input(p);
  for (unsigned waited = 0; waited < grace_ms && !ended(p->pid, WNOHANG); waited += STEP_MS) {
    if (waited + STEP_MS >= grace_ms) {
      kill(-p->pid, SIGKILL);
      ended(p->pid, 0);
      break;
    }
    nanosleep(&(struct timespec){0, STEP_MS * 1000000L}, NULL);
  }
  kill(-p->pid, SIGKILL); /* children that it left behind */
}
