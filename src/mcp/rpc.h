/* JSON-RPC 2.0 over a child's pipes, a message a line (MCP's stdio transport): requests of any number of threads, matched with
 * their answers by a reading thread. */
#ifndef GENAI_SRC_MCP_RPC_H
#define GENAI_SRC_MCP_RPC_H

#include "net/process.h"
#include "net/wait.h"

typedef struct rpc rpc;

/* Starts the process and the reading thread. `name` is what errors call the peer. */
genai_status rpc_new(rpc **r, const char *const *argv, const genai_string_map *environment, genai_error *error);
void rpc_free(rpc *r); /* takes NULL */
/* Sends a request and waits for its result, which is the caller's (mem_free). When the wait is cancelled or its time is up the peer is
 * told so (notifications/cancelled). GENAI_ERROR_SERVICE: the peer answered with an error, whose message is in the sentence;
 * GENAI_ERROR_LOST: it has ended; GENAI_ERROR_PROTOCOL: it said something that is no JSON-RPC. */
genai_status rpc_call(rpc *r, const char *method, const char *params_json, char **result, const genai_wait *wait, genai_error *error);
genai_status rpc_notify(rpc *r, const char *method, genai_error *error);

#endif
