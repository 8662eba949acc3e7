/* Reading and writing, each judged by libsndfile's other side or by the bytes. */
#include <setjmp.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/audio.h"

enum { ROOM = 4 << 20 };

static char path[] = "/tmp/genai-sound-XXXXXX";

static int setup(void **state) {
  (void)state;
  int fd = mkstemp(path);
  return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state) {
  (void)state;
  return unlink(path);
}

/* A second of 440 Hz on the left, silence on the right. */
static void write_stereo(int format, int rate_hz, int channels) {
  SF_INFO info = {.samplerate = rate_hz, .channels = channels, .format = format};
  SNDFILE *file = sf_open(path, SFM_WRITE, &info);
  assert_non_null(file);
  int16_t *tone = malloc((size_t)rate_hz * sizeof *tone);
  float frame[AUDIO_CHANNELS_MAX] = {0};
  audio_tone(tone, (size_t)rate_hz, rate_hz, 440, 0.5);
  for (int i = 0; i < rate_hz; i++) {
    frame[0] = (float)tone[i] / 32768;
    assert_int_equal(sf_writef_float(file, frame, 1), 1);
  }
  free(tone);
  sf_close(file);
}

static size_t read_all(audio_reader *reader, int16_t *out, size_t max, size_t step) {
  size_t total = 0, got = 0;
  do {
    assert_true(total + step <= max);
    assert_int_equal(audio_reader_read(reader, out + total, step, &got, NULL), GENAI_OK);
    total += got;
  } while (got == step);
  assert_int_equal(audio_reader_read(reader, out, step, &got, NULL), GENAI_OK);
  assert_int_equal(got, 0);
  return total;
}

static void reads_any_rate_and_channel_count(void **state) {
  (void)state;
  static const struct {
    int format, rate_hz, channels;
  } cases[] = {
      {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100, 2},   {SF_FORMAT_WAV | SF_FORMAT_PCM_24, 48000, 6},
      {SF_FORMAT_WAV | SF_FORMAT_FLOAT, 22050, 1},    {SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000, 1},
      {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 96000, 2},  {SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 16000, 1},
      {SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, 11025, 8},
  };
  static int16_t samples[40000];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_stereo(cases[i].format, cases[i].rate_hz, cases[i].channels);
    audio_reader *reader;
    assert_int_equal(audio_reader_open(&reader, &(audio_source){.path = path}, 16000, NULL), GENAI_OK);
    assert_int_equal(audio_reader_rate(reader), 16000);
    assert_int_equal(audio_reader_source_rate(reader), cases[i].rate_hz);
    assert_int_equal(audio_reader_channels(reader), cases[i].channels);
    size_t count = read_all(reader, samples, 40000, 320);
    assert_in_range(count, 15990, 16010);
    int level = (int)audio_level(samples, count), expected = 11585 / cases[i].channels;
    assert_in_range(level, expected - expected / 20, expected + expected / 20);
    audio_reader_close(reader);
  }
}

/* Makes standard input a pipe with these bytes in it; returns the end to write more to. */
static int feed_stdin(const uint8_t *bytes, size_t size) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
  close(ends[0]);
  assert_int_equal(write(ends[1], bytes, size), size);
  return ends[1];
}

static void reads_through_a_pipe(void **state) {
  (void)state;
  static const int formats[] = {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_WAVEX | SF_FORMAT_PCM_24,
                                SF_FORMAT_FLAC | SF_FORMAT_PCM_16};
  static uint8_t bytes[60000];
  static int16_t samples[8000];
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    write_stereo(formats[i], 8000, 2);
    FILE *file = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    close(feed_stdin(bytes, size));
    audio_reader *reader;
    assert_int_equal(audio_reader_open(&reader, &(audio_source){.path = "-"}, 0, NULL), GENAI_OK);
    assert_int_equal(audio_reader_channels(reader), 2);
    size_t got;
    assert_int_equal(audio_reader_read(reader, samples, 8000, &got, NULL), GENAI_OK);
    assert_int_equal(got, 8000);
    assert_in_range((int)audio_level(samples, got), 5500, 6000);
    assert_int_equal(audio_reader_read(reader, samples, 1, &got, NULL), GENAI_OK);
    assert_int_equal(got, 0);
    audio_reader_close(reader);
  }
}

/* A WAV that is made while it is read: what has come is given out, nothing more is waited for. */
static void a_live_pipe_is_not_waited_for(void **state) {
  (void)state;
  uint8_t bytes[44 + 640];
  int16_t samples[320];
  audio_writer *writer;
  size_t got;
  assert_int_equal(audio_writer_open(&writer, path, AUDIO_WAV, 16000, 1, NULL), GENAI_OK);
  audio_tone(samples, 320, 16000, 440, 0.5);
  assert_int_equal(audio_writer_write(writer, samples, 320, NULL), GENAI_OK);
  assert_int_equal(audio_writer_flush(writer, NULL), GENAI_OK);
  FILE *file = fopen(path, "rb");
  assert_int_equal(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
  fclose(file);
  assert_int_equal(audio_writer_close(writer, NULL), GENAI_OK);
  int more = feed_stdin(bytes, sizeof bytes);
  audio_reader *reader;
  alarm(20); /* waiting would be for ever */
  assert_int_equal(audio_reader_open(&reader, &(audio_source){.path = "-"}, 0, NULL), GENAI_OK);
  for (int i = 0; i < 3; i++) {
    int16_t back[320];
    assert_int_equal(audio_reader_read(reader, back, 320, &got, NULL), GENAI_OK);
    assert_int_equal(got, 320);
    assert_memory_equal(back, samples, sizeof back);
    assert_int_equal(write(more, bytes + 44, 640), 640);
  }
  alarm(0);
  close(more);
  audio_reader_close(reader);
}

static void raw_pcm_needs_only_a_rate(void **state) {
  (void)state;
  const uint8_t bytes[] = {1, 0, 3, 0, 0xFE, 0xFF, 0xFC, 0xFF, 9};
  int16_t samples[8];
  size_t got;
  audio_reader *reader;
  audio_source source = {.data = bytes, .size = sizeof bytes, .raw_rate_hz = 16000};
  assert_int_equal(audio_reader_open(&reader, &source, 0, NULL), GENAI_OK);
  assert_int_equal(audio_reader_rate(reader), 16000);
  assert_int_equal(audio_reader_read(reader, samples, 8, &got, NULL), GENAI_OK);
  assert_int_equal(got, 4);
  assert_int_equal(samples[0], 1);
  assert_int_equal(samples[3], -4);
  audio_reader_close(reader);
  source.raw_channels = 2;
  assert_int_equal(audio_reader_open(&reader, &source, 0, NULL), GENAI_OK);
  assert_int_equal(audio_reader_read(reader, samples, 8, &got, NULL), GENAI_OK);
  assert_int_equal(got, 2);
  assert_int_equal(samples[0], 2);
  assert_int_equal(samples[1], -3);
  audio_reader_close(reader);
}

static void says_what_is_wrong_with_a_file(void **state) {
  (void)state;
  audio_reader *reader;
  genai_error error = {0};
  assert_int_equal(audio_reader_open(&reader, &(audio_source){.path = "/no/such.wav"}, 0, &error), GENAI_ERROR_SYSTEM);
  assert_string_equal(error.message, "/no/such.wav could not be opened: No such file or directory.");
  assert_null(reader);
  audio_source text = {.data = "this is no sound, just a line of text that goes on for a while\n", .size = 63};
  assert_int_equal(audio_reader_open(&reader, &text, 0, &error), GENAI_ERROR_ARGUMENT);
  assert_non_null(strstr(error.message, "The sound could not be read as sound: "));
  assert_int_equal(audio_reader_open(&reader, &(audio_source){.data = "", .size = 0}, 0, &error), GENAI_ERROR_ARGUMENT);
  audio_source odd = {.data = "abcd", .size = 4, .raw_rate_hz = 16000, .raw_channels = 65};
  assert_int_equal(audio_reader_open(&reader, &odd, 0, &error), GENAI_ERROR_ARGUMENT);
  odd.raw_channels = 1;
  odd.raw_rate_hz = 3;
  assert_int_equal(audio_reader_open(&reader, &odd, 0, &error), GENAI_ERROR_ARGUMENT);
  assert_non_null(strstr(error.message, "a sample rate of 3 Hz"));
}

/* A WAV cut at any byte is refused or read as far as it goes; never a crash. */
static void survives_every_cut(void **state) {
  (void)state;
  write_stereo(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 2000, 1);
  static uint8_t bytes[8192];
  static int16_t samples[4000];
  FILE *file = fopen(path, "rb");
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  for (size_t cut = 0; cut < size; cut += cut < 64 ? 1 : 97) {
    audio_reader *reader;
    if (audio_reader_open(&reader, &(audio_source){.data = bytes, .size = cut}, 0, NULL)) continue;
    assert_true(read_all(reader, samples, 4000, 500) <= cut / 2);
    audio_reader_close(reader);
  }
}

/* libsndfile alone would look for all of a chunk's bytes, an hour long. */
static void refuses_chunks_that_are_not_there(void **state) {
  (void)state;
  static const char begin[] = "RIFF\x56\3\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3E\0\0\0\x7D\0\0\2\0\x10\0";
  static const char huge[] = "LIST\xC0\3\x98\x33junk", list[] = "LIST\4\0\0\0junk", sound[] = "data\xFF\xFF\xFF\xFF\1\0\2\0";
  uint8_t bytes[128];
  int16_t samples[8];
  audio_reader *reader;
  genai_error error = {0};
  memcpy(bytes, begin, 36);
  memcpy(bytes + 36, huge, 12);
  memcpy(bytes + 48, sound, 12);
  audio_source source = {.data = bytes, .size = 60};
  assert_int_equal(audio_reader_open(&reader, &source, 0, &error), GENAI_ERROR_ARGUMENT);
  assert_string_equal(error.message, "The sound is a damaged WAV file: a chunk in it claims 865600448 bytes, which are not there.");
  FILE *file = fopen(path, "wb");
  assert_int_equal(fwrite(bytes, 1, 60, file), 60);
  fclose(file);
  assert_int_equal(audio_reader_open(&reader, &(audio_source){.path = path}, 0, &error), GENAI_ERROR_ARGUMENT);
  assert_non_null(strstr(error.message, " is a damaged WAV file: "));
  memcpy(bytes + 36, list, 12);
  assert_int_equal(audio_reader_open(&reader, &source, 0, &error), GENAI_OK);
  assert_int_equal(read_all(reader, samples, 8, 8), 2); /* of sound there may be less than was announced */
  audio_reader_close(reader);
}

static void write_and_read(int channels) {
  static int16_t tone[24000], back[24001];
  audio_tone(tone, 24000, 24000, 440, 0.5);
  audio_writer *writer;
  assert_int_equal(audio_writer_open(&writer, path, AUDIO_WAV, 24000, channels, NULL), GENAI_OK);
  assert_int_equal(audio_writer_write(writer, tone, 10000, NULL), GENAI_OK);
  uint8_t bytes[28000];
  audio_pcm_write(bytes, tone + 10000, 14000);
  for (size_t at = 0; at < sizeof bytes; at += 7) /* 28000 is 7 * 4000: odd pieces */
    assert_int_equal(audio_writer_write_pcm(writer, bytes + at, 7, NULL), GENAI_OK);
  assert_int_equal(audio_writer_count(writer), 24000);
  assert_int_equal(audio_writer_close(writer, NULL), GENAI_OK);

  SF_INFO info = {0};
  SNDFILE *file = sf_open(path, SFM_READ, &info);
  assert_non_null(file);
  assert_int_equal(info.frames, 24000 / channels);
  assert_int_equal(info.samplerate, 24000);
  assert_int_equal(info.channels, channels);
  assert_int_equal(info.format & SF_FORMAT_SUBMASK, SF_FORMAT_PCM_16);
  assert_int_equal(sf_readf_short(file, back, 24001 / channels), 24000 / channels);
  assert_memory_equal(back, tone, sizeof tone);
  sf_close(file);
}

static void written_wav_is_read_by_others(void **state) {
  (void)state;
  for (int channels = 1; channels <= 3; channels++) write_and_read(channels);
}

/* Before it is closed, a WAV reads as one that streams; so it does when the writer dies. */
static void unfinished_wav_is_readable(void **state) {
  (void)state;
  int16_t samples[100] = {0}, back[200];
  audio_writer *writer;
  assert_int_equal(audio_writer_open(&writer, path, AUDIO_WAV, 24000, 1, NULL), GENAI_OK);
  assert_int_equal(audio_writer_write(writer, samples, 100, NULL), GENAI_OK);
  assert_int_equal(audio_writer_flush(writer, NULL), GENAI_OK);
  audio_reader *reader;
  size_t got;
  assert_int_equal(audio_reader_open(&reader, &(audio_source){.path = path}, 0, NULL), GENAI_OK);
  assert_int_equal(audio_reader_read(reader, back, 200, &got, NULL), GENAI_OK);
  assert_int_equal(got, 100);
  audio_reader_close(reader);
  assert_int_equal(audio_writer_close(writer, NULL), GENAI_OK);
}

static void raw_is_only_samples(void **state) {
  (void)state;
  audio_writer *writer;
  assert_int_equal(audio_writer_open(&writer, path, AUDIO_RAW, 24000, 1, NULL), GENAI_OK);
  assert_int_equal(audio_writer_write(writer, (int16_t[]){1, -1}, 2, NULL), GENAI_OK);
  assert_int_equal(audio_writer_close(writer, NULL), GENAI_OK);
  uint8_t bytes[16];
  FILE *file = fopen(path, "rb");
  assert_int_equal(fread(bytes, 1, sizeof bytes, file), 4);
  fclose(file);
  assert_memory_equal(bytes, "\1\0\377\377", 4);
}

static void says_what_is_wrong_with_writing(void **state) {
  (void)state;
  audio_writer *writer;
  genai_error error = {0};
  assert_int_equal(audio_writer_open(&writer, "/no/such/dir.wav", AUDIO_WAV, 24000, 1, &error), GENAI_ERROR_SYSTEM);
  assert_string_equal(error.message, "/no/such/dir.wav could not be written: No such file or directory.");
  assert_int_equal(audio_writer_open(&writer, path, AUDIO_WAV, 1, 1, &error), GENAI_ERROR_ARGUMENT);
  assert_int_equal(audio_writer_open(&writer, path, AUDIO_WAV, 24000, 0, &error), GENAI_ERROR_ARGUMENT);
  assert_string_equal(error.message, "0 channels are not supported. Use 1 to 64.");
  assert_int_equal(audio_writer_close(NULL, NULL), GENAI_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_any_rate_and_channel_count),
      cmocka_unit_test(reads_through_a_pipe),
      cmocka_unit_test(a_live_pipe_is_not_waited_for),
      cmocka_unit_test(raw_pcm_needs_only_a_rate),
      cmocka_unit_test(says_what_is_wrong_with_a_file),
      cmocka_unit_test(survives_every_cut),
      cmocka_unit_test(refuses_chunks_that_are_not_there),
      cmocka_unit_test(written_wav_is_read_by_others),
      cmocka_unit_test(unfinished_wav_is_readable),
      cmocka_unit_test(raw_is_only_samples),
      cmocka_unit_test(says_what_is_wrong_with_writing),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
