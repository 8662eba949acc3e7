/* What the files of the reader share: reader.c (messages), list.c (lists, maps) and
 * value.c (single values). */
#ifndef GENAI_SRC_WIRE_READING_H
#define GENAI_SRC_WIRE_READING_H

#include "wire/path.h"
#include "wire/reader.h"
#include "wire/scan.h"

typedef struct reader {
  wire_scan scan;
  arena *arena;
  size_t elements_left;
  wire_limits limits;
  const wire_path *path; /* of the value that is being read */
  genai_error *error;
  genai_status status;
} reader;

/* Each notes the error and returns false. */
bool reader_fail(reader *r);                                       /* the scanner's fault */
bool reader_expected(reader *r, const char *what);                 /* something else stands at the scanner's place */
bool reader_wrong(reader *r, const uint8_t *at, const char *what); /* the number or string at `at` is not such a one */
bool reader_memory(reader *r);                                     /* the arena could not grow */
bool reader_too_many(reader *r);                                   /* the budget of elements is used up */

/* Takes one element of the budget. */
static inline bool reader_count(reader *r) {
  if (!r->elements_left) return reader_too_many(r);
  r->elements_left--;
  return true;
}

/* Takes '[' or '{' and, if it follows at once, what closes it. */
static inline bool reader_open(reader *r, uint8_t opener, const char *expected, bool *empty) {
  wire_scan *s = &r->scan;
  if (wire_scan_peek(s) != opener) return reader_expected(r, expected);
  if (!wire_scan_enter(s)) return reader_fail(r);
  s->p++;
  if ((*empty = wire_scan_peek(s) == opener + 2)) { /* ']' and '}' in ASCII */
    s->p++;
    s->depth--;
  }
  return true;
}

/* Takes a comma, or what closes the container. */
static inline bool reader_next(reader *r, uint8_t closer, bool *done) {
  wire_scan *s = &r->scan;
  if ((*done = wire_scan_peek(s) == closer)) s->depth--;
  return wire_scan_take(s, *done ? closer : ',', "a comma or a closing bracket is missing") || reader_fail(r);
}

/* list.c. `path` is the field's, whose index follows the items. */
bool reader_list(reader *r, const wire_field *field, wire_path *path, uint8_t *at);
bool reader_map(reader *r, const wire_field *field, uint8_t *at);

/* Values; the scanner stands at their first byte. Of any kind but a message. */
bool reader_value(reader *r, const wire_field *field, uint8_t *message);
bool reader_scalar_item(reader *r, const wire_field *field,
                        void *item); /* in a list: bare int32, double, const char * */
bool reader_enum(reader *r, const wire_enum *type, int32_t *value, const char **text);
const char *reader_text(reader *r, const wire_field *field);   /* a string or free-form JSON; NULL after an error */
const char *reader_copy(reader *r, const wire_string *string); /* NULL after an error */
const void *reader_new_message(reader *r, const wire_message *type); /* NULL after an error */

#endif
