#include "wire/scan.h"

#include "base/error.h"
#include "base/number.h"
#include "base/utf8.h"
#include "wire/endian.h"

/* Sixteen bytes at a time, as the compilers' vectors, which every processor has in one form or another. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));
#define EACH4(byte) byte, byte, byte, byte
#define EACH(byte) ((bytes16){EACH4(byte), EACH4(byte), EACH4(byte), EACH4(byte)})

static inline bytes16 load(const uint8_t *p) {
  bytes16 bytes;
  memcpy(&bytes, p, 16);
  return bytes;
}

static inline unsigned first_in_half(uint64_t marks) {
  return (unsigned)(wire_little_endian() ? __builtin_ctzll(marks) : __builtin_clzll(marks)) / 8;
}

/* The index of the first byte that is not 0; 16 when all are. */
static inline unsigned first_mark(bytes16 marks) {
  uint64_t halves[2];
  memcpy(halves, &marks, 16);
  return halves[0] ? first_in_half(halves[0]) : halves[1] ? 8 + first_in_half(halves[1]) : 16;
}

void wire_scan_init(wire_scan *s, const char *text, size_t size, unsigned depth_max) {
  if (!depth_max) depth_max = WIRE_DEPTH_DEFAULT;
  if (depth_max > WIRE_DEPTH_CEILING) depth_max = WIRE_DEPTH_CEILING;
  const uint8_t *bytes = (const uint8_t *)text;
  *s = (wire_scan){.text = bytes, .p = bytes, .end = bytes + size, .depth_max = depth_max};
}

bool wire_scan_fault(wire_scan *s, const char *fault) {
  if (!s->fault) s->fault = fault;
  return false;
}

static bool is_space(uint8_t byte) {
  const uint64_t spaces = UINT64_C(1) << ' ' | UINT64_C(1) << '\n' | UINT64_C(1) << '\r' | UINT64_C(1) << '\t';
  return byte <= ' ' && (spaces >> byte & 1);
}

/* The service indents its JSON, so most white space is a line's end and a run of blanks. */
uint8_t wire_scan_space(wire_scan *s) {
  const uint64_t blanks = UINT64_C(0x2020202020202020);
  const uint8_t *p = s->p, *end = s->end;
  for (; p < end; p++) {
    if (!is_space(*p)) {
      s->p = p;
      return *p;
    }
    for (; end - p > 8; p += 8) {
      uint64_t other = wire_load8(p + 1) ^ blanks;
      if (!other) continue;
      p += first_in_half(other);
      break;
    }
  }
  s->p = end;
  return 0;
}

bool wire_scan_end(wire_scan *s) {
  wire_scan_peek(s);
  return s->p == s->end || wire_scan_fault(s, "something follows the value");
}

bool wire_scan_too_deep(wire_scan *s) {
  s->limit = true;
  return wire_scan_fault(s, "objects and lists are nested too deeply");
}

/* ---- strings ---- */

static bool is_plain(uint8_t byte) { return byte != '"' && byte != '\\' && byte >= 0x20; }

/* What follows the end within its sixteen bytes may say that the text is not ASCII: that costs a check, no more. */
const uint8_t *wire_plain_span(const uint8_t *p, const uint8_t *end, bool *ascii) {
  bytes16 seen = EACH(0);
  unsigned at = 16;
  for (; at == 16 && end - p >= 16; p += at) {
    bytes16 bytes = load(p);
    seen |= bytes;
    at = first_mark((bytes16)((bytes == EACH('"')) | (bytes == EACH('\\')) | (bytes < EACH(0x20))));
  }
  uint8_t late = 0;
  for (; at == 16 && p < end && is_plain(*p); p++) late |= *p;
  if (late >= 0x80 || first_mark(seen & EACH(0x80)) < 16) *ascii = false;
  return p;
}

static int hex_value(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes the escape at p. */
static bool scan_escape(wire_scan *s) {
  if (s->end - s->p < 2) {
    s->p = s->end;
    return wire_scan_fault(s, "a string is not closed");
  }
  uint8_t c = s->p[1];
  if (c != 'u') {
    if (!c || !strchr("\"\\/bfnrt", c)) return wire_scan_fault(s, "a string holds an unknown escape");
    s->p += 2;
    return true;
  }
  for (int i = 2; i < 6; i++)
    if (s->end - s->p <= i || hex_value(s->p[i]) < 0)
      return wire_scan_fault(s, "\\u in a string is not followed by four hexadecimal digits");
  s->p += 6;
  return true;
}

bool wire_scan_string(wire_scan *s, wire_string *out) {
  const uint8_t *start = s->p + 1;
  bool ascii = true, escaped = false;
  for (s->p = start;;) {
    s->p = wire_plain_span(s->p, s->end, &ascii);
    if (s->p == s->end) return wire_scan_fault(s, "a string is not closed");
    if (*s->p == '"') break;
    if (*s->p < 0x20) return wire_scan_fault(s, "a string holds a control character that is not escaped");
    escaped = true;
    if (!scan_escape(s)) return false;
  }
  size_t size = (size_t)(s->p - start);
  if (!ascii && !utf8_valid(start, size)) {
    s->p = start;
    return wire_scan_fault(s, "a string is not valid UTF-8");
  }
  s->p++;
  *out = (wire_string){start, size, escaped};
  return true;
}

bool wire_scan_word(const wire_scan *s, wire_string *out) {
  const uint8_t *start = s->p + 1;
  for (const uint8_t *p = start; p < start + 32 && s->end - p > 16; p += 16) {
    unsigned at = first_mark((bytes16)(load(p) == EACH('"')));
    if (at == 16) continue;
    *out = (wire_string){start, (size_t)(p - start) + at, false};
    return true;
  }
  return false;
}

static uint32_t hex4(const uint8_t *p) {
  return (uint32_t)(hex_value(p[0]) << 12 | hex_value(p[1]) << 8 | hex_value(p[2]) << 4 | hex_value(p[3]));
}

/* The scalar of the \u escape at p (RFC 8259 section 7); *taken is 6, or 12 for a pair. */
static uint32_t unicode_escape(const uint8_t *p, const uint8_t *end, size_t *taken) {
  uint32_t unit = hex4(p + 2);
  *taken = 6;
  if (unit == 0) return 0xFFFD;
  if (unit < 0xD800 || unit > 0xDFFF) return unit;
  if (unit > 0xDBFF || end - p < 12 || p[6] != '\\' || p[7] != 'u') return 0xFFFD;
  uint32_t low = hex4(p + 8);
  if (low < 0xDC00 || low > 0xDFFF) return 0xFFFD;
  *taken = 12;
  return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

size_t wire_unescape(const wire_string *string, uint8_t *out) {
  const uint8_t *p = string->data, *end = p + string->size;
  uint8_t *to = out;
  while (p < end) {
    const uint8_t *escape = memchr(p, '\\', (size_t)(end - p));
    size_t plain = (size_t)((escape ? escape : end) - p), taken = 2;
    memcpy(to, p, plain);
    to += plain;
    p += plain;
    if (!escape) break;
    switch (p[1]) {
    case 'b': *to++ = '\b'; break;
    case 'f': *to++ = '\f'; break;
    case 'n': *to++ = '\n'; break;
    case 'r': *to++ = '\r'; break;
    case 't': *to++ = '\t'; break;
    case 'u': {
      uint8_t bytes[4];
      size_t size = utf8_encode(unicode_escape(p, end, &taken), bytes);
      memcpy(to, bytes, size);
      to += size;
      break;
    }
    default: *to++ = p[1];
    }
    p += taken;
  }
  return (size_t)(to - out);
}

/* ---- the other tokens, and whole values ---- */

bool wire_scan_name(wire_scan *s, wire_string *out) {
  if (wire_scan_peek(s) != '"') return wire_scan_take(s, '"', "the name of a member is missing");
  return wire_scan_string(s, out) && wire_scan_colon(s);
}

size_t wire_scan_number(wire_scan *s) {
  size_t size = number_span((const char *)s->p, (size_t)(s->end - s->p));
  if (!size) wire_scan_fault(s, s->p == s->end ? "the text ends too early" : "a value is missing or misspelled");
  return size;
}

/* A string, number or literal. */
static bool scan_plain_value(wire_scan *s, uint8_t first) {
  wire_string string;
  switch (first) {
  case '"': return wire_scan_string(s, &string);
  case 't': return wire_scan_literal(s, "true");
  case 'f': return wire_scan_literal(s, "false");
  case 'n': return wire_scan_literal(s, "null");
  default: {
    size_t size = wire_scan_number(s);
    s->p += size;
    return size > 0;
  }
  }
}

bool wire_scan_value(wire_scan *s) {
  uint8_t closers[WIRE_DEPTH_CEILING + 1]; /* what closes the container at each depth */
  unsigned outside = s->depth;
  wire_string name;
  for (;;) {
    uint8_t c = wire_scan_peek(s);
    if (c == '{' || c == '[') {
      if (!wire_scan_enter(s)) return false;
      uint8_t closer = closers[s->depth] = c == '{' ? '}' : ']';
      s->p++;
      if (wire_scan_peek(s) != closer) {
        if (c == '{' && !wire_scan_name(s, &name)) return false;
        continue;
      }
    } else if (!scan_plain_value(s, c)) {
      return false;
    }
    while (s->depth > outside && wire_scan_peek(s) == closers[s->depth]) {
      s->p++;
      s->depth--;
    }
    if (s->depth == outside) return true;
    if (!wire_scan_take(s, ',', "a comma or a closing bracket is missing")) return false;
    if (closers[s->depth] == '}' && !wire_scan_name(s, &name)) return false;
  }
}

genai_status wire_scan_error(const wire_scan *s, genai_status status, const char *what, const char *path,
                             const char *fault, genai_error *error) {
  size_t line = 1;
  const uint8_t *start = s->text;
  for (const uint8_t *p = s->text; p < s->p; p++)
    if (*p == '\n') {
      line++;
      start = p + 1;
    }
  size_t column = 1;
  for (const uint8_t *p = start; p < s->p; p++) column += (*p & 0xC0) != 0x80;
  return error_set(error, status, "Invalid %s at line %zu, column %zu (byte %zu)%s%s: %s.", what, line, column,
                   (size_t)(s->p - s->text), path && *path ? ", in " : "", path ? path : "", fault);
}

genai_status wire_json_check(const char *text, size_t size, unsigned depth_max, genai_error *error) {
  wire_scan s;
  wire_scan_init(&s, text, size, depth_max);
  if (wire_scan_value(&s) && wire_scan_end(&s)) return GENAI_OK;
  return wire_scan_error(&s, s.limit ? GENAI_ERROR_LIMIT : GENAI_ERROR_ARGUMENT, "JSON text", NULL, s.fault, error);
}
