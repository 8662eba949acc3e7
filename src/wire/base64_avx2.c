/* The arithmetic of base64_ssse3.c on 32 characters or 24 bytes at a time. */
#include <immintrin.h>

#include "wire/base64.h"

static bool supported(void) { return __builtin_cpu_supports("avx2"); }

static inline __m256i both(__m128i half) { return _mm256_broadcastsi128_si256(half); }

/* 32 characters to 24 bytes, 12 at the front of each half. A byte of `*known` becomes 0 where the character is in neither
 * alphabet. */
static inline __m256i decode32(__m256i v, bool url, __m256i *known) {
  if (url) { /* '-' and '_' as '+' and '/' */
    v = _mm256_sub_epi8(v, _mm256_and_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('-')), _mm256_set1_epi8('-' - '+')));
    v = _mm256_sub_epi8(v, _mm256_and_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('_')), _mm256_set1_epi8('_' - '/')));
  }
  const __m256i low_classes = both(_mm_setr_epi8(10, 14, 14, 14, 14, 14, 14, 14, 14, 14, 12, 5, 4, 4, 4, 5));
  const __m256i high_classes = both(_mm_setr_epi8(0, 0, 1, 2, 4, 8, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0));
  const __m256i shifts = both(_mm_setr_epi8(0, 0, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0));
  const __m256i pack = both(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
  __m256i high = _mm256_and_si256(_mm256_srli_epi32(v, 4), _mm256_set1_epi8(15));
  *known = _mm256_and_si256(_mm256_shuffle_epi8(low_classes, v), _mm256_shuffle_epi8(high_classes, high));
  v = _mm256_min_epu8(_mm256_add_epi8(v, _mm256_shuffle_epi8(shifts, high)), _mm256_set1_epi8(63));
  v = _mm256_maddubs_epi16(v, _mm256_set1_epi32(0x01400140));
  v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00011000));
  return _mm256_shuffle_epi8(v, pack);
}

static inline bool all_known(__m256i known) {
  return !_mm256_movemask_epi8(_mm256_cmpeq_epi8(known, _mm256_setzero_si256()));
}

static inline __m256i load(const uint8_t *from) { return _mm256_loadu_si256((const __m256i *)(const void *)from); }

/* Two stores of 16 bytes for 12 are faster than one across the halves; so at least 6 characters follow the last vector
 * (38 characters are 28 bytes). */
static inline void store24(uint8_t *to, __m256i v) {
  _mm_storeu_si128((__m128i *)(void *)to, _mm256_castsi256_si128(v));
  _mm_storeu_si128((__m128i *)(void *)(to + 12), _mm256_extracti128_si256(v, 1));
}

/* Two vectors a step; both are loaded before either is stored, since decoding may be in place. */
static inline size_t decode_run(const uint8_t *text, size_t size, uint8_t *out, bool url) {
  size_t i = 0;
  __m256i known, known2;
  for (; size - i >= 70; i += 64, out += 48) {
    __m256i v = decode32(load(text + i), url, &known), v2 = decode32(load(text + i + 32), url, &known2);
    if (!all_known(_mm256_min_epu8(known, known2))) break;
    store24(out, v);
    store24(out + 24, v2);
  }
  for (; size - i >= 38; i += 32, out += 24) {
    __m256i v = decode32(load(text + i), url, &known);
    if (!all_known(known)) break;
    store24(out, v);
  }
  return i;
}

static size_t decode(const uint8_t *text, size_t size, uint8_t *out) {
  size_t taken = decode_run(text, size, out, false);
  return taken + decode_run(text + taken, size - taken, out + taken / 4 * 3, true);
}

static inline __m256i encode24(__m256i v) {
  const __m256i spread = both(_mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
  const __m256i shifts = both(_mm_setr_epi8('A', 'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                            '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 0, 0));
  v = _mm256_shuffle_epi8(v, spread);
  __m256i a = _mm256_mulhi_epu16(_mm256_and_si256(v, _mm256_set1_epi32(0x0FC0FC00)), _mm256_set1_epi32(0x04000040));
  __m256i b = _mm256_mullo_epi16(_mm256_and_si256(v, _mm256_set1_epi32(0x003F03F0)), _mm256_set1_epi32(0x01000010));
  v = _mm256_or_si256(a, b);
  __m256i which =
      _mm256_sub_epi8(_mm256_subs_epu8(v, _mm256_set1_epi8(51)), _mm256_cmpgt_epi8(v, _mm256_set1_epi8(25)));
  return _mm256_add_epi8(v, _mm256_shuffle_epi8(shifts, which));
}

static size_t encode(const uint8_t *data, size_t size, uint8_t *out) {
  size_t i = 0;
  for (; size - i >= 28; i += 24, out += 32) { /* the second half's load ends 28 bytes on */
    __m128i first = _mm_loadu_si128((const __m128i *)(const void *)(data + i));
    __m128i second = _mm_loadu_si128((const __m128i *)(const void *)(data + i + 12));
    __m256i v = encode24(_mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1));
    _mm256_storeu_si256((__m256i *)(void *)out, v);
  }
  return i;
}

const base64_path base64_avx2 = {"avx2", supported, decode, encode};
