/* 64 characters or 48 bytes at a time with AArch64's table look-ups. */
#include <arm_neon.h>

#include "wire/base64.h"

static bool supported(void) { return true; }

/* The values of the characters 0..63 and 64..127; 255 where there is none. */
#define NONE8 255, 255, 255, 255, 255, 255, 255, 255
static const uint8_t low_values[64] = {NONE8, NONE8, NONE8, NONE8, NONE8,
                                       255,   255,   255,   62,    255, 62, 255, 63, /* + - / */
                                       52,    53,    54,    55,    56,  57, 58,  59, 60, 61,
                                       255,   255,   255,   255,   255, 255};
static const uint8_t high_values[64] = {255, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,  11,  12,  13,  14,
                                        15,  16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 255, 255, 255, 255, 63, /* _ */
                                        255, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36,  37,  38,  39,  40,
                                        41,  42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 255, 255, 255, 255, 255};
static const uint8_t alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* A look-up outside a table gives 0, so the one of the other half adds nothing; a byte over 127 is in neither. */
static inline uint8x16_t value(uint8x16x4_t low, uint8x16x4_t high, uint8x16_t characters) {
  uint8x16_t found = vorrq_u8(vqtbl4q_u8(low, characters), vqtbl4q_u8(high, veorq_u8(characters, vdupq_n_u8(64))));
  return vorrq_u8(found, vcgeq_u8(characters, vdupq_n_u8(128)));
}

static size_t decode(const uint8_t *text, size_t size, uint8_t *out) {
  const uint8x16x4_t low = vld1q_u8_x4(low_values), high = vld1q_u8_x4(high_values);
  size_t i = 0;
  for (; size - i >= 64; i += 64, out += 48) {
    uint8x16x4_t v = vld4q_u8(text + i);
    for (int k = 0; k < 4; k++) v.val[k] = value(low, high, v.val[k]);
    uint8x16_t all = vorrq_u8(vorrq_u8(v.val[0], v.val[1]), vorrq_u8(v.val[2], v.val[3]));
    if (vmaxvq_u8(all) > 63) break;
    uint8x16x3_t bytes;
    bytes.val[0] = vorrq_u8(vshlq_n_u8(v.val[0], 2), vshrq_n_u8(v.val[1], 4));
    bytes.val[1] = vorrq_u8(vshlq_n_u8(v.val[1], 4), vshrq_n_u8(v.val[2], 2));
    bytes.val[2] = vorrq_u8(vshlq_n_u8(v.val[2], 6), v.val[3]);
    vst3q_u8(out, bytes);
  }
  return i;
}

static size_t encode(const uint8_t *data, size_t size, uint8_t *out) {
  const uint8x16x4_t letters = vld1q_u8_x4(alphabet);
  const uint8x16_t six = vdupq_n_u8(63);
  size_t i = 0;
  for (; size - i >= 48; i += 48, out += 64) {
    uint8x16x3_t bytes = vld3q_u8(data + i);
    uint8x16x4_t v;
    v.val[0] = vshrq_n_u8(bytes.val[0], 2);
    v.val[1] = vandq_u8(vorrq_u8(vshlq_n_u8(bytes.val[0], 4), vshrq_n_u8(bytes.val[1], 4)), six);
    v.val[2] = vandq_u8(vorrq_u8(vshlq_n_u8(bytes.val[1], 2), vshrq_n_u8(bytes.val[2], 6)), six);
    v.val[3] = vandq_u8(bytes.val[2], six);
    for (int k = 0; k < 4; k++) v.val[k] = vqtbl4q_u8(letters, v.val[k]);
    vst4q_u8(out, v);
  }
  return i;
}

const base64_path base64_neon = {"neon", supported, decode, encode};
