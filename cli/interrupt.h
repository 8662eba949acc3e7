/* SIGINT and SIGTERM as a descriptor and as the cancellation of calls. */
#ifndef GENAI_CLI_INTERRUPT_H
#define GENAI_CLI_INTERRUPT_H

#include <stdbool.h>

#include "genai/client.h"

/* From now on the signals are taken by a thread of their own. Call it before any other thread is made. A second signal
 * ends the process at once. */
genai_status interrupt_start(genai_error *error);
/* Readable once a signal came. */
int interrupt_fd(void);
bool interrupt_came(void);
/* Fired by the first signal; NULL takes it away. */
void interrupt_cancels(genai_cancel *cancel);

#endif
