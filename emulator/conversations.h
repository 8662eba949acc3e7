/* What the service keeps of conversations, so that a later session can go on with one: states, each under a handle of
 * its own. Pure: the time is an argument, Unix time in milliseconds.
 *
 * A state says how many client messages it holds: its position. To resume from a handle makes the conversation what it
 * was at that position; handles given out after it are not known any more. */
#ifndef GENAI_EMULATOR_CONVERSATIONS_H
#define GENAI_EMULATOR_CONVERSATIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "emulator/setup.h"

enum {
  CONVERSATIONS_MAX = 20000,
  CONVERSATIONS_BYTES_MAX = 128 << 20, /* of all their states: the oldest of those with most make room, then what ended first */
  CONVERSATION_HANDLES = 1024,         /* the newest ones: a client may be behind by what the network holds */
  CONVERSATION_HANDLES_LEAST = 4,      /* of each that is live, however many others there are */
  CONVERSATION_BYTES_MAX = 16 << 20,   /* of their states; the newest two always stay */
  HANDLE_MAX = 48
};

typedef struct conversations conversations;
typedef struct conversation conversation;

typedef struct conversations_options {
  uint64_t seed;       /* of the handles */
  int64_t lifetime_ms; /* of a handle after its session's end; 0: two hours, 24 on Vertex */
  size_t bytes_max;    /* 0: CONVERSATIONS_BYTES_MAX */
  /* Every change, as a record for conversations_restore, to be kept for a later process; NULL: none is. Borrowed. */
  void (*record)(void *user, json_t *record);
  void *user;
} conversations_options;

/* A state under a handle. */
typedef struct conversation_state {
  char handle[HANDLE_MAX];
  char *content; /* JSON */
  uint64_t position;
  size_t size;
  int64_t expires_ms; /* 0: with the conversation */
  unsigned dies_ms;   /* a session resumed from it dies after so long ... */
  int dies_code;      /* ... of this; 0 ms: it does not */
} conversation_state;

conversations *conversations_new(const conversations_options *options); /* NULL when memory is out */
void conversations_free(conversations *all);                            /* takes NULL */
/* Applies a record of an earlier process. Its conversations have all ended, at the latest now. False: it is none. */
bool conversations_restore(conversations *all, int64_t now_ms, json_t *record);
/* Records all that is kept: what a file that has grown can be replaced by. */
void conversations_record(const conversations *all, void (*record)(void *user, json_t *record), void *user);
/* Bytes of all states. */
size_t conversations_size(const conversations *all);
/* A number no conversation had before. */
uint64_t conversations_number(conversations *all);

/* A new conversation, live. NULL when memory is out or as many as may be are live. The oldest that ended make room. */
conversation *conversation_begin(conversations *all, int64_t now_ms, const setup_backend *backend, const char *model);
/* The conversation of a handle, live again, and its state, valid until the next keep; else a close code and reason. */
int conversation_resume(conversations *all, int64_t now_ms, const setup_backend *backend, const char *model,
                        const char *handle, conversation **c, const conversation_state **state,
                        char reason[SETUP_REASON_MAX]);
/* Who is asked whether its connection is still alive when another session wants the conversation, which is refused
 * until it has ended. NULL: nobody, as at the beginning of a session. */
void conversation_on_wanted(conversation *c, void (*wanted)(void *user), void *user);
/* Puts a state under a new handle; releases `content`. NULL when memory is out. */
conversation_state *conversation_keep(conversation *c, json_t *content, uint64_t position);
/* The newest but `back`; NULL when there is none. */
conversation_state *conversation_newest(conversation *c, size_t back);
/* The session is over; for `linger_ms` more the service does not know. */
void conversation_end(conversation *c, int64_t now_ms, int64_t linger_ms);
uint64_t conversation_number(const conversation *c);

#endif
