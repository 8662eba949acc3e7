/* A command line as words, without a shell. */
#ifndef GENAI_CLI_WORDS_H
#define GENAI_CLI_WORDS_H

#include "base/arena.h"
#include "genai/base.h"

/* Splits at white space; 'single quotes' keep everything, "double quotes" all but backslashes, a backslash keeps the next
 * character. Nothing is expanded. The words are in the arena, ended by NULL; at least one. `option` is what errors name. */
genai_status words_split(const char *option, const char *text, arena *a, const char *const **words, genai_error *error);

#endif
