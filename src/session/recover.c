/* Going on in another connection: what a loss leads to, when to dial, when to leave before being left, and what the new connection
 * starts from. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "session/session.h"

enum {
  STANDBY_LEAD = 3000,  /* ms before the latest moment of leaving: time for TCP and TLS */
  LEAVE_LINGER = 1000,  /* for the peer's close: a resume beside a live connection is refused */
  POISON_SPAN = 30000,  /* a resumed connection that the service closes within this came to nothing */
  LOSS_SPAN = 5000,     /* and one that is lost within this, perhaps */
  HANDLE_BAD = 4,       /* two refusals, or four quick losses */
  RENEWAL_PAUSE = 1000, /* a token that is younger is not replaced: its refusal has another cause */
  PAUSE_MAX = 3600000,  /* whatever the settings say */
  CAUSE_MAX = 160       /* bytes of one cause in the trail */
};

/* ---- time between dials ---- */

/* xorshift64*: spreads clients, guards nothing. */
static uint64_t next_random(session_mind *s) {
  s->random ^= s->random >> 12;
  s->random ^= s->random << 25;
  s->random ^= s->random >> 27;
  return s->random * 0x2545F4914F6CDD1Du;
}

/* From half of the full pause to all of it. The first dial after a stable connection needs none, nor does one after a goAway: a
 * service may announce the end soon after the beginning, and nobody is to hear of it; but not again and again. */
static uint64_t pause_before(session_mind *s, bool long_one) {
  uint64_t most = s->settings.delay_max < PAUSE_MAX ? s->settings.delay_max : PAUSE_MAX;
  uint64_t full = long_one ? most : s->settings.delay;
  bool hurries = s->attempt && !long_one && s->leave_at != SESSION_NEVER && !s->hurried;
  s->hurried |= hurries;
  if ((!s->attempt && !long_one) || hurries) return 0;
  for (unsigned i = 1; i < s->attempt && full < most; i++) full *= 2;
  if (full > most) full = most;
  return full / 2 + next_random(s) % (full / 2 + 1);
}

static bool stable(const session_mind *s, uint64_t now) {
  bool open = s->phase == SESSION_OPEN || s->phase == SESSION_LEAVING;
  return open && now - s->opened_at >= s->settings.stable;
}

static void forget_trouble(session_mind *s) {
  s->attempt = 0;
  s->hurried = false;
  s->troubled_at = SESSION_NEVER;
  buf_clear(&s->trail);
}

static session_step dial(session_mind *s, uint64_t now) {
  session_step step = {0};
  if (s->standby != SESSION_STANDBY_NONE)
    step.upgrade = true;
  else
    step.dial = true;
  s->standby = SESSION_STANDBY_NONE;
  s->standby_failed = false;
  s->leave_at = SESSION_NEVER;
  s->attempt++;
  s->phase = SESSION_CONNECTING;
  s->deadline = session_later(now, s->settings.connect_timeout);
  if (!s->was_open && s->deadline > s->first_deadline) s->deadline = s->first_deadline;
  s->peer_closed = s->paused = false;
  s->resumed = s->handle;
  return step;
}

/* ---- giving up ---- */

static session_step give_up(session_mind *s, const char *why) {
  if (s->end.status == GENAI_CLOSED) s->end.status = GENAI_ERROR_REFUSED; /* not an end that anybody wanted */
  if (*why) error_append(&s->end, " %s", why);
  if (s->trail.size && buf_cstr(&s->trail)) error_append(&s->end, " What was tried before:%s", buf_cstr(&s->trail));
  return session_end(s, false);
}

static void note_cause(session_mind *s) {
  const char *stop = strstr(s->end.message, ". ");
  size_t size = stop ? (size_t)(stop - s->end.message) : strlen(s->end.message);
  if (size > CAUSE_MAX)
    for (size = CAUSE_MAX; size && (s->end.message[size] & 0xC0) == 0x80;) size--;
  buf_format(&s->trail, " (%u) %.*s%s", s->attempt, (int)size, s->end.message, stop || size == CAUSE_MAX ? "." : "");
  s->trail.failed = s->trail.full = false;
}

/* ---- what to go on from ---- */

static bool keeps_history(const session_mind *s) { return s->settings.reconnect == GENAI_LIVE_RECONNECT_RESUME_OR_FRESH; }

/* Whether there is something to go on from without a handle. */
static bool may_begin_anew(const session_mind *s) { return keeps_history(s) && !s->settings.single_use; }

/* The service closed a resumed connection before it came to anything, and the reason may be what was resumed. */
static bool died_young(const session_mind *s, session_fate fate, uint64_t now) {
  if (!s->handle || !s->resumed || s->leave_at != SESSION_NEVER) return false; /* announced ends say nothing of the handle */
  if (s->phase != SESSION_OPEN || s->progressed || s->end.status != GENAI_ERROR_REFUSED) return false;
  if (fate == SESSION_FATE_PAUSE || s->end.close_code == 1001 || s->end.close_code == 1012) return false; /* overload, a restart */
  if (strstr(s->end.close_reason, "eadline expired")) return false;
  return now - s->opened_at < POISON_SPAN || s->turns.due_since != SESSION_NEVER;
}

/* "Internal error" may as well be the service's trouble with everybody. Where nothing but the handle is left to go on from, trying on
 * within the budget costs less than ending. */
static bool spares_handle(const session_mind *s) { return s->end.close_code == 1011 && !may_begin_anew(s); }

/* How it went with the handle: it is given up when the service refuses it, or when what it restores dies again and again. */
static void judge_handle(session_mind *s, session_fate fate, uint64_t now) {
  if (!s->handle || !s->resumed || s->leave_at != SESSION_NEVER) return;
  if (s->phase == SESSION_SETUP) {
    if (fate == SESSION_FATE_HANDLE) s->handle_failed += 2;
  } else if (died_young(s, fate, now)) {
    if (!spares_handle(s)) s->handle_failed += 2;
  } else if (s->phase == SESSION_OPEN && !s->progressed && s->end.status != GENAI_ERROR_REFUSED && s->end.status != GENAI_CLOSED) {
    /* A poor network looks the same: that counts only where there is something else to go on from. */
    if (may_begin_anew(s) && now - s->opened_at < LOSS_SPAN) s->handle_failed += 1;
  }
}

/* Answered turns come as history, text that was not answered is said again; sounds, images and marks of before are lost. */
static bool outdated(void *user, payload **message) {
  session_mind *s = user;
  const payload *m = *message;
  if (!m->again || m->kind == SESSION_INPUT_CONTEXT || (m->kind == SESSION_INPUT_TEXT && !m->answered)) return false;
  if ((m->kind == SESSION_INPUT_MEDIA || m->kind == SESSION_INPUT_MARK) && !m->answered) s->inputs.unkept++;
  return true;
}

static void start_afresh(session_mind *s, uint64_t now) {
  mem_free(s->handle);
  s->handle = NULL;
  s->handle_failed = 0;
  s->handle_fresh = false;
  s->afresh = s->restart_due = true;
  s->turns.ended = false;
  s->inputs.unkept = s->inputs.unanswered;
  session_inputs_remove(&s->inputs, outdated, s);
  session_inputs_again(&s->inputs, now);
  bool owed = s->owed || s->calls.open, complete = s->settings.announce_history || s->facts.history;
  payload *seed = session_history_seed(&s->history, s->inputs.kept, owed, complete);
  s->seeded = seed;
  if (!seed) return;
  seed->kind = SESSION_INPUT_SEED;
  seed->again = true;
  session_inputs_first(&s->inputs, seed, now);
}

/* NULL: there is something to go on from. Otherwise why there is not. */
static const char *find_ground(session_mind *s, uint64_t now) {
  bool was_in = s->phase == SESSION_OPEN || s->phase == SESSION_LEAVING, refused = s->handle && s->handle_failed >= HANDLE_BAD;
  if (s->settings.music || (s->handle && !refused) || (!s->handle && !was_in)) return NULL;
  /* Without a handle the setup alone restores everything, as long as nothing was answered that would be asked again. */
  bool whole = !s->handle && !s->turns.ended;
  if (s->settings.single_use)
    return refused ? "The resumption handle is refused, and the ephemeral token may be spent, so that no fresh session was tried."
                   : "No resumption handle had come, and the ephemeral token may be spent, so that no fresh session was tried.";
  if (whole) return NULL;
  if (!keeps_history(s))
    return refused ? "The resumption handle does not work any more. GENAI_LIVE_RECONNECT_RESUME_OR_FRESH would begin anew with the "
                     "recent turns."
                   : "No resumption handle had come. GENAI_LIVE_RECONNECT_RESUME_OR_FRESH would begin anew with the recent turns.";
  start_afresh(s, now);
  return NULL;
}

/* ---- a loss ---- */

/* An expired token is no trouble: the next dial brings another. */
static bool renews(session_mind *s, uint64_t now) {
  if (s->end.status != GENAI_ERROR_HTTP || s->end.http_status != 401 || !s->settings.renewable || s->renewed) return false;
  if (!s->was_open && session_later(now, RENEWAL_PAUSE) >= s->first_deadline) return false;
  return s->renewed = true;
}

/* A handle of an earlier session that the service does not know any more: where a fresh one will do, it need not fail. */
static bool forgets_handle(session_mind *s, session_fate fate) {
  if (s->was_open || fate != SESSION_FATE_HANDLE || !may_begin_anew(s)) return false;
  mem_free(s->handle);
  s->handle = NULL;
  return s->restart_due = true;
}

static bool over(const session_mind *s, session_fate fate) {
  if (fate == SESSION_FATE_FINAL || s->settings.reconnect == GENAI_LIVE_RECONNECT_NONE || !s->was_open) return true;
  return s->end.status == GENAI_CLOSED && s->end.close_code != 1001 && s->leave_at == SESSION_NEVER && s->phase == SESSION_OPEN;
}

static void tell_reconnecting(session_mind *s, uint64_t delay) {
  session_tell(s, &(genai_live_event){.kind = GENAI_LIVE_EVENT_RECONNECTING,
                                      .attempt = s->attempt + 1,
                                      .delay_ms = delay,
                                      .status = s->end.status,
                                      .close_code = s->end.close_code});
}

/* Dials, now or after a pause. */
static session_step go_on(session_mind *s, uint64_t delay, uint64_t now) {
  if (!delay) return dial(s, now);
  session_step step = {.drop_standby = s->standby != SESSION_STANDBY_NONE};
  s->standby = SESSION_STANDBY_NONE;
  s->standby_failed = false;
  s->leave_at = SESSION_NEVER;
  s->phase = SESSION_WAITING;
  s->deadline = session_later(now, delay);
  return step;
}

session_step session_recover(session_mind *s, uint64_t now) {
  bool left = s->phase == SESSION_LEAVING, setup = s->phase == SESSION_SETUP || s->phase == SESSION_CONNECTING;
  if (s->phase == SESSION_WAITING) return dial(s, now);
  session_fate fate = left ? SESSION_FATE_RETRY : session_fate_of(&s->end, setup, s->handle && s->resumed);
  if (!left && renews(s, now)) return go_on(s, RENEWAL_PAUSE, now);
  if (forgets_handle(s, fate)) return dial(s, now);
  if (!left && over(s, fate)) return s->trail.size && s->end.status != GENAI_CLOSED ? give_up(s, "") : session_end(s, false);
  if (stable(s, now) && !(died_young(s, fate, now) && spares_handle(s))) forget_trouble(s); /* then the budget must end it */
  if (s->troubled_at == SESSION_NEVER) s->troubled_at = now;
  if (!left) judge_handle(s, fate, now);
  session_history_cut(&s->history, s->inputs.kept);
  s->owed |= s->turns.answering || s->turns.asked || s->turns.due_since != SESSION_NEVER;
  const char *groundless = find_ground(s, now);
  session_turns_cut(&s->turns);
  if (groundless) return give_up(s, groundless);
  if (s->attempt >= s->settings.attempts_max) return give_up(s, "As many attempts were made as are allowed (recovery.attempts_max).");
  uint64_t delay = pause_before(s, fate == SESSION_FATE_PAUSE);
  if (session_later(now, delay) - s->troubled_at > s->settings.budget)
    return give_up(s, "No connection held for as long as is allowed (recovery.budget_ms).");
  tell_reconnecting(s, delay);
  if (!left) note_cause(s);
  return go_on(s, delay, now);
}

/* ---- leaving before being left ---- */

/* Nobody is in the middle of anything, and the handle that we hold knows all of it. */
static bool safe(const session_mind *s) {
  return s->handle && s->handle_fresh && !s->turns.answering && !s->calls.open && s->turns.due_since == SESSION_NEVER;
}

/* Whether leaving is to be thought of. With nothing to go on from it is not: the service's own end is the later one, and until then
 * a handle may come. */
static bool may_leave(const session_mind *s) {
  if (s->leave_at == SESSION_NEVER || s->phase != SESSION_OPEN || s->peer_closed) return false;
  return s->handle || s->settings.music || may_begin_anew(s) || (!s->settings.single_use && !s->turns.ended);
}

/* Without a pause before the next dial, it can be made while this connection still serves. */
static bool direct(const session_mind *s, uint64_t now) { return !s->attempt || !s->hurried || stable(s, now); }

uint64_t session_leaving_tick(const session_mind *s) {
  if (!may_leave(s)) return SESSION_NEVER;
  if (s->standby != SESSION_STANDBY_NONE || s->standby_failed) return s->leave_at;
  /* When the standby may be dialed: never sooner than a dial without a pause is allowed. */
  uint64_t soon = s->leave_at > STANDBY_LEAD ? s->leave_at - STANDBY_LEAD : 0;
  uint64_t calm = s->attempt && s->hurried ? session_later(s->opened_at, s->settings.stable) : 0;
  uint64_t at = soon > calm ? soon : calm;
  return at < s->leave_at ? at : s->leave_at;
}

session_step session_consider_leaving(session_mind *s, uint64_t now) {
  if (!may_leave(s)) return (session_step){0};
  bool late = now >= s->leave_at, soon = session_later(now, STANDBY_LEAD) >= s->leave_at;
  if (late || (safe(s) && s->standby == SESSION_STANDBY_READY)) {
    error_set(&s->end, GENAI_CLOSED, "The service announced the end of the connection (goAway).");
    s->phase = SESSION_LEAVING;
    s->deadline = session_later(now, LEAVE_LINGER);
    return (session_step){.leave = true};
  }
  if (s->standby != SESSION_STANDBY_NONE || s->standby_failed || !direct(s, now) || !(soon || safe(s)))
    return (session_step){0};
  s->standby = SESSION_STANDBY_DIALING;
  return (session_step){.dial_standby = true};
}

session_step session_standby_ready(session_mind *s, uint64_t now) {
  if (s->standby == SESSION_STANDBY_DIALING) s->standby = SESSION_STANDBY_READY;
  return session_consider_leaving(s, now);
}

session_step session_standby_end(session_mind *s, uint64_t now) {
  (void)now;
  s->standby = SESSION_STANDBY_NONE;
  s->standby_failed = true;
  return (session_step){0};
}

/* ---- going on ---- */

void session_adopt(session_mind *s, const genai_live_server_session_resumption_update *update) {
  if (s->settings.reconnect == GENAI_LIVE_RECONNECT_NONE || s->settings.music) return;
  if (!update->resumable.value || !update->new_handle || !*update->new_handle) return;
  uint64_t serial = s->inputs.serial;
  if (s->transparent && update->last_consumed_client_message_index.has) {
    s->index_seen = true;
    serial = session_inputs_serial(&s->inputs, update->last_consumed_client_message_index.value);
  } else if (s->index_seen) {
    return; /* what it holds is not known: the pair that we have is worth more */
  }
  if (serial < s->inputs.kept) return; /* an older state than ours */
  char *handle = mem_strdup(update->new_handle);
  if (!handle) return;
  mem_free(s->handle);
  s->handle = handle;
  s->handle_fresh = true;
  s->inputs.age_sent = !s->index_seen;
  session_inputs_kept(&s->inputs, serial);
  session_calls_kept(&s->calls, serial);
}

/* Where nothing is restored, nobody waits for an answer. */
static bool an_answer(void *user, payload **message) {
  (void)user;
  return (*message)->kind == SESSION_INPUT_TOOL;
}

static bool of_before(void *user, payload **message) {
  (void)user;
  return (*message)->again;
}

/* A music session's state before everything else. */
static size_t play_again(session_mind *s, uint64_t now) {
  size_t count = 0;
  session_inputs_remove(&s->inputs, of_before, NULL);
  for (int i = 2; i >= 0; i--) {
    if (!s->music[i]) continue;
    payload *again = payload_hold(s->music[i]);
    again->again = true;
    session_inputs_first(&s->inputs, again, now);
    count++;
  }
  return count;
}

void session_reopened(session_mind *s, uint64_t now, session_step *step) {
  genai_live_event event = {.kind = s->restart_due ? GENAI_LIVE_EVENT_DEGRADED : GENAI_LIVE_EVENT_RESUMED};
  session_inputs *in = &s->inputs;
  unsigned open = s->calls.open;
  session_calls_lose(&s->calls, !s->handle);
  session_inputs_remove(in, session_calls_moot, &s->calls);
  if (!s->handle) session_inputs_remove(in, an_answer, NULL);
  event.replayed = session_inputs_again(in, now);
  if (s->settings.music) event.replayed = play_again(s, now);
  event.lost = in->unkept + (in->dropped - s->dropped_told);
  s->dropped_told = in->dropped;
  in->unkept = in->unkept_serial = in->unanswered = 0;
  if (s->owed || s->calls.open < open) session_turns_asked(&s->turns, now); /* who called now asks again, or says something */
  s->restart_due = s->owed = s->handle_fresh = false;
  session_tell(s, &event);
  if (!s->calls.gone_now) return;
  step->lost_calls = true;
  session_tell(s, &(genai_live_event){.kind = GENAI_LIVE_EVENT_CALLS_GONE});
}
