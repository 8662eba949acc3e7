#include "emulator/functions.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "emulator/pjson.h"

enum { DEPTH_MAX = 8 };

/* Where to read on for the next phrase and the next number. */
typedef struct source {
  const char *text, *phrase, *number;
} source;

typedef struct mention {
  const char *start;
  size_t size;
} mention;

static bool is_gap(char c) { return c == ' ' || c == '_' || c == '-'; }
static bool is_word(char c) { return isalnum((unsigned char)c) || (unsigned char)c >= 0x80; }

/* Length of `name` at `text`, case ignored, gaps being alike; 0 when it does not stand there as a whole. */
static size_t match_at(const char *text, const char *name) {
  size_t i = 0;
  for (; name[i]; i++) {
    bool same = is_gap(name[i]) ? is_gap(text[i]) : tolower((unsigned char)text[i]) == tolower((unsigned char)name[i]);
    if (!same) return 0;
  }
  return is_word(text[i]) || text[i] == '_' ? 0 : i;
}

static mention find_mention(const char *text, const char *name) {
  for (const char *at = text; *at && *name; at++) {
    if (at > text && (is_word(at[-1]) || at[-1] == '_')) continue;
    size_t size = match_at(at, name);
    if (size) return (mention){at, size};
  }
  return (mention){NULL, 0};
}

/* The words after the next preposition, up to the next one or the end of the clause. */
static json_t *next_phrase(source *s) {
  static const char *const prepositions[] = {"in", "for", "of"};
  mention next = {NULL, 0}, stop = {NULL, 0};
  for (size_t i = 0; i < 3; i++) {
    mention found = find_mention(s->phrase, prepositions[i]);
    if (found.start && (!next.start || found.start < next.start)) next = found;
  }
  if (!next.start) return json_string("example");
  const char *start = next.start + next.size;
  start += strspn(start, " ");
  size_t size = strcspn(start, ".,;:!?\"\n");
  for (size_t i = 0; i < 3; i++) {
    stop = find_mention(start, prepositions[i]);
    if (stop.start && (size_t)(stop.start - start) < size) size = (size_t)(stop.start - start);
  }
  s->phrase = start + size;
  while (size && start[size - 1] == ' ') size--;
  return size ? json_stringn(start, size) : json_string("example");
}

static json_t *next_number(source *s, bool integer, double least) {
  const char *digits = s->number + strcspn(s->number, "0123456789");
  double value = least > 1 ? least : 1;
  if (*digits) {
    char *end;
    bool negative = digits > s->number && digits[-1] == '-';
    value = strtod(digits, &end) * (negative ? -1 : 1);
    s->number = end;
  }
  if (integer && value >= -9e15 && value <= 9e15) return json_integer((json_int_t)value);
  return json_real(value);
}

/* JSON Schema may list types; the first that is not null counts. */
static const char *type_of(json_t *schema) {
  json_t *type = json_object_get(schema, "type"), *item;
  size_t i;
  if (json_is_string(type)) return json_string_value(type);
  json_array_foreach(type, i, item) {
    if (json_is_string(item) && strcasecmp(json_string_value(item), "null")) return json_string_value(item);
  }
  return json_object_get(schema, "properties") ? "object" : "string";
}

/* The value of an enum that the text mentions; borrowed, or NULL. */
static json_t *mentioned_value(json_t *schema, const char *text) {
  json_t *value;
  size_t i;
  json_array_foreach(json_object_get(schema, "enum"), i, value) {
    if (json_is_string(value) && find_mention(text, json_string_value(value)).start) return value;
  }
  return NULL;
}

static json_t *make_object(json_t *schema, source *s, int depth);

static json_t *make_value(json_t *schema, source *s, int depth) {
  json_t *any = json_array_get(pjson_get(schema, "any_of"), 0);
  if (any && depth < DEPTH_MAX) return make_value(any, s, depth + 1);
  json_t *given = pjson_get(schema, "default");
  if (!given) given = pjson_get(schema, "example");
  if (!given) given = mentioned_value(schema, s->text);
  if (!given) given = json_array_get(json_object_get(schema, "enum"), 0);
  if (given) return json_incref(given);
  const char *type = type_of(schema);
  if (!strcasecmp(type, "integer")) return next_number(s, true, pjson_number(schema, "minimum", 0));
  if (!strcasecmp(type, "number")) return next_number(s, false, pjson_number(schema, "minimum", 0));
  if (!strcasecmp(type, "boolean")) return json_true();
  if (!strcasecmp(type, "null")) return json_null();
  if (!strcasecmp(type, "object") && depth < DEPTH_MAX) return make_object(schema, s, depth + 1);
  if (!strcasecmp(type, "array") && depth < DEPTH_MAX) {
    json_t *items = json_object_get(schema, "items");
    return json_pack("[o]", make_value(items, s, depth + 1));
  }
  return next_phrase(s);
}

static bool is_required(json_t *schema, const char *name) {
  json_t *item;
  size_t i;
  json_array_foreach(json_object_get(schema, "required"), i, item) {
    if (json_is_string(item) && !strcmp(json_string_value(item), name)) return true;
  }
  return false;
}

static json_t *make_object(json_t *schema, source *s, int depth) {
  json_t *object = json_object(), *property;
  const char *name;
  json_object_foreach(json_object_get(schema, "properties"), name, property) {
    json_t *mentioned = mentioned_value(property, s->text);
    if (is_required(schema, name))
      json_object_set_new(object, name, make_value(property, s, depth));
    else if (mentioned)
      json_object_set(object, name, mentioned);
  }
  return object;
}

static json_t *make_args(json_t *declaration, const char *text, mention where) {
  json_t *schema = pjson_get(declaration, "parameters");
  if (!schema) schema = pjson_get(declaration, "parameters_json_schema");
  /* What follows the name is about the call; the name itself may hold a preposition or a number. */
  source s = {text, where.start + where.size, where.start + where.size};
  return make_object(schema, &s, 0);
}

/* Whether a longer name that the text mentions covers this place. */
static bool is_covered(json_t *tools, const char *text, mention where) {
  json_t *tool, *declaration;
  size_t i, k;
  json_array_foreach(tools, i, tool) {
    json_array_foreach(pjson_get(tool, "function_declarations"), k, declaration) {
      mention other = find_mention(text, pjson_text(declaration, "name"));
      if (other.start && other.size > where.size && other.start <= where.start &&
          other.start + other.size >= where.start + where.size)
        return true;
    }
  }
  return false;
}

size_t functions_find(json_t *tools, const char *text, function_call calls[FUNCTIONS_MAX]) {
  json_t *tool, *declaration;
  size_t i, k, count = 0;
  json_array_foreach(tools, i, tool) {
    json_array_foreach(pjson_get(tool, "function_declarations"), k, declaration) {
      mention where = find_mention(text, pjson_text(declaration, "name"));
      if (count == FUNCTIONS_MAX || !where.start || is_covered(tools, text, where)) continue;
      calls[count++] = (function_call){declaration, make_args(declaration, text, where)};
    }
  }
  return count;
}
