#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"

static void print(const char *name, const genai_error *e) {
  printf("\n%s\n  %s", name, genai_status_name(e->status));
  if (e->http_status) printf(", http_status %d", e->http_status);
  if (e->close_code) printf(", close_code %d", e->close_code);
  if (e->close_reason[0]) printf(", close_reason \"%s\"", e->close_reason);
  if (e->os_error) printf(", os_error %d (%s)", e->os_error, strerror(e->os_error));
  printf("\n  %s\n", e->message);
  fflush(stdout);
}

static void says(const char *name, const genai_error *e, const char *part) {
  if (!strstr(e->message, part)) fail_msg("%s: \"%s\" is not in \"%s\"", name, part, e->message);
}

static void never_says(const char *name, const genai_error *e, const char *part) {
  if (strstr(e->message, part) || strstr(e->close_reason, part)) fail_msg("%s: \"%s\" is in \"%s\"", name, part, e->message);
}

/* Whole sentences: nothing doubled or left over. */
static void is_well_formed(const char *name, const genai_error *e) {
  static const char *const blots[] = {"  ", " .", "..", "(null)", ",.", ":.", "?.", " ,"};
  size_t size = strlen(e->message);
  if (!size || !strchr(".!?\"", e->message[size - 1])) fail_msg("%s: no full stop ends \"%s\"", name, e->message);
  if (isspace((unsigned char)e->message[0])) fail_msg("%s: a space begins \"%s\"", name, e->message);
  for (size_t i = 0; i < sizeof blots / sizeof *blots; i++)
    if (strstr(e->message, blots[i])) fail_msg("%s: \"%s\" in \"%s\"", name, blots[i], e->message);
}

void judge(const char *name, const genai_error *e, const verdict *v) {
  char port[32];
  if (getenv("GENAI_SENTENCES")) print(name, e);
  if (e->status != v->status)
    fail_msg("%s: %s instead of %s: %s", name, genai_status_name(e->status), genai_status_name(v->status), e->message);
  if (e->http_status != v->http_status) fail_msg("%s: http_status %d instead of %d", name, e->http_status, v->http_status);
  if (e->close_code != v->close_code) fail_msg("%s: close_code %d instead of %d", name, e->close_code, v->close_code);
  if (e->os_error != v->os_error) fail_msg("%s: os_error %d instead of %d", name, e->os_error, v->os_error);
  if (strcmp(e->close_reason, v->reason ? v->reason : ""))
    fail_msg("%s: close_reason \"%s\" instead of \"%s\"", name, e->close_reason, v->reason ? v->reason : "");
  if (v->host) says(name, e, v->host);
  snprintf(port, sizeof port, "port %d", v->port);
  if (v->port) says(name, e, port);
  for (size_t i = 0; i < sizeof v->says / sizeof *v->says && v->says[i]; i++) says(name, e, v->says[i]);
  never_says(name, e, KEY);
  never_says(name, e, QUERY_SECRET);
  is_well_formed(name, e);
}
