#include "emulator/speech.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "audio/audio.h"

enum { WAV_MAX = SPEECH_SECONDS_MAX * AUDIO_RATE_OUT * 2 + 4096, READ_SIZE = 16384 };

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The descriptors of a pipe that no other child inherits. */
static bool open_pipe(int ends[2]) {
  if (pipe(ends)) return false;
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  return true;
}

/* Starts espeak-ng with nothing to read, its sound on `output`, no environment but the encoding, and signals as they
 * are by default: this thread has them masked. */
static bool spawn(pid_t *child, int output, const char *text) {
  char *const arguments[] = {(char *)"espeak-ng", (char *)"--stdout", (char *)"--", (char *)text, NULL};
  char *const environment[] = {(char *)"LANG=C.UTF-8", NULL};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, broken_pipe;
  sigemptyset(&none);
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  if (posix_spawn_file_actions_init(&actions)) return false;
  if (posix_spawnattr_init(&attributes)) {
    posix_spawn_file_actions_destroy(&actions);
    return false;
  }
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  bool fine = !posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) &&
              !posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) &&
              !posix_spawn_file_actions_adddup2(&actions, output, 1) &&
              !posix_spawnp(child, arguments[0], &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return fine;
}

/* Reads to the end, the ceiling or the deadline. */
static bool read_all(int input, buf *out) {
  long deadline = now_ms() + SPEECH_DEADLINE_MS;
  for (;;) {
    struct pollfd ready = {.fd = input, .events = POLLIN};
    long left = deadline - now_ms();
    int count = left > 0 ? poll(&ready, 1, (int)left) : 0;
    if (count < 0 && errno == EINTR) continue;
    uint8_t *room = count > 0 ? buf_room(out, READ_SIZE) : NULL;
    ssize_t got = room ? read(input, room, READ_SIZE) : -1;
    if (got < 0 && room && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    buf_commit(out, (size_t)got);
  }
}

static bool decode(const buf *wav, buf *samples) {
  audio_reader *reader;
  audio_source source = {.data = wav->data, .size = wav->size};
  if (!wav->size || audio_reader_open(&reader, &source, AUDIO_RATE_OUT, NULL)) return false;
  size_t got = 1;
  bool fine = true;
  while (fine && got) {
    int16_t *room = (int16_t *)(void *)buf_room(samples, READ_SIZE);
    fine = room && !audio_reader_read(reader, room, READ_SIZE / sizeof *room, &got, NULL);
    if (fine) buf_commit(samples, got * sizeof *room);
  }
  audio_reader_close(reader);
  return fine;
}

bool speech_espeak(const char *text, buf *samples) {
  int ends[2], status;
  pid_t child;
  if (!open_pipe(ends)) return false;
  bool fine = spawn(&child, ends[1], text);
  close(ends[1]);
  buf wav;
  buf_init(&wav, WAV_MAX);
  if (fine) {
    fine = read_all(ends[0], &wav);
    if (!fine) kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    fine = fine && decode(&wav, samples);
  }
  close(ends[0]);
  buf_deinit(&wav);
  return fine;
}

bool speech_tones(const char *text, buf *samples) {
  const size_t letter = AUDIO_RATE_OUT / 20, most = (size_t)SPEECH_SECONDS_MAX * AUDIO_RATE_OUT;
  while (*(text += strspn(text, " \t\n"))) {
    size_t size = strcspn(text, " \t\n"), count = letter * (size < 12 ? size + 1 : 13);
    unsigned hash = 0;
    for (size_t i = 0; i < size; i++) hash = hash * 31 + (unsigned char)text[i];
    if (audio_count(samples) + count > most) break;
    int16_t *room = (int16_t *)(void *)buf_room(samples, count * sizeof *room);
    if (!room) return false;
    audio_tone(room, count, AUDIO_RATE_OUT, 200 + hash % 400, 0.3);
    buf_commit(samples, count * sizeof *room);
    text += size;
  }
  return true;
}
