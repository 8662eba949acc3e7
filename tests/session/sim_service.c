/* The simulated service, and the network that leads to it. */
#include <string.h>

#include "sim.h"

/* ---- the network ---- */

static sim_connection *at(sim *w, int i) { return &w->connections[i]; }

static uint64_t later(uint64_t last, uint64_t at) { return at > last ? at : last; }

/* Something on its way to the service, in order; what comes after a cut is lost. */
void sim_up(sim *w, int i, sim_event_kind kind, int a, uint64_t c) {
  sim_connection *k = at(w, i);
  k->up_at = later(k->up_at, w->now + k->latency + sim_random(w, k->latency / 4 + 1));
  if (k->up_at <= k->up_until) sim_at(w, k->up_at, kind, i, a, 0, c);
}

static void down(sim *w, int i, sim_event_kind kind, int a, int64_t b, uint64_t c) {
  sim_connection *k = at(w, i);
  k->down_at = later(k->down_at, w->now + k->latency + sim_random(w, k->latency / 4 + 1));
  if (k->down_at <= k->down_until) sim_at(w, k->down_at, kind, i, a, b, c);
}

static void say(sim *w, int i, sim_says what, int64_t b, uint64_t c) { down(w, i, SIM_EV_DOWN, what, b, c); }

void sim_ping(sim *w) {
  sim_connection *k = at(w, w->current);
  if (w->now <= k->up_until && !k->over) say(w, w->current, SIM_SAYS_PONG, 0, 0);
}

void sim_dial(sim *w, bool standby) {
  if (w->connection_count == SIM_CONNECTIONS) {
    sim_break(w, "dial rate", "more than %d dials", SIM_CONNECTIONS);
    return;
  }
  int i = w->connection_count++;
  sim_connection *k = at(w, i);
  memset(k, 0, sizeof *k);
  *k = (sim_connection){.latency = 5 + sim_random(w, 60), .up_until = UINT64_MAX, .down_until = UINT64_MAX, .standby = standby};
  k->window = 1 + (unsigned)sim_random(w, 16);
  for (int c = 0; c < SIM_CLASSES; c++) k->last[c] = -1;
  for (int c = 0; c < 3; c++) k->music[c] = -1;
  if (standby) w->standby = i;
  else w->current = i;
  bool fails = !w->calm && sim_chance(w, w->refuse_rate);
  if (fails && sim_chance(w, 30)) return; /* never answered */
  sim_at(w, w->now + 3 * k->latency, fails ? SIM_EV_FAILED : SIM_EV_TLS, i, 0, GENAI_ERROR_CONNECT, 0);
}

void sim_upgrade(sim *w, int i) {
  static const int statuses[] = {401, 403, 429, 503, 500, 401};
  sim_connection *k = at(w, i);
  k->phase = SIM_UPGRADING;
  if (!w->calm && sim_chance(w, w->refuse_rate)) {
    int status = statuses[sim_random(w, 6)];
    if (status == 403 && sim_random(w, 8)) status = 503; /* ends a session for good: seldom */
    if (status == 401 && !w->settings.renewable && sim_random(w, 8)) status = 500;
    sim_at(w, w->now + 2 * k->latency, SIM_EV_FAILED, i, status, GENAI_ERROR_HTTP, 0);
  } else if (w->calm || !sim_chance(w, w->refuse_rate / 4)) {
    sim_at(w, w->now + 2 * k->latency, SIM_EV_UPGRADED, i, 0, 0, 0);
  }
}

/* No byte arrives any more in either direction; `noticed`: the client's system finds out. */
void sim_cut(sim *w, int i, bool noticed) {
  sim_connection *k = at(w, i);
  k->up_until = w->now + sim_random(w, k->latency + 1);
  k->down_until = w->now + sim_random(w, k->latency + 1);
  sim_at(w, w->now + 1 + sim_random(w, 3000), SIM_EV_NOTICE, i, 0, 0, 0);
  if (noticed) sim_at(w, w->now + k->latency, SIM_EV_END, i, GENAI_ERROR_LOST, 0, 0);
}

/* The service ends it, and the client hears of it. */
static void bye(sim *w, int i, int code, int reason) {
  sim_connection *k = at(w, i);
  if (k->over) return;
  k->over = true;
  k->turn++;
  down(w, i, SIM_EV_DOWN_CLOSE, code, reason, 0);
  down(w, i, SIM_EV_END, GENAI_OK, 0, 0);
}

/* ---- sessions ---- */

static int handle_of(const char *text, size_t size) {
  static const char name[] = "\"handle\":\"h";
  int number = 0;
  for (size_t i = 0; i + sizeof name - 1 < size; i++) {
    if (memcmp(text + i, name, sizeof name - 1)) continue;
    for (i += sizeof name - 1; i < size && text[i] >= '0' && text[i] <= '9'; i++) number = 10 * number + (text[i] - '0');
    return number;
  }
  return -1;
}

static bool mentions(const payload *p, const char *part) {
  size_t size = strlen(part);
  for (size_t i = 0; i + size <= p->size; i++)
    if (!memcmp(p->data + i, part, size)) return true;
  return false;
}

void sim_send_setup(sim *w, const payload *setup) {
  sim_connection *k = at(w, w->current);
  int handle = handle_of((const char *)setup->data, setup->size);
  sim_set context = sim_ids((const char *)setup->data, setup->size);
  k->transparent = mentions(setup, "\"transparent\":true");
  k->seed = context; /* a later context update stands for all before it */
  for (int i = SIM_MESSAGES - 1, last = 0; i >= 0; i--) {
    if (sim_has(&context, i)) last = 1;
    if (last && i < w->message_count && w->messages[i].kind == SIM_CONTEXT) sim_put(&k->seed, i);
  }
  sim_up(w, w->current, SIM_EV_SETUP, handle, 0);
}

static void update(sim *w, int i, bool resumable) {
  sim_connection *k = at(w, i);
  if (!resumable || w->handle_count == SIM_HANDLES) {
    say(w, i, SIM_SAYS_NOT_RESUMABLE, k->consumed, 0);
    return;
  }
  sim_handle *h = &w->handles[w->handle_count];
  *h = (sim_handle){.state = k->state, .expires = w->now + (sim_chance(w, 4) ? 2000 : 7200000), .poisoned = k->poisoned || sim_chance(w, 2)};
  int64_t index = -1;
  if (k->transparent && !(w->index == SIM_INDEX_MISSING && sim_chance(w, 40))) {
    unsigned count = k->consumed, lag = w->index == SIM_INDEX_LAGS ? (unsigned)sim_random(w, 6) : 0;
    for (; lag && count; lag--, count--) { /* the state that it keeps is the one that it counts */
      int id = k->consumed_ids[count - 1];
      if (id >= 0) h->state.got.words[id / 64] &= ~((uint64_t)1 << (id % 64));
      h->state.answered = k->answered_before[(count - 1) % SIM_LAG_MAX];
      h->state.calls = k->calls_before[(count - 1) % SIM_LAG_MAX];
      h->state.cancelled = k->cancelled_before[(count - 1) % SIM_LAG_MAX];
    }
    index = (int64_t)count + (int64_t)w->settings.first_index - 1;
    if (w->index == SIM_INDEX_JUMPS && sim_chance(w, 30)) index += (int64_t)sim_random(w, 5);
    if (index < 0) index = 0;
    if (!count && !w->settings.first_index) index = -1; /* nothing yet, and 0 would name the first */
    if (index < 0) {
      say(w, i, SIM_SAYS_NOT_RESUMABLE, 0, 0);
      return;
    }
  }
  say(w, i, SIM_SAYS_UPDATE, index, (uint64_t)w->handle_count++);
}

static void set_up(sim *w, int i, int handle) {
  sim_connection *k = at(w, i);
  const sim_handle *h = handle >= 0 && handle < w->handle_count ? &w->handles[handle] : NULL;
  if (w->first_refused)
    SIM_MUST(w, handle && w->settings.reconnect == GENAI_LIVE_RECONNECT_RESUME_OR_FRESH && !w->settings.single_use, "handles",
             "one that was refused is not given up");
  if (handle >= 0 && (!h || h->expires < w->now)) {
    w->first_refused |= !handle && !w->mind.was_open;
    bye(w, i, sim_chance(w, 50) ? 1007 : 1008, 1);
    return;
  }
  if (w->serving >= 0 && w->serving != i && !at(w, w->serving)->over && h) {
    bye(w, i, 1011, 2); /* beside a live connection */
    return;
  }
  if (!w->calm && sim_chance(w, w->refuse_rate)) {
    unsigned how = (unsigned)sim_random(w, 5);
    if (how == 0) return; /* never answered */
    if (how == 1) say(w, i, SIM_SAYS_ERROR, 503, 0);
    else bye(w, i, how == 2 ? 1011 : how == 3 ? 1013 : 1012, 3);
    return;
  }
  sim_tell(w, "  the service begins %d from handle %d", i, handle);
  SIM_MUST(w, !w->handed || i > 0 || handle == 0, "handles", "the one that was given is not used");
  w->serving = i;
  k->set_up = true;
  if (h) k->state = h->state;
  sim_join(&k->state.got, &k->seed); /* its context updates */
  k->poisoned = h && h->poisoned;
  w->restarted |= !h && i > 0;
  say(w, i, SIM_SAYS_SETUP_COMPLETE, 0, 0);
  if (k->poisoned) sim_at(w, w->now + 300 + sim_random(w, 400), SIM_EV_BYE, i, sim_chance(w, 50) ? 1007 : 1011, 4, 0);
  if (h && !k->poisoned && (k->state.calls & ~k->state.answered & ~k->state.cancelled) && w->names != SIM_NAMES && sim_chance(w, 20)) /* once more */
    for (int c = 0; c < SIM_CALLS; c++)
      if ((k->state.calls & ~k->state.answered & ~k->state.cancelled) >> c & 1) say(w, i, SIM_SAYS_CALL, c, 0);
  if (sim_chance(w, 30)) update(w, i, true);
}

/* ---- the model ---- */

static void begin_turn(sim *w, int i) {
  sim_connection *k = at(w, i);
  k->turn++;
  k->answering = true;
  k->in_call = false;
  k->pieces = (int)sim_random(w, 5);
  if (sim_chance(w, 5)) return; /* never says a word */
  sim_at(w, w->now + 50 + sim_random(w, 400), SIM_EV_MODEL, i, (int)k->turn, 0, 0);
}

static void interrupt(sim *w, int i) {
  sim_connection *k = at(w, i);
  uint64_t open = k->state.calls & ~k->state.answered & ~k->state.cancelled;
  if (!k->answering) return;
  k->answering = false;
  k->turn++;
  if (open && k->in_call) {
    k->state.cancelled |= open;
    if (!w->names) say(w, i, SIM_SAYS_CANCEL, 0, open); /* which it cannot name */
  }
  say(w, i, SIM_SAYS_INTERRUPTED, 0, 0);
  say(w, i, SIM_SAYS_COMPLETE, 0, 0);
}

static void go_on_talking(sim *w, int i) {
  sim_connection *k = at(w, i);
  if (sim_chance(w, 15)) update(w, i, sim_chance(w, 50));
  if (k->pieces-- > 0) {
    if (sim_chance(w, 20)) say(w, i, SIM_SAYS_HEARD, 0, 0);
    say(w, i, SIM_SAYS_OUTPUT, 0, 0);
    if (w->call_count < SIM_CALLS && sim_chance(w, 12)) {
      k->in_call = true;
      for (uint64_t n = sim_chance(w, 30) ? 1 + sim_random(w, 3) : 1; n && w->call_count < SIM_CALLS; n--) {
        k->state.calls |= (uint64_t)1 << w->call_count;
        say(w, i, SIM_SAYS_CALL, w->call_count++, 0);
      }
      return; /* goes on when it is answered */
    }
    sim_at(w, w->now + 20 + sim_random(w, 300), SIM_EV_MODEL, i, (int)k->turn, 0, 0);
    return;
  }
  k->answering = false;
  k->turn++;
  if (sim_chance(w, 70)) say(w, i, SIM_SAYS_GENERATED, 0, 0);
  say(w, i, SIM_SAYS_COMPLETE, 0, 0);
  if (sim_chance(w, 80)) update(w, i, sim_chance(w, 90));
}

/* Names fit the oldest open call; one that the service gave up takes no harm. */
static uint64_t called(sim *w, const sim_connection *k, uint64_t names) {
  uint64_t open = k->state.calls & ~k->state.answered & ~k->state.cancelled;
  for (int tries = 0; tries < 2; tries++, open = k->state.cancelled & ~k->state.answered)
    for (int c = 0; c < SIM_CALLS; c++)
      if (open >> c & 1 && sim_labels(w, (uint64_t)1 << c) == names) return (uint64_t)1 << c;
  return ~k->state.calls;
}

static void consume(sim *w, int i, int id, uint64_t calls) {
  sim_connection *k = at(w, i);
  k->calls_before[k->consumed % SIM_LAG_MAX] = k->state.calls;
  k->answered_before[k->consumed % SIM_LAG_MAX] = k->state.answered;
  k->cancelled_before[k->consumed % SIM_LAG_MAX] = k->state.cancelled;
  if (k->consumed < sizeof k->consumed_ids / sizeof *k->consumed_ids) k->consumed_ids[k->consumed++] = (short)id;
  if (id < 0) {
    sim_join(&k->state.got, &k->seed);
    k->seeded = true;
    return;
  }
  const sim_message *m = &w->messages[id];
  SIM_MUST(w, w->starved || !sim_has(&k->state.got, id), "delivered twice", "message %d", id);
  sim_put(&k->state.got, id);
  sim_tell(w, "    taken in: %d on %d", id, i);
  if (m->kind >= SIM_PROMPTS) {
    SIM_MUST(w, !m->reset || !m->heard, "music", "the reset %d is heard twice", id);
    w->messages[id].heard = true;
    if (!m->reset) k->music[m->kind - SIM_PROMPTS] = id;
    return;
  }
  if (m->kind == SIM_TOOL) {
    if (w->names == SIM_NAMES) calls = called(w, k, calls);
    SIM_MUST(w, w->starved || !(calls & ~k->state.calls), "answer to a call of another session", "message %d, calls %llx", id, (unsigned long long)calls);
    k->state.answered |= calls;
    if (k->in_call && !(k->state.calls & ~k->state.answered & ~k->state.cancelled)) {
      k->in_call = false;
      sim_at(w, w->now + 50 + sim_random(w, 200), SIM_EV_MODEL, i, (int)k->turn, 0, 0);
    }
  }
  if (m->kind == SIM_TEXT || (m->kind == SIM_MARK && sim_chance(w, 50))) {
    interrupt(w, i);
    begin_turn(w, i);
  }
  if (sim_chance(w, 10)) update(w, i, sim_chance(w, 70));
}

/* ---- what happens ---- */

void sim_serve(sim *w, const sim_event *e) {
  int i = e->connection;
  sim_connection *k = at(w, i);
  if (k->over && e->kind != SIM_EV_UP_CLOSE) return;
  switch (e->kind) {
  case SIM_EV_SETUP: set_up(w, i, e->a); break;
  case SIM_EV_UP: consume(w, i, e->a, e->c); break;
  case SIM_EV_UP_CLOSE:
    if (!k->deaf && !k->over) bye(w, i, 1000, 0);
    k->over = true;
    break;
  case SIM_EV_UP_ABORT:
  case SIM_EV_NOTICE: k->over = true; break;
  case SIM_EV_MODEL:
    if (k->answering && (unsigned)e->a == k->turn) go_on_talking(w, i);
    break;
  case SIM_EV_BYE: bye(w, i, e->a, (int)e->b); break;
  default: break;
  }
}

/* One fault on the connection that serves. */
void sim_fault(sim *w) {
  static const int codes[] = {1000, 1001, 1006, 1007, 1008, 1011, 1011, 1012, 1013, 4000, 1005};
  int i = w->serving;
  sim_connection *k = i >= 0 ? at(w, i) : NULL;
  if (!k || k->over || i != w->current) return;
  w->figures[SIM_FIG_FAULTS]++;
  switch (sim_random(w, 8)) {
  case 0: sim_cut(w, i, true); break;
  case 1: sim_cut(w, i, w->settings.keepalive == SESSION_NEVER); break;
  case 2: {
    int code = codes[sim_random(w, 11)];
    if ((code == 1000 || code == 1005) && sim_random(w, 4)) code = 1011; /* ends the session: seldom */
    if (code == 1006) sim_cut(w, i, true);
    else bye(w, i, code, (int)sim_random(w, 6));
    break;
  }
  case 3:
  case 4:
  case 5: {
    uint64_t lead = sim_chance(w, 20) ? sim_random(w, 500) : sim_random(w, 20000);
    if (k->announced) break;
    k->announced = true;
    k->deaf = sim_chance(w, 20);
    w->figures[SIM_FIG_GO_AWAY]++;
    say(w, i, SIM_SAYS_GO_AWAY, (int64_t)lead, 0);
    if (sim_chance(w, 80)) {
      static const int ends[] = {1011, 1008, 1000, 1001};
      uint64_t early = sim_chance(w, 20) ? sim_random(w, lead + 1) : 0;
      sim_at(w, w->now + lead - early, SIM_EV_BYE, i, ends[sim_random(w, 4)], 5, 0);
    }
    break;
  }
  case 6:
    if (!w->paused) {
      w->paused = true;
      session_paused(&w->mind, true, w->now);
      sim_at(w, w->now + sim_random(w, 5000), SIM_EV_UNPAUSE, i, 0, 0, 0);
    }
    break;
  default: /* one direction stalls for a while */
    if (sim_chance(w, 50)) k->up_at = later(k->up_at, w->now + sim_random(w, 4000));
    else k->down_at = later(k->down_at, w->now + sim_random(w, 4000));
    break;
  }
}
