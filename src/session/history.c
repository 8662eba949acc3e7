#include "session/history.h"

#include <string.h>

#include "base/memory.h"
#include "wire/reader.h"
#include "wire/tables.h"
#include "wire/writer.h"

enum { TURN_MAX = 8 << 10, READ_MAX = 64 << 20 };

static session_said *at(const session_history *h, size_t i) { return &h->turns[(h->first + i) % SESSION_HISTORY_TURNS]; }

static void drop_first(session_history *h) {
  h->bytes -= at(h, 0)->text.size;
  buf_deinit(&at(h, 0)->text);
  h->first = (h->first + 1) % SESSION_HISTORY_TURNS;
  h->count--;
  if (h->answered) h->answered--;
  if (h->cut_at) h->cut_at--;
}

void session_history_deinit(session_history *h) {
  while (h->count) drop_first(h);
  mem_free(h->turns);
  *h = (session_history){0};
}

/* Of a text, what fits: whole characters. */
static size_t room_for(const char *text, size_t room) {
  size_t size = strlen(text);
  if (size <= room) return size;
  while (room && ((unsigned char)text[room] & 0xC0) == 0x80) room--;
  return room;
}

/* Appends to the last turn if it is of the same side and `go_on`. What finds no memory or room is left out. */
static void say(session_history *h, session_said turn, bool go_on, const char *text) {
  if (!text || !*text) return;
  if (!h->turns && !(h->turns = mem_zalloc(SESSION_HISTORY_TURNS * sizeof *h->turns))) return;
  session_said *last = h->count > h->answered ? at(h, h->count - 1) : NULL;
  if (!last || last->model != turn.model || !go_on) {
    if (h->count == SESSION_HISTORY_TURNS) drop_first(h);
    last = at(h, h->count++);
    *last = turn;
    buf_init(&last->text, TURN_MAX + 1);
  }
  size_t before = last->text.size;
  buf_append(&last->text, text, room_for(text, TURN_MAX - before));
  last->text.failed = last->text.full = false;
  h->bytes += last->text.size - before;
  while (h->bytes > SESSION_HISTORY_BYTES && h->count > 1) drop_first(h);
}

static void say_content(session_history *h, const genai_content *content, uint64_t serial) {
  const session_said turn = {.model = content->role && !strcmp(content->role, "model"), .sent = true, .serial = serial};
  bool go_on = false;
  for (size_t i = 0; i < content->parts.count; i++) {
    say(h, turn, go_on, content->parts.items[i]->text);
    go_on = true;
  }
}

void session_history_sent(session_history *h, const payload *message, uint64_t serial) {
  void *out = NULL;
  arena a;
  if (h->talking && !h->cut_in) {
    h->cut_in = true;
    h->cut_at = h->count;
    h->cut_serial = serial;
  }
  for (size_t i = h->answered; i < h->count; i++) at(h, i)->again = false; /* what was to go out again did, or was given up */
  arena_init(&a, READ_MAX);
  if (wire_read(&a, &wire_live_client_message, (const char *)message->data, message->size, NULL, &out, NULL) == GENAI_OK) {
    const genai_live_client_message *m = out;
    for (size_t i = 0; m->client_content && i < m->client_content->turns.count; i++)
      say_content(h, m->client_content->turns.items[i], serial + 1);
    if (m->realtime_input) say(h, (session_said){.sent = true, .serial = serial + 1}, false, m->realtime_input->text);
  }
  arena_deinit(&a);
}

void session_history_again(session_history *h, uint64_t was, uint64_t serial) {
  for (size_t i = h->answered; i < h->count; i++)
    if (at(h, i)->again && at(h, i)->serial == was) {
      at(h, i)->serial = serial;
      at(h, i)->again = false;
    }
}

bool session_history_heard(session_history *h, const session_news *news, uint64_t serial) {
  say(h, (session_said){.serial = serial}, true, news->heard);
  say(h, (session_said){.model = true, .serial = serial}, true, news->text);
  say(h, (session_said){.model = true, .serial = serial}, true, news->said);
  h->talking = h->talking || news->model_turn || news->output || news->calls;
  if (!news->turn_complete) return false;
  h->serial = h->cut_in ? h->cut_serial : serial;
  size_t end = h->cut_in ? h->cut_at : h->count;
  while (h->answered < end && !at(h, h->answered)->again) h->answered++;
  h->talking = h->cut_in = false;
  return true;
}

void session_history_cut(session_history *h, uint64_t kept) {
  for (; h->count > h->answered && at(h, h->count - 1)->model && !at(h, h->count - 1)->sent; h->count--) {
    session_said *last = at(h, h->count - 1);
    h->bytes -= last->text.size;
    buf_deinit(&last->text);
  }
  for (size_t i = h->answered; i < h->count; i++) at(h, i)->again |= at(h, i)->sent && at(h, i)->serial > kept;
  h->talking = h->cut_in = false;
}

payload *session_history_seed(const session_history *h, uint64_t kept, bool owed, bool complete) {
  genai_part parts[SESSION_HISTORY_TURNS];
  const genai_part *part[SESSION_HISTORY_TURNS];
  genai_content turns[SESSION_HISTORY_TURNS];
  const genai_content *turn[SESSION_HISTORY_TURNS];
  buf b;
  size_t count = 0;
  bool asks = false; /* the last turn told is one that nobody answered */
  for (size_t i = 0; i < h->count; i++) {
    if (i >= h->answered && (at(h, i)->again || at(h, i)->serial > kept)) continue;
    const char *text = buf_cstr(&at(h, i)->text);
    parts[count] = (genai_part){.text = text ? text : ""};
    part[count] = &parts[count];
    turns[count] = (genai_content){.parts = {&part[count], 1}, .role = at(h, i)->model ? "model" : "user"};
    turn[count] = &turns[count];
    asks = i >= h->answered && !at(h, i)->model;
    count++;
  }
  if (!count) return NULL;
  complete = complete || (owed && asks);
  const genai_live_client_content content = {.turns = {turn, count}, .turn_complete = {true, complete}};
  payload_begin(&b, SESSION_HISTORY_BYTES * 7, h->bytes + 64 * count);
  payload *out = NULL;
  if (wire_write(&b, &wire_live_client_message, &(genai_live_client_message){.client_content = &content}, NULL, NULL) == GENAI_OK)
    out = payload_end(&b);
  if (!out) buf_deinit(&b);
  return out;
}
