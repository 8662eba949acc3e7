#include "session/session.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* ---- life ---- */

static bool resumes(const session_mind *s) { return s->settings.reconnect != GENAI_LIVE_RECONNECT_NONE; }

genai_status session_init(session_mind *s, const session_settings *settings, payload *setup, uint64_t now, genai_error *error) {
  genai_status status = GENAI_OK;
  *s = (session_mind){.settings = *settings,
                      .deadline = session_later(now, settings->connect_timeout),
                      .first_deadline = session_later(now, settings->connect_timeout),
                      .heard_at = now,
                      .setup = payload_hold(setup),
                      .leave_at = SESSION_NEVER,
                      .troubled_at = SESSION_NEVER,
                      .random = settings->seed | 1};
  enum { TRAIL_MAX = 900 };
  buf_init(&s->trail, TRAIL_MAX);
  session_turns_init(&s->turns);
  session_inputs_init(&s->inputs);
  s->inputs.keep = resumes(s) && !settings->music;
  s->inputs.sent_max = settings->replay_max;
  s->inputs.media_age = settings->media_age;
  s->inputs.first_index = settings->first_index;
  s->inputs.age_sent = true;
  if (!resumes(s) || settings->music) return GENAI_OK;
  status = session_setup_look(setup, &s->facts, error);
  s->transparent = s->facts.asked ? s->facts.transparent : settings->vertex;
  s->inputs.age_sent = !s->transparent;
  s->resumed = s->facts.handle;
  if (status == GENAI_OK && s->facts.handle && !(s->handle = mem_strdup(s->facts.handle))) status = error_memory(error);
  return status;
}

void session_deinit(session_mind *s) {
  session_inputs_deinit(&s->inputs);
  session_calls_deinit(&s->calls);
  session_history_deinit(&s->history);
  for (size_t i = 0; i < 3; i++) payload_drop(s->music[i]);
  payload_drop(s->setup);
  mem_free(s->handle);
  mem_free(s->facts.handle);
  buf_deinit(&s->trail);
  s->setup = NULL;
  s->handle = s->facts.handle = NULL;
}

/* Something of the model, and nobody was told yet that it does not come. */
static bool awaited(const session_mind *s) { return s->turns.due_since != SESSION_NEVER; }

static const char *peer(const session_mind *s) { return s->settings.peer ? s->settings.peer : "The service"; }

/* Where in its life the session is, for the sentences. */
static const char *when(const session_mind *s) {
  if (s->phase == SESSION_CONNECTING) return s->was_open ? "while connecting again" : "while connecting";
  if (s->phase == SESSION_SETUP) return s->was_open ? "during the setup of a new connection" : "during setup";
  if (s->calls.open) return "while a tool call was unanswered";
  if (s->turns.answering) return "in the middle of an answer";
  return s->turns.asked ? "while an answer was awaited" : "between turns";
}

/* What the application said in vain is said with the last sentence. */
static void tell_unsaid(session_mind *s) {
  unsigned long long never = s->inputs.dropped - s->dropped_told, again = 0, unkept = s->inputs.unkept;
  if (s->end.status != GENAI_CLOSED) unkept += s->inputs.sent.count;
  for (const payload *m = s->inputs.waiting.head; m; m = m->next) {
    never += !m->again;
    again += m->again && m->kind != SESSION_INPUT_SEED;
  }
  if (never) error_append(&s->end, " %llu message%s never went out.", never, never == 1 ? "" : "s");
  if (again + unkept)
    error_append(&s->end, " %llu message%s that had gone out may not have been taken in.", again + unkept, again + unkept == 1 ? "" : "s");
}

session_step session_end(session_mind *s, bool abort) {
  session_step step = {.ended = true, .abort = abort, .drop_standby = s->standby != SESSION_STANDBY_NONE};
  if (s->was_open) tell_unsaid(s);
  s->phase = SESSION_ENDED;
  s->deadline = s->leave_at = SESSION_NEVER;
  s->standby = SESSION_STANDBY_NONE;
  return step;
}

/* The oldest is overwritten when nobody takes them. */
void session_tell(session_mind *s, const genai_live_event *event) {
  if (s->event_count == SESSION_EVENTS_MAX) {
    s->event_first = (s->event_first + 1) % SESSION_EVENTS_MAX;
    s->event_count--;
  }
  s->events[(s->event_first + s->event_count++) % SESSION_EVENTS_MAX] = *event;
}

/* ---- in ---- */

session_step session_connected(session_mind *s, uint64_t now) {
  session_heard(s, now);
  if (s->phase != SESSION_CONNECTING) return (session_step){0};
  s->phase = SESSION_SETUP;
  return (session_step){.send_setup = true};
}

genai_status session_setup_text(session_mind *s, payload **out, genai_error *error) {
  if (!resumes(s) || s->settings.music) {
    *out = payload_hold(s->setup);
    return GENAI_OK;
  }
  bool afresh = !s->handle && s->afresh;
  const session_setup_needs needs = {.transparent = s->transparent,
                                     .handle = s->handle,
                                     .history = afresh && s->seeded && s->settings.announce_history,
                                     .no_history = afresh && !s->seeded};
  return session_setup_write(out, s->setup, &s->facts, &needs, error);
}

void session_heard(session_mind *s, uint64_t now) {
  s->heard_at = now;
  s->pinged = false;
}

static void open(session_mind *s, session_step *step, uint64_t now) {
  s->phase = SESSION_OPEN;
  s->deadline = SESSION_NEVER;
  s->opened_at = now;
  s->progressed = s->renewed = false;
  step->opened = !s->was_open;
  step->reopened = s->was_open;
  s->was_open = true;
  if (step->reopened) {
    session_reopened(s, now, step);
  } else if (s->restart_due) {
    session_tell(s, &(genai_live_event){.kind = GENAI_LIVE_EVENT_DEGRADED});
    s->restart_due = false;
  }
}

static void watch_turn(session_mind *s, const session_news *news, uint64_t now) {
  static const genai_live_event empty = {.kind = GENAI_LIVE_EVENT_EMPTY_TURN}, quiet = {.kind = GENAI_LIVE_EVENT_QUIET_AUDIO};
  session_turn_faults faults = session_turns_heard(&s->turns, news, now);
  if (news->turn_complete) {
    s->progressed = true;
    s->handle_failed = 0;
  }
  if (faults.empty) session_tell(s, &empty);
  if (faults.quiet) session_tell(s, &quiet);
  if (faults.rejected) session_tell(s, &(genai_live_event){.kind = GENAI_LIVE_EVENT_REJECTED, .attempt = s->turns.rejected});
}

static void take_news(session_mind *s, const session_news *news, uint64_t now) {
  bool model = news->model_turn || news->output || news->calls;
  if (model || news->heard || news->activity || news->interrupted) s->handle_fresh = false;
  if (news->model_turn || news->output || news->interrupted || news->turn_complete) s->calls.restoring = false;
  if (news->calls) session_calls_made(&s->calls, news->calls, s->inputs.serial);
  if (news->cancelled) {
    session_calls_cancelled(&s->calls, news->cancelled);
    if (awaited(s)) s->turns.due_since = now;
  }
  watch_turn(s, news, now);
  if (s->settings.reconnect == GENAI_LIVE_RECONNECT_RESUME_OR_FRESH && !s->settings.music &&
      session_history_heard(&s->history, news, s->inputs.serial))
    session_inputs_answered(&s->inputs, s->history.serial);
  if (news->update) session_adopt(s, news->update);
  if (news->go_away && s->leave_at == SESSION_NEVER) {
    /* Two seconds before the end, or at half time when there is less. */
    uint64_t left = news->time_left_ms > 0 ? (uint64_t)news->time_left_ms : 0;
    if (resumes(s)) s->leave_at = session_later(now, left > 4000 ? left - 2000 : left / 2);
    session_tell(s, &(genai_live_event){.kind = GENAI_LIVE_EVENT_GOING_AWAY, .time_left_ms = news->time_left_ms});
  }
}

static void add(session_step *to, session_step more) {
  to->dial_standby |= more.dial_standby;
  to->leave |= more.leave;
}

session_step session_message(session_mind *s, const session_news *news, uint64_t now) {
  session_step step = {.deliver = true, .interrupted = news->interrupted};
  if (s->phase == SESSION_ENDED || s->phase == SESSION_CONNECTING || s->phase == SESSION_WAITING) return (session_step){0};
  if (s->phase == SESSION_SETUP && news->error) {
    session_explain_answer(&s->end, peer(s), news->error);
    step = session_recover(s, now);
    step.abort = true;
    return step;
  }
  if (s->phase == SESSION_SETUP && news->setup_complete) open(s, &step, now);
  take_news(s, news, now);
  if (s->leave_at != SESSION_NEVER) add(&step, session_consider_leaving(s, now));
  return step;
}

void session_paused(session_mind *s, bool paused, uint64_t now) {
  s->paused = paused;
  if (awaited(s)) s->turns.due_since = now;
  session_heard(s, now);
}

/* ---- the end ---- */

session_step session_close(session_mind *s, uint64_t now) {
  if (s->phase == SESSION_CLOSING || s->phase == SESSION_ENDED) return (session_step){0};
  session_step step = {.drop_standby = s->standby != SESSION_STANDBY_NONE};
  bool open = s->phase == SESSION_OPEN;
  if (!s->peer_closed || s->phase != SESSION_OPEN) {
    error_set(&s->end, GENAI_CLOSED, "The session was closed by this program.");
    s->end.close_code = 1000;
  }
  if (!open) return session_end(s, s->phase != SESSION_WAITING);
  s->standby = SESSION_STANDBY_NONE;
  s->leave_at = SESSION_NEVER;
  s->phase = SESSION_CLOSING;
  s->deadline = session_later(now, s->settings.close_timeout);
  step.close = true;
  return step;
}

static void add_last_sent(session_mind *s) {
  const char *before = " The last messages sent were ";
  for (size_t i = 0; i < 3; i++) {
    if (!s->last[i].kind) continue;
    error_append(&s->end, "%s%s (%zu bytes)", before, session_input_name((session_input)s->last[i].kind), s->last[i].size);
    before = ", ";
  }
  if (*before == ',') error_append(&s->end, ".");
}

void session_peer_close(session_mind *s, int code, const char *reason, size_t size) {
  if (s->phase == SESSION_ENDED || s->peer_closed) return;
  s->peer_closed = true;
  if (s->phase == SESSION_CLOSING || s->phase == SESSION_LEAVING) return; /* the answer to our own */
  char text[sizeof s->end.close_reason] = {0};
  memcpy(text, reason, size < sizeof text ? size : sizeof text - 1);
  bool graceful = s->phase == SESSION_OPEN && (code == 1000 || code == 1001 || code == 1005);
  session_explain_close(&s->end, peer(s), code, text, when(s), graceful);
  if (!graceful && s->phase == SESSION_OPEN) add_last_sent(s);
}

session_step session_transport_end(session_mind *s, const genai_error *why, uint64_t now) {
  if (s->phase == SESSION_ENDED || s->phase == SESSION_WAITING) return (session_step){0};
  /* After a close frame of either side its meaning stands, however the connection then went down. */
  if (s->phase != SESSION_CLOSING && s->phase != SESSION_LEAVING && !s->peer_closed) {
    if (why->status == GENAI_ERROR_LOST) {
      session_explain_loss(&s->end, why, when(s));
    } else {
      s->end = *why;
      session_advise(&s->end, s->phase == SESSION_OPEN);
    }
  }
  return s->phase == SESSION_CLOSING ? session_end(s, false) : session_recover(s, now);
}

session_step session_fail(session_mind *s, const genai_error *why) {
  if (s->phase == SESSION_ENDED) return (session_step){0};
  s->end = *why;
  return session_end(s, s->phase != SESSION_WAITING);
}

/* ---- time ---- */

static session_step abandon(session_mind *s, uint64_t now) {
  session_step step = session_recover(s, now);
  step.abort = true;
  return step;
}

static session_step time_out(session_mind *s, uint64_t now, const char *doing) {
  unsigned long long ms = s->settings.connect_timeout;
  switch (s->phase) {
  case SESSION_CLOSING: return session_end(s, true); /* end is set; the peer did not answer our close in time */
  case SESSION_LEAVING: return abandon(s, now);
  case SESSION_WAITING: return session_recover(s, now);
  case SESSION_CONNECTING:
    error_set(&s->end, GENAI_ERROR_TIMEOUT,
              "No connection to %s was made within %llu ms: it was still %s. Check the network and the base URL, or allow "
              "more time (connect_timeout_ms, or the call's own wait).", peer(s), ms, doing);
    return abandon(s, now);
  default:
    error_set(&s->end, GENAI_ERROR_TIMEOUT,
              "%s took the connection, but did not answer the setup with setupComplete within %llu ms. Check the model's name and "
              "the config, or allow more time (connect_timeout_ms, or the call's own wait).", peer(s), ms);
    return abandon(s, now);
  }
}

/* When silence of the peer calls for a ping, or is over its limit; SESSION_NEVER when silence does not count. */
static uint64_t silence_deadline(const session_mind *s) {
  if (s->phase != SESSION_OPEN || s->paused) return SESSION_NEVER;
  uint64_t ping_at = session_later(s->heard_at, s->settings.keepalive);
  return s->pinged ? session_later(ping_at, s->settings.keepalive_timeout) : ping_at;
}

/* When the model's silence is to be told. */
static uint64_t answer_deadline(const session_mind *s) {
  if (s->phase != SESSION_OPEN || s->paused || s->calls.open || !awaited(s)) return SESSION_NEVER;
  return session_later(s->turns.due_since, s->settings.answer_timeout);
}

static session_step mind_silence(session_mind *s, uint64_t now) {
  genai_error silence;
  if (!s->pinged) {
    s->pinged = true;
    return (session_step){.ping = true};
  }
  error_set(&silence, GENAI_ERROR_LOST, "Nothing at all came from %s for %llu ms, although it was pinged.", peer(s),
            (unsigned long long)(now - s->heard_at));
  session_explain_loss(&s->end, &silence, when(s));
  return abandon(s, now);
}

/* Between two connections nobody takes anything. */
static bool between(const session_mind *s) {
  return s->was_open && s->phase != SESSION_OPEN && s->phase != SESSION_CLOSING && s->phase != SESSION_ENDED;
}

session_step session_tick(session_mind *s, uint64_t now, const char *doing) {
  if (s->phase == SESSION_ENDED) return (session_step){0};
  if (now >= s->deadline) return time_out(s, now, doing);
  if (now >= silence_deadline(s)) return mind_silence(s, now);
  if (now >= answer_deadline(s)) {
    session_tell(s, &(genai_live_event){.kind = GENAI_LIVE_EVENT_NO_ANSWER, .delay_ms = now - s->turns.due_since});
    s->turns.due_since = SESSION_NEVER;
  }
  if (between(s)) session_inputs_age(&s->inputs, now);
  return session_consider_leaving(s, now);
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

uint64_t session_next_tick(const session_mind *s) {
  uint64_t next = earlier(s->deadline, silence_deadline(s));
  next = earlier(next, answer_deadline(s));
  if (s->leave_at != SESSION_NEVER) next = earlier(next, session_leaving_tick(s));
  return between(s) ? earlier(next, session_inputs_ages_at(&s->inputs)) : next;
}

/* ---- out ---- */

void session_add(session_mind *s, payload *message, uint64_t now) {
  payload *left = message;
  if (s->phase == SESSION_ENDED) {
    payload_drop(message);
    return;
  }
  if (session_calls_moot(&s->calls, &left)) {
    session_tell(s, &(genai_live_event){.kind = GENAI_LIVE_EVENT_CALLS_GONE});
    payload_drop(message);
    return;
  }
  if (left != message) {
    left->kind = message->kind;
    payload_drop(message);
    message = left;
  }
  session_inputs_add(&s->inputs, message, now);
  if (between(s)) session_inputs_age(&s->inputs, now);
}

payload *session_next(session_mind *s) {
  bool open = s->phase == SESSION_OPEN || s->phase == SESSION_CLOSING;
  return open && !s->peer_closed ? s->inputs.waiting.head : NULL;
}

/* What was said of the setup since is part of it. Without memory the old one stays, and the message is sent again instead. */
static void fold(session_mind *s, payload *update) {
  payload *changed = NULL;
  if (session_setup_update(&changed, s->setup, update, NULL) != GENAI_OK) return;
  payload_drop(s->setup);
  s->setup = changed;
  update->kind = SESSION_INPUT_FOLDED;
}

static void keep_music(session_mind *s, payload *message) {
  static const char reset[] = "RESET_CONTEXT";
  size_t size = sizeof reset - 1, slot = message->kind - SESSION_INPUT_PROMPTS;
  for (size_t i = 0; message->kind == SESSION_INPUT_CONTROL && i + size <= message->size; i++)
    if (!memcmp(message->data + i, reset, size)) return; /* done with, no state */
  payload_drop(s->music[slot]);
  s->music[slot] = payload_hold(message);
}

/* clientContent that does not end the turn asks for nothing: our writer puts turnComplete last. */
static bool asks(const payload *message) {
  static const char open_end[] = "\"turnComplete\":false}}";
  size_t size = sizeof open_end - 1;
  if (message->kind == SESSION_INPUT_MARK) return message->size > 32 && !memcmp(message->data, "{\"realtimeInput\":{\"activityEnd", 30);
  return message->kind == SESSION_INPUT_TEXT && (message->size < size || memcmp(message->data + message->size - size, open_end, size));
}

static void mind_sent(session_mind *s, payload *message, uint64_t now) {
  if (asks(message)) session_turns_asked(&s->turns, now);
  s->handle_fresh = false;
  /* While another call is open the silence is ours: answer_deadline. */
  if (message->kind == SESSION_INPUT_TOOL && (session_calls_answered(&s->calls, message, s->inputs.serial + 1) || awaited(s)))
    session_turns_handed(&s->turns, now);
  if (!resumes(s)) return;
  if (message->kind == SESSION_INPUT_CONTEXT) fold(s, message);
  if (message->kind >= SESSION_INPUT_PROMPTS) keep_music(s, message);
  if (message->kind != SESSION_INPUT_TEXT || s->settings.reconnect != GENAI_LIVE_RECONNECT_RESUME_OR_FRESH) return;
  if (message->again)
    session_history_again(&s->history, message->serial, s->inputs.serial + 1);
  else
    session_history_sent(&s->history, message, s->inputs.serial);
}

void session_sent(session_mind *s, uint64_t now) {
  payload *message = s->inputs.waiting.head;
  s->last[0] = s->last[1];
  s->last[1] = s->last[2];
  s->last[2].kind = message->kind;
  s->last[2].size = message->size;
  if (message->kind != SESSION_INPUT_MEDIA && message->kind != SESSION_INPUT_SEED) mind_sent(s, message, now);
  session_inputs_sent(&s->inputs, now);
}

/* ---- what is told ---- */

static const char *plural(uint64_t n) { return n == 1 ? "" : "s"; }

static void describe(session_mind *s, session_event *e) {
  const genai_live_event *event = &e->event;
  char *text = e->text;
  size_t size = sizeof e->text;
  unsigned long long replayed = event->replayed, lost = event->lost;
  switch (event->kind) {
  case GENAI_LIVE_EVENT_GOING_AWAY: snprintf(text, size, "The service is about to end the connection."); break;
  case GENAI_LIVE_EVENT_RECONNECTING:
    snprintf(text, size, "Connecting again (attempt %u, in %llu ms). %.300s", event->attempt, (unsigned long long)event->delay_ms,
             s->end.message);
    break;
  case GENAI_LIVE_EVENT_RESUMED:
    snprintf(text, size, "The session goes on in a new connection: %llu message%s said again, %llu lost.", replayed, plural(replayed),
             lost);
    break;
  case GENAI_LIVE_EVENT_DEGRADED:
    snprintf(text, size, "A fresh session goes on from %s; what was before is gone. %llu message%s said again, %llu lost.",
             s->seeded ? "the recent turns, told as text" : "the setup alone", replayed, plural(replayed), lost);
    break;
  case GENAI_LIVE_EVENT_CALLS_GONE:
    snprintf(text, size, "The service does not know these function calls any more: answers to them are dropped.");
    e->event.call_ids = (genai_string_list){e->ids, session_calls_lost(&s->calls, e->ids, SESSION_EVENT_IDS_MAX)};
    break;
  case GENAI_LIVE_EVENT_NO_ANSWER:
    snprintf(text, size, "The model has said nothing for %llu ms, although it is its turn.", (unsigned long long)event->delay_ms);
    break;
  case GENAI_LIVE_EVENT_EMPTY_TURN: snprintf(text, size, "The model ended its turn without saying anything."); break;
  case GENAI_LIVE_EVENT_QUIET_AUDIO: snprintf(text, size, "The audio of this turn is too quiet to be heard."); break;
  case GENAI_LIVE_EVENT_REJECTED:
    snprintf(text, size, "The service held back %u answers in a row (RESPONSE_REJECTED).", event->attempt);
    break;
  default: break;
  }
  e->event.text = text;
}

bool session_event_next(session_mind *s, session_event *event) {
  if (!s->event_count) return false;
  event->event = s->events[s->event_first];
  s->event_first = (s->event_first + 1) % SESSION_EVENTS_MAX;
  s->event_count--;
  describe(s, event);
  return true;
}
