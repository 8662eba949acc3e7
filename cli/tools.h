/* Functions the model may call: declared from a file, answered from the command line, by programs or by MCP servers. */
#ifndef GENAI_CLI_TOOLS_H
#define GENAI_CLI_TOOLS_H

#include <jansson.h>

#include "base/arena.h"
#include "cli/command.h"
#include "genai/live.h"

typedef struct tool_result {
  const char *name;
  const char *response_json; /* an object */
} tool_result;

typedef struct tools {
  tool_result results[TEXT_LIST_MAX];
  size_t count;
  genai_tools *running; /* those that run themselves: --tool, --mcp; or NULL */
} tools;

/* Reads NAME=JSON each; a value that is no object becomes {"output": value}. Texts are in the arena. */
genai_status tools_read_results(tools *t, const text_list *list, arena *a, genai_error *error);
/* The declarations in a file: a list of FunctionDeclaration, or a Tool. */
genai_status tools_read_declarations(const char *path, arena *a, const genai_tool **tool, genai_error *error);
/* Starts what --tool and --mcp name. What the configuration declares of those functions is declared by the set instead:
 * *config may become another one, in the arena. */
genai_status tools_start(tools *t, const settings *s, arena *a, const genai_live_connect_config **config, genai_error *error);
void tools_stop(tools *t); /* also what was never started */
/* The value as an object's text in the arena, {"KEY": value} when it is none; NULL: no memory. */
const char *tools_object_text(json_t *value, const char *key, arena *a);
/* The answer to a call that does not run itself; an {"error": …} when none was given. */
const char *tools_answer(const tools *t, const char *name);

#endif
