/* The project of the machine, from its metadata server. */
#ifndef GENAI_SRC_AUTH_PROJECT_H
#define GENAI_SRC_AUTH_PROJECT_H

#include "genai/base.h"
#include "net/loop.h"

/* Asks the metadata server "HOST" or "HOST:PORT" and waits for its answer; never on the loop's thread. *project is the caller's
 * (mem_free). GENAI_ERROR_CREDENTIALS when it tells none, with the reason and what to do. */
genai_status project_ask(char **project, net_loop *loop, const char *host, uint32_t timeout_ms, genai_error *error);

#endif
