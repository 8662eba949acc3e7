/* Filling a caller's genai_error. Every helper takes NULL for the error and returns the status. */
#ifndef GENAI_SRC_BASE_ERROR_H
#define GENAI_SRC_BASE_ERROR_H

#include "genai/base.h"

/* Clears the error, sets its status and formats its message; a longer text is cut at a whole UTF-8 character. */
genai_status error_set(genai_error *error, genai_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends to the message. */
void error_append(genai_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
genai_status error_memory(genai_error *error);
/* Copies `from` into `error` (which may be NULL) and returns from's status. */
genai_status error_copy(genai_error *error, const genai_error *from);

#endif
