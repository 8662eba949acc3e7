/* Every field of the schema, by itself: from each root of a message, down each path of the tables, a JSON text that holds
 * that field alone, with each telling value of its kind, is read into the structs, where C finds the value, and nothing
 * else, at its place; and written back it is, to jansson, the text that it was. */
#include <stdio.h>

#include <jansson.h>

#include "codec_support.h"
#include "json_equal.h"

/* What the frames, the calls and the public configurations begin with. From them one comes to every struct. */
static const wire_message *const server_roots[] = {&wire_live_server_message, &wire_live_music_server_message, &wire_auth_token};
static const wire_message *const client_roots[] = {
    &wire_live_connect_config, &wire_live_client_message, &wire_live_send_realtime_input_parameters,
    &wire_live_music_client_message, &wire_create_auth_token_config, &wire_model_table,
};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { VALUES_MAX = 64, FIELDS_MAX = 256 };

/* Whether a field was met, by its place in wire_messages and in its message. */
static bool met[256][FIELDS_MAX];
static size_t leaves, objects, texts;

/* One field on the way from the root to the leaf. */
typedef struct step {
  const wire_message *owner;
  const wire_field *field;
  const struct step *up;
} step;

/* ---- telling values ---- */

static const char *const values[][5] = {
    [WIRE_BOOL] = {"true", "false"},
    [WIRE_INT32] = {"7", "0", "2147483647", "-2147483648"},
    [WIRE_INT64] = {"\"7\"", "\"0\"", "\"9223372036854775807\"", "\"-9223372036854775808\""},
    [WIRE_DOUBLE] = {"0.1", "0", "-2.5e-7", "1.7976931348623157e308"},
    [WIRE_STRING] = {"\"a \\\"quoted\\\" \\\\ li\u0301ne\\n\\u0001 \xF0\x9D\x84\x9E\"", "\"\""},
    [WIRE_BYTES] = {"\"AP/++w==\"", "\"\""},
    [WIRE_MESSAGE] = {"{}"},
    [WIRE_JSON] = {"{\"snake_case\":[1,null,\"a\",{}],\"camelCase\":0.5}", "\"\"", "false", "[]"},
    [WIRE_OBJECT] = {"{\"snake_case\":{\"camelCase\":[0.5,null,\"\"]}}", "{}"},
    [WIRE_DURATION] = {"\"1.500s\"", "\"0s\"", "\"-0.000000001s\"", "\"315576000000s\""},
};

static json_t *parsed(const char *text) {
  json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
  if (!json) fail_msg("jansson does not take %s", text);
  return json;
}

/* The values that one element of the field can have; of an enumeration all, and one that is newer than we are. */
static size_t elements_of(const wire_field *f, json_t *out[VALUES_MAX]) {
  size_t count = 0;
  if (f->kind == WIRE_ENUM) {
    const wire_enum *e = f->type.enumeration;
    assert_true(e->count < VALUES_MAX - 1);
    for (size_t i = 0; i < e->count; i++) {
      if (e->texts[i]) out[count++] = json_string(e->texts[i]);
    }
    out[count++] = json_string("NEWER_THAN_THIS_VERSION");
    return count;
  }
  while (count < COUNT(values[0]) && values[f->kind][count]) {
    out[count] = parsed(values[f->kind][count]);
    count++;
  }
  return count;
}

/* The values of the field as a whole: of a list none, each and all; of a map none and two. Takes the elements. */
static size_t values_of(const wire_field *f, json_t *out[VALUES_MAX]) {
  json_t *elements[VALUES_MAX];
  size_t count = elements_of(f, elements), all = 0;
  if (f->shape == WIRE_SINGLE) {
    memcpy(out, elements, count * sizeof *out);
    return count;
  }
  bool list = f->shape == WIRE_LIST;
  json_t *every = list ? json_array() : json_object();
  out[all++] = list ? json_array() : json_object();
  for (size_t i = 0; i < count && list; i++) {
    out[all++] = json_pack("[O]", elements[i]);
    json_array_append(every, elements[i]);
  }
  if (list) json_array_append(every, elements[0]); /* two at least */
  else json_object_update_new(every, json_pack("{s:O,s:O}", "snake_case", elements[0], "camelCase", elements[count - 1]));
  out[all++] = every;
  for (size_t i = 0; i < count; i++) json_decref(elements[i]);
  return all;
}

/* ---- what C sees ---- */

static bool same_bytes(const genai_bytes *bytes, const char *base64) {
  static const uint8_t four[] = {0x00, 0xff, 0xfe, 0xfb};
  bool some = *base64 != '\0';
  return bytes->data && bytes->size == (some ? sizeof four : 0) && memcmp(bytes->data, four, bytes->size) == 0;
}

static bool same_duration(const genai_opt_duration *d, const char *text) {
  static const struct { const char *text; genai_duration value; } durations[] = {
      {"1.500s", {1, 500000000}}, {"0s", {0, 0}}, {"-0.000000001s", {0, -1}}, {"315576000000s", {315576000000, 0}}};
  for (size_t i = 0; i < COUNT(durations); i++) {
    if (strcmp(durations[i].text, text) == 0)
      return d->has && d->value.seconds == durations[i].value.seconds && d->value.nanos == durations[i].value.nanos;
  }
  return false;
}

static bool same_enum(const wire_enum *e, int32_t value, const char *text, const char *expected) {
  if (value > 0) return value < e->count && !text && strcmp(e->texts[value], expected) == 0;
  for (size_t i = 1; i < e->count; i++) {
    if (strcmp(e->texts[i], expected) == 0) return false;
  }
  return value == 0 && text && strcmp(text, expected) == 0;
}

static bool same_json(const char *text, const json_t *expected) {
  json_t *json = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
  bool same = json && json_equal(json, expected);
  json_decref(json);
  return same;
}

static bool same_double(double a, double b) { return !(a < b) && !(a > b); }

static bool same_single(const wire_field *f, const uint8_t *message, const json_t *expected) {
  const void *at = message + f->offset;
  const char *text = json_string_value(expected);
  switch ((wire_kind)f->kind) {
  case WIRE_BOOL: return ((const genai_opt_bool *)at)->has && ((const genai_opt_bool *)at)->value == json_is_true(expected);
  case WIRE_INT32: return ((const genai_opt_int32 *)at)->has && ((const genai_opt_int32 *)at)->value == json_integer_value(expected);
  case WIRE_INT64: return ((const genai_opt_int64 *)at)->has && ((const genai_opt_int64 *)at)->value == strtoll(text, NULL, 10);
  case WIRE_DOUBLE: return ((const genai_opt_double *)at)->has && same_double(((const genai_opt_double *)at)->value, json_number_value(expected));
  case WIRE_STRING: return *(const char *const *)at && strcmp(*(const char *const *)at, text) == 0;
  case WIRE_BYTES: return same_bytes(at, text);
  case WIRE_ENUM:
    return same_enum(f->type.enumeration, *(const int32_t *)at, *(const char *const *)(const void *)(message + f->text_offset), text);
  case WIRE_MESSAGE: return *(const void *const *)at != NULL;
  case WIRE_JSON:
  case WIRE_OBJECT: return same_json(*(const char *const *)at, expected);
  case WIRE_DURATION: return same_duration(at, text);
  }
  return false;
}

static bool same_item(const wire_field *f, const void *list, size_t i, const json_t *expected) {
  const genai_enum_list *enums = list;
  switch ((wire_kind)f->kind) {
  case WIRE_INT32: return ((const genai_int32_list *)list)->items[i] == json_integer_value(expected);
  case WIRE_DOUBLE: return same_double(((const genai_double_list *)list)->items[i], json_number_value(expected));
  case WIRE_STRING: return strcmp(((const genai_string_list *)list)->items[i], json_string_value(expected)) == 0;
  case WIRE_ENUM: return same_enum(f->type.enumeration, enums->items[i], enums->texts ? enums->texts[i] : NULL, json_string_value(expected));
  case WIRE_MESSAGE: return ((const genai_content_list *)list)->items[i] != NULL;
  default: return false; /* there are no other lists */
  }
}

static bool same_entry(const wire_field *f, const genai_string_pair *entry, const json_t *object) {
  const json_t *expected = json_object_get(object, entry->key);
  if (!expected || !entry->value) return false;
  return f->kind == WIRE_MESSAGE || (f->kind == WIRE_STRING && strcmp(entry->value, json_string_value(expected)) == 0);
}

static bool same_value(const wire_field *f, const uint8_t *message, const json_t *expected) {
  if (f->shape == WIRE_SINGLE) return same_single(f, message, expected);
  genai_string_map map; /* lists and maps begin alike: items, count */
  memcpy(&map, message + f->offset, sizeof map);
  if (!map.items || map.count != (f->shape == WIRE_LIST ? json_array_size(expected) : json_object_size(expected))) return false;
  for (size_t i = 0; i < map.count; i++) {
    if (f->shape == WIRE_LIST ? !same_item(f, message + f->offset, i, json_array_get(expected, i))
                              : !same_entry(f, &map.items[i], expected)) return false;
  }
  return true;
}

/* The struct that a field leads to: itself, the first of its list, or the value of its map's first entry. */
static const uint8_t *inside(const wire_field *f, const uint8_t *message) {
  const void *value;
  memcpy(&value, message + f->offset, sizeof value);
  if (value && f->shape == WIRE_LIST) memcpy(&value, value, sizeof value);
  if (value && f->shape == WIRE_MAP) return (const void *)((const genai_string_pair *)value)->value;
  return value;
}

/* The struct of the last step, when on the way there each holds the one field and no other; else NULL. */
static const uint8_t *follow(const step *s, const uint8_t *root) {
  const uint8_t *message = s->up ? follow(s->up, root) : root;
  if (message && s->up) message = inside(s->up->field, message);
  for (size_t i = 0; message && i < s->owner->count; i++) {
    const wire_field *f = &s->owner->fields[i];
    if (wire_present(f, message) != (f == s->field)) return NULL;
  }
  return message;
}

/* ---- one text ---- */

/* {"a":[{"b":VALUE}]}: the value under `name`, which stands for the last step's field, and that inside the steps above. */
static json_t *wrapped(const step *s, const char *name, json_t *value) {
  json_t *whole = json_pack("{s:O}", name, value);
  for (s = s->up; s; s = s->up) {
    if (s->field->shape == WIRE_LIST) whole = json_pack("[o]", whole);
    if (s->field->shape == WIRE_MAP) whole = json_pack("{s:o}", "a key", whole);
    whole = json_pack("{s:o}", s->field->name, whole);
  }
  return whole;
}

static void check_text(const wire_message *root, const step *s, const char *name, json_t *value) {
  json_t *given = wrapped(s, name, value), *expected = wrapped(s, s->field->name, value);
  char *text = json_dumps(given, JSON_COMPACT);
  arena a;
  const uint8_t *out = read_as(&a, root, text), *holder = follow(s, out);
  char *back = written(root, out);
  json_t *after = parsed(back);
  if (!holder) fail_msg("%s: %s is not the only field set", root->name, text);
  if (!same_value(s->field, holder, value)) fail_msg("%s: %s is not what the struct says", root->name, text);
  if (!json_equal_by_value(expected, after)) fail_msg("%s: %s became %s", root->name, text, back);
  json_decref(given);
  json_decref(expected);
  json_decref(after);
  free(text);
  free(back);
  arena_deinit(&a);
  texts++;
}

/* "candidatesTokenCount" as candidates_token_count */
static void snake_of(const char *name, char *out, size_t size) {
  size_t used = 0;
  for (; *name && used + 2 < size; name++) {
    bool upper = *name >= 'A' && *name <= 'Z';
    if (upper) out[used++] = '_';
    out[used++] = upper ? (char)(*name - 'A' + 'a') : *name;
  }
  out[used] = '\0';
}

/* The field under each name that it is read by: its own and its alias, both in camelCase and in snake_case. */
static void check_field(const wire_message *root, const step *s) {
  char snake[128], alias_snake[128] = "";
  json_t *all[VALUES_MAX];
  size_t count = values_of(s->field, all);
  snake_of(s->field->name, snake, sizeof snake);
  if (s->field->alias) snake_of(s->field->alias, alias_snake, sizeof alias_snake);
  const char *const names[] = {s->field->name, s->field->snake ? s->field->snake : snake, s->field->alias, alias_snake};
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < COUNT(names); k++) {
      if (names[k] && *names[k] && (k == 0 || i == 0)) check_text(root, s, names[k], all[i]);
    }
    json_decref(all[i]);
  }
}

/* ---- every path ---- */

static size_t index_of(const wire_message *message) {
  size_t i = 0;
  while (wire_messages[i] != message) assert_true(++i < wire_message_count);
  return i;
}

/* A message inside itself: the place is shown, its fields are shown outside. */
static bool is_within(const step *s, const wire_message *type) {
  for (; s; s = s->up) {
    if (s->owner == type) return true;
  }
  return false;
}

static void visit(const wire_message *root, const wire_message *type, const step *up) {
  size_t index = index_of(type);
  assert_true(type->count <= FIELDS_MAX);
  for (size_t i = 0; i < type->count; i++) {
    const wire_field *f = &type->fields[i];
    const step s = {type, f, up};
    met[index][i] = true;
    *(f->kind == WIRE_MESSAGE ? &objects : &leaves) += 1;
    check_field(root, &s);
    if (f->kind == WIRE_MESSAGE && !is_within(&s, f->type.message)) visit(root, f->type.message, &s);
  }
}

static void visit_all(const char *side, const wire_message *const *roots, size_t count) {
  leaves = objects = texts = 0;
  for (size_t i = 0; i < count; i++) visit(roots[i], roots[i], NULL);
  print_message("%s: %zu leaves and %zu messages, each by itself, in %zu texts\n", side, leaves, objects, texts);
  assert_true(leaves > 100);
}

static void each_field_of_the_server_survives(void **state) {
  (void)state;
  visit_all("server", server_roots, COUNT(server_roots));
}

static void each_field_of_the_client_survives(void **state) {
  (void)state;
  visit_all("client", client_roots, COUNT(client_roots));
}

/* After the two above: no field of any struct is left out. */
static void no_field_is_left_out(void **state) {
  (void)state;
  size_t count = 0;
  for (size_t m = 0; m < wire_message_count; m++) {
    for (size_t i = 0; i < wire_messages[m]->count; i++, count++) {
      if (!met[m][i]) fail_msg("%s.%s is in no message", wire_messages[m]->name, wire_messages[m]->fields[i].name);
    }
  }
  print_message("%zu fields of %zu structs, all of them\n", count, wire_message_count);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_field_of_the_server_survives),
      cmocka_unit_test(each_field_of_the_client_survives),
      cmocka_unit_test(no_field_is_left_out),
  };
  assert_true(wire_message_count <= COUNT(met));
  return cmocka_run_group_tests(tests, NULL, NULL);
}
