#include "driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/audio.h"
#include "emulator/pjson.h"

enum { RATE = 16000, CHUNK = RATE / 50 };

void driver_open(driver *d, const service_options *options, const char *first) {
  service_options given = *options;
  if (!given.backend.version) given.backend.version = given.backend.vertex ? "v1beta1" : "v1beta";
  *d = (driver){.speaks = true, .now_ms = 1000};
  d->service = service_new(&given);
  assert_non_null(d->service);
  if (!first) return;
  driver_send(d, first);
  assert_non_null(driver_expect(d, "setupComplete"));
}

void driver_close(driver *d) {
  service_free(d->service);
  json_decref(d->message);
}

void driver_send(driver *d, const char *json) { service_receive(d->service, d->now_ms, json, strlen(json)); }

void driver_send_sound(driver *d, const int16_t *samples, size_t count) {
  uint8_t bytes[CHUNK * 2];
  for (size_t at = 0; at < count; at += CHUNK) {
    size_t size = count - at < CHUNK ? count - at : CHUNK;
    audio_pcm_write(bytes, samples + at, size);
    json_t *message = json_pack("{s:{s:{s:s, s:o}}}", "realtimeInput", "audio", "mimeType", "audio/pcm;rate=16000",
                                "data", pjson_base64(bytes, size * 2));
    char *text = json_dumps(message, JSON_COMPACT);
    driver_send(d, text);
    free(text);
    json_decref(message);
    d->now_ms += 20;
  }
}

static void send_level(driver *d, int ms, double level) {
  size_t count = (size_t)ms * RATE / 1000;
  int16_t *samples = calloc(count, sizeof *samples);
  audio_tone(samples, count, RATE, 300, level);
  driver_send_sound(d, samples, count);
  free(samples);
}

void driver_send_tone(driver *d, int ms) { send_level(d, ms, 0.3); }
void driver_send_silence(driver *d, int ms) { send_level(d, ms, 0.001); }

static void speak(driver *d) {
  size_t words = 1;
  snprintf(d->said, sizeof d->said, "%s", d->action.text);
  for (const char *c = d->said; *c; c++) words += *c == ' ';
  size_t count = words * AUDIO_RATE_OUT / 10;
  int16_t *samples = calloc(count, sizeof *samples);
  uint64_t id = d->action.id;
  audio_tone(samples, count, AUDIO_RATE_OUT, 300, 0.3);
  service_spoken(d->service, d->now_ms, id, samples, count);
  free(samples);
}

bool driver_pull(driver *d, uint64_t within_ms) {
  uint64_t until = d->now_ms + within_ms;
  for (;;) {
    if (service_next(d->service, d->now_ms, &d->action)) {
      if (d->action.kind != SERVICE_SPEAK || !d->speaks) break;
      speak(d);
      continue;
    }
    uint64_t deadline = service_deadline(d->service);
    if (deadline > until) return false;
    assert_true(deadline > d->now_ms); /* or it would be due and not given out */
    d->now_ms = deadline;
  }
  json_decref(d->message);
  d->message = NULL;
  if (d->action.kind == SERVICE_SEND) {
    assert_int_equal(strlen(d->action.text), d->action.size);
    assert_int_equal(d->action.text[d->action.size - 1], '\n');
    d->message = json_loads(d->action.text, 0, NULL);
    assert_non_null(d->message);
  }
  return true;
}

json_t *driver_at(json_t *value, const char *path) {
  char key[64];
  while (value && *path) {
    size_t size = strcspn(path, ".");
    snprintf(key, sizeof key, "%.*s", (int)size, path);
    value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key)) : json_object_get(value, key);
    path += size + (path[size] == '.');
  }
  return value;
}

static void require_message(driver *d, const char *what) {
  if (!driver_pull(d, 120000)) fail_msg("nothing came; expected %s", what);
  if (d->action.kind != SERVICE_SEND) fail_msg("kind %d (%s) came; expected %s", d->action.kind, d->action.text, what);
}

json_t *driver_expect(driver *d, const char *path) {
  require_message(d, path);
  json_t *found = driver_at(d->message, path);
  if (!found) fail_msg("%s expected, came: %.400s", path, d->action.text);
  return found;
}

const char *driver_expect_text(driver *d, const char *path) { return json_string_value(driver_expect(d, path)); }

void driver_expect_close(driver *d, int code, const char *reason) {
  assert_true(driver_pull(d, 120000));
  if (d->action.kind != SERVICE_CLOSE) fail_msg("close %d expected, came: %.400s", code, d->action.text);
  assert_string_equal(d->action.text, reason);
  assert_int_equal(d->action.code, code);
  driver_expect_nothing(d, 120000);
}

void driver_expect_nothing(driver *d, uint64_t within_ms) {
  if (driver_pull(d, within_ms)) fail_msg("nothing expected, came: %.400s", d->action.text);
}

static void join(char *to, size_t size, json_t *text) {
  if (text) strncat(to, json_string_value(text), size - strlen(to) - 1);
}

void driver_pull_turn(driver *d, driver_turn *t) {
  *t = (driver_turn){0};
  uint64_t started = d->now_ms;
  json_t *content;
  do {
    content = driver_expect(d, "serverContent");
    join(t->text, sizeof t->text, driver_at(content, "modelTurn.parts.0.text"));
    join(t->heard, sizeof t->heard, driver_at(content, "inputTranscription.text"));
    join(t->said, sizeof t->said, driver_at(content, "outputTranscription.text"));
    json_t *data = driver_at(content, "modelTurn.parts.0.inlineData.data");
    if (data) {
      buf bytes;
      buf_init(&bytes, 1 << 20);
      assert_true(pjson_base64_decode(&bytes, json_string_value(data), json_string_length(data)));
      t->samples += bytes.size / 2;
      t->chunks++;
      buf_deinit(&bytes);
    }
    t->interrupted = t->interrupted || json_is_true(driver_at(content, "interrupted"));
    t->generated = t->generated || json_is_true(driver_at(content, "generationComplete"));
  } while (!json_is_true(driver_at(content, "turnComplete")));
  t->usage = json_object_get(d->message, "usageMetadata");
  t->took_ms = d->now_ms - started;
}
