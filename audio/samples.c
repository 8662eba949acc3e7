#include <math.h>

#include "audio/audio.h"

static int16_t to_sample(float value) {
  if (!(value > -1.0f)) return INT16_MIN; /* NaN too: a broken file must not make noise of undefined casts */
  if (value >= 32767.0f / 32768.0f) return INT16_MAX;
  return (int16_t)lrintf(value * 32768.0f);
}

bool audio_append(buf *out, const int16_t *samples, size_t count) {
  return buf_append(out, samples, count * sizeof *samples);
}

size_t audio_pcm_read(int16_t *out, const uint8_t *bytes, size_t size) {
  size_t count = size / 2;
  for (size_t i = 0; i < count; i++) {
    unsigned word = bytes[2 * i] | (unsigned)bytes[2 * i + 1] << 8;
    out[i] = (int16_t)(word < 0x8000 ? (int)word : (int)word - 0x10000);
  }
  return count;
}

void audio_pcm_write(uint8_t *out, const int16_t *samples, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint16_t word = (uint16_t)samples[i];
    out[2 * i] = (uint8_t)word;
    out[2 * i + 1] = (uint8_t)(word >> 8);
  }
}

void audio_mixdown(int16_t *out, const float *in, size_t frames, int channels) {
  for (size_t i = 0; i < frames; i++) {
    float sum = 0;
    for (int c = 0; c < channels; c++) sum += *in++;
    out[i] = to_sample(sum / (float)channels);
  }
}

double audio_level(const int16_t *samples, size_t count) {
  if (!count) return 0;
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)samples[i] * samples[i];
  return sqrt(sum / (double)count);
}

void audio_tone(int16_t *out, size_t count, int rate_hz, double frequency_hz, double level) {
  const double step = 2 * 3.14159265358979323846 * frequency_hz / rate_hz;
  const double fade = rate_hz * 0.005;
  for (size_t i = 0; i < count; i++) {
    double edge = (double)(i < count - 1 - i ? i : count - 1 - i) / fade;
    double gain = edge < 1 ? edge : 1;
    out[i] = to_sample((float)(level * gain * sin(step * (double)i)));
  }
}
