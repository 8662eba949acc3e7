/* genai-live: finds the subcommand, parses its options, runs it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/output.h"

const command *const commands[] = {
    &talk_command, &chat_command, &music_command, &token_command, &setup_command, &encode_command, &decode_command,
    &emulate_command, &bench_command, NULL,
};

static const option general_table[] = {
    {.name = "help", .letter = 'h', .offset = offsetof(settings, help), .help = "Show this help."},
};
const option_group general_options = OPTION_GROUP("General", general_table);

const command *command_find(const char *name) {
  for (const command *const *c = commands; *c != NULL; c++) {
    if (strcmp((*c)->name, name) == 0) return *c;
  }
  return NULL;
}

static exit_status unknown_command(const char *name) {
  const char *nearest = NULL;
  size_t size = strlen(name), best = SIZE_MAX;
  for (const command *const *c = commands; *c != NULL; c++) {
    size_t distance = word_distance(name, size, (*c)->name);
    if (distance < best) nearest = (*c)->name, best = distance;
  }
  if (word_near(best, size)) say("There is no command \"%s\"; did you mean %s?", name, nearest);
  else say("There is no command \"%s\"; `genai-live help` lists them.", name);
  return STATUS_USAGE;
}

static exit_status help(int count, char **names) {
  if (count == 0) {
    help_short(stdout);
    return STATUS_OK;
  }
  const command *c = command_find(names[0]);
  if (c == NULL) return unknown_command(names[0]);
  help_command(stdout, c);
  return STATUS_OK;
}

static bool check_operands(const command *c, const operands *rest) {
  if (rest->count < c->operands_min) say("%s needs %s.", c->name, c->operands);
  else if (rest->count > c->operands_max) say("\"%s\" is one argument too many.", rest->items[c->operands_max]);
  else return true;
  return false;
}

static exit_status run(const command *c, int argc, char **argv) {
  settings s = {0};
  exit_status status = STATUS_USAGE;
  buf problem;
  buf_init(&problem, 4096);
  options_init(c->options, &s);
  bool parsed = options_parse(c->options, argc, argv, &s, &s.rest, &problem);
  const char *text = buf_cstr(&problem);
  if (s.help) {
    help_command(stdout, c);
    status = STATUS_OK;
  } else if (!parsed) {
    say("%s", text != NULL ? text : "The options could not be read.");
  } else if (check_operands(c, &s.rest)) {
    status = c->run(&s);
    buf_deinit(&problem);
    return status;
  }
  if (status == STATUS_USAGE) fprintf(stderr, "`genai-live %s --help` tells what there is.\n", c->name);
  buf_deinit(&problem);
  return status;
}

static exit_status dispatch(int argc, char **argv) {
  if (argc < 2) {
    help_short(stderr);
    return STATUS_USAGE;
  }
  const char *name = argv[1];
  if (strcmp(name, "--version") == 0) {
    printf("genai-live %s\n", genai_version());
    return STATUS_OK;
  }
  if (strcmp(name, "--man") == 0) {
    help_manual(stdout);
    return STATUS_OK;
  }
  if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return help(argc - 2, argv + 2);
  const command *c = command_find(name);
  return c != NULL ? run(c, argc - 2, argv + 2) : unknown_command(name);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN); /* both become errors of write, and sentences */
  signal(SIGXFSZ, SIG_IGN);
  exit_status status = dispatch(argc, argv);
  output_flush();
  exit_status output = output_status();
  if (status == STATUS_OK || output == STATUS_PIPE) status = output;
  if (status == STATUS_PIPE) {
    /* The reader has gone: end as a program that never heard of SIGPIPE would. */
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
  }
  return (int)status;
}
