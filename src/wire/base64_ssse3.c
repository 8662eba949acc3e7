/* 16 characters or 12 bytes at a time; the arithmetic is Wojciech Mula's and Daniel Lemire's ("Faster Base64 Encoding
 * and Decoding Using AVX2 Instructions", 2018), with a validity table that knows both alphabets. */
#include <immintrin.h>

#include "wire/base64.h"

static bool supported(void) { return __builtin_cpu_supports("ssse3"); }

/* 16 characters to 12 bytes (and 4 zeros). A byte of `*known` becomes 0 where the character is in neither alphabet: its
 * low and its high half then share no class. */
static inline __m128i decode16(__m128i v, bool url, __m128i *known) {
  if (url) { /* '-' and '_' as '+' and '/' */
    v = _mm_sub_epi8(v, _mm_and_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('-')), _mm_set1_epi8('-' - '+')));
    v = _mm_sub_epi8(v, _mm_and_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('_')), _mm_set1_epi8('_' - '/')));
  }
  /* Classes: 1 for + and /, 2 for digits, 4 for @..O and `..o but for @ and `, 8 for P..Z and p..z. A look-up of a byte
   * over 127 gives 0. */
  const __m128i low_classes = _mm_setr_epi8(10, 14, 14, 14, 14, 14, 14, 14, 14, 14, 12, 5, 4, 4, 4, 5);
  const __m128i high_classes = _mm_setr_epi8(0, 0, 1, 2, 4, 8, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m128i shifts = _mm_setr_epi8(0, 0, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
  __m128i high = _mm_and_si128(_mm_srli_epi32(v, 4), _mm_set1_epi8(15));
  *known = _mm_and_si128(_mm_shuffle_epi8(low_classes, v), _mm_shuffle_epi8(high_classes, high));
  /* '/' stands four places after '+', but its value is the next: the sum for it is 66, the only one over 63. */
  v = _mm_min_epu8(_mm_add_epi8(v, _mm_shuffle_epi8(shifts, high)), _mm_set1_epi8(63));
  v = _mm_maddubs_epi16(v, _mm_set1_epi32(0x01400140));
  v = _mm_madd_epi16(v, _mm_set1_epi32(0x00011000));
  return _mm_shuffle_epi8(v, _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
}

static inline bool all_known(__m128i known) { return !_mm_movemask_epi8(_mm_cmpeq_epi8(known, _mm_setzero_si128())); }

static inline __m128i load(const uint8_t *from) { return _mm_loadu_si128((const __m128i *)(const void *)from); }
static inline void store(uint8_t *to, __m128i v) { _mm_storeu_si128((__m128i *)(void *)to, v); }

/* Each store writes 16 bytes for 12, so at least 6 characters follow the last vector (22 characters are 16 bytes). Two
 * vectors a step; both are loaded before either is stored, since decoding may be in place. */
static inline size_t decode_run(const uint8_t *text, size_t size, uint8_t *out, bool url) {
  size_t i = 0;
  __m128i known, known2;
  for (; size - i >= 38; i += 32, out += 24) {
    __m128i v = decode16(load(text + i), url, &known), v2 = decode16(load(text + i + 16), url, &known2);
    if (!all_known(_mm_min_epu8(known, known2))) break;
    store(out, v);
    store(out + 12, v2);
  }
  for (; size - i >= 22; i += 16, out += 12) {
    __m128i v = decode16(load(text + i), url, &known);
    if (!all_known(known)) break;
    store(out, v);
  }
  return i;
}

static size_t decode(const uint8_t *text, size_t size, uint8_t *out) {
  size_t taken = decode_run(text, size, out, false);
  return taken + decode_run(text + taken, size - taken, out + taken / 4 * 3, true);
}

static size_t encode(const uint8_t *data, size_t size, uint8_t *out) {
  const __m128i spread = _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
  const __m128i shifts = _mm_setr_epi8('A', 'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                       '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 0, 0);
  size_t i = 0;
  for (; size - i >= 16; i += 12, out += 16) {
    __m128i v = _mm_shuffle_epi8(load(data + i), spread);
    __m128i a = _mm_mulhi_epu16(_mm_and_si128(v, _mm_set1_epi32(0x0FC0FC00)), _mm_set1_epi32(0x04000040));
    __m128i b = _mm_mullo_epi16(_mm_and_si128(v, _mm_set1_epi32(0x003F03F0)), _mm_set1_epi32(0x01000010));
    v = _mm_or_si128(a, b); /* one value of 0..63 a byte */
    __m128i which = _mm_sub_epi8(_mm_subs_epu8(v, _mm_set1_epi8(51)), _mm_cmpgt_epi8(v, _mm_set1_epi8(25)));
    store(out, _mm_add_epi8(v, _mm_shuffle_epi8(shifts, which)));
  }
  return i;
}

const base64_path base64_ssse3 = {"ssse3", supported, decode, encode};
