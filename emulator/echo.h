/* The echo voice: says back what it hears. What its parts (echo*.c) share. */
#ifndef GENAI_EMULATOR_ECHO_H
#define GENAI_EMULATOR_ECHO_H

#include "emulator/answer.h"
#include "emulator/conversations.h"
#include "emulator/ear.h"
#include "emulator/functions.h"
#include "emulator/setup.h"
#include "emulator/turn.h"
#include "emulator/voice.h"

enum { ECHO_WAITING_MAX = 4, ECHO_CALLS_MAX = 16, ECHO_ID_MAX = 48, ECHO_QUOTE_MAX = 1000 };

/* A function call that was sent. */
typedef struct echo_call {
  char id[ECHO_ID_MAX];
  bool blocking;  /* the turn waits for it, and new input cancels it */
  bool cancelled; /* its answer, should it come, is passed over */
} echo_call;

typedef enum echo_told { ECHO_TOLD_NOTHING, ECHO_TOLD_IDLE, ECHO_TOLD_BUSY } echo_told;

typedef struct echo {
  service *service;
  setup setup;
  bool set_up;
  bool completed; /* setupComplete is on its way */
  bool history_given; /* historyConfig.initialHistoryInClientContent was served */
  ear ear;
  turn gathered;                  /* client content before its turnComplete */
  unsigned images;                /* video frames since the last turn */
  turn waiting[ECHO_WAITING_MAX]; /* turns that may not interrupt; oldest first */
  size_t waiting_count;
  answer answer;
  usage prompt, given;             /* of the turn under way */
  uint64_t speak_id;               /* of the sound that is being made */
  echo_call calls[ECHO_CALLS_MAX]; /* the newest ones, a ring */
  size_t calls_made;
  turn results; /* what functions answered so far */
  unsigned turns; /* that were answered, in the conversation */
  unsigned turns_here; /* of them in this session */
  char *said;     /* by the caller in the last of them, or NULL */
  /* resumption */
  conversation *conversation; /* NULL: not wanted, or over */
  uint64_t position;          /* client messages that it holds */
  uint64_t joined;            /* of them when this session began */
  bool over;                  /* for the conversation the session has ended */
  uint64_t kept;              /* of them in the newest state */
  int64_t index;              /* of the last client message, in this connection */
  uint64_t untold_ms;         /* when the first came that no state holds */
  bool turn_ended;            /* since the newest state */
  echo_told told;             /* the last update */
  uint64_t number;            /* of the conversation, for the proof; it has one without resumption too */
  /* faults */
  fault_how answers_how;   /* of the next answers */
  unsigned answers_left;
  bool rejected;           /* the answer under way ends in RESPONSE_REJECTED */
  uint64_t linger_ms;      /* the conversation looks live after its end */
  fault updates;           /* what is wrong with them, until updates_until_ms */
  uint64_t updates_until_ms;
  unsigned updates_skipped;
  bool late; /* an update that lags */
  uint64_t late_ms;
  char late_handle[HANDLE_MAX];
  int64_t late_index;
} echo;

static inline bool echo_vertex(const echo *e) { return service_options_of(e->service)->backend.vertex; }

/* ---- what the client says (echo_input.c) ---- */

/* A client message of the right shape. */
void echo_input(echo *e, uint64_t now_ms, json_t *message);

/* ---- resumption (echo_resume.c) ---- */

/* Begins or resumes the conversation of a setup that was read; 0, or a close code and reason. */
int echo_resume_begin(echo *e, uint64_t now_ms, char reason[SETUP_REASON_MAX]);
void echo_resume_lost(echo *e, uint64_t now_ms);
/* Counts a client message that was taken in. */
void echo_take_in(echo *e, uint64_t now_ms, json_t *message);
/* Sends the update that is due, if one is. */
void echo_resume_next(echo *e, uint64_t now_ms);
uint64_t echo_resume_deadline(const echo *e);
void echo_resume_fault(echo *e, uint64_t now_ms, const fault *f);

/* ---- what is answered (echo_turn.c) ---- */

void echo_uuid(echo *e, char out[ECHO_ID_MAX]);

/* Answers a turn now, or later when an answer is under way. Takes over `t`, which is empty afterwards. */
void echo_answer(echo *e, uint64_t now_ms, turn *t);
void echo_answer_waiting(echo *e, uint64_t now_ms);
bool echo_busy(const echo *e);
bool echo_calls_open(const echo *e); /* whether one waits for its answer, blocking or not */
/* New input cancels what is under way, if anything is. */
void echo_interrupt(echo *e);
/* A toolResponse. */
void echo_results(echo *e, uint64_t now_ms, json_t *responses);
/* Sends a step of the answer. */
void echo_send_step(echo *e, const answer_step *step);

#endif
