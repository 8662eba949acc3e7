#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audio/audio.h"
#include "base/error.h"
#include "base/memory.h"

enum { HEADER_SIZE = 44, BLOCK = 4096 };
#define SIZE_UNKNOWN 0xFFFFFFFFu /* of a WAV that streams: "until the end" */

struct audio_writer {
  FILE *file;
  char *path;
  audio_format format;
  int rate_hz, channels;
  uint64_t count, flushed; /* samples taken, samples known to have left */
  bool failed;
  uint8_t odd; /* the first half of a sample whose second has not come */
  bool has_odd;
};

static const char *name_of(const audio_writer *w) { return w->file == stdout ? "Standard output" : w->path; }

/* What was buffered is lost: only what had left counts. */
static genai_status write_failed(audio_writer *w, genai_error *error) {
  int code = errno;
  w->failed = true;
  w->count = w->flushed;
  genai_status status =
      error_set(error, GENAI_ERROR_SYSTEM, "%s could not be written: %s.", name_of(w), strerror(code));
  if (error) error->os_error = code;
  return status;
}

static void put(uint8_t *at, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

/* RIFF header of one chunk of 16-bit PCM; data_size as it is to be written. */
static void header_write(uint8_t out[HEADER_SIZE], const audio_writer *w, uint32_t data_size) {
  uint32_t frame = (uint32_t)w->channels * 2;
  memcpy(out, "RIFF....WAVEfmt ", 16);
  put(out + 4, data_size > SIZE_UNKNOWN - (HEADER_SIZE - 8) ? SIZE_UNKNOWN : data_size + HEADER_SIZE - 8, 4);
  put(out + 16, 16, 4);
  put(out + 20, 1, 2); /* PCM */
  put(out + 22, (uint32_t)w->channels, 2);
  put(out + 24, (uint32_t)w->rate_hz, 4);
  put(out + 28, (uint32_t)w->rate_hz * frame, 4);
  put(out + 32, frame, 2);
  put(out + 34, 16, 2);
  memcpy(out + 36, "data", 4);
  put(out + 40, data_size, 4);
}

genai_status audio_writer_open(audio_writer **writer, const char *path, audio_format format, int rate_hz, int channels,
                               genai_error *error) {
  *writer = NULL;
  if (rate_hz < AUDIO_RATE_MIN || rate_hz > AUDIO_RATE_MAX)
    return error_set(error, GENAI_ERROR_ARGUMENT, "A sample rate of %d Hz is not supported. Use %d to %d Hz.", rate_hz,
                     AUDIO_RATE_MIN, AUDIO_RATE_MAX);
  if (channels < 1 || channels > AUDIO_CHANNELS_MAX)
    return error_set(error, GENAI_ERROR_ARGUMENT, "%d channels are not supported. Use 1 to %d.", channels,
                     AUDIO_CHANNELS_MAX);
  audio_writer *w = mem_zalloc(sizeof *w);
  if (!w) return error_memory(error);
  genai_status status = GENAI_OK;
  w->format = format;
  w->rate_hz = rate_hz;
  w->channels = channels;
  w->path = mem_strdup(path);
  if (!w->path) {
    status = error_memory(error);
    goto fail;
  }
  w->file = strcmp(path, "-") ? fopen(path, "wb") : stdout;
  if (!w->file) {
    status = write_failed(w, error);
    goto fail;
  }
  if (format == AUDIO_WAV) {
    uint8_t header[HEADER_SIZE];
    header_write(header, w, SIZE_UNKNOWN);
    if (fwrite(header, 1, HEADER_SIZE, w->file) != HEADER_SIZE) {
      status = write_failed(w, error);
      goto fail;
    }
  }
  *writer = w;
  return GENAI_OK;

fail:
  if (w->file && w->file != stdout) fclose(w->file);
  mem_free(w->path);
  mem_free(w);
  return status;
}

genai_status audio_writer_write(audio_writer *writer, const int16_t *samples, size_t count, genai_error *error) {
  uint8_t bytes[BLOCK];
  while (count) {
    size_t block = count < BLOCK / 2 ? count : BLOCK / 2;
    audio_pcm_write(bytes, samples, block);
    if (fwrite(bytes, 2, block, writer->file) != block) return write_failed(writer, error);
    samples += block;
    count -= block;
    writer->count += block;
  }
  return GENAI_OK;
}

genai_status audio_writer_write_pcm(audio_writer *writer, const uint8_t *bytes, size_t size, genai_error *error) {
  if (writer->has_odd && size) {
    const uint8_t pair[2] = {writer->odd, bytes[0]};
    if (fwrite(pair, 2, 1, writer->file) != 1) return write_failed(writer, error);
    writer->has_odd = false;
    writer->count++;
    bytes++;
    size--;
  }
  if (fwrite(bytes, 2, size / 2, writer->file) != size / 2) return write_failed(writer, error);
  writer->count += size / 2;
  if (size % 2) {
    writer->odd = bytes[size - 1];
    writer->has_odd = true;
  }
  return GENAI_OK;
}

genai_status audio_writer_flush(audio_writer *writer, genai_error *error) {
  if (fflush(writer->file)) return write_failed(writer, error);
  writer->flushed = writer->count;
  return GENAI_OK;
}

uint64_t audio_writer_count(const audio_writer *writer) { return writer->count; }

bool audio_writer_rewind(audio_writer *w, uint64_t count) {
  off_t end = (off_t)(count * 2) + (w->format == AUDIO_WAV ? HEADER_SIZE : 0);
  if (w->failed || count > w->count || fflush(w->file) || fseeko(w->file, end, SEEK_SET) || ftruncate(fileno(w->file), end)) return false;
  w->count = w->flushed = count;
  w->has_odd = false;
  return true;
}

/* Sets the sizes in the header. A pipe cannot seek: it keeps the header that says "until the end". After a failure the
 * header goes past the stream, which still holds what it could not write. */
static genai_status finish(audio_writer *w, genai_error *error) {
  uint64_t size = w->count * 2;
  uint8_t header[HEADER_SIZE];
  bool sized = w->format == AUDIO_WAV && size < SIZE_UNKNOWN;
  header_write(header, w, (uint32_t)size);
  if (w->failed) {
    ssize_t put = sized ? pwrite(fileno(w->file), header, HEADER_SIZE, 0) : 0;
    (void)put; /* where that fails too, the first header stands */
    return GENAI_OK;
  }
  if (sized && !fseek(w->file, 0, SEEK_SET) &&
      (fwrite(header, 1, HEADER_SIZE, w->file) != HEADER_SIZE || fseek(w->file, 0, SEEK_END)))
    return write_failed(w, error);
  return fflush(w->file) ? write_failed(w, error) : GENAI_OK;
}

genai_status audio_writer_close(audio_writer *writer, genai_error *error) {
  if (!writer) return GENAI_OK;
  genai_status status = finish(writer, error);
  if (writer->file != stdout && fclose(writer->file) && !status) status = write_failed(writer, error);
  mem_free(writer->path);
  mem_free(writer);
  return status;
}
