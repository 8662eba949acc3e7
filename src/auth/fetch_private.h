/* Between fetch.c and the sources of external accounts that have files of their own. */
#ifndef GENAI_SRC_AUTH_FETCH_PRIVATE_H
#define GENAI_SRC_AUTH_FETCH_PRIVATE_H

#include "auth/aws.h"
#include "auth/executable.h"
#include "auth/fetch.h"
#include "net/request.h"

enum { FETCH_PEER_MAX = 320 };

struct fetch {
  fetch_params params;
  fetch_done done;
  void *user;
  net_request *request;
  executable *executable;
  void (*answered)(fetch *f, int status, const char *body); /* what the answer under way is */
  char peer[FETCH_PEER_MAX]; /* for sentences: "oauth2.googleapis.com" */
  aws_keys aws;
  char *aws_session, *aws_role; /* of the machine's metadata server */
};

/* Sends one request; `answered` is called later with whatever answer comes. */
genai_status fetch_send(fetch *f, const char *method, const char *url, const genai_string_pair *headers, size_t count, buf *body,
                        void (*answered)(fetch *, int, const char *), genai_error *error);
/* Exchanges somebody else's token for Google's. */
genai_status fetch_exchange(fetch *f, const char *subject, genai_error *error);
/* The end, without a token. */
void fetch_fail(fetch *f, const genai_error *error);

/* fetch_aws.c: the token of a machine of AWS, exchanged. */
genai_status fetch_ask_aws(fetch *f, genai_error *error);

#endif
