#include "audio/pipe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* libsndfile reads a WAV through a pipe by itself, but goes back to the start of a FLAC. A length it must have: one
 * that no sound reaches. */
enum { BEGUN_MAX = 1 << 20 };
#define LENGTH ((sf_count_t)1 << 60)

static sf_count_t length(void *user) {
  (void)user;
  return LENGTH;
}

static sf_count_t tell(void *user) { return ((audio_pipe *)user)->at; }

static sf_count_t seek(sf_count_t offset, int whence, void *user) {
  audio_pipe *p = user;
  sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? p->at : LENGTH;
  if (offset < -from || offset > LENGTH - from) return -1;
  return p->at = from + offset;
}

static sf_count_t receive(audio_pipe *p, uint8_t *to, sf_count_t count) {
  ssize_t got = 0;
  sf_count_t total = 0;
  while (total < count && ((got = read(p->fd, to + total, (size_t)(count - total))) > 0 || (got < 0 && errno == EINTR)))
    total += got > 0 ? got : 0;
  if (p->got == (sf_count_t)p->begun.size) buf_append(&p->begun, to, (size_t)total);
  p->got += total;
  return total;
}

/* Beyond what has come there is nothing yet: libsndfile looks behind a WAV's data for more chunks and must find none.
 */
static sf_count_t get(void *data, sf_count_t count, void *user) {
  audio_pipe *p = user;
  sf_count_t again = 0;
  if (p->at < p->got) {
    if (p->got != (sf_count_t)p->begun.size) return 0; /* too far back */
    again = p->got - p->at < count ? p->got - p->at : count;
    memcpy(data, p->begun.data + p->at, (size_t)again);
    p->at += again;
  }
  if (p->at != p->got) return again;
  sf_count_t more = receive(p, (uint8_t *)data + again, count - again);
  p->at += more;
  return again + more;
}

static sf_count_t put(const void *data, sf_count_t count, void *user) {
  (void)data, (void)count, (void)user;
  return 0;
}

SNDFILE *audio_pipe_open(audio_pipe *pipe, int fd, SF_INFO *info) {
  static SF_VIRTUAL_IO io = {length, seek, get, put, tell};
  *pipe = (audio_pipe){.fd = fd};
  buf_init(&pipe->begun, BEGUN_MAX);
  return sf_open_virtual(&io, SFM_READ, info, pipe);
}

void audio_pipe_deinit(audio_pipe *pipe) { buf_deinit(&pipe->begun); }
