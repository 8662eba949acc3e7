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

static inline void store_big_endian(uint8_t *out, uint64_t word) {
  if (wire_little_endian()) word = __builtin_bswap64(word);
  memcpy(out, &word, 8);
}

/* Two groups a step, stored as eight bytes for six, so at least four characters follow them. */
static size_t decode(const uint8_t *text, size_t size, uint8_t *out) {
  size_t i = 0;
  for (; size - i >= 12; i += 8, out += 6) {
    uint32_t first = group(text + i), second = group(text + i + 4);
    if ((first | second) & BAD) break;
    store_big_endian(out, (uint64_t)first << 40 | (uint64_t)second << 16);
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
