#include "cli/report.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/output.h"

void report_init(report *r, report_form form) { *r = (report){.form = form, .start_ms = clock_ms()}; }

static void write_line(report *r, json_t *line) {
  char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
  if (text == NULL) return;
  if (r->form == REPORT_JSON) {
    output_line(text, strlen(text));
    output_flush();
  } else {
    fprintf(stderr, "%s\n", text);
  }
  free(text);
}

void report_event(report *r, const char *name, const char *format, ...) {
  if (!report_is_json(r)) return;
  va_list arguments;
  va_start(arguments, format);
  json_t *details = json_vpack_ex(NULL, 0, format, arguments);
  va_end(arguments);
  json_t *line = json_pack("{s:s,s:I}", "event", name, "ms", (json_int_t)(clock_ms() - r->start_ms));
  if (line != NULL && details != NULL && json_object_update(line, details) == 0) write_line(r, line);
  json_decref(details);
  json_decref(line);
}

void report_break(report *r) {
  if (r->speaker != NULL) fputc('\n', stderr);
  r->speaker = NULL;
}

void report_note(report *r, const char *format, ...) {
  if (report_is_json(r)) return;
  va_list arguments;
  report_break(r);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

void report_speech(report *r, const char *name, const char *speaker, const char *text) {
  report_event(r, name, "{s:s}", "text", text);
  if (report_is_json(r)) return;
  if (r->speaker == NULL || strcmp(r->speaker, speaker) != 0) {
    report_break(r);
    fprintf(stderr, "%s: ", speaker);
    text += strspn(text, " ");
  }
  r->speaker = speaker;
  fputs(text, stderr);
  fflush(stderr);
}

exit_status report_error(report *r, const genai_error *error) {
  report_break(r);
  report_event(r, "error", "{s:s,s:s,s:i,s:i,s:s}", "status", genai_status_name(error->status), "message", error->message,
               "httpStatus", error->http_status, "closeCode", error->close_code, "closeReason", error->close_reason);
  return say_error(error);
}
