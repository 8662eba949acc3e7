#include "emulator/scenario.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "emulator/file.h"

enum { CHAOS_MS = 5000 };

/* ---- answers ---- */

/* An object with members of these names only, each of its type. */
static genai_status check_members(json_t *object, const char *place, size_t number, const char *const *names,
                                  const json_type *types, genai_error *error) {
  const char *key;
  json_t *value;
  if (!json_is_object(object)) return error_set(error, GENAI_ERROR_ARGUMENT, "%s %zu is no object.", place, number);
  json_object_foreach(object, key, value) {
    size_t i = 0;
    while (names[i] && strcmp(names[i], key)) i++;
    if (!names[i])
      return error_set(error, GENAI_ERROR_ARGUMENT, "%s %zu has an unknown member \"%.40s\".", place, number, key);
    if (json_typeof(value) != types[i])
      return error_set(error, GENAI_ERROR_ARGUMENT, "%s %zu: \"%s\" is of the wrong type.", place, number, key);
  }
  return GENAI_OK;
}

static genai_status check_calls(json_t *calls, size_t number, genai_error *error) {
  static const char *const names[] = {"name", "args", NULL};
  static const json_type types[] = {JSON_STRING, JSON_OBJECT};
  json_t *call;
  size_t i;
  json_array_foreach(calls, i, call) {
    genai_status status = check_members(call, "A call of answer", number, names, types, error);
    if (status) return status;
    if (!json_object_get(call, "name"))
      return error_set(error, GENAI_ERROR_ARGUMENT, "Answer %zu: a call needs a \"name\".", number);
  }
  if (json_array_size(calls) > 8)
    return error_set(error, GENAI_ERROR_ARGUMENT, "Answer %zu has more than 8 calls.", number);
  return GENAI_OK;
}

static genai_status check_answers(json_t *answers, genai_error *error) {
  static const char *const names[] = {"heard", "say", "calls", NULL};
  static const json_type types[] = {JSON_STRING, JSON_STRING, JSON_ARRAY};
  json_t *answer;
  size_t i;
  if (!json_is_array(answers)) return error_set(error, GENAI_ERROR_ARGUMENT, "\"answers\" is a list of objects.");
  json_array_foreach(answers, i, answer) {
    genai_status status = check_members(answer, "Answer", i + 1, names, types, error);
    if (!status) status = check_calls(json_object_get(answer, "calls"), i + 1, error);
    if (status) return status;
  }
  return GENAI_OK;
}

/* ---- steps ---- */

static genai_status add(scenario *s, const fault *f, genai_error *error) {
  if (s->count == SCENARIO_FAULTS_MAX)
    return error_set(error, GENAI_ERROR_ARGUMENT, "There are more than %d steps.", SCENARIO_FAULTS_MAX);
  s->faults[s->count++] = *f;
  return GENAI_OK;
}

genai_status scenario_add(scenario *s, const char *line, genai_error *error) {
  fault f;
  genai_status status = fault_parse(&f, line, error);
  return status ? status : add(s, &f, error);
}

static genai_status read_steps(scenario *s, json_t *steps, genai_error *error) {
  json_t *step;
  size_t i;
  if (!json_is_array(steps)) return error_set(error, GENAI_ERROR_ARGUMENT, "\"steps\" is a list of objects.");
  json_array_foreach(steps, i, step) {
    fault f;
    genai_error why = {0};
    if (fault_read(&f, step, &why)) return error_set(error, GENAI_ERROR_ARGUMENT, "Step %zu: %s", i + 1, why.message);
    genai_status status = add(s, &f, error);
    if (status) return status;
  }
  return GENAI_OK;
}

static genai_status read_root(scenario *s, json_t *root, genai_error *error) {
  static const char *const names[] = {"answers", "steps", NULL};
  const char *key;
  json_t *value;
  if (!json_is_object(root))
    return error_set(error, GENAI_ERROR_ARGUMENT, "A scenario is an object with \"answers\" and \"steps\".");
  json_object_foreach(root, key, value) {
    if (strcmp(key, names[0]) && strcmp(key, names[1]))
      return error_set(error, GENAI_ERROR_ARGUMENT, "A scenario has no \"%.40s\", only \"answers\" and \"steps\".", key);
  }
  json_t *answers = json_object_get(root, "answers"), *steps = json_object_get(root, "steps");
  genai_status status = answers ? check_answers(answers, error) : GENAI_OK;
  if (!status && steps) status = read_steps(s, steps, error);
  if (status || !answers) return status;
  json_decref(s->answers);
  s->answers = json_incref(answers);
  return GENAI_OK;
}

genai_status scenario_parse(scenario *s, const char *text, size_t size, genai_error *error) {
  json_error_t where;
  json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
  if (!root)
    return error_set(error, GENAI_ERROR_ARGUMENT, "Line %d, column %d: %s.", where.line, where.column, where.text);
  genai_status status = read_root(s, root, error);
  json_decref(root);
  return status;
}

genai_status scenario_load(scenario *s, const char *path, genai_error *error) {
  buf text;
  genai_error why = {0};
  buf_init(&text, SCENARIO_BYTES_MAX);
  genai_status status = file_read(&text, path, error);
  if (!status && scenario_parse(s, (const char *)text.data, text.size, &why))
    status = error_set(error, why.status, "%s: %s", path, why.message);
  buf_deinit(&text);
  return status;
}

genai_status scenario_set_chaos(scenario *s, uint64_t seed, uint64_t every_ms, const char *only, genai_error *error) {
  for (const char *at = only ? only + strspn(only, " ") : ""; *at;) {
    size_t size = strcspn(at, " "), i = 0;
    while (fault_names(i) && (strlen(fault_names(i)) != size || memcmp(fault_names(i), at, size))) i++;
    if (!fault_names(i)) return error_set(error, GENAI_ERROR_ARGUMENT, "There is no fault \"%.*s\".", (int)size, at);
    at += size;
    at += strspn(at, " ");
  }
  mem_free(s->chaos_only);
  s->chaos_only = only && only[strspn(only, " ")] ? mem_strdup(only) : NULL;
  if (only && *only && !s->chaos_only) return error_memory(error);
  s->chaos_seed = seed;
  s->chaos_ms = every_ms ? every_ms : CHAOS_MS;
  return GENAI_OK;
}

void scenario_deinit(scenario *s) {
  json_decref(s->answers);
  mem_free(s->chaos_only);
  *s = (scenario){0};
}
