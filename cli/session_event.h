/* What happens to a session, as talk, chat and music tell it. */
#ifndef GENAI_CLI_SESSION_EVENT_H
#define GENAI_CLI_SESSION_EVENT_H

#include "cli/report.h"
#include "genai/live.h"

void session_event_report(report *r, const genai_live_event *event);
/* The policy that --reconnect names. */
genai_live_reconnect session_reconnect(const char *word);

#endif
