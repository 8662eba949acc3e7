#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

enum { CHUNK = 64 << 10 };

static ssize_t read_some(int fd, void *data, size_t size) {
  ssize_t got;
  do got = read(fd, data, size);
  while (got < 0 && errno == EINTR);
  return got;
}

genai_status input_file(const char *path, buf *out, genai_error *error) {
  bool is_stdin = strcmp(path, "-") == 0;
  const char *name = is_stdin ? "standard input" : path;
  genai_status status = GENAI_OK;
  int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = 1;
  if (fd < 0) {
    status = error_set(error, GENAI_ERROR_SYSTEM, "%s could not be opened: %s.", name, strerror(errno));
    if (error != NULL) error->os_error = errno;
    return status;
  }
  while (got > 0) {
    uint8_t *room = buf_room(out, CHUNK);
    if (room == NULL) {
      status = error_set(error, GENAI_ERROR_LIMIT, "%s is longer than %zu bytes.", name, out->ceiling);
      break;
    }
    got = read_some(fd, room, CHUNK);
    if (got > 0) buf_commit(out, (size_t)got);
  }
  if (got < 0) {
    status = error_set(error, GENAI_ERROR_SYSTEM, "%s could not be read: %s.", name, strerror(errno));
    if (error != NULL) error->os_error = errno;
  }
  if (!is_stdin) close(fd);
  return status;
}

genai_status input_text(const char *path, buf *out, const char **text, genai_error *error) {
  genai_status status = input_file(path, out, error);
  *text = status == GENAI_OK ? buf_cstr(out) : NULL;
  return status == GENAI_OK && *text == NULL ? error_memory(error) : status;
}

void lines_init(lines *l, int fd, size_t ceiling) {
  *l = (lines){.fd = fd, .ceiling = ceiling};
  buf_init(&l->buffer, ceiling + 2 * CHUNK);
}

void lines_deinit(lines *l) { buf_deinit(&l->buffer); }

/* Drops the line that is too long but for what follows its newline. */
static line_result skip_long(lines *l) {
  bool first = !l->skipping;
  l->skipping = true;
  buf_clear(&l->buffer);
  l->taken = l->scanned = 0;
  if (!first) return l->ended ? LINE_END : LINE_WANTS_READ;
  l->number++;
  return LINE_TOO_LONG;
}

line_result lines_take(lines *l, const char **text, size_t *size) {
  for (;;) {
    const uint8_t *start = l->buffer.data != NULL ? l->buffer.data + l->taken : NULL;
    size_t here = l->buffer.size - l->taken, seen = l->scanned - l->taken;
    const uint8_t *newline = here > seen ? memchr(start + seen, '\n', here - seen) : NULL;
    size_t length = newline != NULL ? (size_t)(newline - start) : here;
    if (newline == NULL) {
      l->scanned = l->buffer.size;
      if (l->os_error != 0) return LINE_FAILED;
      if (l->skipping || length > l->ceiling) return skip_long(l);
      if (!l->ended) return LINE_WANTS_READ;
      if (here == 0) return LINE_END;
    }
    l->taken += length + (newline != NULL);
    l->scanned = l->taken;
    if (l->skipping) {
      l->skipping = false;
      continue;
    }
    l->number++;
    if (length > l->ceiling) return LINE_TOO_LONG;
    *text = (const char *)start;
    *size = length;
    return LINE_READY;
  }
}

void lines_fill(lines *l) {
  if (l->taken > 0) {
    buf_consume(&l->buffer, l->taken);
    l->scanned -= l->taken;
    l->taken = 0;
  }
  uint8_t *room = buf_room(&l->buffer, CHUNK);
  if (room == NULL) {
    l->os_error = ENOMEM;
    return;
  }
  ssize_t got = read_some(l->fd, room, CHUNK);
  if (got > 0) buf_commit(&l->buffer, (size_t)got);
  else if (got == 0) l->ended = true;
  else l->os_error = errno;
}

line_result lines_next(lines *l, const char **text, size_t *size) {
  line_result result;
  while ((result = lines_take(l, text, size)) == LINE_WANTS_READ) lines_fill(l);
  return result;
}
