#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scale.h"

/* The definition of RFC 3629 section 4, written the long way, as judge. */
static size_t character_size(const uint8_t *p, size_t size) {
  static const struct { uint8_t low, high, second_low, second_high; size_t size; } forms[] = {
      {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
      {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
      {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
  for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
    if (p[0] < forms[f].low || p[0] > forms[f].high) continue;
    if (forms[f].size > size) return 0;
    if (forms[f].size > 1 && (p[1] < forms[f].second_low || p[1] > forms[f].second_high)) return 0;
    for (size_t i = 2; i < forms[f].size; i++)
      if ((p[i] & 0xC0) != 0x80) return 0;
    return forms[f].size;
  }
  return 0;
}

static bool judge(const uint8_t *p, size_t size) {
  while (size > 0) {
    size_t n = character_size(p, size);
    if (n == 0) return false;
    p += n;
    size -= n;
  }
  return true;
}

static void test_every_short_sequence(void **state) {
  (void)state;
  uint8_t text[4];
  for (uint32_t value = 0, step = 256 / (uint32_t)scaled_down(256); value < 1u << 24; value += step) {
    text[0] = (uint8_t)(value >> 16);
    text[1] = (uint8_t)(value >> 8);
    text[2] = (uint8_t)value;
    if (text[0] < 0xC0 && (text[1] & 0x3F) > 2) continue; /* nothing new to see */
    if (utf8_valid(text, 3) != judge(text, 3)) fail_msg("%02x %02x %02x", text[0], text[1], text[2]);
  }
  for (uint32_t value = 0; value < 0x10 * 0x100 * 0x20 * 0x20; value++) {
    text[0] = (uint8_t)(0xF0 + value / (0x100 * 0x20 * 0x20));
    text[1] = (uint8_t)(value / (0x20 * 0x20));
    text[2] = (uint8_t)(value / 0x20 % 0x20 * 8 + 7);
    text[3] = (uint8_t)(value % 0x20 * 8);
    if (utf8_valid(text, 4) != judge(text, 4))
      fail_msg("%02x %02x %02x %02x", text[0], text[1], text[2], text[3]);
  }
}

static void test_every_scalar_encodes(void **state) {
  (void)state;
  for (uint32_t scalar = 0; scalar <= 0x10FFFF; scalar++) {
    uint8_t out[4];
    size_t size = utf8_encode(scalar, out);
    bool surrogate = scalar >= 0xD800 && scalar < 0xE000;
    if (utf8_valid(out, size) == surrogate || (!surrogate && character_size(out, size) != size)) fail_msg("%x", scalar);
  }
}

static void test_each_split(void **state) {
  (void)state;
  static const char text[] = "plain text of more than thirty-two bytes, then \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8E\xA4"
                             "\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82 \xE4\xB8\xAD\xE6\x96\x87";
  const uint8_t *bytes = (const uint8_t *)text;
  size_t size = sizeof text - 1;
  assert_true(utf8_valid(bytes, size));
  uint32_t each = UTF8_ACCEPT;
  for (size_t i = 0; i < size; i++) {
    each = utf8_feed(each, bytes + i, 1);
    assert_int_equal(each == UTF8_ACCEPT, judge(bytes, i + 1));
    assert_int_not_equal(each, UTF8_REJECT);
    uint32_t first = utf8_feed(UTF8_ACCEPT, bytes, i);
    assert_int_equal(utf8_feed(first, bytes + i, size - i), UTF8_ACCEPT);
  }
  assert_int_equal(each, UTF8_ACCEPT);
}

static void test_one_bad_byte_anywhere(void **state) {
  (void)state;
  uint8_t text[100];
  for (size_t start = 0; start < 16; start++)
    for (size_t at = start; at < sizeof text; at++) {
      memset(text, 'a', sizeof text);
      text[at] = 0xFF;
      assert_int_equal(utf8_ascii_span(text + start, sizeof text - start), at - start);
      assert_int_equal(utf8_feed(UTF8_ACCEPT, text + start, sizeof text - start), UTF8_REJECT);
      assert_int_equal(utf8_feed(UTF8_REJECT, text, start), UTF8_REJECT);
      text[at] = 0xC3; /* a character cut short by ASCII, or by the end of the text */
      assert_false(utf8_valid(text + start, sizeof text - start));
    }
}

static void test_random_texts(void **state) {
  (void)state;
  uint32_t random = 1;
  for (int round = 0, rounds = scaled_down(200000); round < rounds; round++) {
    uint8_t text[48];
    size_t size = 0;
    while (size < 40) {
      random = random * 1664525u + 1013904223u;
      static const uint32_t scalars[] = {'a', 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF};
      size += utf8_encode(scalars[random >> 8 & 7], text + size);
      size += utf8_encode(scalars[(random >> 16) % 10], text + size);
    }
    if (round & 1) text[random >> 4 & 31] = (uint8_t)(random >> 24);
    assert_int_equal(utf8_valid(text, size), judge(text, size));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_short_sequence), cmocka_unit_test(test_every_scalar_encodes),
      cmocka_unit_test(test_each_split),           cmocka_unit_test(test_one_bad_byte_anywhere),
      cmocka_unit_test(test_random_texts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
