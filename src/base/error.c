#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifndef GENAI_VERSION_STRING
#error "the build defines GENAI_VERSION_STRING"
#endif

const char *genai_version(void) { return GENAI_VERSION_STRING; }

const char *genai_status_name(genai_status status) {
  switch (status) {
#define CASE(name, number, text) case GENAI_##name: return "GENAI_" #name;
    GENAI_STATUS_LIST(CASE)
#undef CASE
  }
  return "GENAI_UNKNOWN_STATUS";
}

const char *genai_status_text(genai_status status) {
  switch (status) {
#define CASE(name, number, text) case GENAI_##name: return text;
    GENAI_STATUS_LIST(CASE)
#undef CASE
  }
  return "unknown status";
}

__attribute__((format(printf, 2, 0)))
static void append(genai_error *error, const char *format, va_list args) {
  size_t used = strlen(error->message), room = sizeof error->message - used;
  int size = vsnprintf(error->message + used, room, format, args);
  if (size < 0 || (size_t)size < room) return;
  /* Cut: drop a UTF-8 sequence that lost its tail. */
  size_t end = sizeof error->message - 1, start = end;
  while (start > 0 && ((unsigned char)error->message[start - 1] & 0xC0) == 0x80) start--;
  if (start > 0 && (unsigned char)error->message[start - 1] >= 0xC0) start--;
  else start = end;
  error->message[start] = '\0';
}

genai_status error_set(genai_error *error, genai_status status, const char *format, ...) {
  if (!error) return status;
  memset(error, 0, sizeof *error);
  error->status = status;
  va_list args;
  va_start(args, format);
  append(error, format, args);
  va_end(args);
  return status;
}

void error_append(genai_error *error, const char *format, ...) {
  if (!error) return;
  va_list args;
  va_start(args, format);
  append(error, format, args);
  va_end(args);
}

genai_status error_memory(genai_error *error) {
  return error_set(error, GENAI_ERROR_MEMORY, "Out of memory.");
}

genai_status error_copy(genai_error *error, const genai_error *from) {
  if (error) *error = *from;
  return from->status;
}
