/* genai-live bench, shared by its files: many sessions of one client, what they do, what it took. */
#ifndef GENAI_CLI_BENCH_H
#define GENAI_CLI_BENCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "cli/command.h"
#include "cli/histogram.h"
#include "genai/live.h"

enum { BENCH_RATE_HZ = 16000, BENCH_SESSIONS_MAX = 1000000, BENCH_ASKED_MAX = 8 };

/* What a session does; a turn is `turn_messages` while it speaks and as many while it listens. */
typedef struct bench_plan {
  const char *model;
  size_t sessions;
  int64_t rate;          /* messages a second for each session; 0: idle ones */
  int64_t duration_us, ramp_us;
  size_t message_size;   /* bytes of PCM */
  uint64_t turn_messages;
} bench_plan;

typedef struct bench_session {
  genai_live_session *session; /* NULL: not started yet, or it could not be */
  int64_t started_us;
  atomic_bool open, ended;
  atomic_uint_least64_t asked; /* answers, by the sender */
  atomic_int_least64_t asked_us[BENCH_ASKED_MAX]; /* when the last of them, by their number */
  uint64_t answered;           /* the receiver's: complete ones */
  bool begun;                  /* the one under way has been counted */
  bool speaking;               /* the sender's */
} bench_session;

/* What this process took until a moment. */
typedef struct bench_usage {
  int64_t at_us, user_us, system_us;
  size_t memory;               /* resident bytes; 0: unknown */
} bench_usage;

typedef struct bench_sent {
  uint64_t messages, marks, bytes; /* marks: activityStart and activityEnd */
  uint64_t refused;                /* the outbox was full */
  uint64_t left_out;               /* more than a second late */
  uint64_t asked;
  histogram behind;                /* the schedule */
} bench_sent;

typedef struct bench_received {
  uint64_t messages, json_bytes, audio_bytes, answers, invalid;
  uint64_t reconnects, resumed, degraded, lost;
  histogram setup, answer;
} bench_received;

typedef struct bench {
  bench_plan plan;
  genai_client *client;
  genai_cancel *cancel;        /* fired by a signal */
  bench_session *sessions;     /* plan.sessions of them */
  size_t started, opening, opened, failed, ended;
  genai_error first_error;     /* of a session that failed or ended */
  bool interrupted;
  bench_usage before, open, after; /* the sessions; they are open; the run */
  size_t descriptors;          /* with all sessions open */
  pthread_t sender;
  atomic_bool stop;
  int64_t start_us;            /* of the schedule */
  bench_sent sent;             /* the sender's until it is joined */
  bench_received received;
} bench;

/* bench_load.c. Errors of single sessions are counted; a status other than GENAI_OK: nothing could be done. */
genai_status bench_open(bench *b, genai_error *error);
genai_status bench_drive(bench *b, genai_error *error);
void bench_shut(bench *b); /* closes and frees every session */
bench_usage bench_usage_now(void);

/* bench_send.c: the sender's thread, from bench.start_us until `stop` or the end of the plan. */
void *bench_send(void *bench);

/* bench_limits.c */
/* Whether the address may be loaded: it is this machine's, or the user owns it. */
genai_status bench_check_target(const settings *s, genai_error *error);
/* Raises the limit of open files so far that so many sessions fit; a sentence when the system does not allow it. */
genai_status bench_raise_limit(size_t sessions, genai_error *error);
size_t bench_descriptors(void); /* open ones */
size_t bench_descriptors_max(void);

#endif
