#include "wire/sends.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "wire/base64.h"
#include "wire/loose.h"
#include "wire/tables.h"

/* Decoded parameters of a JSON door may be this large. */
enum { PARAMS_MAX = 256 << 20 };

static genai_status write_message(buf *out, wire_backend backend, const genai_live_client_message *message,
                                  genai_error *error) {
  return wire_write(out, &wire_live_client_message, message, &(wire_rules){.backend = backend}, error);
}

genai_status wire_client_content_write(buf *out, wire_backend backend, const genai_live_client_content *params,
                                       genai_error *error) {
  genai_live_client_content content = params ? *params : (genai_live_client_content){0};
  if (!content.turn_complete.has) content.turn_complete = (genai_opt_bool){true, true};
  if (backend == WIRE_BACKEND_VERTEX) backend = WIRE_BACKEND_ANY;
  return write_message(out, backend, &(genai_live_client_message){.client_content = &content}, error);
}

static genai_status check_type(const genai_blob *blob, const char *name, const char *prefix, genai_error *error) {
  if (!blob || (blob->mime_type && strncmp(blob->mime_type, prefix, strlen(prefix)) == 0)) return GENAI_OK;
  return error_set(
      error, GENAI_ERROR_ARGUMENT,
      "realtimeInput.%s needs a mimeType that begins with \"%s\", not \"%.60s\"; send other media as `media`.", name,
      prefix, blob->mime_type ? blob->mime_type : "");
}

/* Most sends are sound: with room for it from the start there is one allocation. */
static void reserve(buf *out, const genai_blob *blob) {
  if (blob && blob->data.size < out->ceiling / 2 && !buf_room(out, base64_encoded_size(blob->data.size) + 256))
    out->failed = out->full = false; /* the writer will ask for less */
}

genai_status wire_realtime_input_write(buf *out, wire_backend backend,
                                       const genai_live_send_realtime_input_parameters *params, genai_error *error) {
  const wire_message *type = &wire_live_send_realtime_input_parameters;
  size_t count = 0;
  for (size_t i = 0; params && i < type->count; i++) count += wire_present(&type->fields[i], params);
  if (count != 1)
    return error_set(error, GENAI_ERROR_ARGUMENT,
                     "Real-time input takes exactly one of media, audio, video, text, activityStart, activityEnd and "
                     "audioStreamEnd in a call, not %zu of them.",
                     count);
  genai_status status = check_type(params->audio, "audio", "audio/", error);
  if (status == GENAI_OK) status = check_type(params->video, "video", "image/", error);
  if (status != GENAI_OK) return status;
  const genai_blob *const chunks[] = {params->media};
  const genai_live_client_realtime_input input = {
      .media_chunks = {params->media ? chunks : NULL, params->media ? 1 : 0},
      .audio = params->audio,
      .audio_stream_end = params->audio_stream_end,
      .video = params->video,
      .text = params->text,
      .activity_start = params->activity_start,
      .activity_end = params->activity_end,
  };
  reserve(out, params->audio ? params->audio : params->video ? params->video : params->media);
  return write_message(out, backend, &(genai_live_client_message){.realtime_input = &input}, error);
}

genai_status wire_tool_response_write(buf *out, wire_backend backend, const genai_live_client_tool_response *params,
                                      genai_error *error) {
  if (!params || !params->function_responses.count)
    return error_set(error, GENAI_ERROR_ARGUMENT, "A tool response needs at least one function response.");
  for (size_t i = 0; backend == WIRE_BACKEND_GEMINI && i < params->function_responses.count; i++) {
    const genai_function_response *response = params->function_responses.items[i];
    if (response && (!response->id || !*response->id))
      return error_set(error, GENAI_ERROR_ARGUMENT,
                       "functionResponses[%zu] has no id; the Gemini Developer API needs that of "
                       "the function call it answers.",
                       i);
  }
  /* What FunctionResponse refuses inside a content passes here on both backends. */
  return write_message(out, WIRE_BACKEND_ANY, &(genai_live_client_message){.tool_response = params}, error);
}

genai_status wire_context_update_write(buf *out, wire_backend backend, const genai_live_client_context_update *params,
                                       genai_error *error) {
  if (!params || (!params->system_instruction && !params->tools))
    return error_set(error, GENAI_ERROR_ARGUMENT, "A context update needs a system instruction or tools.");
  return write_message(out, backend, &(genai_live_client_message){.context_update = params}, error);
}

genai_status wire_send_json_write(buf *out, wire_backend backend, genai_live_send_kind kind, const char *json,
                                  size_t size, size_t *responses, genai_error *error) {
  static const wire_message *const types[] = {
      [GENAI_LIVE_SEND_CLIENT_CONTENT] = &wire_live_client_content,
      [GENAI_LIVE_SEND_REALTIME_INPUT] = &wire_live_send_realtime_input_parameters,
      [GENAI_LIVE_SEND_TOOL_RESPONSE] = &wire_live_client_tool_response,
      [GENAI_LIVE_SEND_CONTEXT_UPDATE] = &wire_live_client_context_update,
  };
  arena a;
  void *params;
  if (responses) *responses = 0;
  if (kind < GENAI_LIVE_SEND_CLIENT_CONTENT || kind > GENAI_LIVE_SEND_CONTEXT_UPDATE || !json)
    return error_set(error, GENAI_ERROR_ARGUMENT,
                     json ? "There is no such kind of send." : "The parameters are missing.");
  arena_init(&a, PARAMS_MAX);
  genai_status status = wire_read_loose(&a, types[kind], json, size, "params", &params, error);
  if (status == GENAI_OK) switch (kind) {
    case GENAI_LIVE_SEND_CLIENT_CONTENT: status = wire_client_content_write(out, backend, params, error); break;
    case GENAI_LIVE_SEND_REALTIME_INPUT: status = wire_realtime_input_write(out, backend, params, error); break;
    case GENAI_LIVE_SEND_TOOL_RESPONSE:
      if (responses) *responses = ((const genai_live_client_tool_response *)params)->function_responses.count;
      status = wire_tool_response_write(out, backend, params, error);
      break;
    case GENAI_LIVE_SEND_CONTEXT_UPDATE: status = wire_context_update_write(out, backend, params, error); break;
    }
  arena_deinit(&a);
  return status;
}
