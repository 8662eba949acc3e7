/* soak GENAI_LIVE [--backend vertex|gemini] [--faults N] [--sessions N] [--seconds N] [--every MS] [--gap MS] [--kills N] [--seed N]
 *      [--keep FILE] [--verbose]: one run; it ends after so many faults, or seconds. Exit status 0: nothing was lost, doubled or hung,
 * and nothing grew. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "soak.h"
#include "tests/base/scale.h"

enum { SETTLE_MS = 120000, SETTLE_AGAIN_MS = 3000, SAMPLES_MAX = 4096, GROWTH_KB = 6144, HELD_KB = 3072 };

typedef struct run {
  const char *program;
  talk_options talk;
  unsigned faults, seconds, every_ms, kills;
  uint64_t seed;
  const char *keep;
  char reproduce[512];
} run;

typedef struct sampled {
  vitals of;
  double rss_kb, books_kb, library_kb, peak_kb; /* the library's most so far */
} sampled;

typedef struct samples {
  sampled all[SAMPLES_MAX];
  unsigned count;
  books *books;
  long service; /* the emulator's process */
  long service_kb;
  uint64_t next_ms, every_ms;
} samples;

static bool read_options(run *r, int argc, char **argv) {
  *r = (run){.program = argc > 1 ? argv[1] : NULL, .every_ms = 300, .seed = 1,
             .talk = {.vertex = true, .sessions = 1, .receivers = 2, .gap_ms = 10, .keepalive_ms = 500, .keepalive_timeout_ms = 1000}};
  size_t used = (size_t)snprintf(r->reproduce, sizeof r->reproduce, "%s", argv[0]);
  for (int i = 1; i < argc && used < sizeof r->reproduce; i++)
    used += (size_t)snprintf(r->reproduce + used, sizeof r->reproduce - used, " %s", argv[i]);
  for (int i = 2; i < argc; i++) {
    const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
    unsigned number = (unsigned)strtoul(value, NULL, 10);
    if (!strcmp(name, "--verbose")) {
      r->talk.verbose = true;
      continue;
    }
    i++;
    if (!strcmp(name, "--backend")) r->talk.vertex = !strcmp(value, "vertex");
    else if (!strcmp(name, "--faults")) r->faults = number;
    else if (!strcmp(name, "--sessions")) r->talk.sessions = number;
    else if (!strcmp(name, "--seconds")) r->seconds = number;
    else if (!strcmp(name, "--every")) r->every_ms = number;
    else if (!strcmp(name, "--gap")) r->talk.gap_ms = number;
    else if (!strcmp(name, "--kills")) r->kills = number;
    else if (!strcmp(name, "--seed")) r->seed = strtoull(value, NULL, 10);
    else if (!strcmp(name, "--keep")) r->keep = value;
    else return false;
  }
  r->faults = r->faults ? (unsigned)scaled_down((int)r->faults) : 0;
  r->seconds = r->seconds ? (unsigned)scaled_down((int)r->seconds) : 0;
  if (r->talk.sessions > 1) {
    r->talk.keepalive_ms = 2000;
    r->talk.keepalive_timeout_ms = 4000;
  }
  return r->program && (r->faults || r->seconds) && r->talk.sessions;
}

static bool start_service(service_process *service, const run *r, unsigned start) {
  char seed[24], every[24];
  snprintf(seed, sizeof seed, "%" PRIu64, (r->seed * 1000 + start + 1) * 1000003); /* ids of one start must not come back in the next */
  snprintf(every, sizeof every, "%u.%03u", r->every_ms / 1000, r->every_ms % 1000);
  const char *more[] = {"--seed", seed, "--chaos", seed, "--chaos-every", every, "--fast", r->kills ? "--state" : NULL, service->state, NULL};
  return service_begin(service, more);
}

/* ---- what grows ---- */

static void sample(samples *s) {
  if (watch_now_ms() < s->next_ms || s->count == SAMPLES_MAX) return;
  s->all[s->count++] = (sampled){vitals_of(0), 0, (double)books_size(s->books) / 1024, (double)memory_in_use() / 1024, (double)memory_peak() / 1024};
  long kb = vitals_of(s->service).rss_kb;
  if (kb > s->service_kb) s->service_kb = kb;
  s->next_ms = watch_now_ms() + s->every_ms;
}

static sampled mean(const samples *s, unsigned from, unsigned to) {
  sampled sum = {0};
  for (unsigned i = from; i < to; i++) {
    sum.rss_kb += (double)s->all[i].of.rss_kb / (to - from);
    sum.books_kb += s->all[i].books_kb / (to - from);
    sum.library_kb += s->all[i].library_kb / (to - from);
    sum.peak_kb += s->all[i].peak_kb / (to - from);
  }
  return sum;
}

static long most_descriptors(const samples *s, unsigned from, unsigned to) {
  long most = 0;
  for (unsigned i = from; i < to; i++) most = s->all[i].of.descriptors > most ? s->all[i].of.descriptors : most;
  return most;
}

/* The second quarter against the last. What malloc once had for a peak it keeps: that is no growth, unless the library holds it. */
static bool judge_growth(const samples *s) {
  unsigned n = s->count;
  if (n < 8 || s->all[0].rss_kb < 0) {
    printf("  memory: too short a run to judge\n");
    return true;
  }
  sampled before = mean(s, n / 4, n / 2), after = mean(s, n - n / 4, n);
  long files_before = most_descriptors(s, n / 4, n / 2), files_after = most_descriptors(s, n - n / 4, n);
  double span_s = (double)s->every_ms * (n / 2.0 + n / 8.0) / 1000, held = after.library_kb - before.library_kb;
  double own_before = before.rss_kb - before.books_kb, own_after = after.rss_kb - after.books_kb, peaks = after.peak_kb - before.peak_kb;
  printf("  memory: %.1f MB in the second quarter, %.1f MB in the last (%+.2f MB an hour), of which the driver's books %.1f and %.1f MB, blocks "
         "that the library holds %.2f and %.2f MB (at most %.2f and %.2f so far); descriptors: at most %ld, %ld\n",
         before.rss_kb / 1024, after.rss_kb / 1024, (own_after - own_before) / 1024 / span_s * 3600, before.books_kb / 1024, after.books_kb / 1024,
         before.library_kb / 1024, after.library_kb / 1024, before.peak_kb / 1024, after.peak_kb / 1024, files_before, files_after);
  bool flat = !SOAK_JUDGES_MEMORY ||
              (own_after - own_before - peaks <= GROWTH_KB && own_after - peaks <= own_before * 1.25 && held <= HELD_KB);
  if (!flat) printf("  FAILED: memory grows\n");
  return flat && files_after <= files_before + files_before / 4 + 4;
}

/* ---- the run ---- */

static unsigned ended(const talk *t) {
  unsigned count = 0;
  for (unsigned i = 0; i < t->options.sessions; i++) count += atomic_load(&t->talkers[i].ended);
  return count;
}

static bool go_on(const run *r, const talk *t, books *b, uint64_t began) {
  if (ended(t)) return false;
  if (r->seconds && watch_now_ms() - began >= r->seconds * 1000u) return false;
  return !r->faults || books_look(b).faults < r->faults;
}

/* Kills are spread over the run: by faults, or by time. */
static bool kill_is_due(const run *r, books *b, uint64_t began, unsigned killed) {
  if (killed >= r->kills) return false;
  if (r->faults) return books_look(b).faults >= (uint64_t)r->faults * (killed + 1) / (r->kills + 1);
  return watch_now_ms() - began >= r->seconds * 1000u * (uint64_t)(killed + 1) / (r->kills + 1);
}

/* Ends every session's round and waits for the last of its messages. What a service without an index lost at the very end is
 * known only by what comes after it: then another round is said. */
static unsigned settle(talk *t, books *b, samples *s) {
  uint64_t began = watch_now_ms(), again = began + SETTLE_AGAIN_MS;
  unsigned open = t->options.sessions;
  atomic_store(&t->pause, true);
  while (open && watch_now_ms() - began < (uint64_t)SETTLE_MS * watch_scale()) {
    watch_sleep_ms(20);
    sample(s);
    open = 0;
    for (unsigned i = 0; i < t->options.sessions; i++) {
      talker *one = &t->talkers[i];
      open += !(one->sent % script_round(one->flavour) == 0 && books_settle(b, one)) && !atomic_load(&one->ended);
    }
    bool more = !t->options.vertex && watch_now_ms() > again;
    atomic_store(&t->pause, !more);
    if (more) again = watch_now_ms() + SETTLE_AGAIN_MS;
  }
  for (unsigned i = 0; i < t->options.sessions; i++) books_give_up(b, &t->talkers[i]);
  return open;
}

static void tell(const run *r, talk *t, const books_verdict *v, uint64_t ms) {
  uint64_t sent = 0, replayed = 0, resumed = 0, invalid = 0;
  for (unsigned i = 0; i < t->options.sessions; i++) {
    talker *one = &t->talkers[i];
    pthread_mutex_lock(&one->mutex); /* chaos goes on while we count */
    sent += one->sent;
    replayed += one->replayed;
    resumed += one->resumed;
    invalid += one->invalid;
    pthread_mutex_unlock(&one->mutex);
  }
  printf("%s, %u session%s, %.0f s, seed %" PRIu64 ", %u kills: %" PRIu64 " faults, %" PRIu64 " connections\n",
         r->talk.vertex ? "vertex (transparent)" : "gemini (not transparent)", r->talk.sessions, r->talk.sessions == 1 ? "" : "s", (double)ms / 1000,
         r->seed, r->kills, v->faults, v->connections);
  printf("  sent %" PRIu64 ", resumed %" PRIu64 " times, said again %" PRIu64 ", taken back by the service %" PRIu64 ", unreadable %" PRIu64 "\n", sent,
         resumed, replayed, v->cuts, invalid);
  printf("  lost %" PRIu64 ", doubled %" PRIu64 ", out of order %" PRIu64 "; told as lost %" PRIu64 ", lost before a handle came %" PRIu64 "\n", v->lost,
         v->doubled, v->disordered, v->told, v->excused);
}

static bool good(const run *r, const books_verdict *v) {
  if (*v->first || v->doubled || v->disordered) return false;
  return r->talk.vertex ? !v->lost && !v->told : v->lost <= v->told;
}

/* The end of a session is a failure too: chaos draws only what one can survive. */
static void tell_ends(const talk *t) {
  for (unsigned i = 0; i < t->options.sessions; i++) {
    if (!atomic_load(&t->talkers[i].ended)) continue;
    printf("  FAILED: session %u ended: %s\n", i, t->talkers[i].last_words);
    return;
  }
}

/* From the first send to the last message's arrival. True: all is well so far. */
static bool converse(const run *r, talk *t, books *b, service_process *service, samples *s) {
  uint64_t began = watch_now_ms();
  unsigned killed = 0;
  bool up = talk_connect(t, service);
  s->service = service->child.pid;
  if (up) talk_run(t);
  while (up && go_on(r, t, b, began)) {
    sample(s);
    if (kill_is_due(r, b, began, killed)) {
      service_kill(service);
      up = start_service(service, r, ++killed);
      s->service = service->child.pid;
    }
    watch_sleep_ms(20);
  }
  unsigned open = up ? settle(t, b, s) : 0;
  books_verdict v = books_look(b);
  tell(r, t, &v, watch_now_ms() - began);
  if (*v.first) printf("  FAILED: %s\n", v.first);
  if (!r->talk.vertex && v.lost > v.told) printf("  FAILED: %s, and no event told so\n", v.unexplained);
  if (open) printf("  FAILED: %u sessions did not come to their end\n", open);
  tell_ends(t);
  return up && !open && !ended(t) && good(r, &v);
}

static bool play(const run *r, const char *folder) {
  service_process service;
  talk t;
  static samples s;
  vitals before = vitals_of(0);
  s.every_ms = r->seconds > 600 ? 5000 : 250;
  if (!service_prepare(&service, r->program, folder, true)) return false;
  talk_prepare(&t, &r->talk);
  books *b = s.books = books_open(service.ledger, t.talkers, r->talk.sessions, r->talk.vertex, r->keep);
  bool fine = start_service(&service, r, 0) && converse(r, &t, b, &service, &s);
  fine &= talk_end(&t);
  vitals after = vitals_of(0);
  fine &= judge_growth(&s);
  printf("  the emulator: at most %.1f MB\n", (double)s.service_kb / 1024);
  bool whole = service_end(&service);
  if (!whole) printf("  FAILED: the emulator did not end well\n");
  books_close(b);
  talk_free(&t);
  /* The books' own thread and pipe were counted in both. */
  if (after.threads > before.threads + 1) printf("  FAILED: %ld threads are left\n", after.threads - before.threads - 1);
  return fine && whole && after.threads <= before.threads + 1;
}

static void clean(const char *folder) {
  static const char *const names[] = {"ca.pem", "cert.pem", "ledger", "state"};
  char path[128];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  rmdir(folder);
}

int main(int argc, char **argv) {
  run r;
  char folder[] = "/tmp/genai-soak-XXXXXX";
  if (!read_options(&r, argc, argv) || !mkdtemp(folder)) {
    fprintf(stderr, "usage: soak GENAI_LIVE --faults N | --seconds N [--backend vertex|gemini] [--sessions N] [--every MS] [--gap MS] [--kills N] "
                    "[--seed N] [--keep FILE] [--verbose]\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (SOAK_JUDGES_MEMORY) memory_count();
  watch_begin(r.reproduce);
  bool fine = play(&r, folder);
  watch_end();
  clean(folder);
  if (!fine) printf("  again: %s\n", r.reproduce);
  printf("%s\n", fine ? "  well" : "  NOT WELL");
  return fine ? 0 : 1;
}
