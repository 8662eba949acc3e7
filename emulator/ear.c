#include "emulator/ear.h"

#include <string.h>

#define BYTES(samples) ((samples) * sizeof(int16_t))
enum {
  FRAME_MS = 20,
  HOLD_MS = 160, /* of the silence that ended an utterance, what stays with it */
  INCOMING_MAX = 64 << 20,
  UTTERANCE_MAX = BYTES(EAR_RATE * EAR_SECONDS_MAX)
};

void ear_init(ear *e, const ear_settings *settings) {
  *e = (ear){.settings = *settings, .floor = 60};
  buf_init(&e->incoming, INCOMING_MAX);
  buf_init(&e->utterance, UTTERANCE_MAX);
}

void ear_deinit(ear *e) {
  audio_resampler_free(e->resampler);
  buf_deinit(&e->incoming);
  buf_deinit(&e->utterance);
}

bool ear_hear(ear *e, const int16_t *samples, size_t count, int rate_hz) {
  if (!e->resampler || rate_hz != e->rate_hz) {
    audio_resampler_free(e->resampler);
    e->rate_hz = rate_hz;
    if (audio_resampler_new(&e->resampler, rate_hz, EAR_RATE, NULL)) return false;
  }
  return audio_resampler_feed(e->resampler, samples, count, false, &e->incoming, NULL) == GENAI_OK;
}

/* Whether a frame is louder than the background; once speaking, a quieter one still counts. */
static bool is_speech(ear *e, double level) {
  double least = e->settings.keen ? 150 : 300, threshold = e->floor * 3 > least ? e->floor * 3 : least;
  if (e->speaking || e->run_ms) threshold *= 0.6;
  /* The floor falls fast to any pause and rises slowly (10 s), so that a hum becomes background in time. */
  e->floor += (level - e->floor) * (level < e->floor ? 0.3 : 0.002);
  return level > threshold;
}

/* Keeps the last 200 ms, beside the speech that is not certain yet. */
static void trim_preroll(ear *e) {
  size_t most = EAR_PREROLL + (size_t)e->run_ms * EAR_RATE / 1000;
  if (audio_count(&e->utterance) > most) buf_consume(&e->utterance, e->utterance.size - BYTES(most));
}

static void keep(ear *e, const int16_t *samples, size_t count) {
  size_t room = (e->utterance.ceiling - e->utterance.size) / sizeof *samples;
  audio_append(&e->utterance, samples, count < room ? count : room);
}

/* Ends the utterance without the silence that ended it, but for a breath. */
static ear_event end(ear *e) {
  size_t silence = BYTES((size_t)e->run_ms * EAR_RATE / 1000), breath = BYTES((size_t)HOLD_MS * EAR_RATE / 1000);
  bool cut = e->utterance.size == e->utterance.ceiling; /* the silence was not kept */
  if (!cut && silence > breath && silence - breath < e->utterance.size) e->utterance.size -= silence - breath;
  e->speaking = false;
  e->run_ms = 0;
  return EAR_END;
}

static ear_event judge(ear *e, const int16_t *frame, size_t count) {
  e->heard++;
  if (e->settings.manual) {
    if (e->speaking) keep(e, frame, count);
    return EAR_NOTHING;
  }
  bool speech = is_speech(e, audio_level(frame, count));
  keep(e, frame, count);
  if (speech == e->speaking) {
    e->run_ms = 0; /* still speaking, or still silent */
    if (!speech) trim_preroll(e);
    return EAR_NOTHING;
  }
  e->run_ms += FRAME_MS;
  if (e->speaking) return e->run_ms >= e->settings.silence_ms ? end(e) : EAR_NOTHING;
  if (e->run_ms < e->settings.start_ms) return EAR_NOTHING;
  trim_preroll(e);
  e->speaking = true;
  e->run_ms = 0;
  return EAR_START;
}

void ear_finish(ear *e) {
  if (e->resampler) audio_resampler_feed(e->resampler, NULL, 0, true, &e->incoming, NULL);
  e->finishing = true;
}

void ear_start(ear *e) {
  buf_clear(&e->utterance);
  buf_clear(&e->incoming);
  e->speaking = true;
}

ear_event ear_next(ear *e) {
  size_t at = 0, count = audio_count(&e->incoming);
  ear_event event = EAR_NOTHING;
  while (event == EAR_NOTHING && count - at >= (e->finishing ? 1 : EAR_FRAME)) {
    size_t frame = count - at < EAR_FRAME ? count - at : EAR_FRAME;
    event = judge(e, audio_samples(&e->incoming) + at, frame);
    at += frame;
  }
  if (at) buf_consume(&e->incoming, BYTES(at));
  if (event != EAR_NOTHING || !e->finishing) return event;
  e->finishing = false;
  return e->speaking ? end(e) : EAR_NOTHING;
}

void ear_take(ear *e, buf *out) {
  *out = e->utterance;
  buf_init(&e->utterance, UTTERANCE_MAX);
}

uint32_t ear_offset_ms(const ear *e) { return (uint32_t)(e->heard * FRAME_MS); }
