/* The sender of bench: one thread that gives every session its next message when it is due. */
#include <stdlib.h>
#include <time.h>

#include "audio/audio.h"
#include "cli/bench.h"
#include "cli/clock.h"

enum { LATE_MAX_US = 1000000, NAP_MAX_US = 10000, TONE_HZ = 200 };

static const double TONE_LEVEL = 0.25;

/* A tone: loud enough to be speech to whoever listens by energy. */
static int16_t *make_sound(size_t size) {
  int16_t *samples = malloc(size);
  if (samples != NULL) audio_tone(samples, size / sizeof *samples, BENCH_RATE_HZ, TONE_HZ, TONE_LEVEL);
  return samples;
}

/* The sessions take turns: message m is that of session m % N. So the load is even, and when each is due is plain. */
static int64_t due_us(const bench *b, uint64_t m) {
  return b->start_us + (int64_t)((double)m * 1e6 / ((double)b->plan.rate * (double)b->plan.sessions));
}

static void nap(int64_t us) {
  if (us <= 0) return;
  if (us > NAP_MAX_US) us = NAP_MAX_US;
  nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

static genai_status mark(bench *b, bench_session *s, bool end) {
  static const genai_wait at_once = {.timeout_ms = GENAI_NO_WAIT};
  static const genai_activity_start start;
  static const genai_activity_end stop;
  const genai_live_send_realtime_input_parameters input = {.activity_start = end ? NULL : &start,
                                                           .activity_end = end ? &stop : NULL};
  genai_error error;
  genai_status status = genai_live_send_realtime_input(s->session, &input, &at_once, &error);
  if (status == GENAI_OK) b->sent.marks++;
  if (status == GENAI_WOULD_BLOCK) b->sent.refused++;
  return status;
}

/* The end of what was said is what an answer is measured from. */
static void ask(bench *b, bench_session *s, int64_t now_us) {
  uint64_t asked = atomic_load(&s->asked);
  atomic_store(&s->asked_us[asked % BENCH_ASKED_MAX], now_us);
  atomic_store(&s->asked, asked + 1);
  if (mark(b, s, true) == GENAI_OK) {
    s->speaking = false;
    b->sent.asked++;
  } else {
    atomic_store(&s->asked, asked);
  }
}

static void send_one(bench *b, bench_session *s, uint64_t step, const int16_t *sound, int64_t now_us) {
  static const genai_wait at_once = {.timeout_ms = GENAI_NO_WAIT};
  genai_error error;
  if (step == 0 && !s->speaking) s->speaking = mark(b, s, false) == GENAI_OK;
  switch (genai_live_send_audio(s->session, sound, b->plan.message_size, BENCH_RATE_HZ, &at_once, &error)) {
  case GENAI_OK:
    b->sent.messages++;
    b->sent.bytes += b->plan.message_size;
    break;
  case GENAI_WOULD_BLOCK: b->sent.refused++; break;
  default: return; /* its end is received */
  }
  if (step + 1 >= b->plan.turn_messages && s->speaking) ask(b, s, now_us);
}

void *bench_send(void *argument) {
  bench *b = argument;
  uint64_t sessions = b->plan.sessions, cycle = 2 * b->plan.turn_messages;
  int64_t end_us = b->start_us + b->plan.duration_us;
  int16_t *sound = make_sound(b->plan.message_size);
  for (uint64_t m = 0; sound != NULL && !atomic_load(&b->stop); m++) {
    int64_t due = due_us(b, m), now = clock_us();
    if (due >= end_us) break;
    for (; due > now && !atomic_load(&b->stop); now = clock_us()) nap(due - now);
    uint64_t index = m % sessions;
    bench_session *s = &b->sessions[index];
    if (!atomic_load(&s->open) || atomic_load(&s->ended)) continue;
    if (now - due > LATE_MAX_US) {
      b->sent.left_out++;
      continue;
    }
    histogram_add(&b->sent.behind, now - due);
    /* Not all of them begin to speak at once. */
    send_one(b, s, (m / sessions + index * cycle / sessions) % cycle, sound, now);
  }
  free(sound);
  return NULL;
}
