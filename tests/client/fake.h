/* A transport without sockets: the test plays the service. Everything it reports runs on the session's I/O thread. */
#ifndef GENAI_TESTS_CLIENT_FAKE_H
#define GENAI_TESTS_CLIENT_FAKE_H

#include <stdatomic.h>
#include <uv.h>

#include "client/client.h"

enum { FAKE_SENT_MAX = 4096 };

typedef struct fake {
  /* How it behaves; set before the session starts. */
  bool refuse_connect;   /* connect() itself fails */
  bool never_open;       /* the upgrade never completes */
  bool silent;           /* no setupComplete */
  bool ignore_close;     /* our close frame is never answered */
  atomic_bool blocked;   /* takes no messages */
  atomic_bool refused;   /* a message was refused since */
  /* What it saw; under `mutex`. */
  uv_mutex_t mutex;
  uv_cond_t cond;
  char *sent[FAKE_SENT_MAX];
  size_t sent_count;
  unsigned pings, resumes, aborts, closes;
  int close_code;
  bool paused;
  net_ws *ws;            /* the live connection, NULL when there is none */
} fake;

extern const live_transport fake_transport;

fake *fake_new(void); /* the one that the transport uses until fake_free */
void fake_free(void);
/* The service says something; returns when the session has seen it. */
void fake_message(fake *f, const char *text);
void fake_bytes(fake *f, const void *data, size_t size);
void fake_close(fake *f, int code, const char *reason); /* close frame, then an orderly end */
void fake_lost(fake *f);
void fake_unblock(fake *f);
/* Waits until so many messages were sent (the setup is the first). */
void fake_wait_sent(fake *f, size_t count);
/* A client on this transport. */
genai_client *fake_client(const genai_client_options *options);

#endif
