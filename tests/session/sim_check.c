/* What must hold in every scenario. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* ---- the rate of dials ----
 * A row is what happens between two stable connections (open for `stable` or longer). Its first attempt may follow at once, as may one
 * whose credential was refused (once between two opens), one after a goAway (once in a row), and one without the handle that was given
 * and refused (once); the n-th, n > 1, comes no sooner than
 *   min(delay * 2^(n-2), delay_max) / 2
 * after the one before; a row has at most attempts_max attempts, and its last begins at most `budget` after its first loss. A standby
 * is dialed at most once beside each connection, and only where an attempt without a pause would be allowed. */

static bool left(session_phase was, session_phase is) {
  return (was == SESSION_OPEN || was == SESSION_LEAVING) && is != SESSION_OPEN && is != SESSION_LEAVING;
}

void sim_check_phase(sim *w) {
  session_phase was = w->phase, is = w->mind.phase;
  if (was == is && !(is == SESSION_CONNECTING && w->current < 0)) return;
  if (left(was, is) && is != SESSION_CLOSING) {
    bool stable = w->now - w->opened_at >= w->settings.stable;
    if (stable) w->row = 0, w->hurried = false;
    if (stable || w->trouble_since == SESSION_NEVER) w->trouble_since = w->now;
  }
  if (is == SESSION_WAITING) {
    SIM_MUST(w, was != SESSION_LEAVING || w->mind.hurried, "no gap", "a pause after the first goAway");
    w->waited = true;
  }
  w->phase = is;
  w->phase_since = w->now;
}

void sim_check_attempt(sim *w) {
  uint64_t least = w->settings.delay;
  bool renewal = w->refused_401 && w->settings.renewable && !w->renewed;
  for (unsigned i = 1; i < w->row && least < w->settings.delay_max; i++) least *= 2;
  if (least > w->settings.delay_max) least = w->settings.delay_max;
  uint64_t gap = w->now - w->attempt_at;
  bool announced = w->leave_by != SESSION_NEVER && !w->waited && w->row;
  if (renewal && gap < least / 2) w->renewed = true;
  else if (announced && !w->hurried) w->hurried = true;
  else if (w->first_refused && !w->forgot) w->forgot = true;
  else if (w->row) SIM_MUST(w, gap >= least / 2, "dial rate", "attempt %u came %llu ms after the last", w->row + 1, (unsigned long long)gap);
  SIM_MUST(w, w->row < w->settings.attempts_max + 1, "dial rate", "%u attempts in a row", w->row);
  if (w->trouble_since != SESSION_NEVER && !renewal)
    SIM_MUST(w, w->now - w->trouble_since <= w->settings.budget, "dial rate", "an attempt after the budget");
  w->waited = w->refused_401 = false;
  w->row++;
  w->attempt_at = w->phase_since = w->now;
}

void sim_check_standby(sim *w) {
  bool stable = w->now - w->opened_at >= w->settings.stable;
  SIM_MUST(w, w->standby_of != w->current, "dial rate", "a second standby beside connection %d", w->current);
  SIM_MUST(w, stable || !w->row || !w->hurried, "dial rate", "a standby beside a connection that is not stable");
  w->standby_of = w->current;
}

/* ---- input ---- */

void sim_check_sent(sim *w, int id) {
  sim_connection *k = &w->connections[w->current];
  sim_message *m = &w->messages[id];
  SIM_MUST(w, id > k->last[m->kind], "order", "message %d after %d of its class", id, k->last[m->kind]);
  k->last[m->kind] = id;
  sim_put(&k->sent, id);
  m->on_wire = true;
}

/* When a handle is adopted the client takes it as holding certain messages. Where the service says so and is wrong, or says nothing,
 * some may be neither there nor kept: nobody can know of them. */
void sim_check_update(sim *w, const sim_event *e, const char *before) {
  char handle[16];
  const sim_connection *k = &w->connections[e->connection];
  sim_set claimed = {{0}};
  snprintf(handle, sizeof handle, "h%d", (int)e->c);
  if (!w->mind.handle || strcmp(w->mind.handle, handle) || !strcmp(before, handle)) return;
  unsigned count = k->sent_count;
  SIM_MUST(w, e->b >= 0 || !w->pair_seen, "handles", "one without index was taken after pairs were seen");
  w->pair_seen |= e->b >= 0 && k->transparent;
  if (e->b >= 0 && k->transparent) {
    int64_t told = e->b - (int64_t)w->settings.first_index + 1;
    if (told < (int64_t)count) count = told < 0 ? 0 : (unsigned)told;
  }
  for (unsigned i = 0; i < count; i++)
    if (k->sent_ids[i] >= 0) sim_put(&claimed, k->sent_ids[i]);
    else sim_join(&claimed, &k->seed);
  sim_join(&w->claimed, &claimed);
  claimed = sim_without(claimed, &w->handles[e->c].state.got);
  if (k->transparent && e->b >= 0 && w->index != SIM_INDEX_JUMPS)
    SIM_MUST(w, !sim_size(&claimed), "the simulation", "an honest index claims what is not there");
  sim_join(&w->ambiguous, &claimed);
}

void sim_check_event(sim *w, const session_event *event) {
  const genai_live_event *e = &event->event;
  SIM_MUST(w, e->text && *e->text, "events", "one without text");
  for (size_t i = 0; e->kind == GENAI_LIVE_EVENT_CALLS_GONE && i < e->call_ids.count; i++)
    w->calls_gone |= (uint64_t)1 << strtoul(e->call_ids.items[i] + 1, NULL, 10) % SIM_CALLS;
  if (e->kind == GENAI_LIVE_EVENT_RESUMED || e->kind == GENAI_LIVE_EVENT_DEGRADED) {
    w->lost += e->lost;
    w->figures[SIM_FIG_LOST] += e->lost;
    w->figures[SIM_FIG_REPLAYED] += e->replayed;
    w->figures[e->kind == GENAI_LIVE_EVENT_RESUMED ? SIM_FIG_RESUMED : SIM_FIG_FRESH]++;
  }
}

/* The service makes music by what was said last; of what it was told before, nothing is left in a new connection. */
void sim_check_music(sim *w) {
  const sim_connection *k = &w->connections[w->current];
  int last[3] = {-1, -1, -1};
  for (int i = 0; i < w->message_count; i++)
    if (!w->messages[i].reset) last[w->messages[i].kind - SIM_PROMPTS] = i;
  for (int c = 0; c < 3; c++) SIM_MUST(w, k->music[c] == last[c], "music", "class %d is as %d says, not as %d", c, k->music[c], last[c]);
  SIM_MUST(w, !w->lost, "music", "%llu messages are told as lost", (unsigned long long)w->lost);
}

/* What the service's lineage lacks of what the application said is ambiguous, or was told as lost; `ended`: or with the last
 * sentence. */
void sim_check_ledger(sim *w, bool ended) {
  if (w->starved || w->settings.music || w->settings.reconnect == GENAI_LIVE_RECONNECT_NONE || !w->mind.was_open) return;
  const session_inputs *in = &w->mind.inputs;
  unsigned missing = 0, doubtful = 0;
  if (w->restarted && w->history_full) return; /* the oldest turns were not told: that is what "recent" says */
  for (const payload *m = in->waiting.head; m && ended; m = m->next) {
    sim_set ids = m->kind == SESSION_INPUT_SEED ? sim_ids((const char *)m->data, m->size) : (sim_set){{0}};
    sim_join(&w->seed_told, &ids);
  }
  if (w->first_refused) SIM_MUST(w, w->figures[SIM_FIG_FRESH], "events", "a fresh session that nobody is told of");
  unsigned open = 0; /* that the application knows to be */
  for (int c = 0; c < SIM_CALLS; c++) open += w->open_calls >> c & 1;
  if (!ended) SIM_MUST(w, in->waiting.count || w->mind.calls.open <= open, "calls", "%u count as open, %u are", w->mind.calls.open, open);
  if (w->serving >= 0) w->lineage = w->connections[w->serving].state;
  for (int i = 0; i < w->message_count; i++) {
    const sim_message *m = &w->messages[i];
    if (sim_has(&w->lineage.got, i)) continue;
    uint64_t known = m->calls & w->lineage.calls & ~w->lineage.cancelled & ~w->lineage.answered & ~w->calls_cancelled & ~w->open_calls;
    if (m->kind == SIM_TOOL && !(sim_labels(w, known) & ~w->calls_gone)) continue; /* its calls are gone, cancelled or asked again: told */
    bool text = m->kind == SIM_TEXT || m->kind == SIM_CONTEXT, past = sim_has(&w->answered, i) || sim_has(&w->claimed, i);
    if ((w->restarted || w->mind.afresh) && past && !text) continue; /* gone with the old session: told as DEGRADED */
    if (ended && ((m->kind == SIM_CONTEXT && m->on_wire) || sim_has(&w->seed_told, i))) continue; /* told again, but nobody heard it */
    if (sim_has(&w->ambiguous, i)) doubtful++;
    else missing++;
    sim_tell(w, "missing: %d class %d%s", i, m->kind, sim_has(&w->ambiguous, i) ? " (ambiguous)" : "");
  }
  w->figures[SIM_FIG_AMBIGUOUS] += doubtful;
  uint64_t told = w->lost;
  if (ended) {
    uint64_t never = in->dropped - w->mind.dropped_told, again = in->unkept;
    for (const payload *m = in->waiting.head; m; m = m->next) *(m->again ? &again : &never) += 1;
    if (never) SIM_MUST(w, strstr(w->mind.end.message, " never went out."), "every loss reported", "%llu untold: %s", (unsigned long long)never, w->mind.end.message);
    told += never + again + in->sent.count;
  }
  if (ended && w->calm && !w->closing && w->now > w->calm_at + 120000 && w->settings.reconnect == GENAI_LIVE_RECONNECT_RESUME_OR_FRESH && !w->settings.single_use)
    SIM_MUST(w, !strstr(w->mind.end.message, "(recovery."), "goes on when it can", "%s", w->mind.end.message);
  if (ended && (w->settings.reconnect == GENAI_LIVE_RECONNECT_RESUME || w->settings.single_use) && strstr(w->mind.end.message, "The resumption handle"))
    SIM_MUST(w, w->grounds >= 2, "goes on when it can", "internal errors ended it: %s", w->mind.end.message);
  SIM_MUST(w, missing <= told, "every loss reported", "%u messages are missing, %llu were told as lost", missing, (unsigned long long)told);
  bool exact = !ended && !w->restarted && !w->overflowed && (w->index == SIM_INDEX_RIGHT || w->index == SIM_INDEX_LAGS);
  if (exact) SIM_MUST(w, missing == told, "no false loss", "%u messages are missing, %llu were told as lost", missing, (unsigned long long)told);
  if (exact && w->mind.index_seen && w->settings.media_age == SESSION_NEVER)
    SIM_MUST(w, !missing && !doubtful, "nothing lost in transparent mode", "%u messages are missing", missing + doubtful);
}

/* ---- at every step ---- */

static void check_list(sim *w, const session_list *list, const char *name) {
  size_t bytes = 0, count = 0;
  payload *const *link = &list->head;
  for (; *link; link = &(*link)->next) {
    bytes += (*link)->size;
    count++;
  }
  SIM_MUST(w, bytes == list->bytes && count == list->count && list->tail == link, "memory", "the list %s is wrong", name);
}

static void check_memory(sim *w) {
  const session_mind *s = &w->mind;
  check_list(w, &s->inputs.waiting, "waiting");
  check_list(w, &s->inputs.sent, "sent");
  size_t seed = 0;
  for (const payload *m = s->inputs.sent.head; m; m = m->next) seed += m->kind == SESSION_INPUT_SEED ? m->size : 0;
  SIM_MUST(w, s->inputs.sent.bytes - seed <= w->settings.replay_max, "memory", "%zu bytes sent are kept", s->inputs.sent.bytes);
  size_t again = 0, seeds = 0;
  for (const payload *m = s->inputs.waiting.head; m; m = m->next) {
    if (m->kind == SESSION_INPUT_SEED) seeds++;
    else if (m->again) again += m->size;
  }
  if (!w->settings.music) SIM_MUST(w, again <= w->settings.replay_max && seeds <= 1, "memory", "%zu bytes are said again", again);
  SIM_MUST(w, s->calls.count <= SESSION_CALLS_MAX && s->event_count <= SESSION_EVENTS_MAX, "memory", "%zu calls", s->calls.count);
  SIM_MUST(w, s->trail.size <= 900 && s->history.count <= SESSION_HISTORY_TURNS, "memory", "a trail of %zu bytes", s->trail.size);
  SIM_MUST(w, s->history.bytes <= SESSION_HISTORY_BYTES, "memory", "a history of %zu bytes", s->history.bytes);
  unsigned open = s->calls.untracked;
  for (size_t i = 0; i < s->calls.count; i++) open += !s->calls.items[i].answered;
  SIM_MUST(w, open == s->calls.open, "calls", "%u open, %u counted", open, s->calls.open);
}

void sim_check_always(sim *w) {
  const session_mind *s = &w->mind;
  uint64_t in_phase = w->now - w->phase_since, tick = session_next_tick(s);
  sim_check_phase(w);
  w->history_full |= s->history.count == SESSION_HISTORY_TURNS;
  if (w->ended) return;
  check_memory(w);
  switch (s->phase) {
  case SESSION_CONNECTING:
  case SESSION_SETUP:
    SIM_MUST(w, in_phase <= w->settings.connect_timeout, "every wait has an end", "%llu ms in phase %d", (unsigned long long)in_phase, s->phase);
    break;
  case SESSION_LEAVING: SIM_MUST(w, in_phase <= 1000, "every wait has an end", "%llu ms leaving", (unsigned long long)in_phase); break;
  case SESSION_WAITING:
    SIM_MUST(w, in_phase <= (w->settings.delay_max > 1000 ? w->settings.delay_max : 1000), "every wait has an end", "%llu ms waiting, of %llu", (unsigned long long)in_phase, (unsigned long long)w->settings.delay_max);
    break;
  case SESSION_CLOSING:
    SIM_MUST(w, in_phase <= w->settings.close_timeout, "every wait has an end", "%llu ms closing", (unsigned long long)in_phase);
    break;
  case SESSION_OPEN:
    if (s->handle && !s->peer_closed && w->settings.reconnect != GENAI_LIVE_RECONNECT_NONE)
      SIM_MUST(w, w->now <= w->leave_by, "every wait has an end", "still there %llu ms after it was to leave", (unsigned long long)(w->now - w->leave_by));
    SIM_MUST(w, s->paused || w->settings.keepalive == SESSION_NEVER || tick != SESSION_NEVER, "every wait has an end", "silence is not minded");
    break;
  case SESSION_ENDED: break;
  }
  if (s->phase != SESSION_OPEN) SIM_MUST(w, tick != SESSION_NEVER, "every wait has an end", "phase %d has none", s->phase);
}
