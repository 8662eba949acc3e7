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

static void view(const void *voice, plan_view *v) {
  const echo *e = voice;
  v->turns = e->turns_here;
  if (!e->completed) return;
  bool calls = echo_calls_open(e);
  v->phases |= FAULT_BIT(FAULT_OPEN);
  if (e->setup.handle) v->phases |= FAULT_BIT(FAULT_RESUMED);
  if (calls) v->phases |= FAULT_BIT(FAULT_TOOL);
  if (e->answer.phase != ANSWER_IDLE) v->phases |= FAULT_BIT(FAULT_TURN);
  if (!calls && !echo_busy(e)) v->phases |= FAULT_BIT(FAULT_IDLE);
}

static void suffer(void *voice, uint64_t now_ms, const fault *f) {
  echo *e = voice;
  if (f->kind == FAULT_ANSWER) {
    e->answers_how = f->how;
    e->answers_left = f->count;
  } else if (f->kind == FAULT_LINGER) {
    e->linger_ms = f->for_ms;
  } else {
    echo_resume_fault(e, now_ms, f);
  }
}

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
  echo_resume_next(e, now_ms);
  if (service_backlog(e->service)) return;
  if (!echo_busy(e)) echo_answer_waiting(e, now_ms);
  if (answer_next(&e->answer, now_ms, service_fast(e->service), &step)) echo_send_step(e, &step);
}

static uint64_t deadline(const void *voice) {
  const echo *e = voice;
  if (e->waiting_count && !echo_busy(e)) return 0;
  uint64_t answer_ms = answer_deadline(&e->answer, service_fast(e->service));
  uint64_t update_ms = echo_resume_deadline(e);
  return answer_ms < update_ms ? answer_ms : update_ms;
}

const voice_class voice_echo = {create, destroy, receive, spoken, next, deadline, view, suffer, lost};
