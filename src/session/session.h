/* The protocol's mind of one session, without I/O: what came and the time go in, what to do comes out.
 *
 *   CONNECTING --connected--> SETUP --setupComplete--> OPEN --close asked--> CLOSING --transport ended--> ENDED
 *
 * A failure goes from any phase to ENDED; `end` then holds what every later call of the application returns. */
#ifndef GENAI_SRC_SESSION_SESSION_H
#define GENAI_SRC_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "genai/base.h"
#include "genai/types.h"

typedef enum session_phase {
  SESSION_CONNECTING, /* resolving to upgrade */
  SESSION_SETUP,      /* setup sent, setupComplete awaited */
  SESSION_OPEN,
  SESSION_CLOSING,    /* the application has closed; what is queued leaves, then the close frames */
  SESSION_ENDED
} session_phase;

/* Durations in milliseconds; SESSION_NEVER switches one off. */
#define SESSION_NEVER UINT64_MAX
typedef struct session_settings {
  const char *peer;           /* "example.com port 443", for the sentences; lives as long as the mind. NULL: "The service" */
  uint64_t connect_timeout;   /* from the start to setupComplete */
  uint64_t close_timeout;     /* from the application's close to the end */
  uint64_t keepalive;         /* silence of the peer before a ping */
  uint64_t keepalive_timeout; /* further silence, after which the connection counts as lost */
} session_settings;

typedef struct session_mind {
  session_settings settings;
  session_phase phase;
  uint64_t deadline;       /* of connecting, setup or closing; SESSION_NEVER otherwise */
  uint64_t heard_at;       /* when the peer last sent anything */
  bool pinged;             /* a ping is out since heard_at */
  bool paused;             /* reading is paused by us: silence says nothing */
  bool was_open;
  bool answering;          /* modelTurn came, turnComplete did not yet */
  unsigned calls_open;     /* function calls that were neither answered nor cancelled */
  bool peer_closed;        /* the peer's close frame came: end.close_code and close_reason are set */
  genai_error end;         /* status GENAI_CLOSED for a graceful close */
} session_mind;

/* What the caller must do now; several may be set. */
typedef struct session_step {
  bool send_setup;
  bool opened;       /* setupComplete: queued sends may go, the application is told */
  bool deliver;      /* hand the message to the application */
  bool interrupted;  /* count it before the message is delivered */
  bool going_away;   /* goAway: time_left_ms */
  int64_t time_left_ms;
  bool ping;
  bool close;        /* close gracefully: flush, close frame 1000, then linger */
  bool abort;        /* drop the transport; it reports nothing any more */
  bool ended;        /* the last step: session.end is final */
} session_step;

void session_init(session_mind *s, const session_settings *settings, uint64_t now);

session_step session_connected(session_mind *s, uint64_t now);
/* Anything at all came from the peer. */
void session_heard(session_mind *s, uint64_t now);
/* A decoded message (after session_heard), as far as the mind minds it. */
typedef struct session_news {
  bool setup_complete;
  const genai_live_server_error *error;
  bool model_turn, turn_complete, interrupted;
  size_t calls, cancelled; /* function calls */
  bool go_away;
  int64_t time_left_ms;
  bool more;               /* beside setupComplete there is something for the application */
} session_news;
session_news session_news_of_live(const genai_live_server_message *message);
session_news session_news_of_music(const genai_live_music_server_message *message);
session_step session_message(session_mind *s, const session_news *news);
/* The application sent answers to this many function calls. */
void session_answered(session_mind *s, size_t responses);
/* Our reading stopped or goes on: while it is stopped, silence is our own doing. */
void session_paused(session_mind *s, bool paused, uint64_t now);
session_step session_close(session_mind *s, uint64_t now);
void session_peer_close(session_mind *s, int code, const char *reason, size_t size);
/* The transport reported its end; `why` is GENAI_OK after an exchange of close frames. */
session_step session_transport_end(session_mind *s, const genai_error *why);
/* Something on our own side makes going on impossible. */
session_step session_fail(session_mind *s, const genai_error *why);
/* Time passed. `doing` names what the transport is at ("resolving", …) for the sentence of a timeout. */
session_step session_tick(session_mind *s, uint64_t now, const char *doing);
/* When session_tick must be called next, or SESSION_NEVER. */
uint64_t session_next_tick(const session_mind *s);

/* close.c: what an end means, and what to do about it. */

/* A close: GENAI_CLOSED when it was graceful, else GENAI_ERROR_REFUSED, with code, reason, moment and advice. */
void session_explain_close(genai_error *end, const char *peer, int code, const char *reason, const char *when, bool graceful);
/* GENAI_ERROR_LOST: `why` holds a whole sentence about how. */
void session_explain_loss(genai_error *end, const genai_error *why, const char *when);
/* GENAI_ERROR_SERVICE: an {"error":...} message instead of setupComplete. */
void session_explain_answer(genai_error *end, const char *peer, const genai_live_server_error *answer);
/* Adds what to do to what the transport said. */
void session_advise(genai_error *end, bool was_open);

#endif
