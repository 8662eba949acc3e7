#include "cli/tools.h"

#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/input.h"
#include "wire/reader.h"
#include "wire/tables.h"

/* The value as an object's text in the arena, or NULL: no memory. */
static const char *object_text(json_t *value, arena *a) {
  json_t *object = json_is_object(value) ? json_incref(value) : json_pack("{s:O}", "output", value);
  size_t size = object != NULL ? json_dumpb(object, NULL, 0, JSON_COMPACT) : 0;
  char *text = size > 0 ? (char *)arena_bytes(a, size + 1) : NULL;
  if (text != NULL) {
    json_dumpb(object, text, size, JSON_COMPACT);
    text[size] = '\0';
  }
  json_decref(object);
  return text;
}

static genai_status read_result(tool_result *result, const char *pair, arena *a, genai_error *error) {
  const char *equals = strchr(pair, '=');
  json_error_t fault;
  if (equals == NULL || equals == pair) {
    return error_set(error, GENAI_ERROR_ARGUMENT, "--tool-result wants NAME=JSON, not \"%s\".", pair);
  }
  json_t *value = json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &fault);
  if (value == NULL) {
    return error_set(error, GENAI_ERROR_ARGUMENT, "The result of %.*s is not JSON (column %d: %s); text needs quotation marks.",
                     (int)(equals - pair), pair, fault.column, fault.text);
  }
  result->name = arena_strndup(a, pair, (size_t)(equals - pair));
  result->response_json = object_text(value, a);
  json_decref(value);
  return result->name != NULL && result->response_json != NULL ? GENAI_OK : error_memory(error);
}

genai_status tools_read_results(tools *t, const text_list *list, arena *a, genai_error *error) {
  genai_status status = GENAI_OK;
  for (t->count = 0; status == GENAI_OK && t->count < list->count; t->count++) {
    status = read_result(&t->results[t->count], list->items[t->count], a, error);
  }
  return status;
}

genai_status tools_read_declarations(const char *path, arena *a, const genai_tool **tool, genai_error *error) {
  wire_limits limits = {.refuse_unknown = true, .root = path};
  const char *text;
  void *read = NULL;
  buf file, wrapped;
  buf_init(&file, INPUT_MAX);
  buf_init(&wrapped, INPUT_MAX + 64);
  genai_status status = input_text(path, &file, &text, error);
  if (status == GENAI_OK) {
    /* A list alone becomes the Tool around it. */
    bool list = text[strspn(text, " \t\r\n")] == '[';
    if (list) buf_text(&wrapped, "{\"functionDeclarations\":");
    buf_append(&wrapped, file.data, file.size);
    if (list) buf_byte(&wrapped, '}');
    text = buf_cstr(&wrapped);
    status = text != NULL ? wire_read(a, &wire_tool, text, wrapped.size, &limits, &read, error) : error_memory(error);
  }
  *tool = read;
  buf_deinit(&wrapped);
  buf_deinit(&file);
  return status;
}

const char *tools_answer(const tools *t, const char *name) {
  for (size_t i = 0; name != NULL && i < t->count; i++) {
    if (strcmp(t->results[i].name, name) == 0) return t->results[i].response_json;
  }
  return "{\"error\":\"There is no such function here.\"}";
}
