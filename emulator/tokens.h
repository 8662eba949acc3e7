/* Ephemeral tokens (auth_tokens): made with a key, shown in the place of one, and bound to a setup as their maker
 * wanted. Pure: the time is an argument, Unix time in milliseconds. */
#ifndef GENAI_EMULATOR_TOKENS_H
#define GENAI_EMULATOR_TOKENS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "emulator/setup.h"

enum { TOKENS_MAX = 1024, TOKEN_NAME_MAX = 48 };
#define TOKEN_PREFIX "auth_tokens/"

typedef struct tokens tokens;

tokens *tokens_new(uint64_t seed); /* NULL when memory is out */
void tokens_free(tokens *t);       /* takes NULL */

/* Makes a token as an AuthToken of the right shape asks for it. 0, and its name; else the HTTP status of the refusal,
 * and why. */
int tokens_create(tokens *t, int64_t now_ms, json_t *wanted, char name[TOKEN_NAME_MAX], char reason[SETUP_REASON_MAX]);
/* Whether a connection may be made with it: 0, or the code and reason with which it is closed. */
int tokens_check(const tokens *t, int64_t now_ms, const char *name, char reason[SETUP_REASON_MAX]);
/* Begins a session: counts the use (resuming one does not count), and puts what the token holds over the client's
 * setup. 0, or a close as above. */
int tokens_admit(tokens *t, int64_t now_ms, const char *name, json_t *first, char reason[SETUP_REASON_MAX]);
int64_t tokens_expiry_ms(const tokens *t, const char *name); /* of its sessions; 0: there is no such token */

/* RFC 3339, to Unix time in milliseconds. */
bool timestamp_read(const char *text, int64_t *ms);

#endif
