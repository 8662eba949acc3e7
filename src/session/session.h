/* The protocol's mind of one session, without I/O: what came and the time go in, what to do comes out.
 *
 *                     +------------------------ lost, refused: recover.c ------------------+
 *                     v                                                                    |
 *   [start] --> CONNECTING --upgraded--> SETUP --setupComplete--> OPEN --goAway, safe--> LEAVING
 *                 ^   ^                                            |                       |
 *     pause over  |   +---- the old one has ended; the next one's TCP and TLS are ready ---+
 *               WAITING <--------------- lost ---------------------+--close asked--> CLOSING --> ENDED
 *
 * A failure before the first setupComplete, and one that nothing can mend, goes to ENDED; `end` then holds what every later call
 * of the application returns. After any other the session goes on in another connection, and the application sees events. */
#ifndef GENAI_SRC_SESSION_SESSION_H
#define GENAI_SRC_SESSION_SESSION_H

#include "base/buf.h"
#include "genai/live.h"
#include "session/calls.h"
#include "session/history.h"
#include "session/input.h"
#include "session/setup.h"
#include "session/turns.h"

typedef enum session_phase {
  SESSION_CONNECTING, /* credentials to upgrade */
  SESSION_SETUP,      /* setup sent, setupComplete awaited */
  SESSION_OPEN,
  SESSION_LEAVING,    /* a handover: our close is sent, the peer's is awaited */
  SESSION_WAITING,    /* a pause before the next dial */
  SESSION_CLOSING,    /* the application has closed; what is queued leaves, then the close frames */
  SESSION_ENDED
} session_phase;

/* Durations in milliseconds; SESSION_NEVER switches one off. */
#define SESSION_NEVER UINT64_MAX
typedef struct session_settings {
  const char *peer;           /* "example.com port 443", for the sentences; lives as long as the mind. NULL: "The service" */
  uint64_t connect_timeout;   /* from a dial to setupComplete */
  uint64_t close_timeout;     /* from the application's close to the end */
  uint64_t keepalive;         /* silence of the peer before a ping */
  uint64_t keepalive_timeout; /* further silence, after which the connection counts as lost */
  genai_live_reconnect reconnect;
  bool music;                 /* nothing is resumed: prompts, config and playback are said again */
  bool vertex;                /* transparent resumption is to be had */
  bool renewable;             /* another credential is to be had when one is refused */
  bool single_use;            /* the credential is a token that a fresh session may not be able to use again */
  bool announce_history;      /* the model takes history only before anything else, and announced in the setup */
  unsigned attempts_max;      /* dials in a row without a stable connection */
  uint64_t budget;            /* time without one */
  uint64_t delay, delay_max;  /* the pause before the second dial in a row, doubled for each further one; the longest */
  uint64_t stable;            /* a connection that was open for so long counts as stable */
  uint64_t media_age;         /* media that could not be sent for so long are dropped */
  size_t replay_max;          /* bytes of what was sent that are kept for being sent again */
  uint64_t first_index;       /* transparent resumption: the number of the first message after the setup */
  uint64_t answer_timeout;    /* silence of the model for so long is told */
  uint64_t seed;              /* of the jitter */
} session_settings;

/* The next connection, made while this one still serves. */
typedef enum session_standby { SESSION_STANDBY_NONE, SESSION_STANDBY_DIALING, SESSION_STANDBY_READY } session_standby;

/* What the application is told; the public event with room for its texts. */
enum { SESSION_EVENTS_MAX = 8, SESSION_EVENT_IDS_MAX = 16 };
typedef struct session_event {
  genai_live_event event; /* text and call_ids point into this and into the mind, until its next input */
  char text[512];
  const char *ids[SESSION_EVENT_IDS_MAX];
} session_event;

typedef struct session_mind {
  session_settings settings;
  session_phase phase;
  uint64_t deadline;       /* of the phase; SESSION_NEVER when it has none */
  uint64_t heard_at;       /* when the peer last sent anything */
  bool pinged;             /* a ping is out since heard_at */
  bool paused;             /* reading is paused by us: silence says nothing */
  bool was_open;
  bool peer_closed;        /* the peer's close frame came: end.close_code and close_reason are set */
  genai_error end;         /* what ended the session, status GENAI_CLOSED for a graceful close; before that, the last connection */

  session_turns turns;
  session_calls calls;
  session_inputs inputs;
  session_history history; /* kept with GENAI_LIVE_RECONNECT_RESUME_OR_FRESH alone */
  struct { uint8_t kind; size_t size; } last[3]; /* messages sent, the last one last */

  /* What a connection goes on from. */
  payload *setup;          /* the application's, with its context updates */
  session_setup_facts facts;
  bool transparent;        /* the service tells what it took in */
  bool index_seen;         /* it really does */
  char *handle;            /* NULL: a new session */
  bool handle_fresh;       /* nothing was said since it came, by nobody */
  unsigned handle_failed;  /* how badly it went with the handle: recover.c */
  bool afresh;             /* the session began anew: the model knows no more than it is told */
  bool seeded;             /* the recent turns, that is */
  bool restart_due;        /* and the application is to be told */
  bool owed;               /* an answer was awaited or under way when the connection went */
  bool resumed;            /* this connection began with the handle */
  bool progressed;         /* and has come to something since */
  payload *music[3];       /* prompts, config, playback: the last ones sent */

  /* The ladder. */
  uint64_t first_deadline; /* of everything up to the first setupComplete */
  uint64_t opened_at;
  uint64_t troubled_at;    /* the first loss after the last stable connection; SESSION_NEVER: none */
  unsigned attempt;        /* dials since then */
  size_t dropped_told;     /* of inputs.dropped */
  buf trail;               /* what was tried, for the last sentence */
  bool renewed;            /* a refused credential was renewed already */
  uint64_t random;

  /* goAway. */
  uint64_t leave_at;       /* when to leave at the latest; SESSION_NEVER: nobody goes away */
  session_standby standby;
  bool standby_failed;     /* none is made again for this goAway: the ordinary dial follows */
  bool hurried;            /* since the last stable connection one was followed without a pause, though others had come before */

  genai_live_event events[SESSION_EVENTS_MAX]; /* a ring; their texts are made when they are taken */
  unsigned event_first, event_count;
} session_mind;

/* What the caller must do now; several may be set. */
typedef struct session_step {
  bool dial;         /* get credentials and connect */
  bool dial_standby; /* the same, beside the connection, up to TLS: session_standby_ready */
  bool drop_standby;
  bool upgrade;      /* the standby is the connection now (ready or not): upgrade as soon as it can */
  bool send_setup;   /* what session_setup_text gives */
  bool opened;       /* setupComplete: queued sends may go, the application is told */
  bool reopened;     /* the same in a later connection: the first event belongs to this message */
  bool deliver;      /* hand the message to the application */
  bool interrupted;  /* count it before the message is delivered */
  bool ping;
  bool leave;        /* close gracefully for a handover, reading on until the deadline */
  bool close;        /* the application's close: flush, close frame 1000, then linger */
  bool abort;        /* drop the connection; it reports nothing any more */
  bool lost_calls;   /* the functions of session_calls_lost are to be cancelled */
  bool ended;        /* the last step: session.end is final */
} session_step;

/* Holds the setup. GENAI_ERROR_MEMORY; after an error, too, session_deinit. */
GENAI_MUST_USE genai_status session_init(session_mind *s, const session_settings *settings, payload *setup, uint64_t now,
                                         genai_error *error);
void session_deinit(session_mind *s);

/* The connection's upgrade is through. */
session_step session_connected(session_mind *s, uint64_t now);
/* The setup of this connection; the caller's to drop. */
GENAI_MUST_USE genai_status session_setup_text(session_mind *s, payload **out, genai_error *error);
/* Anything at all came from the peer. */
void session_heard(session_mind *s, uint64_t now);
session_news session_news_of_live(const genai_live_server_message *message);
session_news session_news_of_music(const genai_live_music_server_message *message);
/* A decoded message (after session_heard). */
session_step session_message(session_mind *s, const session_news *news, uint64_t now);
/* Our reading stopped or goes on: while it is stopped, silence is our own doing. */
void session_paused(session_mind *s, bool paused, uint64_t now);
session_step session_close(session_mind *s, uint64_t now);
void session_peer_close(session_mind *s, int code, const char *reason, size_t size);
/* The connection reported its end, or could not be begun; `why` is GENAI_OK after an exchange of close frames. */
session_step session_transport_end(session_mind *s, const genai_error *why, uint64_t now);
session_step session_standby_ready(session_mind *s, uint64_t now);
session_step session_standby_end(session_mind *s, uint64_t now);
/* Something on our own side makes going on impossible. */
session_step session_fail(session_mind *s, const genai_error *why);
/* Time passed. `doing` names what the transport is at ("resolving", …) for the sentence of a timeout. */
session_step session_tick(session_mind *s, uint64_t now, const char *doing);
/* When session_tick must be called next, or SESSION_NEVER. */
uint64_t session_next_tick(const session_mind *s);

/* The application's messages. session_add takes the reference over; payload.kind is set. */
void session_add(session_mind *s, payload *message, uint64_t now);
/* The next one for the wire; NULL: none, or not now. */
payload *session_next(session_mind *s);
/* The connection has taken that one. */
void session_sent(session_mind *s, uint64_t now);
/* Takes the oldest event. */
bool session_event_next(session_mind *s, session_event *event);

/* recover.c: the connection is gone, and `end` says how. Goes on if it can. */
session_step session_recover(session_mind *s, uint64_t now);
/* recover.c: whether the moment for a handover has come. */
session_step session_consider_leaving(session_mind *s, uint64_t now);
uint64_t session_leaving_tick(const session_mind *s);
/* recover.c: a connection is open again; what it goes on from is told. */
void session_reopened(session_mind *s, uint64_t now, session_step *step);
/* recover.c: the service can restore the session from here on. */
void session_adopt(session_mind *s, const genai_live_server_session_resumption_update *update);
/* session.c: for recover.c. */
session_step session_end(session_mind *s, bool abort);
void session_tell(session_mind *s, const genai_live_event *event);
static inline uint64_t session_later(uint64_t now, uint64_t delay) { return delay >= SESSION_NEVER - now ? SESSION_NEVER : now + delay; }

/* close.c: what an end means, and what to do about it. */

typedef enum session_fate {
  SESSION_FATE_RETRY,    /* the connection was the trouble */
  SESSION_FATE_PAUSE,    /* the same, but not soon: quota, overload */
  SESSION_FATE_HANDLE,   /* what it was to go on from is refused */
  SESSION_FATE_FINAL,    /* it will be no better next time */
} session_fate;

/* `setup`: it came before setupComplete; `handle`: of a setup that had a handle. */
session_fate session_fate_of(const genai_error *end, bool setup, bool handle);
/* A close: GENAI_CLOSED when it was graceful, else GENAI_ERROR_REFUSED, with code, reason, moment and advice. */
void session_explain_close(genai_error *end, const char *peer, int code, const char *reason, const char *when, bool graceful);
/* GENAI_ERROR_LOST: `why` holds a whole sentence about how. */
void session_explain_loss(genai_error *end, const genai_error *why, const char *when);
/* GENAI_ERROR_SERVICE: an {"error":...} message instead of setupComplete. */
void session_explain_answer(genai_error *end, const char *peer, const genai_live_server_error *answer);
/* Adds what to do to what the transport said. */
void session_advise(genai_error *end, bool was_open);

#endif
