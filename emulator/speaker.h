/* Makes sound of texts on one helper thread, so that the loop never waits for it. Loop thread only where nothing else
 * is said. */
#ifndef GENAI_EMULATOR_SPEAKER_H
#define GENAI_EMULATOR_SPEAKER_H

#include "audio/audio.h"
#include "genai/base.h"
#include "net/loop.h"

enum { SPEAKER_JOBS_MAX = 1024 };

typedef struct speaker speaker;

/* On the loop's thread. samples is empty when no sound could be made. */
typedef void speaker_done(void *owner, uint64_t id, const buf *samples);

genai_status speaker_new(speaker **s, net_loop *loop, bool tones_only, speaker_done *done, genai_error *error);
/* Waits for the text under way; the others are dropped. Before the loop is freed, never on its thread. */
void speaker_stop(speaker *s);
/* After the loop was freed. Takes NULL. */
void speaker_free(speaker *s);
/* False when memory is out or too much is waiting; `done` is called otherwise, unless forgotten. */
bool speaker_say(speaker *s, void *owner, uint64_t id, const char *text);
/* No `done` for this owner any more. */
void speaker_forget(speaker *s, void *owner);

#endif
