/* Whose move it is, and whether the model makes it: the turn's state and the watch over it. */
#ifndef GENAI_SRC_SESSION_TURNS_H
#define GENAI_SRC_SESSION_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "genai/types.h"

/* What of a server message the mind minds; everything points into the message. */
typedef struct session_news {
  bool setup_complete;
  const genai_live_server_error *error;
  bool model_turn, output, turn_complete, generation_complete, interrupted, waiting_for_input, rejected, in_progress;
  genai_bytes audio;        /* the model's, 16-bit PCM */
  const char *text;         /* the model's, that is no thought */
  const char *heard, *said; /* transcriptions of the user and of the model */
  bool activity;            /* the user's voice began or stopped */
  const genai_function_call_list *calls;
  const genai_string_list *cancelled;
  const genai_live_server_session_resumption_update *update;
  bool go_away;
  int64_t time_left_ms;
  bool more;                /* beside setupComplete there is something for the application */
} session_news;

typedef struct session_turns {
  bool answering;     /* the model's turn began and is not complete */
  bool generating;    /* more of it is to come */
  bool asked;         /* an answer is awaited that has not begun; during an answer, another one */
  bool interrupted;   /* this turn was, so that what comes next of the model is the next one */
  bool content;       /* this turn had something in it */
  bool audio, loud;   /* this turn had sound, and some of it could be heard */
  bool ended;         /* a turn of the model came to its end, ever */
  size_t audio_size;
  unsigned rejected;  /* answers in a row that the service held back */
  uint64_t due_since; /* an answer, or more of it, is awaited; UINT64_MAX when not */
} session_turns;

typedef struct session_turn_faults {
  bool empty, quiet, rejected;
} session_turn_faults;

void session_turns_init(session_turns *t);
/* The application said something that asks for an answer. */
void session_turns_asked(session_turns *t, uint64_t now);
/* The application answered the model's calls: its turn goes on, or another one begins. */
void session_turns_handed(session_turns *t, uint64_t now);
/* What is wrong with the turn that this message ended, if it did. */
session_turn_faults session_turns_heard(session_turns *t, const session_news *news, uint64_t now);
/* The connection is gone, and what was being said with it. */
void session_turns_cut(session_turns *t);

#endif
