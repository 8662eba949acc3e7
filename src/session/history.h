/* The recent turns as text, for telling a fresh session what was said: made only where a fresh session may be needed. */
#ifndef GENAI_SRC_SESSION_HISTORY_H
#define GENAI_SRC_SESSION_HISTORY_H

#include "base/payload.h"
#include "session/turns.h"

enum { SESSION_HISTORY_TURNS = 64, SESSION_HISTORY_BYTES = 64 << 10 }; /* the oldest go first */

typedef struct session_said {
  bool model, sent; /* sent: by a message of the application, not heard by the service */
  bool again;       /* that is to go out again */
  uint64_t serial;  /* of the last message to the service by then, this one if it is one */
  buf text;
} session_said;

typedef struct session_history {
  session_said *turns; /* a ring, NULL until something is said */
  size_t first, count, bytes;
  size_t answered;     /* of the turns: what the model's last complete one followed, and itself */
  uint64_t serial;     /* and of the messages to the service */
  bool talking;        /* the model's turn began and is not complete */
  bool cut_in;         /* since then the application has said more: that is not answered by this turn */
  size_t cut_at;
  uint64_t cut_serial;
} session_history;

void session_history_deinit(session_history *h);
/* What the application says as text (clientContent, realtimeInput.text) goes out, for the first time, behind `serial`. */
void session_history_sent(session_history *h, const payload *message, uint64_t serial);
/* That message goes out again, as another one. */
void session_history_again(session_history *h, uint64_t was, uint64_t serial);
/* Whether a turn of the model is complete: `serial` is up to where it is an answer. */
bool session_history_heard(session_history *h, const session_news *news, uint64_t serial);
/* The connection is gone: the model says again what it had not said to its end, and we what is not in the kept state. */
void session_history_cut(session_history *h, uint64_t kept);
/* The message that tells the turns that were answered or that a lost state held, up to that serial; the others are said again as
 * they were. NULL when there is nothing to tell, or no memory. `complete`: as the models want it that take
 * history only before anything else; otherwise an answer is asked for only if it is `owed` to the last turn told. */
payload *session_history_seed(const session_history *h, uint64_t kept, bool owed, bool complete);

#endif
