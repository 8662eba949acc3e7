#include "base/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decimal_comma.h"
#include "scale.h"

static void assert_spans(const char *text, size_t span) {
  if (number_span(text, strlen(text)) != span) fail_msg("%s: %zu", text, number_span(text, strlen(text)));
}

static void test_grammar(void **state) {
  (void)state;
  static const char *const whole[] = {"0",   "-0",    "7",      "10",   "-123", "0.5",   "1.25",   "1e5",
                                      "1E5", "1e+05", "1.5e-7", "0e0", "-0.0", "100.00", "1e400", "12345678901234567890"};
  for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) assert_spans(whole[i], strlen(whole[i]));
  static const char *const none[] = {"", "-", "+1", ".5", "01", "-01", "00", "1.", "1.e5", "1e", "1e+", "1E-", "e5",
                                     "-.5", "NaN", "Infinity", " 1", "-a", "--1", "1.-5"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) assert_spans(none[i], 0);
  assert_spans("1 ", 1);
  assert_spans("0x10", 1);
  assert_spans("1,5", 1);
  assert_spans("1.5.5", 3);
  assert_spans("1-2", 1);
}

static void assert_int64(const char *text, int64_t expected) {
  int64_t value = -77;
  if (!number_read_int64(text, strlen(text), &value) || value != expected) fail_msg("%s", text);
}

static void test_int64(void **state) {
  (void)state;
  assert_int64("0", 0);
  assert_int64("-0", 0);
  assert_int64("0.000e99999999999999999999", 0);
  assert_int64("123", 123);
  assert_int64("1e3", 1000);
  assert_int64("5.0", 5);
  assert_int64("1.50e1", 15);
  assert_int64("1500e-2", 15);
  assert_int64("0.00015e5", 15);
  assert_int64("-12.5e1", -125);
  assert_int64("9223372036854775807", INT64_MAX);
  assert_int64("-9223372036854775808", INT64_MIN);
  assert_int64("922337203685477580.7e1", INT64_MAX);
  assert_int64("9.223372036854775807E+18", INT64_MAX);
  assert_int64("1000000000000000000", INT64_C(1000000000000000000));
  static const char *const refused[] = {"",     "1.5", "15e-1", "9223372036854775808", "-9223372036854775809",
                                        "1e19", "1e999999999999999999999", "1e-1", "0.1", "1 ", "x", "10000000000000000000000"};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    int64_t value;
    if (number_read_int64(refused[i], strlen(refused[i]), &value)) fail_msg("%s", refused[i]);
  }
  static const int64_t written[] = {0, 1, -1, 9, 10, 99, 12345, INT64_MAX, INT64_MIN};
  for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
    char out[NUMBER_TEXT_MAX], judge[32];
    size_t size = number_write_int64(out, written[i]);
    assert_int_equal(size, snprintf(judge, sizeof judge, "%lld", (long long)written[i]));
    assert_memory_equal(out, judge, size);
  }
}

static void assert_read_like_strtod(const char *text) {
  double value = -77, judge = strtod(text, NULL);
  bool read = number_read_double(text, strlen(text), &value);
  if (isinf(judge) ? read : !read || memcmp(&value, &judge, sizeof value) != 0)
    fail_msg("%s: %d %.17g, not %.17g", text, read, value, judge);
}

static void test_hard_doubles(void **state) {
  (void)state;
  static const char *const texts[] = {
      "0", "-0", "0.7", "1e22", "1e23", "8.41e21", "9007199254740993", "9007199254740992.5", "9007199254740993.0000001",
      "2.2250738585072011e-308", "2.2250738585072012e-308", "2.2250738585072014e-308", "4.9e-324", "2.4703282292062327e-324",
      "2.4703282292062328e-324", "2.47032822920623272088284396434110686182e-324", "1e-325", "1e-400", "0e-999999999999",
      "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1e309", "1e400", "-1e400",
      "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880",
      "6.9294956446009195e15", "3.5844466002796428e+298", "5e-324", "123456789012345678901234567890", "0.1e-6", "1.0000000000000002",
      "1.00000000000000011102230246251565404236316680908203125", "1.00000000000000011102230246251565404236316680908203124",
      "1.00000000000000011102230246251565404236316680908203126", "0.000000000000000000000000000000000000000000000001e50",
      "10000000000000000000000000000000000000000000e-30", "7.7777777777777777777777e-310", "99999999999999999999999e300"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) assert_read_like_strtod(texts[i]);
  /* Halfway between 1 and the next double, then 2,000 zeros and a 1: every digit counts. */
  char longer[2200] = "1.00000000000000011102230246251565404236316680908203125";
  size_t size = strlen(longer);
  memset(longer + size, '0', 2000);
  assert_read_like_strtod(longer);
  longer[size + 2000] = '1';
  assert_read_like_strtod(longer);
  double value;
  assert_false(number_read_double("1,5", 3, &value));
  assert_false(number_read_double("", 0, &value));
  assert_false(number_read_double("nan", 3, &value));
}

static uint64_t next(uint64_t *random) {
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  return *random;
}

/* The first `count` digits of a number's text, from the first that is not 0. */
static void significant(const char *text, char *out, int count) {
  while (*text < '1') text++;
  for (; count && *text && *text != 'e'; text++)
    if (*text >= '0' && *text <= '9') {
      *out++ = *text;
      count--;
    }
  *out = '\0';
}

/* Whether a text of one digit less reads back too is asked of the C library. */
static void assert_written_shortest(double value) {
  char text[NUMBER_TEXT_MAX + 1], judge[64];
  size_t size = number_write_double(text, value);
  text[size] = '\0';
  double back = 0;
  assert_int_equal(number_span(text, size), size);
  if (!number_read_double(text, size, &back) || memcmp(&back, &value, sizeof back) != 0 || strtod(text, NULL) != value)
    fail_msg("%.17g became %s", value, text);
  int digits = 0, zeros = 0;
  for (size_t i = 0; i < size && text[i] != 'e'; i++) {
    if (text[i] < '0' || text[i] > '9' || (!digits && text[i] == '0')) continue;
    zeros = text[i] == '0' ? zeros + 1 : 0;
    digits++;
  }
  digits -= zeros;
  if (digits > 1) {
    snprintf(judge, sizeof judge, "%.*e", digits - 2, value);
    if (strtod(judge, NULL) == value) fail_msg("%s is shorter than %s", judge, text);
    snprintf(judge, sizeof judge, "%.*e", digits - 1, value); /* the nearest of this length, where it reads back */
    if (strtod(judge, NULL) == value) {
      char nearest[64], own[64];
      significant(judge, nearest, digits);
      significant(text, own, digits);
      assert_string_equal(own, nearest);
    }
  }
}

static void test_random_doubles(void **state) {
  (void)state;
  uint64_t random = 88172645463325252u;
  for (int i = 0, rounds = scaled_down(30000); i < rounds; i++) {
    uint64_t bits = next(&random);
    double value;
    memcpy(&value, &bits, sizeof value);
    if (!isfinite(value)) continue;
    assert_written_shortest(value);
    char text[64];
    snprintf(text, sizeof text, "%.17g", value);
    assert_read_like_strtod(text);
    snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)next(&random), (unsigned long long)next(&random),
             (int)(next(&random) % 700) - 350);
    assert_read_like_strtod(text);
    assert_written_shortest((double)(int64_t)(next(&random) >> (next(&random) & 63)) / 1000.0);
  }
  for (int exponent = -1074; exponent < 1024; exponent += scaled_down(2) == 2 ? 1 : 16) { /* powers of two: the uneven neighbours */
    assert_written_shortest(ldexp(1, exponent));
    assert_written_shortest(nextafter(ldexp(1, exponent), 0) == 0 ? 1 : nextafter(ldexp(1, exponent), 0));
  }
}

static void assert_written(double value, const char *expected) {
  char text[NUMBER_TEXT_MAX + 1];
  text[number_write_double(text, value)] = '\0';
  assert_string_equal(text, expected);
}

static void test_written_forms(void **state) {
  (void)state;
  assert_written(0.7, "0.7");
  assert_written(0.25, "0.25");
  assert_written(40, "40");
  assert_written(-0.0, "-0");
  assert_written(100, "100");
  assert_written(1e-5, "0.00001");
  assert_written(1.5e-6, "0.0000015");
  assert_written(1e-7, "1e-7");
  assert_written(0x1.3333333333334p-2, "0.30000000000000004"); /* 0.1 + 0.2, which a processor may add more exactly */
  assert_written(123456789012345680000.0, "123456789012345680000");
  assert_written(1e21, "1e+21");
  assert_written(1.25e30, "1.25e+30");
  assert_written(5e-324, "5e-324");
  assert_written(1.7976931348623157e308, "1.7976931348623157e+308");
  assert_written(-2.2250738585072014e-308, "-2.2250738585072014e-308");
  assert_written(9007199254740993.0, "9007199254740992");
}

/* In a host with a decimal comma the C library reads 0.5 as 0. */
static void test_decimal_comma(void **state) {
  (void)state;
  if (!set_decimal_comma()) {
    print_message("skipped: no locale with a decimal comma is installed, and localedef cannot build one\n");
    skip();
  }
  double value = 0;
  assert_true(number_read_double("0.5", 3, &value));
  assert_true(value == 0.5);
  assert_true(strtod("0.5", NULL) == 0);
  assert_true(number_read_double("123456789.123456789123456789", 28, &value));
  assert_written(1234.5, "1234.5");
  assert_written(5e-324, "5e-324");
  setlocale(LC_ALL, "C");
  assert_true(value == strtod("123456789.123456789123456789", NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_grammar),        cmocka_unit_test(test_int64),         cmocka_unit_test(test_hard_doubles),
      cmocka_unit_test(test_random_doubles), cmocka_unit_test(test_written_forms), cmocka_unit_test(test_decimal_comma),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
