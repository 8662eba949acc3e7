/* One client of the emulator: the upgrade, frames, pings and closes, between a stream and a service. Loop thread only.
 */
#ifndef GENAI_EMULATOR_CONNECTION_H
#define GENAI_EMULATOR_CONNECTION_H

#include "emulator/conversations.h"
#include "emulator/ledger.h"
#include "emulator/emulator.h"
#include "emulator/recording.h"
#include "emulator/rest.h"
#include "emulator/scenario.h"
#include "emulator/speaker.h"
#include "net/stream.h"

enum { CONNECTIONS_MAX = 20000 };

typedef struct connection connection;

/* What all connections share; the emulator's. */
typedef struct server {
  net_loop *loop;
  const emulator_options *options;
  const recording *recording; /* to replay, or NULL */
  speaker *speaker;
  rest_service rest;
  conversations *conversations;
  scenario scenario;
  ledger ledger;
  connection *connections; /* those that are open */
  unsigned count;
  unsigned accepted; /* so far: numbers for the log, and for seeds */
} server;

/* Takes over an accepted stream: one for net_listener. */
void connection_accept(void *server, net_stream *stream);
/* The sound that its service asked for: a speaker_done. */
void connection_spoken(void *connection, uint64_t id, const buf *samples);
connection *connection_next(const connection *c);
unsigned connection_number(const connection *c);
bool connection_serves(const connection *c); /* whether its session is open */
/* Suffers a fault now, whatever its phase. The connection may be gone afterwards. */
void connection_suffer(connection *c, const fault *f);
/* Tells the client that the server goes away (1001) and ends. */
void connection_end(connection *c);

#endif
