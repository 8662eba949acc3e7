/* The tokens of a JSON text (RFC 8259, strict, UTF-8), one after the other: what the reader, the checker and the
 * getters share. The text needs no NUL and is never changed. */
#ifndef GENAI_SRC_WIRE_SCAN_H
#define GENAI_SRC_WIRE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "genai/base.h"

enum {
  WIRE_DEPTH_DEFAULT = 100, /* what protobuf's own parsers allow */
  WIRE_DEPTH_CEILING = 1000 /* no setting goes past it, so that no text can use up a small thread's stack */
};

typedef struct wire_scan {
  const uint8_t *text, *p, *end;
  unsigned depth, depth_max;
  const char *fault; /* what is wrong at p; NULL so far */
  bool limit;        /* the fault is a ceiling, not the grammar */
} wire_scan;

/* What stands between the quotes of a string whose grammar has been checked. */
typedef struct wire_string {
  const uint8_t *data;
  size_t size;
  bool escaped; /* holds a backslash */
} wire_string;

void wire_scan_init(wire_scan *s, const char *text, size_t size, unsigned depth_max);
/* Notes the fault, if it is the first, and returns false. */
bool wire_scan_fault(wire_scan *s, const char *fault);
/* Passes white space and returns the byte that follows without taking it; 0 at the end. */
uint8_t wire_scan_space(wire_scan *s);
static inline uint8_t wire_scan_peek(wire_scan *s) {
  if (s->p < s->end && *s->p > ' ') return *s->p;
  if (s->end - s->p > 1 && *s->p == ' ' && s->p[1] > ' ') return *++s->p; /* the one after a colon */
  return wire_scan_space(s);
}
/* Takes the byte, which wire_scan_peek has just returned if all is well. */
static inline bool wire_scan_take(wire_scan *s, uint8_t byte, const char *fault) {
  if (s->p < s->end && *s->p == byte) {
    s->p++;
    return true;
  }
  return wire_scan_fault(s, s->p == s->end ? "the text ends too early" : fault);
}
/* Only white space is left. */
bool wire_scan_end(wire_scan *s);
/* Notes that the container at p is one too deep. */
bool wire_scan_too_deep(wire_scan *s);
/* One container deeper; the caller lowers depth again. */
static inline bool wire_scan_enter(wire_scan *s) { return ++s->depth <= s->depth_max || wire_scan_too_deep(s); }
/* Takes "…" at p. */
bool wire_scan_string(wire_scan *s, wire_string *out);
/* What stands between the quote at p and the next one, if that is near and a byte follows it. Nothing is taken, and
 * nothing is checked: this is to be compared with words of the schema, which hold no byte that JSON would escape. */
bool wire_scan_word(const wire_scan *s, wire_string *out);
/* Takes the colon after a name. */
static inline bool wire_scan_colon(wire_scan *s) {
  wire_scan_peek(s);
  return wire_scan_take(s, ':', "a colon is missing after a name");
}
/* Takes the name of a member and its colon. */
bool wire_scan_name(wire_scan *s, wire_string *out);
static inline bool wire_scan_literal(wire_scan *s, const char *literal) {
  size_t size = strlen(literal);
  if ((size_t)(s->end - s->p) < size || memcmp(s->p, literal, size) != 0)
    return wire_scan_fault(s, "a value is missing or misspelled");
  s->p += size;
  return true;
}
/* The length of the number at p, which is not taken. 0: none, and the fault is noted. */
size_t wire_scan_number(wire_scan *s);
/* Takes one whole value of any kind, with every rule checked. */
bool wire_scan_value(wire_scan *s);
/* The string itself: `out` holds at least string->size bytes. Returns its size. U+0000 and lone surrogates, which C
 * strings and UTF-8 cannot hold, become U+FFFD. */
size_t wire_unescape(const wire_string *string, uint8_t *out);

/* The first quote, backslash or control character, or `end`; *ascii becomes false when a byte on the way is not. */
const uint8_t *wire_plain_span(const uint8_t *p, const uint8_t *end, bool *ascii);

static inline uint64_t wire_load8(const void *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}
static inline uint32_t wire_load4(const void *p) {
  uint32_t word;
  memcpy(&word, p, 4);
  return word;
}
/* memcmp(a, b, size) == 0, quickest for the 4 to 32 bytes of a schema's word, which are compared in pieces that may
 * overlap. */
static inline bool wire_same(const void *a, const void *b, size_t size) {
  const uint8_t *x = a, *y = b, *x_end = x + size, *y_end = y + size;
  if (size < 4 || size > 32) return memcmp(x, y, size) == 0;
  if (size < 8) return wire_load4(x) == wire_load4(y) && wire_load4(x_end - 4) == wire_load4(y_end - 4);
  if (wire_load8(x) != wire_load8(y) || wire_load8(x_end - 8) != wire_load8(y_end - 8)) return false;
  if (size <= 16) return true;
  return wire_load8(x + 8) == wire_load8(y + 8) && wire_load8(x_end - 16) == wire_load8(y_end - 16);
}

/* Fills the error with the place and the fault: "Invalid WHAT at line 3, column 14 (byte 52), in PATH: FAULT." */
genai_status wire_scan_error(const wire_scan *s, genai_status status, const char *what, const char *path,
                             const char *fault, genai_error *error);

/* Whether `text` is one JSON value; depth_max 0: the default. GENAI_ERROR_ARGUMENT, or GENAI_ERROR_LIMIT for its depth.
 */
genai_status wire_json_check(const char *text, size_t size, unsigned depth_max, genai_error *error);

#endif
