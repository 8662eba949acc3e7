/* A session's resumption handle in a file, for --resume: so that a conversation outlives the process. */
#ifndef GENAI_CLI_RESUME_H
#define GENAI_CLI_RESUME_H

#include "base/arena.h"
#include "genai/live.h"

/* The handle that the file holds; *handle is NULL when there is no such file, or it is empty. Fails also where none could be kept. */
genai_status resume_read(const char *path, arena *a, const char **handle, genai_error *error);
/* Puts the session's newest handle there, whole or not at all; nothing when none has come. */
genai_status resume_write(const char *path, genai_live_session *session, genai_error *error);

#endif
