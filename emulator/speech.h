/* A text as sound: spoken by espeak-ng where that is installed, else as a row of tones. */
#ifndef GENAI_EMULATOR_SPEECH_H
#define GENAI_EMULATOR_SPEECH_H

#include <stdbool.h>

#include "base/buf.h"

enum { SPEECH_SECONDS_MAX = 60, SPEECH_DEADLINE_MS = 10000 };

/* Blocks until it is spoken, at most for the deadline: for a helper thread. Appends samples at AUDIO_RATE_OUT. False
 * when espeak-ng is not there or fails. */
bool speech_espeak(const char *text, buf *samples);
/* A tone a word, longer for longer words, its height from the word's letters: no speech, but a sound of its length. */
bool speech_tones(const char *text, buf *samples);

#endif
