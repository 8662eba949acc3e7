/* Functions that run themselves: declared with a callback, called by the model, answered with the right id and name.
 *
 * Calls run on a bounded pool of threads of the library's own, never on the I/O thread. A function that fails, or is too slow,
 * answers with a clear error, never with silence; a call that the service cancels reaches its function through a token, and what
 * it answers afterwards is dropped. Calls of functions that are not registered here stay the application's. */
#ifndef GENAI_TOOLS_H
#define GENAI_TOOLS_H

#include "genai/client.h"
#include "genai/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A set of functions, for any number of sessions at once. All functions may be called from any thread. */
typedef struct genai_tools genai_tools;

/* Zero is the default of each. */
typedef struct genai_tools_options {
  unsigned workers;    /* threads; default 4 */
  unsigned waiting_max; /* calls that wait for a thread; one more is answered with an error; default 256 */
  uint32_t timeout_ms; /* of a call, waiting included, before it is answered with an error; default 60,000 */
} genai_tools_options;

/* A call of the model to a function, as long as the function runs. */
typedef struct genai_tool_invocation {
  const char *id;        /* or NULL (Vertex) */
  const char *name;
  const char *args_json; /* a JSON object; "{}" when the model gave none */
  genai_cancel *cancel;  /* fires when the service cancels the call, its time is up or its session ends */
  void *user;            /* as registered */
} genai_tool_invocation;

/* What a function answers. */
typedef struct genai_tool_result {
  const char *response_json;                     /* a JSON object, checked */
  genai_function_response_scheduling scheduling; /* for NON_BLOCKING functions: INTERRUPT, WHEN_IDLE, SILENT; 0: the service's default */
  bool will_continue;                            /* more results of this call follow (NON_BLOCKING) */
} genai_tool_result;

/* Runs on a thread of the pool. It answers by genai_tool_answer, as often as it likes with will_continue, and a last time without.
 * When it returns an error, or without a last answer, the model is told so: {"error": the error's message}. */
typedef genai_status (*genai_tool_function)(const genai_tool_invocation *call, genai_error *error);

/* Makes an empty set; threads are started when calls come. options may be NULL. */
GENAI_API GENAI_MUST_USE genai_status genai_tools_new(genai_tools **tools, const genai_tools_options *options, genai_error *error);
/* Gives the set up (NULL is fine); sessions that were made with it keep it. The last one waits for the pool's threads. */
GENAI_API void genai_tools_free(genai_tools *tools);

/* Registers a function; the declaration is copied. A name that is there already is GENAI_ERROR_ARGUMENT. Not after a session was
 * made with the set (GENAI_ERROR_ARGUMENT). */
GENAI_API GENAI_MUST_USE genai_status genai_tools_add(genai_tools *tools, const genai_function_declaration *declaration,
                                                      genai_tool_function function, void *user, genai_error *error);
/* The same with the declaration as JSON (FunctionDeclaration). */
GENAI_API GENAI_MUST_USE genai_status genai_tools_add_json(genai_tools *tools, const char *declaration_json,
                                                           genai_tool_function function, void *user, genai_error *error);
/* Whether calls of this name run themselves. */
GENAI_API bool genai_tools_has(const genai_tools *tools, const char *name);

/* Only inside the call's function. GENAI_ERROR_CANCELLED: the call was cancelled, timed out or answered already, or its session
 * has ended, and nothing was sent; GENAI_ERROR_ARGUMENT: response_json is no JSON object. */
GENAI_API GENAI_MUST_USE genai_status genai_tool_answer(const genai_tool_invocation *call, const genai_tool_result *result,
                                                        genai_error *error);

#ifdef __cplusplus
}
#endif
#endif
