/* A child process with pipes to its standard input and output: argument vector, no shell, scrubbed environment, its own process
 * group, no descriptor of ours. */
#ifndef GENAI_SRC_NET_PROCESS_H
#define GENAI_SRC_NET_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "genai/base.h"

typedef struct process {
  pid_t pid;
  int in, out, err; /* our ends: to its standard input, from its standard output and error; -1: none */
} process;

/* Its standard error is ours. */
genai_status process_start(process *p, const char *const *argv, const genai_string_map *environment, genai_error *error);
/* The same with its standard error in `err`. */
genai_status process_start_captured(process *p, const char *const *argv, const genai_string_map *environment, genai_error *error);
/* Gives it the end of its standard input. */
void process_end_input(process *p);
/* Whether it has ended, and its exit status, or 128 and its signal's number. process_stop must still be called. */
bool process_ended(const process *p, int *status);
/* Ends its input, waits, and after `grace_ms` (at least 1) kills its whole group. No zombie is left. `out` and `err` stay the
 * caller's to close. */
void process_stop(process *p, unsigned grace_ms);

#endif
