#include "emulator/synth.h"

#include <math.h>
#include <string.h>

#include "emulator/random.h"

/* A bar is 16 steps; a note begins on a step and has died away before the next one of its voice. */
enum { STEPS_A_BEAT = 4, STEPS_A_BAR = 16, BLOCK = 256, HARMONICS = 4, BASS_OCTAVE = 2 };

#define TAU 6.283185307179586
#define LOUDNESS 0.75f /* leaves room for everything at once */
#define FADE 0.004     /* seconds in which a note comes up, so that it does not click */

/* One note, as far as a block of frames needs it. */
typedef struct note {
  double frequency, level, decay; /* decay: 1/s */
  double left, right;
} note;

static uint64_t mix(uint64_t z) { return random_next(&z); }

/* 0 to 1, the same for the same things. */
static double chance(uint64_t hash, uint64_t of) { return (double)(mix(hash ^ mix(of)) >> 11) / 9007199254740992.0; }

/* FNV-1a. */
uint64_t synth_hash(const char *text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (; *text; text++) hash = (hash ^ (uint8_t)*text) * 0x100000001B3u;
  return mix(hash);
}

void synth_add(synth *s, const char *text, double gain) {
  synth_voice *place = s->voices;
  if (s->voice_count < SYNTH_VOICES) {
    place = &s->voices[s->voice_count++];
  } else {
    for (size_t i = 1; i < SYNTH_VOICES; i++) {
      if (s->voices[i].gain < place->gain) place = &s->voices[i];
    }
    if (place->gain >= gain) return;
  }
  *place = (synth_voice){synth_hash(text), gain};
}

static uint64_t step_start(const synth *s, uint64_t step) {
  return step * SYNTH_RATE_HZ * 60 / ((uint64_t)s->bpm * STEPS_A_BEAT);
}

static uint64_t step_at(const synth *s, uint64_t frame) {
  uint64_t step = frame * (uint64_t)s->bpm * STEPS_A_BEAT / ((uint64_t)SYNTH_RATE_HZ * 60);
  while (step_start(s, step + 1) <= frame) step++;
  return step;
}

/* The frequency of a degree of the major scale; octave 4 has the A of 440 Hz. */
static double pitch(const synth *s, int degree, int octave) {
  static const int major[] = {0, 2, 4, 5, 7, 9, 11};
  int semitone = 12 * (octave + degree / 7) + s->root + major[degree % 7];
  return 440 * pow(2, (semitone - (12 * 4 + 9)) / 12.0);
}

/* How loud a note is, frame by frame, from `since` frames after its beginning on. */
static void envelope(double out[BLOCK], size_t frames, uint64_t since, double level, double decay) {
  double value = level * exp(-decay * (double)since / SYNTH_RATE_HZ), factor = exp(-decay / SYNTH_RATE_HZ);
  for (size_t i = 0; i < frames; i++, value *= factor) {
    double rise = (double)(since + i) / (FADE * SYNTH_RATE_HZ);
    out[i] = value * (rise < 1 ? rise : 1);
  }
}

/* Adds a tone of some harmonics; `since` counts from the note's beginning. Each harmonic is a recurrence,
 * y[n] = 2 cos(w) y[n-1] - y[n-2], begun where the block begins. */
static void add_tone(float *out, size_t frames, uint64_t since, const note *n, double brightness, uint64_t timbre) {
  double level[BLOCK];
  envelope(level, frames, since, n->level, n->decay);
  for (int h = 1; h <= HARMONICS && n->frequency * h < SYNTH_RATE_HZ / 2.5; h++) {
    double w = TAU * n->frequency * h / SYNTH_RATE_HZ, k = 2 * cos(w);
    double strength = h == 1 ? 1 : (0.2 + 0.8 * chance(timbre, (uint64_t)h)) * pow(0.15 + 0.7 * brightness, h - 1);
    double y2 = strength * sin(w * ((double)since - 2)), y1 = strength * sin(w * ((double)since - 1));
    for (size_t i = 0; i < frames; i++) {
      double y = k * y1 - y2;
      y2 = y1;
      y1 = y;
      out[2 * i] += (float)(y * level[i] * n->left);
      out[2 * i + 1] += (float)(y * level[i] * n->right);
    }
  }
}

static void add_noise(float *out, size_t frames, uint64_t since, uint64_t step, double level, double decay) {
  double levels[BLOCK];
  envelope(levels, frames, since, level, decay);
  for (size_t i = 0; i < frames; i++) {
    float value = (float)((chance(step, since + i) * 2 - 1) * levels[i]);
    out[2 * i] += value;
    out[2 * i + 1] += value;
  }
}

/* A kick on the beat, a snare on every other beat, a hat on what the density fills in. */
static void add_drums(const synth *s, float *out, size_t frames, uint64_t since, uint64_t step) {
  if (step % STEPS_A_BEAT == 0) add_tone(out, frames, since, &(note){55, 0.5, 18, 1, 1}, 0, 0);
  if (step % (2 * STEPS_A_BEAT) == STEPS_A_BEAT) add_noise(out, frames, since, step, 0.12, 30);
  if (chance(s->seed, step % STEPS_A_BAR) < s->density) add_noise(out, frames, since, step, 0.05, 90);
}

static void add_bass(const synth *s, float *out, size_t frames, uint64_t since, uint64_t step) {
  static const int line[] = {0, 4, 3, 4}; /* degrees, a beat each */
  if (step % 2) return;
  int degree = line[step / STEPS_A_BEAT % 4];
  add_tone(out, frames, since, &(note){pitch(s, degree, BASS_OCTAVE), 0.22, 9, 1, 1}, 0.3, 0);
}

static void add_voice(const synth *s, const synth_voice *v, float *out, size_t frames, uint64_t since, uint64_t step) {
  uint64_t place = step % STEPS_A_BAR, bar = step / STEPS_A_BAR, hash = v->hash ^ s->seed;
  if (chance(v->hash, 1000 + bar) < s->temperature / 3) hash ^= bar + 1;
  if (place && chance(hash, place) >= s->density) return;
  bool own = place && chance(hash, 100 + place) * 6 < s->guidance;
  int degree = own ? (int)(mix(hash ^ (200 + place)) % 8) : 0;
  double pan = chance(v->hash, 300);
  note n = {pitch(s, degree, 4 + (int)(v->hash % 2)), 0.35 * v->gain, 5 + 6 * chance(v->hash, 301), 1 - 0.7 * pan,
            0.3 + 0.7 * pan};
  add_tone(out, frames, since, &n, s->brightness, v->hash);
}

static void put(uint8_t *out, float value) {
  int sample = (int)lrintf(fmaxf(-1, fminf(1, value)) * 32767);
  out[0] = (uint8_t)sample;
  out[1] = (uint8_t)(sample >> 8);
}

void synth_render(const synth *s, uint64_t at, uint8_t *out, size_t frames) {
  float block[BLOCK * SYNTH_CHANNELS];
  while (frames) {
    uint64_t step = step_at(s, at), since = at - step_start(s, step), left = step_start(s, step + 1) - at;
    size_t count = frames < BLOCK ? frames : BLOCK;
    if (count > left) count = (size_t)left;
    memset(block, 0, sizeof block);
    for (size_t i = 0; i < s->voice_count && !s->only_bass_and_drums; i++)
      if (s->voices[i].gain > 0) add_voice(s, &s->voices[i], block, count, since, step);
    if (!s->mute_bass) add_bass(s, block, count, since, step);
    if (!s->mute_drums) add_drums(s, block, count, since, step);
    /* the last few frames of a step go down to zero: what sounds does not end in a click */
    for (size_t i = 0; i < count * SYNTH_CHANNELS; i++) {
      size_t frame = i / SYNTH_CHANNELS;
      double rest = (double)(left - frame) / (FADE * SYNTH_RATE_HZ);
      put(out + 2 * i, block[i] * LOUDNESS * (float)(rest < 1 ? rest : 1));
    }
    out += count * SYNTH_CHANNELS * 2;
    at += count;
    frames -= count;
  }
}
