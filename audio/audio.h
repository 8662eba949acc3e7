/* Sound for the command and the emulator: 16-bit samples, mono but for what is written, between files, pipes and the
 * wire.
 *
 * A sample is an int16_t of the host; the wire's PCM is little-endian bytes (audio_pcm_read, audio_pcm_write).
 * Sounds are collected in a `buf` whose bytes are samples (audio_samples, audio_count). Nothing here is thread-safe;
 * different objects may be used on different threads. */
#ifndef GENAI_AUDIO_AUDIO_H
#define GENAI_AUDIO_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "genai/base.h"

enum {
  AUDIO_RATE_MIN = 1000,
  AUDIO_RATE_MAX = 384000,
  AUDIO_RATE_IN = 16000,  /* what the service hears natively */
  AUDIO_RATE_OUT = 24000, /* what it answers in */
  AUDIO_CHANNELS_MAX = 64
};

/* ---- samples (samples.c) ---- */

static inline int16_t *audio_samples(const buf *b) { return (int16_t *)(void *)b->data; }
static inline size_t audio_count(const buf *b) { return b->size / sizeof(int16_t); }
/* Appends samples; false as buf_append. */
bool audio_append(buf *out, const int16_t *samples, size_t count);
/* Little-endian bytes to samples and back; `size` is rounded down to whole samples, out must hold them. */
size_t audio_pcm_read(int16_t *out, const uint8_t *bytes, size_t size);
void audio_pcm_write(uint8_t *out, const int16_t *samples, size_t count);
/* The mean of the channels of each frame, rounded and clipped; in is interleaved, -1..1. */
void audio_mixdown(int16_t *out, const float *in, size_t frames, int channels);
/* Root mean square, 0..32768. */
double audio_level(const int16_t *samples, size_t count);
/* A sine that fades in and out over 5 ms, so that tones in sequence do not click. level is its peak, 0..1. */
void audio_tone(int16_t *out, size_t count, int rate_hz, double frequency_hz, double level);

/* ---- any rate to any rate (resample.c) ---- */

typedef struct audio_resampler audio_resampler;
genai_status audio_resampler_new(audio_resampler **resampler, int in_hz, int out_hz, genai_error *error);
void audio_resampler_free(audio_resampler *resampler); /* takes NULL */
/* Appends what can be made of the samples so far; at most some 10 ms stay inside. `last` gives these too: count *
 * out_hz / in_hz samples have then come out altogether, within a few, and the resampler starts anew. Equal rates are
 * copied. in may be NULL when count is 0. GENAI_ERROR_LIMIT when out's ceiling is reached. */
genai_status audio_resampler_feed(audio_resampler *resampler, const int16_t *in, size_t count, bool last, buf *out,
                                  genai_error *error);
/* A whole sound at once. */
genai_status audio_resample(const int16_t *in, size_t count, int in_hz, int out_hz, buf *out, genai_error *error);

/* ---- reading (reader.c) ---- */

typedef struct audio_reader audio_reader;

typedef struct audio_source {
  const char *path; /* a file; "-" is standard input, which may be a pipe */
  const void *data; /* or, with path NULL, a file's bytes in memory, which must outlive the reader */
  size_t size;
  int raw_rate_hz;  /* 0: WAV, FLAC or whatever else libsndfile reads; else raw s16le at this rate */
  int raw_channels; /* of raw PCM; 0 is 1 */
} audio_source;

/* The sound comes out mono at out_rate_hz; 0 keeps the file's rate. */
genai_status audio_reader_open(audio_reader **reader, const audio_source *source, int out_rate_hz, genai_error *error);
int audio_reader_rate(const audio_reader *reader);        /* of the samples that come out */
int audio_reader_source_rate(const audio_reader *reader); /* of the file */
int audio_reader_channels(const audio_reader *reader);    /* of the file */
/* Reads up to `count` samples; *got is fewer only at the end, and 0 after it. Blocks on a pipe until it has `count`. */
genai_status audio_reader_read(audio_reader *reader, int16_t *out, size_t count, size_t *got, genai_error *error);
void audio_reader_close(audio_reader *reader); /* takes NULL */

/* ---- writing (writer.c) ---- */

typedef struct audio_writer audio_writer;
typedef enum audio_format { AUDIO_WAV, AUDIO_RAW } audio_format;

/* path "-" is standard output, which stays open. A WAV's header has its sizes set by close; on a pipe it says "until
 * the end" (sizes 0xFFFFFFFF), as streaming tools write and read it. The samples of several channels come interleaved.
 */
genai_status audio_writer_open(audio_writer **writer, const char *path, audio_format format, int rate_hz, int channels,
                               genai_error *error);
genai_status audio_writer_write(audio_writer *writer, const int16_t *samples, size_t count, genai_error *error);
/* Little-endian PCM bytes as they come off the wire; an odd byte waits for the next call. */
genai_status audio_writer_write_pcm(audio_writer *writer, const uint8_t *bytes, size_t size, genai_error *error);
genai_status audio_writer_flush(audio_writer *writer,
                                genai_error *error);     /* what was written reaches a pipe's reader */
uint64_t audio_writer_count(const audio_writer *writer); /* samples written, of all channels together */
/* Takes back what was written after the first `count` samples. False, and nothing is done, where that cannot be: a pipe. */
bool audio_writer_rewind(audio_writer *writer, uint64_t count);
/* Finishes the header and closes. The writer is gone whatever is returned; takes NULL. */
genai_status audio_writer_close(audio_writer *writer, genai_error *error);

#endif
