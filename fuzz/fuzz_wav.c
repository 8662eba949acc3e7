/* Sound files. The first byte chooses: a file as libsndfile finds it, or raw PCM of some rate; the rest is the file. In
 * what portions it is read must not matter. */
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SAMPLES_MAX = 1 << 18 };

static void must(bool truth) {
  if (!truth) abort();
}

/* Reads at most SAMPLES_MAX samples in portions. */
static size_t read_in(const audio_source *source, int rate_hz, size_t portion, int16_t *out) {
  audio_reader *reader;
  genai_error error = {0};
  size_t total = 0, got = portion;
  if (audio_reader_open(&reader, source, rate_hz, &error)) {
    must(!reader && *error.message);
    return 0;
  }
  must(audio_reader_channels(reader) >= 1 && audio_reader_channels(reader) <= AUDIO_CHANNELS_MAX);
  while (got == portion && total + portion <= SAMPLES_MAX) {
    if (audio_reader_read(reader, out + total, portion, &got, &error)) break;
    must(got <= portion);
    total += got;
  }
  audio_reader_close(reader);
  return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static int16_t first[SAMPLES_MAX], second[SAMPLES_MAX];
  static const int rates[] = {0, 0, 0, 0, 8000, 16000, 44100, 48000};
  if (!size) return 0;
  audio_source source = {
      .data = data + 1, .size = size - 1, .raw_rate_hz = rates[data[0] & 7], .raw_channels = data[0] >> 3 & 3};
  size_t whole = read_in(&source, 0, SAMPLES_MAX / 4, first), parts = read_in(&source, 0, 1024, second);
  must(whole == parts || whole / 1024 == parts / 1024);
  must(!memcmp(first, second, (whole < parts ? whole : parts) * sizeof *first));
  read_in(&source, AUDIO_RATE_IN, 320, second);
  return 0;
}
