/* Inside a session handle. Fields are grouped by who may touch them. */
#ifndef GENAI_SRC_CLIENT_LIVE_H
#define GENAI_SRC_CLIENT_LIVE_H

#include "client/client.h"
#include "client/inbox.h"
#include "session/session.h"
#include "tools/tools.h"

/* Live or music: what they do not have in common. */
typedef struct live_kind {
  endpoint_service service;
  const wire_message *message;                 /* what the service sends */
  session_news (*news)(const inbox_item *item);
} live_kind;

typedef struct credential_relay credential_relay; /* credentials.c */

/* One connection; a session has a second one while it moves (a handover). */
typedef struct live_connection {
  genai_live_session *session;
  net_ws *ws;            /* NULL: none, or credentials are awaited */
  auth_wait credentials; /* before the dial */
  credential_relay *relay; /* where the provider is on another thread; made when first needed */
} live_connection;

struct genai_live_session {
  /* Set before the session is shared. */
  genai_client *client;
  client_thread *thread; /* one of the client's */
  const live_kind *kind;
  void *user;
  payload *setup;
  char *doubts;        /* what the model is known not to take of the setup, or NULL */
  tools_run *tools;    /* functions that run themselves, or NULL */
  bool open_by_call; /* genai_live_connect waits: the OPEN message is its own */
  atomic_uint_least64_t interruptions;

  /* Under `mutex`. */
  uv_mutex_t mutex;
  uv_cond_t readable;        /* inbox, end */
  uv_cond_t changed;         /* room in the outbox, open, end, calls, released */
  inbox inbox;
  notify fd;
  session_list outbox;       /* not yet taken by the I/O thread */
  size_t waiting_bytes;      /* taken, not yet given to a connection */
  char *handle;              /* the newest for resumption, or NULL */
  unsigned senders;          /* waiting for room in the outbox */
  unsigned lost;             /* messages dropped for want of memory */
  unsigned calls;            /* public calls in flight */
  bool posted;               /* `task` is under way */
  bool wake_owed;            /* and the loop is still to be woken for it, by a call that is about to leave */
  bool open, ended;          /* ended: mind.end is final, and may be read */
  bool close_wanted, release_wanted, released;
  bool stalled;              /* the transport is paused until the inbox is half empty */
  bool writable_wanted;      /* a WRITABLE event is owed */
  bool reported;             /* the end was received: genai_client_next does not name it again */
  inbox_item *setup_complete;

  /* Under the client's sessions_mutex. */
  genai_live_session *next, **link;
  /* Under the ready list's mutex. */
  genai_live_session *ready_next;
  bool ready_listed;

  /* The I/O thread's. */
  net_task task;
  net_turn turn;
  net_timer *timer;
  uint64_t timer_at;         /* when `timer` fires, SESSION_NEVER when it is stopped */
  const live_transport *transport;
  live_connection connections[2], *connection; /* that one serves */
  session_settings settings; /* what the mind begins with */
  session_mind mind;
  inbox gathered;            /* received in this turn, published at its end */
  uint64_t room_told;        /* when senders were last woken */
  bool started, close_sent, release_after_turn;
};

/* Public calls in flight, so that genai_live_free can wait for them. */
void live_enter(genai_live_session *s); /* takes the mutex */
void live_leave(genai_live_session *s); /* gives it back */

/* live.c: connects with an encoded setup, which it takes over. */
genai_status live_connect(genai_client *client, const live_kind *kind, payload *setup, const genai_live_connect_params *params,
                          genai_live_session **session, const genai_wait *wait, genai_error *error);
/* live.c: the next item; NULL unless GENAI_OK. */
genai_status live_receive(genai_live_session *s, inbox_item **item, const genai_wait *wait, genai_error *error);
/* send.c: the answer of a function that ran by itself (tools_answer): never waits. */
void live_answer(void *session, const genai_function_response *response);
/* send.c: queues the encoded message in `b`, if `status` says that it was encoded; frees what was not queued. */
genai_status live_send(genai_live_session *s, genai_status status, buf *b, const genai_wait *wait, genai_error *error);
enum { LIVE_SEND_MAX = 64 << 20 }; /* a single message may be this large; it then waits for an empty outbox */

/* io.c, any thread, with the mutex held: has the I/O thread look at the session. */
void live_post(genai_live_session *s);
void live_post_leaving(genai_live_session *s); /* the same, once live_leave, which must follow, has given the mutex back */
/* The I/O thread's face of the session. */
void live_io_init(genai_live_session *s);
void live_io_deinit(genai_live_session *s);

/* live.c: with the mutex held, adds what came and tells those who wait for it. In two halves where it comes often: those who were
 * told run at once, and need the mutex. */
void live_publish(genai_live_session *s, inbox *more);
bool live_deposit(genai_live_session *s, inbox *more); /* with the mutex held; the answer is live_tell's */
void live_tell(genai_live_session *s, bool listed);    /* without it, on the I/O thread */
/* With the mutex held: whether genai_live_receive would not wait. */
bool live_has_news(const genai_live_session *s);

#endif
