/* Plays a client against the service with a clock of its own. */
#ifndef GENAI_TESTS_EMULATOR_DRIVER_H
#define GENAI_TESTS_EMULATOR_DRIVER_H

#include <jansson.h>
#include <stdbool.h>

#include "emulator/service.h"

typedef struct driver {
  service *service;
  uint64_t now_ms;
  service_action action; /* the last one pulled */
  json_t *message;       /* its JSON, when it was a message */
  bool speaks;           /* SPEAK is answered at once with 100 ms of a tone a word */
  char said[256];        /* the last text that was to be spoken */
} driver;

/* Fails the test when anything goes wrong. `first`, a setup, is sent when not NULL, and setupComplete expected. */
void driver_open(driver *d, const service_options *options, const char *first);
void driver_close(driver *d);
void driver_send(driver *d, const char *json);
/* Sends samples as realtimeInput.audio at 16 kHz, in messages of 20 ms. */
void driver_send_sound(driver *d, const int16_t *samples, size_t count);
void driver_send_tone(driver *d, int ms); /* of speech-like loudness */
void driver_send_silence(driver *d, int ms);
/* Pulls the next action, moving the clock on as far as `within_ms` for it. False: there was none. */
bool driver_pull(driver *d, uint64_t within_ms);
/* Pulls a message and returns the value at a dotted path (`a.b.0.c`), borrowed; NULL when it is not there. */
json_t *driver_expect(driver *d, const char *path);
const char *driver_expect_text(driver *d, const char *path);
void driver_expect_close(driver *d, int code, const char *reason);
void driver_expect_nothing(driver *d, uint64_t within_ms);
json_t *driver_at(json_t *value, const char *path);
/* Pulls messages up to turnComplete: counts what they carry. */
typedef struct driver_turn {
  char text[2048], heard[512], said[512]; /* put together */
  size_t samples, chunks;
  bool interrupted, generated;
  json_t *usage; /* borrowed from the last message */
  uint64_t took_ms;
} driver_turn;
void driver_pull_turn(driver *d, driver_turn *t);

#endif
