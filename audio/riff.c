#include "audio/riff.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads up to `size` bytes at `offset`; returns how many there are. */
typedef size_t piece_read(void *user, uint64_t offset, void *to, size_t size);

/* Slack is what libsndfile gets over in no time: files whose last comment is cut are common, and are read. */
enum { CHUNKS_MAX = 10000, SLACK = 64 * 1024 };

static uint32_t size_of(const uint8_t *at, bool big_endian) {
  return big_endian ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
                    : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static bool chunks_fit(piece_read *read, void *user, uint64_t size, uint32_t *claimed) {
  uint8_t head[12];
  *claimed = 0;
  if (read(user, 0, head, sizeof head) < sizeof head || memcmp(head, "RIF", 3) || memcmp(head + 8, "WAVE", 4)) return true;
  bool big_endian = head[3] == 'X';
  uint64_t at = 12;
  for (int i = 0; i < CHUNKS_MAX; i++) {
    if (read(user, at, head, 8) < 8) return true;
    *claimed = size_of(head + 4, big_endian);
    at += 8 + (uint64_t)*claimed + (*claimed & 1);
    if (at <= size) continue;
    return !memcmp(head, "data", 4) || at - size <= SLACK;
  }
  return false;
}

typedef struct open_file { int fd; off_t begin; } open_file;

static size_t read_memory(void *user, uint64_t offset, void *to, size_t size) {
  const audio_source *source = user;
  size_t left = offset < source->size ? source->size - (size_t)offset : 0;
  if (size > left) size = left;
  if (size) memcpy(to, (const uint8_t *)source->data + offset, size);
  return size;
}

static size_t read_file(void *user, uint64_t offset, void *to, size_t size) {
  const open_file *file = user;
  ssize_t got = pread(file->fd, to, size, file->begin + (off_t)offset);
  return got > 0 ? (size_t)got : 0;
}

static bool file_fits(const char *path, uint32_t *claimed) {
  struct stat facts;
  bool standard_input = !strcmp(path, "-"), fits = true;
  open_file file = {.fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)};
  if (file.fd >= 0 && !fstat(file.fd, &facts) && S_ISREG(facts.st_mode)) {
    off_t at = lseek(file.fd, 0, SEEK_CUR);
    file.begin = at > 0 ? at : 0;
    fits = facts.st_size <= file.begin || chunks_fit(read_file, &file, (uint64_t)(facts.st_size - file.begin), claimed);
  }
  if (!standard_input && file.fd >= 0) close(file.fd);
  return fits;
}

bool riff_fits(const audio_source *source, uint32_t *claimed) {
  audio_source memory = *source;
  if (source->raw_rate_hz) return true;
  return source->path ? file_fits(source->path, claimed) : chunks_fit(read_memory, &memory, source->size, claimed);
}
