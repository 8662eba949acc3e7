/* Data on standard output, talk on standard error. */
#ifndef GENAI_CLI_OUTPUT_H
#define GENAI_CLI_OUTPUT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "genai/base.h"

/* Writes to standard output, through stdio's buffer. False when it failed; output_failed tells how. Any later write does
 * nothing. */
bool output_write(const void *data, size_t size);
bool output_line(const char *text, size_t size); /* with a newline */
bool output_flush(void);

/* STATUS_OK, or what the first failed write makes of the run: STATUS_PIPE without a word, STATUS_FAILED with a sentence, said
 * once. */
exit_status output_status(void);

/* "genai-live: …" and a newline on standard error. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says the error's sentences and returns the exit status of its class. */
exit_status say_error(const genai_error *error);
exit_status status_of(genai_status status);

#endif
