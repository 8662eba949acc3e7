#include "emulator/fault.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

typedef enum value_kind { DURATION, NUMBER, TEXT, WORD, RANGE } value_kind;

typedef struct parameter {
  const char *name;
  value_kind kind;
  size_t offset, size; /* TEXT: of its room */
  uint64_t least, most;
} parameter;

#define HOUR_MS (3600 * 1000)
#define DURATION_OF(name, field) {name, DURATION, offsetof(fault, field), 0, 0, 1000 * (uint64_t)HOUR_MS}
#define NUMBER_OF(name, field, least, most) {name, NUMBER, offsetof(fault, field), 0, least, most}

static const parameter when[] = {
    {"connection", RANGE, offsetof(fault, first), 0, 1, UINT32_MAX},
    {"phase", WORD, offsetof(fault, phase), 0, 0, 0},
    NUMBER_OF("turn", turn, 0, UINT32_MAX),
    NUMBER_OF("messages", messages, 0, UINT32_MAX),
    {"bytes", NUMBER, offsetof(fault, bytes), sizeof(uint64_t), 0, INT64_MAX},
    DURATION_OF("after", after_ms),
    NUMBER_OF("times", times, 0, UINT32_MAX),
};

static const parameter what[] = {
    {"how", WORD, offsetof(fault, how), 0, 0, 0},
    DURATION_OF("lead", lead_ms),
    DURATION_OF("end", end_ms),
    DURATION_OF("for", for_ms),
    DURATION_OF("delay", delay_ms),
    NUMBER_OF("code", code, 1000, 4999),
    NUMBER_OF("status", status, 400, 599),
    NUMBER_OF("rate", rate, 1, 1 << 30),
    NUMBER_OF("size", size, 1, 1 << 30),
    NUMBER_OF("count", count, 1, 1 << 30),
    {"reason", TEXT, offsetof(fault, reason), FAULT_REASON_MAX, 0, 0},
    {"text", TEXT, offsetof(fault, text), FAULT_TEXT_MAX, 0, 0},
};

static const char *const phases[] = {"upgrade", "setup", "open", "idle", "turn", "tool", "resumed", "closing", NULL};

/* The words of `how` follow each other as in fault_how, from `first` on; the first is the default. */
static const struct kind {
  const char *name, *takes;
  const char *words[12];
  fault_how first;
  fault defaults;
} kinds[] = {
    [FAULT_GO_AWAY] = {"goAway", "lead end code reason", {0}, 0,
                       {.lead_ms = 10000, .code = 1011, .reason = "Deadline expired before operation could complete."}},
    [FAULT_CLOSE] = {"close", "code reason", {0}, 0, {.code = 1011}},
    [FAULT_DROP] = {"drop", "", {0}, 0, {0}},
    [FAULT_RESET] = {"reset", "", {0}, 0, {0}},
    [FAULT_REFUSE] = {"refuse", "status", {0}, 0, {.status = 503}},
    [FAULT_FREEZE] = {"freeze", "how for", {"both", "in", "out"}, FAULT_BOTH, {.for_ms = FAULT_NEVER}},
    [FAULT_SLOW] = {"slow", "how rate for", {"both", "in", "out"}, FAULT_BOTH, {.rate = 2000, .for_ms = FAULT_NEVER}},
    [FAULT_PONG] = {"pong", "delay for", {0}, 0, {.delay_ms = FAULT_NEVER, .for_ms = FAULT_NEVER}},
    [FAULT_FRAMES] = {"frames", "how size delay for", {"split", "coalesced"}, FAULT_SPLIT,
                      {.size = 100, .delay_ms = 200, .for_ms = FAULT_NEVER}},
    [FAULT_INVALID] = {"invalid", "how", {"truncated", "json", "empty", "utf8", "unknown", "frame"}, FAULT_TRUNCATED, {0}},
    [FAULT_SEND] = {"send", "text", {0}, 0, {0}},
    [FAULT_STALL] = {"stall", "for", {0}, 0, {.for_ms = 10000}},
    [FAULT_BURST] = {"burst", "for", {0}, 0, {.for_ms = FAULT_NEVER}},
    [FAULT_DUPLICATE] = {"duplicate", "for", {0}, 0, {.for_ms = FAULT_NEVER}},
    [FAULT_ANSWER] = {"answer", "how count", {"empty", "none", "silent", "rejected"}, FAULT_ANSWER_EMPTY, {.count = 1}},
    [FAULT_UPDATES] = {"updates", "how delay count code for",
                       {"unresumable", "empty", "stale", "expired", "poisoned", "none", "eager", "lag", "skip", "noIndex", "beyond"},
                       FAULT_UNRESUMABLE,
                       {.delay_ms = 500, .count = 1, .code = 1011, .for_ms = FAULT_NEVER}},
    [FAULT_LINGER] = {"linger", "for", {0}, 0, {.for_ms = 5000}},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *fault_name(const fault *f) { return kinds[f->kind].name; }
const char *fault_names(size_t i) { return i < KINDS ? kinds[i].name : NULL; }

const char *fault_reason(unsigned code) {
  switch (code) {
  case 1007: return "Request contains an invalid argument.";
  case 1008: return "Operation is not implemented, or supported, or enabled.";
  case 1011: return "Internal error encountered.";
  case 1013: return "The service is currently unavailable.";
  default: return "";
  }
}

/* ---- values ---- */

static genai_status wrong(genai_error *error, const char *name, const char *value, const char *right) {
  return error_set(error, GENAI_ERROR_ARGUMENT, "%s is \"%.60s\". Use %s.", name, value, right);
}

/* 500ms, 1.5s, 2m; a number alone is milliseconds. */
static bool read_duration(const char *text, uint64_t most, uint64_t *ms) {
  char *unit;
  if (!strcmp(text, "never")) {
    *ms = FAULT_NEVER;
    return true;
  }
  if (!isdigit((unsigned char)*text)) return false;
  double value = strtod(text, &unit);
  double factor = !*unit || !strcmp(unit, "ms") ? 1 : !strcmp(unit, "s") ? 1000 : !strcmp(unit, "m") ? 60000 : -1;
  if (factor < 0 || value * factor > (double)most) return false;
  *ms = (uint64_t)(value * factor + 0.5);
  return true;
}

static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *value) {
  char *end;
  if (!isdigit((unsigned char)*text)) return false;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return !errno && !*end && *value >= least && *value <= most;
}

/* N, N-M or N- */
static bool read_range(const char *text, unsigned *first, unsigned *last) {
  char copy[24];
  uint64_t from, to = UINT32_MAX;
  size_t size = strcspn(text, "-");
  if (size >= sizeof copy) return false;
  snprintf(copy, sizeof copy, "%.*s", (int)size, text);
  if (!read_number(copy, 1, UINT32_MAX, &from)) return false;
  if (!text[size]) to = from;
  if (text[size] && text[size + 1] && !read_number(text + size + 1, from, UINT32_MAX, &to)) return false;
  *first = (unsigned)from;
  *last = (unsigned)to;
  return true;
}

static int find_word(const char *const *words, const char *word) {
  for (int i = 0; words[i]; i++) {
    if (!strcmp(words[i], word)) return i;
  }
  return -1;
}

static const char *join(char out[200], const char *const *words) {
  size_t used = 0;
  *out = '\0';
  for (size_t i = 0; words[i] && used < 180; i++) used += (size_t)snprintf(out + used, 200 - used, "%s%s", i ? ", " : "", words[i]);
  return out;
}

static genai_status set(fault *f, const parameter *p, const char *value, genai_error *error) {
  void *field = (char *)f + p->offset;
  uint64_t number = 0;
  char list[200];
  const struct kind *kind = &kinds[f->kind];
  bool is_phase = p->offset == offsetof(fault, phase);
  const char *const *words = is_phase ? phases : kind->words;
  int word;
  switch (p->kind) {
  case DURATION:
    if (!read_duration(value, p->most, field)) return wrong(error, p->name, value, "a time such as 300ms, 5s or 2m, or never");
    return GENAI_OK;
  case NUMBER:
    if (!read_number(value, p->least, p->most, &number)) {
      snprintf(list, sizeof list, "a whole number from %" PRIu64 " to %" PRIu64, p->least, p->most);
      return wrong(error, p->name, value, list);
    }
    if (p->size)
      *(uint64_t *)field = number;
    else
      *(unsigned *)field = (unsigned)number;
    return GENAI_OK;
  case RANGE:
    if (!read_range(value, &f->first, &f->last)) return wrong(error, p->name, value, "a number, or a range as 2-5 or 2-");
    return GENAI_OK;
  case TEXT:
    if (strlen(value) >= p->size)
      return error_set(error, GENAI_ERROR_ARGUMENT, "%s is longer than %zu bytes.", p->name, p->size - 1);
    memcpy(field, value, strlen(value) + 1);
    return GENAI_OK;
  case WORD: break;
  }
  word = find_word(words, value);
  if (word < 0) return wrong(error, p->name, value, join(list, words));
  if (is_phase)
    f->phase = (fault_phase)word;
  else
    f->how = (fault_how)(kind->first + word);
  return GENAI_OK;
}

/* ---- objects ---- */

static bool takes(const struct kind *kind, const char *name) {
  size_t size = strlen(name);
  for (const char *at = kind->takes; *at; at += strspn(at, " ")) {
    size_t word = strcspn(at, " ");
    if (word == size && !memcmp(at, name, size)) return true;
    at += word;
  }
  return false;
}

static const parameter *find_parameter(const struct kind *kind, const char *name) {
  for (size_t i = 0; i < sizeof when / sizeof *when; i++) {
    if (!strcmp(when[i].name, name)) return &when[i];
  }
  for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
    if (!strcmp(what[i].name, name) && takes(kind, name)) return &what[i];
  }
  return NULL;
}

static genai_status read_kind(fault *f, json_t *object, genai_error *error) {
  const char *name = json_string_value(json_object_get(object, "do"));
  char list[400] = "";
  size_t i = 0, used = 0;
  for (; name && i < KINDS; i++) {
    if (!strcmp(kinds[i].name, name)) break;
  }
  if (name && i < KINDS) {
    *f = kinds[i].defaults;
    f->kind = (fault_kind)i;
    f->how = kinds[i].first;
    f->first = 1;
    f->last = UINT32_MAX;
    f->phase = f->kind == FAULT_REFUSE ? FAULT_UPGRADE : FAULT_OPEN;
    return GENAI_OK;
  }
  for (i = 0; i < KINDS; i++) used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", kinds[i].name);
  return error_set(error, GENAI_ERROR_ARGUMENT, "There is no fault \"%.40s\". There are %s.", name ? name : "", list);
}

/* What a close frame may carry (RFC 6455 section 7.4, IANA's registry). */
static bool may_close_with(unsigned code) {
  return code <= 1003 || (code >= 1007 && code <= 1014) || code >= 3000;
}

/* What a fault needs beside single values. */
static genai_status check(const fault *f, genai_error *error) {
  const char *name = fault_name(f);
  if (f->kind == FAULT_REFUSE && f->phase != FAULT_UPGRADE)
    return error_set(error, GENAI_ERROR_ARGUMENT, "An upgrade can be refused in the phase upgrade alone.");
  bool at_door = f->kind == FAULT_REFUSE || f->kind == FAULT_CLOSE || f->kind == FAULT_DROP || f->kind == FAULT_RESET ||
                 f->kind == FAULT_FREEZE || f->kind == FAULT_SLOW;
  if (f->phase == FAULT_UPGRADE && !at_door)
    return error_set(error, GENAI_ERROR_ARGUMENT, "%s needs a session; the phase upgrade comes before it.", name);
  if (f->phase == FAULT_UPGRADE && (f->turn || f->messages || f->bytes))
    return error_set(error, GENAI_ERROR_ARGUMENT, "In the phase upgrade there are no turns, messages or bytes to wait for.");
  if (f->code && !may_close_with(f->code))
    return error_set(error, GENAI_ERROR_ARGUMENT, "A close frame cannot carry %u. For 1006, a lost connection, use drop.", f->code);
  if (f->kind == FAULT_SEND && !*f->text)
    return error_set(error, GENAI_ERROR_ARGUMENT, "send needs the message: text=JSON.");
  if (f->after_ms == FAULT_NEVER || f->lead_ms == FAULT_NEVER)
    return error_set(error, GENAI_ERROR_ARGUMENT, "Only end, for and delay can be never.");
  return GENAI_OK;
}

genai_status fault_read(fault *f, json_t *object, genai_error *error) {
  const char *key, *text;
  json_t *value;
  if (!json_is_object(object)) return error_set(error, GENAI_ERROR_ARGUMENT, "A step is an object: {\"do\": \"goAway\", …}.");
  genai_status status = read_kind(f, object, error);
  if (status) return status;
  bool ends = false, reasoned = false, coded = false;
  json_object_foreach(object, key, value) {
    char number[32];
    if (!strcmp(key, "do")) continue;
    const parameter *p = find_parameter(&kinds[f->kind], key);
    if (!p)
      return error_set(error, GENAI_ERROR_ARGUMENT, "%s has no \"%.40s\". It takes %s%sconnection, phase, turn, messages, bytes, after, times.",
                       fault_name(f), key, kinds[f->kind].takes, *kinds[f->kind].takes ? "; and when: " : "");
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    text = json_is_string(value) ? json_string_value(value) : json_is_integer(value) ? number : NULL;
    if (!text || strlen(text) != (json_is_string(value) ? json_string_length(value) : strlen(text)))
      return error_set(error, GENAI_ERROR_ARGUMENT, "%s is neither a text nor a whole number.", key);
    status = set(f, p, text, error);
    if (status) return status;
    ends = ends || !strcmp(key, "end");
    reasoned = reasoned || !strcmp(key, "reason");
    coded = coded || !strcmp(key, "code");
  }
  if (!ends) f->end_ms = f->lead_ms;
  if (!reasoned && (coded || f->kind == FAULT_CLOSE)) snprintf(f->reason, sizeof f->reason, "%s", fault_reason(f->code));
  return check(f, error);
}

/* ---- lines ---- */

/* The next word at *line, without the quotes around its value; false at the end. */
static bool next_word(const char **line, char word[FAULT_LINE_MAX]) {
  size_t used = 0;
  bool quoted = false;
  *line += strspn(*line, " \t");
  if (!**line) return false;
  for (; **line && (quoted || !strchr(" \t", **line)) && used < FAULT_LINE_MAX - 1; (*line)++) {
    if (**line == '"' && (quoted || (used && word[used - 1] == '='))) {
      quoted = !quoted;
      continue;
    }
    if (quoted && **line == '\\' && (*line)[1]) (*line)++;
    word[used++] = **line;
  }
  word[used] = '\0';
  return true;
}

static bool add_word(json_t *object, const char *word) {
  char name[40];
  size_t size = strcspn(word, "=");
  if (!json_object_size(object)) return !json_object_set_new(object, "do", json_string(word));
  if (!word[size]) return !json_object_set_new(object, "how", json_string(word));
  if (size >= sizeof name) return false;
  snprintf(name, sizeof name, "%.*s", (int)size, word);
  return !json_object_set_new(object, name, json_string(word + size + 1));
}

genai_status fault_parse(fault *f, const char *line, genai_error *error) {
  char word[FAULT_LINE_MAX];
  json_t *object = json_object();
  genai_status status = GENAI_OK;
  if (strlen(line) >= FAULT_LINE_MAX)
    status = error_set(error, GENAI_ERROR_ARGUMENT, "A fault has at most %d bytes.", FAULT_LINE_MAX - 1);
  while (!status && next_word(&line, word)) {
    if (!add_word(object, word))
      status = error_set(error, GENAI_ERROR_ARGUMENT, "\"%.40s\" is not NAME=VALUE in UTF-8.", word);
  }
  if (!status) status = fault_read(f, object, error);
  json_decref(object);
  return status;
}
