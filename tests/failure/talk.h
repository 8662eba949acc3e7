/* A session of the public API with a scripted peer. */
#ifndef GENAI_TESTS_FAILURE_TALK_H
#define GENAI_TESTS_FAILURE_TALK_H

#include "genai/live.h"
#include "judge.h"
#include "script.h"

typedef struct talk {
  script s;
  peer *p; /* NULL: nobody listens there */
  int port;
  genai_client *client;
  genai_live_session *session;
} talk;

/* A session that ends when its connection does. */
extern const genai_live_connect_params talk_bare;

/* Starts the peer and makes the client; no session yet. */
void talk_init(talk *t, const step *steps, const genai_client_options *options, bool tls);
/* The same with a URL of one's own: the peer speaks no TLS, whatever the scheme says; without steps the port is somebody else's. */
void talk_init_at(talk *t, const step *steps, const char *scheme, const char *host, int port, const genai_client_options *options);
/* talk_init, then connects; fails the test when that fails. */
void talk_open(talk *t, const step *steps, const genai_client_options *options, bool tls);
/* Frees the session, the client and the peer, which may wait for script.go no longer. */
void talk_deinit(talk *t);

/* Waits at most RIG_LIMIT_S. */
genai_status talk_receive(talk *t, genai_live_message **message, genai_error *error);
/* The next message must be a text part equal to `text`. */
void talk_expect(talk *t, const char *text);
/* The next message must be this event. */
void talk_expect_event(talk *t, genai_live_event_kind kind);

/* The verdict with the host and the port of the talk's peer. */
verdict talk_verdict(const talk *t, verdict v);

/* GENAI_TEST_SCALE, which slow runs (valgrind) set to more than 1: rounds are divided by it, short times multiplied. */
int talk_scale(void);
int talk_scaled_down(int count); /* at least 1 */

#define SAYS(text) BINARY("{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"" text "\"}]}}}")

#endif
