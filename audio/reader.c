#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audio/audio.h"
#include "audio/pipe.h"
#include "audio/riff.h"
#include "base/error.h"
#include "base/memory.h"

enum { BLOCK = 1024, PENDING_MAX = 1 << 20 };

struct audio_reader {
  SNDFILE *file;
  SF_INFO info;
  const char *name; /* for sentences; valid while opening */
  audio_resampler *resampler;
  buf pending; /* samples made and not yet asked for */
  int rate_hz;
  bool ended;
  const uint8_t *memory; /* of a sound in memory */
  sf_count_t memory_size, memory_at;
  audio_pipe pipe;
  float block[BLOCK * AUDIO_CHANNELS_MAX];
  int16_t mono[BLOCK];
};

/* ---- a file in memory, as libsndfile wants to see one ---- */

static sf_count_t memory_length(void *user) { return ((audio_reader *)user)->memory_size; }

static sf_count_t memory_tell(void *user) { return ((audio_reader *)user)->memory_at; }

static sf_count_t memory_seek(sf_count_t offset, int whence, void *user) {
  audio_reader *r = user;
  sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? r->memory_at : r->memory_size;
  if (offset < -from || offset > r->memory_size - from) return -1;
  return r->memory_at = from + offset;
}

static sf_count_t memory_read(void *to, sf_count_t count, void *user) {
  audio_reader *r = user;
  if (count > r->memory_size - r->memory_at) count = r->memory_size - r->memory_at;
  if (count <= 0) return 0;
  memcpy(to, r->memory + r->memory_at, (size_t)count);
  r->memory_at += count;
  return count;
}

static sf_count_t memory_write(const void *from, sf_count_t count, void *user) {
  (void)from, (void)count, (void)user;
  return 0;
}

static SNDFILE *open_memory(audio_reader *r, const audio_source *source) {
  static SF_VIRTUAL_IO io = {memory_length, memory_seek, memory_read, memory_write, memory_tell};
  r->memory = source->data;
  r->memory_size = (sf_count_t)source->size;
  return sf_open_virtual(&io, SFM_READ, &r->info, r);
}

static genai_status check_chunks(const audio_reader *r, const audio_source *source, genai_error *error) {
  uint32_t claimed;
  if (riff_fits(source, &claimed)) return GENAI_OK;
  return error_set(error, GENAI_ERROR_ARGUMENT, "%s is a damaged WAV file: a chunk in it claims %lu bytes, which are not there.",
                   r->name, (unsigned long)claimed);
}

static SNDFILE *open_source(audio_reader *r, const audio_source *source) {
  if (source->raw_rate_hz) {
    r->info.format = SF_FORMAT_RAW | SF_FORMAT_PCM_16 | SF_ENDIAN_LITTLE;
    r->info.samplerate = source->raw_rate_hz;
    r->info.channels = source->raw_channels ? source->raw_channels : 1;
  }
  if (!source->path) return open_memory(r, source);
  if (strcmp(source->path, "-")) return sf_open(source->path, SFM_READ, &r->info);
  bool goes_back = lseek(STDIN_FILENO, 0, SEEK_CUR) >= 0;
  if (goes_back || source->raw_rate_hz) return sf_open_fd(STDIN_FILENO, SFM_READ, &r->info, SF_FALSE);
  return audio_pipe_open(&r->pipe, STDIN_FILENO, &r->info);
}

static genai_status open_failed(const audio_reader *r, int code, genai_error *error) {
  if (sf_error(NULL) == SF_ERR_SYSTEM && code) {
    genai_status status = error_set(error, GENAI_ERROR_SYSTEM, "%s could not be opened: %s.", r->name, strerror(code));
    if (error) error->os_error = code;
    return status;
  }
  /* libsndfile's texts end in a full stop or not, as they like. */
  const char *text = sf_strerror(NULL);
  size_t size = strlen(text);
  if (size && text[size - 1] == '.') size--;
  return error_set(error, GENAI_ERROR_ARGUMENT,
                   "%s could not be read as sound: %.*s. WAV and FLAC files are understood; raw "
                   "PCM needs its sample rate said.",
                   r->name, (int)size, text);
}

static genai_status check_shape(const audio_reader *r, genai_error *error) {
  if (r->info.samplerate < AUDIO_RATE_MIN || r->info.samplerate > AUDIO_RATE_MAX)
    return error_set(error, GENAI_ERROR_ARGUMENT, "%s has a sample rate of %d Hz. Use %d to %d Hz.", r->name,
                     r->info.samplerate, AUDIO_RATE_MIN, AUDIO_RATE_MAX);
  if (r->info.channels < 1 || r->info.channels > AUDIO_CHANNELS_MAX)
    return error_set(error, GENAI_ERROR_ARGUMENT, "%s has %d channels. Use 1 to %d.", r->name, r->info.channels,
                     AUDIO_CHANNELS_MAX);
  return GENAI_OK;
}

genai_status audio_reader_open(audio_reader **reader, const audio_source *source, int out_rate_hz, genai_error *error) {
  *reader = NULL;
  audio_reader *r = mem_zalloc(sizeof *r);
  if (!r) return error_memory(error);
  buf_init(&r->pending, PENDING_MAX);
  r->name = !source->path ? "The sound" : strcmp(source->path, "-") ? source->path : "Standard input";
  genai_status status = check_chunks(r, source, error);
  if (status) goto fail;
  errno = 0;
  r->file = open_source(r, source);
  status = r->file ? check_shape(r, error) : open_failed(r, errno, error);
  if (status) goto fail;
  r->rate_hz = out_rate_hz ? out_rate_hz : r->info.samplerate;
  status = audio_resampler_new(&r->resampler, r->info.samplerate, r->rate_hz, error);
  if (status) goto fail;
  *reader = r;
  return GENAI_OK;

fail:
  audio_reader_close(r);
  return status;
}

int audio_reader_rate(const audio_reader *reader) { return reader->rate_hz; }
int audio_reader_source_rate(const audio_reader *reader) { return reader->info.samplerate; }
int audio_reader_channels(const audio_reader *reader) { return reader->info.channels; }

/* Reads what `missing` more samples need, not a whole block: a pipe would be waited for longer than necessary. */
static genai_status refill(audio_reader *r, size_t missing, genai_error *error) {
  double frames = ceil((double)missing * r->info.samplerate / r->rate_hz);
  sf_count_t want = frames < BLOCK ? (sf_count_t)frames : BLOCK;
  sf_count_t got = sf_readf_float(r->file, r->block, want);
  if (got < 0) got = 0;
  r->ended = got < want;
  audio_mixdown(r->mono, r->block, (size_t)got, r->info.channels);
  return audio_resampler_feed(r->resampler, r->mono, (size_t)got, r->ended, &r->pending, error);
}

genai_status audio_reader_read(audio_reader *reader, int16_t *out, size_t count, size_t *got, genai_error *error) {
  *got = 0;
  while (count) {
    size_t have = audio_count(&reader->pending);
    size_t take = have < count ? have : count;
    if (take) {
      memcpy(out, reader->pending.data, take * sizeof *out);
      buf_consume(&reader->pending, take * sizeof *out);
      out += take;
      count -= take;
      *got += take;
    } else if (reader->ended) {
      break;
    } else {
      genai_status status = refill(reader, count, error);
      if (status) return status;
    }
  }
  return GENAI_OK;
}

void audio_reader_close(audio_reader *reader) {
  if (!reader) return;
  if (reader->file) sf_close(reader->file);
  audio_pipe_deinit(&reader->pipe);
  audio_resampler_free(reader->resampler);
  buf_deinit(&reader->pending);
  mem_free(reader);
}
