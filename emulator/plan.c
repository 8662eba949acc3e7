#include "emulator/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "emulator/random.h"

/* ---- chaos ---- */

/* What chaos draws from: all that a conversation can survive. Each %u is a number between its two; a list of words is
 * one of them. */
static const struct chance {
  const char *line;
  unsigned least, most;
} chances[] = {
    {"goAway lead=%ums", 200, 3000},
    {"goAway lead=%ums phase=turn", 200, 3000},
    {"goAway lead=%ums phase=tool", 200, 3000},
    {"goAway lead=10s end=%ums", 0, 1000},
    {"goAway lead=%ums end=never", 200, 2000},
    {"close code=1001", 0, 0},
    {"close code=1011 phase=turn after=%ums", 0, 500},
    {"close code=1011 reason=\"Deadline expired before operation could complete.\"", 0, 0},
    {"close code=1012", 0, 0},
    {"close code=1013 phase=idle", 0, 0},
    {"close code=1011 phase=setup", 0, 0},
    {"drop", 0, 0},
    {"drop phase=turn after=%ums", 0, 500},
    {"drop phase=upgrade", 0, 0},
    {"drop phase=setup", 0, 0},
    {"reset", 0, 0},
    {"reset bytes=%u", 1, 20000},
    {"reset phase=turn after=%ums", 0, 500},
    {"reset phase=tool", 0, 0},
    {"refuse status=503", 0, 0},
    {"refuse status=429", 0, 0},
    {"refuse status=500", 0, 0},
    {"freeze both for=%ums", 200, 3000},
    {"freeze in for=%ums", 200, 3000},
    {"freeze out for=%ums", 200, 3000},
    {"freeze both", 0, 0},
    {"slow both rate=4000 for=%ums", 500, 3000},
    {"slow in rate=1000 for=%ums", 500, 2000},
    {"pong delay=30s", 0, 0},
    {"pong", 0, 0},
    {"frames split size=%u for=2s", 1, 200},
    {"frames coalesced delay=%ums for=2s", 50, 500},
    {"invalid truncated", 0, 0},
    {"invalid json", 0, 0},
    {"invalid empty", 0, 0},
    {"invalid unknown", 0, 0},
    {"invalid utf8", 0, 0},
    {"invalid frame", 0, 0},
    {"stall for=%ums", 200, 3000},
    {"burst for=%ums", 500, 3000},
    {"duplicate for=%ums", 500, 3000},
    {"answer empty count=%u", 1, 3},
    {"answer silent count=%u", 1, 2},
    {"answer rejected count=%u", 1, 3},
    {"answer none", 0, 0},
    {"updates unresumable for=%ums", 500, 3000},
    {"updates empty for=%ums", 500, 3000},
    {"updates none for=%ums", 500, 3000},
    {"updates stale for=%ums", 500, 3000},
    {"updates eager for=%ums", 500, 3000},
    {"updates lag delay=%ums for=3s", 100, 1500},
    {"updates skip count=%u for=3s", 1, 4},
    {"updates noIndex for=%ums", 200, 1000},
    {"linger for=%ums", 200, 2000},
};
static const char *const partings[] = {"drop phase=closing", "freeze phase=closing", "close code=1011 phase=closing"};
enum {
  CHANCES = sizeof chances / sizeof *chances,
  PARTINGS = sizeof partings / sizeof *partings,
  DRAWS_MAX = 1000,
  PARTING_EVERY = 3, /* so many connections, one is parted from badly */
  PATIENCE = 2       /* times the time between faults: so long a fault may fail to come about */
};

static unsigned between(plan *p, uint64_t least, uint64_t most) {
  return (unsigned)(least + random_next(&p->random) % (most - least + 1));
}

static bool may_draw(const scenario *s, const char *line) {
  size_t size = strcspn(line, " ");
  for (const char *at = s->chaos_only; at && *at; at += strspn(at, " ")) {
    size_t word = strcspn(at, " ");
    if (word == size && !memcmp(at, line, size)) return true;
    at += word;
  }
  return !s->chaos_only;
}

/* Draws the next fault: after some time, or, as often, after some messages. */
static void draw(plan *p, uint64_t now_ms) {
  char line[300];
  const struct chance *chance;
  int draws = 0;
  p->chaos = (plan_item){.done = true};
  p->drawn_ms = now_ms;
  if (!p->scenario->chaos_ms) return;
  do chance = &chances[random_next(&p->random) % CHANCES];
  while (!may_draw(p->scenario, chance->line) && ++draws < DRAWS_MAX);
  if (draws == DRAWS_MAX) return;
  const char *number = strstr(chance->line, "%u");
  int size = number ? (int)(number - chance->line) : (int)strlen(chance->line);
  int used = snprintf(line, sizeof line, "%.*s", size, chance->line);
  if (number)
    used += snprintf(line + used, sizeof line - (size_t)used, "%u%s", between(p, chance->least, chance->most), number + 2);
  p->chaos.done = fault_parse(&p->drawn, line, NULL) != GENAI_OK;
  if (p->drawn.phase == FAULT_UPGRADE || p->drawn.phase == FAULT_SETUP) return;
  if (random_next(&p->random) % 2)
    p->drawn.messages += between(p, 1, p->scenario->chaos_ms / 50 + 1);
  else
    p->drawn.after_ms += between(p, 0, p->scenario->chaos_ms * 2);
}

/* ---- what is due ---- */

static void draw_parting(plan *p) {
  p->parts.done = true;
  if (!p->scenario->chaos_ms || random_next(&p->random) % PARTING_EVERY) return;
  const char *line = partings[random_next(&p->random) % PARTINGS];
  if (may_draw(p->scenario, line)) p->parts.done = fault_parse(&p->parting, line, NULL) != GENAI_OK;
}

void plan_init(plan *p, scenario *s, unsigned connection, uint64_t now_ms) {
  *p = (plan){.scenario = s, .connection = connection, .random = s->chaos_seed ^ random_mix(connection)};
  draw_parting(p);
  draw(p, now_ms);
}

static bool concerns(const plan *p, const fault *f, size_t i) {
  return p->connection >= f->first && p->connection <= f->last && (!f->times || p->scenario->fired[i] < f->times);
}

static bool is_due(plan_item *item, const fault *f, uint64_t now_ms, const plan_view *view) {
  bool holds = view->phases & FAULT_BIT(f->phase) && view->turns >= f->turn && view->messages >= f->messages &&
               view->bytes >= f->bytes;
  if (holds && !item->waits) item->since_ms = now_ms;
  item->waits = holds;
  if (!holds || now_ms - item->since_ms < f->after_ms) return false;
  item->done = true;
  return true;
}

static uint64_t patience_deadline(const plan *p) {
  return p->chaos.done || p->chaos.waits ? FAULT_NEVER : p->drawn_ms + p->scenario->chaos_ms * PATIENCE;
}

const fault *plan_next(plan *p, uint64_t now_ms, const plan_view *view) {
  scenario *s = p->scenario;
  for (size_t i = 0; i < s->count; i++) {
    if (p->items[i].done || !concerns(p, &s->faults[i], i) || !is_due(&p->items[i], &s->faults[i], now_ms, view)) continue;
    s->fired[i]++;
    return &s->faults[i];
  }
  if (!p->parts.done && is_due(&p->parts, &p->parting, now_ms, view)) return &p->parting;
  if (s->chaos_ms && (p->chaos.done || now_ms >= patience_deadline(p))) draw(p, now_ms);
  return !p->chaos.done && is_due(&p->chaos, &p->drawn, now_ms, view) ? &p->drawn : NULL;
}

static uint64_t item_deadline(const plan_item *item, const fault *f) {
  return item->done || !item->waits ? FAULT_NEVER : item->since_ms + f->after_ms;
}

uint64_t plan_deadline(const plan *p) {
  uint64_t deadline = item_deadline(&p->chaos, &p->drawn), patience = patience_deadline(p);
  if (patience < deadline) deadline = patience;
  for (size_t i = 0; i < p->scenario->count; i++) {
    const fault *f = &p->scenario->faults[i];
    uint64_t own = concerns(p, f, i) ? item_deadline(&p->items[i], f) : FAULT_NEVER;
    if (own < deadline) deadline = own;
  }
  return deadline;
}

uint64_t plan_bytes(const plan *p, uint64_t written) {
  uint64_t least = p->chaos.done || p->drawn.bytes <= written ? FAULT_NEVER : p->drawn.bytes;
  for (size_t i = 0; i < p->scenario->count; i++) {
    const fault *f = &p->scenario->faults[i];
    if (!p->items[i].done && concerns(p, f, i) && f->bytes > written && f->bytes < least) least = f->bytes;
  }
  return least == FAULT_NEVER ? FAULT_NEVER : least - written;
}
