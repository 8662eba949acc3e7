#include "wire/merge.h"

#include <string.h>

#include "base/error.h"
#include "wire/scan.h"

/* Both texts have been checked as a whole, so no step of a scan can fail here. */
typedef struct text {
  const uint8_t *data;
  size_t size;
} text;

typedef struct member {
  text name; /* between the quotes */
  text value;
} member;

static wire_scan scan_of(text t) {
  wire_scan s;
  wire_scan_init(&s, (const char *)t.data, t.size, WIRE_DEPTH_CEILING);
  wire_scan_peek(&s);
  return s;
}

static bool is_object(text t) { return t.size && *t.data == '{'; }

/* The scanner stands at '{' or at the comma before a member, and after it where the member ends. */
static bool next_member(wire_scan *s, member *m) {
  wire_string name;
  s->p++;
  if (wire_scan_peek(s) == '}' || !wire_scan_name(s, &name)) return false;
  wire_scan_peek(s);
  const uint8_t *value = s->p;
  if (!wire_scan_value(s)) return false;
  *m = (member){{name.data, name.size}, {value, (size_t)(s->p - value)}};
  wire_scan_peek(s);
  return true;
}

static bool more_members(const wire_scan *s) { return s->p < s->end && *s->p != '}'; }

/* modelTurn is model_turn. */
static bool same_name(text a, text b) {
  size_t i = 0, j = 0;
  while (i < a.size && j < b.size) {
    bool up_a = a.data[i] == '_' && i + 1 < a.size, up_b = b.data[j] == '_' && j + 1 < b.size;
    uint8_t x = a.data[i += up_a], y = b.data[j += up_b];
    if (up_a && !up_b && x >= 'a' && x <= 'z') x = (uint8_t)(x - 'a' + 'A');
    if (up_b && !up_a && y >= 'a' && y <= 'z') y = (uint8_t)(y - 'a' + 'A');
    if (x != y) return false;
    i++;
    j++;
  }
  return i == a.size && j == b.size;
}

/* The last member of that name. */
static bool find(text object, text name, member *found) {
  wire_scan s = scan_of(object);
  member m;
  bool any = false;
  for (; more_members(&s) && next_member(&s, &m);)
    if (same_name(m.name, name)) {
      *found = m;
      any = true;
    }
  return any;
}

static void put_name(buf *out, text name, bool *first) {
  buf_text(out, *first ? "\"" : ",\"");
  buf_append(out, name.data, name.size);
  buf_text(out, "\":");
  *first = false;
}

static void merge_values(buf *out, text base, text change) {
  member m, other;
  bool first = true;
  if (!is_object(base) || !is_object(change)) {
    buf_append(out, change.data, change.size);
    return;
  }
  buf_byte(out, '{');
  for (wire_scan s = scan_of(base); more_members(&s) && next_member(&s, &m);) {
    put_name(out, m.name, &first);
    if (find(change, m.name, &other))
      merge_values(out, m.value, other.value);
    else
      buf_append(out, m.value.data, m.value.size);
  }
  for (wire_scan s = scan_of(change); more_members(&s) && next_member(&s, &m);) {
    member last = m;
    if (find(base, m.name, &other) || (find(change, m.name, &last) && last.value.data != m.value.data)) continue;
    put_name(out, m.name, &first);
    buf_append(out, m.value.data, m.value.size);
  }
  buf_byte(out, '}');
}

static genai_status check(const char *json, size_t size, const char *what, genai_error *error) {
  genai_error fault;
  genai_status status = wire_json_check(json, size, 0, &fault);
  if (status == GENAI_OK) return GENAI_OK;
  return error_set(error, status, "%s is not valid. %s", what, fault.message);
}

static text trimmed(const char *json, size_t size) {
  while (size && strchr(" \t\r\n", json[size - 1])) size--;
  wire_scan s = scan_of((text){(const uint8_t *)json, size});
  return (text){s.p, (size_t)(s.end - s.p)};
}

genai_status wire_merge(buf *out, const char *base, size_t base_size, const char *change, size_t change_size,
                        const char *what, genai_error *error) {
  size_t before = out->size;
  genai_status status = check(base, base_size, what, error);
  if (status == GENAI_OK) status = check(change, change_size, what, error);
  if (status != GENAI_OK) return status;
  merge_values(out, trimmed(base, base_size), trimmed(change, change_size));
  if (!out->failed) return GENAI_OK;
  status = out->full ? error_set(error, GENAI_ERROR_LIMIT, "%s is too large.", what) : error_memory(error);
  out->size = before;
  out->failed = out->full = false;
  return status;
}
