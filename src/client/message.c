/* Getters on a received message that take NULL anywhere on the way. */
#include <stdlib.h>
#include <string.h>

#include "genai/live.h"

static const genai_live_server_content *content_of(const genai_live_message *m) {
  return m && m->server ? m->server->server_content : NULL;
}

static const genai_content *model_turn(const genai_live_message *m) {
  const genai_live_server_content *content = content_of(m);
  return content ? content->model_turn : NULL;
}

static bool is_audio(const genai_part *part) {
  const genai_blob *blob = part->inline_data;
  return blob && blob->data.data && (!blob->mime_type || !strncmp(blob->mime_type, "audio/", 6));
}

bool genai_live_message_audio(const genai_live_message *message, size_t index, genai_bytes *audio) {
  const genai_content *turn = model_turn(message);
  for (size_t i = 0; turn && i < turn->parts.count; i++) {
    if (!is_audio(turn->parts.items[i]) || index--) continue;
    *audio = turn->parts.items[i]->inline_data->data;
    return true;
  }
  *audio = (genai_bytes){NULL, 0};
  return false;
}

const char *genai_live_message_text(const genai_live_message *message, size_t index) {
  const genai_content *turn = model_turn(message);
  for (size_t i = 0; turn && i < turn->parts.count; i++) {
    const genai_part *part = turn->parts.items[i];
    if (part->text && !part->thought.value && !index--) return part->text;
  }
  return NULL;
}

const genai_function_call *genai_live_message_function_call(const genai_live_message *message, size_t index) {
  const genai_live_server_tool_call *call = message && message->server ? message->server->tool_call : NULL;
  return call && index < call->function_calls.count ? call->function_calls.items[index] : NULL;
}

const char *genai_live_message_input_transcription(const genai_live_message *message) {
  const genai_live_server_content *content = content_of(message);
  return content && content->input_transcription ? content->input_transcription->text : NULL;
}

const char *genai_live_message_output_transcription(const genai_live_message *message) {
  const genai_live_server_content *content = content_of(message);
  return content && content->output_transcription ? content->output_transcription->text : NULL;
}

bool genai_live_message_turn_complete(const genai_live_message *message) {
  const genai_live_server_content *content = content_of(message);
  return content && content->turn_complete.value;
}

bool genai_live_message_generation_complete(const genai_live_message *message) {
  const genai_live_server_content *content = content_of(message);
  return content && content->generation_complete.value;
}

bool genai_live_message_interrupted(const genai_live_message *message) {
  const genai_live_server_content *content = content_of(message);
  return content && content->interrupted.value;
}

int genai_blob_rate_hz(const genai_blob *blob) {
  const char *rate = blob && blob->mime_type ? strstr(blob->mime_type, "rate=") : NULL;
  long value = rate ? strtol(rate + 5, NULL, 10) : 0;
  return value > 0 && value <= 384000 ? (int)value : 24000;
}
