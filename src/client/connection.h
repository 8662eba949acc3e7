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

/* credentials.c: bearer tokens from the client's provider. I/O thread. */
/* Asks for one; connection_credentials is called later, never from inside. False: out of memory. */
bool credentials_get(live_connection *c);
/* The answer does not come any more. */
void credentials_cancel(live_connection *c);
/* The service refused the token that was got last. */
void credentials_refused(live_connection *c);
/* Whether one is waited for. */
bool credentials_wanted(const live_connection *c);
/* Whether something of it is still under way on another thread: then the session stays. It is posted when that has ended. */
bool credentials_busy(const live_connection *c);
void credentials_init(live_connection *c);
void credentials_deinit(live_connection *c);
/* connection.c */
void connection_credentials(live_connection *c, const genai_error *error, const genai_string_pair *headers, size_t count);

/* io.c */
extern const net_ws_events io_events; /* user: the live_connection */
void io_failed(live_connection *c, const genai_error *why);
void io_no_credentials(live_connection *c, const genai_error *why);

#endif
