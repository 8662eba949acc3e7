/* The registry: which functions there are. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tools/set.h"
#include "wire/reader.h"
#include "wire/tables.h"
#include "wire/writer.h"

enum { DECLARATIONS_MAX = 16 << 20, DECLARATION_MAX = 1 << 20, COUNT_MAX = 1024 };

static genai_status make_locks(genai_tools *set, genai_error *error) {
  if (uv_mutex_init(&set->mutex)) goto none;
  if (uv_cond_init(&set->work)) goto no_work;
  if (uv_cond_init(&set->done)) goto no_done;
  return GENAI_OK;
no_done:
  uv_cond_destroy(&set->work);
no_work:
  uv_mutex_destroy(&set->mutex);
none:
  return error_set(error, GENAI_ERROR_SYSTEM, "The system has no mutex or condition left.");
}

genai_status genai_tools_new(genai_tools **tools, const genai_tools_options *options, genai_error *error) {
  *tools = NULL;
  genai_tools *set = mem_zalloc(sizeof *set);
  if (!set) return error_memory(error);
  if (options) set->options = *options;
  if (!set->options.workers) set->options.workers = 4;
  if (!set->options.waiting_max) set->options.waiting_max = 256;
  if (!set->options.timeout_ms) set->options.timeout_ms = 60000;
  set->workers = mem_alloc(set->options.workers * sizeof *set->workers);
  genai_status status = set->workers ? make_locks(set, error) : error_memory(error);
  if (status != GENAI_OK) {
    mem_free(set->workers);
    mem_free(set);
    return status;
  }
  atomic_init(&set->references, 1);
  arena_init(&set->memory, DECLARATIONS_MAX);
  set->tail = &set->head;
  set->next_deadline_ns = UINT64_MAX;
  *tools = set;
  return GENAI_OK;
}

void tools_hold(genai_tools *set) { atomic_fetch_add(&set->references, 1); }

void genai_tools_free(genai_tools *set) {
  if (!set || atomic_fetch_sub(&set->references, 1) != 1) return;
  pool_stop(set);
  for (tools_owned *o = set->owned; o; o = o->next) o->end(o->thing);
  uv_cond_destroy(&set->done);
  uv_cond_destroy(&set->work);
  uv_mutex_destroy(&set->mutex);
  mem_free(set->workers);
  arena_deinit(&set->memory);
  mem_free(set);
}

bool tools_own(genai_tools *tools, void (*end)(void *thing), void *thing) {
  uv_mutex_lock(&tools->mutex);
  tools_owned *o = arena_alloc(&tools->memory, sizeof *o);
  if (o) {
    *o = (tools_owned){tools->owned, end, thing};
    tools->owned = o;
  }
  uv_mutex_unlock(&tools->mutex);
  return o != NULL;
}

const tool *tools_find(const genai_tools *set, const char *name) {
  for (const tool *t = set->tools; t && name; t = t->next)
    if (!strcmp(t->declaration->name, name)) return t;
  return NULL;
}

bool genai_tools_has(const genai_tools *tools, const char *name) { return tools && tools_find(tools, name); }

/* Takes a declaration that lies in the set's arena. */
static genai_status add(genai_tools *set, const genai_function_declaration *declaration, genai_tool_function function, void *user,
                        genai_error *error) {
  if (!declaration->name || !declaration->name[0]) return error_set(error, GENAI_ERROR_ARGUMENT, "The function has no name.");
  if (!function) return error_set(error, GENAI_ERROR_ARGUMENT, "The function \"%s\" has no callback.", declaration->name);
  if (set->sealed)
    return error_set(error, GENAI_ERROR_ARGUMENT, "The function \"%s\" comes too late: a session was made with the set.", declaration->name);
  if (tools_find(set, declaration->name))
    return error_set(error, GENAI_ERROR_ARGUMENT, "There is a function \"%s\" already.", declaration->name);
  if (set->count == COUNT_MAX) return error_set(error, GENAI_ERROR_LIMIT, "A set holds at most %d functions.", COUNT_MAX);
  tool *t = arena_zalloc(&set->memory, sizeof *t);
  if (!t) return error_memory(error);
  *t = (tool){.next = set->tools, .declaration = declaration, .function = function, .user = user};
  set->tools = t;
  set->count++;
  return GENAI_OK;
}

static genai_status add_text(genai_tools *set, const char *json, size_t size, genai_tool_function function, void *user,
                             genai_error *error) {
  static const wire_limits strict = {.refuse_unknown = true, .root = "declaration"};
  void *declaration = NULL;
  uv_mutex_lock(&set->mutex);
  genai_status status = wire_read(&set->memory, &wire_function_declaration, json, size, &strict, &declaration, error);
  if (status == GENAI_OK) status = add(set, declaration, function, user, error);
  uv_mutex_unlock(&set->mutex);
  return status;
}

genai_status genai_tools_add_json(genai_tools *tools, const char *declaration_json, genai_tool_function function, void *user,
                                  genai_error *error) {
  return add_text(tools, declaration_json, strlen(declaration_json), function, user, error);
}

/* Copied by way of its JSON, which is also where it is checked. */
genai_status genai_tools_add(genai_tools *tools, const genai_function_declaration *declaration, genai_tool_function function,
                             void *user, genai_error *error) {
  buf b;
  buf_init(&b, DECLARATION_MAX);
  genai_status status = wire_write(&b, &wire_function_declaration, declaration, &(wire_rules){.root = "declaration"}, error);
  if (status == GENAI_OK) status = add_text(tools, (const char *)b.data, b.size, function, user, error);
  buf_deinit(&b);
  return status;
}

const genai_tool *tools_declare(genai_tools *set) {
  uv_mutex_lock(&set->mutex);
  if (!set->sealed && set->count) {
    set->list = arena_alloc(&set->memory, set->count * sizeof *set->list);
    size_t i = set->count; /* the newest stands first */
    for (const tool *t = set->tools; t && set->list; t = t->next) set->list[--i] = t->declaration;
    if (set->list) set->declared.function_declarations = (genai_function_declaration_list){set->list, set->count};
    set->sealed = set->list != NULL;
  }
  uv_mutex_unlock(&set->mutex);
  return set->sealed ? &set->declared : NULL;
}
