/* JSON texts merged as texts: what the structs do not know can so be added to what they wrote. */
#ifndef GENAI_SRC_WIRE_MERGE_H
#define GENAI_SRC_WIRE_MERGE_H

#include "base/buf.h"
#include "genai/base.h"

/* Appends `base` with `change` laid over it: where both have an object the two are merged, member by member; otherwise
 * the change replaces. Names match in camelCase and snake_case alike; the base's spelling stays. Of duplicate names the
 * last counts. GENAI_ERROR_ARGUMENT when a text is not JSON (named `what` in the sentence), GENAI_ERROR_LIMIT,
 * GENAI_ERROR_MEMORY. */
GENAI_MUST_USE genai_status wire_merge(buf *out, const char *base, size_t base_size, const char *change,
                                       size_t change_size, const char *what, genai_error *error);

#endif
