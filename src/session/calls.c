#include "session/calls.h"

#include <string.h>

#include "base/memory.h"
#include "session/input.h"
#include "wire/reader.h"
#include "wire/tables.h"
#include "wire/writer.h"

enum { ANSWER_MAX = 64 << 20 };

void session_calls_deinit(session_calls *calls) {
  for (size_t i = 0; i < calls->count; i++) mem_free(calls->items[i].id);
  for (size_t i = 0; i < SESSION_CALLS_GONE_MAX; i++) mem_free((char *)calls->gone[i]);
  mem_free(calls->items);
  *calls = (session_calls){0};
}

static session_call *find(session_calls *calls, const char *id, bool answered) {
  for (size_t i = 0; id && i < calls->count; i++)
    if (calls->items[i].answered == answered && !strcmp(calls->items[i].id, id)) return &calls->items[i];
  return NULL;
}

static void forget(session_calls *calls, session_call *call) {
  mem_free(call->id);
  *call = calls->items[--calls->count];
}

/* Without memory the call is only counted. */
static bool track(session_calls *calls, const char *id, uint64_t serial) {
  if (!id || calls->count == SESSION_CALLS_MAX) return false;
  if (!calls->items) calls->items = mem_alloc(SESSION_CALLS_MAX * sizeof *calls->items);
  char *copy = calls->items ? mem_strdup(id) : NULL;
  if (copy) calls->items[calls->count++] = (session_call){.id = copy, .made = serial};
  return copy;
}

static session_call *find_restored(session_calls *calls, const char *name) {
  for (size_t i = 0; name && calls->restoring && i < calls->count; i++)
    if (calls->items[i].restored && !strcmp(calls->items[i].id, name)) return &calls->items[i];
  return NULL;
}

/* A resumed session may tell its open calls once more: what was answered is on its way; what was cancelled is open again. A name
 * is told again before anything else, once for each call that was restored: otherwise it is another call. */
static bool told_again(session_calls *calls, const char *id, bool is_name) {
  session_call *restored = is_name ? find_restored(calls, id) : NULL;
  if (is_name && !restored) return false;
  if (restored) restored->restored = false;
  session_call *call = restored ? (restored->answered ? restored : NULL) : find(calls, id, true);
  if (call && !call->serial) {
    call->answered = false;
    calls->open++;
  }
  return restored || call || find(calls, id, false);
}

void session_calls_made(session_calls *calls, const genai_function_call_list *made, uint64_t serial) {
  for (size_t i = 0; i < made->count; i++) {
    const genai_function_call *call = made->items[i];
    const char *id = call->id ? call->id : call->name;
    if (call->will_continue.value || told_again(calls, id, !call->id)) continue; /* or a piece of one that is still being made */
    calls->open++;
    if (track(calls, id, serial)) continue;
    calls->untracked++;
    calls->all_known = false;
  }
}

/* One that is open no more; NULL: one of those that were only counted, if there are any and `id` is none that is known. */
static void settle(session_calls *calls, session_call *call, const char *id) {
  if (!call && (!calls->untracked || find(calls, id, true))) return;
  if (!call) calls->untracked--;
  calls->open--;
}

void session_calls_cancelled(session_calls *calls, const genai_string_list *ids) {
  for (size_t i = 0; i < ids->count; i++) {
    session_call *call = find(calls, ids->items[i], false);
    settle(calls, call, ids->items[i]);
    if (call) call->answered = true;
  }
}

/* The responses of a toolResponse; NULL, and they count as none, for want of memory. */
static const genai_live_client_tool_response *read(arena *a, const payload *message) {
  void *out = NULL;
  if (wire_read(a, &wire_live_client_message, (const char *)message->data, message->size, NULL, &out, NULL) != GENAI_OK) return NULL;
  return ((const genai_live_client_message *)out)->tool_response;
}

static const char *id_of(const genai_function_response *response) { return response->id ? response->id : response->name; }

/* The call that a message answered before, which goes out again. */
static session_call *find_answered(session_calls *calls, const char *id, const payload *answer) {
  for (size_t i = 0; id && answer->again && i < calls->count; i++)
    if (calls->items[i].answered && calls->items[i].serial == answer->serial && !strcmp(calls->items[i].id, id)) return &calls->items[i];
  return NULL;
}

bool session_calls_answered(session_calls *calls, const payload *answer, uint64_t serial) {
  bool asks = false;
  arena a;
  arena_init(&a, ANSWER_MAX);
  const genai_live_client_tool_response *read_back = read(&a, answer);
  for (size_t i = 0; read_back && i < read_back->function_responses.count; i++) {
    const genai_function_response *response = read_back->function_responses.items[i];
    const char *id = id_of(response);
    if (response->will_continue.value) continue;
    session_call *call = find_answered(calls, id, answer);
    if (!call) {
      call = find(calls, id, false);
      asks |= call && response->scheduling != GENAI_FUNCTION_RESPONSE_SCHEDULING_SILENT;
      settle(calls, call, id);
    }
    if (!call) call = find(calls, id, true);
    if (!call) continue;
    call->answered = true;
    call->again = false;
    call->serial = serial;
  }
  arena_deinit(&a);
  return asks;
}

void session_calls_kept(session_calls *calls, uint64_t serial) {
  for (size_t i = calls->count; i-- > 0;) {
    session_call *call = &calls->items[i];
    call->kept |= call->made <= serial;
    if (call->kept && call->answered && !call->again && call->serial <= serial) forget(calls, call);
  }
}

/* Takes the text over. */
static void remember_gone(session_calls *calls, char *id) {
  const char **place = &calls->gone[calls->gone_count++ % SESSION_CALLS_GONE_MAX];
  mem_free((char *)*place);
  *place = id;
}

void session_calls_lose(session_calls *calls, bool all) {
  calls->gone_now = 0;
  for (int told = 0; told < 2; told++) /* what session_calls_lost tells comes last: all but the cancelled ones */
    for (size_t i = calls->count; i-- > 0;) {
      session_call *call = &calls->items[i];
      bool cancelled = call->answered && !call->serial;
      if ((call->kept && !all) || cancelled == (bool)told) continue;
      remember_gone(calls, call->id);
      calls->gone_now += (size_t)told;
      calls->open -= !call->answered;
      *call = calls->items[--calls->count];
    }
  calls->restoring = true;
  for (size_t i = 0; i < calls->count; i++) {
    calls->items[i].restored = true;
    calls->items[i].claimed = false;
    calls->items[i].again = calls->items[i].serial;
  }
  if (!all) return;
  calls->open = calls->untracked = 0;
  calls->all_known = true;
}

size_t session_calls_lost(const session_calls *calls, const char **ids, size_t max) {
  size_t count = calls->gone_now;
  if (count > max) count = max;
  if (count > SESSION_CALLS_GONE_MAX) count = SESSION_CALLS_GONE_MAX;
  for (size_t i = 0; i < count; i++) ids[i] = calls->gone[(calls->gone_count - count + i) % SESSION_CALLS_GONE_MAX];
  return count;
}

/* Whether an answer finds its call. A name alone finds as many calls as there are, each once. */
static bool finds_call(session_calls *calls, const genai_function_response *response, const payload *message) {
  const char *id = id_of(response);
  if (response->id || response->will_continue.value) return find(calls, id, false) || find(calls, id, true);
  if (message->again) return find_answered(calls, id, message);
  for (int cancelled = 0; cancelled < 2; cancelled++)
    for (size_t i = 0; i < calls->count; i++) {
      session_call *call = &calls->items[i];
      if (call->claimed || call->serial || call->answered != (bool)cancelled || strcmp(call->id, id)) continue;
      return call->claimed = true;
    }
  return false;
}

static bool is_gone(session_calls *calls, const genai_function_response *response, const payload *message) {
  const char *id = id_of(response);
  if (!id || finds_call(calls, response, message)) return false;
  for (size_t i = 0; i < SESSION_CALLS_GONE_MAX && calls->gone[i]; i++)
    if (!strcmp(calls->gone[i], id)) return true;
  return calls->all_known;
}

/* NULL: out of memory. */
static payload *without_gone(arena *a, const genai_live_client_tool_response *from, const bool *gone) {
  const genai_function_response **left = arena_alloc(a, from->function_responses.count * sizeof *left);
  genai_live_client_tool_response less = *from;
  buf b;
  size_t count = 0;
  if (!left) return NULL;
  for (size_t i = 0; i < from->function_responses.count; i++)
    if (!gone[i]) left[count++] = from->function_responses.items[i];
  less.function_responses.items = left;
  less.function_responses.count = count;
  payload_begin(&b, ANSWER_MAX, 0);
  payload *out = NULL;
  if (wire_write(&b, &wire_live_client_message, &(genai_live_client_message){.tool_response = &less}, NULL, NULL) == GENAI_OK)
    out = payload_end(&b);
  if (!out) buf_deinit(&b);
  return out;
}

bool session_calls_moot(void *user, payload **message) {
  session_calls *calls = user;
  size_t lost = 0, count = 0;
  arena a;
  if ((*message)->kind != SESSION_INPUT_TOOL || (!calls->gone_count && !calls->all_known)) return false;
  arena_init(&a, ANSWER_MAX);
  const genai_live_client_tool_response *answer = read(&a, *message);
  bool *gone = answer ? arena_alloc(&a, answer->function_responses.count + 1) : NULL;
  if (gone) count = answer->function_responses.count;
  for (size_t i = 0; i < count; i++) lost += gone[i] = is_gone(calls, answer->function_responses.items[i], *message);
  payload *less = lost && lost < count ? without_gone(&a, answer, gone) : NULL;
  if (less) *message = less;
  arena_deinit(&a);
  return count && lost == count;
}
