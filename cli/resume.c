#include "cli/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

enum { HANDLE_MAX = 64 << 10 };

static genai_status system_error(genai_error *error, const char *path, const char *what) {
  int code = errno;
  error_set(error, GENAI_ERROR_SYSTEM, "The file of the resumption handle, %s, could not be %s: %s.", path, what, strerror(code));
  if (error) error->os_error = code;
  return GENAI_ERROR_SYSTEM;
}

/* Printable ASCII without a space, as services make them. */
static bool is_handle(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (text[i] <= ' ' || text[i] > '~') return false;
  return size < HANDLE_MAX;
}

/* Writes `text` beside `path`, to take its place. */
static genai_status write_beside(const char *path, const char *beside, const char *text, genai_error *error) {
  size_t size = strlen(text), done = 0;
  int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return system_error(error, path, "written");
  for (ssize_t n = 0; done < size; done += (size_t)n) {
    n = write(fd, text + done, size - done);
    if (n < 0 && errno == EINTR) n = 0;
    if (n < 0) break;
  }
  genai_status status = done < size ? system_error(error, path, "written") : GENAI_OK;
  if (close(fd) != 0 && status == GENAI_OK) status = system_error(error, path, "written");
  if (status != GENAI_OK) unlink(beside);
  return status;
}

/* PATH.new; mem_free it. */
static char *name_beside(const char *path) {
  size_t size = strlen(path);
  char *beside = mem_alloc(size + sizeof ".new");
  if (beside == NULL) return NULL;
  memcpy(beside, path, size);
  memcpy(beside + size, ".new", sizeof ".new");
  return beside;
}

/* Told before anything is dialed, not after the first answer. */
static genai_status check_writable(const char *path, genai_error *error) {
  char *beside = name_beside(path);
  genai_status status = beside != NULL ? write_beside(path, beside, "", error) : error_memory(error);
  if (status == GENAI_OK) unlink(beside);
  mem_free(beside);
  return status;
}

genai_status resume_read(const char *path, arena *a, const char **handle, genai_error *error) {
  char *text = arena_alloc(a, HANDLE_MAX + 1);
  FILE *file = text != NULL ? fopen(path, "rb") : NULL;
  *handle = NULL;
  if (text == NULL) return error_memory(error);
  if (*path == '\0') return error_set(error, GENAI_ERROR_ARGUMENT, "--resume wants the name of a file.");
  if (file == NULL) return errno == ENOENT ? check_writable(path, error) : system_error(error, path, "read");
  size_t size = fread(text, 1, HANDLE_MAX, file);
  bool failed = ferror(file) != 0;
  if (failed) system_error(error, path, "read");
  fclose(file);
  if (failed) return GENAI_ERROR_SYSTEM;
  while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL) size--;
  if (!is_handle(text, size))
    return error_set(error, GENAI_ERROR_ARGUMENT, "%s holds no resumption handle. Give the file that an earlier --resume wrote, or a new one.", path);
  text[size] = '\0';
  if (size > 0) *handle = text;
  return check_writable(path, error);
}

genai_status resume_write(const char *path, genai_live_session *session, genai_error *error) {
  char *handle = genai_live_resumption_handle(session);
  if (handle == NULL) return GENAI_OK;
  char *beside = name_beside(path);
  genai_status status = beside != NULL ? write_beside(path, beside, handle, error) : error_memory(error);
  if (status == GENAI_OK && rename(beside, path) != 0) {
    status = system_error(error, path, "written");
    unlink(beside);
  }
  mem_free(beside);
  genai_text_free(handle);
  return status;
}
