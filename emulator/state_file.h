/* A file that keeps conversations over the end of the process, a crash too: a JSON line for each change, written whole
 * before the client is told of it. At the start, and when it has grown, it is replaced by one of what still counts. */
#ifndef GENAI_EMULATOR_STATE_FILE_H
#define GENAI_EMULATOR_STATE_FILE_H

#include "emulator/conversations.h"
#include "genai/base.h"

typedef struct state_file {
  const char *path; /* the caller's */
  const conversations *all;
  int fd;
  size_t size, compact_size; /* of the file, and when it was last replaced */
  bool failed;               /* something could not be written; the next change replaces the file */
  void (*log)(void *user, const char *line); /* is told of that; NULL: nobody */
  void *user;
} state_file;

/* The log is set already. Restores what the file has, if it is there; a last line that is not whole does not count. */
genai_status state_file_open(state_file *f, const char *path, conversations *all, int64_t now_ms, genai_error *error);
void state_file_record(void *state_file, json_t *record); /* one for conversations_options */
void state_file_close(state_file *f);                     /* takes zeros */

#endif
