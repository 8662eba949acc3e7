#include "base/utf8.h"

#include <string.h>

/* A shift-based automaton: a row of each byte class holds, six bits a state, the state that follows; so the only
 * dependent work a byte is one shift. States are the shifts themselves. */
enum {
  ACCEPT = UTF8_ACCEPT,
  REJECT = UTF8_REJECT,
  LAST = 12,      /* one continuation byte is due */
  LAST2 = 18,     /* two */
  LAST3 = 24,     /* three */
  AFTER_E0 = 30,  /* A0..BF, then one: no overlong form */
  AFTER_ED = 36,  /* 80..9F, then one: no surrogate */
  AFTER_F0 = 42,  /* 90..BF, then two: no overlong form */
  AFTER_F4 = 48   /* 80..8F, then two: nothing over U+10FFFF */
};

/* In every state a byte that does not belong leads to REJECT, and nothing leads out of it. */
#define TO(from, to) ((uint64_t)((to) ^ REJECT) << (from))
#define ALL_REJECT                                                                                                     \
  ((uint64_t)REJECT << ACCEPT | (uint64_t)REJECT << REJECT | (uint64_t)REJECT << LAST | (uint64_t)REJECT << LAST2 |    \
   (uint64_t)REJECT << LAST3 | (uint64_t)REJECT << AFTER_E0 | (uint64_t)REJECT << AFTER_ED |                           \
   (uint64_t)REJECT << AFTER_F0 | (uint64_t)REJECT << AFTER_F4)
#define ROW(changes) (ALL_REJECT ^ (changes))
#define CONTINUES (TO(LAST, ACCEPT) | TO(LAST2, LAST) | TO(LAST3, LAST2))

enum { ASCII, C80, C90, CA0, BAD, TWO, E0, THREE, ED, F0, FOUR, F4 };

static const uint64_t rows[] = {
    [ASCII] = ROW(TO(ACCEPT, ACCEPT)),
    [C80] = ROW(CONTINUES | TO(AFTER_ED, LAST) | TO(AFTER_F4, LAST2)),                       /* 80..8F */
    [C90] = ROW(CONTINUES | TO(AFTER_ED, LAST) | TO(AFTER_F0, LAST2)),                       /* 90..9F */
    [CA0] = ROW(CONTINUES | TO(AFTER_E0, LAST) | TO(AFTER_F0, LAST2)),                       /* A0..BF */
    [BAD] = ALL_REJECT,                                                                      /* C0 C1 F5..FF */
    [TWO] = ROW(TO(ACCEPT, LAST)),                                                           /* C2..DF */
    [E0] = ROW(TO(ACCEPT, AFTER_E0)),
    [THREE] = ROW(TO(ACCEPT, LAST2)),                                                        /* E1..EC EE EF */
    [ED] = ROW(TO(ACCEPT, AFTER_ED)),
    [F0] = ROW(TO(ACCEPT, AFTER_F0)),
    [FOUR] = ROW(TO(ACCEPT, LAST3)),                                                         /* F1..F3 */
    [F4] = ROW(TO(ACCEPT, AFTER_F4)),
};

#define X4(c) c, c, c, c
#define X16(c) X4(c), X4(c), X4(c), X4(c)
static const uint8_t classes[128] = {
    /* 80 */ X16(C80), /* 90 */ X16(C90), /* A0 */ X16(CA0), /* B0 */ X16(CA0),
    /* C0 */ BAD, BAD, TWO, TWO, X4(TWO), X4(TWO), X4(TWO), /* D0 */ X16(TWO),
    /* E0 */ E0, THREE, THREE, THREE, X4(THREE), X4(THREE), THREE, ED, THREE, THREE,
    /* F0 */ F0, FOUR, FOUR, FOUR, F4, BAD, BAD, BAD, X4(BAD), X4(BAD),
};

static uint32_t step(uint32_t state, uint8_t byte) {
  return (uint32_t)(rows[byte < 0x80 ? ASCII : classes[byte - 0x80]] >> state) & 63;
}

size_t utf8_ascii_span(const uint8_t *data, size_t size) {
  const uint64_t high = UINT64_C(0x8080808080808080);
  size_t i = 0;
  for (; size - i >= 32; i += 32) {
    uint64_t words[4];
    memcpy(words, data + i, 32);
    if ((words[0] | words[1] | words[2] | words[3]) & high) break;
  }
  for (; size - i >= 8; i += 8) {
    uint64_t word;
    memcpy(&word, data + i, 8);
    if (word & high) break;
  }
  while (i < size && data[i] < 0x80) i++;
  return i;
}

uint32_t utf8_feed(uint32_t state, const uint8_t *data, size_t size) {
  size_t i = 0;
  while (i < size) {
    if (state == ACCEPT && data[i] < 0x80) {
      i += utf8_ascii_span(data + i, size - i);
      continue;
    }
    /* Text in other scripts mixes in ASCII one byte at a time: a block is stepped before ASCII is looked for again. */
    size_t end = size - i < 32 ? size : i + 32;
    while (i < end) state = step(state, data[i++]);
    if (state == REJECT) return REJECT;
  }
  return state;
}

bool utf8_valid(const uint8_t *data, size_t size) { return utf8_feed(UTF8_ACCEPT, data, size) == UTF8_ACCEPT; }

size_t utf8_encode(uint32_t scalar, uint8_t out[4]) {
  if (scalar < 0x80) {
    out[0] = (uint8_t)scalar;
    return 1;
  }
  if (scalar < 0x800) {
    out[0] = (uint8_t)(0xC0 | scalar >> 6);
    out[1] = (uint8_t)(0x80 | (scalar & 0x3F));
    return 2;
  }
  if (scalar < 0x10000) {
    out[0] = (uint8_t)(0xE0 | scalar >> 12);
    out[1] = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
    out[2] = (uint8_t)(0x80 | (scalar & 0x3F));
    return 3;
  }
  out[0] = (uint8_t)(0xF0 | scalar >> 18);
  out[1] = (uint8_t)(0x80 | (scalar >> 12 & 0x3F));
  out[2] = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
  out[3] = (uint8_t)(0x80 | (scalar & 0x3F));
  return 4;
}
