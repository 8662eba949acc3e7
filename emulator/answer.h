/* An answer under way: what was heard, then calls, or text, or sound with what it says, step by step at the pace of
 * speech. */
#ifndef GENAI_EMULATOR_ANSWER_H
#define GENAI_EMULATOR_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/audio.h"

enum {
  ANSWER_CHUNK = 11520 / 2, /* samples a message: the service's 11,520 bytes, 240 ms */
  ANSWER_CHUNK_MS = 192,    /* between two of them: the service is somewhat faster than speech */
  ANSWER_TEXT_MS = 40       /* between two pieces of text */
};

/* Words of a text one by one, each with the space before it, so that the pieces put together are the text. */
typedef struct words {
  char *text; /* owned; NULL: none */
  size_t at, count, taken;
} words;

typedef enum answer_phase {
  ANSWER_IDLE,
  ANSWER_MUTE,
  ANSWER_HEARD,
  ANSWER_CALLS,
  ANSWER_CONTENT,
  ANSWER_COMPLETE
} answer_phase;

typedef struct answer {
  answer_phase phase;     /* MUTE: sound is being made; nothing is due */
  words heard;            /* inputTranscription */
  json_t *calls;          /* list of function calls, or NULL; owned */
  bool speech;            /* sound, else text */
  bool speaks_transcript; /* outputTranscription beside the sound */
  words said;             /* the text, or what the sound says */
  buf sound;
  size_t at;           /* samples given out */
  size_t pieces;       /* of text or sound given out */
  uint64_t started_ms; /* of the content */
} answer;

typedef enum answer_kind {
  ANSWER_STEP_HEARD,
  ANSWER_STEP_CALLS,
  ANSWER_STEP_TEXT,
  ANSWER_STEP_SAID,
  ANSWER_STEP_SOUND,
  ANSWER_STEP_GENERATED,
  ANSWER_STEP_COMPLETE
} answer_kind;

typedef struct answer_step {
  answer_kind kind;
  const char *text; /* HEARD, TEXT, SAID: a piece */
  size_t size;
  const int16_t *samples; /* SOUND */
  size_t count;
} answer_step;

bool words_init(words *w, const char *text); /* copies; NULL makes none. False when memory is out */
void words_deinit(words *w);

void answer_init(answer *a);
void answer_deinit(answer *a); /* as init: idle, nothing held */
void answer_begin(answer *a, uint64_t now_ms);
/* The next step that is due (all are, when fast); false when none is. After CALLS and COMPLETE the answer is idle. */
bool answer_next(answer *a, uint64_t now_ms, bool fast, answer_step *step);
uint64_t answer_deadline(const answer *a, bool fast); /* UINT64_MAX: never */

#endif
