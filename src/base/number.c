#include "base/number.h"

#include <math.h>
#include <string.h>

/* ---- natural numbers large enough for any double and its decimal text ---- */

enum {
  DIGITS_KEPT = 800, /* 767 significant digits decide every rounding; what follows only says "a little more" */
  WORDS = 192        /* 800 digits over 10^1142 with room to shift: 6144 bits */
};

typedef struct natural {
  uint32_t words[WORDS]; /* least significant first; the highest is not 0 */
  int count;
} natural;

static void set(natural *n, uint64_t value) {
  n->count = 0;
  for (; value; value >>= 32) n->words[n->count++] = (uint32_t)value;
}

/* n = n * factor + addend */
static void multiply(natural *n, uint32_t factor, uint32_t addend) {
  uint64_t carry = addend;
  for (int i = 0; i < n->count; i++) {
    carry += (uint64_t)n->words[i] * factor;
    n->words[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry) n->words[n->count++] = (uint32_t)carry;
}

static void multiply_power10(natural *n, int exponent) {
  for (; exponent >= 9; exponent -= 9) multiply(n, 1000000000, 0);
  for (; exponent > 0; exponent--) multiply(n, 10, 0);
}

static void shift_left(natural *n, int bits) {
  int whole = bits / 32, part = bits % 32;
  if (!n->count || !bits) return;
  uint32_t high = part ? n->words[n->count - 1] >> (32 - part) : 0;
  for (int i = n->count - 1; i >= 0; i--) {
    uint32_t low = part && i ? n->words[i - 1] >> (32 - part) : 0;
    n->words[i + whole] = n->words[i] << part | low;
  }
  memset(n->words, 0, (size_t)whole * sizeof n->words[0]);
  n->count += whole;
  if (high) n->words[n->count++] = high;
}

static int bit_length(const natural *n) {
  int bits = n->count * 32;
  if (n->count)
    for (uint32_t top = n->words[n->count - 1]; !(top & 0x80000000u); top <<= 1) bits--;
  return bits;
}

static int compare(const natural *a, const natural *b) {
  if (a->count != b->count) return a->count < b->count ? -1 : 1;
  for (int i = a->count - 1; i >= 0; i--)
    if (a->words[i] != b->words[i]) return a->words[i] < b->words[i] ? -1 : 1;
  return 0;
}

/* a -= b, where a >= b */
static void subtract(natural *a, const natural *b) {
  uint64_t borrow = 0;
  for (int i = 0; i < a->count; i++) {
    uint64_t difference = (uint64_t)a->words[i] - (i < b->count ? b->words[i] : 0) - borrow;
    a->words[i] = (uint32_t)difference;
    borrow = difference >> 63;
  }
  while (a->count && !a->words[a->count - 1]) a->count--;
}

static void add(natural *a, const natural *b) {
  uint64_t carry = 0;
  for (int i = 0; i < a->count || i < b->count || carry; i++) {
    carry += (uint64_t)(i < a->count ? a->words[i] : 0) + (i < b->count ? b->words[i] : 0);
    if (i >= a->count) a->count = i + 1;
    a->words[i] = (uint32_t)carry;
    carry >>= 32;
  }
}

/* ---- reading ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t digit_span(const char *text, size_t size) {
  size_t i = 0;
  while (i < size && is_digit(text[i])) i++;
  return i;
}

size_t number_span(const char *text, size_t size) {
  size_t i = size && text[0] == '-';
  size_t whole = digit_span(text + i, size - i);
  if (!whole || (whole > 1 && text[i] == '0')) return 0;
  i += whole;
  if (i < size && text[i] == '.') {
    size_t fraction = digit_span(text + i + 1, size - i - 1);
    if (!fraction) return 0;
    i += 1 + fraction;
  }
  if (i < size && (text[i] == 'e' || text[i] == 'E')) {
    size_t sign = i + 1 < size && (text[i + 1] == '+' || text[i + 1] == '-');
    size_t exponent = digit_span(text + i + 1 + sign, size - i - 1 - sign);
    if (!exponent) return 0;
    i += 1 + sign + exponent;
  }
  return i;
}

/* The parts of a number's text: its value is 0.DIGITS * 10^point, and the digits, `count` of them, stand in
 * [first, last) with perhaps a '.' among them; neither the first nor the last is 0. */
typedef struct decimal {
  bool negative;
  const char *first, *last;
  size_t count;
  int64_t point;
} decimal;

enum { FAR = 1000000000 }; /* an exponent no length of digits can bring back */

static bool take_apart(const char *text, size_t size, decimal *d) {
  if (!size || number_span(text, size) != size) return false;
  const char *end = text + size, *p = text + (text[0] == '-'), *point = NULL;
  d->negative = text[0] == '-';
  d->first = NULL;
  int64_t before_point = 0, leading_zeros = 0;
  for (; p < end && (is_digit(*p) || *p == '.'); p++) {
    if (*p == '.') {
      point = p;
      continue;
    }
    if (!d->first && *p != '0') d->first = p;
    if (!point && d->first) before_point++;
    if (point && !d->first) leading_zeros++;
  }
  d->last = p;
  d->count = 0;
  if (!d->first) return true;
  while (d->last[-1] == '0' || d->last[-1] == '.') d->last--;
  d->count = (size_t)(d->last - d->first) - (point && point > d->first && point < d->last);
  int64_t exponent = 0;
  if (p < end) {
    bool negative = *++p == '-';
    for (p += *p == '-' || *p == '+'; p < end; p++)
      if (exponent < FAR) exponent = exponent * 10 + (*p - '0');
    if (negative) exponent = -exponent;
  }
  d->point = before_point - leading_zeros + exponent;
  return true;
}

bool number_read_int64(const char *text, size_t size, int64_t *value) {
  decimal d;
  if (!take_apart(text, size, &d)) return false;
  *value = 0;
  if (!d.count) return true;
  if (d.point > 19 || (int64_t)d.count > d.point) return false;
  uint64_t sum = 0, limit = (uint64_t)INT64_MAX + d.negative;
  const char *p = d.first;
  for (int64_t i = 0; i < d.point; i++) {
    unsigned digit = 0;
    if (p < d.last && *p == '.') p++;
    if (p < d.last) digit = (unsigned)(*p++ - '0');
    if (sum > (limit - digit) / 10) return false;
    sum = sum * 10 + digit;
  }
  *value = d.negative ? (int64_t)(0 - sum) : (int64_t)sum;
  return true;
}

static const double powers10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The nearest double to n / m, by long division: one bit of the quotient a step. */
static double divide(natural *n, natural *m) {
  int exponent = bit_length(n) - bit_length(m);
  shift_left(exponent < 0 ? n : m, exponent < 0 ? -exponent : exponent);
  if (compare(n, m) < 0) {
    shift_left(n, 1);
    exponent--;
  }
  /* Now the value is n/m * 2^exponent with 1 <= n/m < 2. Below 2^-1022 a double has fewer bits. */
  int bits = exponent < -1022 ? 53 + 1022 + exponent : 53;
  if (bits < 0) return 0;
  uint64_t quotient = 0;
  for (int i = 0; i <= bits; i++) { /* one bit more than is kept, to round by */
    bool one = compare(n, m) >= 0;
    if (one) subtract(n, m);
    quotient = quotient << 1 | one;
    shift_left(n, 1);
  }
  bool half = quotient & 1, more = n->count > 0;
  quotient >>= 1;
  if (half && (more || (quotient & 1))) quotient++;
  return ldexp((double)quotient, exponent - bits + 1);
}

static double read_exactly(const decimal *d) {
  natural n, m;
  set(&n, 0);
  size_t kept = 0;
  for (const char *p = d->first; p < d->last && kept < DIGITS_KEPT; p++)
    if (*p != '.') {
      multiply(&n, 10, (uint32_t)(*p - '0'));
      kept++;
    }
  if (kept < d->count) { /* the digits left out are not all 0 */
    multiply(&n, 10, 1);
    kept++;
  }
  set(&m, 1);
  int exponent = (int)d->point - (int)kept;
  multiply_power10(exponent < 0 ? &m : &n, exponent < 0 ? -exponent : exponent);
  return divide(&n, &m);
}

bool number_read_double(const char *text, size_t size, double *value) {
  decimal d;
  if (!take_apart(text, size, &d)) return false;
  double result = 0;
  int64_t exponent = d.count ? d.point - (int64_t)d.count : 0;
  uint64_t mantissa = 0;
  if (d.count <= 18)
    for (const char *p = d.first; d.count && p < d.last; p++)
      if (*p != '.') mantissa = mantissa * 10 + (uint64_t)(*p - '0');
  if (!d.count) {
    result = 0;
  } else if (d.count <= 18 && mantissa <= UINT64_C(1) << 53 && exponent >= -22 && exponent <= 22) {
    /* Both are exact doubles, so the one operation rounds correctly. */
    result = exponent < 0 ? (double)mantissa / powers10[-exponent] : (double)mantissa * powers10[exponent];
  } else if (d.point > 310) {
    return false;
  } else if (d.point > -330) {
    result = read_exactly(&d);
    if (isinf(result)) return false;
  }
  *value = d.negative ? -result : result;
  return true;
}

/* ---- writing ---- */

size_t number_write_int64(char out[NUMBER_INT64_MAX], int64_t value) {
  char digits[20];
  size_t count = 0, size = 0;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0) out[size++] = '-';
  while (count) out[size++] = digits[--count];
  return size;
}

/* The digits of a positive double: 0.DIGITS * 10^point reads back as it, and no shorter text does. */
typedef struct shortest {
  char digits[NUMBER_TEXT_MAX];
  int count, point;
} shortest;

/* Most doubles people write have few decimals: value * 10^d is then a whole number, and dividing it again (one
 * correctly rounded operation) proves it. Below 10^15 no second text of that length reads back as the same double. */
static bool write_few_decimals(double value, shortest *s) {
  if (value >= 1e15 || value < 1e-5) return false;
  for (int decimals = 0; decimals <= 17; decimals++) {
    double scaled = value * powers10[decimals];
    if (scaled >= 1e15) return false;
    uint64_t whole = (uint64_t)(scaled + 0.5);
    if ((double)whole / powers10[decimals] != value) continue;
    s->count = (int)number_write_int64(s->digits, (int64_t)whole);
    s->point = s->count - decimals;
    while (s->digits[s->count - 1] == '0') s->count--;
    return true;
  }
  return false;
}

/* Steele and White's exact algorithm ("Dragon4"): value = r/s, its neighbours are half of m_low/s and m_high/s away. */
static void write_exactly(double value, shortest *out) {
  int exponent;
  uint64_t mantissa = (uint64_t)ldexp(frexp(value, &exponent), 53);
  int point = (int)ceil((exponent - 1) * 0.30102999566398120 - 1e-9); /* too small by one at most */
  exponent -= 53;
  while (exponent < -1074) { /* subnormal */
    mantissa >>= 1;
    exponent++;
  }
  bool uneven = mantissa == UINT64_C(1) << 52 && exponent > -1074; /* the neighbour below is nearer */
  bool even = !(mantissa & 1);
  natural r, s, m_low, m_high, sum;
  set(&r, mantissa);
  set(&s, 1);
  set(&m_low, 1);
  shift_left(&r, (exponent > 0 ? exponent : 0) + 1 + uneven);
  shift_left(&s, (exponent < 0 ? -exponent : 0) + 1 + uneven);
  shift_left(&m_low, exponent > 0 ? exponent : 0);
  m_high = m_low;
  shift_left(&m_high, uneven);

  multiply_power10(&s, point > 0 ? point : 0);
  if (point < 0) {
    multiply_power10(&r, -point);
    multiply_power10(&m_low, -point);
    multiply_power10(&m_high, -point);
  }
  sum = r;
  add(&sum, &m_high);
  if (compare(&sum, &s) >= (even ? 0 : 1)) {
    point++;
  } else {
    multiply(&r, 10, 0);
    multiply(&m_low, 10, 0);
    multiply(&m_high, 10, 0);
  }
  out->point = point;
  out->count = 0;
  for (;;) {
    int digit = 0;
    while (compare(&r, &s) >= 0) {
      subtract(&r, &s);
      digit++;
    }
    sum = r;
    add(&sum, &m_high);
    bool low = compare(&r, &m_low) < (even ? 1 : 0), high = compare(&sum, &s) >= (even ? 0 : 1);
    if (low || high) {
      shift_left(&r, 1);
      int half = compare(&r, &s);
      if (high && (!low || half > 0 || (half == 0 && digit % 2))) digit++;
      out->digits[out->count++] = (char)('0' + digit);
      return;
    }
    out->digits[out->count++] = (char)('0' + digit);
    multiply(&r, 10, 0);
    multiply(&m_low, 10, 0);
    multiply(&m_high, 10, 0);
  }
}

static size_t put(char *out, size_t at, const char *digits, int count) {
  memcpy(out + at, digits, (size_t)count);
  return at + (size_t)count;
}

static size_t put_zeros(char *out, size_t at, int count) {
  if (count <= 0) return at;
  memset(out + at, '0', (size_t)count);
  return at + (size_t)count;
}

size_t number_write_double(char out[NUMBER_TEXT_MAX], double value) {
  size_t n = 0;
  shortest s;
  if (signbit(value)) out[n++] = '-';
  value = fabs(value);
  if (value == 0) return put(out, n, "0", 1);
  if (!write_few_decimals(value, &s)) write_exactly(value, &s);
  if (s.point > 0 && s.point <= 21) {
    int whole = s.count < s.point ? s.count : s.point;
    n = put_zeros(out, put(out, n, s.digits, whole), s.point - whole);
    if (s.count == whole) return n;
    out[n++] = '.';
    return put(out, n, s.digits + whole, s.count - whole);
  }
  if (s.point <= 0 && s.point > -6) {
    n = put_zeros(out, put(out, n, "0.", 2), -s.point);
    return put(out, n, s.digits, s.count);
  }
  out[n++] = s.digits[0];
  if (s.count > 1) n = put(out, put(out, n, ".", 1), s.digits + 1, s.count - 1);
  out[n++] = 'e';
  if (s.point > 0) out[n++] = '+';
  return n + number_write_int64(out + n, s.point - 1);
}
