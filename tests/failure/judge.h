/* What an error must say, and to whom: the judge of every failure's fields and sentence.
 *
 * With GENAI_SENTENCES set, each sentence is printed, for review and for docs/errors.md. */
#ifndef GENAI_TESTS_FAILURE_JUDGE_H
#define GENAI_TESTS_FAILURE_JUDGE_H

#include "genai/base.h"

/* What the sentences must never hold: the clients of these tests carry the first as their key, the second in their URL. */
#define KEY "AIzaSyTopSecretKeyOfTheTests-0123456789"
#define QUERY_SECRET "another-secret-in-the-query-42"

typedef struct verdict {
  genai_status status;
  int http_status, close_code, os_error;
  const char *reason;  /* the close frame's; NULL: none */
  const char *host;    /* that the sentence names; NULL: none */
  int port;            /* likewise; 0: none */
  const char *says[5]; /* and what else, advice included */
} verdict;

/* Fails the test unless the error is as it should be. `name` is what happened, in a few words. */
void judge(const char *name, const genai_error *error, const verdict *v);

#endif
