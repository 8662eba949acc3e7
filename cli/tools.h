/* Functions the model may call: declared from a file, answered from the command line. */
#ifndef GENAI_CLI_TOOLS_H
#define GENAI_CLI_TOOLS_H

#include "base/arena.h"
#include "cli/option.h"
#include "genai/live.h"

typedef struct tool_result {
  const char *name;
  const char *response_json; /* an object */
} tool_result;

typedef struct tools {
  tool_result results[TEXT_LIST_MAX];
  size_t count;
} tools;

/* Reads NAME=JSON each; a value that is no object becomes {"output": value}. Texts are in the arena. */
genai_status tools_read_results(tools *t, const text_list *list, arena *a, genai_error *error);
/* The declarations in a file: a list of FunctionDeclaration, or a Tool. */
genai_status tools_read_declarations(const char *path, arena *a, const genai_tool **tool, genai_error *error);
/* The answer to a call; an {"error": …} when none was given. */
const char *tools_answer(const tools *t, const char *name);

#endif
