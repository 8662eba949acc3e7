/* The sessions of bench: opened, driven, closed; all but the sending, on one thread, through genai_client_next. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "base/error.h"
#include "cli/bench.h"
#include "cli/clock.h"

enum { OPENING_MAX = 64, WAIT_MAX_MS = 1000 };

bench_usage bench_usage_now(void) {
  struct rusage r;
  bench_usage u = {.at_us = clock_us()};
  if (getrusage(RUSAGE_SELF, &r) == 0) {
    u.user_us = (int64_t)r.ru_utime.tv_sec * 1000000 + r.ru_utime.tv_usec;
    u.system_us = (int64_t)r.ru_stime.tv_sec * 1000000 + r.ru_stime.tv_usec;
  }
  if (uv_resident_set_memory(&u.memory) != 0) u.memory = 0;
  return u;
}

/* ---- what comes ---- */

static void take_event(bench *b, bench_session *s, const genai_live_event *event) {
  bench_received *r = &b->received;
  switch (event->kind) {
  case GENAI_LIVE_EVENT_OPEN:
    atomic_store(&s->open, true);
    b->opening--;
    b->opened++;
    histogram_add(&r->setup, clock_us() - s->started_us);
    break;
  case GENAI_LIVE_EVENT_RECONNECTING: r->reconnects++; break;
  case GENAI_LIVE_EVENT_RESUMED:
    r->resumed++;
    r->lost += event->lost;
    break;
  case GENAI_LIVE_EVENT_DEGRADED:
    r->degraded++;
    r->lost += event->lost;
    break;
  default: break;
  }
}

/* Each question has one answer, and the answers come in order: so whose content this is, is known for certain. */
static void take_content(bench *b, bench_session *s, const genai_live_message *m) {
  uint64_t asked = atomic_load(&s->asked);
  if (s->answered >= asked) return;
  if (!s->begun) {
    s->begun = true;
    b->received.answers++;
    if (asked - s->answered <= BENCH_ASKED_MAX)
      histogram_add(&b->received.answer, clock_us() - atomic_load(&s->asked_us[s->answered % BENCH_ASKED_MAX]));
  }
  if (genai_live_message_turn_complete(m)) {
    s->answered++;
    s->begun = false;
  }
}

static void take_message(bench *b, bench_session *s, const genai_live_message *m) {
  genai_bytes audio;
  if (m->event != NULL) take_event(b, s, m->event);
  if (m->server == NULL) return;
  b->received.messages++;
  b->received.json_bytes += m->json_size;
  for (size_t i = 0; genai_live_message_audio(m, i, &audio); i++) b->received.audio_bytes += audio.size;
  if (m->server->server_content != NULL) take_content(b, s, m);
}

static void take_end(bench *b, bench_session *s, const genai_error *error) {
  if (atomic_exchange(&s->ended, true)) return;
  if (atomic_load(&s->open)) {
    b->ended++;
  } else {
    b->opening--;
    b->failed++;
  }
  if (b->first_error.status == GENAI_OK) b->first_error = *error;
}

/* Everything that waits in one session. */
static void take_all(bench *b, genai_live_session *session) {
  static const genai_wait at_once = {.timeout_ms = GENAI_NO_WAIT};
  bench_session *s = genai_live_user(session);
  for (;;) {
    genai_live_message *m;
    genai_error error = {0};
    genai_status status = genai_live_receive(session, &m, &at_once, &error);
    if (status == GENAI_WOULD_BLOCK) return;
    if (status == GENAI_OK) {
      take_message(b, s, m);
      genai_live_message_free(m);
    } else if (status == GENAI_ERROR_MESSAGE || status == GENAI_ERROR_MEMORY) {
      b->received.invalid++;
    } else {
      take_end(b, s, &error);
      return;
    }
  }
}

/* Takes what comes until then; false when the run is over before. */
static bool take_until(bench *b, int64_t until_us) {
  genai_live_session *session;
  genai_error error;
  int64_t left_us = until_us - clock_us();
  int64_t left_ms = left_us <= 0 ? GENAI_NO_WAIT : left_us / 1000 + 1;
  const genai_wait wait = {.timeout_ms = left_ms < WAIT_MAX_MS ? left_ms : WAIT_MAX_MS, .cancel = b->cancel};
  genai_status status = genai_client_next(b->client, &session, &wait, &error);
  if (status == GENAI_OK) take_all(b, session);
  if (genai_cancel_fired(b->cancel)) b->interrupted = true;
  return !b->interrupted;
}

/* ---- opening ---- */

static genai_status start_session(bench *b, bench_session *s, genai_error *error) {
  static const genai_automatic_activity_detection none = {.disabled = GENAI_SOME(true)};
  static const genai_realtime_input_config input = {.automatic_activity_detection = &none};
  const genai_live_connect_config config = {.response_modalities = GENAI_ENUMS(GENAI_MODALITY_AUDIO),
                                            .realtime_input_config = &input};
  s->started_us = clock_us();
  genai_status status = genai_live_start(b->client, &(genai_live_connect_params){.model = b->plan.model, .config = &config, .user = s},
                                         &s->session, error);
  if (status != GENAI_OK) return status;
  b->started++;
  b->opening++;
  return GENAI_OK;
}

/* When the next session is to be started. */
static int64_t start_us(const bench *b) {
  return b->before.at_us + (int64_t)((double)b->plan.ramp_us * (double)b->started / (double)b->plan.sessions);
}

genai_status bench_open(bench *b, genai_error *error) {
  size_t count = b->plan.sessions;
  b->before = bench_usage_now();
  while (b->opened + b->failed < count && !b->interrupted) {
    while (b->started < count && b->opening < OPENING_MAX && start_us(b) <= clock_us()) {
      genai_status status = start_session(b, &b->sessions[b->started], error);
      if (status != GENAI_OK) return status;
    }
    bool more = b->started < count && b->opening < OPENING_MAX;
    take_until(b, more ? start_us(b) : INT64_MAX);
    if (b->failed >= OPENING_MAX && b->opened == 0) break; /* nothing works, and more of it would not help */
  }
  b->open = bench_usage_now();
  b->descriptors = bench_descriptors();
  return GENAI_OK;
}

/* ---- the run and its end ---- */

genai_status bench_drive(bench *b, genai_error *error) {
  b->after = b->open;
  if (b->interrupted || b->opened == 0) return GENAI_OK;
  bool sends = b->plan.rate > 0;
  b->open = bench_usage_now(); /* counting descriptors is no part of it */
  b->start_us = b->open.at_us;
  int failed = sends ? pthread_create(&b->sender, NULL, bench_send, b) : 0;
  if (failed) return error_set(error, GENAI_ERROR_SYSTEM, "The sending thread could not be started: %s.", strerror(failed));
  int64_t end_us = b->start_us + b->plan.duration_us;
  while (clock_us() < end_us && b->opened > b->ended && take_until(b, end_us)) continue;
  atomic_store(&b->stop, true);
  if (sends) pthread_join(b->sender, NULL);
  b->after = bench_usage_now();
  return GENAI_OK;
}

void bench_shut(bench *b) {
  static const genai_wait at_once = {.timeout_ms = GENAI_NO_WAIT};
  genai_error error;
  for (size_t i = 0; i < b->started; i++) (void)genai_live_close(b->sessions[i].session, &at_once, &error);
  for (size_t i = 0; i < b->started; i++) (void)genai_live_free(b->sessions[i].session);
}
