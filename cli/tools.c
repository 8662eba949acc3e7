#include "cli/tools.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/input.h"
#include "cli/program.h"
#include "cli/words.h"
#include "genai/mcp.h"
#include "wire/reader.h"
#include "wire/tables.h"

const char *tools_object_text(json_t *value, const char *key, arena *a) {
  json_t *object = json_is_object(value) ? json_incref(value) : json_pack("{s:O}", key, value);
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
  result->response_json = tools_object_text(value, "output", a);
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

/* ---- functions that run themselves ---- */

/* The tool without the function; NULL when nothing is left of it. */
static const genai_tool *without(const genai_tool *tool, size_t index, arena *a, bool *memory) {
  static const genai_tool nothing;
  size_t count = tool->function_declarations.count - 1;
  genai_tool *rest = arena_alloc(a, sizeof *rest);
  const genai_function_declaration **items = arena_alloc(a, (count + 1) * sizeof *items);
  *memory = rest != NULL && items != NULL;
  if (!*memory) return NULL;
  memcpy(rest, tool, sizeof *rest);
  for (size_t i = 0; i < count; i++) items[i] = tool->function_declarations.items[i + (i >= index)];
  memset(&rest->function_declarations, 0, sizeof rest->function_declarations);
  if (count > 0) rest->function_declarations = (genai_function_declaration_list){items, count};
  return memcmp(rest, &nothing, sizeof nothing) != 0 ? rest : NULL;
}

/* Replaces a tool of the configuration by what is left of it. */
static bool put_rest(genai_live_connect_config *config, size_t index, const genai_tool *rest, arena *a) {
  size_t count = config->tools.count, kept = 0;
  const genai_tool **items = arena_alloc(a, count * sizeof *items);
  if (items == NULL) return false;
  for (size_t i = 0; i < count; i++) {
    const genai_tool *tool = i == index ? rest : config->tools.items[i];
    if (tool != NULL) items[kept++] = tool;
  }
  config->tools = kept > 0 ? (genai_tool_list){items, kept} : (genai_tool_list){0};
  return true;
}

/* Takes the declaration of `name` out of the configuration; *found stays as it is when there is none. False: no memory. */
static bool take_declaration(genai_live_connect_config *config, const char *name, arena *a,
                             const genai_function_declaration **found) {
  for (size_t i = 0; i < config->tools.count; i++) {
    const genai_tool *tool = config->tools.items[i];
    for (size_t j = 0; j < tool->function_declarations.count; j++) {
      const genai_function_declaration *declaration = tool->function_declarations.items[j];
      bool memory;
      if (declaration->name == NULL || strcmp(declaration->name, name) != 0) continue;
      *found = declaration;
      const genai_tool *rest = without(tool, j, a, &memory);
      return memory && put_rest(config, i, rest, a);
    }
  }
  return true;
}

static genai_status add_program(tools *t, const char *pair, genai_live_connect_config *config, arena *a, genai_error *error) {
  const char *equals = strchr(pair, '=');
  program *p = arena_alloc(a, sizeof *p);
  char *name = equals != NULL ? arena_strndup(a, pair, (size_t)(equals - pair)) : NULL;
  if (equals == NULL || equals == pair)
    return error_set(error, GENAI_ERROR_ARGUMENT, "--tool wants NAME=COMMAND, not \"%s\".", pair);
  if (p == NULL || name == NULL) return error_memory(error);
  for (size_t i = 0; i < t->count; i++) {
    if (strcmp(t->results[i].name, name) == 0)
      return error_set(error, GENAI_ERROR_ARGUMENT, "--tool and --tool-result both answer %s.", name);
  }
  genai_function_declaration bare = {.name = name};
  const genai_function_declaration *declaration = &bare;
  genai_status status = words_split("--tool", equals + 1, a, &p->argv, error);
  if (status == GENAI_OK && !take_declaration(config, name, a, &declaration)) status = error_memory(error);
  return status == GENAI_OK ? genai_tools_add(t->running, declaration, program_call, p, error) : status;
}

static genai_status add_server(tools *t, const char *line, const settings *s, arena *a, genai_error *error) {
  const genai_mcp_options options = {.start_timeout_ms = (uint32_t)s->timeout_ms};
  const char *const *argv;
  genai_status status = words_split("--mcp", line, a, &argv, error);
  return status == GENAI_OK ? genai_tools_add_mcp(t->running, argv, &options, error) : status;
}

genai_status tools_start(tools *t, const settings *s, arena *a, const genai_live_connect_config **config, genai_error *error) {
  if (s->tools.count == 0 && s->mcp.count == 0) return GENAI_OK;
  genai_live_connect_config *changed = arena_alloc(a, sizeof *changed);
  if (changed == NULL) return error_memory(error);
  *changed = **config;
  *config = changed;
  genai_status status = genai_tools_new(&t->running, NULL, error);
  for (size_t i = 0; status == GENAI_OK && i < s->tools.count; i++) status = add_program(t, s->tools.items[i], changed, a, error);
  for (size_t i = 0; status == GENAI_OK && i < s->mcp.count; i++) status = add_server(t, s->mcp.items[i], s, a, error);
  return status;
}

void tools_stop(tools *t) {
  genai_tools_free(t->running);
  t->running = NULL;
}

/* ---- functions that are answered from here ---- */

const char *tools_answer(const tools *t, const char *name) {
  for (size_t i = 0; name != NULL && i < t->count; i++) {
    if (strcmp(t->results[i].name, name) == 0) return t->results[i].response_json;
  }
  return "{\"error\":\"There is no such function here.\"}";
}
