/* The sends: encode on the caller's thread, wait for room, queue. */
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "client/live.h"
#include "net/wait.h"
#include "wire/sends.h"

/* With the mutex held. */
static bool has_room(const genai_live_session *s, size_t size) {
  size_t waiting = s->outbox.bytes + s->waiting_bytes;
  return !waiting || waiting + size <= s->client->options.outbox_max;
}

static genai_status closed(const genai_live_session *s, genai_error *error) {
  genai_status status = error_set(error, GENAI_ERROR_CLOSED, "Nothing was sent: the session has ended. %s",
                                  s->ended ? s->mind.end.message : "It was closed by this program.");
  if (error && s->ended) {
    error->close_code = s->mind.end.close_code;
    memcpy(error->close_reason, s->mind.end.close_reason, sizeof error->close_reason);
  }
  return status;
}

static genai_status queue(genai_live_session *s, payload *message, const genai_wait *wait, genai_error *error) {
  genai_status status = GENAI_OK;
  waiter w;
  if (wait && wait->cancel && genai_cancel_fired(wait->cancel))
    return error_set(error, GENAI_ERROR_CANCELLED, "The send was cancelled; nothing was queued.");
  if (client_is_current(s->client) && !(wait && wait->timeout_ms < 0))
    return error_set(error, GENAI_ERROR_THREAD, "On the library's own threads a send needs GENAI_NO_WAIT.");
  waiter_begin(&w, wait, &s->mutex, &s->changed);
  live_enter(s);
  while (status == GENAI_OK && !s->ended && !s->close_wanted && !has_room(s, message->size)) {
    s->senders++;
    status = waiter_wait(&w, "The send", error);
    if (status == GENAI_ERROR_TIMEOUT && has_room(s, message->size)) status = GENAI_OK; /* it was not worth a wake-up before */
    if (status != GENAI_OK)
      error_append(error, " Nothing was queued: the outbox is full, for the service takes data more slowly than it is sent.");
    s->senders--;
    if (status == GENAI_WOULD_BLOCK) s->writable_wanted = true;
  }
  if (status == GENAI_OK && (s->ended || s->close_wanted)) status = closed(s, error);
  if (status == GENAI_OK) {
    session_list_push(&s->outbox, message);
    live_post_leaving(s);
  }
  live_leave(s);
  waiter_end(&w);
  return status;
}

genai_status live_send(genai_live_session *s, genai_status status, buf *b, const genai_wait *wait, genai_error *error) {
  if (status == GENAI_ERROR_LIMIT) error_append(error, " Nothing was queued; send it in smaller pieces.");
  payload *message = status == GENAI_OK ? payload_end_for(s->thread->payloads, b) : NULL;
  if (!message) {
    buf_deinit(b);
    return status == GENAI_OK ? error_memory(error) : status;
  }
  message->kind = (uint8_t)session_input_of(message, s->kind->service == ENDPOINT_MUSIC);
  status = queue(s, message, wait, error);
  if (status != GENAI_OK) payload_drop(message);
  return status;
}

/* Over the outbox's ceiling if need be: the calls under way bound it. */
void live_answer(void *user, const genai_function_response *response) {
  genai_live_session *s = user;
  genai_error error = {0};
  buf b;
  payload_begin(&b, LIVE_SEND_MAX, 0);
  genai_status status = wire_tool_response_write(
      &b, s->client->backend, &(genai_live_client_tool_response){.function_responses = {&response, 1}}, &error);
  payload *message = status == GENAI_OK ? payload_end(&b) : NULL;
  if (!message) {
    client_log(s->client, GENAI_LOG_ERROR, "A function's answer could not be sent. %s", error.message);
    buf_deinit(&b);
    return;
  }
  message->kind = SESSION_INPUT_TOOL;
  uv_mutex_lock(&s->mutex);
  if (!s->ended && !s->close_wanted) {
    session_list_push(&s->outbox, message);
    message = NULL;
    live_post(s);
  }
  uv_mutex_unlock(&s->mutex);
  payload_drop(message);
}

/* As live_send, for what only a live session can say. */
static genai_status finish(genai_live_session *s, genai_status status, buf *b, const genai_wait *wait, genai_error *error) {
  if (status == GENAI_OK && s->kind->service != ENDPOINT_LIVE)
    status = error_set(error, GENAI_ERROR_ARGUMENT, "A music session takes prompts, config and control only (genai/music.h).");
  return live_send(s, status, b, wait, error);
}

/* What a blob will need: base64 and some names around it. */
static size_t blob_size(const genai_blob *blob) { return blob ? blob->data.size / 3 * 4 + 192 : 0; }

genai_status genai_live_send_client_content(genai_live_session *session,
                                            const genai_live_client_content *params, const genai_wait *wait,
                                            genai_error *error) {
  buf b;
  payload_begin(&b, LIVE_SEND_MAX, 0);
  genai_status status = wire_client_content_write(&b, session->client->backend, params, error);
  return finish(session, status, &b, wait, error);
}

genai_status genai_live_send_realtime_input(genai_live_session *session,
                                            const genai_live_send_realtime_input_parameters *params, const genai_wait *wait,
                                            genai_error *error) {
  buf b;
  payload_begin_from(session->thread->payloads, &b, LIVE_SEND_MAX,
                     blob_size(params->audio) + blob_size(params->video) + blob_size(params->media));
  genai_status status = wire_realtime_input_write(&b, session->client->backend, params, error);
  return finish(session, status, &b, wait, error);
}

genai_status genai_live_send_tool_response(genai_live_session *session,
                                           const genai_live_client_tool_response *params, const genai_wait *wait,
                                           genai_error *error) {
  buf b;
  payload_begin(&b, LIVE_SEND_MAX, 0);
  genai_status status = wire_tool_response_write(&b, session->client->backend, params, error);
  return finish(session, status, &b, wait, error);
}

genai_status genai_live_send_context_update(genai_live_session *session,
                                            const genai_live_client_context_update *params, const genai_wait *wait,
                                            genai_error *error) {
  buf b;
  payload_begin(&b, LIVE_SEND_MAX, 0);
  genai_status status = wire_context_update_write(&b, session->client->backend, params, error);
  return finish(session, status, &b, wait, error);
}

genai_status genai_live_send_json(genai_live_session *session, genai_live_send_kind kind, const char *params_json,
                                  const genai_wait *wait, genai_error *error) {
  buf b;
  payload_begin(&b, LIVE_SEND_MAX, 0);
  genai_status status = wire_send_json_write(&b, session->client->backend, kind, params_json, strlen(params_json), NULL, error);
  return finish(session, status, &b, wait, error);
}

genai_status genai_live_send_text(genai_live_session *session, const char *text, const genai_wait *wait, genai_error *error) {
  const genai_part part = {.text = text};
  const genai_part *parts[] = {&part};
  const genai_content turn = {.parts = {parts, 1}, .role = "user"};
  const genai_content *turns[] = {&turn};
  if (!text) return error_set(error, GENAI_ERROR_ARGUMENT, "There is no text to send.");
  return genai_live_send_client_content(session, &(genai_live_client_content){.turns = {turns, 1}}, wait, error);
}

#define PCM "audio/pcm;rate="

genai_status genai_live_send_audio(genai_live_session *session, const void *pcm, size_t size, int rate_hz,
                                   const genai_wait *wait, genai_error *error) {
  char type[sizeof PCM + NUMBER_INT64_MAX] = PCM;
  if (rate_hz < 0 || rate_hz > 384000 || size % 2)
    return error_set(error, GENAI_ERROR_ARGUMENT, "Audio is 16-bit PCM: %zu bytes at %d Hz cannot be that.", size, rate_hz);
  type[sizeof PCM - 1 + number_write_int64(type + sizeof PCM - 1, rate_hz ? rate_hz : 16000)] = '\0';
  const genai_blob audio = {.data = {pcm ? pcm : "", size}, .mime_type = type};
  return genai_live_send_realtime_input(session, &(genai_live_send_realtime_input_parameters){.audio = &audio}, wait, error);
}

bool genai_live_writable(genai_live_session *session) {
  live_enter(session);
  bool writable = has_room(session, 1) && !session->ended && !session->close_wanted;
  if (!writable) session->writable_wanted = true;
  live_leave(session);
  return writable;
}
