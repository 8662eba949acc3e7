/* How a run tells what happens: sentences and transcripts on standard error, or JSON Lines. */
#ifndef GENAI_CLI_REPORT_H
#define GENAI_CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"
#include "genai/base.h"

typedef enum report_form {
  REPORT_TEXT,        /* standard error */
  REPORT_JSON,        /* JSON Lines on standard output */
  REPORT_JSON_STDERR  /* JSON Lines on standard error: standard output carries sound */
} report_form;

typedef struct report {
  report_form form;
  int64_t start_ms;
  const char *speaker; /* whose line is under way on the screen, or NULL */
} report;

void report_init(report *r, report_form form);
static inline bool report_is_json(const report *r) { return r->form != REPORT_TEXT; }

/* One JSON line {"event":NAME,"ms":…,…}; `format` and what follows are json_pack's for one object: "{s:s}". Nothing in
 * REPORT_TEXT. */
void report_event(report *r, const char *name, const char *format, ...);
/* One line of talk; nothing in the JSON forms. */
void report_note(report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A piece of what somebody said; pieces of one speaker run on in one line. `name` is the event's. */
void report_speech(report *r, const char *name, const char *speaker, const char *text);
/* Ends the line under way. */
void report_break(report *r);
/* The error as an event and as a sentence; returns the exit status of its class. */
exit_status report_error(report *r, const genai_error *error);

#endif
