/* Resumption: the state of a conversation given out under handles, and taken up again. A state is made only while
 * nothing is being answered and no call is waited for; so it never holds an answer. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "emulator/echo.h"
#include "emulator/pjson.h"

enum {
  STATE_MESSAGES = 16, /* transparent: so many client messages make a new state due ... */
  STATE_MS = 500       /* ... or so much time after the first of them */
};

static int64_t unix_ms(const echo *e, uint64_t now_ms) {
  return (int64_t)now_ms + service_options_of(e->service)->epoch_ms;
}

/* ---- a state as JSON ---- */

/* From 0 on; a state may come from a file. */
static int whole(json_t *state, const char *name) {
  json_int_t value = json_integer_value(pjson_get(state, name));
  return value < 0 || value > INT_MAX ? 0 : (int)value;
}

static json_t *samples_json(const buf *sound) {
  json_t *text = pjson_base64(sound->data, sound->size);
  return text ? text : json_null();
}

static void samples_read(buf *sound, json_t *text) {
  if (text) pjson_base64_decode(sound, json_string_value(text), json_string_length(text));
}

static json_t *turn_json(const turn *t) {
  return json_pack("{s:s%, s:o, s:i, s:b}", "text", t->text.size ? (const char *)t->text.data : "", t->text.size, "sound",
                   samples_json(&t->sound), "images", (int)t->images, "result", t->result);
}

static void turn_read(turn *t, json_t *state) {
  turn_deinit(t);
  if (*pjson_text(state, "text")) turn_add_text(t, pjson_text(state, "text"));
  samples_read(&t->sound, pjson_get(state, "sound"));
  t->images = (unsigned)whole(state, "images");
  t->result = pjson_true(state, "result");
}

static json_t *calls_json(const echo *e) {
  json_t *list = json_array();
  for (size_t i = 0; i < ECHO_CALLS_MAX; i++) {
    const echo_call *call = &e->calls[(e->calls_made + i) % ECHO_CALLS_MAX]; /* oldest first */
    if (!*call->id) continue;
    json_array_append_new(list, json_pack("{s:s, s:b, s:b}", "id", call->id, "blocking", call->blocking, "cancelled",
                                          call->cancelled));
  }
  return list;
}

static void calls_read(echo *e, json_t *list) {
  json_t *item;
  size_t i;
  json_array_foreach(list, i, item) {
    if (i == ECHO_CALLS_MAX) break;
    echo_call *call = &e->calls[e->calls_made++];
    snprintf(call->id, sizeof call->id, "%s", pjson_text(item, "id"));
    call->blocking = pjson_true(item, "blocking");
    call->cancelled = pjson_true(item, "cancelled");
  }
}

static json_t *ear_json(const ear *of) {
  return json_pack("{s:o, s:o, s:b, s:f, s:i, s:I}", "incoming", samples_json(&of->incoming), "utterance",
                   samples_json(&of->utterance), "speaking", of->speaking, "floor", of->floor, "run_ms", of->run_ms,
                   "heard", (json_int_t)of->heard);
}

static void ear_read(ear *of, json_t *state) {
  samples_read(&of->incoming, pjson_get(state, "incoming"));
  samples_read(&of->utterance, pjson_get(state, "utterance"));
  of->speaking = pjson_true(state, "speaking");
  of->floor = pjson_number(state, "floor", of->floor);
  of->run_ms = whole(state, "run_ms");
  of->heard = (uint64_t)whole(state, "heard");
}

static json_t *state_json(const echo *e) {
  return json_pack("{s:i, s:s?, s:b, s:i, s:o, s:o, s:o, s:o}", "turns", (int)e->turns, "said", e->said,
                   "history_given", e->history_given, "images", (int)e->images,
                   "calls", calls_json(e), "gathered", turn_json(&e->gathered), "results", turn_json(&e->results), "ear",
                   ear_json(&e->ear));
}

static void state_read(echo *e, json_t *state) {
  e->turns = (unsigned)whole(state, "turns");
  mem_free(e->said);
  e->said = mem_strdup(json_string_value(pjson_get(state, "said")));
  e->history_given = pjson_true(state, "history_given");
  e->images = (unsigned)whole(state, "images");
  calls_read(e, pjson_get(state, "calls"));
  turn_read(&e->gathered, pjson_get(state, "gathered"));
  turn_read(&e->results, pjson_get(state, "results"));
  ear_read(&e->ear, pjson_get(state, "ear"));
}

/* ---- sessions ---- */

static void tell(echo *e, service_event_kind kind, json_t *message) {
  service_tell(e->service, &(service_event){.kind = kind, .conversation = e->number, .position = e->position,
                                            .index = e->index, .message = message});
}

static int begin(echo *e, uint64_t now_ms, char reason[SETUP_REASON_MAX]) {
  const service_options *o = service_options_of(e->service);
  if (o->conversations && e->setup.resumable) {
    e->conversation = conversation_begin(o->conversations, unix_ms(e, now_ms), &o->backend, e->setup.model);
    if (!e->conversation) {
      snprintf(reason, SETUP_REASON_MAX, "Resource has been exhausted (e.g. check quota).");
      return 1011;
    }
    e->number = conversation_number(e->conversation);
    conversation_on_wanted(e->conversation, o->wanted, o->event_user);
  } else if (o->conversations) {
    e->number = conversations_number(o->conversations);
  }
  tell(e, SERVICE_BEGINS, NULL);
  return 0;
}

int echo_resume_begin(echo *e, uint64_t now_ms, char reason[SETUP_REASON_MAX]) {
  const service_options *o = service_options_of(e->service);
  const conversation_state *state = NULL;
  e->index = o->index_first - 1;
  if (e->setup.handle && !o->conversations) {
    snprintf(reason, SETUP_REASON_MAX, "Request contains an invalid argument.");
    return 1007;
  }
  if (!e->setup.handle) return begin(e, now_ms, reason);
  int code = conversation_resume(o->conversations, unix_ms(e, now_ms), &o->backend, e->setup.model, e->setup.handle,
                                 &e->conversation, &state, reason);
  if (code) return code;
  e->position = e->kept = e->joined = state->position;
  json_t *content = json_loads(state->content, 0, NULL);
  state_read(e, content);
  json_decref(content);
  e->number = conversation_number(e->conversation);
  conversation_on_wanted(e->conversation, o->wanted, o->event_user);
  if (state->dies_ms) service_close_at(e->service, now_ms + state->dies_ms, state->dies_code, fault_reason((unsigned)state->dies_code));
  tell(e, SERVICE_RESUMES, NULL);
  return 0;
}

void echo_resume_lost(echo *e, uint64_t now_ms) {
  if (e->over || !e->completed) return;
  e->over = true;
  tell(e, SERVICE_ENDS, NULL);
  if (e->conversation) conversation_end(e->conversation, unix_ms(e, now_ms), (int64_t)e->linger_ms);
  e->conversation = NULL;
}

void echo_take_in(echo *e, uint64_t now_ms, json_t *message) {
  if (e->position++ == e->kept) e->untold_ms = now_ms;
  e->index++;
  if (!e->over) tell(e, SERVICE_TOOK, message);
}

/* ---- updates ---- */

static void send_update(echo *e, const char *handle, bool resumable, const int64_t *index) {
  char text[24];
  json_t *update = json_pack("{s:s, s:b}", "newHandle", handle, "resumable", resumable);
  if (index) snprintf(text, sizeof text, "%" PRId64, *index);
  if (index) json_object_set_new(update, "lastConsumedClientMessageIndex", json_string(text));
  service_send(e->service, json_pack("{s:o}", "sessionResumptionUpdate", update));
}

static bool is_idle(const echo *e) { return !echo_busy(e) && !e->waiting_count; }

/* What is wrong with updates now; 0: nothing. */
static fault_how wrong_how(const echo *e, uint64_t now_ms) { return now_ms < e->updates_until_ms ? e->updates.how : 0; }

/* When the next update is due: after the setup, after a turn, and, transparently, after what was merely taken in. */
static uint64_t update_deadline(const echo *e) {
  if (!e->conversation) return SERVICE_NEVER;
  if (!is_idle(e)) return e->told == ECHO_TOLD_IDLE ? 0 : SERVICE_NEVER;
  if (e->told != ECHO_TOLD_IDLE || e->turn_ended) return 0;
  if (!e->setup.transparent || e->position == e->kept) return SERVICE_NEVER;
  return e->position - e->kept >= STATE_MESSAGES ? 0 : e->untold_ms + STATE_MS;
}

uint64_t echo_resume_deadline(const echo *e) {
  uint64_t deadline = e->late ? SERVICE_NEVER : update_deadline(e);
  return e->late && e->late_ms < deadline ? e->late_ms : deadline;
}

/* The index that goes with a state: of the last message in it, counted in this connection. */
static int64_t index_of(const echo *e, const conversation_state *state) {
  return e->index - (int64_t)(e->position - state->position);
}

/* Gives out a state, as wrong as is wanted. */
static void give_out(echo *e, uint64_t now_ms, conversation_state *state, fault_how how) {
  conversation_state *before = conversation_newest(e->conversation, 1);
  if (how == FAULT_STALE && before && before->position >= e->joined) state = before;
  int64_t index = index_of(e, state);
  if (how == FAULT_EXPIRED) state->expires_ms = unix_ms(e, now_ms);
  if (how == FAULT_POISONED) {
    state->dies_ms = (unsigned)e->updates.delay_ms;
    state->dies_code = (int)e->updates.code;
  }
  if (how == FAULT_BEYOND) index += e->updates.count;
  if (how == FAULT_LAG) {
    e->late = true;
    e->late_ms = now_ms + e->updates.delay_ms;
    e->late_index = index;
    snprintf(e->late_handle, sizeof e->late_handle, "%s", state->handle);
    return;
  }
  send_update(e, state->handle, true, e->setup.transparent && how != FAULT_NO_INDEX ? &index : NULL);
}

static void send_late(echo *e) {
  e->late = false;
  send_update(e, e->late_handle, true, e->setup.transparent ? &e->late_index : NULL);
}

/* The update of a change from idle to busy or back, or of new input. */
static void make_update(echo *e, uint64_t now_ms) {
  bool idle = is_idle(e);
  fault_how how = wrong_how(e, now_ms);
  e->told = idle ? ECHO_TOLD_IDLE : ECHO_TOLD_BUSY;
  if (idle) e->turn_ended = false;
  if (!idle && how != FAULT_EAGER) {
    if (how != FAULT_NO_UPDATES) send_update(e, "", false, NULL);
    return;
  }
  bool skipped = how == FAULT_SKIP && e->updates_skipped++ % (e->updates.count + 1) != e->updates.count;
  if (how == FAULT_NO_UPDATES || how == FAULT_UNRESUMABLE || how == FAULT_NO_HANDLE || skipped) {
    e->kept = e->position; /* nothing more is due before something more comes */
    if (how == FAULT_UNRESUMABLE || how == FAULT_NO_HANDLE) send_update(e, "", how == FAULT_NO_HANDLE, NULL);
    return;
  }
  conversation_state *state = conversation_keep(e->conversation, state_json(e), e->position);
  e->kept = e->position;
  if (!state)
    service_close(e->service, 1011, "Internal error encountered.");
  else
    give_out(e, now_ms, state, how);
}

void echo_resume_next(echo *e, uint64_t now_ms) {
  if (echo_resume_deadline(e) > now_ms) return;
  if (e->late)
    send_late(e);
  else
    make_update(e, now_ms);
}

/* Handles that were given out before are as bad. */
void echo_resume_fault(echo *e, uint64_t now_ms, const fault *f) {
  e->updates = *f;
  e->updates_until_ms = f->for_ms == FAULT_NEVER ? FAULT_NEVER : now_ms + f->for_ms;
  e->updates_skipped = 0;
  if (!e->conversation || (f->how != FAULT_EXPIRED && f->how != FAULT_POISONED)) return;
  conversation_state *state;
  for (size_t back = 0; (state = conversation_newest(e->conversation, back)); back++) {
    if (f->how == FAULT_EXPIRED) state->expires_ms = unix_ms(e, now_ms);
    state->dies_ms = f->how == FAULT_POISONED ? (unsigned)f->delay_ms : state->dies_ms;
    state->dies_code = (int)f->code;
  }
}
