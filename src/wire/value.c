/* The reader's single values, one function a kind. */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "wire/base64.h"
#include "wire/reading.h"

const char *reader_copy(reader *r, const wire_string *string) {
  uint8_t *copy = arena_bytes(r->arena, string->size + 1);
  if (!copy) {
    reader_memory(r);
    return NULL;
  }
  size_t size = string->size;
  if (string->escaped)
    size = wire_unescape(string, copy);
  else
    memcpy(copy, string->data, size);
  copy[size] = '\0';
  if (size < string->size) arena_trim(r->arena, copy, string->size + 1, size + 1);
  return (const char *)copy;
}

/* The string at the scanner's place. */
static bool string_at(reader *r, const char *expected, wire_string *string) {
  if (wire_scan_peek(&r->scan) != '"') return reader_expected(r, expected);
  return wire_scan_string(&r->scan, string) || reader_fail(r);
}

static const char *json_text(reader *r, bool object) {
  wire_scan *s = &r->scan;
  if (wire_scan_peek(s) != '{' && object) {
    reader_expected(r, "an object");
    return NULL;
  }
  const uint8_t *start = s->p;
  if (!wire_scan_value(s)) {
    reader_fail(r);
    return NULL;
  }
  return reader_copy(r, &(wire_string){start, (size_t)(s->p - start), false});
}

const char *reader_text(reader *r, const wire_field *field) {
  wire_string string;
  if (field->kind != WIRE_STRING) return json_text(r, field->kind == WIRE_OBJECT);
  return string_at(r, "a string", &string) ? reader_copy(r, &string) : NULL;
}

/* The text of a number, which stands bare or in a string; `text` is not NUL-terminated. */
static bool number_text(reader *r, const char *expected, const char **text, size_t *size) {
  wire_scan *s = &r->scan;
  uint8_t c = wire_scan_peek(s);
  wire_string string;
  if (c == '"') {
    if (!wire_scan_string(s, &string)) return reader_fail(r);
    *text = (const char *)string.data;
    *size = string.size;
    if (!string.escaped) return true;
    *text = reader_copy(r, &string);
    if (*text) *size = strlen(*text);
    return *text != NULL;
  }
  if (c != '-' && (c < '0' || c > '9')) return reader_expected(r, expected);
  *text = (const char *)s->p;
  *size = wire_scan_number(s);
  s->p += *size;
  return *size || reader_fail(r);
}

/* The usual integer, bare and short enough for any int64: taken, if there is one. */
static bool short_integer(wire_scan *s, int64_t *value) {
  const uint8_t *first = s->p + (s->p < s->end && *s->p == '-'), *p = first;
  int64_t sum = 0;
  for (; p < s->end && (uint8_t)(*p - '0') <= 9; p++) {
    if (p - first == 18) return false;
    sum = sum * 10 + (*p - '0');
  }
  if (p == first || p == s->end || *p == '.' || (*p | 0x20) == 'e' || (*first == '0' && p - first > 1)) return false;
  *value = first > s->p ? -sum : sum;
  s->p = p;
  return true;
}

static bool read_integer(reader *r, int64_t low, int64_t high, const char *expected, int64_t *value) {
  const uint8_t *start = r->scan.p;
  const char *text = NULL;
  size_t size = 0;
  if (short_integer(&r->scan, value)) return (*value >= low && *value <= high) || reader_wrong(r, start, expected);
  if (!number_text(r, expected, &text, &size)) return false;
  if (number_read_int64(text, size, value) && *value >= low && *value <= high) return true;
  return reader_wrong(r, start, expected);
}

static bool read_int32(reader *r, int32_t *value) {
  int64_t wide = 0;
  if (!read_integer(r, INT32_MIN, INT32_MAX, "a 32-bit integer", &wide)) return false;
  *value = (int32_t)wide;
  return true;
}

static bool is(const char *text, size_t size, const char *word) {
  return size == strlen(word) && memcmp(text, word, size) == 0;
}

static bool read_double(reader *r, double *value) {
  static const char expected[] = "a number within the range of a double";
  const uint8_t *start = r->scan.p;
  const char *text = NULL;
  size_t size = 0;
  if (!number_text(r, expected, &text, &size)) return false;
  if (number_read_double(text, size, value)) return true;
  if (is(text, size, "NaN"))
    *value = (double)NAN;
  else if (is(text, size, "Infinity"))
    *value = (double)INFINITY;
  else if (is(text, size, "-Infinity"))
    *value = -(double)INFINITY;
  else
    return reader_wrong(r, start, expected);
  return true;
}

static bool read_bool(reader *r, bool *value) {
  uint8_t c = wire_scan_peek(&r->scan);
  if (c != 't' && c != 'f') return reader_expected(r, "true or false");
  *value = c == 't';
  return wire_scan_literal(&r->scan, *value ? "true" : "false") || reader_fail(r);
}

static int32_t enum_value(const wire_enum *type, const wire_string *word) {
  for (int32_t i = 0; i < type->count; i++)
    if (type->sizes[i] == word->size && type->texts[i] && wire_same(type->texts[i], word->data, word->size)) return i;
  return -1;
}

bool reader_enum(reader *r, const wire_enum *type, int32_t *value, const char **text) {
  wire_scan *s = &r->scan;
  uint8_t c = wire_scan_peek(s);
  *text = NULL;
  if (c != '"') {
    if (c != '-' && (c < '0' || c > '9')) return reader_expected(r, "the name of an enum value");
    if (!read_int32(r, value)) return false;
    if (*value == 0) *text = type->texts[0]; /* keeps an explicit 0 apart from an absent field */
    return true;
  }
  wire_string string;
  if (wire_scan_word(s, &string) && (*value = enum_value(type, &string)) >= 0) {
    s->p = string.data + string.size + 1;
    if (*value == 0) *text = type->texts[0];
    return true;
  }
  /* Long, unknown to this version, or written with escapes. */
  if (!wire_scan_string(s, &string)) return reader_fail(r);
  const char *copy = reader_copy(r, &string);
  if (!copy) return false;
  *value = enum_value(type, &(wire_string){(const uint8_t *)copy, strlen(copy), false});
  if (*value < 0) *value = 0;
  if (*value == 0) *text = copy;
  return true;
}

/* google.protobuf.Duration: "1.500s", at most nine decimals, within ±10,000 years. */
static bool parse_duration(const char *text, size_t size, genai_duration *value) {
  const int64_t most = INT64_C(315576000000);
  size_t i = size && text[0] == '-', decimals = 0;
  bool negative = i == 1;
  int64_t seconds = 0;
  int32_t nanos = 0;
  size_t first = i;
  for (; i < size && text[i] >= '0' && text[i] <= '9'; i++) {
    seconds = seconds * 10 + (text[i] - '0');
    if (seconds > most) return false;
  }
  if (i == first) return false;
  if (i < size && text[i] == '.') {
    for (i++; i < size && text[i] >= '0' && text[i] <= '9' && decimals < 9; i++, decimals++)
      nanos = nanos * 10 + (text[i] - '0');
    if (!decimals) return false;
    for (; decimals < 9; decimals++) nanos *= 10;
  }
  if (i + 1 != size || text[i] != 's' || (seconds == most && nanos)) return false;
  *value = (genai_duration){negative ? -seconds : seconds, negative ? -nanos : nanos};
  return true;
}

static bool read_duration(reader *r, genai_duration *value) {
  static const char expected[] = "a duration such as \"1.500s\"";
  wire_string string;
  const uint8_t *start = r->scan.p;
  if (!string_at(r, expected, &string)) return false;
  if (!string.escaped && parse_duration((const char *)string.data, string.size, value)) return true;
  return reader_wrong(r, start, expected);
}

/* Decodes [text, quote) to the arena's cursor, where `room` bytes are, of which the first groups may be decoded
 * already. */
static bool finish_bytes(reader *r, const uint8_t *text, size_t taken, const uint8_t *quote, size_t room,
                         genai_bytes *value) {
  uint8_t *data = arena_bytes(r->arena, room);
  size_t written = 0, done = taken / 4 * 3;
  bool decoded = base64_decode(text + taken, (size_t)(quote - text) - taken, data + done, &written);
  arena_trim(r->arena, data, room, decoded ? done + written : 0);
  *value = (genai_bytes){data, done + written};
  r->scan.p = quote + 1;
  return decoded;
}

/* The string of sound is walked once: it is decoded from the text straight into the arena until something else than
 * base64 stands there, which is its closing quote. Where the arena has no room for the whole rest of the text the quote
 * is found first. Bytes that are aligned decode a sixth faster, and are the samples that they hold. */
static bool read_plain_bytes(reader *r, const uint8_t *text, genai_bytes *value) {
  arena *a = r->arena;
  arena_align(a);
  size_t rest = (size_t)(r->scan.end - text), taken = 0, room = base64_decoded_max(rest);
  bool fits = room <= (size_t)(a->end - a->cursor);
  if (fits) taken = base64_decode_groups(text, rest, a->cursor);
  size_t tail = fits && rest - taken > 4 ? 5 : rest - taken; /* at most a group that is not whole, and the quote */
  const uint8_t *quote = memchr(text + taken, '"', tail);
  if (!quote) return false;
  if (!fits) room = base64_decoded_max((size_t)(quote - text));
  return (fits || arena_reserve(a, room)) && finish_bytes(r, text, taken, quote, room, value);
}

static bool read_bytes(reader *r, genai_bytes *value) {
  static const char expected[] = "base64 text";
  wire_scan *s = &r->scan;
  if (wire_scan_peek(s) != '"') return reader_expected(r, expected);
  const uint8_t *start = s->p;
  if (read_plain_bytes(r, start + 1, value)) return true;
  /* Escapes, such as \u002B for +, or no base64 after all. */
  wire_string string;
  s->p = start;
  if (!wire_scan_string(s, &string)) return reader_fail(r);
  uint8_t *copy = arena_bytes(r->arena, string.size);
  if (!copy) return reader_memory(r);
  if (base64_decode(copy, wire_unescape(&string, copy), copy, &value->size)) {
    value->data = copy;
    return true;
  }
  return reader_wrong(r, start, expected);
}

bool reader_scalar_item(reader *r, const wire_field *field, void *item) {
  switch (field->kind) {
  case WIRE_INT32: return read_int32(r, item);
  case WIRE_DOUBLE: return read_double(r, item);
  default: return (*(const char **)item = reader_text(r, field)) != NULL;
  }
}

bool reader_value(reader *r, const wire_field *field, uint8_t *message) {
  void *at = message + field->offset;
  switch ((wire_kind)field->kind) {
  case WIRE_BOOL: {
    genai_opt_bool *value = at;
    return value->has = read_bool(r, &value->value);
  }
  case WIRE_INT32: {
    genai_opt_int32 *value = at;
    return value->has = read_int32(r, &value->value);
  }
  case WIRE_INT64: {
    genai_opt_int64 *value = at;
    return value->has = read_integer(r, INT64_MIN, INT64_MAX, "a 64-bit integer", &value->value);
  }
  case WIRE_DOUBLE: {
    genai_opt_double *value = at;
    return value->has = read_double(r, &value->value);
  }
  case WIRE_DURATION: {
    genai_opt_duration *value = at;
    return value->has = read_duration(r, &value->value);
  }
  case WIRE_BYTES: return read_bytes(r, at);
  case WIRE_ENUM: {
    const char **text = (const char **)(void *)(message + field->text_offset);
    return reader_enum(r, field->type.enumeration, at, text);
  }
  case WIRE_MESSAGE: break; /* the caller's */
  case WIRE_STRING:
  case WIRE_JSON:
  case WIRE_OBJECT: return (*(const char **)at = reader_text(r, field)) != NULL;
  }
  return false;
}
