/* The function calls of a conversation: which are open, and which no service knows any more, since the session in which they were
 * made is gone. */
#ifndef GENAI_SRC_SESSION_CALLS_H
#define GENAI_SRC_SESSION_CALLS_H

#include "base/payload.h"
#include "genai/types.h"

/* Beyond these, calls are only counted. */
enum { SESSION_CALLS_MAX = 256, SESSION_CALLS_GONE_MAX = 64 };

typedef struct session_call {
  char *id;        /* or its name, where the service gives no ids (Vertex) */
  bool answered;   /* or cancelled; kept on for the sake of its answer, which may have to be sent again or come late */
  bool kept;       /* part of the kept state */
  bool restored;   /* by this connection, and not told once more yet */
  uint64_t made;   /* the last message to the service before it came */
  bool again;      /* its answer is to be sent again */
  bool claimed;    /* its first answer is under way, where only the name tells whose it is */
  uint64_t serial; /* of the answer, 0 for a cancellation */
} session_call;

typedef struct session_calls {
  session_call *items;
  size_t count;
  unsigned open;         /* neither answered nor cancelled, tracked or not */
  unsigned untracked;    /* of these */
  const char *gone[SESSION_CALLS_GONE_MAX]; /* a ring of the last ones */
  bool restoring;        /* the connection has said nothing of its own yet: calls may be told once more */
  bool all_known;        /* since a session began anew every call was tracked: others are gone */
  size_t gone_count;     /* in all */
  size_t gone_now;       /* by the last session_calls_lose */
} session_calls;

void session_calls_deinit(session_calls *calls);
/* Behind the message to the service with this serial. */
void session_calls_made(session_calls *calls, const genai_function_call_list *made, uint64_t serial);
void session_calls_cancelled(session_calls *calls, const genai_string_list *ids);
/* The application's toolResponse goes out with this serial, for the first time or again. Whether it answers a call that
 * was open and, not being SILENT, asks the model to go on. */
bool session_calls_answered(session_calls *calls, const payload *answer, uint64_t serial);
/* The kept state now holds every message to the service up to this serial, so that it was made when all of them were taken in. A call
 * that came when more had been sent may be younger than it: an answer that the service cannot place ends a session, so that such
 * a call counts as unknown to it. A cancellation counts as known. */
void session_calls_kept(session_calls *calls, uint64_t serial);
/* The service goes on from the kept state, or with `all` from nothing: the others are gone. */
void session_calls_lose(session_calls *calls, bool all);
/* The calls of the last session_calls_lose that were open or answered, at most `max`, valid until the next; returns how many. */
size_t session_calls_lost(const session_calls *calls, const char **ids, size_t max);
/* Whether a message answers only calls that are gone. One that answers others too is replaced by one without them. Asked once for each
 * message that waits, after a loss and for each new one: of several calls of one name each may be answered once. */
bool session_calls_moot(void *calls, payload **message);

#endif
