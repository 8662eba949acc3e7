/* The chunks of a WAV file, looked through before libsndfile does. */
#ifndef GENAI_AUDIO_RIFF_H
#define GENAI_AUDIO_RIFF_H

#include "audio/audio.h"

/* False when a chunk other than the sound itself claims to go on far behind the end of the file: libsndfile believes it, and walks
 * through all that is not there, for an hour if need be. `claimed` is then that chunk's size. What is no WAV fits, and so does a
 * pipe, which cannot be looked through beforehand, and a file that cannot be opened, for libsndfile to say why. */
bool riff_fits(const audio_source *source, uint32_t *claimed);

#endif
