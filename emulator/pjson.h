/* Proto JSON as the service reads it, on jansson: either spelling of a key, null as absent, either alphabet of base64.
 * The emulator's own; the client's codec is never used here, so that one's bug cannot hide behind the other's. */
#ifndef GENAI_EMULATOR_PJSON_H
#define GENAI_EMULATOR_PJSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Whether a JSON key names the field: "turn_complete" is also "turnComplete". */
bool pjson_key_is(const char *key, const char *snake_name);
/* The member of an object (NULL in, NULL out), or NULL when absent or null. Borrowed. */
json_t *pjson_get(json_t *object, const char *snake_name);
const char *pjson_text(json_t *object, const char *snake_name); /* "" when absent or no string */
bool pjson_true(json_t *object, const char *snake_name);
/* A number, or a string that holds one, as proto JSON allows; `otherwise` when absent. */
double pjson_number(json_t *object, const char *snake_name, double otherwise);

/* Makes a text that may have been cut in the middle of a character UTF-8 again. */
void pjson_mend(char *text);

/* Standard or URL-safe alphabet, padding optional. False for anything else and when out's ceiling is reached. */
bool pjson_base64_decode(buf *out, const char *text, size_t size);
bool pjson_base64_valid(const char *text, size_t size);
/* A new JSON string of the bytes in the standard alphabet, padded; NULL when memory is out. */
json_t *pjson_base64(const uint8_t *data, size_t size);

#endif
