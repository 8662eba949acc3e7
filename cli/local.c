#include "cli/local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/output.h"

static void log_line(void *user, const char *line) {
  (void)user;
  say("emulator: %s", line);
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
  size_t left = strlen(pem);
  for (ssize_t put; left > 0 && (put = write(fd, pem, left)) > 0; pem += put) left -= (size_t)put;
  int code = errno;
  if (close(fd) == 0 && left == 0) return GENAI_OK;
  return error_set(error, GENAI_ERROR_SYSTEM, "%s could not be written: %s.", l->ca_file, strerror(code));
}

genai_status local_service_start(local_service *l, bool fast, bool verbose, genai_error *error) {
  emulator_options options = {.fast = fast, .log = verbose ? log_line : NULL};
  genai_status status = emulator_start(&l->emulator, &options, error);
  if (status != GENAI_OK) return status;
  snprintf(l->url, sizeof l->url, "%s", emulator_url(l->emulator));
  return write_ca(l, emulator_ca_pem(l->emulator), error);
}

void local_service_stop(local_service *l) {
  if (l->ca_file[0] != '\0') unlink(l->ca_file);
  emulator_stop(l->emulator);
  *l = (local_service){0};
}
