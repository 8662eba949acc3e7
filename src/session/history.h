/* The recent turns as text, for telling a fresh session what was said: made only where a fresh session may be needed. */
#ifndef GENAI_SRC_SESSION_HISTORY_H
#define GENAI_SRC_SESSION_HISTORY_H

#include "base/payload.h"
#include "session/turns.h"

enum { SESSION_HISTORY_TURNS = 64, SESSION_HISTORY_BYTES = 64 << 10 }; /* the oldest go first */

typedef struct session_said {
  bool model;
  buf text;
} session_said;

typedef struct session_history {
  session_said *turns; /* a ring, NULL until something is said */
  size_t first, count, bytes;
  size_t answered;     /* of the turns, up to the end of the model's last one */
  uint64_t serial;     /* and of the messages to the service */
} session_history;

void session_history_deinit(session_history *h);
/* What the application said as text (clientContent, realtimeInput.text) went out. */
void session_history_sent(session_history *h, const payload *message);
void session_history_heard(session_history *h, const session_news *news, uint64_t serial);
/* Turns that no answer followed are said again as they were, not as history. */
void session_history_forget_unanswered(session_history *h);
/* The message that tells them; NULL when there is nothing to tell, or no memory. `complete`: as the models want it that take
 * history only before anything else; otherwise no answer is asked for. */
payload *session_history_seed(const session_history *h, bool complete);

#endif
