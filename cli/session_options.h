/* Options that talk and chat share. */
#ifndef GENAI_CLI_SESSION_OPTIONS_H
#define GENAI_CLI_SESSION_OPTIONS_H

#include "cli/option.h"

extern const option_group session_options, connection_options, progress_options;

#endif
