/* A function of the model that is a program: its arguments as JSON on standard input, its result on standard output. */
#ifndef GENAI_CLI_PROGRAM_H
#define GENAI_CLI_PROGRAM_H

#include "genai/tools.h"

typedef struct program {
  const char *const *argv; /* no shell */
} program;

/* A genai_tool_function; the registered user is the program. It is killed, with all its children, when the call is cancelled. A
 * failure is told on standard error too. */
genai_status program_call(const genai_tool_invocation *call, genai_error *error);

#endif
