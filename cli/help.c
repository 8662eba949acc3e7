#include "cli/help.h"

#include <string.h>

enum { WIDTH = 80, HANG = 24, DESCRIPTION_MAX = 1024 };

const char help_tagline[] = "talk to Google's Gemini Live API, or be it";

const help_entry help_environment[] = {
    {"GOOGLE_API_KEY, GEMINI_API_KEY", "The API key; the first wins when both are set. A key is never an argument, which "
                                       "every user of the machine could read."},
    {"GOOGLE_GENAI_USE_ENTERPRISE, GOOGLE_GENAI_USE_VERTEXAI", "true or 1: Vertex AI, when --backend does not say; the first "
                                                               "wins when both are set."},
    {"GOOGLE_CLOUD_PROJECT", "The project for Vertex AI, when --project does not say."},
    {"GOOGLE_CLOUD_LOCATION, GOOGLE_CLOUD_REGION", "The location for Vertex AI, when --location does not say."},
    {"GOOGLE_APPLICATION_CREDENTIALS", "The file of Google credentials for Vertex AI, when no option names any."},
    {"GOOGLE_GEMINI_BASE_URL, GOOGLE_VERTEX_BASE_URL", "Where the service is, when --base-url does not say."},
    {"HTTPS_PROXY, ALL_PROXY, NO_PROXY", "The proxy and who is reached without it, when --proxy and --no-proxy do not say."},
    {"SSL_CERT_FILE, SSL_CERT_DIR", "Trusted certificates, when --ca does not say: a PEM file, a hashed directory."},
    {NULL, NULL},
};

const help_entry help_statuses[] = {
#define STATUS_ENTRY(name, number, text) {#number, text},
    EXIT_STATUS_LIST(STATUS_ENTRY)
#undef STATUS_ENTRY
    {NULL, NULL},
};

/* Prints `text` in lines of at most WIDTH columns, each starting at `indent`; the cursor stands at `column` now. */
static void wrap(FILE *file, int column, int indent, const char *text) {
  for (const char *word = text; *word != '\0';) {
    int size = (int)strcspn(word, " ");
    if (column + (column > indent) + size > WIDTH) {
      fputc('\n', file);
      column = 0;
    }
    if (column < indent) column += fprintf(file, "%*s", indent - column, "");
    else if (column > indent) column += fprintf(file, " ");
    column += fprintf(file, "%.*s", size, word);
    word += size;
    word += strspn(word, " ");
  }
  fputc('\n', file);
}

/* The option's help with its choices and its default. */
static void describe(const option *o, char *out, size_t size) {
  int used = snprintf(out, size, "%s", o->help);
  if (o->choices != NULL) used += snprintf(out + used, size - (size_t)used, " One of: %s.", o->choices);
  if (o->initial_text != NULL) {
    snprintf(out + used, size - (size_t)used, " Default: %s.", o->initial_text);
  } else if (o->initial != 0) {
    snprintf(out + used, size - (size_t)used, " Default: %g.", (double)o->initial / (o->kind == OPTION_SECONDS ? 1000 : 1));
  }
}

static void print_option(FILE *file, const option *o) {
  char text[DESCRIPTION_MAX];
  int column = o->letter != 0 ? fprintf(file, "  -%c, --%s", o->letter, o->name) : fprintf(file, "      --%s", o->name);
  if (o->value != NULL) column += fprintf(file, " %s", o->value);
  if (column > HANG - 2) {
    fputc('\n', file);
    column = 0;
  }
  describe(o, text, sizeof text);
  wrap(file, column, HANG, text);
}

static void print_entries(FILE *file, const char *title, const help_entry *entries, int indent) {
  fprintf(file, "\n%s:\n", title);
  for (const help_entry *e = entries; e->name != NULL; e++) {
    int column = fprintf(file, "  %s", e->name);
    if (column > indent - 2) {
      fputc('\n', file);
      column = 0;
    }
    wrap(file, column, indent, e->text);
  }
}

void help_short(FILE *file) {
  fprintf(file, "genai-live: %s\n\nUsage: genai-live COMMAND [OPTION...]\n\nCommands:\n", help_tagline);
  for (const command *const *c = commands; *c != NULL; c++) {
    int column = fprintf(file, "  %s", (*c)->name);
    wrap(file, column, 12, (*c)->summary);
  }
  fputs("\n`genai-live help COMMAND` tells more of each; `genai-live --version` its version.\n"
        "To try it without a key: genai-live chat --emulator \"Hello\"\n",
        file);
}

static void print_usage(FILE *file, const command *c) {
  fprintf(file, "Usage: genai-live %s%s%s [OPTION...]\n", c->name, c->operands[0] != '\0' ? " " : "", c->operands);
}

void help_command(FILE *file, const command *c) {
  print_usage(file, c);
  for (const char *const *paragraph = c->about; *paragraph != NULL; paragraph++) {
    fputc('\n', file);
    wrap(file, 0, 0, *paragraph);
  }
  for (option_table group = c->options; *group != NULL; group++) {
    fprintf(file, "\n%s:\n", (*group)->title);
    for (size_t i = 0; i < (*group)->count; i++) print_option(file, &(*group)->options[i]);
  }
  print_entries(file, "Exit status", help_statuses, 7);
  fputs("\nExamples:\n", file);
  for (const char *const *example = c->examples; *example != NULL; example++) fprintf(file, "  %s\n", *example);
}

/* ---- roff ---- */

/* A dash becomes \-, so that it can be copied; a line must not begin with a control character. */
static void roff(FILE *file, const char *text) {
  for (const char *at = text; *at != '\0'; at++) {
    if (*at == '-') fputs("\\-", file);
    else if (*at == '\\') fputs("\\e", file);
    else if ((*at == '.' || *at == '\'') && (at == text || at[-1] == '\n')) fprintf(file, "\\&%c", *at);
    else fputc(*at, file);
  }
}

static void roff_line(FILE *file, const char *text) {
  roff(file, text);
  fputc('\n', file);
}

static void roff_option(FILE *file, const option *o) {
  char text[DESCRIPTION_MAX];
  fputs(".TP\n", file);
  if (o->letter != 0) fprintf(file, "\\fB\\-%c\\fR, ", o->letter);
  fputs("\\fB\\-\\-", file);
  roff(file, o->name);
  fputs("\\fR", file);
  if (o->value != NULL) {
    fputs(" \\fI", file);
    roff(file, o->value);
    fputs("\\fR", file);
  }
  fputc('\n', file);
  describe(o, text, sizeof text);
  roff_line(file, text);
}

static void roff_entries(FILE *file, const char *title, const help_entry *entries) {
  fprintf(file, ".SH %s\n", title);
  for (const help_entry *e = entries; e->name != NULL; e++) {
    fprintf(file, ".TP\n.B %s\n", e->name);
    roff_line(file, e->text);
  }
}

static void roff_command(FILE *file, const command *c) {
  fprintf(file, ".SS %s\n.B genai\\-live %s\n", c->name, c->name);
  if (c->operands[0] != '\0') {
    fputs(".I ", file);
    roff_line(file, c->operands);
  }
  fputs(".RI [ OPTION ...]\n", file);
  for (const char *const *paragraph = c->about; *paragraph != NULL; paragraph++) {
    fputs(".PP\n", file);
    roff_line(file, *paragraph);
  }
  for (option_table group = c->options; *group != NULL; group++) {
    fputs(".PP\n", file);
    fprintf(file, "%s:\n", (*group)->title);
    for (size_t i = 0; i < (*group)->count; i++) roff_option(file, &(*group)->options[i]);
  }
}

void help_manual(FILE *file) {
  fputs(".\\\" Generated by `genai-live --man` from the option tables in cli/. Edit those.\n"
        ".TH GENAI\\-LIVE 1 \"\" \"genai\\-live " GENAI_VERSION_STRING "\" \"User Commands\"\n"
        ".SH NAME\ngenai\\-live \\- ",
        file);
  roff_line(file, help_tagline);
  fputs(".SH SYNOPSIS\n.B genai\\-live\n.I COMMAND\n.RI [ OPTION ...]\n.br\n.B genai\\-live help\n.RI [ COMMAND ]\n"
        ".br\n.B genai\\-live \\-\\-version\n.SH DESCRIPTION\n"
        "A session with the Gemini Live API is one WebSocket over which speech, video and text go both ways.\n"
        "These commands hold such sessions, show what goes over the wire, and answer them without the service.\n"
        "Data goes to standard output, everything else to standard error.\n"
        "A long option takes its value after = or as the next word; \\-\\- ends the options.\n"
        ".SH COMMANDS\n",
        file);
  for (const command *const *c = commands; *c != NULL; c++) roff_command(file, *c);
  roff_entries(file, "EXIT STATUS", help_statuses);
  roff_entries(file, "ENVIRONMENT", help_environment);
  fputs(".SH EXAMPLES\n.nf\n", file);
  for (const command *const *c = commands; *c != NULL; c++) {
    for (const char *const *example = (*c)->examples; *example != NULL; example++) roff_line(file, *example);
  }
  fputs(".fi\n", file);
}
