/* Which declared functions a text mentions, and what they are called with. A model decides by meaning; the emulator by
 * the name standing in the text, with spaces or underscores, in either case: "please get weather in Paris".
 *
 * The arguments come from the declaration's schema (parameters, or parametersJsonSchema). Each required property gets a
 * value of its type: a `default` or `example` if the schema has one; an enum value that the text mentions, else the
 * first; for a string the words after the next "in", "for" or "of", else "example"; for a number the next number of the
 * text, else 1; true; a list of one item; an object of its required properties. A property that is not required is
 * given only when the text mentions one of its enum values. */
#ifndef GENAI_EMULATOR_FUNCTIONS_H
#define GENAI_EMULATOR_FUNCTIONS_H

#include <jansson.h>
#include <stddef.h>

enum { FUNCTIONS_MAX = 8 };

typedef struct function_call {
  json_t *declaration; /* borrowed from the tools */
  json_t *args;        /* owned */
} function_call;

/* Fills `calls` in the order of the tools and returns their number; of names that overlap in the text the longest
 * counts. args is NULL where memory ran out. */
size_t functions_find(json_t *tools, const char *text, function_call calls[FUNCTIONS_MAX]);

#endif
