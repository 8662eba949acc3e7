#include "emulator/shape.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulator/pjson.h"

enum { PATH_MAX_SIZE = 400, DEPTH_MAX = 100, TYPE_MAX = 64 };

typedef struct check {
  const char *version;
  char *reason;
  char path[PATH_MAX_SIZE]; /* as in setup.tools[0].function_declarations[1], in proto names */
  int depth;
} check;

static bool check_message(check *c, const char *name, json_t *value);

/* The word that begins at `text`, up to `end` or a NUL. */
static bool word_is(const char *text, char end, const char *word) {
  size_t size = strlen(word);
  return !strncmp(text, word, size) && (text[size] == end || !text[size]);
}

static const char *find_row(const shape_row *row, const char *name) {
  while (row->name && strcmp(row->name, name)) row++;
  return row->content;
}

static const char *fields_of(const char *message) { return find_row(shape_messages, message); }
static const char *values_of(const char *enumeration) { return find_row(shape_enumerations, enumeration); }

/* Finds the field that a JSON key names: fills its proto name and type. */
static bool find_field(const char *fields, const char *key, char name[TYPE_MAX], char type[TYPE_MAX]) {
  int used = 0;
  for (; sscanf(fields, "%63[^:]:%63s%n", name, type, &used) == 2; fields += used + strspn(fields + used, " ")) {
    if (pjson_key_is(key, name)) return true;
  }
  return false;
}

static bool refuse_name(const check *c, const char *key, const char *why) {
  if (*c->path) {
    snprintf(c->reason, SHAPE_REASON_MAX, "Invalid JSON payload received. Unknown name \"%.100s\" at '%.300s': %s", key,
             c->path, why);
  } else {
    snprintf(c->reason, SHAPE_REASON_MAX, "Invalid JSON payload received. Unknown name \"%.100s\": %s", key, why);
  }
  return false;
}

static bool refuse_value(const check *c, const char *type, const json_t *value) {
  char text[120] = "";
  size_t size = json_dumpb(value, text, sizeof text - 1, JSON_COMPACT | JSON_ENCODE_ANY);
  if (size >= sizeof text) size = 0; /* too long to quote */
  snprintf(c->reason, SHAPE_REASON_MAX, "Invalid value at '%.200s' (%.160s), %.*s", c->path, type, (int)size, text);
  return false;
}

static bool refuse_type(const check *c, const char *name, const json_t *value) {
  char type[160];
  snprintf(type, sizeof type, "type.googleapis.com/google.ai.generativelanguage.%s.%s", c->version, name);
  return refuse_value(c, type, value);
}

static bool text_is_number(const json_t *value, double *number) {
  const char *text = json_string_value(value);
  if (!text || !*text) return false;
  if (!strcmp(text, "NaN") || !strcmp(text, "Infinity") || !strcmp(text, "-Infinity")) return *number = NAN, true;
  char *end;
  *number = strtod(text, &end);
  return !*end;
}

static bool is_number(const json_t *value, double *number) {
  if (!json_is_number(value)) return text_is_number(value, number);
  *number = json_number_value(value);
  return true;
}

static bool is_integer(const json_t *value, double least, double most) {
  double number;
  return is_number(value, &number) && number == floor(number) && number >= least && number <= most;
}

/* google.protobuf.Duration: digits, perhaps a fraction, and an s. */
static bool is_duration(const json_t *value) {
  const char *text = json_string_value(value);
  if (!text) return false;
  text += *text == '-';
  size_t digits = strspn(text, "0123456789");
  text += digits;
  if (*text == '.') text += 1 + strspn(text + 1, "0123456789");
  return digits && !strcmp(text, "s");
}

static bool check_enum(const check *c, const char *name, const json_t *value) {
  const char *values = values_of(name), *text = json_string_value(value);
  if (json_is_integer(value)) return true;
  if (!text) return refuse_type(c, name, value);
  for (; values; values = strchr(values, ' ')) {
    values += *values == ' ';
    if (word_is(values, ' ', text) && *text) return true;
  }
  return refuse_type(c, name, value);
}

static bool check_scalar(const check *c, const char *type, json_t *value) {
  static const struct {
    const char *type, *google;
  } names[] = {
      {"string", "TYPE_STRING"},
      {"bool", "TYPE_BOOL"},
      {"int32", "TYPE_INT32"},
      {"int64", "TYPE_INT64"},
      {"number", "TYPE_DOUBLE"},
      {"bytes", "TYPE_BYTES"},
      {"enum", "TYPE_ENUM"},
      {"duration", "type.googleapis.com/google.protobuf.Duration"},
      {"timestamp", "type.googleapis.com/google.protobuf.Timestamp"},
      {"struct", "type.googleapis.com/google.protobuf.Struct"},
  };
  double number;
  bool fine = false;
  if (!strcmp(type, "any")) return true;
  if (!strcmp(type, "string") || !strcmp(type, "timestamp"))
    fine = json_is_string(value);
  else if (!strcmp(type, "bool"))
    fine = json_is_boolean(value);
  else if (!strcmp(type, "int32"))
    fine = is_integer(value, INT32_MIN, INT32_MAX);
  else if (!strcmp(type, "int64"))
    fine = is_integer(value, -9223372036854775808.0, 9223372036854775807.0);
  else if (!strcmp(type, "number"))
    fine = is_number(value, &number);
  else if (!strcmp(type, "bytes"))
    fine = json_is_string(value) && pjson_base64_valid(json_string_value(value), json_string_length(value));
  else if (!strcmp(type, "enum"))
    fine = json_is_string(value) || json_is_integer(value);
  else if (!strcmp(type, "duration"))
    fine = is_duration(value);
  else if (!strcmp(type, "struct"))
    fine = json_is_object(value);
  for (size_t i = 0; !fine && i < sizeof names / sizeof *names; i++) {
    if (!strcmp(names[i].type, type)) return refuse_value(c, names[i].google, value);
  }
  return fine;
}

static bool check_value(check *c, const char *type, json_t *value) {
  if (fields_of(type)) return check_message(c, type, value);
  if (values_of(type)) return check_enum(c, type, value);
  return check_scalar(c, type, value);
}

static bool check_list(check *c, const char *type, json_t *list) {
  if (!json_is_array(list)) return fields_of(type) ? refuse_type(c, type, list) : check_value(c, type, list);
  size_t i, length = strlen(c->path);
  json_t *value;
  json_array_foreach(list, i, value) {
    snprintf(c->path + length, sizeof c->path - length, "[%zu]", i);
    if (!check_value(c, type, value)) return false;
  }
  c->path[length] = '\0';
  return true;
}

static bool check_map(check *c, const char *type, json_t *map) {
  if (!json_is_object(map)) return refuse_type(c, type, map);
  size_t length = strlen(c->path);
  const char *key;
  json_t *value;
  json_object_foreach(map, key, value) {
    snprintf(c->path + length, sizeof c->path - length, "[%.60s]", key);
    if (!check_value(c, type, value)) return false;
  }
  c->path[length] = '\0';
  return true;
}

static bool check_field(check *c, const char *key, const char *name, const char *type, json_t *value) {
  bool scalar = *type != '*' && *type != '%' && !fields_of(type) && strcmp(type, "any");
  if (json_is_array(value) && *type != '*' && strcmp(type, "any"))
    return refuse_name(c, key, "Proto field is not repeating, cannot start list.");
  if (json_is_object(value) && scalar && strcmp(type, "struct"))
    return refuse_name(c, key, "Proto field is a scalar, cannot start an object.");
  size_t length = strlen(c->path);
  snprintf(c->path + length, sizeof c->path - length, "%s%s", length ? "." : "", name);
  bool fine = *type == '*'   ? check_list(c, type + 1, value)
              : *type == '%' ? check_map(c, type + 1, value)
                             : check_value(c, type, value);
  c->path[length] = fine ? '\0' : c->path[length];
  return fine;
}

static bool check_message(check *c, const char *name, json_t *value) {
  if (!json_is_object(value)) return refuse_type(c, name, value);
  if (c->depth == DEPTH_MAX)
    return snprintf(c->reason, SHAPE_REASON_MAX, "Message too deep. Max recursion depth reached."), false;
  c->depth++;
  const char *fields = fields_of(name), *key;
  json_t *member;
  char field[TYPE_MAX], type[TYPE_MAX];
  json_object_foreach(value, key, member) {
    if (!find_field(fields, key, field, type)) return refuse_name(c, key, "Cannot find field.");
    if (!json_is_null(member) && !check_field(c, key, field, type, member)) return false;
  }
  c->depth--;
  return true;
}

bool shape_check(json_t *message, const char *name, const char *api_version, char reason[SHAPE_REASON_MAX]) {
  check c = {.version = api_version, .reason = reason};
  if (json_is_object(message)) return check_message(&c, name, message);
  snprintf(reason, SHAPE_REASON_MAX,
           "Invalid JSON payload received. Unknown name \"\": Root element must be a message.");
  return false;
}

bool shape_has_path(const char *name, const char *path) {
  char part[TYPE_MAX], field[TYPE_MAX], type[TYPE_MAX];
  const char *fields = fields_of(name);
  size_t size = strcspn(path, ".");
  if (!fields || !size || size >= sizeof part) return false;
  snprintf(part, sizeof part, "%.*s", (int)size, path);
  return find_field(fields, part, field, type) && (!path[size] || shape_has_path(type, path + size + 1));
}
