/* A pipe that libsndfile can take for a file: it looks back while it finds out what it has, and later only reads on. */
#ifndef GENAI_AUDIO_PIPE_H
#define GENAI_AUDIO_PIPE_H

#include <sndfile.h>

#include "base/buf.h"

typedef struct audio_pipe {
  int fd;
  buf begun;      /* what was read so far, while it is short enough to go back to */
  sf_count_t got; /* bytes read from the pipe */
  sf_count_t at;  /* where libsndfile believes to be */
} audio_pipe;

/* Opens the sound; NULL as sf_open. The pipe must outlive it, and both be closed by their owner. */
SNDFILE *audio_pipe_open(audio_pipe *pipe, int fd, SF_INFO *info);
void audio_pipe_deinit(audio_pipe *pipe);

#endif
