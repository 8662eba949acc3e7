#include "emulator/conversations.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "emulator/pjson.h"
#include "emulator/random.h"

enum { NUMBER_MASK = 0x5BD1E995 };
#define HOUR_MS INT64_C(3600000)

struct conversation {
  conversations *all;
  uint64_t number;
  uint64_t given; /* handles so far */
  char *model;
  bool vertex, live;
  int64_t ended_ms, lingers_ms; /* until when it still looks live */
  void (*wanted)(void *user);
  void *wanted_user;
  conversation_state **states; /* oldest first */
  size_t count, room, size;
};

struct conversations {
  conversations_options options;
  conversation *items[CONVERSATIONS_MAX];
  size_t count, size;
  size_t crowded; /* the least could not be brought under the ceiling: the size at which that is tried again */
  uint64_t numbers;
};

/* ---- the store ---- */

/* Drops `count` states from the place `at` on. */
static void drop_states(conversation *c, size_t at, size_t count) {
  for (size_t i = at; i < at + count; i++) {
    c->size -= c->states[i]->size;
    c->all->size -= c->states[i]->size;
    mem_free(c->states[i]->content);
    mem_free(c->states[i]);
  }
  c->count -= count;
  if (c->count > at) memmove(&c->states[at], &c->states[at + count], (c->count - at) * sizeof(void *));
}

static void conversation_free(conversation *c) {
  drop_states(c, 0, c->count);
  mem_free(c->states);
  mem_free(c->model);
  mem_free(c);
}

conversations *conversations_new(const conversations_options *options) {
  conversations *all = mem_zalloc(sizeof *all);
  if (all) all->options = *options;
  return all;
}

void conversations_free(conversations *all) {
  if (!all) return;
  for (size_t i = 0; i < all->count; i++) conversation_free(all->items[i]);
  mem_free(all);
}

size_t conversations_size(const conversations *all) { return all->size; }
uint64_t conversations_number(conversations *all) { return ++all->numbers; }
uint64_t conversation_number(const conversation *c) { return c->number; }

static int64_t expiry_of(const conversation *c) {
  int64_t lifetime_ms = c->all->options.lifetime_ms;
  return c->ended_ms + (lifetime_ms ? lifetime_ms : (c->vertex ? 24 : 2) * HOUR_MS);
}

static void forget(conversations *all, size_t at) {
  conversation_free(all->items[at]);
  memmove(&all->items[at], &all->items[at + 1], (--all->count - at) * sizeof *all->items);
}

/* The one, but for `but`, that ended first; SIZE_MAX when all are live. */
static size_t find_oldest(const conversations *all, const conversation *but) {
  size_t oldest = SIZE_MAX;
  for (size_t i = 0; i < all->count; i++) {
    if (all->items[i] == but) continue;
    if (!all->items[i]->live && (oldest == SIZE_MAX || all->items[i]->ended_ms < all->items[oldest]->ended_ms)) oldest = i;
  }
  return oldest;
}

/* Drops what has expired, and, where that leaves no place, those that ended first. */
static bool make_place(conversations *all, int64_t now_ms) {
  for (size_t i = all->count; i--;) {
    if (!all->items[i]->live && expiry_of(all->items[i]) <= now_ms) forget(all, i);
  }
  size_t oldest = all->count == CONVERSATIONS_MAX ? find_oldest(all, NULL) : SIZE_MAX;
  if (oldest != SIZE_MAX) forget(all, oldest);
  return all->count < CONVERSATIONS_MAX;
}

/* Old handles go, as many being left to one conversation as to another: what a client is behind by is time, not bytes. */
static void thin(conversations *all, size_t target) {
  size_t most = 0;
  for (size_t i = 0; i < all->count; i++) most = all->items[i]->count > most ? all->items[i]->count : most;
  while (all->size > target && most > CONVERSATION_HANDLES_LEAST) {
    most -= (most - CONVERSATION_HANDLES_LEAST + 7) / 8;
    for (size_t i = 0; i < all->count; i++) {
      conversation *c = all->items[i];
      if (c->count > most) drop_states(c, 0, c->count - most);
    }
  }
}

/* Makes room for a state of `c`. An eighth of the ceiling is freed at once, so that many conversations are not gone through for
 * each state. Who has just lost its connection keeps its conversation, for the client comes back to it. */
static void make_space(conversations *all, const conversation *c, size_t size) {
  size_t max = all->options.bytes_max ? all->options.bytes_max : CONVERSATIONS_BYTES_MAX, target = max - max / 8;
  if (all->size + size <= max) all->crowded = 0;
  if (all->size + size <= max || all->size + size <= all->crowded) return;
  thin(all, target);
  for (size_t oldest; all->size > target && (oldest = find_oldest(all, c)) != SIZE_MAX;) forget(all, oldest);
  all->crowded = all->size > target ? all->size + max / 8 : 0;
}

static conversation *find(const conversations *all, uint64_t number) {
  for (size_t i = all->count; i--;) {
    if (all->items[i]->number == number) return all->items[i];
  }
  return NULL;
}

static conversation *add(conversations *all, uint64_t number, const char *model, bool vertex) {
  conversation *c = mem_zalloc(sizeof *c);
  char *copy = mem_strdup(model);
  if (!c || !copy) {
    mem_free(c);
    mem_free(copy);
    return NULL;
  }
  *c = (conversation){.all = all, .number = number, .model = copy, .vertex = vertex};
  all->items[all->count++] = c;
  return c;
}

/* ---- records ---- */

static json_t *state_record(const conversation *c, const conversation_state *state) {
  return json_pack("{s:I, s:s, s:b, s:I, s:s, s:I, s:s}", "conversation", (json_int_t)c->number, "model", c->model,
                   "vertex", c->vertex, "given", (json_int_t)c->given, "handle", state->handle, "position",
                   (json_int_t)state->position, "content", state->content);
}

/* The record is released; NULL, when memory is out, is not told of. */
static void tell(void (*record)(void *user, json_t *record), void *user, json_t *what) {
  if (record && what) record(user, what);
  json_decref(what);
}

static void tell_change(const conversation *c, const char *name, json_t *value) {
  const conversations_options *o = &c->all->options;
  tell(o->record, o->user, json_pack("{s:I, s:o}", "conversation", (json_int_t)c->number, name, value));
}

void conversations_record(const conversations *all, void (*record)(void *user, json_t *record), void *user) {
  tell(record, user, json_pack("{s:I}", "numbers", (json_int_t)all->numbers));
  for (size_t i = 0; i < all->count; i++) {
    const conversation *c = all->items[i];
    for (size_t k = 0; k < c->count; k++) tell(record, user, state_record(c, c->states[k]));
    if (!c->live)
      tell(record, user, json_pack("{s:I, s:I}", "conversation", (json_int_t)c->number, "ended", (json_int_t)c->ended_ms));
  }
}

/* ---- states ---- */

static bool make_room(conversation *c) {
  if (c->count < c->room) return true;
  size_t room = c->room ? c->room * 2 : 4;
  conversation_state **states = mem_realloc(c->states, room * sizeof(void *));
  if (!states) return false;
  c->states = states;
  c->room = room;
  return true;
}

/* Takes over `content`. */
static conversation_state *keep(conversation *c, char *content, uint64_t position) {
  size_t size = sizeof(conversation_state) + (content ? strlen(content) : 0), old = 0, left = c->size;
  while (old + 2 <= c->count && left + size > CONVERSATION_BYTES_MAX) left -= c->states[old++]->size;
  if (!old && c->count == CONVERSATION_HANDLES) old = 1;
  drop_states(c, 0, old);
  make_space(c->all, c, size);
  conversation_state *state = content && make_room(c) ? mem_zalloc(sizeof *state) : NULL;
  if (!state) {
    mem_free(content);
    return NULL;
  }
  *state = (conversation_state){.content = content, .position = position, .size = size};
  c->states[c->count++] = state;
  c->size += size;
  c->all->size += size;
  return state;
}

static char *compact(const json_t *content) {
  size_t size = json_dumpb(content, NULL, 0, JSON_COMPACT);
  char *text = size ? mem_alloc(size + 1) : NULL;
  if (!text) return NULL;
  json_dumpb(content, text, size, JSON_COMPACT);
  text[size] = '\0';
  return text;
}

conversation_state *conversation_keep(conversation *c, json_t *content, uint64_t position) {
  conversation_state *state = keep(c, compact(content), position);
  json_decref(content);
  if (!state) return NULL;
  uint64_t seed = c->all->options.seed ^ random_mix(c->number << 32 | ++c->given);
  uint64_t high = random_next(&seed), low = random_next(&seed);
  snprintf(state->handle, sizeof state->handle, "%08" PRIx32 "%016" PRIx64 "%016" PRIx64,
           (uint32_t)c->number ^ NUMBER_MASK, high, low);
  const conversations_options *o = &c->all->options;
  if (o->record) tell(o->record, o->user, state_record(c, state));
  return state;
}

conversation_state *conversation_newest(conversation *c, size_t back) {
  return c->count > back ? c->states[c->count - 1 - back] : NULL;
}

bool conversations_restore(conversations *all, int64_t now_ms, json_t *record) {
  json_int_t number = json_integer_value(json_object_get(record, "conversation"));
  json_int_t numbers = json_integer_value(json_object_get(record, "numbers"));
  json_t *ended = json_object_get(record, "ended");
  const char *content = json_string_value(json_object_get(record, "content"));
  const char *from = json_string_value(json_object_get(record, "from"));
  const char *model = json_string_value(json_object_get(record, "model"));
  const char *handle = json_string_value(json_object_get(record, "handle"));
  if (numbers > 0 && (uint64_t)numbers > all->numbers) all->numbers = (uint64_t)numbers;
  if (number <= 0) return json_is_integer(json_object_get(record, "numbers"));
  conversation *c = find(all, (uint64_t)number);
  if ((uint64_t)number > all->numbers) all->numbers = (uint64_t)number;
  if (content && model && handle && strlen(handle) < HANDLE_MAX) {
    if (!c && make_place(all, now_ms)) c = add(all, (uint64_t)number, model, json_is_true(json_object_get(record, "vertex")));
    conversation_state *state =
        c ? keep(c, mem_strdup(content), (uint64_t)json_integer_value(json_object_get(record, "position"))) : NULL;
    if (!state) return false;
    memcpy(state->handle, handle, strlen(handle) + 1);
    c->given = (uint64_t)json_integer_value(json_object_get(record, "given"));
    c->ended_ms = now_ms;
    return true;
  }
  if (!c) return ended || from;
  if (ended) c->ended_ms = json_integer_value(ended);
  for (size_t i = 0; from && i < c->count; i++) {
    if (!strcmp(c->states[i]->handle, from)) drop_states(c, i + 1, c->count - i - 1);
  }
  return ended || from;
}

/* ---- sessions ---- */

conversation *conversation_begin(conversations *all, int64_t now_ms, const setup_backend *backend, const char *model) {
  conversation *c = make_place(all, now_ms) ? add(all, all->numbers + 1, model, backend->vertex) : NULL;
  if (!c) return NULL;
  all->numbers++;
  c->live = true;
  return c;
}

static int refuse(char reason[SETUP_REASON_MAX], int code, const char *text) {
  snprintf(reason, SETUP_REASON_MAX, "%s", text);
  return code;
}

static size_t find_state(const conversation *c, const char *handle) {
  size_t at = 0;
  while (at < c->count && strcmp(c->states[at]->handle, handle)) at++;
  return at;
}

int conversation_resume(conversations *all, int64_t now_ms, const setup_backend *backend, const char *model,
                        const char *handle, conversation **out, const conversation_state **state,
                        char reason[SETUP_REASON_MAX]) {
  static const char invalid[] = "Request contains an invalid argument.";
  unsigned hidden = 0;
  conversation *c = sscanf(handle, "%8x", &hidden) == 1 ? find(all, hidden ^ NUMBER_MASK) : NULL;
  size_t at = c ? find_state(c, handle) : 0;
  if (!c || at == c->count || c->vertex != backend->vertex || strcmp(c->model, model)) return refuse(reason, 1007, invalid);
  conversation_state *found = c->states[at];
  if (found->expires_ms && found->expires_ms <= now_ms) return refuse(reason, 1007, invalid);
  if (c->live && c->wanted) c->wanted(c->wanted_user);
  if (c->live || c->lingers_ms > now_ms) return refuse(reason, 1011, "Internal error encountered.");
  if (expiry_of(c) <= now_ms) return refuse(reason, 1007, invalid);
  c->live = true;
  drop_states(c, at + 1, c->count - at - 1);
  tell_change(c, "from", json_string(handle));
  *out = c;
  *state = found;
  return 0;
}

void conversation_on_wanted(conversation *c, void (*wanted)(void *user), void *user) {
  c->wanted = wanted;
  c->wanted_user = user;
}

void conversation_end(conversation *c, int64_t now_ms, int64_t linger_ms) {
  c->live = false;
  c->wanted = NULL;
  c->ended_ms = now_ms;
  c->lingers_ms = linger_ms ? now_ms + linger_ms : 0; /* another connection's clock may be a millisecond behind */
  tell_change(c, "ended", json_integer(now_ms));
}
