/* The texts made from the tables: short help, a subcommand's help, the man page. All go to standard output unless said. */
#ifndef GENAI_CLI_HELP_H
#define GENAI_CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

/* `genai-live` alone: what it is and its subcommands. */
void help_short(FILE *file);
void help_command(FILE *file, const command *c);
/* genai-live(1) as roff. */
void help_manual(FILE *file);

extern const char help_tagline[];
/* The environment variables that are read: name, meaning; ended by a NULL name. */
typedef struct help_entry {
  const char *name, *text;
} help_entry;
extern const help_entry help_environment[], help_statuses[];

#endif
