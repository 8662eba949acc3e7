/* What the files of a connection share: connection.c reads and knows of the stream's events, connection_open.c is the
 * upgrade, connection_wire.c writes and suffers faults. */
#ifndef GENAI_EMULATOR_CONNECTION_PARTS_H
#define GENAI_EMULATOR_CONNECTION_PARTS_H

#include "emulator/connection.h"
#include "emulator/door.h"
#include "emulator/line.h"
#include "emulator/plan.h"
#include "emulator/service.h"
#include "net/ws_frame.h"

enum {
  HEAD_MS = 10000,    /* for the upgrade request to come */
  CLOSE_MS = 2000,    /* for the peer's close frame, and for what is to be written to leave */
  BACKLOG_MAX = 32,   /* messages waiting: the client is not read before they are fewer */
  DOOM_MS = 1000,     /* for what was written before a drop to leave */
  PROBE_MS = 1000,    /* for any sign of life when another session wants the conversation */
  FROZEN_MS = 120000, /* then a connection that would stay frozen for ever is dropped */
  CLOSE_GOING_AWAY = 1001,
  CLOSE_POLICY = 1008,
  CLOSE_INTERNAL = 1011
};

typedef enum connection_state {
  CONNECTION_HEAD, /* waiting for the upgrade request */
  CONNECTION_BODY, /* it was none: waiting for its body */
  CONNECTION_OPEN,
  CONNECTION_CLOSING,  /* our close frame is written; the peer's is waited for */
  CONNECTION_FINISHING /* what is written is the last */
} connection_state;

typedef enum connection_doom { DOOM_NONE, DOOM_DROP, DOOM_RESET } connection_doom;

struct connection {
  server *server;
  connection *next, **link;
  unsigned number;
  connection_state state;
  net_stream *stream;
  net_timer *timer;       /* upgrade, the service's deadline, the end */
  net_timer *fault_timer; /* whatever a fault waits for */
  buf head;
  http_body body;
  ws_decoder decoder;
  service *service; /* NULL before the upgrade */
  line wire;
  bool paused;    /* not read, because of messages that wait */
  bool throttled; /* not read, because the line does not let in */
  plan plan;
  unsigned phases; /* beside the service's own */
  connection_doom doom;
  uint64_t doom_ms; /* when it is carried out at the latest */
  uint64_t ends_ms; /* of a frozen connection */
  uint64_t probe_ms; /* when nothing has come by then, it is dead; 0: nobody asked */
  char token[TOKEN_NAME_MAX]; /* "" without one */
};

/* ---- connection_wire.c ---- */

/* A line of the log. */
void connection_say(const connection *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t connection_now(const connection *c);
/* Frees it, when its stream has ended or was aborted. */
void connection_discard(connection *c);
/* What the plan wants to know. */
plan_view connection_view(const connection *c);
/* From now on it is about to end by itself; connection_settle carries it out. */
void connection_condemn(connection *c, connection_doom how);
/* Lets it suffer a fault; and all that the plan says are due. */
void connection_apply(connection *c, const fault *f);
void connection_suffer_due(connection *c);
/* The end of every event: what is doomed ends as soon as what was written before has left. False: it is gone. */
bool connection_settle(connection *c);
/* Hands what is written to the stream; false when something is left (the stream or a fault wakes us). Faults that count
 * bytes come exactly where they are due. */
bool connection_drain(connection *c);
/* Writes a close frame and waits for what is to follow it. */
void connection_write_close(connection *c, int code, const char *reason, connection_state then);
/* Carries out what the service wants, as far as the stream takes it, and sets the clock for what it will want. */
void connection_pump(connection *c);

/* ---- connection_open.c ---- */

/* Takes the request's head; returns how many bytes belong to it. */
size_t connection_take_head(connection *c, const uint8_t *data, size_t size);
/* Takes the body of a plain request and, when it is there, answers. Returns how many bytes belong to it. */
size_t connection_take_body(connection *c, const uint8_t *data, size_t size);

#endif
