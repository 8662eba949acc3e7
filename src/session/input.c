#include "session/input.h"

#include <string.h>

/* ---- kinds ---- */

static const struct {
  const char *text;
  uint8_t live, music;
} beginnings[] = {
    {"{\"realtimeInput\":{\"audio\":", SESSION_INPUT_MEDIA, 0},
    {"{\"realtimeInput\":{\"text\":", SESSION_INPUT_TEXT, 0},
    {"{\"realtimeInput\":{\"activity", SESSION_INPUT_MARK, 0},
    {"{\"realtimeInput\":{\"audioStreamEnd", SESSION_INPUT_MARK, 0},
    {"{\"realtimeInput\":", SESSION_INPUT_MEDIA, 0},
    {"{\"toolResponse\":", SESSION_INPUT_TOOL, 0},
    {"{\"contextUpdate\":", SESSION_INPUT_CONTEXT, 0},
    {"{\"clientContent\":", SESSION_INPUT_TEXT, SESSION_INPUT_PROMPTS},
    {"{\"musicGenerationConfig\":", 0, SESSION_INPUT_CONFIG},
    {"{\"playbackControl\":", 0, SESSION_INPUT_CONTROL},
};

session_input session_input_of(const payload *m, bool music) {
  for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
    size_t size = strlen(beginnings[i].text);
    uint8_t kind = music ? beginnings[i].music : beginnings[i].live;
    if (kind && m->size > size && !memcmp(m->data, beginnings[i].text, size)) return (session_input)kind;
  }
  return music ? SESSION_INPUT_PROMPTS : SESSION_INPUT_TEXT;
}

const char *session_input_name(session_input kind) {
  switch (kind) {
  case SESSION_INPUT_TOOL: return "a tool response";
  case SESSION_INPUT_TEXT: return "text";
  case SESSION_INPUT_CONTEXT:
  case SESSION_INPUT_FOLDED: return "a context update";
  case SESSION_INPUT_MARK: return "an activity mark";
  case SESSION_INPUT_MEDIA: return "audio or video";
  case SESSION_INPUT_SEED: return "the recent turns";
  case SESSION_INPUT_PROMPTS: return "prompts";
  case SESSION_INPUT_CONFIG: return "a music config";
  case SESSION_INPUT_CONTROL: return "a playback control";
  }
  return "a message";
}

static int rank(const payload *m) {
  if (m->kind == SESSION_INPUT_TOOL || m->kind == SESSION_INPUT_SEED) return 0;
  return m->kind >= SESSION_INPUT_TEXT && m->kind <= SESSION_INPUT_FOLDED ? 1 : 2;
}

/* ---- lists ---- */

void session_list_init(session_list *list) { *list = (session_list){.tail = &list->head}; }

void session_list_push(session_list *list, payload *message) {
  message->next = NULL;
  *list->tail = message;
  list->tail = &message->next;
  list->bytes += message->size;
  list->count++;
}

/* Takes what `link` points to out of the list. */
static payload *unlink_at(session_list *list, payload **link) {
  payload *message = *link;
  *link = message->next;
  if (!*link) list->tail = link;
  list->bytes -= message->size;
  list->count--;
  return message;
}

payload *session_list_pop(session_list *list) { return list->head ? unlink_at(list, &list->head) : NULL; }

void session_list_clear(session_list *list) {
  for (payload *message; (message = session_list_pop(list));) payload_drop(message);
}

static void append(session_list *list, session_list *more) {
  for (payload *message; (message = session_list_pop(more));) session_list_push(list, message);
}

/* ---- the two lists ---- */

enum { LOOK_EVERY = 500 }; /* ms: one look at the age of many messages */

void session_inputs_init(session_inputs *in) {
  session_list_init(&in->waiting);
  session_list_init(&in->sent);
}

void session_inputs_deinit(session_inputs *in) {
  session_list_clear(&in->waiting);
  session_list_clear(&in->sent);
}

void session_inputs_add(session_inputs *in, payload *message, uint64_t now) {
  message->at = now;
  session_list_push(&in->waiting, message);
}

static void note_unkept(session_inputs *in, const payload *m) {
  in->unkept++;
  in->unanswered += !m->answered;
  if (m->serial > in->unkept_serial) in->unkept_serial = m->serial;
}

/* Media up to the first that is young enough; marks and text between them stay. Media that were on a wire are kept, whatever their
 * age, where an index tells exactly which of them the service has. */
static uint64_t drop_old(session_inputs *in, session_list *list, uint64_t now, bool again) {
  uint64_t dropped = 0;
  if (in->media_age == UINT64_MAX) return 0;
  for (payload **link = &list->head; *link;) {
    payload *m = *link;
    bool fits = m->kind == SESSION_INPUT_MEDIA && m->again == again;
    if (fits && now - m->at <= in->media_age) break;
    if (!fits) {
      link = &m->next;
      continue;
    }
    if (again) note_unkept(in, m);
    /* It waited to be said again: no state of this connection holds it, whatever its serial was on an earlier one. */
    if (again && list == &in->waiting) in->unkept_serial = UINT64_MAX;
    payload_drop(unlink_at(list, link));
    dropped++;
  }
  return dropped;
}

void session_inputs_first(session_inputs *in, payload *message, uint64_t now) {
  session_list rest = in->waiting;
  message->at = now;
  session_list_init(&in->waiting);
  session_list_push(&in->waiting, message);
  if (!rest.head) return;
  message->next = rest.head;
  in->waiting.tail = rest.tail;
  in->waiting.bytes += rest.bytes;
  in->waiting.count += rest.count;
}

void session_inputs_age(session_inputs *in, uint64_t now) {
  in->dropped += drop_old(in, &in->waiting, now, false);
  if (in->age_sent) drop_old(in, &in->waiting, now, true);
}

uint64_t session_inputs_ages_at(const session_inputs *in) {
  if (in->media_age == UINT64_MAX) return UINT64_MAX;
  for (const payload *m = in->waiting.head; m; m = m->next)
    if (m->kind == SESSION_INPUT_MEDIA && (!m->again || in->age_sent)) return m->at + in->media_age + LOOK_EVERY;
  return UINT64_MAX;
}

/* Keeps the bytes of what was sent under their ceiling, but for the recent turns: without them a fresh session knows nothing. */
static void limit_sent(session_inputs *in) {
  for (int any = 0; any < 2; any++)
    for (payload **link = &in->sent.head; in->sent.bytes > in->sent_max && *link;) {
      bool goes = any ? (*link)->kind != SESSION_INPUT_SEED : (*link)->kind == SESSION_INPUT_MEDIA;
      if (!goes) {
        link = &(*link)->next;
        continue;
      }
      note_unkept(in, *link);
      payload_drop(unlink_at(&in->sent, link));
    }
}

void session_inputs_sent(session_inputs *in, uint64_t now) {
  payload *message = session_list_pop(&in->waiting);
  message->serial = ++in->serial;
  if (!in->keep || message->kind == SESSION_INPUT_FOLDED) {
    payload_drop(message);
    return;
  }
  message->again = true;
  session_list_push(&in->sent, message);
  if (in->age_sent && now - in->aged_at >= LOOK_EVERY) {
    in->aged_at = now;
    drop_old(in, &in->sent, now, true);
  }
  limit_sent(in);
}

void session_inputs_kept(session_inputs *in, uint64_t serial) {
  in->kept = serial;
  while (in->sent.head && in->sent.head->serial <= serial) payload_drop(session_list_pop(&in->sent));
  if (serial >= in->unkept_serial) in->unkept = in->unkept_serial = in->unanswered = 0;
}

void session_inputs_answered(session_inputs *in, uint64_t serial) {
  for (payload *m = in->sent.head; m && m->serial <= serial; m = m->next) m->answered = true;
  if (in->unkept_serial <= serial) in->unanswered = 0;
}

uint64_t session_inputs_serial(const session_inputs *in, int64_t index) {
  if (index < 0 || (uint64_t)index < in->first_index) return in->base;
  uint64_t nth = (uint64_t)index - in->first_index;
  return nth >= in->serial - in->base ? in->serial : in->base + 1 + nth;
}

size_t session_inputs_again(session_inputs *in, uint64_t now) {
  session_list ranks[3], rest;
  session_inputs_age(in, now);
  if (in->age_sent) drop_old(in, &in->sent, now, true);
  session_list_init(&rest);
  append(&rest, &in->waiting);
  append(&in->waiting, &in->sent);
  for (int i = 0; i < 3; i++) session_list_init(&ranks[i]);
  for (payload *m; (m = session_list_pop(&rest));) session_list_push(m->again ? &in->waiting : &ranks[rank(m)], m);
  size_t again = 0; /* of the application's */
  for (const payload *m = in->waiting.head; m; m = m->next) again += m->kind != SESSION_INPUT_SEED;
  for (int i = 0; i < 3; i++) append(&in->waiting, &ranks[i]);
  in->base = in->serial;
  return again;
}

static size_t remove_from(session_list *list, bool (*is)(void *, payload **), void *user) {
  size_t removed = 0;
  for (payload **link = &list->head; *link;) {
    payload *was = *link, *m = was;
    if (is(user, &m)) {
      payload_drop(unlink_at(list, link));
      removed++;
      continue;
    }
    if (m != was) { /* replaced by another */
      m->next = was->next;
      m->kind = was->kind;
      m->again = was->again;
      m->answered = was->answered;
      m->at = was->at;
      m->serial = was->serial;
      *link = m;
      if (!m->next) list->tail = &m->next;
      list->bytes += m->size - was->size;
      payload_drop(was);
    }
    link = &(*link)->next;
  }
  return removed;
}

size_t session_inputs_remove(session_inputs *in, bool (*is)(void *user, payload **message), void *user) {
  return remove_from(&in->sent, is, user) + remove_from(&in->waiting, is, user);
}
