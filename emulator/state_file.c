#include "emulator/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "emulator/cert.h"
#include "emulator/file.h"

enum { SLACK = 4 << 20, TEXT_MAX = 1 << 30 };

/* ---- replacing ---- */

static void append_line(void *out, json_t *record) {
  size_t size = json_dumpb(record, NULL, 0, JSON_COMPACT);
  char *room = size ? (char *)buf_room(out, size + 1) : NULL;
  if (!room) return;
  json_dumpb(record, room, size, JSON_COMPACT);
  room[size] = '\n';
  buf_commit(out, size + 1);
}

static genai_status replace(state_file *f, genai_error *error) {
  buf text;
  buf_init(&text, TEXT_MAX);
  conversations_record(f->all, append_line, &text);
  const char *whole = buf_cstr(&text);
  genai_status status = whole ? cert_write_file(f->path, whole, error) : error_memory(error);
  if (f->fd > 0) close(f->fd);
  f->fd = status ? -1 : open(f->path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (!status && f->fd < 0)
    status = error_set(error, GENAI_ERROR_SYSTEM, "%s could not be opened: %s.", f->path, strerror(errno));
  f->failed = status != GENAI_OK;
  f->size = f->compact_size = text.size;
  buf_deinit(&text);
  return status;
}

/* ---- changes ---- */

void state_file_record(void *user, json_t *record) {
  state_file *f = user;
  if (f->failed || f->size > f->compact_size * 2 + SLACK) {
    replace(f, NULL); /* with this change in it, for it is made already */
    return;
  }
  f->failed = !file_write_line(f->fd, record, &f->size);
  if (f->failed && f->log) f->log(f->user, "The state file could not be written; the next change tries again.");
}

/* ---- the start ---- */

static void restore(FILE *file, conversations *all, int64_t now_ms) {
  char *line = NULL;
  size_t room = 0;
  for (ssize_t size; (size = getline(&line, &room, file)) > 0;) {
    json_t *record = line[size - 1] == '\n' ? json_loadb(line, (size_t)size, 0, NULL) : NULL;
    if (record) conversations_restore(all, now_ms, record);
    json_decref(record);
  }
  free(line);
}

genai_status state_file_open(state_file *f, const char *path, conversations *all, int64_t now_ms, genai_error *error) {
  f->path = path;
  f->all = all;
  f->fd = -1;
  FILE *file = fopen(path, "r");
  if (!file && errno != ENOENT)
    return error_set(error, GENAI_ERROR_SYSTEM, "%s could not be read: %s.", path, strerror(errno));
  if (file) {
    restore(file, all, now_ms);
    fclose(file);
  }
  return replace(f, error);
}

void state_file_close(state_file *f) {
  if (f->fd > 0) close(f->fd);
  *f = (state_file){0};
}
