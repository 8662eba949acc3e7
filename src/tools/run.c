/* Calls of sessions: from the model's message to the answer. */
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "tools/set.h"
#include "wire/scan.h"
#include "wire/writer.h"

enum { ERROR_JSON_MAX = 8192, DEPTH_MAX = 100 };

tools_run *tools_run_new(genai_tools *tools, tools_answer answer, void *user) {
  tools_run *run = mem_zalloc(sizeof *run);
  if (!run) return NULL;
  *run = (tools_run){.set = tools, .answer = answer, .user = user};
  tools_hold(tools);
  uv_mutex_lock(&tools->mutex);
  run->next = tools->runs;
  tools->runs = run;
  uv_mutex_unlock(&tools->mutex);
  return run;
}

/* ---- answers: with the set's mutex held, inside which a session may take its own ---- */

static void answer_error(tools_run *run, const char *id, const char *name, const char *text) {
  buf b;
  buf_init(&b, ERROR_JSON_MAX);
  buf_text(&b, "{\"error\":");
  if (!wire_write_string(&b, text, strlen(text))) buf_text(&b, "\"The function failed.\"");
  buf_byte(&b, '}');
  const char *json = buf_cstr(&b);
  run->answer(run->user, &(genai_function_response){.id = id, .name = name,
                                                    .response_json = json ? json : "{\"error\":\"out of memory\"}"});
  buf_deinit(&b);
}

/* Whoever closes an open call says the last word. */
static void fail_call(tool_call *call, const char *text) {
  if (!call->open) return;
  call->open = false;
  answer_error(call->run, call->public.id, call->public.name, text);
}

/* ---- a call's memory ---- */

static void free_call(tool_call *call) {
  mem_free((char *)call->public.id);
  mem_free((char *)call->public.name);
  mem_free((char *)call->public.args_json);
  genai_cancel_free(call->public.cancel);
  mem_free(call);
}

static void unlink_call(tool_call *call) {
  tool_call **link = &call->run->calls;
  while (*link != call) link = &(*link)->next;
  *link = call->next;
}

static tool_call *new_call(tools_run *run, const tool *t, const genai_function_call *from) {
  tool_call *call = mem_zalloc(sizeof *call);
  if (!call) return NULL;
  call->tool = t;
  call->run = run;
  call->open = true;
  call->deadline_ns = uv_hrtime() + (uint64_t)run->set->options.timeout_ms * 1000000;
  call->public = (genai_tool_invocation){mem_strdup(from->id), mem_strdup(from->name),
                                   mem_strdup(from->args_json ? from->args_json : "{}"), NULL, t->user};
  bool whole = (call->public.id || !from->id) && call->public.name && call->public.args_json;
  if (whole && genai_cancel_new(&call->public.cancel, NULL) == GENAI_OK) return call;
  free_call(call);
  return NULL;
}

/* ---- from the session ---- */

static void start_call(tools_run *run, const genai_function_call *from) {
  genai_tools *set = run->set;
  const tool *t = tools_find(set, from->name);
  if (!t) return;
  if (set->waiting >= set->options.waiting_max) {
    answer_error(run, from->id, from->name, "Too many function calls are waiting; try again later.");
    return;
  }
  tool_call *call = new_call(run, t, from);
  if (!call) {
    answer_error(run, from->id, from->name, "There was no memory for the call.");
    return;
  }
  call->next = run->calls;
  run->calls = call;
  *set->tail = call;
  set->tail = &call->queued;
  set->waiting++;
  if (pool_wake(set, call->deadline_ns)) return;
  /* No thread could be started: the queue will not move. */
  fail_call(call, "No thread could be started for the call.");
}

void tools_run_calls(tools_run *run, const genai_live_server_tool_call *calls) {
  uv_mutex_lock(&run->set->mutex);
  for (size_t i = 0; i < calls->function_calls.count && !run->ended; i++) start_call(run, calls->function_calls.items[i]);
  uv_mutex_unlock(&run->set->mutex);
}

static void cancel_call(tool_call *call) {
  call->open = false;
  genai_cancel_fire(call->public.cancel);
}

void tools_run_cancel(tools_run *run, const genai_live_server_tool_call_cancellation *cancellation) {
  uv_mutex_lock(&run->set->mutex);
  for (size_t i = 0; i < cancellation->ids.count; i++)
    for (tool_call *c = run->calls; c; c = c->next)
      if (c->public.id && !strcmp(c->public.id, cancellation->ids.items[i])) cancel_call(c);
  uv_mutex_unlock(&run->set->mutex);
}

void tools_run_end(tools_run *run) {
  uv_mutex_lock(&run->set->mutex);
  run->ended = true;
  for (tool_call *c = run->calls; c; c = c->next) cancel_call(c);
  uv_cond_broadcast(&run->set->work);
  uv_mutex_unlock(&run->set->mutex);
}

/* With the mutex: calls of the run that no thread has taken leave the queue. */
static void drop_waiting(tools_run *run) {
  genai_tools *set = run->set;
  for (tool_call **link = &set->head; *link;) {
    tool_call *call = *link;
    if (call->run != run) {
      link = &call->queued;
      continue;
    }
    *link = call->queued;
    set->waiting--;
    unlink_call(call);
    free_call(call);
  }
  set->tail = &set->head;
  while (*set->tail) set->tail = &(*set->tail)->queued;
}

void tools_run_free(tools_run *run) {
  if (!run) return;
  genai_tools *set = run->set;
  tools_run_end(run);
  uv_mutex_lock(&set->mutex);
  drop_waiting(run);
  while (run->calls) uv_cond_wait(&set->done, &set->mutex);
  tools_run **link = &set->runs;
  while (*link != run) link = &(*link)->next;
  *link = run->next;
  uv_mutex_unlock(&set->mutex);
  mem_free(run);
  genai_tools_free(set);
}

/* ---- from the pool ---- */

static void finish_call(genai_tools *set, tool_call *call) {
  unlink_call(call);
  free_call(call);
  uv_cond_broadcast(&set->done);
}

tool_call *run_take(genai_tools *set) {
  for (tool_call *call; (call = set->head);) {
    set->head = call->queued;
    if (!set->head) set->tail = &set->head;
    set->waiting--;
    if (call->open) return call;
    finish_call(set, call); /* cancelled or overdue before its turn */
  }
  return NULL;
}

void run_call(genai_tools *set, tool_call *call) {
  genai_error error = {0};
  genai_status status = call->tool->function(&call->public, &error);
  uv_mutex_lock(&set->mutex);
  if (status != GENAI_OK) fail_call(call, error.message[0] ? error.message : genai_status_text(status));
  fail_call(call, "The function returned no result.");
  finish_call(set, call);
  uv_mutex_unlock(&set->mutex);
}

/* Overdue calls are answered, and their functions asked to stop. */
uint64_t run_expire(genai_tools *set, uint64_t now_ns) {
  uint64_t next = UINT64_MAX;
  for (tools_run *run = set->runs; run; run = run->next) {
    for (tool_call *c = run->calls; c; c = c->next) {
      if (!c->open) continue;
      if (c->deadline_ns <= now_ns) {
        fail_call(c, "The function did not answer in time.");
        genai_cancel_fire(c->public.cancel);
      } else if (c->deadline_ns < next) {
        next = c->deadline_ns;
      }
    }
  }
  return next;
}

genai_status genai_tool_answer(const genai_tool_invocation *public, const genai_tool_result *result, genai_error *error) {
  tool_call *call = (tool_call *)(uintptr_t)public;
  genai_tools *set = call->run->set;
  const char *json = result->response_json ? result->response_json : "{}";
  if (json[strspn(json, " \t\r\n")] != '{')
    return error_set(error, GENAI_ERROR_ARGUMENT, "The result of \"%s\" is no JSON object.", public->name);
  genai_status status = wire_json_check(json, strlen(json), DEPTH_MAX, error);
  if (status != GENAI_OK) return status;
  uv_mutex_lock(&set->mutex);
  if (call->open) {
    call->open = result->will_continue;
    genai_function_response response = {.id = public->id, .name = public->name, .response_json = json, .scheduling = result->scheduling};
    if (result->will_continue) response.will_continue = (genai_opt_bool){true, true};
    call->run->answer(call->run->user, &response);
  } else {
    status = error_set(error, GENAI_ERROR_CANCELLED, "Nobody waits for the result of \"%s\" any more.", public->name);
  }
  uv_mutex_unlock(&set->mutex);
  return status;
}
