#include <samplerate.h>

#include "audio/audio.h"
#include "base/error.h"
#include "base/memory.h"

enum { BLOCK = 1024 }; /* samples converted at a time, either side */

struct audio_resampler {
  SRC_STATE *state; /* NULL when the rates are equal */
  double ratio;
};

static bool rate_valid(int rate_hz) { return rate_hz >= AUDIO_RATE_MIN && rate_hz <= AUDIO_RATE_MAX; }

genai_status audio_resampler_new(audio_resampler **resampler, int in_hz, int out_hz, genai_error *error) {
  *resampler = NULL;
  if (!rate_valid(in_hz) || !rate_valid(out_hz)) {
    return error_set(error, GENAI_ERROR_ARGUMENT, "A sample rate of %d Hz is not supported. Use %d to %d Hz.",
                     rate_valid(in_hz) ? out_hz : in_hz, AUDIO_RATE_MIN, AUDIO_RATE_MAX);
  }
  audio_resampler *r = mem_zalloc(sizeof *r);
  if (!r) return error_memory(error);
  r->ratio = (double)out_hz / in_hz;
  if (in_hz != out_hz) {
    int code = 0;
    r->state = src_new(SRC_SINC_FASTEST, 1, &code);
    if (!r->state || !src_is_valid_ratio(r->ratio)) {
      audio_resampler_free(r);
      return code ? error_memory(error)
                  : error_set(error, GENAI_ERROR_ARGUMENT,
                              "Sound cannot be resampled from %d Hz to %d Hz: the ratio must be within 1/256 and 256.",
                              in_hz, out_hz);
    }
  }
  *resampler = r;
  return GENAI_OK;
}

void audio_resampler_free(audio_resampler *resampler) {
  if (!resampler) return;
  if (resampler->state) src_delete(resampler->state);
  mem_free(resampler);
}

static genai_status append(buf *out, const int16_t *samples, size_t count, genai_error *error) {
  if (audio_append(out, samples, count)) return GENAI_OK;
  if (out->size + count * sizeof *samples <= out->ceiling) return error_memory(error);
  return error_set(error, GENAI_ERROR_LIMIT, "The sound is longer than the %zu bytes set aside for it.", out->ceiling);
}

genai_status audio_resampler_feed(audio_resampler *resampler, const int16_t *in, size_t count, bool last, buf *out,
                                  genai_error *error) {
  if (!resampler->state) return append(out, in, count, error);
  float from[BLOCK], to[BLOCK];
  int16_t samples[BLOCK];
  SRC_DATA step = {.data_in = from, .data_out = to, .output_frames = BLOCK, .src_ratio = resampler->ratio};
  for (;;) {
    size_t block = count < BLOCK ? count : BLOCK;
    src_short_to_float_array(in, from, (int)block);
    step.input_frames = (long)block;
    step.end_of_input = last && block == count;
    int code = src_process(resampler->state, &step);
    if (code) return error_set(error, GENAI_ERROR_SYSTEM, "The sound could not be resampled: %s.", src_strerror(code));
    src_float_to_short_array(to, samples, (int)step.output_frames_gen);
    genai_status status = append(out, samples, (size_t)step.output_frames_gen, error);
    if (status) return status;
    if (step.input_frames_used) in += step.input_frames_used;
    count -= (size_t)step.input_frames_used;
    if (!count && step.output_frames_gen < BLOCK) break;
  }
  if (last) src_reset(resampler->state);
  return GENAI_OK;
}

genai_status audio_resample(const int16_t *in, size_t count, int in_hz, int out_hz, buf *out, genai_error *error) {
  audio_resampler *resampler;
  genai_status status = audio_resampler_new(&resampler, in_hz, out_hz, error);
  if (status) return status;
  status = audio_resampler_feed(resampler, in, count, true, out, error);
  audio_resampler_free(resampler);
  return status;
}
