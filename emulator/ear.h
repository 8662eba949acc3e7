/* Hears where speech begins and ends, by energy: the service's automatic activity detection. Time is counted in
 * samples, as the service counts it: a microphone that stops sending stops the clock. */
#ifndef GENAI_EMULATOR_EAR_H
#define GENAI_EMULATOR_EAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/audio.h"

enum {
  EAR_RATE = AUDIO_RATE_OUT,  /* sound is heard at the rate it is answered in */
  EAR_FRAME = EAR_RATE / 50,  /* 20 ms: what is judged at a time */
  EAR_PREROLL = EAR_RATE / 5, /* 200 ms kept from before the start was certain */
  EAR_SECONDS_MAX = 60        /* of one utterance; what is beyond is not kept */
};

typedef struct ear_settings {
  bool manual;    /* activityStart and activityEnd decide */
  bool keen;      /* hears quieter starts */
  int start_ms;   /* speech this long is a start: prefixPaddingMs */
  int silence_ms; /* silence this long is an end: silenceDurationMs */
} ear_settings;

typedef enum ear_event { EAR_NOTHING, EAR_START, EAR_END } ear_event;

typedef struct ear {
  ear_settings settings;
  audio_resampler *resampler;
  int rate_hz;   /* of the sound that comes in */
  buf incoming;  /* resampled, not yet judged */
  buf utterance; /* before the start: the preroll */
  bool speaking;
  double floor;   /* level of the background */
  int run_ms;     /* of speech before the start, of silence after it */
  bool finishing; /* nothing more comes for now */
  uint64_t heard; /* frames so far */
} ear;

void ear_init(ear *e, const ear_settings *settings);
void ear_deinit(ear *e);
/* Takes sound of any rate. False when the rate is impossible or memory is out. Then call ear_next until EAR_NOTHING. */
bool ear_hear(ear *e, const int16_t *samples, size_t count, int rate_hz);
/* audioStreamEnd, activityEnd: an utterance under way ends here. */
void ear_finish(ear *e);
/* activityStart: everything from here on is the utterance. */
void ear_start(ear *e);
/* Judges what was heard up to the next event. After EAR_END, ear_take the utterance. */
ear_event ear_next(ear *e);
/* Moves the utterance into `out`, an uninitialised buf, which is then the caller's. */
void ear_take(ear *e, buf *out);
uint32_t ear_offset_ms(const ear *e); /* how much sound was judged so far */

#endif
