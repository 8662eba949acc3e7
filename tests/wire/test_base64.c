#include "wire/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/base/scale.h"

enum { LENGTH_MAX = 300 };

static uint32_t next(uint32_t *random) { return *random = *random * 1664525u + 1013904223u; }

/* Each range stands alone in its own allocation, so that a sanitizer sees a byte read or written outside. */
static bool decodes(const char *text, size_t size, size_t align, uint8_t *out, size_t *written) {
  size_t room = base64_decoded_max(size);
  uint8_t *in = malloc(size + align), *to = malloc(room + align + 2);
  memcpy(in + align, text, size);
  memset(to, 0xA5, room + align + 2);
  bool valid = base64_decode(in + align, size, to + align, written);
  for (size_t i = 0; i < align; i++) assert_int_equal(to[i], 0xA5);
  assert_int_equal(to[align + room], 0xA5);
  assert_int_equal(to[align + room + 1], 0xA5);
  if (valid) memcpy(out, to + align, *written);
  uint8_t *exact = malloc(room ? room : 1);
  size_t again = 0;
  assert_int_equal(base64_decode(in + align, size, exact, &again), valid);
  if (valid) assert_memory_equal(exact, out, again);
  bool in_place = base64_decode(in + align, size, in + align, &again);
  assert_int_equal(in_place, valid);
  if (valid) assert_memory_equal(in + align, out, again);
  free(exact);
  free(in);
  free(to);
  return valid;
}

static void fill(char *text, size_t size, uint32_t *random, const char *alphabet) {
  for (size_t i = 0; i < size; i++) text[i] = alphabet[next(random) >> 8 & 63];
}

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Decodes with a path and with the scalar one; both must agree on everything. */
static bool agree(const base64_path *path, const char *text, size_t size, size_t align) {
  uint8_t one[LENGTH_MAX], two[LENGTH_MAX];
  size_t n = 0, m = 0;
  base64_choose(path);
  bool valid = decodes(text, size, align, one, &n);
  base64_choose(&base64_scalar);
  assert_int_equal(decodes(text, size, align, two, &m), valid);
  if (valid) {
    assert_int_equal(n, m);
    assert_memory_equal(one, two, n);
  }
  return valid;
}

static void test_paths_agree(void **state) {
  (void)state;
  uint32_t random = 7;
  for (const base64_path *const *path = base64_paths; *path; path++) {
    if (!(*path)->supported()) continue;
    for (size_t size = 0; size <= LENGTH_MAX; size++)
      for (size_t align = 0; align < 32; align += size > 130 || scaled_down(32) < 32 ? 5 : 1) {
        char text[LENGTH_MAX];
        fill(text, size, &random, size & 1 ? url : standard);
        assert_int_equal(agree(*path, text, size, align), size % 4 != 1);
        if (size >= 4) { /* the same with padding in place of the last characters */
          text[size - 1] = '=';
          if (random & 256) text[size - 2] = '=';
          assert_int_equal(agree(*path, text, size, align), size % 4 == 0);
        }
      }
  }
}

static void test_every_byte_everywhere(void **state) {
  (void)state;
  uint32_t random = 9;
  for (const base64_path *const *path = base64_paths; *path; path++) {
    if (!(*path)->supported()) continue;
    for (size_t size = 4; size <= 200; size += size < 90 && scaled_down(32) == 32 ? 4 : 36)
      for (size_t at = 0; at < size; at++) {
        char text[LENGTH_MAX];
        fill(text, size, &random, standard);
        for (int byte = at % 7 ? 128 + (int)(next(&random) >> 25) : 0; byte < 256; byte += at % 7 ? 61 : 1) {
          text[at] = (char)byte;
          bool known = byte && (strchr(standard, byte) || strchr(url, byte));
          assert_int_equal(agree(*path, text, size, at & 3), known || (byte == '=' && at == size - 1));
        }
      }
  }
}

static void test_round_trip(void **state) {
  (void)state;
  uint32_t random = 3;
  for (const base64_path *const *path = base64_paths; *path; path++) {
    if (!(*path)->supported()) continue;
    print_message("path: %s\n", (*path)->name);
    for (size_t size = 0; size <= LENGTH_MAX; size++)
      for (size_t align = 0; align < 8; align++) {
        uint8_t *data = malloc(size + align), back[LENGTH_MAX], scalar[2 * LENGTH_MAX];
        for (size_t i = 0; i < size + align; i++) data[i] = (uint8_t)(next(&random) >> 24);
        size_t length = base64_encoded_size(size), written = 77;
        uint8_t *text = malloc(length + align);
        base64_choose(*path);
        base64_encode(data + align, size, text + align);
        assert_true(base64_decode(text + align, length, back, &written));
        assert_int_equal(written, size);
        assert_memory_equal(back, data + align, size);
        base64_choose(&base64_scalar);
        base64_encode(data + align, size, scalar);
        assert_memory_equal(scalar, text + align, length);
        free(data);
        free(text);
      }
  }
  base64_choose(NULL);
}

static void assert_decoded(const char *text, const char *expected) {
  uint8_t out[64];
  size_t written;
  if (!decodes(text, strlen(text), 0, out, &written)) fail_msg("%s", text);
  assert_int_equal(written, strlen(expected));
  assert_memory_equal(out, expected, written);
}

/* RFC 4648 section 10, and what proto3 JSON adds. */
static void test_rules(void **state) {
  (void)state;
  static const char *const pairs[][2] = {{"", ""},           {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
                                         {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (size_t i = 0; i < 7; i++) {
    uint8_t out[16];
    base64_encode((const uint8_t *)pairs[i][0], strlen(pairs[i][0]), out);
    assert_memory_equal(out, pairs[i][1], strlen(pairs[i][1]));
    assert_decoded(pairs[i][1], pairs[i][0]);
  }
  assert_decoded("Zg", "f");
  assert_decoded("Zm8", "fo");
  assert_decoded("-_-_", "\xFB\xFF\xBF");
  assert_decoded("+/-_", "\xFB\xFF\xBF");
  assert_decoded("Zh==", "f");   /* bits that are not used may be set */
  assert_decoded("Zm9=", "fo");
  static const char *const bad[] = {"Z", "Zg=", "Zg===", "=", "==", "===", "====", "Z===", "Zm9vY", "Zm 9", "Zm9v\n", "Zm9vYg=a",
                                    "Z=g=", "=Zg=", "Zg==Zg==", "Zm9v=", "Zm9v====", "Zm9*", "\xC3\xA9\xC3\xA9"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    uint8_t out[64];
    size_t written;
    if (decodes(bad[i], strlen(bad[i]), 0, out, &written)) fail_msg("%s", bad[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_paths_agree),
      cmocka_unit_test(test_every_byte_everywhere),
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_rules),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
