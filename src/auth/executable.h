/* A program that prints somebody else's token: the "executable" source of external accounts (https://google.aip.dev/auth/4117), with
 * a thread of its own to wait for it. */
#ifndef GENAI_SRC_AUTH_EXECUTABLE_H
#define GENAI_SRC_AUTH_EXECUTABLE_H

#include "auth/credential.h"
#include "net/loop.h"

typedef struct executable executable;

/* What it printed, valid during the call, or why there is nothing. It is gone afterwards. */
typedef void (*executable_done)(void *user, const genai_error *error, const char *text);

/* Runs c->subject_command. Loop thread only; `c` lives as long. `done` is never called from inside. */
genai_status executable_start(executable **out, net_loop *loop, const credential *c, executable_done done, void *user,
                              genai_error *error);
/* Kills it and whatever it started; `done` is not called any more. Takes NULL. */
void executable_abort(executable *x);

/* The token in what it printed or left in its file, the caller's (secret_free): {"version":1,"success":true,"token_type":…,
 * "id_token" or "saml_response":…,"expiration_time":…}. GENAI_ERROR_CREDENTIALS, with its own words where it reports a failure.
 * One that keeps a file must say when its tokens end. */
genai_status executable_token(char **token, const credential *c, const char *text, int64_t now_s, genai_error *error);

#endif
