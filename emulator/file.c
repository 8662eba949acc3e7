#include "emulator/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

enum { CHUNK = 65536 };

genai_status file_read(buf *text, const char *path, genai_error *error) {
  genai_status status = GENAI_OK;
  FILE *file = fopen(path, "rb");
  int code = errno;
  for (size_t got = 1; file && got && !text->failed;) {
    uint8_t *room = buf_room(text, CHUNK);
    got = room ? fread(room, 1, CHUNK, file) : 0;
    buf_commit(text, got);
  }
  if (!file || ferror(file)) {
    if (file) code = errno;
    status = error_set(error, GENAI_ERROR_SYSTEM, "%s could not be read: %s.", path, strerror(code));
    if (error) error->os_error = code;
  } else if (text->failed) {
    status = error_set(error, GENAI_ERROR_LIMIT, "%s could not be kept in memory; at most %zu bytes are read.", path,
                       text->ceiling);
  }
  if (file) fclose(file);
  return status;
}

bool file_write_line(int fd, const json_t *record, size_t *size) {
  char *text = json_dumps(record, JSON_COMPACT);
  size_t length = text ? strlen(text) : 0, at = 0;
  bool fine = text != NULL;
  if (text) text[length++] = '\n'; /* in the place of the NUL */
  while (fine && at < length) {
    ssize_t written = write(fd, text + at, length - at);
    fine = written > 0 || (written < 0 && errno == EINTR);
    if (written > 0) at += (size_t)written;
  }
  if (size) *size += length;
  free(text);
  return fine;
}
