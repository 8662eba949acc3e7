/* Chaos over real sockets: conversations of numbered messages with an emulator that does its worst, in a process of its own, and
 * the proof, by its ledger, of what became of each number.
 *
 *   talk.c  --numbered messages, TLS-->  genai-live emulate --chaos  --ledger, a pipe-->  books.c
 *     |                                                                                     |
 *     +------------------- what was sent, what the events told: talker ---------------------+--> lost? doubled? out of order? */
#ifndef GENAI_TESTS_SOAK_SOAK_H
#define GENAI_TESTS_SOAK_SOAK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "genai/live.h"
#include "net/process.h"

/* ---- script.c: what is said ---- */

/* What the n-th message of a session is, n from 1. Those of a class arrive in the order in which they were sent. */
typedef enum script_kind { SCRIPT_CONTENT, SCRIPT_OPEN_CONTENT, SCRIPT_CALL, SCRIPT_TEXT, SCRIPT_SOUND, SCRIPT_QUIET, SCRIPT_START, SCRIPT_END,
                           SCRIPT_STREAM_END } script_kind;
typedef enum script_class { SCRIPT_TURNS, SCRIPT_REAL_TIME, SCRIPT_CLASSES } script_class;
/* Whether the setup's activity detection is off (marks), and whether answers are text. */
typedef enum script_flavour { SCRIPT_MANUAL = 1, SCRIPT_WRITTEN = 2, SCRIPT_FLAVOURS = 4 } script_flavour;

script_kind script_at(unsigned flavour, uint32_t n);
script_class script_class_of(script_kind kind);
bool script_numbered(script_kind kind); /* a mark is not: it has no room for a number */
uint32_t script_round(unsigned flavour); /* so many messages are repeated for ever; the last of them are numbered */
/* The next one of the class after n, and the last numbered one up to n (0: none). */
uint32_t script_after(unsigned flavour, script_class class, uint32_t n);
uint32_t script_last(unsigned flavour, script_class class, uint32_t n);
const char *script_config(unsigned flavour);
genai_status script_send(genai_live_session *session, unsigned number, unsigned flavour, uint32_t n, const genai_wait *wait, genai_error *error);
/* Whose and which: of a ledger's text, or head of a blob. */
bool script_read_text(const char *text, unsigned *number, uint32_t *n);
bool script_read_head(const char *head, unsigned *number, uint32_t *n);
uint64_t script_hash(const char *text);

/* ---- what each side knows of a session ---- */

enum { CALLS_KEPT = 128, WINDOWS = 512, CLASSES = SCRIPT_CLASSES };

/* A function call, as the client knows it. */
typedef struct talk_call {
  uint64_t id;       /* hash; 0: none */
  char text[48];
  unsigned adopted;  /* handles that had been adopted when it came */
  bool answered, gone, taken;
} talk_call;

/* Sent before a handle came, and perhaps not part of its state: what a service without an index can lose in silence. */
typedef struct talk_window { uint32_t low[CLASSES], high; } talk_window;

typedef struct talker {
  genai_live_session *session;
  unsigned number, flavour;
  pthread_mutex_t turn;  /* who receives: two that did would mix up the order */
  pthread_mutex_t mutex; /* of all that follows */
  _Atomic uint32_t sent; /* how many of the script */
  uint32_t at_handle;    /* of these, when the newest handle came */
  unsigned adopted;      /* handles */
  talk_call calls[CALLS_KEPT];
  unsigned calls_made;
  talk_window windows[WINDOWS];
  unsigned window_count;
  uint32_t cut[CLASSES]; /* the last numbers that the service's last restoration left */
  uint64_t lost_told, replayed, resumed, reconnecting, degraded, invalid, gone;
  atomic_bool judged;    /* whole, once: what comes after does not matter any more */
  atomic_bool ended;
  char last_words[2048];
  uint64_t due_ms;       /* the next send; the sender's */
} talker;

/* ---- books.c: what the service's ledger says ---- */

typedef struct books books;

typedef struct books_verdict {
  uint64_t taken, lost, doubled, disordered, excused, told;
  uint64_t faults, connections, resumptions, cuts;
  char first[512]; /* the first thing that is wrong */
  char unexplained[128]; /* not transparent: the first loss that only the events can account for */
} books_verdict;

/* Reads the pipe at `path` on a thread of its own until books_close. `keep`: a file that gets every line, or NULL. */
books *books_open(const char *path, talker *talkers, unsigned count, bool transparent, const char *keep);
void books_close(books *b);
books_verdict books_look(books *b);
size_t books_size(books *b); /* bytes: all of them in use from the start, but for conversations beyond one a talker */
/* Whether everything that the talker has sent has arrived; its lineage is judged then, and later lines are passed over. */
bool books_settle(books *b, talker *t);
/* Judges it as it is. */
void books_give_up(books *b, talker *t);

/* ---- service.c: the emulator ---- */

typedef struct service_process {
  const char *program, *folder;
  process child;
  int port;
  char url[64], ca[256], cert[256], ledger[256], state[256];
} service_process;

/* Makes the pipe of the ledger, if one is wanted; starts nothing. */
bool service_prepare(service_process *s, const char *program, const char *folder, bool ledger);
/* more: further options, a NULL after the last. The port stays over a second start. */
bool service_begin(service_process *s, const char *const *more);
void service_kill(service_process *s);
bool service_end(service_process *s);
void service_abandon(void); /* kills the one that runs, from anywhere */

/* ---- talk.c: the client's side ---- */

typedef struct talk_options {
  bool vertex;
  unsigned sessions, receivers, gap_ms;
  uint32_t keepalive_ms, keepalive_timeout_ms;
  bool verbose;
} talk_options;

typedef struct talk {
  talk_options options;
  genai_client *client;
  talker *talkers;
  pthread_t threads[8];
  unsigned thread_count;
  atomic_bool stop, pause;
} talk;

void talk_prepare(talk *t, const talk_options *options);
bool talk_connect(talk *t, const service_process *service); /* all sessions */
void talk_run(talk *t);     /* threads: one that sends, and receivers */
bool talk_end(talk *t);     /* closes everything within its deadlines */
void talk_free(talk *t);

/* ---- watch.c: calls that do not end, and what grows ---- */

uint64_t watch_now_ms(void);
void watch_sleep_ms(unsigned ms);
unsigned watch_scale(void); /* how many times longer things may take here: sanitizers, a busy machine */
/* The calling thread begins a call that must end within so long (0: it has ended). A call that does not ends the program, with
 * the name of the call and the seed. */
void watch_call(const char *name, uint64_t deadline_ms);
void watch_begin(const char *reproduce);
void watch_end(void);

typedef struct vitals { long rss_kb, descriptors, threads; } vitals; /* -1: not known here */
vitals vitals_of(long pid); /* 0: of this process */

/* ---- memory.c: what the library holds ---- */

void memory_count(void); /* from now on; before anything else of the library */
size_t memory_in_use(void);
size_t memory_peak(void); /* the most so far */

#endif
