/* What can go wrong with a session, and when: one line of words, or an object of a scenario (docs/emulator.md has the
 * whole list).
 *
 *   goAway after=5s lead=2s          close code=1011 phase=turn          updates lag delay=300ms connection=2-
 *
 * The first word says what happens; a bare word after it, how; NAME=VALUE, values in double quotes if they have spaces,
 * the rest. In a scenario the same stands as {"do": "goAway", "after": "5s", "lead": "2s"}. */
#ifndef GENAI_EMULATOR_FAULT_H
#define GENAI_EMULATOR_FAULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "genai/base.h"

enum { FAULT_TEXT_MAX = 1024, FAULT_REASON_MAX = 124, FAULT_LINE_MAX = 4096 };
#define FAULT_NEVER UINT64_MAX

typedef enum fault_kind {
  FAULT_GO_AWAY,   /* goAway, and the close that follows it */
  FAULT_CLOSE,     /* a close frame */
  FAULT_DROP,      /* the end of the connection without one */
  FAULT_RESET,     /* the same by RST */
  FAULT_REFUSE,    /* the upgrade, with an HTTP status */
  FAULT_FREEZE,    /* nothing is read, written, or both, the socket staying open */
  FAULT_SLOW,      /* reading or writing at a rate */
  FAULT_PONG,      /* late or never */
  FAULT_FRAMES,    /* messages in fragments, or many in one write */
  FAULT_INVALID,   /* a message or frame that is none */
  FAULT_SEND,      /* a message as given */
  FAULT_STALL,     /* no messages, though the connection is well */
  FAULT_BURST,     /* answers as fast as they can be read */
  FAULT_DUPLICATE, /* transcriptions twice */
  FAULT_ANSWER,    /* turns that are not answered as they should be */
  FAULT_UPDATES,   /* handles and indices */
  FAULT_LINGER     /* the conversation looks live after its connection ended */
} fault_kind;

typedef enum fault_phase {
  FAULT_UPGRADE, /* the request has come */
  FAULT_SETUP,   /* the setup has come, and is not answered yet */
  FAULT_OPEN,    /* setupComplete was sent; the phases from here on are part of this one */
  FAULT_IDLE,    /* nothing is being answered, no call is open */
  FAULT_TURN,    /* an answer is under way */
  FAULT_TOOL,    /* a function call is open */
  FAULT_RESUMED, /* the session resumes another */
  FAULT_CLOSING  /* the client's close frame has come */
} fault_phase;
#define FAULT_BIT(phase) (1u << (phase))

typedef enum fault_how {
  FAULT_HOW_DEFAULT,
  FAULT_BOTH, FAULT_IN, FAULT_OUT,                                                          /* freeze, slow */
  FAULT_SPLIT, FAULT_COALESCED,                                                             /* frames */
  FAULT_TRUNCATED, FAULT_NO_JSON, FAULT_EMPTY, FAULT_UTF8, FAULT_UNKNOWN, FAULT_CUT_FRAME,  /* invalid */
  FAULT_ANSWER_EMPTY, FAULT_ANSWER_NONE, FAULT_ANSWER_SILENT, FAULT_ANSWER_REJECTED,        /* answer */
  FAULT_UNRESUMABLE, FAULT_NO_HANDLE, FAULT_STALE, FAULT_EXPIRED, FAULT_POISONED,           /* updates */
  FAULT_NO_UPDATES, FAULT_EAGER, FAULT_LAG, FAULT_SKIP, FAULT_NO_INDEX, FAULT_BEYOND
} fault_how;

typedef struct fault {
  fault_kind kind;
  fault_how how;
  /* when */
  fault_phase phase;
  unsigned first, last; /* connections that it concerns */
  unsigned turn;        /* from this turn of the connection on */
  unsigned messages;    /* after so many client messages, the setup not counted */
  uint64_t bytes;       /* after so many bytes were written */
  uint64_t after_ms;    /* all else being true for so long */
  unsigned times;       /* over all connections; 0: once in each */
  /* what */
  uint64_t lead_ms, end_ms, for_ms, delay_ms; /* FAULT_NEVER is one of their values */
  unsigned code, status, rate, size, count;
  char reason[FAULT_REASON_MAX];
  char text[FAULT_TEXT_MAX];
} fault;

/* The sentence of an error says what is wrong, and what would be right. */
genai_status fault_read(fault *f, json_t *object, genai_error *error);
genai_status fault_parse(fault *f, const char *line, genai_error *error);
const char *fault_name(const fault *f);
/* The words with which the service closes with a code, where it has some of its own. */
const char *fault_reason(unsigned code);
/* Every name, for a chooser: NULL beyond the last. */
const char *fault_names(size_t i);

#endif
