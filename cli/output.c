#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int failure; /* errno of the first failed write to standard output */
static bool failure_said;

static bool note(bool written) {
  if (!written && failure == 0) failure = errno != 0 ? errno : EIO;
  return written;
}

bool output_write(const void *data, size_t size) {
  if (failure != 0) return false;
  errno = 0;
  return note(fwrite(data, 1, size, stdout) == size);
}

bool output_line(const char *text, size_t size) { return output_write(text, size) && output_write("\n", 1); }

bool output_flush(void) {
  if (failure != 0) return false;
  errno = 0;
  return note(fflush(stdout) == 0);
}

exit_status output_status(void) {
  if (failure == 0) return STATUS_OK;
  if (failure == EPIPE) return STATUS_PIPE;
  if (!failure_said) say("Standard output could not be written: %s.", strerror(failure));
  failure_said = true;
  return STATUS_FAILED;
}

void say(const char *format, ...) {
  va_list arguments;
  flockfile(stderr); /* threads of the library's say things too */
  fputs("genai-live: ", stderr);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  funlockfile(stderr);
}

exit_status say_error(const genai_error *error) {
  say("%s", error->message[0] != '\0' ? error->message : genai_status_text(error->status));
  return status_of(error->status);
}

exit_status status_of(genai_status status) {
  switch (status) {
  case GENAI_OK:
  case GENAI_CLOSED: return STATUS_OK;
  case GENAI_ERROR_ARGUMENT:
  case GENAI_ERROR_CREDENTIALS:
  case GENAI_ERROR_INSECURE: return STATUS_USAGE;
  case GENAI_ERROR_RESOLVE:
  case GENAI_ERROR_CONNECT:
  case GENAI_ERROR_TLS:
  case GENAI_ERROR_CERTIFICATE:
  case GENAI_ERROR_PROXY:
  case GENAI_ERROR_PROTOCOL:
  case GENAI_ERROR_LOST: return STATUS_CONNECTION;
  case GENAI_ERROR_HTTP:
  case GENAI_ERROR_REFUSED:
  case GENAI_ERROR_SERVICE: return STATUS_REFUSED;
  case GENAI_ERROR_TIMEOUT: return STATUS_TIMEOUT;
  case GENAI_ERROR_CANCELLED: return STATUS_INTERRUPTED;
  default: return STATUS_FAILED;
  }
}
