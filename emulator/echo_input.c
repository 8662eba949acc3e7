#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "emulator/echo.h"
#include "emulator/pjson.h"

static void refuse(echo *e) { service_close(e->service, 1007, "Request contains an invalid argument."); }

/* ---- setup ---- */

static void take_setup(echo *e, uint64_t now_ms, json_t *message) {
  char reason[SETUP_REASON_MAX], id[ECHO_ID_MAX];
  const service_options *options = service_options_of(e->service);
  int code = options->admit ? options->admit(options->admit_user, message, reason) : 0;
  if (!code) code = setup_read(&e->setup, &options->backend, message, reason);
  if (code) {
    service_close(e->service, code, "%s", reason);
    return;
  }
  e->set_up = true;
  ear_init(&e->ear, &e->setup.ear);
  code = echo_resume_begin(e, now_ms, reason);
  if (code) {
    service_close(e->service, code, "%s", reason);
    return;
  }
  e->completed = true;
  if (!echo_vertex(e)) {
    service_send(e->service, json_pack("{s:{}}", "setupComplete"));
    return;
  }
  echo_uuid(e, id);
  service_send(e->service, json_pack("{s:{s:s}}", "setupComplete", "sessionId", id));
}

/* ---- realtime input ---- */

/* explicitVadSignal: both messages in which the service tells of activity. */
static void tell_activity(echo *e, ear_event event) {
  if (!e->setup.vad_signal) return;
  char offset[24];
  uint32_t ms = ear_offset_ms(&e->ear);
  snprintf(offset, sizeof offset, "%u.%03us", ms / 1000, ms % 1000);
  service_send(e->service, json_pack("{s:{s:s}}", "voiceActivityDetectionSignal", "vadSignalType",
                                     event == EAR_START ? "VAD_SIGNAL_TYPE_SOS" : "VAD_SIGNAL_TYPE_EOS"));
  service_send(e->service, json_pack("{s:{s:s, s:s}}", "voiceActivity", "type",
                                     event == EAR_START ? "ACTIVITY_START" : "ACTIVITY_END", "audioOffset", offset));
}

static void take_event(echo *e, uint64_t now_ms, ear_event event) {
  tell_activity(e, event);
  if (event == EAR_START) {
    if (e->setup.interrupts) echo_interrupt(e);
    return;
  }
  turn t;
  turn_init(&t);
  ear_take(&e->ear, &t.sound);
  echo_answer(e, now_ms, &t);
}

static void listen(echo *e, uint64_t now_ms) {
  for (ear_event event; (event = ear_next(&e->ear)) != EAR_NOTHING;) take_event(e, now_ms, event);
}

static void take_audio(echo *e, uint64_t now_ms, json_t *blob) {
  int rate_hz = turn_audio_rate(pjson_text(blob, "mime_type"));
  if (!rate_hz) {
    service_close(e->service, 1008, "Unsupported MIME type: %.60s", pjson_text(blob, "mime_type"));
    return;
  }
  buf samples;
  buf_init(&samples, SERVICE_MESSAGE_MAX);
  if (turn_read_pcm(blob, &samples) && ear_hear(&e->ear, audio_samples(&samples), audio_count(&samples), rate_hz))
    listen(e, now_ms);
  else
    refuse(e);
  buf_deinit(&samples);
}

static void take_video(echo *e, json_t *blob) {
  const char *mime_type = pjson_text(blob, "mime_type");
  if (strncasecmp(mime_type, "image/", 6))
    service_close(e->service, 1008, "Unsupported MIME type: %.60s", mime_type);
  else
    e->images++;
}

static void take_text(echo *e, uint64_t now_ms, const char *text) {
  turn t;
  turn_init(&t);
  if (e->setup.interrupts) echo_interrupt(e);
  if (turn_add_text(&t, text))
    echo_answer(e, now_ms, &t);
  else
    refuse(e);
  turn_deinit(&t);
}

static void take_start(echo *e, uint64_t now_ms) {
  if (e->ear.speaking) return;
  ear_start(&e->ear);
  take_event(e, now_ms, EAR_START);
}

static void take_realtime(echo *e, uint64_t now_ms, json_t *input) {
  json_t *start = pjson_get(input, "activity_start"), *end = pjson_get(input, "activity_end");
  json_t *audio = pjson_get(input, "audio"), *video = pjson_get(input, "video"), *text = pjson_get(input, "text"),
         *blob;
  bool stream_end = pjson_true(input, "audio_stream_end");
  size_t i;
  if (!json_object_size(input)) {
    refuse(e);
    return;
  }
  if ((start || end) && !e->setup.ear.manual) {
    service_close(e->service, 1007,
                  "Explicit activity control is not supported when automatic activity detection is enabled.");
    return;
  }
  if (stream_end && e->setup.ear.manual) {
    refuse(e);
    return;
  }
  if (start) take_start(e, now_ms);
  if (audio) take_audio(e, now_ms, audio);
  json_array_foreach(pjson_get(input, "media_chunks"), i, blob) {
    if (strncasecmp(pjson_text(blob, "mime_type"), "image/", 6))
      take_audio(e, now_ms, blob);
    else
      take_video(e, blob);
  }
  if (video) take_video(e, video);
  if (text) take_text(e, now_ms, json_string_value(text));
  if (stream_end || (end && e->ear.speaking)) {
    ear_finish(&e->ear);
    listen(e, now_ms);
  }
}

/* ---- turns, tools ---- */

/* Client content interrupts, complete or not; it is answered when it is complete. */
static void take_content(echo *e, uint64_t now_ms, json_t *input) {
  bool complete = pjson_true(input, "turn_complete"), history = e->setup.initial_history && !e->history_given;
  json_t *content;
  size_t i;
  if (history) {
    e->history_given = complete;
    return;
  }
  echo_interrupt(e);
  json_array_foreach(pjson_get(input, "turns"), i, content) {
    if (turn_add_content(&e->gathered, content)) continue;
    refuse(e);
    return;
  }
  if (complete) echo_answer(e, now_ms, &e->gathered);
}

static void take_update(echo *e, json_t *update) {
  char reason[SETUP_REASON_MAX];
  json_t *holder = pjson_get(update, "tools"), *system = pjson_get(update, "system_instruction");
  json_t *tools = pjson_get(holder, "tools");
  int code = setup_check_tools(tools, reason);
  if (code) {
    service_close(e->service, code, "%s", reason);
    return;
  }
  if (holder) {
    json_decref(e->setup.tools);
    e->setup.tools = json_incref(tools);
  }
  if (system) {
    json_decref(e->setup.system);
    e->setup.system = json_incref(system);
  }
}

static void take(echo *e, uint64_t now_ms, json_t *message) {
  json_t *first = pjson_get(message, "setup"), *content = pjson_get(message, "client_content");
  json_t *realtime = pjson_get(message, "realtime_input"), *results = pjson_get(message, "tool_response");
  json_t *update = pjson_get(message, "context_update");
  int parts = !!first + !!content + !!realtime + !!results + !!update;
  if (parts > 1)
    service_close(e->service, 1007,
                  "Invalid value (oneof), oneof field 'message_type' is already set. Only one may be.");
  else if (!first == !e->set_up)
    service_close(e->service, 1007, "setup must be the first message and only the first.");
  else if (first)
    take_setup(e, now_ms, first);
  else if (content)
    take_content(e, now_ms, content);
  else if (realtime)
    take_realtime(e, now_ms, realtime);
  else if (results)
    echo_results(e, now_ms, pjson_get(results, "function_responses"));
  else if (update)
    take_update(e, update);
  else
    refuse(e);
}

void echo_input(echo *e, uint64_t now_ms, json_t *message) {
  bool counts = e->set_up;
  take(e, now_ms, message);
  if (counts && !service_closing(e->service)) echo_take_in(e, now_ms, message);
}
