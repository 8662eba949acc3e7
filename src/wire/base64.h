/* base64 (RFC 4648) as proto3 JSON has it: both alphabets are read, padded or not; the standard alphabet with padding
 * is written. Strict about anything else, but the unused low bits of the last character may be set. */
#ifndef GENAI_SRC_WIRE_BASE64_H
#define GENAI_SRC_WIRE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most bytes that `size` characters decode to. */
static inline size_t base64_decoded_max(size_t size) { return size / 4 * 3 + size % 4 * 3 / 4; }
/* The exact number of characters that `size` bytes encode to. */
static inline size_t base64_encoded_size(size_t size) { return (size + 2) / 3 * 4; }

/* Decodes the whole of `text` into `out`, which holds base64_decoded_max(size) bytes and may be `text` itself.
 * False when the text is no base64; what was written is then undefined. */
bool base64_decode(const uint8_t *text, size_t size, uint8_t *out, size_t *written);
/* Decodes whole groups of four characters while they last, into `out`, which holds base64_decoded_max(size) bytes, and
 * returns how many characters it took: text whose end is not known. */
size_t base64_decode_groups(const uint8_t *text, size_t size, uint8_t *out);
/* Writes base64_encoded_size(size) characters, no NUL. */
void base64_encode(const uint8_t *data, size_t size, uint8_t *out);

/* One implementation. `decode` takes whole groups of four characters from the front of `text` while they are of either
 * alphabet, and `encode` whole groups of three bytes; either may stop early, never reads or writes past its
 * ranges, and returns how much of its input it took. Writing lags behind reading, so that decoding in place works. */
typedef struct base64_path {
  const char *name;
  bool (*supported)(void); /* by this processor */
  size_t (*decode)(const uint8_t *text, size_t size, uint8_t *out);
  size_t (*encode)(const uint8_t *data, size_t size, uint8_t *out);
} base64_path;

extern const base64_path base64_scalar, base64_ssse3, base64_avx2, base64_neon; /* those that the build has */

/* Every path of this build, best first, ended by NULL; the last is base64_scalar. */
extern const base64_path *const base64_paths[];
/* Uses this path from now on, for tests and measurements; NULL: the best that the processor supports. */
void base64_choose(const base64_path *path);

#endif
