/* What of a message the mind minds. */
#include "session/session.h"

static int64_t milliseconds(genai_opt_duration d) { return d.value.seconds * 1000 + d.value.nanos / 1000000; }

session_news session_news_of_live(const genai_live_server_message *m) {
  const genai_live_server_content *content = m->server_content;
  return (session_news){
      .setup_complete = m->setup_complete,
      .error = m->error,
      .model_turn = content && content->model_turn,
      .turn_complete = content && content->turn_complete.value,
      .interrupted = content && content->interrupted.value,
      .calls = m->tool_call ? m->tool_call->function_calls.count : 0,
      .cancelled = m->tool_call_cancellation ? m->tool_call_cancellation->ids.count : 0,
      .go_away = m->go_away,
      .time_left_ms = m->go_away ? milliseconds(m->go_away->time_left) : 0,
      .more = content || m->tool_call || m->tool_call_cancellation || m->usage_metadata || m->go_away ||
              m->session_resumption_update || m->voice_activity || m->voice_activity_detection_signal,
  };
}

session_news session_news_of_music(const genai_live_music_server_message *m) {
  return (session_news){.setup_complete = m->setup_complete, .more = m->server_content || m->filtered_prompt};
}
