/* Tools of Model Context Protocol servers (JSON-RPC 2.0 over standard input and output): a server is started, its tools are
 * declared, and the model's calls are routed to it. */
#ifndef GENAI_MCP_H
#define GENAI_MCP_H

#include "genai/tools.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero is the default of each. */
typedef struct genai_mcp_options {
  genai_string_map environment; /* variables for the server beside PATH, HOME, USER, LANG, LC_ALL, TZ and TMPDIR, which are all it
                                   gets of ours */
  uint32_t start_timeout_ms;    /* for the server to start and to list its tools; default 30,000 */
} genai_mcp_options;

/* Starts `argv` (NULL-terminated, looked up in PATH, no shell), asks for its tools (tools/list, all pages) and adds them to the
 * set, each under its own name. Waits for that; not on the library's own threads. The server's standard error is ours. It ends with
 * the set: its input is closed, and what has not ended two seconds later, with all its children, is killed. A server that dies
 * makes its calls fail with an error that says so.
 * Errors: GENAI_ERROR_SYSTEM (it could not be started), GENAI_ERROR_TIMEOUT, GENAI_ERROR_PROTOCOL (what it said is no MCP),
 * GENAI_ERROR_LOST (it ended), GENAI_ERROR_ARGUMENT (a tool's name is in the set already), GENAI_ERROR_MEMORY. After an error no
 * tool was added, or only some; give the set up. */
GENAI_API GENAI_MUST_USE genai_status genai_tools_add_mcp(genai_tools *tools, const char *const *argv,
                                                          const genai_mcp_options *options, genai_error *error);

#ifdef __cplusplus
}
#endif
#endif
