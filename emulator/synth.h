/* Music out of prompts: a small synthesiser whose sound is a pure function of the prompts, the config and the place in
 * the piece. A prompt is a voice: its timbre, octave, place between the ears and melody come from the text's hash, its
 * loudness from its weight. Bass and drums keep the beat. */
#ifndef GENAI_EMULATOR_SYNTH_H
#define GENAI_EMULATOR_SYNTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYNTH_RATE_HZ = 48000, SYNTH_CHANNELS = 2, SYNTH_VOICES = 8, SYNTH_BPM_MIN = 60, SYNTH_BPM_MAX = 200 };

typedef struct synth_voice {
  uint64_t hash;
  double gain; /* all gains together are 1 at most */
} synth_voice;

/* What a piece is made from; bpm and root must not change while it goes on, or it leaps. */
typedef struct synth {
  synth_voice voices[SYNTH_VOICES];
  size_t voice_count;
  int bpm;
  int root;           /* semitones above C of the major key, 0..11 */
  double density;     /* of notes, 0..1 */
  double brightness;  /* 0..1 */
  double guidance;    /* 0..6: how often a voice plays its own melody rather than the root */
  double temperature; /* 0..3: how often a bar varies the melody */
  uint64_t seed;
  bool mute_bass, mute_drums, only_bass_and_drums;
} synth;

uint64_t synth_hash(const char *text);
/* Adds a voice, or, when all places are taken, puts it in the place of the quietest, if that one is quieter. */
void synth_add(synth *s, const char *text, double gain);
/* The frames `at`..`at + frames` of the piece: interleaved 16-bit little-endian, 4 bytes a frame. */
void synth_render(const synth *s, uint64_t at, uint8_t *out, size_t frames);

#endif
