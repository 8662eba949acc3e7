/* What the application says on its way to the service: what waits, and what may have to be said again. Every message is in one of
 * two lists:
 *
 *   waiting --on the wire--> sent --known to be part of the kept state--> dropped
 *      ^                       |
 *      +---- a new connection -+        (and then once more, in the old order, before anything else)
 *
 * "The kept state" is what the service restores for the handle that we hold, or the setup alone while there is none. Only media
 * are ever given up: the oldest first, when they are too old or too much, and counted. */
#ifndef GENAI_SRC_SESSION_INPUT_H
#define GENAI_SRC_SESSION_INPUT_H

#include "base/payload.h"
#include "genai/base.h"

/* payload.kind. After a reconnect tool answers go before text, and text before what happens in real time. */
typedef enum session_input {
  SESSION_INPUT_TOOL = 1, /* toolResponse */
  SESSION_INPUT_TEXT,     /* clientContent, realtimeInput.text */
  SESSION_INPUT_CONTEXT,  /* contextUpdate */
  SESSION_INPUT_FOLDED,   /* one that every later setup holds: done with once it is sent */
  SESSION_INPUT_MARK,     /* activityStart, activityEnd, audioStreamEnd */
  SESSION_INPUT_MEDIA,    /* audio and video: what may be dropped */
  SESSION_INPUT_SEED,     /* our own: the recent turns, told to a fresh session */
  SESSION_INPUT_PROMPTS,  /* of a music session; the last of each kind is its state */
  SESSION_INPUT_CONFIG,
  SESSION_INPUT_CONTROL
} session_input;

/* What a message is, by its first names as our writer puts them. */
session_input session_input_of(const payload *message, bool music);
/* "realtimeInput audio or video", for sentences. */
const char *session_input_name(session_input kind);

typedef struct session_list {
  payload *head, **tail;
  size_t bytes, count;
} session_list;

void session_list_init(session_list *list);
void session_list_push(session_list *list, payload *message); /* takes the reference over */
payload *session_list_pop(session_list *list);                /* NULL when empty */
void session_list_clear(session_list *list);

typedef struct session_inputs {
  session_list waiting, sent;
  bool keep;             /* what was sent is kept until it is part of a kept state */
  size_t sent_max;       /* bytes; media go first when it is full, then whatever is oldest */
  uint64_t media_age;    /* ms; UINT64_MAX: any */
  bool age_sent;         /* media that were sent grow too old as well: no index says what the service took in */
  uint64_t first_index;  /* the service's number of the first message after the setup */
  uint64_t serial;       /* of the last message put on a wire; serials go on across connections */
  uint64_t base;         /* the last before this connection */
  uint64_t kept;         /* the kept state holds every message up to this serial */
  /* Since the kept state: sent, not part of it, and not here any more; the last of their serials. */
  uint64_t unkept, unkept_serial;
  uint64_t unanswered;   /* of these; to a fresh session only they are lost */
  uint64_t aged_at;      /* when media that were sent were last looked at */
  uint64_t dropped;      /* media that never were on a wire, in all */
} session_inputs;

void session_inputs_init(session_inputs *in);
void session_inputs_deinit(session_inputs *in);
void session_inputs_add(session_inputs *in, payload *message, uint64_t now); /* takes the reference over */
/* The oldest waiting message is on the wire now. It may be freed at once when nothing is kept: look at it before. */
void session_inputs_sent(session_inputs *in, uint64_t now);
/* A state was kept that holds every message up to this one; never one before the last. */
void session_inputs_kept(session_inputs *in, uint64_t serial);
/* The model's turn that is complete answers what was sent up to this serial. */
void session_inputs_answered(session_inputs *in, uint64_t serial);
/* The serial of what the service counts as this message of the connection; never more than was sent. */
uint64_t session_inputs_serial(const session_inputs *in, int64_t index);
/* A new connection: what was sent waits again, first and in its order; behind it tool answers, text, real time. Indices begin
 * anew. Media that are too old go. Returns how many messages of the application will be on a wire again. */
size_t session_inputs_again(session_inputs *in, uint64_t now);
/* Puts a message before everything that waits. */
void session_inputs_first(session_inputs *in, payload *message, uint64_t now);
/* Nobody takes anything: media that wait and are too old go. */
void session_inputs_age(session_inputs *in, uint64_t now);
/* When the oldest of them is too old; UINT64_MAX for none. */
uint64_t session_inputs_ages_at(const session_inputs *in);
/* Gives up every message of which `is` says so; it may also put another in a message's place. Returns how many were given up. */
size_t session_inputs_remove(session_inputs *in, bool (*is)(void *user, payload **message), void *user);

#endif
