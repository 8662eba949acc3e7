/* C structs to compact proto3 JSON, as the tables of schema.h say: camelCase names, standard base64, int64 as strings,
 * canonical durations, shortest doubles; what is present is written, also false, 0, "", [] and {}. */
#ifndef GENAI_SRC_WIRE_WRITER_H
#define GENAI_SRC_WIRE_WRITER_H

#include "base/buf.h"
#include "genai/base.h"
#include "wire/schema.h"

/* Whose rules are checked while writing. ANY: none. */
typedef enum wire_backend { WIRE_BACKEND_ANY, WIRE_BACKEND_GEMINI, WIRE_BACKEND_VERTEX } wire_backend;

typedef struct wire_rules {
  wire_backend backend; /* a present field that only the other one accepts is refused */
  const char *root;     /* what the value is called in errors, "setup"; NULL: nothing */
} wire_rules;

/* Appends the value, a struct of `type`, to `out`. GENAI_ERROR_ARGUMENT, with the path, for what cannot be sent:
 * invalid UTF-8 or JSON, NULL in a list, a field that the backend refuses; GENAI_ERROR_LIMIT for out's ceiling;
 * GENAI_ERROR_MEMORY. After an error `out` is as it was before. */
GENAI_MUST_USE genai_status wire_write(buf *out, const wire_message *type, const void *value, const wire_rules *rules,
                                       genai_error *error);

/* Whether the field of a message struct is set. */
bool wire_present(const wire_field *field, const void *message);

/* Appends text as a JSON string; false when it is not UTF-8 (out->failed is then unset) or did not fit. */
bool wire_write_string(buf *out, const char *text, size_t size);

#endif
