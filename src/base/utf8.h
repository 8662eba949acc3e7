/* UTF-8 validation (RFC 3629: no surrogates, nothing over U+10FFFF, no overlong form), whole and piecewise. */
#ifndef GENAI_SRC_BASE_UTF8_H
#define GENAI_SRC_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* States of utf8_feed. ACCEPT: the text so far ends at a character; REJECT: it can never become valid;
 * any other value: a character is under way. */
#define UTF8_ACCEPT 0u
#define UTF8_REJECT 6u

/* Feeds the next piece of a text and returns the new state; start with UTF8_ACCEPT. REJECT is final. */
uint32_t utf8_feed(uint32_t state, const uint8_t *data, size_t size);
/* Whether the whole of `data` is valid. */
bool utf8_valid(const uint8_t *data, size_t size);
/* Length of the leading run of bytes below 0x80. */
size_t utf8_ascii_span(const uint8_t *data, size_t size);
/* Writes the 1 to 4 bytes of a scalar value (not a surrogate, at most U+10FFFF) and returns their number. */
size_t utf8_encode(uint32_t scalar, uint8_t out[4]);

#endif
