/* JSON text to C structs in one pass, as the tables of schema.h say: strict RFC 8259, proto3 JSON in full.
 *
 * Names and aliases are taken in camelCase and snake_case; null is an absent field, and an error as a list's or map's
 * item; int32 and int64 may be numbers or strings, and integral forms such as 1e3; doubles also the strings NaN,
 * Infinity and -Infinity; of duplicate names the last wins, whatever the spelling, and a null clears. Unknown fields
 * are passed over, but their grammar is checked. Free-form JSON is kept as its text. */
#ifndef GENAI_SRC_WIRE_READER_H
#define GENAI_SRC_WIRE_READER_H

#include "base/arena.h"
#include "genai/base.h"
#include "wire/schema.h"

/* Ceilings beside the arena's own; zero is the default. */
typedef struct wire_limits {
  size_t elements_max; /* messages, list items and map entries together: 1,000,000 */
  unsigned depth_max;  /* nested objects and lists: 100; never more than 1,000 */
  bool refuse_unknown; /* for what a user wrote: an unknown name is an error, and so is every fault of
                          GENAI_ERROR_ARGUMENT instead of GENAI_ERROR_MESSAGE */
  const char *root;    /* what the text is called in errors, "config"; NULL: "message" */
} wire_limits;

/* Reads `text` as `type`. *out is a struct of that type in the arena; everything it points to is there too, or static.
 * GENAI_ERROR_MESSAGE for a text that is not a valid message, with place, path and what was expected; GENAI_ERROR_LIMIT
 * for depth, elements or the arena's ceiling; GENAI_ERROR_MEMORY. After an error *out is NULL, and the arena holds
 * remains. */
GENAI_MUST_USE genai_status wire_read(arena *a, const wire_message *type, const char *text, size_t size,
                                      const wire_limits *limits, void **out, genai_error *error);

/* The field of any of its names, or NULL. */
const wire_field *wire_field_named(const wire_message *type, const char *name, size_t size);

#endif
