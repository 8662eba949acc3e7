/* Where in a message the reader or the writer stands, a chain on the C stack: serverContent.modelTurn.parts[0].text */
#ifndef GENAI_SRC_WIRE_PATH_H
#define GENAI_SRC_WIRE_PATH_H

#include <stddef.h>

enum { WIRE_PATH_MAX = 512 };

typedef struct wire_path {
  const struct wire_path *up;
  const char *name; /* of a field, or a map's key */
  size_t name_size;
  size_t index;     /* in a list; WIRE_PATH_NO_INDEX otherwise */
} wire_path;

#define WIRE_PATH_NO_INDEX ((size_t)-1)

/* The path as text; its beginning becomes "…" where it does not fit. */
void wire_path_text(const wire_path *path, const char *root, char out[WIRE_PATH_MAX]);

#endif
