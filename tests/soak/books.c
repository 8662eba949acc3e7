/* The books: what each conversation holds, by the ledger's own rules (docs/emulator.md): begin empties it, resume cuts it to a
 * position, took appends. What is old enough never to be cut again is judged and forgotten, so that a long run costs no memory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/thread.h"
#include "soak.h"

/* OPEN: so many entries of a conversation may still be cut; one of many sessions says less in the same time. */
enum { BOOKS_MAX = 1 << 16, OPEN_ALONE = 6000, OPEN_OF_MANY = 1500, LINE_MAX_BYTES = 1 << 20, TOOLS_KEPT = 512 };

typedef enum entry_kind { ENTRY_OTHER, ENTRY_NUMBERED, ENTRY_MARK, ENTRY_TOOL } entry_kind;

typedef struct entry {
  uint8_t kind, script; /* NUMBERED: script is its class; MARK: its kind */
  uint32_t n;
  uint64_t id;          /* TOOL */
} entry;

/* One conversation of the service. */
typedef struct book {
  int owner;             /* a talker's number; -1: not known yet */
  uint64_t first;        /* the position before the first entry */
  size_t count;
  uint32_t last[CLASSES]; /* judged: the last number of each class */
  unsigned tool_count;
  uint64_t tools[TOOLS_KEPT]; /* a ring of answers that were judged */
  entry entries[];            /* room for open_max */
} book;

struct books {
  pthread_mutex_t mutex;
  pthread_t thread;
  atomic_bool over;
  int fd, keeper; /* the pipe, and our own end to write to it, so that it never ends */
  FILE *keep;
  talker *talkers;
  unsigned count;
  size_t open_max;
  bool transparent;
  book **all;      /* by conversation */
  book **current;  /* by talker */
  book **spare;    /* for the conversations to come, one a talker, in use already: they must not look like growth */
  unsigned spare_count;
  char *text;      /* what was read of the pipe, LINE_MAX_BYTES */
  size_t size;
  books_verdict verdict;
};

/* ---- judging ---- */

__attribute__((format(printf, 2, 3))) static void note(books *b, const char *format, ...) {
  va_list arguments;
  if (*b->verdict.first) return;
  va_start(arguments, format);
  vsnprintf(b->verdict.first, sizeof b->verdict.first, format, arguments);
  va_end(arguments);
}

/* A number that is not there: sent before the handle that was resumed came, and not in its state. */
static bool in_window(const talker *t, script_class class, uint32_t n) {
  unsigned kept = t->window_count < WINDOWS ? t->window_count : WINDOWS;
  for (unsigned i = 0; i < kept; i++) {
    if (n > t->windows[i].low[class] && n <= t->windows[i].high) return true;
  }
  return false;
}

static void miss(books *b, talker *t, script_class class, uint32_t n) {
  if (!b->transparent && in_window(t, class, n)) {
    b->verdict.excused++;
    return;
  }
  b->verdict.lost++;
  if (b->transparent) note(b, "session %u: message %" PRIu32 " is lost", t->number, n);
  else if (!*b->verdict.unexplained)
    snprintf(b->verdict.unexplained, sizeof b->verdict.unexplained, "session %u: message %" PRIu32 " is not there", t->number, n);
}

/* Everything of the class between the last one judged and this one. */
static void miss_between(books *b, talker *t, book *of, script_class class, uint32_t n) {
  for (uint32_t at = of->last[class] + 1; at < n; at++) {
    script_kind kind = script_at(t->flavour, at);
    if (script_class_of(kind) == class && (script_numbered(kind) || b->transparent)) miss(b, t, class, at);
  }
}

static void judge_number(books *b, talker *t, book *of, script_class class, uint32_t n) {
  if (n <= of->last[class]) {
    b->verdict.doubled++;
    note(b, "session %u: message %" PRIu32 " came after %" PRIu32 ": doubled, or out of order", t->number, n, of->last[class]);
    return;
  }
  miss_between(b, t, of, class, n);
  of->last[class] = n;
}

/* Marks have no numbers: where nothing may be missing each is the next of its class. */
static void judge_mark(books *b, talker *t, book *of, script_kind kind) {
  if (!b->transparent) return;
  uint32_t n = script_after(t->flavour, SCRIPT_REAL_TIME, of->last[SCRIPT_REAL_TIME]);
  if (script_at(t->flavour, n) == kind) {
    of->last[SCRIPT_REAL_TIME] = n;
    return;
  }
  b->verdict.disordered++;
  note(b, "session %u: a mark of kind %d stands where message %" PRIu32 " should", t->number, (int)kind, n);
}

static void judge_tool(books *b, talker *t, book *of, uint64_t id) {
  for (unsigned i = 0; i < TOOLS_KEPT; i++) {
    if (of->tools[i] != id) continue;
    b->verdict.doubled++;
    note(b, "session %u: a function's answer came twice", t->number);
  }
  of->tools[of->tool_count++ % TOOLS_KEPT] = id;
  for (unsigned i = 0; i < CALLS_KEPT; i++) t->calls[i].taken |= t->calls[i].id == id;
}

/* The oldest `count` entries; the talker's mutex is held. */
static void fold(books *b, talker *t, book *of, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const entry *e = &of->entries[i];
    if (e->kind == ENTRY_NUMBERED) judge_number(b, t, of, (script_class)e->script, e->n);
    if (e->kind == ENTRY_MARK) judge_mark(b, t, of, (script_kind)e->script);
    if (e->kind == ENTRY_TOOL) judge_tool(b, t, of, e->id);
  }
  memmove(of->entries, of->entries + count, (of->count - count) * sizeof *of->entries);
  of->count -= count;
  of->first += count;
}

static void judge_calls(books *b, talker *t) {
  for (unsigned i = 0; i < CALLS_KEPT; i++) {
    const talk_call *call = &t->calls[i];
    if (!call->id || !call->answered || call->gone || call->taken) continue;
    if (!b->transparent) {
      b->verdict.excused++;
      continue;
    }
    b->verdict.lost++;
    note(b, "session %u: the answer to the call %s is lost (%u of %u handles)", t->number, call->text, call->adopted, t->adopted);
  }
}

static void settle(books *b, talker *t, book *of) {
  fold(b, t, of, of->count);
  for (int class = 0; class < CLASSES; class++) {
    uint32_t last = script_last(t->flavour, (script_class)class, t->sent);
    if (of->last[class] < last) miss_between(b, t, of, (script_class)class, last + 1);
  }
  judge_calls(b, t);
  b->verdict.told += t->lost_told;
  t->judged = true;
}

/* ---- reading ---- */

static uint64_t number_of(json_t *record, const char *name) { return (uint64_t)json_integer_value(json_object_get(record, name)); }
static const char *text_of(json_t *record, const char *name) {
  const char *text = json_string_value(json_object_get(record, name));
  return text ? text : "";
}

/* All of it is written to, so that it counts as memory now and not little by little. */
static void *take_memory(books *b, size_t size) {
  void *memory = malloc(size);
  if (!memory) abort();
  memset(memory, 1, size);
  b->size += size;
  return memory;
}

static book *new_book(books *b) { return take_memory(b, sizeof(book) + b->open_max * sizeof(entry)); }

static void empty(book *of) {
  of->owner = -1;
  of->first = 0;
  of->count = of->tool_count = 0;
  memset(of->last, 0, sizeof of->last);
  memset(of->tools, 0, sizeof of->tools);
}

static book *book_of(books *b, json_t *record) {
  uint64_t conversation = number_of(record, "conversation");
  if (conversation >= BOOKS_MAX) return NULL;
  book **of = &b->all[conversation];
  if (!*of) {
    *of = b->spare_count ? b->spare[--b->spare_count] : new_book(b);
    empty(*of);
  }
  return *of;
}

static script_kind mark_of(const char *kind) {
  return !strcmp(kind, "activityStart") ? SCRIPT_START : !strcmp(kind, "activityEnd") ? SCRIPT_END : SCRIPT_STREAM_END;
}

static entry entry_of(books *b, book *of, json_t *record) {
  const char *kind = text_of(record, "kind");
  entry e = {0};
  unsigned number = 0;
  bool numbered = script_read_text(text_of(record, "text"), &number, &e.n) || script_read_head(text_of(record, "head"), &number, &e.n);
  if (numbered && number < b->count) {
    e.kind = ENTRY_NUMBERED;
    e.script = !strcmp(kind, "audio") ? SCRIPT_REAL_TIME : SCRIPT_TURNS;
    of->owner = (int)number;
  } else if (!strcmp(kind, "toolResponse")) {
    e.kind = ENTRY_TOOL;
    e.id = script_hash(json_string_value(json_array_get(json_object_get(record, "ids"), 0)));
  } else if (!strcmp(kind, "activityStart") || !strcmp(kind, "activityEnd") || !strcmp(kind, "audioStreamEnd")) {
    e.kind = ENTRY_MARK;
    e.script = mark_of(kind);
  }
  return e;
}

static void take(books *b, json_t *record) {
  book *of = book_of(b, record);
  if (!of) return;
  b->verdict.taken++;
  if (of->count == b->open_max) {
    note(b, "a conversation of nobody holds %zu messages", of->count);
    return;
  }
  of->entries[of->count++] = entry_of(b, of, record);
  talker *t = of->owner < 0 ? NULL : &b->talkers[of->owner];
  bool follows = of->first + of->count == number_of(record, "position");
  if (t) pthread_mutex_lock(&t->mutex);
  if (t) b->current[of->owner] = of;
  if (t && t->judged) of->count = 0; /* over */
  else if (!follows) note(b, "the ledger's position %" PRIu64 " does not follow", number_of(record, "position"));
  if (t && of->count == b->open_max) fold(b, t, of, of->count / 2);
  if (t) pthread_mutex_unlock(&t->mutex);
}

/* What is left in each class is where the client's next numbers follow on. */
static void note_cut(books *b, book *of) {
  talker *t = &b->talkers[of->owner];
  pthread_mutex_lock(&t->mutex);
  memcpy(t->cut, of->last, sizeof t->cut);
  for (size_t i = 0; i < of->count; i++) {
    if (of->entries[i].kind == ENTRY_NUMBERED) t->cut[of->entries[i].script] = of->entries[i].n;
  }
  pthread_mutex_unlock(&t->mutex);
}

static void cut(books *b, json_t *record) {
  book *of = book_of(b, record);
  uint64_t position = number_of(record, "position");
  b->verdict.connections++;
  b->verdict.resumptions++;
  if (!of || (of->owner >= 0 && b->talkers[of->owner].judged)) return;
  if (position < of->first || position > of->first + of->count) {
    note(b, "a conversation was resumed at position %" PRIu64 " of %" PRIu64 " to %" PRIu64, position, of->first, of->first + of->count);
    return;
  }
  b->verdict.cuts += of->first + of->count - position;
  of->count = (size_t)(position - of->first);
  if (of->owner >= 0) note_cut(b, of);
}

static void begin(books *b, json_t *record) {
  book *of = book_of(b, record);
  b->verdict.connections++;
  if (of) empty(of);
}

static void read_record(books *b, const char *line) {
  if (strstr(line, "\"event\":\"sent\"")) return; /* most lines, and nothing that the proof needs */
  json_t *record = json_loads(line, 0, NULL);
  const char *event = text_of(record, "event");
  pthread_mutex_lock(&b->mutex);
  if (!strcmp(event, "took")) take(b, record);
  if (!strcmp(event, "resume")) cut(b, record);
  if (!strcmp(event, "begin")) begin(b, record);
  b->verdict.faults += !strcmp(event, "fault");
  pthread_mutex_unlock(&b->mutex);
  json_decref(record);
}

static void *read_lines(void *user) {
  books *b = user;
  size_t used = 0;
  char *text = b->text;
  while (!atomic_load(&b->over)) {
    struct pollfd ready = {.fd = b->fd, .events = POLLIN};
    if (poll(&ready, 1, 50) <= 0) continue;
    ssize_t got = read(b->fd, text + used, LINE_MAX_BYTES - used - 1);
    if (got <= 0) continue;
    if (b->keep) fwrite(text + used, 1, (size_t)got, b->keep);
    used += (size_t)got;
    text[used] = '\0';
    char *at = text;
    for (char *end; (end = strchr(at, '\n')); at = end + 1) {
      *end = '\0';
      read_record(b, at);
    }
    used -= (size_t)(at - text);
    memmove(text, at, used);
    if (used == LINE_MAX_BYTES - 1) used = 0;
  }
  return NULL;
}

/* ---- face ---- */

books *books_open(const char *path, talker *talkers, unsigned count, bool transparent, const char *keep) {
  books *b = calloc(1, sizeof *b);
  if (!b) abort();
  b->talkers = talkers;
  b->count = count;
  b->transparent = transparent;
  b->open_max = count == 1 ? OPEN_ALONE : OPEN_OF_MANY;
  b->all = take_memory(b, BOOKS_MAX * sizeof *b->all);
  for (size_t i = 0; i < BOOKS_MAX; i++) b->all[i] = NULL;
  b->current = take_memory(b, count * sizeof *b->current);
  b->spare = take_memory(b, count * sizeof *b->spare);
  for (unsigned i = 0; i < count; i++) {
    b->current[i] = NULL;
    b->spare[i] = new_book(b);
  }
  b->spare_count = count;
  b->text = take_memory(b, LINE_MAX_BYTES);
  b->size += count * sizeof *talkers;
  b->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  b->keeper = open(path, O_WRONLY | O_CLOEXEC);
  b->keep = keep ? fopen(keep, "we") : NULL;
  pthread_mutex_init(&b->mutex, NULL);
  if (b->fd < 0 || b->keeper < 0 || net_thread_start(&b->thread, read_lines, b)) abort();
  return b;
}

void books_close(books *b) {
  atomic_store(&b->over, true);
  pthread_join(b->thread, NULL);
  close(b->fd);
  close(b->keeper);
  if (b->keep) fclose(b->keep);
  for (size_t i = 0; i < BOOKS_MAX; i++) free(b->all[i]);
  while (b->spare_count) free(b->spare[--b->spare_count]);
  free(b->spare);
  free(b->text);
  free(b->all);
  free(b->current);
  pthread_mutex_destroy(&b->mutex);
  free(b);
}

books_verdict books_look(books *b) {
  pthread_mutex_lock(&b->mutex);
  books_verdict verdict = b->verdict;
  pthread_mutex_unlock(&b->mutex);
  return verdict;
}

size_t books_size(books *b) {
  pthread_mutex_lock(&b->mutex);
  size_t size = b->size;
  pthread_mutex_unlock(&b->mutex);
  return size;
}

/* Whether the last number of each class is there, and every answer whose call the service still knows. */
static bool is_whole(const books *b, const talker *t, const book *of) {
  uint32_t last[CLASSES];
  memcpy(last, of->last, sizeof last);
  for (size_t i = 0; i < of->count; i++) {
    const entry *e = &of->entries[i];
    if (e->kind == ENTRY_NUMBERED) last[e->script] = e->n;
  }
  for (int class = 0; class < CLASSES; class++) {
    if (last[class] != script_last(t->flavour, (script_class)class, t->sent)) return false;
  }
  for (unsigned i = 0; i < CALLS_KEPT && b->transparent; i++) {
    const talk_call *call = &t->calls[i];
    bool found = !call->id || !call->answered || call->gone || call->taken;
    for (size_t k = 0; k < of->count && !found; k++) found = of->entries[k].kind == ENTRY_TOOL && of->entries[k].id == call->id;
    if (!found) return false;
  }
  return true;
}

bool books_settle(books *b, talker *t) {
  pthread_mutex_lock(&b->mutex);
  pthread_mutex_lock(&t->mutex);
  book *of = b->current[t->number];
  bool whole = t->judged || (of && is_whole(b, t, of));
  if (whole && !t->judged) settle(b, t, of);
  pthread_mutex_unlock(&t->mutex);
  pthread_mutex_unlock(&b->mutex);
  return whole;
}

void books_give_up(books *b, talker *t) {
  static const book none;
  book empty = none;
  pthread_mutex_lock(&b->mutex);
  pthread_mutex_lock(&t->mutex);
  if (!t->judged) settle(b, t, b->current[t->number] ? b->current[t->number] : &empty);
  pthread_mutex_unlock(&t->mutex);
  pthread_mutex_unlock(&b->mutex);
}
