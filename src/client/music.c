/* Music sessions: their setup, sends and receive; all else is a live session's. */
#include "base/error.h"
#include "client/live.h"
#include "genai/music.h"
#include "wire/setup.h"
#include "wire/tables.h"
#include "wire/writer.h"

static session_news news(const inbox_item *item) { return session_news_of_music(item->message.music.server); }

static const live_kind music = {ENDPOINT_MUSIC, &wire_live_music_server_message, news};

static genai_status write_message(buf *b, const genai_live_music_client_message *message, genai_error *error) {
  return wire_write(b, &wire_live_music_client_message, message, &(wire_rules){.root = "music"}, error);
}

static genai_status encode_setup(payload **out, const char *model, genai_error *error) {
  enum { MODEL_MAX = 4096 };
  buf b, name;
  wire_setup_params p = {.backend = WIRE_BACKEND_GEMINI, .model = model ? model : "models/lyria-realtime-exp"};
  payload_begin(&b, MODEL_MAX, 0);
  buf_init(&name, MODEL_MAX);
  genai_status status = wire_model_name(&name, &p, error);
  const char *full = status == GENAI_OK ? buf_cstr(&name) : NULL;
  if (status == GENAI_OK && !full) status = error_memory(error);
  if (status == GENAI_OK)
    status = write_message(&b, &(genai_live_music_client_message){.setup = &(genai_live_music_client_setup){.model = full}}, error);
  if (status == GENAI_OK && !(*out = payload_end(&b))) status = error_memory(error);
  if (status != GENAI_OK) buf_deinit(&b);
  buf_deinit(&name);
  return status;
}

genai_status genai_music_connect(genai_client *client, const genai_music_connect_params *params, genai_live_session **session,
                                 const genai_wait *wait, genai_error *error) {
  static const genai_music_connect_params none;
  payload *setup = NULL;
  *session = NULL;
  if (!params) params = &none;
  if (client->settings.backend == GENAI_BACKEND_VERTEX)
    return error_set(error, GENAI_ERROR_ARGUMENT, "Music sessions exist on the Gemini Developer API only, not on Vertex AI.");
  genai_status status = encode_setup(&setup, params->model, error);
  if (status != GENAI_OK) return status;
  const genai_live_connect_params common = {.user = params->user, .reconnect = params->reconnect, .recovery = params->recovery};
  return live_connect(client, &music, setup, &common, session, wait, error);
}

static genai_status send_message(genai_live_session *s, const genai_live_music_client_message *message, const genai_wait *wait,
                                 genai_error *error) {
  buf b;
  if (s->kind != &music) return error_set(error, GENAI_ERROR_ARGUMENT, "A live session makes no music: use genai_music_connect.");
  payload_begin(&b, LIVE_SEND_MAX, 0);
  genai_status status = write_message(&b, message, error);
  return live_send(s, status, &b, wait, error);
}

genai_status genai_music_set_weighted_prompts(genai_live_session *session, const genai_weighted_prompt_list *prompts,
                                              const genai_wait *wait, genai_error *error) {
  if (!prompts || !prompts->count) return error_set(error, GENAI_ERROR_ARGUMENT, "Music needs at least one prompt.");
  for (size_t i = 0; i < prompts->count; i++)
    if (!prompts->items[i] || (prompts->items[i]->weight.has && prompts->items[i]->weight.value == 0))
      return error_set(error, GENAI_ERROR_ARGUMENT, "Prompt %zu has weight 0; leave it out instead.", i);
  const genai_live_music_client_content content = {.weighted_prompts = *prompts};
  return send_message(session, &(genai_live_music_client_message){.client_content = &content}, wait, error);
}

genai_status genai_music_set_config(genai_live_session *session, const genai_live_music_generation_config *config,
                                    const genai_wait *wait, genai_error *error) {
  static const genai_live_music_generation_config defaults;
  return send_message(session, &(genai_live_music_client_message){.music_generation_config = config ? config : &defaults}, wait,
                      error);
}

genai_status genai_music_control(genai_live_session *session, genai_live_music_playback_control control, const genai_wait *wait,
                                 genai_error *error) {
  if (control <= GENAI_LIVE_MUSIC_PLAYBACK_CONTROL_UNSPECIFIED || control > GENAI_LIVE_MUSIC_PLAYBACK_CONTROL_RESET_CONTEXT)
    return error_set(error, GENAI_ERROR_ARGUMENT, "%d is no playback control.", (int)control);
  return send_message(session, &(genai_live_music_client_message){.playback_control = control}, wait, error);
}

genai_status genai_music_receive(genai_live_session *session, genai_music_message **message, const genai_wait *wait,
                                 genai_error *error) {
  inbox_item *item;
  *message = NULL;
  if (session->kind != &music) return error_set(error, GENAI_ERROR_ARGUMENT, "A live session is received by genai_live_receive.");
  genai_status status = live_receive(session, &item, wait, error);
  if (status == GENAI_OK) *message = &item->message.music;
  return status;
}

const genai_audio_chunk *genai_music_message_chunk(const genai_music_message *message, size_t index) {
  const genai_live_music_server_content *content = message && message->server ? message->server->server_content : NULL;
  return content && index < content->audio_chunks.count ? content->audio_chunks.items[index] : NULL;
}
