#include <string.h>

#include "wire/base64.h"
#include "wire/endian.h"

/* Four tables, one for each place in a group: a character's six bits where they belong in the three bytes,
 * or BAD. One OR of four loads is a group. */
#define BAD 0x80000000u
#define VALUE(c)                                                                                                       \
  ((c) >= 'A' && (c) <= 'Z'   ? (c) - 'A'                                                                              \
   : (c) >= 'a' && (c) <= 'z' ? (c) - 'a' + 26                                                                         \
   : (c) >= '0' && (c) <= '9' ? (c) - '0' + 52                                                                         \
   : (c) == '+' || (c) == '-' ? 62                                                                                     \
   : (c) == '/' || (c) == '_' ? 63                                                                                     \
                              : -1)
#define AT(c, place) (VALUE(c) < 0 ? BAD : (uint32_t)VALUE(c) << (18 - 6 * (place)))
#define AT4(c, place) AT(c, place), AT((c) + 1, place), AT((c) + 2, place), AT((c) + 3, place)
#define AT16(c, place) AT4(c, place), AT4((c) + 4, place), AT4((c) + 8, place), AT4((c) + 12, place)
#define AT64(c, place) AT16(c, place), AT16((c) + 16, place), AT16((c) + 32, place), AT16((c) + 48, place)
#define AT256(place) {AT64(0, place), AT64(64, place), AT64(128, place), AT64(192, place)}

static const uint32_t places[4][256] = {AT256(0), AT256(1), AT256(2), AT256(3)};

static const uint8_t alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static inline uint32_t group(const uint8_t *text) {
  return places[0][text[0]] | places[1][text[1]] | places[2][text[2]] | places[3][text[3]];
}

/* The same with one load for the text instead of four. */
static inline uint32_t group_at_once(const uint8_t *text) {
  uint32_t word;
  memcpy(&word, text, 4);
  if (!wire_little_endian()) word = __builtin_bswap32(word);
  return places[0][word & 255] | places[1][word >> 8 & 255] | places[2][word >> 16 & 255] | places[3][word >> 24];
}

/* Two groups as six bytes, and two of no meaning. */
static inline void store(uint8_t *out, uint32_t first, uint32_t second) {
  uint64_t word = (uint64_t)first << 40 | (uint64_t)second << 16;
  if (wire_little_endian()) word = __builtin_bswap64(word);
  memcpy(out, &word, 8);
}

/* Four groups a step, so at least four characters follow them. Every other group is loaded at once: so loads and
 * arithmetic, of which a processor does only so many at a time, take turns. */
static size_t decode(const uint8_t *text, size_t size, uint8_t *out) {
  size_t i = 0;
  for (; size - i >= 20; i += 16, out += 12) {
    uint32_t a = group_at_once(text + i), b = group(text + i + 4), c = group_at_once(text + i + 8);
    uint32_t d = group(text + i + 12);
    if ((a | b | c | d) & BAD) break;
    store(out, a, b);
    store(out + 6, c, d);
  }
  for (; size - i >= 4; i += 4, out += 3) {
    uint32_t bytes = group(text + i);
    if (bytes & BAD) break;
    out[0] = (uint8_t)(bytes >> 16);
    out[1] = (uint8_t)(bytes >> 8);
    out[2] = (uint8_t)bytes;
  }
  return i;
}

static size_t encode(const uint8_t *data, size_t size, uint8_t *out) {
  size_t i = 0;
  for (; size - i >= 3; i += 3, out += 4) {
    uint32_t bits = (uint32_t)data[i] << 16 | (uint32_t)data[i + 1] << 8 | data[i + 2];
    out[0] = alphabet[bits >> 18];
    out[1] = alphabet[bits >> 12 & 63];
    out[2] = alphabet[bits >> 6 & 63];
    out[3] = alphabet[bits & 63];
  }
  return i;
}

static bool supported(void) { return true; }

const base64_path base64_scalar = {"scalar", supported, decode, encode};
