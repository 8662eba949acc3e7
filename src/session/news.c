/* What of a message the mind minds. */
#include <string.h>

#include "session/session.h"

static int64_t milliseconds(genai_opt_duration d) { return d.value.seconds * 1000 + d.value.nanos / 1000000; }

/* The first sound and the first text that is no thought: the service sends one a message. */
static void look_into(session_news *news, const genai_content *turn) {
  for (size_t i = 0; i < turn->parts.count; i++) {
    const genai_part *part = turn->parts.items[i];
    const genai_blob *blob = part->inline_data;
    if (part->thought.value) continue;
    if (!news->text) news->text = part->text;
    if (blob && !news->audio.size && (!blob->mime_type || !strncmp(blob->mime_type, "audio/pcm", 9))) news->audio = blob->data;
  }
}

static const char *text_of(const genai_transcription *t) { return t && t->text && *t->text ? t->text : NULL; }

session_news session_news_of_live(const genai_live_server_message *m) {
  const genai_live_server_content *content = m->server_content;
  session_news news = {
      .setup_complete = m->setup_complete,
      .error = m->error,
      .activity = m->voice_activity || m->voice_activity_detection_signal,
      .calls = m->tool_call ? &m->tool_call->function_calls : NULL,
      .cancelled = m->tool_call_cancellation ? &m->tool_call_cancellation->ids : NULL,
      .update = m->session_resumption_update,
      .go_away = m->go_away,
      .time_left_ms = m->go_away ? milliseconds(m->go_away->time_left) : 0,
      .more = content || m->tool_call || m->tool_call_cancellation || m->usage_metadata || m->go_away ||
              m->session_resumption_update || m->voice_activity || m->voice_activity_detection_signal,
  };
  if (!content) return news;
  news.model_turn = content->model_turn;
  news.said = text_of(content->output_transcription);
  news.output = news.said;
  news.heard = text_of(content->input_transcription);
  news.turn_complete = content->turn_complete.value;
  news.generation_complete = content->generation_complete.value;
  news.interrupted = content->interrupted.value;
  news.waiting_for_input = content->waiting_for_input.value;
  news.rejected = content->turn_complete_reason == GENAI_TURN_COMPLETE_REASON_RESPONSE_REJECTED;
  news.in_progress = content->interaction_status == GENAI_INTERACTION_STATUS_IN_PROGRESS;
  if (content->model_turn) look_into(&news, content->model_turn);
  return news;
}

session_news session_news_of_music(const genai_live_music_server_message *m) {
  return (session_news){.setup_complete = m->setup_complete, .more = m->server_content || m->filtered_prompt};
}
