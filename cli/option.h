/* Options as data: one table a subcommand, from which the parser, --help and the man page work. */
#ifndef GENAI_CLI_OPTION_H
#define GENAI_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* What an option's value is and which C type its field has:
 *   FLAG     bool           no value
 *   TEXT     const char *
 *   NUMBER   int64_t        minimum..maximum
 *   SECONDS  int64_t        milliseconds; written as seconds with an optional fraction; minimum..maximum in ms
 *   CHOICE   const char *   one of the words in `choices`, separated by spaces
 *   LIST     text_list      may be repeated */
typedef enum option_kind {
  OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER, OPTION_SECONDS, OPTION_CHOICE, OPTION_LIST
} option_kind;

enum { TEXT_LIST_MAX = 64 };

typedef struct text_list {
  const char *items[TEXT_LIST_MAX];
  size_t count;
} text_list;

typedef struct option {
  const char *name;           /* without the dashes */
  char letter;                /* short alias, or 0 */
  option_kind kind;
  const char *value;          /* what stands for the value in the help: FILE, MS */
  size_t offset;              /* of the field in `settings` */
  int64_t minimum, maximum;   /* NUMBER and SECONDS */
  int64_t initial;            /* NUMBER and SECONDS: the default; said in the help unless it is 0 */
  const char *initial_text;   /* TEXT and CHOICE: the default, or NULL */
  const char *choices;        /* CHOICE */
  const char *help;           /* whole sentences without markup */
} option;

/* A part of a table that several subcommands share. */
typedef struct option_group {
  const char *title; /* "Session" */
  const option *options;
  size_t count;
} option_group;

#define OPTION_GROUP(title, table) {title, table, sizeof(table) / sizeof((table)[0])}

/* A subcommand's whole table: its groups, ended by NULL. */
typedef const option_group *const *option_table;

enum { OPERANDS_MAX = 8 };

typedef struct operands {
  const char *items[OPERANDS_MAX];
  size_t count;
} operands;

/* Sets every field of the table to its default. */
void options_init(option_table table, void *settings);
/* Parses argv[0..argc): options into `settings`, the rest into `operands`; `--` ends the options. False with a sentence
 * in `problem`. */
bool options_parse(option_table table, int argc, char **argv, void *settings, operands *rest, buf *problem);
const option *option_find(option_table table, const char *name, size_t size);
/* The name in the table that is nearest to `name`, or NULL when none is near. */
const char *option_nearest(option_table table, const char *name, size_t size);

/* How far two words are apart: insertions, deletions, replacements and swaps of neighbours. Words over 64 bytes are far
 * from everything. */
size_t word_distance(const char *a, size_t a_size, const char *b);
/* Whether `distance` is near enough for a word of `size` bytes to be a slip of the other. */
bool word_near(size_t distance, size_t size);

#endif
