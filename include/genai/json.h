/* A little JSON for programs without a library of their own: reading a function call's args_json, and writing strings
 * into a response_json. Every function takes any text, also one that is not JSON, and any thread may call it.
 *
 * A path is a chain of names and list indices: "location", "address.lines[0]", "[2].id". A name in it cannot hold '.'
 * or '['. A NULL or empty path means the whole text. Where a text has a name twice, the last counts. */
#ifndef GENAI_JSON_H
#define GENAI_JSON_H

#include "genai/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The getters return false, and leave *value alone, when the text is not JSON up to there (json may be NULL), the path
 * leads nowhere, or the value is of another kind. */

/* A string, unescaped, with its NUL, into `out` of `size` bytes. Also false when it does not fit; `out` is "" then, as
 * after every failure. U+0000 in it becomes U+FFFD. */
GENAI_API bool genai_json_get_string(const char *json, const char *path, char *out, size_t size);
/* A string of any length. The copy is the caller's (genai_text_free); NULL for false, or when memory is out. */
GENAI_API char *genai_json_copy_string(const char *json, const char *path);
GENAI_API bool genai_json_get_double(const char *json, const char *path, double *value);
/* An integer, which may be written as 1e3 or 5.0, or stand in a string, as the API writes 64-bit integers. */
GENAI_API bool genai_json_get_int64(const char *json, const char *path, int64_t *value);
GENAI_API bool genai_json_get_bool(const char *json, const char *path, bool *value);
/* Any value, as it stands in the text: `size` bytes at *value, inside `json`, without a NUL. */
GENAI_API bool genai_json_get(const char *json, const char *path, const char **value, size_t *size);
/* How many items a list has, or members an object; 0 for anything else. */
GENAI_API size_t genai_json_count(const char *json, const char *path);

/* `text` as a JSON string, quotes included. The copy is the caller's (genai_text_free); NULL when text is NULL or no
 * valid UTF-8, or when memory is out. */
GENAI_API char *genai_json_quote(const char *text);
/* Whether the whole text is one JSON value (RFC 8259, UTF-8, at most 100 levels deep): GENAI_OK, or
 * GENAI_ERROR_ARGUMENT or GENAI_ERROR_LIMIT with the place of the fault. */
GENAI_API GENAI_MUST_USE genai_status genai_json_check(const char *json, genai_error *error);

#ifdef __cplusplus
}
#endif
#endif
