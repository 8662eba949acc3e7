#include <string.h>

#include "base/memory.h"
#include "emulator/echo.h"
#include "emulator/shape.h"

static void *create(service *s) {
  echo *e = mem_zalloc(sizeof *e);
  if (!e) return NULL;
  e->service = s;
  answer_init(&e->answer);
  turn_init(&e->gathered);
  turn_init(&e->results);
  for (size_t i = 0; i < ECHO_WAITING_MAX; i++) turn_init(&e->waiting[i]);
  return e;
}

static void lost(void *voice, uint64_t now_ms) { echo_resume_lost(voice, now_ms); }

static void destroy(void *voice) {
  echo *e = voice;
  if (e->set_up) {
    ear_deinit(&e->ear);
    setup_deinit(&e->setup);
  }
  mem_free(e->said);
  answer_deinit(&e->answer);
  turn_deinit(&e->gathered);
  turn_deinit(&e->results);
  for (size_t i = 0; i < ECHO_WAITING_MAX; i++) turn_deinit(&e->waiting[i]);
  mem_free(e);
}

static void receive(void *voice, uint64_t now_ms, const char *text, size_t size) {
  echo *e = voice;
  json_t *message = service_parse(e->service, SHAPE_LIVE, text, size);
  if (message) echo_input(e, now_ms, message);
  json_decref(message);
}

static void spoken(void *voice, uint64_t now_ms, uint64_t id, const int16_t *samples, size_t count) {
  echo *e = voice;
  if (e->answer.phase != ANSWER_MUTE || id != e->speak_id) return; /* it was interrupted meanwhile */
  size_t most = e->answer.sound.ceiling / sizeof *samples;
  audio_append(&e->answer.sound, samples, count < most ? count : most);
  answer_begin(&e->answer, now_ms);
}

static void next(void *voice, uint64_t now_ms) {
  echo *e = voice;
  answer_step step;
  if (echo_resume_next(e, now_ms)) return;
  if (!echo_busy(e)) echo_answer_waiting(e, now_ms);
  if (answer_next(&e->answer, now_ms, service_options_of(e->service)->fast, &step)) echo_send_step(e, &step);
}

static uint64_t deadline(const void *voice) {
  const echo *e = voice;
  if (e->waiting_count && !echo_busy(e)) return 0;
  uint64_t answer_ms = answer_deadline(&e->answer, service_options_of(e->service)->fast);
  uint64_t update_ms = echo_resume_deadline(e);
  return answer_ms < update_ms ? answer_ms : update_ms;
}

const voice_class voice_echo = {create, destroy, receive, spoken, next, deadline, lost};
