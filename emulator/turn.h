/* What a caller said before an answer is due: text, sound, and what they count in tokens. */
#ifndef GENAI_EMULATOR_TURN_H
#define GENAI_EMULATOR_TURN_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

enum { TURN_TEXT_MAX = 4 << 20 };

typedef struct turn {
  buf text;  /* of the user's parts, a newline between two */
  buf sound; /* samples at AUDIO_RATE_OUT */
  unsigned images;
  bool result; /* what functions answered, to be told */
} turn;

void turn_init(turn *t);
void turn_deinit(turn *t);
bool turn_empty(const turn *t);
const char *turn_text(turn *t);
/* Adds the parts of a Content of the user; a Content of the model means that what came before was answered. False when
 * memory or a ceiling is out, or when its audio cannot be read. */
bool turn_add_content(turn *t, json_t *content);
bool turn_add_text(turn *t, const char *text);

/* The rate of an audio MIME type: audio/pcm;rate=N; 16000 when it says none; 0 when it is no PCM. */
int turn_audio_rate(const char *mime_type);
/* The samples of a Blob's data; appends to an int16 buf. */
bool turn_read_pcm(json_t *blob, buf *samples);

/* usageMetadata of a turn: 25 tokens a second of sound, 258 an image, one for every four bytes of text. */
typedef struct usage {
  unsigned text, audio, image;
} usage;
usage turn_usage(const turn *t);
unsigned usage_of_text(size_t size);
unsigned usage_of_sound(size_t samples);
/* New; names as the backend has them. */
json_t *usage_json(const usage *prompt, const usage *answer, bool vertex);

#endif
