/* Recorded conversations, *.websocket.log: records one after the other, each
 *   DIRECTION LENGTH " " PAYLOAD "\n"
 * with DIRECTION `>` (client) or `<` (server) and LENGTH the payload's bytes including the newline that was added. */
#ifndef GENAI_EMULATOR_RECORDING_H
#define GENAI_EMULATOR_RECORDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "genai/base.h"

enum { RECORDING_BYTES_MAX = 256 << 20, RECORDING_RECORDS_MAX = 1 << 20 };

typedef struct recording_record {
  bool client;
  const char *payload; /* without the added newline; not NUL-terminated; points into the recording */
  size_t size;
} recording_record;

typedef struct recording {
  char *text;
  size_t size;
  recording_record *records;
  size_t count;
} recording;

/* Copies the text. GENAI_ERROR_ARGUMENT says at which byte it is no recording. */
genai_status recording_parse(recording *r, const char *text, size_t size, genai_error *error);
genai_status recording_load(recording *r, const char *path, genai_error *error);
void recording_deinit(recording *r);

/* Whether two JSON values are equal: numbers by value, objects without order, and REDACTED, in the expected text,
 * standing for any text without a slash. If not, `place` (room for `size`) says where the first difference is, as in
 * setup.tools[0].name. */
bool recording_same(json_t *expected, json_t *actual, char *place, size_t size);

#endif
