/* A simulated world for one mind: an application, a network and a service that keeps what it took in as the real one would, with
 * fake time and one seed. sim_service.c is the service and the network, sim_world.c drives the mind as the I/O thread does,
 * sim_check.c knows what must hold, test_simulation.c counts scenarios. */
#ifndef GENAI_TESTS_SESSION_SIM_H
#define GENAI_TESTS_SESSION_SIM_H

#include <stdio.h>

#include "session/session.h"

enum { SIM_MESSAGES = 192, SIM_CALLS = 64, SIM_CONNECTIONS = 160, SIM_HANDLES = 256, SIM_EVENTS = 2048, SIM_LAG_MAX = 8, SIM_NAMES = 2 };

/* A set of messages of the application. */
typedef struct sim_set { uint64_t words[SIM_MESSAGES / 64]; } sim_set;

static inline bool sim_has(const sim_set *set, int i) { return set->words[i / 64] >> (i % 64) & 1; }
static inline void sim_put(sim_set *set, int i) { set->words[i / 64] |= (uint64_t)1 << (i % 64); }
static inline void sim_join(sim_set *set, const sim_set *more) {
  for (int i = 0; i < SIM_MESSAGES / 64; i++) set->words[i] |= more->words[i];
}
/* Those of `set` that `less` has not. */
static inline sim_set sim_without(sim_set set, const sim_set *less) {
  for (int i = 0; i < SIM_MESSAGES / 64; i++) set.words[i] &= ~less->words[i];
  return set;
}
unsigned sim_size(const sim_set *set);

typedef enum sim_class {
  SIM_TEXT, SIM_MEDIA, SIM_MARK, SIM_TOOL, SIM_CONTEXT,
  SIM_PROMPTS, SIM_CONFIG, SIM_CONTROL, /* of a music session */
  SIM_CLASSES
} sim_class;

typedef struct sim_message {
  sim_class kind;
  uint64_t calls;  /* of a tool answer */
  bool on_wire;
  bool reset;      /* a playback control that is done with once it is heard */
  bool heard;
} sim_message;

/* What the service knows of a conversation. */
typedef struct sim_state {
  sim_set got;
  uint64_t calls, answered, cancelled;
} sim_state;

typedef struct sim_handle {
  sim_state state;
  uint64_t expires;
  bool poisoned;
} sim_handle;

typedef enum sim_phase { SIM_DIALING, SIM_HELD, SIM_UPGRADING, SIM_OPEN } sim_phase;

typedef struct sim_connection {
  sim_phase phase;            /* as the client sees it */
  bool standby, close_sent, announced, gone, deaf; /* gone: reports nothing any more */
  uint64_t latency, up_at, down_at; /* when the last message of each direction arrives */
  uint64_t up_until, down_until;    /* what would arrive later is lost */
  unsigned in_flight, window;
  int last[SIM_CLASSES];      /* sent on this connection */
  sim_set sent;
  short sent_ids[2 * SIM_MESSAGES];
  unsigned sent_count;
  /* The service's side. */
  bool said_new;              /* something that is no replay */
  bool set_up, over;          /* over: it regards the connection as ended */
  bool transparent, poisoned;
  sim_state state;
  int music[3];               /* its prompts, config and playback: a message, or -1 */
  sim_set seed;               /* messages that the recent turns tell */
  bool seeded;
  short consumed_ids[2 * SIM_MESSAGES + 2];
  unsigned consumed;
  uint64_t calls_before[SIM_LAG_MAX], answered_before[SIM_LAG_MAX], cancelled_before[SIM_LAG_MAX]; /* rings: as each of these was taken in */
  bool answering, in_call;
  unsigned turn;              /* counts, so that a cut turn stops */
  int pieces;
} sim_connection;

typedef enum sim_event_kind {
  SIM_EV_TLS, SIM_EV_FAILED, SIM_EV_UPGRADED, SIM_EV_SETUP, SIM_EV_UP, SIM_EV_UP_CLOSE, SIM_EV_UP_ABORT, SIM_EV_DOWN, SIM_EV_DOWN_CLOSE,
  SIM_EV_END, SIM_EV_MODEL, SIM_EV_FAULT, SIM_EV_APP, SIM_EV_UNPAUSE, SIM_EV_NOTICE, SIM_EV_BYE
} sim_event_kind;

typedef struct sim_event {
  uint64_t at;
  unsigned order;
  sim_event_kind kind;
  short connection;
  int a;
  int64_t b;
  uint64_t c;
} sim_event;

/* What the service says. */
typedef enum sim_says {
  SIM_SAYS_SETUP_COMPLETE, SIM_SAYS_ERROR, SIM_SAYS_HEARD, SIM_SAYS_OUTPUT, SIM_SAYS_CALL, SIM_SAYS_CANCEL, SIM_SAYS_INTERRUPTED,
  SIM_SAYS_GENERATED, SIM_SAYS_COMPLETE, SIM_SAYS_UPDATE, SIM_SAYS_NOT_RESUMABLE, SIM_SAYS_GO_AWAY, SIM_SAYS_PONG
} sim_says;

typedef enum sim_index { SIM_INDEX_RIGHT, SIM_INDEX_LAGS, SIM_INDEX_MISSING, SIM_INDEX_JUMPS } sim_index;

typedef struct sim {
  uint64_t seed, random, now, last_fault;
  bool verbose;
  FILE *story;
  session_settings settings;
  session_mind mind;
  bool ended, starved;        /* starved: memory fails, so that nothing is promised but no harm */
  const char *broken;         /* what did not hold */
  char detail[256];

  sim_event events[SIM_EVENTS];
  unsigned event_count, order;
  sim_connection connections[SIM_CONNECTIONS];
  int connection_count, current, standby, serving; /* -1: none */

  sim_message messages[SIM_MESSAGES];
  int message_count, message_max, app_next;
  uint64_t open_calls;        /* as the application sees them */
  int call_count;
  bool paused, calm, closing, closed_by_app;
  int names;                  /* calls have no ids, but so many names; 0: they have ids */
  bool first_refused, forgot; /* which is too old; a dial without it followed */
  bool handed;                /* the session begins with the handle of an earlier one */
  uint64_t unpause_at, calm_at, horizon, close_at;

  sim_handle handles[SIM_HANDLES];
  int handle_count;
  sim_index index;
  unsigned fault_rate, refuse_rate;
  uint64_t gap;               /* mean time between faults */

  /* The ledger. */
  sim_state lineage;          /* of the session that the service began last */
  sim_set ambiguous;          /* the kept state was said to hold them and does not: nobody can know */
  sim_set claimed;            /* and those that it was said to hold at all */
  sim_set seed_told;          /* by the recent turns, the last time */
  sim_set answered;           /* were on a wire when a turn of the model was complete */
  uint64_t lost, leave_by;    /* leave_by: of the goAway that the client has heard */
  bool pair_seen;
  uint64_t calls_gone, calls_cancelled; /* that the application was told of: the former by what it knows them by */
  bool restarted, overflowed, history_full;
  uint64_t attempt_at, opened_at, phase_since, trouble_since;
  unsigned row;               /* dials without a stable connection between */
  unsigned grounds;           /* closes since a turn was complete that may be the handle's fault */
  bool hurried, waited;       /* in this row an attempt came at once after a goAway; there was a pause since the last attempt */
  bool renewed, refused_401;  /* since the last open; the last failure */
  int standby_of;             /* the connection beside which a standby was dialed last */
  session_phase phase;
  unsigned spins;
  uint64_t figures[16];
} sim;

enum { SIM_FIG_DIALS, SIM_FIG_RESUMED, SIM_FIG_FRESH, SIM_FIG_ENDED, SIM_FIG_GO_AWAY, SIM_FIG_HANDOVER, SIM_FIG_REPLAYED, SIM_FIG_LOST,
       SIM_FIG_AMBIGUOUS, SIM_FIG_MESSAGES, SIM_FIG_FAULTS, SIM_FIG_TRANSPARENT, SIM_FIG_SAFE };

/* sim_world.c */
void sim_run(sim *w, uint64_t seed);
void sim_step(sim *w, session_step step);
void sim_pump(sim *w);
uint64_t sim_random(sim *w, uint64_t below);
bool sim_chance(sim *w, unsigned percent);
void sim_at(sim *w, uint64_t at, sim_event_kind kind, int connection, int a, int64_t b, uint64_t c);
void sim_tell(sim *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_break(sim *w, const char *what, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define SIM_MUST(w, condition, what, ...) ((condition) ? (void)0 : sim_break(w, what, __VA_ARGS__))
/* The ids in a text ("#12#"), and the calls ("c5"). */
sim_set sim_ids(const char *text, size_t size);
uint64_t sim_calls(const char *text, size_t size);
/* What calls are known by: their numbers, or those of their names. */
uint64_t sim_labels(const sim *w, uint64_t calls);

/* sim_service.c */
void sim_dial(sim *w, bool standby);
void sim_upgrade(sim *w, int connection);
void sim_send_setup(sim *w, const payload *setup);
void sim_up(sim *w, int connection, sim_event_kind kind, int a, uint64_t c);
void sim_ping(sim *w);
void sim_serve(sim *w, const sim_event *e);
void sim_fault(sim *w);
void sim_cut(sim *w, int connection, bool noticed);

/* sim_check.c */
void sim_check_phase(sim *w);
void sim_check_attempt(sim *w);
void sim_check_standby(sim *w);
void sim_check_sent(sim *w, int id);
void sim_check_update(sim *w, const sim_event *e, const char *before);
void sim_check_always(sim *w);
void sim_check_ledger(sim *w, bool ended);
void sim_check_event(sim *w, const session_event *event);
void sim_check_music(sim *w);

#endif
