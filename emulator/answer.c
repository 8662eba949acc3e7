#include "emulator/answer.h"

#include <string.h>

#include "base/memory.h"

enum { TEXT_WORDS = 3, SECONDS_MAX = 120 };

static size_t word_size(const char *text) {
  size_t space = strspn(text, " \n\t");
  return space + strcspn(text + space, " \n\t");
}

bool words_init(words *w, const char *text) {
  *w = (words){.text = mem_strdup(text)};
  if (!w->text) return !text;
  for (size_t at = 0; w->text[at]; at += word_size(w->text + at)) w->count++;
  return true;
}

void words_deinit(words *w) {
  mem_free(w->text);
  *w = (words){0};
}

/* The next `number` words as one piece; false when there are none. */
static bool take_words(words *w, size_t number, answer_step *step) {
  if (w->taken == w->count) return false;
  step->text = w->text + w->at;
  step->size = 0;
  for (; number && w->taken < w->count; number--, w->taken++) step->size += word_size(step->text + step->size);
  w->at += step->size;
  return true;
}

void answer_init(answer *a) {
  *a = (answer){0};
  buf_init(&a->sound, (size_t)SECONDS_MAX * AUDIO_RATE_OUT * sizeof(int16_t));
}

void answer_deinit(answer *a) {
  words_deinit(&a->heard);
  words_deinit(&a->said);
  buf_deinit(&a->sound);
  json_decref(a->calls);
  answer_init(a);
}

void answer_begin(answer *a, uint64_t now_ms) {
  a->phase = ANSWER_HEARD;
  a->started_ms = now_ms;
}

static size_t sound_pieces(const answer *a) { return (audio_count(&a->sound) + ANSWER_CHUNK - 1) / ANSWER_CHUNK; }

static bool content_next(answer *a, answer_step *step) {
  if (!a->speech) {
    step->kind = ANSWER_STEP_TEXT;
    return take_words(&a->said, TEXT_WORDS, step);
  }
  /* What a chunk says comes before it, word by word. */
  size_t count = audio_count(&a->sound), chunks = sound_pieces(a);
  step->kind = ANSWER_STEP_SAID;
  bool words_due = !chunks || a->said.taken * chunks < a->said.count * (a->pieces + 1);
  if (a->speaks_transcript && words_due && take_words(&a->said, 1, step)) return true;
  if (a->at == count) return false;
  step->kind = ANSWER_STEP_SOUND;
  step->samples = audio_samples(&a->sound) + a->at;
  step->count = count - a->at < ANSWER_CHUNK ? count - a->at : ANSWER_CHUNK;
  a->at += step->count;
  return true;
}

uint64_t answer_deadline(const answer *a, bool fast) {
  if (a->phase == ANSWER_IDLE || a->phase == ANSWER_MUTE) return UINT64_MAX;
  if (fast || (a->phase != ANSWER_CONTENT && a->phase != ANSWER_COMPLETE)) return 0;
  if (a->phase == ANSWER_CONTENT) return a->started_ms + a->pieces * (a->speech ? ANSWER_CHUNK_MS : ANSWER_TEXT_MS);
  /* The turn is complete when what was said has been heard. */
  return a->speech ? a->started_ms + audio_count(&a->sound) * 1000 / AUDIO_RATE_OUT : 0;
}

bool answer_next(answer *a, uint64_t now_ms, bool fast, answer_step *step) {
  if (answer_deadline(a, fast) > now_ms) return false;
  *step = (answer_step){.kind = ANSWER_STEP_HEARD};
  if (a->phase == ANSWER_HEARD && take_words(&a->heard, 1, step)) return true;
  if (a->phase == ANSWER_HEARD) a->phase = a->calls ? ANSWER_CALLS : ANSWER_CONTENT;
  if (a->phase == ANSWER_CALLS) {
    step->kind = ANSWER_STEP_CALLS;
    a->phase = ANSWER_IDLE;
    return true;
  }
  if (a->phase == ANSWER_CONTENT && content_next(a, step)) {
    a->pieces += step->kind != ANSWER_STEP_SAID;
    return true;
  }
  step->kind = a->phase == ANSWER_COMPLETE ? ANSWER_STEP_COMPLETE : ANSWER_STEP_GENERATED;
  a->phase = a->phase == ANSWER_COMPLETE ? ANSWER_IDLE : ANSWER_COMPLETE;
  return true;
}
