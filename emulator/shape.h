/* What a client message may hold: the service's own strictness about names and types, from a table kept by hand. */
#ifndef GENAI_EMULATOR_SHAPE_H
#define GENAI_EMULATOR_SHAPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { SHAPE_REASON_MAX = 512 };

/* Whether `message` has the shape `name` of the table, such as SHAPE_LIVE. If not, `reason` says why in the service's
 * words, as in: Invalid JSON payload received. Unknown name "foo" at 'setup': Cannot find field. */
bool shape_check(json_t *message, const char *name, const char *api_version, char reason[SHAPE_REASON_MAX]);

/* Whether a dotted path of proto names, as in generation_config.top_k, names a field below the shape `name`; not into
 * lists, maps or free-form JSON. */
bool shape_has_path(const char *name, const char *path);

#define SHAPE_LIVE "BidiGenerateContentClientMessage" /* of a client, in a live session */
#define SHAPE_MUSIC "BidiGenerateMusicClientMessage"  /* in a music session */
#define SHAPE_SETUP "BidiGenerateContentSetup"
#define SHAPE_TOKEN "AuthToken"

/* The table (shape_table.c); both lists end with a NULL name. */
typedef struct shape_row {
  const char *name, *content;
} shape_row;
extern const shape_row shape_messages[];     /* content: the fields, as name:type */
extern const shape_row shape_enumerations[]; /* content: the values */

#endif
