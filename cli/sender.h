/* The sending half of talk: a thread that reads a sound and sends it at its own pace. */
#ifndef GENAI_CLI_SENDER_H
#define GENAI_CLI_SENDER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "audio/audio.h"
#include "genai/live.h"

typedef struct sender {
  /* Set by the owner before sender_start. */
  genai_live_session *session;
  genai_cancel *cancel;
  audio_reader *reader;       /* mono at AUDIO_RATE_IN */
  int64_t chunk_ms;
  bool real_time;             /* false: as fast as the connection takes it */
  bool manual_activity;       /* automatic detection is off: activityStart and activityEnd around the sound */
  /* Read by anybody. */
  atomic_int_least64_t samples_sent, chunks_sent;
  atomic_int_least64_t speech_ms; /* clock_ms of the last chunk with speech in it, as it was sent; 0: none yet */
  /* The owner's after sender_join. */
  genai_status status;
  genai_error error;
  /* Private. */
  pthread_t thread;
  int stop[2], done[2];       /* pipes: the writing end is closed to tell */
} sender;

genai_status sender_start(sender *s, genai_error *error);
/* Readable when everything was sent, or failed. */
int sender_done_fd(const sender *s);
/* Asks it to end; it does so at once unless it is reading a pipe that gives nothing. */
void sender_stop(sender *s);
/* Waits for its end, at most timeout_ms; false when it is still reading. */
bool sender_join(sender *s, int64_t timeout_ms);

#endif
