/* Inside a set of functions: a registry, a bounded queue, a pool of threads and a watch over deadlines, all under one mutex.
 *
 * A call is answered exactly once (but for streams of results), by whoever takes its `open` flag away first: its function, the
 * watch, a cancellation (which answers nothing) or the end of its session. */
#ifndef GENAI_SRC_TOOLS_TOOLS_H
#define GENAI_SRC_TOOLS_TOOLS_H

#include <uv.h>

#include "base/arena.h"
#include "genai/tools.h"

/* The calls of one session. */
typedef struct tools_run tools_run;

/* How a session sends an answer; any thread, and it must not wait. */
typedef void (*tools_answer)(void *user, const genai_function_response *response);

/* Holds the set. NULL: out of memory. */
tools_run *tools_run_new(genai_tools *tools, tools_answer answer, void *user);
/* Starts what it knows of the calls; the rest is the application's. I/O thread. */
void tools_run_calls(tools_run *run, const genai_live_server_tool_call *calls);
void tools_run_cancel(tools_run *run, const genai_live_server_tool_call_cancellation *cancellation);
/* The session has ended: cancels everything; nothing is answered any more. */
void tools_run_end(tools_run *run);
/* Waits for functions that still run, and frees. Not on the I/O thread. Takes NULL. */
void tools_run_free(tools_run *run);

/* Something that must outlive the set's functions and end with it, such as an MCP server: `end` is called once, by the last
 * genai_tools_free, after the pool's threads. False: out of memory. */
bool tools_own(genai_tools *tools, void (*end)(void *thing), void *thing);

/* The tool to declare in the setup, valid as long as the set; no function may be added from now on. NULL when it has none. */
const genai_tool *tools_declare(genai_tools *tools);

#endif
