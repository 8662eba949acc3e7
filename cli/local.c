#include "cli/local.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/output.h"

static void log_line(void *user, const char *line) {
  (void)user;
  say("emulator: %s", line);
}

static bool tell(int fd, const char *text, size_t size) {
  while (size > 0) {
    ssize_t put = write(fd, text, size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    text += put;
    size -= (size_t)put;
  }
  return true;
}

/* The library wants a file of trusted certificates. */
static genai_status write_ca(local_service *l, const char *pem, genai_error *error) {
  const char *folder = getenv("TMPDIR");
  int size = snprintf(l->ca_file, sizeof l->ca_file, "%s/genai-live-XXXXXX", folder != NULL && *folder != '\0' ? folder : "/tmp");
  int fd = size < (int)sizeof l->ca_file ? mkstemp(l->ca_file) : -1;
  if (fd < 0) {
    genai_status status = error_set(error, GENAI_ERROR_SYSTEM, "No temporary file could be made in %s for the emulator's "
                                    "certificate: %s.", folder != NULL ? folder : "/tmp", strerror(errno));
    l->ca_file[0] = '\0';
    return status;
  }
  bool whole = tell(fd, pem, strlen(pem));
  int code = errno;
  if (close(fd) == 0 && whole) return GENAI_OK;
  return error_set(error, GENAI_ERROR_SYSTEM, "%s could not be written: %s.", l->ca_file, strerror(code));
}

genai_status local_service_start(local_service *l, bool fast, bool verbose, genai_error *error) {
  emulator_options options = {.fast = fast, .log = verbose ? log_line : NULL};
  genai_status status = emulator_start(&l->emulator, &options, error);
  if (status != GENAI_OK) return status;
  snprintf(l->url, sizeof l->url, "%s", emulator_url(l->emulator));
  return write_ca(l, emulator_ca_pem(l->emulator), error);
}

/* ---- in a process of its own ---- */

enum { TOLD_MAX = 64 << 10 };

/* The child: tells its URL and its certificate, each with a NUL behind it, or a sentence after an empty URL, and serves until the
 * other end of `life` is gone. A signal from the terminal is the parent's business. */
static void be_service(int life, int told, bool fast, bool verbose) {
  const emulator_options options = {.fast = fast, .log = verbose ? log_line : NULL};
  genai_error error = {0};
  emulator *e = NULL;
  char byte;
  signal(SIGINT, SIG_IGN);
  bool fine = emulator_start(&e, &options, &error) == GENAI_OK;
  const char *url = fine ? emulator_url(e) : "", *rest = fine ? emulator_ca_pem(e) : error.message;
  fine = tell(told, url, strlen(url) + 1) && tell(told, rest, strlen(rest) + 1) && fine;
  close(told);
  while (fine && read(life, &byte, 1) < 0 && errno == EINTR) continue;
  emulator_stop(e);
  _exit(fine ? 0 : 1);
}

/* What the child tells: two texts in `out`. */
static const char *hear(int fd, char *out) {
  size_t used = 0;
  for (ssize_t got; used < TOLD_MAX - 2 && (got = read(fd, out + used, TOLD_MAX - 2 - used)) != 0;) {
    if (got > 0) used += (size_t)got;
    else if (errno != EINTR) break;
  }
  out[used] = out[used + 1] = '\0';
  return out + strlen(out) + 1;
}

static genai_status hear_service(local_service *l, int told, genai_error *error) {
  char *text = malloc(TOLD_MAX);
  if (text == NULL) return error_set(error, GENAI_ERROR_MEMORY, "There is no memory for the emulator's certificate.");
  const char *rest = hear(told, text);
  int size = snprintf(l->url, sizeof l->url, "%s", text);
  genai_status status = size > 0 && size < (int)sizeof l->url
                            ? write_ca(l, rest, error)
                            : error_set(error, GENAI_ERROR_SYSTEM, "The emulator could not be started. %s", rest);
  free(text);
  return status;
}

genai_status local_service_fork(local_service *l, bool fast, bool verbose, genai_error *error) {
  int life[2], told[2];
  if (pipe(life) != 0) return error_set(error, GENAI_ERROR_SYSTEM, "No pipe could be made: %s.", strerror(errno));
  if (pipe(told) != 0) {
    error_set(error, GENAI_ERROR_SYSTEM, "No pipe could be made: %s.", strerror(errno));
    close(life[0]);
    close(life[1]);
    return GENAI_ERROR_SYSTEM;
  }
  pid_t pid = fork();
  if (pid == 0) {
    close(life[1]);
    close(told[0]);
    be_service(life[0], told[1], fast, verbose);
  }
  int code = errno;
  close(life[0]);
  close(told[1]);
  if (pid > 0) {
    fcntl(life[1], F_SETFD, FD_CLOEXEC);
    l->pid = pid;
    l->life_fd = life[1];
  } else {
    close(life[1]);
  }
  genai_status status = pid > 0 ? hear_service(l, told[0], error)
                                : error_set(error, GENAI_ERROR_SYSTEM, "No process could be made: %s.", strerror(code));
  close(told[0]);
  return status;
}

static void end_process(local_service *l) {
  close(l->life_fd);
  while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR) continue;
}

void local_service_stop(local_service *l) {
  if (l->ca_file[0] != '\0') unlink(l->ca_file);
  if (l->pid > 0) end_process(l);
  emulator_stop(l->emulator);
  *l = (local_service){0};
}
