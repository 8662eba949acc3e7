#include "wire/writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "base/utf8.h"
#include "wire/base64.h"
#include "wire/path.h"
#include "wire/scan.h"
#include "wire/tables.h"

typedef struct writer {
  buf *out;
  wire_rules rules;
  const wire_path *path;
  unsigned depth;
  bool declaring; /* inside a function's declaration */
  genai_error *error;
  genai_status status;
} writer;

/* ---- errors ---- */

static bool refuse(writer *w, const char *fault) {
  char path[WIRE_PATH_MAX];
  wire_path_text(w->path, w->rules.root, path);
  w->status = error_set(w->error, GENAI_ERROR_ARGUMENT, "%s %s.", path, fault);
  return false;
}

/* What buf's own functions returned. */
static bool put(writer *w, bool appended) {
  if (appended) return true;
  w->status = w->out->full ? error_set(w->error, GENAI_ERROR_LIMIT,
                                       "The message is larger than the ceiling of %zu bytes.", w->out->ceiling)
                           : error_memory(w->error);
  return false;
}

static bool check_backend(writer *w, const wire_field *f) {
  static const char *const names[] = {"", "the Gemini Developer API",
                                      "the Gemini Enterprise Agent Platform (Vertex AI)"};
  char fault[256];
  if (w->rules.backend == WIRE_BACKEND_ANY || f->only == WIRE_ANYWHERE) return true;
  if (f->only == WIRE_NEITHER) return refuse(w, "is not accepted in a live session by either backend; remove it");
  if ((f->only == WIRE_ONLY_GEMINI) == (w->rules.backend == WIRE_BACKEND_GEMINI)) return true;
  snprintf(fault, sizeof fault, "is only accepted by %s, and this client uses %s; remove it, or use the other backend",
           names[f->only == WIRE_ONLY_GEMINI ? 1 : 2], names[w->rules.backend]);
  return refuse(w, fault);
}

/* ---- single values ---- */

/* The escape of a byte that cannot stand in a string as it is; returns its size. */
static size_t escape(uint8_t byte, char out[6]) {
  static const char letters[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
  out[0] = '\\';
  out[1] = (char)byte;
  if (byte >= 0x20) return 2;
  out[1] = letters[byte];
  if (out[1]) return 2;
  memcpy(out + 1, "u00", 3);
  out[4] = (char)('0' + (byte >> 4));
  out[5] = "0123456789abcdef"[byte & 15];
  return 6;
}

bool wire_write_string(buf *out, const char *text, size_t size) {
  const uint8_t *p = (const uint8_t *)text, *end = p + size;
  bool ascii = true;
  if (!buf_room(out, size + 2)) return false;
  buf_byte(out, '"');
  for (;;) {
    const uint8_t *stop = wire_plain_span(p, end, &ascii);
    if (stop > p && !buf_append(out, p, (size_t)(stop - p))) return false;
    if (stop == end) break;
    char bytes[6];
    if (!buf_append(out, bytes, escape(*stop, bytes))) return false;
    p = stop + 1;
  }
  if (!ascii && !utf8_valid((const uint8_t *)text, size)) return false;
  return buf_byte(out, '"');
}

static bool write_string(writer *w, const char *text) {
  if (!text) return refuse(w, "is NULL");
  if (wire_write_string(w->out, text, strlen(text))) return true;
  return w->out->failed ? put(w, false) : refuse(w, "is not valid UTF-8");
}

/* A user's own JSON goes out as it is, once it is known to be JSON. */
static bool write_json(writer *w, const char *text, bool object) {
  genai_error error;
  if (!text) return refuse(w, "is NULL");
  text += strspn(text, " \t\r\n");
  size_t size = strlen(text);
  if (object && *text != '{') return refuse(w, "is not a JSON object");
  if (wire_json_check(text, size, 0, &error) == GENAI_OK) return put(w, buf_append(w->out, text, size));
  char path[WIRE_PATH_MAX];
  wire_path_text(w->path, w->rules.root, path);
  w->status = error_set(w->error, GENAI_ERROR_ARGUMENT, "%s is not valid JSON. %s", path, error.message);
  return false;
}

static bool write_int(writer *w, int64_t value) {
  char text[NUMBER_TEXT_MAX];
  return put(w, buf_append(w->out, text, number_write_int64(text, value)));
}

static bool write_int64(writer *w, int64_t value) {
  char text[NUMBER_TEXT_MAX + 2] = "\"";
  size_t size = 1 + number_write_int64(text + 1, value);
  text[size++] = '"';
  return put(w, buf_append(w->out, text, size));
}

static bool write_double(writer *w, double value) {
  char text[NUMBER_TEXT_MAX];
  if (isnan(value)) return put(w, buf_text(w->out, "\"NaN\""));
  if (isinf(value)) return put(w, buf_text(w->out, value < 0 ? "\"-Infinity\"" : "\"Infinity\""));
  return put(w, buf_append(w->out, text, number_write_double(text, value)));
}

static bool write_bytes(writer *w, const genai_bytes *bytes) {
  size_t size = base64_encoded_size(bytes->size);
  if (size < bytes->size) return refuse(w, "is too large"); /* more than the address space */
  uint8_t *to = buf_room(w->out, size + 2);
  if (!to) return put(w, false);
  *to = '"';
  base64_encode(bytes->data, bytes->size, to + 1);
  to[size + 1] = '"';
  buf_commit(w->out, size + 2);
  return true;
}

static bool write_enum(writer *w, const wire_enum *type, int32_t value, const char *text) {
  if (text) return write_string(w, text);
  if (value < 0 || value >= type->count || !type->texts[value]) return write_int(w, value);
  uint8_t *to = buf_room(w->out, (size_t)type->sizes[value] + 2);
  if (!to) return put(w, false);
  to[0] = to[type->sizes[value] + 1] = '"';
  memcpy(to + 1, type->texts[value], type->sizes[value]);
  buf_commit(w->out, (size_t)type->sizes[value] + 2);
  return true;
}

/* With 0, 3, 6 or 9 decimals, as protobuf writes it. */
static bool write_duration(writer *w, genai_duration d) {
  const int64_t most = INT64_C(315576000000);
  bool range = d.seconds >= -most && d.seconds <= most && d.nanos > -1000000000 && d.nanos < 1000000000;
  bool end = (d.seconds == most || d.seconds == -most) && d.nanos;
  if (!range || end) return refuse(w, "is outside the range of a duration (10,000 years)");
  if ((d.seconds > 0 && d.nanos < 0) || (d.seconds < 0 && d.nanos > 0))
    return refuse(w, "is a duration whose seconds and nanos differ in sign");
  char text[48];
  size_t size = 0;
  int32_t nanos = d.nanos < 0 ? -d.nanos : d.nanos;
  text[size++] = '"';
  if (d.seconds < 0 || d.nanos < 0) text[size++] = '-';
  size += number_write_int64(text + size, d.seconds < 0 ? -d.seconds : d.seconds);
  if (nanos) {
    int digits = nanos % 1000000 == 0 ? 3 : nanos % 1000 == 0 ? 6 : 9;
    text[size++] = '.';
    for (int32_t place = 100000000; digits--; place /= 10) text[size++] = (char)('0' + nanos / place % 10);
  }
  text[size++] = 's';
  text[size++] = '"';
  return put(w, buf_append(w->out, text, size));
}

/* ---- lists, maps, messages ---- */

static bool write_message(writer *w, const wire_message *type, const uint8_t *value);

typedef struct list_value {
  const void *items;
  size_t count;
} list_value;

typedef struct entry {
  const char *key;
  const void *value;
} entry;

static list_value load_list(const uint8_t *at) {
  list_value list;
  memcpy(&list, at, sizeof list);
  return list;
}

/* A message, string or piece of JSON behind a pointer. */
static bool write_pointer(writer *w, const wire_field *f, const void *value) {
  if (f->kind == WIRE_MESSAGE) return value ? write_message(w, f->type.message, value) : refuse(w, "is NULL");
  if (f->kind == WIRE_STRING) return write_string(w, value);
  return write_json(w, value, f->kind == WIRE_OBJECT);
}

static bool write_item(writer *w, const wire_field *f, const uint8_t *at, list_value list, size_t i) {
  switch (f->kind) {
  case WIRE_INT32: return write_int(w, ((const int32_t *)list.items)[i]);
  case WIRE_DOUBLE: return write_double(w, ((const double *)list.items)[i]);
  case WIRE_ENUM: {
    const genai_enum_list *enums = (const void *)at;
    return write_enum(w, f->type.enumeration, enums->items[i], enums->texts ? enums->texts[i] : NULL);
  }
  default: return write_pointer(w, f, ((const void *const *)list.items)[i]);
  }
}

static bool write_list(writer *w, const wire_field *f, wire_path *path, const uint8_t *at) {
  list_value list = load_list(at);
  if (!put(w, buf_byte(w->out, '['))) return false;
  for (path->index = 0; path->index < list.count; path->index++) {
    if (path->index && !put(w, buf_byte(w->out, ','))) return false;
    if (!write_item(w, f, at, list, path->index)) return false;
  }
  return put(w, buf_byte(w->out, ']'));
}

static bool write_entry(writer *w, const wire_field *f, const entry *e) {
  if (!e->key) return refuse(w, "has a key that is NULL");
  if (!write_string(w, e->key) || !put(w, buf_byte(w->out, ':'))) return false;
  wire_path path = {w->path, e->key, strlen(e->key), WIRE_PATH_NO_INDEX};
  w->path = &path;
  bool written = write_pointer(w, f, e->value);
  w->path = path.up;
  return written;
}

static bool write_map(writer *w, const wire_field *f, const uint8_t *at) {
  list_value list = load_list(at);
  if (!put(w, buf_byte(w->out, '{'))) return false;
  for (size_t i = 0; i < list.count; i++) {
    if (i && !put(w, buf_byte(w->out, ','))) return false;
    if (!write_entry(w, f, (const entry *)list.items + i)) return false;
  }
  return put(w, buf_byte(w->out, '}'));
}

bool wire_present(const wire_field *f, const void *message) {
  const void *at = (const uint8_t *)message + f->offset;
  if (f->shape != WIRE_SINGLE) return load_list(at).items != NULL;
  switch ((wire_kind)f->kind) {
  case WIRE_BOOL: return ((const genai_opt_bool *)at)->has;
  case WIRE_INT32: return ((const genai_opt_int32 *)at)->has;
  case WIRE_INT64: return ((const genai_opt_int64 *)at)->has;
  case WIRE_DOUBLE: return ((const genai_opt_double *)at)->has;
  case WIRE_DURATION: return ((const genai_opt_duration *)at)->has;
  case WIRE_BYTES: return ((const genai_bytes *)at)->data != NULL;
  case WIRE_ENUM:
    return *(const int32_t *)at || *(const char *const *)(const void *)((const uint8_t *)message + f->text_offset);
  case WIRE_MESSAGE:
  case WIRE_STRING:
  case WIRE_JSON:
  case WIRE_OBJECT: return *(const void *const *)at != NULL;
  }
  return false;
}

static bool write_value(writer *w, const wire_field *f, wire_path *path, const uint8_t *message) {
  const void *at = message + f->offset;
  if (f->shape == WIRE_LIST) return write_list(w, f, path, at);
  if (f->shape == WIRE_MAP) return write_map(w, f, at);
  switch ((wire_kind)f->kind) {
  case WIRE_BOOL: return put(w, buf_text(w->out, ((const genai_opt_bool *)at)->value ? "true" : "false"));
  case WIRE_INT32: return write_int(w, ((const genai_opt_int32 *)at)->value);
  case WIRE_INT64: return write_int64(w, ((const genai_opt_int64 *)at)->value);
  case WIRE_DOUBLE: return write_double(w, ((const genai_opt_double *)at)->value);
  case WIRE_DURATION: return write_duration(w, ((const genai_opt_duration *)at)->value);
  case WIRE_BYTES: return write_bytes(w, at);
  case WIRE_ENUM:
    return write_enum(w, f->type.enumeration, *(const int32_t *)at,
                      *(const char *const *)(const void *)(message + f->text_offset));
  case WIRE_MESSAGE:
  case WIRE_STRING:
  case WIRE_JSON:
  case WIRE_OBJECT: return write_pointer(w, f, *(const void *const *)at);
  }
  return false;
}

static bool write_name(writer *w, const wire_field *f, bool first) {
  bool alias = f->alias_on_vertex && w->rules.backend == WIRE_BACKEND_VERTEX;
  size_t size = alias ? f->alias_size : f->name_size;
  uint8_t *to = buf_room(w->out, size + 4);
  if (!to) return put(w, false);
  if (!first) *to++ = ',';
  *to++ = '"';
  memcpy(to, alias ? f->alias : f->name, size);
  memcpy(to + size, "\":", 2);
  buf_commit(w->out, size + 3 + !first);
  return true;
}

static bool write_field(writer *w, const wire_field *f, const uint8_t *message, bool first) {
  wire_path path = {w->path, f->name, f->name_size, WIRE_PATH_NO_INDEX};
  w->path = &path;
  bool written = check_backend(w, f) && write_name(w, f, first) && write_value(w, f, &path, message);
  w->path = path.up;
  return written;
}

/* A function's Schema that has both is refused on either backend; in generationConfig.responseSchema it passes. */
static bool check_schema(writer *w, const genai_schema *schema) {
  if (!w->declaring || !schema->any_of.items || !(schema->type || schema->type_text)) return true;
  return refuse(w, "has both type and anyOf; a schema has one of them");
}

static bool write_message(writer *w, const wire_message *type, const uint8_t *value) {
  bool first = true, outside = w->declaring;
  if (++w->depth > WIRE_DEPTH_DEFAULT) return refuse(w, "is nested too deeply; the service takes 100 levels");
  if (type == &wire_function_declaration) w->declaring = w->rules.backend != WIRE_BACKEND_ANY;
  if (type == &wire_schema && !check_schema(w, (const void *)value)) return false;
  if (!put(w, buf_byte(w->out, '{'))) return false;
  for (size_t i = 0; i < type->count; i++) {
    const wire_field *f = &type->fields[i];
    if (!wire_present(f, value)) continue;
    if (!write_field(w, f, value, first)) return false;
    first = false;
  }
  w->depth--;
  w->declaring = outside;
  return put(w, buf_byte(w->out, '}'));
}

genai_status wire_write(buf *out, const wire_message *type, const void *value, const wire_rules *rules,
                        genai_error *error) {
  writer w = {.out = out, .rules = rules ? *rules : (wire_rules){0}, .error = error};
  size_t before = out->size;
  if (write_message(&w, type, value)) return GENAI_OK;
  out->size = before;
  out->failed = out->full = false;
  return w.status;
}
