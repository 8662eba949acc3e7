/* Drives the mind as the I/O thread does (src/client/io.c), in fake time, and plays the application. */
#include <stdarg.h>
#include <string.h>

#include "sim.h"

/* ---- chance, time, story ---- */

static uint64_t next_random(sim *w) { /* splitmix64 */
  uint64_t z = (w->random += 0x9E3779B97F4A7C15u);
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

uint64_t sim_random(sim *w, uint64_t below) { return below ? next_random(w) % below : 0; }
bool sim_chance(sim *w, unsigned percent) { return next_random(w) % 100 < percent; }

void sim_tell(sim *w, const char *format, ...) {
  va_list args;
  if (!w->verbose) return;
  printf("%8llu ", (unsigned long long)w->now);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
}

void sim_break(sim *w, const char *what, const char *format, ...) {
  va_list args;
  if (w->broken) return;
  w->broken = what;
  va_start(args, format);
  vsnprintf(w->detail, sizeof w->detail, format, args);
  va_end(args);
  sim_tell(w, "BROKEN %s: %s", what, w->detail);
}

unsigned sim_size(const sim_set *set) {
  unsigned size = 0;
  for (int i = 0; i < SIM_MESSAGES; i++) size += sim_has(set, i);
  return size;
}

static bool before(const sim_event *a, const sim_event *b) { return a->at < b->at || (a->at == b->at && a->order < b->order); }

void sim_at(sim *w, uint64_t at, sim_event_kind kind, int connection, int a, int64_t b, uint64_t c) {
  if (w->event_count == SIM_EVENTS) {
    sim_break(w, "the simulation", "more than %d events under way", SIM_EVENTS);
    return;
  }
  sim_event e = {at, w->order++, kind, (short)connection, a, b, c};
  unsigned i = w->event_count++;
  for (; i && before(&e, &w->events[(i - 1) / 2]); i = (i - 1) / 2) w->events[i] = w->events[(i - 1) / 2];
  w->events[i] = e;
}

static sim_event pop(sim *w) {
  sim_event first = w->events[0], last = w->events[--w->event_count];
  unsigned i = 0;
  for (;;) {
    unsigned child = 2 * i + 1;
    if (child >= w->event_count) break;
    if (child + 1 < w->event_count && before(&w->events[child + 1], &w->events[child])) child++;
    if (!before(&w->events[child], &last)) break;
    w->events[i] = w->events[child];
    i = child;
  }
  w->events[i] = last;
  return first;
}

/* ---- what is in a text ---- */

sim_set sim_ids(const char *text, size_t size) {
  sim_set set = {{0}};
  for (const char *p = text, *end = text + size; (p = memchr(p, '#', (size_t)(end - p)));) {
    int id = 0, digits = 0;
    for (p++; p < end && *p >= '0' && *p <= '9'; p++, digits++) id = 10 * id + (*p - '0');
    if (digits && p < end && *p == '#' && id < SIM_MESSAGES) sim_put(&set, id);
    if (p < end) p++;
  }
  return set;
}

uint64_t sim_calls(const char *text, size_t size) {
  static const char name[] = "\":\"c"; /* an id, or a name where there are none */
  uint64_t calls = 0;
  for (size_t i = 0; i + sizeof name < size; i++) {
    if (memcmp(text + i, name, sizeof name - 1)) continue;
    int n = 0;
    for (i += sizeof name - 1; i < size && text[i] >= '0' && text[i] <= '9'; i++) n = 10 * n + (text[i] - '0');
    if (n < SIM_CALLS) calls |= (uint64_t)1 << n;
  }
  return calls;
}

uint64_t sim_labels(const sim *w, uint64_t calls) {
  uint64_t labels = 0;
  for (int c = 0; w->names && c < SIM_CALLS; c++) labels |= (calls >> c & 1) << c % w->names;
  return w->names ? labels : calls;
}

/* ---- the I/O thread ---- */

static sim_connection *current(sim *w) { return w->current >= 0 ? &w->connections[w->current] : NULL; }

static void drop(sim *w, int *which) {
  if (*which < 0) return;
  sim_connection *k = &w->connections[*which];
  k->gone = true;
  sim_up(w, *which, SIM_EV_UP_ABORT, 0, 0);
  *which = -1;
}

static void close_connection(sim *w) {
  current(w)->close_sent = true;
  sim_up(w, w->current, SIM_EV_UP_CLOSE, 0, 0);
}

static void put_on_wire(sim *w, const payload *p) {
  sim_connection *k = current(w);
  sim_set ids = sim_ids((const char *)p->data, p->size);
  int id = -1;
  SIM_MUST(w, !p->again || !k->said_new, "order", "something is said again after something new");
  k->said_new |= !p->again;
  if (p->kind == SESSION_INPUT_SEED) {
    SIM_MUST(w, !k->sent_count, "order", "the recent turns are not the first message");
    k->seed = w->seed_told = ids;
  } else {
    for (id = 0; id < SIM_MESSAGES && !sim_has(&ids, id);) id++;
    if (id == SIM_MESSAGES) sim_break(w, "the simulation", "a message without a number");
    sim_check_sent(w, id);
  }
  if (k->sent_count < 2 * SIM_MESSAGES) k->sent_ids[k->sent_count++] = (short)id;
  k->in_flight++;
  sim_tell(w, "  send %d (kind %d%s) on %d", id, p->kind, p->again ? ", again" : "", w->current);
  sim_up(w, w->current, SIM_EV_UP, id, p->kind == SESSION_INPUT_TOOL ? sim_calls((const char *)p->data, p->size) : 0);
}

void sim_pump(sim *w) {
  sim_connection *k = current(w);
  if (!k || k->phase != SIM_OPEN) return;
  for (payload *p; !k->close_sent && k->in_flight < k->window && (p = session_next(&w->mind));) {
    put_on_wire(w, p);
    session_sent(&w->mind, w->now);
  }
  if (w->mind.phase == SESSION_CLOSING && !k->close_sent && !session_next(&w->mind)) close_connection(w);
}

static void send_setup(sim *w) {
  payload *setup = NULL;
  genai_error error = {0};
  SIM_MUST(w, current(w) && current(w)->phase == SIM_OPEN, "steps", "a setup without a connection");
  if (session_setup_text(&w->mind, &setup, &error) == GENAI_OK) {
    sim_send_setup(w, setup);
    payload_drop(setup);
    return;
  }
  SIM_MUST(w, w->starved, "steps", "no setup: %s", error.message);
  drop(w, &w->current);
  sim_step(w, session_transport_end(&w->mind, &error, w->now));
}

static void tell_events(sim *w) {
  session_event event;
  while (session_event_next(&w->mind, &event)) {
    sim_tell(w, "event: %s", event.event.text);
    sim_check_event(w, &event);
  }
}

void sim_step(sim *w, session_step step) {
  bool any = step.dial || step.dial_standby || step.upgrade || step.send_setup || step.opened || step.reopened || step.ping || step.leave ||
             step.close || step.ended;
  SIM_MUST(w, !w->ended || (!any && !step.deliver && !step.abort), "after the end", "something is asked for");
  sim_check_phase(w);
  tell_events(w);
  if (step.abort) drop(w, &w->current);
  if (step.drop_standby) drop(w, &w->standby);
  if (step.dial || step.upgrade) {
    SIM_MUST(w, w->current < 0, "steps", "a dial or an upgrade beside the connection");
    SIM_MUST(w, !step.upgrade || w->standby >= 0, "steps", "an upgrade of nothing");
    SIM_MUST(w, !step.dial || w->standby < 0, "steps", "a dial beside the standby");
    w->paused = false;
    sim_check_attempt(w);
    w->leave_by = SESSION_NEVER;
  }
  if (step.upgrade && w->standby >= 0) {
    w->current = w->standby;
    w->standby = -1;
    current(w)->standby = false;
    w->figures[SIM_FIG_HANDOVER]++;
    sim_tell(w, "upgrade %d", w->current);
    if (current(w)->phase == SIM_HELD) sim_upgrade(w, w->current);
  }
  if (step.dial) {
    sim_dial(w, false);
    w->figures[SIM_FIG_DIALS]++;
    sim_tell(w, "dial %d", w->current);
  }
  if (step.dial_standby) {
    SIM_MUST(w, w->standby < 0 && w->current >= 0, "steps", "a second standby, or one beside nothing");
    sim_check_standby(w);
    sim_dial(w, true);
    sim_tell(w, "dial standby %d", w->standby);
  }
  if (step.send_setup) send_setup(w);
  if (step.ping && current(w)) sim_ping(w);
  if (step.leave) {
    SIM_MUST(w, current(w) && !current(w)->close_sent, "steps", "leaving nothing");
    sim_tell(w, "leave %d%s", w->current, w->now >= w->mind.leave_at ? " (late)" : "");
    w->figures[SIM_FIG_SAFE] += w->now < w->mind.leave_at;
    if (current(w)) close_connection(w);
  }
  if (step.opened || step.reopened) w->opened_at = w->now, w->renewed = false;
  if (step.close || step.opened || step.reopened) sim_pump(w);
  if (!step.ended) return;
  sim_tell(w, "ended: %s", w->mind.end.message);
  w->ended = true;
}

/* ---- what comes ---- */

static session_step hear(sim *w, const sim_event *e) {
  char ids[SIM_CALLS][8], handle[16];
  const char *id_list[SIM_CALLS];
  static const genai_live_server_setup_complete complete;
  static const genai_content turn;
  genai_function_call call = {0};
  const genai_function_call *call_list[] = {&call};
  genai_live_server_content content = {0};
  genai_live_server_message m = {0};
  genai_live_server_error error = {.code = {true, (int32_t)e->b}, .message = "Not now."};
  genai_live_server_tool_call calls = {.function_calls = {call_list, 1}};
  genai_live_server_tool_call_cancellation cancelled = {.ids = {id_list, 0}};
  genai_live_server_session_resumption_update update = {0};
  genai_live_server_go_away away = {.time_left = {true, {e->b / 1000, (int32_t)(e->b % 1000) * 1000000}}};
  genai_transcription words = {.text = "word"};
  switch ((sim_says)e->a) {
  case SIM_SAYS_SETUP_COMPLETE: m.setup_complete = &complete; break;
  case SIM_SAYS_ERROR: m.error = &error; break;
  case SIM_SAYS_HEARD: content.input_transcription = &words; break;
  case SIM_SAYS_OUTPUT:
    content.model_turn = &turn;
    content.output_transcription = &words;
    break;
  case SIM_SAYS_CALL:
    snprintf(ids[0], sizeof ids[0], "c%d", w->names ? (int)e->b % w->names : (int)e->b);
    call = (genai_function_call){.id = w->names ? NULL : ids[0], .name = w->names ? ids[0] : "f"};
    m.tool_call = &calls;
    w->open_calls |= (uint64_t)1 << e->b;
    w->calls_cancelled &= ~((uint64_t)1 << e->b);
    for (int i = 0; i < w->message_count; i++) w->messages[i].calls &= ~((uint64_t)1 << e->b); /* asked anew, to be answered anew */
    break;
  case SIM_SAYS_CANCEL:
    for (int c = 0; c < SIM_CALLS; c++) {
      if (!(e->c >> c & 1)) continue;
      snprintf(ids[c], sizeof ids[c], "c%d", c);
      id_list[cancelled.ids.count++] = ids[c];
    }
    m.tool_call_cancellation = &cancelled;
    w->calls_cancelled |= e->c;
    if (sim_chance(w, 80)) w->open_calls &= ~e->c;
    break;
  case SIM_SAYS_INTERRUPTED: content.interrupted = (genai_opt_bool){true, true}; break;
  case SIM_SAYS_GENERATED: content.generation_complete = (genai_opt_bool){true, true}; break;
  case SIM_SAYS_COMPLETE:
    content.turn_complete = (genai_opt_bool){true, true};
    w->grounds = 0;
    for (int i = 0; i < w->message_count; i++)
      if (w->messages[i].on_wire) sim_put(&w->answered, i);
    break;
  case SIM_SAYS_UPDATE:
    snprintf(handle, sizeof handle, "h%d", (int)e->c);
    update.new_handle = handle;
    update.resumable = (genai_opt_bool){true, true};
    if (e->b >= 0) update.last_consumed_client_message_index = (genai_opt_int64){true, e->b};
    m.session_resumption_update = &update;
    break;
  case SIM_SAYS_NOT_RESUMABLE:
    update.resumable = (genai_opt_bool){sim_chance(w, 50), false};
    if (sim_chance(w, 50)) update.new_handle = sim_chance(w, 50) ? "" : "h9999";
    if (w->connections[e->connection].transparent && sim_chance(w, 50))
      update.last_consumed_client_message_index = (genai_opt_int64){true, e->b};
    m.session_resumption_update = &update;
    break;
  case SIM_SAYS_GO_AWAY: m.go_away = &away; break;
  case SIM_SAYS_PONG: session_heard(&w->mind, w->now); return (session_step){0};
  }
  if (e->a >= SIM_SAYS_HEARD && e->a != SIM_SAYS_CALL && e->a != SIM_SAYS_CANCEL && e->a < SIM_SAYS_UPDATE) m.server_content = &content;
  static const char *names[] = {"setupComplete", "error", "heard", "output", "call", "cancel", "interrupted", "generated", "complete", "update",
                                "not resumable", "goAway"};
  sim_tell(w, "%s %lld %llu on %d", names[e->a], (long long)e->b, (unsigned long long)e->c, e->connection);
  char old[32];
  snprintf(old, sizeof old, "%s", w->mind.handle ? w->mind.handle : "");
  session_news news = session_news_of_live(&m);
  session_heard(&w->mind, w->now);
  session_step step = session_message(&w->mind, &news, w->now);
  if (e->a == SIM_SAYS_UPDATE) sim_check_update(w, e, old);
  else SIM_MUST(w, !strcmp(old, w->mind.handle ? w->mind.handle : ""), "handles", "one that cannot be resumed was taken");
  if (e->a == SIM_SAYS_GO_AWAY && w->leave_by == SESSION_NEVER) w->leave_by = w->now + (uint64_t)(e->b > 4000 ? e->b - 2000 : e->b / 2);
  return step;
}

static void ended(sim *w, const sim_event *e) {
  static const char *whys[] = {"The line was cut.", "The server refused the upgrade.", "No connection was made."};
  genai_error why = {.status = (genai_status)e->a};
  bool is_current = e->connection == w->current;
  if (e->kind == SIM_EV_FAILED) why = (genai_error){.status = (genai_status)e->b, .http_status = e->a};
  snprintf(why.message, sizeof why.message, "%s", whys[e->kind == SIM_EV_END ? 0 : why.http_status ? 1 : 2]);
  sim_tell(w, "connection %d ends in phase %d: %d %d", e->connection, w->mind.phase, (int)why.status, why.http_status);
  w->connections[e->connection].gone = true;
  w->connections[e->connection].over |= e->kind == SIM_EV_FAILED;
  if (is_current) {
    w->current = -1;
    w->refused_401 = why.http_status == 401;
    sim_step(w, session_transport_end(&w->mind, &why, w->now));
  } else {
    w->standby = -1;
    sim_step(w, session_standby_end(&w->mind, w->now));
  }
}

static void peer_close(sim *w, const sim_event *e) {
  static const char *reasons[] = {"", "Request contains an invalid argument.", "Internal error encountered.", "Service unavailable.", "Internal error.",
                                  "Deadline expired before operation could complete."};
  const char *reason = reasons[e->b];
  sim_tell(w, "close %d \"%s\" on %d", e->a, reason, e->connection);
  w->grounds += e->a != 1011;
  session_peer_close(&w->mind, e->a, reason, strlen(reason));
}

/* ---- the application ---- */

static void say(sim *w, sim_class kind) {
  char text[600];
  int id = w->message_count;
  uint64_t calls = 0;
  bool reset = false;
  size_t size = 0;
  if (id == w->message_max || w->closing) return;
  switch (kind) {
  case SIM_TEXT:
    if (sim_chance(w, 30)) size = (size_t)snprintf(text, sizeof text, "{\"realtimeInput\":{\"text\":\"#%d#\"}}", id);
    else
      size = (size_t)snprintf(text, sizeof text, "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"#%d#\"}],\"role\":\"user\"}],\"turnComplete\":%s}}",
                              id, sim_chance(w, 80) ? "true" : "false");
    break;
  case SIM_MEDIA:
    size = (size_t)snprintf(text, sizeof text, "{\"realtimeInput\":{\"audio\":{\"data\":\"%0*d\",\"mimeType\":\"#%d#\"}}}", (int)sim_random(w, 400) + 4, 0, id);
    break;
  case SIM_MARK:
    size = (size_t)snprintf(text, sizeof text, "{\"realtimeInput\":{\"activity%s\":{\"n\":\"#%d#\"}}}", sim_chance(w, 50) ? "Start" : "End", id);
    break;
  case SIM_TOOL:
    size = (size_t)snprintf(text, sizeof text, "{\"toolResponse\":{\"functionResponses\":[");
    for (int c = 0, count = 0, most = w->names == SIM_NAMES ? 1 : 4; c < SIM_CALLS && count < most; c++) {
      if (!(w->open_calls >> c & 1) || sim_chance(w, 30)) continue;
      calls |= (uint64_t)1 << c;
      size += (size_t)snprintf(text + size, sizeof text - size, "%s{%s%d\",\"response\":{\"r\":\"#%d#\"}}", count++ ? "," : "",
                               w->names ? "\"name\":\"c" : "\"name\":\"f\",\"id\":\"c", w->names ? c % w->names : c, id);
    }
    if (!calls) return;
    w->open_calls &= ~calls;
    size += (size_t)snprintf(text + size, sizeof text - size, "]}}");
    break;
  case SIM_PROMPTS: size = (size_t)snprintf(text, sizeof text, "{\"clientContent\":{\"weightedPrompts\":[{\"text\":\"#%d#\",\"weight\":1}]}}", id); break;
  case SIM_CONFIG: size = (size_t)snprintf(text, sizeof text, "{\"musicGenerationConfig\":{\"bpm\":\"#%d#\"}}", id); break;
  case SIM_CONTROL:
    reset = sim_chance(w, 30);
    size = (size_t)snprintf(text, sizeof text, "{\"playbackControl\":\"%s #%d#\"}", reset ? "RESET_CONTEXT" : "PLAY", id);
    break;
  default: size = (size_t)snprintf(text, sizeof text, "{\"contextUpdate\":{\"systemInstruction\":{\"parts\":[{\"text\":\"#%d#\"}]}}}", id); break;
  }
  payload *p = payload_copy(text, size);
  if (!p) return;
  p->kind = (uint8_t)session_input_of(p, w->settings.music);
  w->messages[id] = (sim_message){.kind = kind, .calls = calls, .reset = reset};
  w->message_count++;
  w->figures[SIM_FIG_MESSAGES]++;
  sim_tell(w, "say %d class %d calls %llx", id, kind, (unsigned long long)calls);
  size_t before_it = w->mind.inputs.waiting.count;
  session_add(&w->mind, p, w->now);
  if (kind != SIM_TOOL || w->mind.inputs.waiting.count > before_it) return;
  const session_mind *s = &w->mind;
  bool told = s->event_count && s->events[(s->event_first + s->event_count - 1) % SESSION_EVENTS_MAX].kind == GENAI_LIVE_EVENT_CALLS_GONE;
  if (told) w->calls_gone |= sim_labels(w, calls);
}

static void act(sim *w) {
  unsigned what = (unsigned)sim_random(w, 100);
  if (w->open_calls && sim_chance(w, 50)) say(w, SIM_TOOL);
  if (w->settings.music) say(w, (sim_class)(SIM_PROMPTS + sim_random(w, 3)));
  else if (what < 35) say(w, SIM_TEXT);
  else if (what < 80) for (uint64_t n = 1 + sim_random(w, 5); n; n--) say(w, SIM_MEDIA);
  else if (what < 92) say(w, SIM_MARK);
  else if (what < 96) say(w, SIM_CONTEXT);
  tell_events(w);
  if (w->message_count < w->message_max && !w->calm) sim_at(w, w->now + 1 + sim_random(w, 2 * w->gap / 3), SIM_EV_APP, -1, 0, 0, 0);
}

/* ---- the loop ---- */

static void take(sim *w, const sim_event *e) {
  sim_connection *k = e->connection >= 0 ? &w->connections[e->connection] : NULL;
  if (k && ((e->kind >= SIM_EV_SETUP && e->kind <= SIM_EV_UP_ABORT && e->at > k->up_until) ||
            ((e->kind == SIM_EV_DOWN || e->kind == SIM_EV_DOWN_CLOSE) && w->now > k->down_until)))
    return; /* it was under way when the line was cut */
  bool ours = k && !k->gone && (e->connection == w->current || e->connection == w->standby);
  switch (e->kind) {
  case SIM_EV_TLS:
    if (!ours) break;
    k->phase = SIM_HELD;
    if (k->standby) sim_step(w, session_standby_ready(&w->mind, w->now));
    else sim_upgrade(w, e->connection);
    if (k->standby && sim_chance(w, 10) && !w->calm) sim_at(w, w->now + sim_random(w, 2000), SIM_EV_FAILED, e->connection, 0, GENAI_ERROR_LOST, 1);
    break;
  case SIM_EV_FAILED:
    if (ours && (!e->c || k->standby)) ended(w, e);
    break;
  case SIM_EV_UPGRADED:
    if (!ours) break;
    k->phase = SIM_OPEN;
    sim_step(w, session_connected(&w->mind, w->now));
    break;
  case SIM_EV_DOWN:
  case SIM_EV_DOWN_CLOSE:
    if (!ours || w->ended) break;
    if (w->paused && e->at < w->unpause_at) sim_at(w, w->unpause_at, e->kind, e->connection, e->a, e->b, e->c);
    else if (e->kind == SIM_EV_DOWN) sim_step(w, hear(w, e));
    else peer_close(w, e);
    break;
  case SIM_EV_END:
    if (!ours || w->ended) break;
    if (w->paused && e->a == GENAI_OK && e->at < w->unpause_at) sim_at(w, w->unpause_at, e->kind, e->connection, e->a, e->b, e->c);
    else ended(w, e);
    break;
  case SIM_EV_UP:
    if (k->in_flight) k->in_flight--;
    sim_serve(w, e);
    break;
  case SIM_EV_APP: act(w); break;
  case SIM_EV_FAULT:
    if (w->calm) break;
    sim_fault(w);
    sim_at(w, w->now + 1 + sim_random(w, 2 * w->gap), SIM_EV_FAULT, -1, 0, 0, 0);
    break;
  case SIM_EV_UNPAUSE:
    if (w->paused && e->connection == w->current) session_paused(&w->mind, false, w->now);
    if (e->connection == w->current) w->paused = false;
    break;
  default: sim_serve(w, e); break;
  }
}

static bool settled(const sim *w) {
  const sim_connection *k = w->current >= 0 ? &w->connections[w->current] : NULL;
  return w->calm && k && w->mind.phase == SESSION_OPEN && !w->mind.inputs.waiting.count && !k->in_flight && !k->over;
}

static void run(sim *w) {
  for (unsigned steps = 0; !w->ended && !w->broken; steps++) {
    uint64_t tick = session_next_tick(&w->mind), event = w->event_count ? w->events[0].at : SESSION_NEVER;
    uint64_t at = tick < event ? tick : event;
    if (!w->calm && (at >= w->horizon || w->connection_count > SIM_CONNECTIONS / 2)) {
      w->calm = true;
      w->calm_at = w->now;
      sim_tell(w, "-- calm --");
    }
    if (!w->closing && (at >= w->close_at || settled(w))) {
      if (settled(w) && w->now < w->close_at) {
        sim_check_ledger(w, false);
        if (w->settings.music) sim_check_music(w);
      }
      w->closing = true;
      sim_tell(w, "close");
      sim_step(w, session_close(&w->mind, w->now));
      continue;
    }
    SIM_MUST(w, at != SESSION_NEVER, "every wait has an end", "nothing is awaited in phase %d", w->mind.phase);
    SIM_MUST(w, steps < 40000 && (!w->calm || w->now < w->calm_at + 1200000), "every wait has an end", "no end after %u steps in phase %d", steps, w->mind.phase);
    if (w->broken) break;
    if (at > w->now) w->now = at, w->spins = 0;
    if (tick <= w->now && tick <= event) {
      SIM_MUST(w, ++w->spins < 8, "every wait has an end", "the same tick again and again in phase %d", w->mind.phase);
      sim_step(w, session_tick(&w->mind, w->now, "resolving"));
    } else {
      sim_event e = pop(w);
      take(w, &e);
    }
    tell_events(w);
    sim_pump(w);
    sim_check_always(w);
  }
}

/* Nothing is asked for after the end, whatever comes. */
static void poke(sim *w) {
  static const genai_live_server_message message;
  session_news news = session_news_of_live(&message);
  genai_error why = {.status = GENAI_ERROR_LOST};
  sim_step(w, session_connected(&w->mind, w->now));
  sim_step(w, session_message(&w->mind, &news, w->now));
  sim_step(w, session_close(&w->mind, w->now));
  session_peer_close(&w->mind, 1011, "", 0);
  sim_step(w, session_transport_end(&w->mind, &why, w->now));
  sim_step(w, session_standby_ready(&w->mind, w->now));
  sim_step(w, session_standby_end(&w->mind, w->now));
  sim_step(w, session_tick(&w->mind, w->now + 1000000, ""));
  sim_step(w, session_fail(&w->mind, &why));
  SIM_MUST(w, !session_next(&w->mind) && session_next_tick(&w->mind) == SESSION_NEVER, "after the end", "something is awaited");
}

static void settle(sim *w) {
  static const uint64_t ages[] = {500, 2000, 10000, SESSION_NEVER};
  w->settings = (session_settings){
      .peer = "example.com port 443",
      .connect_timeout = 1000 + sim_random(w, 9000),
      .close_timeout = 500 + sim_random(w, 1500),
      .keepalive = sim_chance(w, 20) ? SESSION_NEVER : 1000 + sim_random(w, 5000),
      .keepalive_timeout = 2000 + sim_random(w, 8000),
      .reconnect = sim_chance(w, 45)  ? GENAI_LIVE_RECONNECT_RESUME
                   : sim_chance(w, 90) ? GENAI_LIVE_RECONNECT_RESUME_OR_FRESH
                                       : GENAI_LIVE_RECONNECT_NONE,
      .music = sim_chance(w, 5),
      .vertex = sim_chance(w, 50),
      .renewable = sim_chance(w, 50),
      .single_use = sim_chance(w, 10),
      .announce_history = sim_chance(w, 30),
      .attempts_max = sim_chance(w, 20) ? 3 + (unsigned)sim_random(w, 5) : 30,
      .budget = sim_chance(w, 20) ? 5000 + sim_random(w, 20000) : 300000,
      .delay = 1 + sim_random(w, 1000),
      .delay_max = 500 + sim_random(w, 15000),
      .stable = 1000 + sim_random(w, 9000),
      .media_age = ages[sim_random(w, 4)],
      .replay_max = sim_chance(w, 10) ? 1000 + sim_random(w, 3000) : 1 << 20,
      .first_index = sim_random(w, 2),
      .answer_timeout = sim_chance(w, 20) ? SESSION_NEVER : 3000 + sim_random(w, 20000),
      .seed = next_random(w),
  };
  w->overflowed = w->settings.replay_max < 1 << 20;
  if (w->settings.vertex && sim_chance(w, 40)) w->names = sim_chance(w, 50) ? SIM_CALLS : SIM_NAMES;
  w->handed = !w->settings.music && w->settings.reconnect != GENAI_LIVE_RECONNECT_NONE && sim_chance(w, 12);
  w->index = sim_chance(w, 60) ? SIM_INDEX_RIGHT : (sim_index)(1 + sim_random(w, 3));
  w->message_max = 5 + (int)sim_random(w, sim_chance(w, 20) ? SIM_MESSAGES - 5 : 60);
  w->gap = 100 + sim_random(w, sim_chance(w, 30) ? 20000 : 4000);
  w->horizon = 2000 + sim_random(w, 60000);
  w->refuse_rate = sim_chance(w, 50) ? 0 : (unsigned)sim_random(w, 60);
  w->close_at = sim_chance(w, 6) ? sim_random(w, w->horizon) : SESSION_NEVER;
}

/* An earlier process left a handle behind; what it said is nobody's concern, but a call of its model may be open still. Some are too
 * old. */
static void inherit(sim *w) {
  w->handles[w->handle_count++] = (sim_handle){.expires = sim_chance(w, 25) ? 0 : 7200000, .poisoned = sim_chance(w, 5)};
  if (sim_chance(w, 30)) w->handles[0].state.calls = (uint64_t)1 << w->call_count++;
}

void sim_run(sim *w, uint64_t seed) {
  bool verbose = w->verbose, starved = w->starved;
  genai_error error = {0};
  w->event_count = w->order = 0;
  memset((char *)w + offsetof(sim, connection_count), 0, sizeof *w - offsetof(sim, connection_count));
  w->seed = w->random = seed;
  w->verbose = verbose;
  w->starved = starved;
  w->ended = false;
  w->broken = NULL;
  w->now = 1000;
  w->current = w->standby = w->serving = w->standby_of = -1;
  w->trouble_since = w->leave_by = SESSION_NEVER;
  settle(w);
  if (w->handed) inherit(w);
  const char *text = !w->handed           ? "{\"setup\":{\"model\":\"models/m\"}}"
                     : w->settings.vertex ? "{\"setup\":{\"model\":\"models/m\",\"sessionResumption\":{\"handle\":\"h0\",\"transparent\":true}}}"
                                          : "{\"setup\":{\"model\":\"models/m\",\"sessionResumption\":{\"handle\":\"h0\"}}}";
  payload *setup = payload_copy(text, strlen(text));
  genai_status status = setup ? session_init(&w->mind, &w->settings, setup, w->now, &error) : GENAI_ERROR_MEMORY;
  if (status == GENAI_OK) {
    unsigned refuse = w->refuse_rate; /* a session that never began shows little */
    if (!sim_chance(w, 5)) w->refuse_rate = 0;
    w->phase_since = w->now;
    sim_dial(w, false);
    sim_at(w, w->now + sim_random(w, 1000), SIM_EV_APP, -1, 0, 0, 0);
    sim_at(w, w->now + 400 + sim_random(w, 2 * w->gap), SIM_EV_FAULT, -1, 0, 0, 0);
    while (w->mind.phase == SESSION_CONNECTING && w->event_count && !w->broken && !w->ended && w->events[0].at < 1000 + w->settings.connect_timeout) {
      sim_event e = pop(w);
      if (e.at > w->now) w->now = e.at;
      take(w, &e);
    }
    w->refuse_rate = refuse;
    run(w);
    if (w->ended && !w->broken) {
      for (unsigned n = 0; w->event_count && n < 2 * SIM_EVENTS; n++) { /* the service hears the rest */
        sim_event e = pop(w);
        if (e.kind == SIM_EV_UP || e.kind == SIM_EV_UP_CLOSE) take(w, &e);
      }
      sim_check_ledger(w, true);
      poke(w);
    }
  }
  if (setup) session_deinit(&w->mind);
  payload_drop(setup);
}
