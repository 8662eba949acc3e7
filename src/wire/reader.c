#include "wire/reader.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "wire/reading.h"

enum { ELEMENTS_DEFAULT = 1000000, RESERVED_MAX = 1 << 16 };

/* ---- errors ---- */

static bool fail_with(reader *r, genai_status status, const char *fault) {
  char path[WIRE_PATH_MAX];
  wire_path_text(r->path, r->limits.root, path);
  r->status = wire_scan_error(&r->scan, status, r->limits.root ? r->limits.root : "message", r->path ? path : NULL,
                              fault, r->error);
  return false;
}

static genai_status invalid(const reader *r) {
  return r->limits.refuse_unknown ? GENAI_ERROR_ARGUMENT : GENAI_ERROR_MESSAGE;
}

bool reader_fail(reader *r) { return fail_with(r, r->scan.limit ? GENAI_ERROR_LIMIT : invalid(r), r->scan.fault); }

static const char *found(wire_scan *s) {
  switch (wire_scan_peek(s)) {
  case '{': return "an object";
  case '[': return "a list";
  case '"': return "a string";
  case 't':
  case 'f': return "true or false";
  case 'n': return "null";
  case '-':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
  case '8':
  case '9': return "a number";
  default: return s->p == s->end ? "the end of the text" : "no value";
  }
}

bool reader_expected(reader *r, const char *what) {
  char fault[160];
  snprintf(fault, sizeof fault, "expected %s, found %s", what, found(&r->scan));
  return fail_with(r, invalid(r), fault);
}

bool reader_wrong(reader *r, const uint8_t *at, const char *what) {
  char fault[160];
  r->scan.p = at;
  snprintf(fault, sizeof fault, "not %s", what);
  return fail_with(r, invalid(r), fault);
}

bool reader_memory(reader *r) {
  if (r->arena->full) return fail_with(r, GENAI_ERROR_LIMIT, "the decoded message is larger than its memory ceiling");
  r->status = error_memory(r->error);
  return false;
}

bool reader_too_many(reader *r) {
  return fail_with(r, GENAI_ERROR_LIMIT, "there are more objects and list items than the ceiling allows");
}

/* ---- names ---- */

static inline bool is_name(const char *name, size_t name_size, const char *given, size_t size) {
  return name_size == size && wire_same(name, given, size);
}

static const wire_field *search_names(const wire_message *type, const char *name, size_t size) {
  for (uint32_t i = wire_name_hash(name, size);; i++) {
    uint8_t slot = type->names[i & type->name_mask];
    if (!slot) return NULL;
    const wire_field *f = &type->fields[slot - 1];
    if (is_name(f->name, f->name_size, name, size) || is_name(f->snake, f->snake_size, name, size) ||
        is_name(f->alias, f->alias_size, name, size) || is_name(f->alias_snake, f->alias_snake_size, name, size))
      return f;
  }
}

/* Most names are canonical and in the first place looked at. */
static inline const wire_field *find_name(const wire_message *type, const char *name, size_t size) {
  if (!size) return NULL;
  uint8_t slot = type->names[wire_name_hash(name, size) & type->name_mask];
  if (!slot) return NULL;
  const wire_field *f = &type->fields[slot - 1];
  return is_name(f->name, f->name_size, name, size) ? f : search_names(type, name, size);
}

const wire_field *wire_field_named(const wire_message *type, const char *name, size_t size) {
  return find_name(type, name, size);
}

enum { NAME_MAX = 64 };

/* Levenshtein's distance. */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size) {
  size_t row[NAME_MAX + 1];
  for (size_t j = 0; j <= b_size; j++) row[j] = j;
  for (size_t i = 1; i <= a_size; i++) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b_size; j++) {
      size_t least = corner + (a[i - 1] != b[j - 1]);
      if (row[j] + 1 < least) least = row[j] + 1;
      if (row[j - 1] + 1 < least) least = row[j - 1] + 1;
      corner = row[j];
      row[j] = least;
    }
  }
  return row[b_size];
}

static bool fail_unknown(reader *r, const wire_message *type, const char *name, size_t size) {
  char fault[400];
  const wire_field *nearest = NULL;
  size_t least = 1 + size / 3;
  for (size_t i = 0; i < type->count && size <= NAME_MAX; i++) {
    const wire_field *f = &type->fields[i];
    if (f->name_size > NAME_MAX) continue;
    size_t d = distance(name, size, f->name, f->name_size);
    if (d >= least && !(d == least && !nearest)) continue;
    nearest = f;
    least = d;
  }
  int shown = size > NAME_MAX ? NAME_MAX : (int)size;
  snprintf(fault, sizeof fault, "\"%.*s\" is not a field of %s%s%s%s", shown, name, type->name,
           nearest ? "; did you mean \"" : "", nearest ? nearest->name : "", nearest ? "\"" : "");
  return fail_with(r, invalid(r), fault);
}

/* ---- messages ---- */

/* A null, or a second value under another spelling, leaves nothing of the first. */
static bool clear(reader *r, const wire_field *f, uint8_t *message) {
  static const size_t sizes[] = {
      [WIRE_BOOL] = sizeof(genai_opt_bool),     [WIRE_INT32] = sizeof(genai_opt_int32),
      [WIRE_INT64] = sizeof(genai_opt_int64),   [WIRE_DOUBLE] = sizeof(genai_opt_double),
      [WIRE_STRING] = sizeof(char *),           [WIRE_BYTES] = sizeof(genai_bytes),
      [WIRE_ENUM] = sizeof(int32_t),            [WIRE_MESSAGE] = sizeof(void *),
      [WIRE_JSON] = sizeof(char *),             [WIRE_OBJECT] = sizeof(char *),
      [WIRE_DURATION] = sizeof(genai_opt_duration)};
  if (!wire_scan_literal(&r->scan, "null")) return reader_fail(r);
  if (f->shape != WIRE_SINGLE) {
    memset(message + f->offset, 0, f->kind == WIRE_ENUM ? sizeof(genai_enum_list) : sizeof(genai_string_list));
    return true;
  }
  memset(message + f->offset, 0, sizes[f->kind]);
  if (f->kind == WIRE_ENUM) memset(message + f->text_offset, 0, sizeof(char *));
  return true;
}

static bool read_message_field(reader *r, const wire_field *f, uint8_t *message) {
  return (*(const void **)(void *)(message + f->offset) = reader_new_message(r, f->type.message)) != NULL;
}

static inline bool read_field(reader *r, const wire_field *f, uint8_t *message) {
  wire_path path = {r->path, f->name, f->name_size, WIRE_PATH_NO_INDEX};
  bool read;
  r->path = &path;
  if (wire_scan_peek(&r->scan) == 'n')
    read = clear(r, f, message);
  else if (f->shape == WIRE_SINGLE)
    read = f->kind == WIRE_MESSAGE ? read_message_field(r, f, message) : reader_value(r, f, message);
  else if (f->shape == WIRE_LIST)
    read = reader_list(r, f, &path, message + f->offset);
  else
    read = reader_map(r, f, message + f->offset);
  r->path = path.up;
  return read;
}

/* One that is longer, with escapes in it, is no field's. */
enum { ESCAPED_NAME_MAX = 6 * 256 };

/* Takes a name that is unknown, or not written as usual, and its colon. NULL: there is no such field, or after an
 * error. */
static const wire_field *take_unusual_name(reader *r, const wire_message *type) {
  wire_scan *s = &r->scan;
  wire_string string;
  uint8_t buffer[ESCAPED_NAME_MAX];
  if (!wire_scan_name(s, &string)) {
    reader_fail(r);
    return NULL;
  }
  const char *name = (const char *)string.data;
  size_t size = string.size;
  if (string.escaped && size <= sizeof buffer) {
    name = (const char *)buffer;
    size = wire_unescape(&string, buffer);
  }
  const wire_field *f = wire_field_named(type, name, size);
  if (!f && r->limits.refuse_unknown) {
    s->p = string.data;
    fail_unknown(r, type, name, size);
  }
  return f;
}

static bool read_member(reader *r, const wire_message *type, uint8_t *message) {
  wire_scan *s = &r->scan;
  wire_string name;
  const wire_field *f = NULL;
  if (wire_scan_peek(s) == '"' && wire_scan_word(s, &name))
    f = find_name(type, (const char *)name.data, name.size);
  if (f) {
    s->p = name.data + name.size + 1;
    if (!wire_scan_colon(s)) return reader_fail(r);
  } else if (!(f = take_unusual_name(r, type))) {
    return r->status == GENAI_OK && (wire_scan_value(s) || reader_fail(r));
  }
  return read_field(r, f, message);
}

static bool read_message(reader *r, const wire_message *type, uint8_t *message) {
  bool done;
  if (!reader_open(r, '{', "an object", &done)) return false;
  while (!done)
    if (!read_member(r, type, message) || !reader_next(r, '}', &done)) return false;
  return true;
}

const void *reader_new_message(reader *r, const wire_message *type) {
  if (!reader_count(r)) return NULL;
  uint8_t *message = arena_zalloc(r->arena, type->size);
  if (!message) {
    reader_memory(r);
    return NULL;
  }
  return read_message(r, type, message) ? message : NULL;
}

genai_status wire_read(arena *a, const wire_message *type, const char *text, size_t size, const wire_limits *limits,
                       void **out, genai_error *error) {
  reader r = {.arena = a, .error = error, .limits = limits ? *limits : (wire_limits){0}};
  r.elements_left = r.limits.elements_max ? r.limits.elements_max : ELEMENTS_DEFAULT;
  wire_scan_init(&r.scan, text, size, r.limits.depth_max);
  *out = NULL;
  /* One allocation for the usual message: its bytes, three quarters of the text, and some structs. */
  size_t room = size / 4 * 3 + 1024;
  if (room <= RESERVED_MAX && room <= a->ceiling - a->reserved && !arena_reserve(a, room)) return error_memory(error);
  const void *message = reader_new_message(&r, type);
  if (!message) return r.status;
  if (!wire_scan_end(&r.scan)) {
    reader_fail(&r);
    return r.status;
  }
  *out = (void *)(uintptr_t)message;
  return GENAI_OK;
}
