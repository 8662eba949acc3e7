/* The making and dropping of a session's connections. I/O thread. */
#ifndef GENAI_SRC_CLIENT_CONNECTION_H
#define GENAI_SRC_CLIENT_CONNECTION_H

#include "client/live.h"

void connection_init(live_connection *c, genai_live_session *session);
/* Asks for credentials and connects; one that does not serve stops before the upgrade. A failure is reported by io_failed, perhaps
 * from inside this call. */
void connection_dial(live_connection *c);
/* Ends it without a word; nothing of it is reported any more. Fine for one that is not there. */
void connection_drop(live_connection *c);
/* What it is at, for sentences. */
const char *connection_phase(const live_connection *c);

/* io.c */
extern const net_ws_events io_events; /* user: the live_connection */
void io_failed(live_connection *c, const genai_error *why);
void io_no_credentials(live_connection *c, const genai_error *why);

#endif
