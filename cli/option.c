#include "cli/option.h"

#include <string.h>

#include "base/number.h"

/* Walks every option of a table: for (option_cursor c = {table}; (o = option_next(&c)) != NULL;) */
typedef struct option_cursor {
  option_table group;
  size_t index;
} option_cursor;

static const option *option_next(option_cursor *c) {
  for (; *c->group != NULL; c->group++, c->index = 0) {
    if (c->index < (*c->group)->count) return &(*c->group)->options[c->index++];
  }
  return NULL;
}

static void *field_of(const option *o, void *settings) { return (char *)settings + o->offset; }

void options_init(option_table table, void *settings) {
  const option *o;
  for (option_cursor c = {table, 0}; (o = option_next(&c)) != NULL;) {
    switch (o->kind) {
    case OPTION_FLAG: *(bool *)field_of(o, settings) = false; break;
    case OPTION_TEXT:
    case OPTION_CHOICE: *(const char **)field_of(o, settings) = o->initial_text; break;
    case OPTION_NUMBER:
    case OPTION_SECONDS: *(int64_t *)field_of(o, settings) = o->initial; break;
    case OPTION_LIST: ((text_list *)field_of(o, settings))->count = 0; break;
    }
  }
}

const option *option_find(option_table table, const char *name, size_t size) {
  const option *o;
  for (option_cursor c = {table, 0}; (o = option_next(&c)) != NULL;) {
    if (strlen(o->name) == size && memcmp(o->name, name, size) == 0) return o;
  }
  return NULL;
}

static const option *find_letter(option_table table, char letter) {
  const option *o;
  for (option_cursor c = {table, 0}; (o = option_next(&c)) != NULL;) {
    if (o->letter == letter) return o;
  }
  return NULL;
}

enum { WORD_MAX = 64 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

size_t word_distance(const char *a, size_t a_size, const char *b) {
  size_t b_size = strlen(b), rows[3][WORD_MAX + 1];
  if (a_size > WORD_MAX || b_size > WORD_MAX) return SIZE_MAX;
  for (size_t j = 0; j <= b_size; j++) rows[0][j] = j;
  for (size_t i = 1; i <= a_size; i++) {
    size_t *now = rows[i % 3], *up = rows[(i + 2) % 3], *upper = rows[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= b_size; j++) {
      now[j] = least(least(up[j], now[j - 1]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = least(now[j], upper[j - 2] + 1);
    }
  }
  return rows[a_size % 3][b_size];
}

bool word_near(size_t distance, size_t size) { return distance <= (size < 6 ? 1 + size / 4 : size / 3); }

const char *option_nearest(option_table table, const char *name, size_t size) {
  const option *o;
  const char *best = NULL;
  size_t best_distance = SIZE_MAX;
  for (option_cursor c = {table, 0}; (o = option_next(&c)) != NULL;) {
    size_t distance = word_distance(name, size, o->name);
    if (distance < best_distance) best = o->name, best_distance = distance;
  }
  return word_near(best_distance, size) ? best : NULL;
}

static bool is_choice(const char *choices, const char *word) {
  size_t size = strlen(word);
  for (const char *at = choices; size > 0 && (at = strstr(at, word)) != NULL; at += size) {
    if ((at == choices || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0')) return true;
  }
  return false;
}

/* The number must be written in full: no sign but minus, no spaces, no hexadecimal. */
static bool store_number(const option *o, const char *text, int64_t *field, buf *problem) {
  int64_t value = 0;
  double seconds = 0;
  bool fine = o->kind == OPTION_NUMBER ? number_read_int64(text, strlen(text), &value)
                                       : number_read_double(text, strlen(text), &seconds);
  if (fine && o->kind == OPTION_SECONDS) {
    fine = seconds >= 0 && seconds <= 1e9;
    if (fine) value = (int64_t)(seconds * 1000 + 0.5);
  }
  if (!fine) {
    buf_format(problem, "--%s wants a number, not \"%s\".", o->name, text);
    return false;
  }
  if (value < o->minimum || value > o->maximum) {
    double unit = o->kind == OPTION_SECONDS ? 1000 : 1;
    buf_format(problem, "--%s must be between %g and %.12g, not %s.", o->name, (double)o->minimum / unit,
               (double)o->maximum / unit, text);
    return false;
  }
  *field = value;
  return true;
}

static bool store(const option *o, const char *text, void *settings, buf *problem) {
  void *field = field_of(o, settings);
  text_list *list = field;
  switch (o->kind) {
  case OPTION_FLAG: *(bool *)field = true; return true;
  case OPTION_TEXT: *(const char **)field = text; return true;
  case OPTION_NUMBER:
  case OPTION_SECONDS: return store_number(o, text, field, problem);
  case OPTION_CHOICE:
    if (is_choice(o->choices, text)) {
      *(const char **)field = text;
      return true;
    }
    buf_format(problem, "--%s does not know \"%s\"; it takes one of: %s.", o->name, text, o->choices);
    return false;
  case OPTION_LIST:
    if (list->count < TEXT_LIST_MAX) {
      list->items[list->count++] = text;
      return true;
    }
    buf_format(problem, "--%s may be given at most %d times.", o->name, TEXT_LIST_MAX);
    return false;
  }
  return false;
}

/* The value after an option, in the next argument. A word that looks like an option is no value: `--in --out x` is a slip. */
static bool store_next(const option *o, int argc, char **argv, int *index, void *settings, buf *problem) {
  const char *next = *index + 1 < argc ? argv[*index + 1] : NULL;
  if (next == NULL) {
    buf_format(problem, "--%s needs a value: --%s %s.", o->name, o->name, o->value);
    return false;
  }
  if (strncmp(next, "--", 2) == 0) {
    buf_format(problem, "--%s needs a value, but \"%s\" follows; write --%s=%s if that is the value.", o->name, next,
               o->name, next);
    return false;
  }
  ++*index;
  return store(o, next, settings, problem);
}

static bool parse_long(option_table table, int argc, char **argv, int *index, void *settings, buf *problem) {
  const char *name = argv[*index] + 2, *value = strchr(name, '=');
  size_t size = value != NULL ? (size_t)(value++ - name) : strlen(name);
  const option *o = option_find(table, name, size);
  if (o == NULL) {
    const char *nearest = option_nearest(table, name, size);
    buf_format(problem, "There is no option --%.*s", (int)least(size, 200), name);
    buf_format(problem, nearest != NULL ? "; did you mean --%s?" : "%s.", nearest != NULL ? nearest : "");
    return false;
  }
  if (o->kind == OPTION_FLAG && value != NULL) {
    buf_format(problem, "--%s takes no value.", o->name);
    return false;
  }
  if (o->kind == OPTION_FLAG || value != NULL) return store(o, value, settings, problem);
  return store_next(o, argc, argv, index, settings, problem);
}

/* Letters may stand together (-jv); a value may follow its letter at once (-m NAME, -mNAME). */
static bool parse_letters(option_table table, int argc, char **argv, int *index, void *settings, buf *problem) {
  for (const char *letter = argv[*index] + 1; *letter != '\0'; letter++) {
    const option *o = find_letter(table, *letter);
    if (o == NULL) {
      buf_format(problem, "There is no option -%c.", *letter);
      return false;
    }
    if (o->kind != OPTION_FLAG) {
      if (letter[1] == '\0') return store_next(o, argc, argv, index, settings, problem);
      return store(o, letter + 1, settings, problem);
    }
    if (!store(o, NULL, settings, problem)) return false;
  }
  return true;
}

bool options_parse(option_table table, int argc, char **argv, void *settings, operands *rest, buf *problem) {
  bool options = true;
  for (int i = 0; i < argc; i++) {
    const char *word = argv[i];
    if (options && strcmp(word, "--") == 0) {
      options = false;
    } else if (options && strncmp(word, "--", 2) == 0) {
      if (!parse_long(table, argc, argv, &i, settings, problem)) return false;
    } else if (options && word[0] == '-' && word[1] != '\0') {
      if (!parse_letters(table, argc, argv, &i, settings, problem)) return false;
    } else if (rest->count < OPERANDS_MAX) {
      rest->items[rest->count++] = word;
    } else {
      buf_format(problem, "There are too many arguments; \"%s\" is one too many.", word);
      return false;
    }
  }
  return true;
}
