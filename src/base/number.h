/* JSON numbers (RFC 8259 section 6) to and from text, whatever locale the host program has set: the C library's
 * conversions read and write a decimal comma where the locale has one. */
#ifndef GENAI_SRC_BASE_NUMBER_H
#define GENAI_SRC_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for the text of any double, and of any int64; no NUL is written. */
enum { NUMBER_TEXT_MAX = 32, NUMBER_INT64_MAX = 20 };

/* Length of the number at the start of `text`, 0 when none stands there. */
size_t number_span(const char *text, size_t size);
/* The text, which must be one whole number, as the nearest double (ties to even). False when it is no number or
 * lies outside the range of a double. */
bool number_read_double(const char *text, size_t size, double *value);
/* False when the text is no number, not integral (5.0 and 1e3 are) or outside int64. */
bool number_read_int64(const char *text, size_t size, int64_t *value);

/* The shortest text that reads back as the same finite double, written as JavaScript would. Returns its length. */
size_t number_write_double(char out[NUMBER_TEXT_MAX], double value);
size_t number_write_int64(char out[NUMBER_INT64_MAX], int64_t value);

#endif
