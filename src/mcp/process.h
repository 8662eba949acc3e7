/* A child process with pipes to its standard input and output: argument vector, no shell, scrubbed environment, its own process
 * group, no descriptor of ours. */
#ifndef GENAI_SRC_MCP_PROCESS_H
#define GENAI_SRC_MCP_PROCESS_H

#include <sys/types.h>

#include "genai/base.h"

typedef struct process {
  pid_t pid;
  int in, out; /* our ends: to its standard input, from its standard output */
} process;

genai_status process_start(process *p, const char *const *argv, const genai_string_map *environment, genai_error *error);
/* Closes its input, waits, and after `grace_ms` kills its whole group. No zombie is left. `out` stays the caller's to close. */
void process_stop(process *p, unsigned grace_ms);

#endif
