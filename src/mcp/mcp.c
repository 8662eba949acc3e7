/* MCP's side of it: initialize, tools/list, tools/call (specification 2025-06-18). */
#include "genai/mcp.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "genai/json.h"
#include "genai/live.h"
#include "mcp/rpc.h"
#include "tools/tools.h"

enum { TEXT_MAX = 4096, DECLARATION_MAX = 1 << 20, PAGES_MAX = 100, START_DEFAULT_MS = 30000 };

static const char HELLO[] = "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\"clientInfo\":{\"name\":\"genai-live\",\"version\":\""
    GENAI_VERSION_STRING "\"}}";

/* ---- a call ---- */

static bool append_member(buf *b, const char *name, const char *json, const char *path) {
  const char *value;
  size_t size;
  if (!genai_json_get(json, path, &value, &size)) return false;
  buf_format(b, "%s\"%s\":", b->data[b->size - 1] == '{' ? "" : ",", name);
  return buf_append(b, value, size);
}

/* What the tool said of its failure. */
static genai_status explain(const genai_tool_invocation *call, const char *result, genai_error *error) {
  char text[1024];
  if (!genai_json_get_string(result, "content[0].text", text, sizeof text)) strcpy(text, "it gave no text.");
  return error_set(error, GENAI_ERROR_SERVICE, "The tool \"%s\" failed: %s", call->name, text);
}

/* Runs on a thread of the pool, which waits for the server there; the call's own deadline fires its token. */
static genai_status route(const genai_tool_invocation *call, genai_error *error) {
  genai_wait wait = {.cancel = call->cancel};
  char *result = NULL;
  bool failed = false;
  buf b;
  buf_init(&b, DECLARATION_MAX * 16);
  char *name = genai_json_quote(call->name);
  buf_format(&b, "{\"name\":%s,\"arguments\":%s}", name ? name : "\"\"", call->args_json);
  genai_text_free(name);
  const char *params = buf_cstr(&b);
  genai_status status = params ? rpc_call(call->user, "tools/call", params, &result, &wait, error) : error_memory(error);
  if (status == GENAI_OK && genai_json_get_bool(result, "isError", &failed) && failed) status = explain(call, result, error);
  if (status == GENAI_OK) status = genai_tool_answer(call, &(genai_tool_result){.response_json = result}, error);
  mem_free(result);
  buf_deinit(&b);
  return status;
}

/* ---- the list ---- */

/* One tool of the list, as a function declaration: its input schema is JSON Schema, as it is. */
static genai_status add_tool(genai_tools *tools, rpc *server, const char *list, size_t index, genai_error *error) {
  char path[64];
  buf b;
  buf_init(&b, DECLARATION_MAX);
  buf_text(&b, "{");
  snprintf(path, sizeof path, "tools[%zu].name", index);
  bool named = append_member(&b, "name", list, path);
  snprintf(path, sizeof path, "tools[%zu].description", index);
  append_member(&b, "description", list, path);
  snprintf(path, sizeof path, "tools[%zu].inputSchema", index);
  append_member(&b, "parametersJsonSchema", list, path);
  buf_byte(&b, '}');
  const char *declaration = buf_cstr(&b);
  genai_status status = GENAI_OK;
  if (!declaration) status = error_memory(error);
  else if (!named) status = error_set(error, GENAI_ERROR_PROTOCOL, "The MCP server lists a tool without a name.");
  else status = genai_tools_add_json(tools, declaration, route, server, error);
  buf_deinit(&b);
  return status;
}

static genai_status add_page(genai_tools *tools, rpc *server, const char *list, genai_error *error) {
  genai_status status = GENAI_OK;
  size_t count = genai_json_count(list, "tools");
  for (size_t i = 0; i < count && status == GENAI_OK; i++) status = add_tool(tools, server, list, i, error);
  return status;
}

static genai_status list_tools(genai_tools *tools, rpc *server, const genai_wait *wait, genai_error *error) {
  char params[TEXT_MAX + 32] = "{}", cursor[TEXT_MAX];
  for (int page = 0; page < PAGES_MAX; page++) {
    char *list = NULL;
    genai_status status = rpc_call(server, "tools/list", params, &list, wait, error);
    if (status == GENAI_OK) status = add_page(tools, server, list, error);
    bool more = status == GENAI_OK && genai_json_get_string(list, "nextCursor", cursor, sizeof cursor);
    mem_free(list);
    if (!more) return status;
    char *quoted = genai_json_quote(cursor);
    if (!quoted) return error_memory(error);
    int size = snprintf(params, sizeof params, "{\"cursor\":%s}", quoted);
    genai_text_free(quoted);
    if (size < 0 || (size_t)size >= sizeof params) break;
  }
  return error_set(error, GENAI_ERROR_LIMIT, "The MCP server's list of tools has no end.");
}

static genai_status shake_hands(rpc *server, const genai_wait *wait, genai_error *error) {
  char *hello = NULL, version[32];
  genai_status status = rpc_call(server, "initialize", HELLO, &hello, wait, error);
  if (status == GENAI_OK && !genai_json_get_string(hello, "protocolVersion", version, sizeof version))
    status = error_set(error, GENAI_ERROR_PROTOCOL, "The MCP server did not say which version of the protocol it speaks.");
  mem_free(hello);
  return status == GENAI_OK ? rpc_notify(server, "notifications/initialized", error) : status;
}

static void end(void *server) { rpc_free(server); }

genai_status genai_tools_add_mcp(genai_tools *tools, const char *const *argv, const genai_mcp_options *options, genai_error *error) {
  static const genai_mcp_options none;
  rpc *server;
  if (!options) options = &none;
  genai_wait wait = {.timeout_ms = options->start_timeout_ms ? options->start_timeout_ms : START_DEFAULT_MS};
  genai_status status = rpc_new(&server, argv, &options->environment, error);
  if (status != GENAI_OK) return status;
  if (!tools_own(tools, end, server)) {
    rpc_free(server);
    return error_memory(error);
  }
  status = shake_hands(server, &wait, error);
  return status == GENAI_OK ? list_tools(tools, server, &wait, error) : status;
}
