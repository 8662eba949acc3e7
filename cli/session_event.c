#include "cli/session_event.h"

#include <jansson.h>
#include <string.h>

static json_t *list(const genai_string_list *texts) {
  json_t *array = json_array();
  for (size_t i = 0; i < texts->count; i++) json_array_append_new(array, json_string(texts->items[i]));
  return array;
}

/* The events as JSON Lines name them; NULL: nobody needs to know. */
static const char *name_of(genai_live_event_kind kind) {
  switch (kind) {
  case GENAI_LIVE_EVENT_GOING_AWAY: return "goAway";
  case GENAI_LIVE_EVENT_STALLED: return "stalled";
  case GENAI_LIVE_EVENT_RECONNECTING: return "reconnecting";
  case GENAI_LIVE_EVENT_RESUMED: return "resumed";
  case GENAI_LIVE_EVENT_DEGRADED: return "degraded";
  case GENAI_LIVE_EVENT_CALLS_GONE: return "callsGone";
  case GENAI_LIVE_EVENT_NO_ANSWER: return "noAnswer";
  case GENAI_LIVE_EVENT_EMPTY_TURN: return "emptyTurn";
  case GENAI_LIVE_EVENT_QUIET_AUDIO: return "quietAudio";
  case GENAI_LIVE_EVENT_REJECTED: return "rejected";
  default: return NULL;
  }
}

void session_event_report(report *r, const genai_live_event *e) {
  const char *name = name_of(e->kind);
  if (name == NULL) return;
  report_note(r, "[%s]", e->text);
  switch (e->kind) {
  case GENAI_LIVE_EVENT_RECONNECTING:
    report_event(r, name, "{s:s,s:i,s:I,s:s,s:i}", "text", e->text, "attempt", (int)e->attempt, "delayMs", (json_int_t)e->delay_ms,
                 "status", genai_status_name(e->status), "closeCode", e->close_code);
    break;
  case GENAI_LIVE_EVENT_RESUMED:
  case GENAI_LIVE_EVENT_DEGRADED:
    report_event(r, name, "{s:s,s:I,s:I}", "text", e->text, "replayed", (json_int_t)e->replayed, "lost", (json_int_t)e->lost);
    break;
  case GENAI_LIVE_EVENT_CALLS_GONE: report_event(r, name, "{s:s,s:o}", "text", e->text, "ids", list(&e->call_ids)); break;
  default: report_event(r, name, "{s:s,s:I}", "text", e->text, "timeLeftMs", (json_int_t)e->time_left_ms); break;
  }
}

genai_live_reconnect session_reconnect(const char *word) {
  if (strcmp(word, "none") == 0) return GENAI_LIVE_RECONNECT_NONE;
  return strcmp(word, "fresh") == 0 ? GENAI_LIVE_RECONNECT_RESUME_OR_FRESH : GENAI_LIVE_RECONNECT_RESUME;
}
