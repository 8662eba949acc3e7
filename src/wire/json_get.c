#include "genai/json.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "wire/scan.h"
#include "wire/writer.h"

enum { TEXT_MAX = 1 << 30 };

/* Takes `name` or `[index]` from a path. */
static bool next_step(const char **path, const char **name, size_t *size, size_t *index) {
  const char *p = *path;
  *name = NULL;
  if (*p == '[') {
    int64_t value;
    size_t digits = strspn(p + 1, "0123456789");
    if (p[1 + digits] != ']' || !number_read_int64(p + 1, digits, &value) || value > INT32_MAX) return false;
    *index = (size_t)value;
    p += digits + 2;
  } else {
    *name = p;
    *size = strcspn(p, ".[");
    p += *size;
  }
  if (*p && *p != '.' && *p != '[') return false;
  *path = p + (*p == '.');
  return *p != '.' || p[1];
}

/* A name that is longer and written with escapes is not found. */
enum { ESCAPED_NAME_MAX = 1024 };

static bool same(const wire_string *string, const char *name, size_t size) {
  uint8_t text[ESCAPED_NAME_MAX];
  if (!string->escaped) return string->size == size && memcmp(string->data, name, size) == 0;
  return string->size <= sizeof text && wire_unescape(string, text) == size && memcmp(text, name, size) == 0;
}

static bool another(wire_scan *s) {
  if (wire_scan_peek(s) != ',') return false;
  s->p++;
  return true;
}

/* Goes through the container at the scanner's place and returns how many values it has; *found becomes the last one of
 * that name, or the one of that index. -1: it is none, or has a fault. */
static long walk(wire_scan *s, const char *name, size_t size, size_t index, const uint8_t **found) {
  uint8_t opener = wire_scan_peek(s);
  long count = 0;
  if (opener != '{' && opener != '[') return -1;
  s->p++;
  if (wire_scan_peek(s) != opener + 2) do { /* ']' and '}' in ASCII */
      wire_string key;
      if (opener == '{' && !wire_scan_name(s, &key)) return -1;
      wire_scan_peek(s);
      bool hit = name ? opener == '{' && same(&key, name, size) : opener == '[' && (size_t)count == index;
      if (hit) *found = s->p;
      if (!wire_scan_value(s)) return -1;
      count++;
    } while (another(s));
  return wire_scan_take(s, opener + 2, "") ? count : -1;
}

/* Leaves the scanner at the value. */
static bool find(wire_scan *s, const char *json, const char *path) {
  if (!json) return false;
  wire_scan_init(s, json, strlen(json), WIRE_DEPTH_CEILING);
  wire_scan_peek(s);
  while (path && *path) {
    const char *name;
    const uint8_t *found = NULL;
    size_t size = 0, index = 0;
    if (!next_step(&path, &name, &size, &index) || walk(s, name, size, index, &found) < 0 || !found) return false;
    s->p = found;
  }
  return s->p < s->end;
}

static bool find_string(const char *json, const char *path, wire_string *string) {
  wire_scan s;
  return find(&s, json, path) && *s.p == '"' && wire_scan_string(&s, string);
}

char *genai_json_copy_string(const char *json, const char *path) {
  wire_string string;
  if (!find_string(json, path, &string)) return NULL;
  char *copy = mem_alloc(string.size + 1);
  if (copy) copy[wire_unescape(&string, (uint8_t *)copy)] = '\0';
  return copy;
}

bool genai_json_get_string(const char *json, const char *path, char *out, size_t size) {
  char *copy = genai_json_copy_string(json, path);
  size_t length = copy ? strlen(copy) : 0;
  bool fits = copy && length < size;
  if (size) out[0] = '\0';
  if (fits) memcpy(out, copy, length + 1);
  mem_free(copy);
  return fits;
}

bool genai_json_get(const char *json, const char *path, const char **value, size_t *size) {
  wire_scan s;
  if (!find(&s, json, path)) return false;
  const uint8_t *start = s.p;
  if (!wire_scan_value(&s)) return false;
  *value = (const char *)start;
  *size = (size_t)(s.p - start);
  return true;
}

bool genai_json_get_double(const char *json, const char *path, double *value) {
  const char *text;
  size_t size;
  return genai_json_get(json, path, &text, &size) && number_read_double(text, size, value);
}

bool genai_json_get_int64(const char *json, const char *path, int64_t *value) {
  const char *text;
  size_t size;
  if (!genai_json_get(json, path, &text, &size)) return false;
  if (*text == '"') {
    text++;
    size -= 2;
  }
  int64_t read;
  if (!number_read_int64(text, size, &read)) return false;
  *value = read;
  return true;
}

bool genai_json_get_bool(const char *json, const char *path, bool *value) {
  const char *text;
  size_t size;
  if (!genai_json_get(json, path, &text, &size) || (*text != 't' && *text != 'f')) return false;
  *value = *text == 't';
  return true;
}

size_t genai_json_count(const char *json, const char *path) {
  wire_scan s;
  const uint8_t *found;
  if (!find(&s, json, path)) return 0;
  long count = walk(&s, NULL, 0, SIZE_MAX, &found);
  return count < 0 ? 0 : (size_t)count;
}

char *genai_json_quote(const char *text) {
  buf b;
  buf_init(&b, TEXT_MAX);
  char *quoted = text && wire_write_string(&b, text, strlen(text)) ? mem_strndup((const char *)b.data, b.size) : NULL;
  buf_deinit(&b);
  return quoted;
}

genai_status genai_json_check(const char *json, genai_error *error) {
  if (!json) return error_set(error, GENAI_ERROR_ARGUMENT, "There is no JSON text.");
  return wire_json_check(json, strlen(json), 0, error);
}
