/* The forms that the SDKs' public JSON allows beside the wire's own: a system instruction or turn that is a bare
 * string, a part or a list of them; one function response or tool without a list around it. */
#ifndef GENAI_SRC_WIRE_LOOSE_H
#define GENAI_SRC_WIRE_LOOSE_H

#include "base/arena.h"
#include "genai/base.h"
#include "wire/schema.h"

/* Reads what a user wrote as `type`, loose forms included. *out is in the arena. `root` names the text in errors, which
 * are GENAI_ERROR_ARGUMENT (an unknown name too), GENAI_ERROR_LIMIT or GENAI_ERROR_MEMORY. */
GENAI_MUST_USE genai_status wire_read_loose(arena *a, const wire_message *type, const char *text, size_t size,
                                            const char *root, void **out, genai_error *error);

#endif
