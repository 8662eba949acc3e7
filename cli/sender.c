#include "cli/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/clock.h"

/* Quieter than this (-40 dB) is no speech: for the latency in the table only, the service listens for itself. */
enum { SPEECH_LEVEL = 330 };

static bool pause_until_due(sender *s, pace *p, size_t count) {
  int64_t wait = s->real_time ? pace_next(p, count, clock_ms()) : 0;
  return clock_wait(&s->stop[0], 1, wait) < 0;
}

static genai_status send_chunk(sender *s, const int16_t *samples, size_t count, uint8_t *bytes) {
  genai_wait wait = {.cancel = s->cancel};
  audio_pcm_write(bytes, samples, count);
  genai_status status = genai_live_send_audio(s->session, bytes, count * 2, AUDIO_RATE_IN, &wait, &s->error);
  if (status != GENAI_OK) return status;
  if (audio_level(samples, count) >= SPEECH_LEVEL) atomic_store(&s->speech_ms, clock_ms());
  atomic_fetch_add(&s->samples_sent, (int_least64_t)count);
  atomic_fetch_add(&s->chunks_sent, 1);
  return GENAI_OK;
}

static genai_status send_mark(sender *s, const genai_live_send_realtime_input_parameters *mark) {
  genai_wait wait = {.cancel = s->cancel};
  return genai_live_send_realtime_input(s->session, mark, &wait, &s->error);
}

/* The whole sound between its marks. A stop ends it without the last mark. */
static genai_status send_all(sender *s, int16_t *samples, uint8_t *bytes, size_t chunk) {
  static const genai_activity_start begin;
  static const genai_activity_end end;
  genai_status status = GENAI_OK;
  size_t got = 1;
  pace p;
  if (s->manual_activity) status = send_mark(s, &(genai_live_send_realtime_input_parameters){.activity_start = &begin});
  pace_init(&p, AUDIO_RATE_IN, clock_ms());
  while (status == GENAI_OK && got > 0) {
    status = audio_reader_read(s->reader, samples, chunk, &got, &s->error);
    if (status != GENAI_OK || got == 0) break;
    if (!pause_until_due(s, &p, got)) return GENAI_OK;
    status = send_chunk(s, samples, got, bytes);
  }
  if (status != GENAI_OK) return status;
  if (s->manual_activity) return send_mark(s, &(genai_live_send_realtime_input_parameters){.activity_end = &end});
  return send_mark(s, &(genai_live_send_realtime_input_parameters){.audio_stream_end = GENAI_SOME(true)});
}

static void *run(void *user) {
  sender *s = user;
  size_t chunk = (size_t)(s->chunk_ms * AUDIO_RATE_IN / 1000);
  int16_t *samples = mem_alloc(chunk * sizeof *samples);
  uint8_t *bytes = mem_alloc(chunk * 2);
  s->status = samples != NULL && bytes != NULL ? send_all(s, samples, bytes, chunk) : error_memory(&s->error);
  mem_free(bytes);
  mem_free(samples);
  close(s->done[1]);
  return NULL;
}

static bool make_pipe(int ends[2]) {
  if (pipe(ends) != 0) return false;
  for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFD, FD_CLOEXEC);
  return true;
}

static void close_ends(int ends[2]) {
  for (int i = 0; i < 2; i++) close(ends[i]);
}

genai_status sender_start(sender *s, genai_error *error) {
  int code = 0;
  if (!make_pipe(s->stop)) return error_set(error, GENAI_ERROR_SYSTEM, "No pipe could be made: %s.", strerror(errno));
  if (!make_pipe(s->done)) {
    close_ends(s->stop);
    return error_set(error, GENAI_ERROR_SYSTEM, "No pipe could be made: %s.", strerror(errno));
  }
  code = pthread_create(&s->thread, NULL, run, s);
  if (code == 0) return GENAI_OK;
  close_ends(s->stop);
  close_ends(s->done);
  return error_set(error, GENAI_ERROR_SYSTEM, "No thread could be made: %s.", strerror(code));
}

int sender_done_fd(const sender *s) { return s->done[0]; }

void sender_stop(sender *s) {
  close(s->stop[1]);
  s->stop[1] = -1;
}

bool sender_join(sender *s, int64_t timeout_ms) {
  if (clock_wait(&s->done[0], 1, timeout_ms) < 0) return false;
  pthread_join(s->thread, NULL);
  if (s->stop[1] >= 0) close(s->stop[1]);
  close(s->stop[0]);
  close(s->done[0]);
  return true;
}
