#include "session/turns.h"

enum {
  QUIET_PEAK = 64,         /* of 32768: nobody hears -54 dB */
  QUIET_SIZE = 24000,      /* half a second of 24 kHz: shorter sounds say nothing */
  REJECTED_OFTEN = 2
};

void session_turns_init(session_turns *t) { *t = (session_turns){.due_since = UINT64_MAX}; }

void session_turns_asked(session_turns *t, uint64_t now) {
  t->asked = true;
  t->due_since = now;
}

void session_turns_handed(session_turns *t, uint64_t now) {
  t->asked |= !t->answering;
  t->due_since = now;
}

void session_turns_cut(session_turns *t) {
  t->answering = t->generating = t->asked = t->interrupted = t->content = t->audio = t->loud = false;
  t->audio_size = 0;
  t->due_since = UINT64_MAX;
}

/* Whether anything in it can be heard, by every 16th sample: sound that is there is found by the first few. */
static bool loud(genai_bytes pcm) {
  for (size_t i = 0; i + 1 < pcm.size; i += 32) {
    int sample = (int16_t)(uint16_t)(pcm.data[i] | pcm.data[i + 1] << 8);
    if (sample > QUIET_PEAK || sample < -QUIET_PEAK) return true;
  }
  return false;
}

/* What was asked while the turn had something in it already is still to be answered. */
static session_turn_faults end_turn(session_turns *t, const session_news *news, uint64_t now) {
  bool asked = t->asked && t->content;
  bool gone = news->interrupted || news->waiting_for_input || news->in_progress;
  session_turn_faults faults = {
      .empty = !t->content && !gone && !news->rejected,
      .quiet = t->audio && !t->loud && t->audio_size >= QUIET_SIZE,
  };
  t->rejected = news->rejected ? t->rejected + 1 : 0;
  faults.rejected = t->rejected >= REJECTED_OFTEN;
  session_turns_cut(t);
  t->ended = true;
  t->answering = news->in_progress;
  if (asked) session_turns_asked(t, now);
  return faults;
}

session_turn_faults session_turns_heard(session_turns *t, const session_news *news, uint64_t now) {
  bool model = news->model_turn || news->output || news->calls;
  if (news->heard) {
    t->asked |= !t->answering; /* transcriptions may come late */
    t->due_since = now;
  }
  if (model) {
    if (!t->answering || t->interrupted) t->asked = t->interrupted = false;
    t->answering = t->answering || news->model_turn || news->output;
    t->generating = t->answering;
    t->content = true;
    t->due_since = t->generating ? now : UINT64_MAX;
  }
  if (news->audio.size) {
    t->audio = true;
    t->audio_size += news->audio.size;
    if (!t->loud) t->loud = loud(news->audio);
  }
  if (news->generation_complete || news->interrupted || news->waiting_for_input || news->calls) {
    t->generating = false;
    t->due_since = UINT64_MAX; /* turnComplete may come as late as the end of playing; a call waits for us */
  }
  if (news->interrupted) {
    t->content = t->interrupted = true; /* cut short is not empty */
    if (t->asked) t->due_since = now;
  }
  if (news->waiting_for_input) t->asked = false;
  return news->turn_complete ? end_turn(t, news, now) : (session_turn_faults){0};
}
