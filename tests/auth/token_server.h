/* A token endpoint on this machine: it keeps what it heard and gives the answers it was told to. */
#ifndef GENAI_TESTS_AUTH_TOKEN_SERVER_H
#define GENAI_TESTS_AUTH_TOKEN_SERVER_H

#include <pthread.h>

#include "peer.h"

enum { SERVER_HEARD_MAX = 16, SERVER_TEXT_MAX = 8192 };

typedef struct token_server {
  peer *peer;
  pthread_mutex_t mutex;
  int status;                       /* of the answers */
  const char *bodies[SERVER_HEARD_MAX]; /* one after the other; the last that is set is given again and again */
  bool mute;                        /* never answers */
  int count;                        /* requests so far */
  char heard[SERVER_HEARD_MAX][SERVER_TEXT_MAX]; /* head and body */
} token_server;

void token_server_start(token_server *s, const char *body);
void token_server_start_tls(token_server *s, const char *body, const pki_cert *cert);
void token_server_stop(token_server *s);
void token_server_set(token_server *s, int status, const char *body); /* from now on */
void token_server_mute(token_server *s);
int token_server_count(token_server *s);
/* A URL of it with this path. The text lasts until the fourth next call. */
const char *token_server_url(const token_server *s, const char *path);
/* The value of a form member, decoded; NULL when there is none. */
const char *token_server_form(const token_server *s, int request, const char *name);
/* Whether what was heard holds this text. */
bool token_server_heard(const token_server *s, int request, const char *text);

#endif
