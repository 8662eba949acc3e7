#include "cli/conversation.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/client.h"
#include "cli/clock.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/resume.h"
#include "cli/session_event.h"

/* TOOL_MS: what the library gives a function that runs itself. */
enum { MEMORY_MAX = 256 << 20, SAMPLES_MAX = 64 << 20, TOOL_MS = 60000 };

/* ---- opening and closing ---- */

/* A refused setup may be a refused handle: the service says both in the same words. */
static void say_stale(const conversation *c, const genai_error *error) {
  if (error->close_code != 1007 && error->close_code != 1008) return;
  say("The session that %s holds may be too old to be resumed, or another model's: remove the file, or use --reconnect fresh, to begin anew.",
      c->settings->resume);
}

static genai_status open_session(conversation *c, const session_defaults *defaults, genai_error *error) {
  genai_live_connect_params params = {.model = c->settings->model, .reconnect = session_reconnect(c->settings->reconnect)};
  genai_status status = tools_read_results(&c->tools, &c->settings->tool_results, &c->memory, error);
  if (status == GENAI_OK) status = session_config_make(c->settings, defaults, &c->memory, &params.config, error);
  if (status == GENAI_OK) status = tools_start(&c->tools, c->settings, &c->memory, &params.config, error);
  if (status == GENAI_OK) status = session_setup_json(c->settings, &c->memory, &params.setup_json, error);
  if (status == GENAI_OK && c->settings->resume != NULL)
    status = resume_read(c->settings->resume, &c->memory, &params.resumption_handle, error);
  if (status == GENAI_OK) status = interrupt_start(error);
  if (status == GENAI_OK) status = genai_cancel_new(&c->cancel, error);
  if (status == GENAI_OK) {
    interrupt_cancels(c->cancel);
    status = client_make(&c->client, &c->local, c->settings, c->settings->fast || c->text_out, &c->memory, error);
  }
  if (status != GENAI_OK) return status;
  params.tools = c->tools.running;
  genai_wait wait = {.cancel = c->cancel};
  const genai_realtime_input_config *input = params.config->realtime_input_config;
  c->manual_activity = input != NULL && input->automatic_activity_detection != NULL &&
                       input->automatic_activity_detection->disabled.value;
  status = genai_live_connect(c->client, &params, &c->session, &wait, error);
  if (status == GENAI_ERROR_REFUSED && params.resumption_handle != NULL) say_stale(c, error);
  return status != GENAI_OK ? status : (c->fd = genai_live_fd(c->session, error)) < 0 ? GENAI_ERROR_SYSTEM : GENAI_OK;
}

exit_status conversation_open(conversation *c, const settings *s, const session_defaults *defaults, report_form form) {
  genai_error error = {0};
  c->settings = s;
  report_init(&c->report, form);
  arena_init(&c->memory, MEMORY_MAX);
  if (open_session(c, defaults, &error) != GENAI_OK) {
    if (interrupt_came()) return STATUS_INTERRUPTED;
    return report_error(&c->report, &error);
  }
  report_event(&c->report, "open", "{s:s}", "model", s->model);
  if (s->verbose) report_note(&c->report, "The session is open.");
  return STATUS_OK;
}

void conversation_shut(conversation *c) {
  genai_wait wait = {.timeout_ms = 2000};
  report_break(&c->report);
  if (c->session != NULL) genai_live_close(c->session, &wait, NULL);
}

void conversation_close(conversation *c) {
  conversation_shut(c);
  genai_live_free(c->session);
  genai_client_free(c->client);
  tools_stop(&c->tools);
  interrupt_cancels(NULL);
  genai_cancel_free(c->cancel);
  local_service_stop(&c->local);
  audio_resampler_free(c->resampler);
  arena_deinit(&c->memory);
}

/* ---- what comes ---- */

static void begin_turn(conversation *c) {
  if (c->turn.running) return;
  c->turn = (conversation_turn){.running = true, .first_ms = clock_ms(), .first_sample = c->writer ? audio_writer_count(c->writer) : 0};
}

/* The answer that was cut short comes once more from its beginning: what a file has of it is taken back. */
static void begin_again(conversation *c) {
  c->again = c->heard_again = false;
  report_break(&c->report);
  report_event(&c->report, "answerAgain", "{}");
  if (c->writer != NULL && c->turn.running) audio_writer_rewind(c->writer, c->turn.first_sample);
}

/* Where only the user was written down so far, nobody can know how much of that is written down again. */
static void hear_again(conversation *c) {
  c->heard_again = false;
  report_break(&c->report);
  report_event(&c->report, "inputAgain", "{}");
}

static genai_status write_at_rate(conversation *c, const genai_bytes *pcm, int rate_hz, genai_error *error) {
  size_t count = pcm->size / 2;
  genai_status status = GENAI_OK;
  buf in, out;
  if (rate_hz == AUDIO_RATE_OUT) return audio_writer_write_pcm(c->writer, pcm->data, pcm->size, error);
  buf_init(&in, SAMPLES_MAX);
  buf_init(&out, SAMPLES_MAX);
  int16_t *samples = (int16_t *)(void *)buf_room(&in, count * sizeof *samples + 1);
  if (samples == NULL) status = error_memory(error);
  if (status == GENAI_OK && c->resampler_hz != rate_hz) {
    audio_resampler_free(c->resampler);
    c->resampler = NULL;
    status = audio_resampler_new(&c->resampler, rate_hz, AUDIO_RATE_OUT, error);
    c->resampler_hz = status == GENAI_OK ? rate_hz : 0;
  }
  if (status == GENAI_OK) {
    audio_pcm_read(samples, pcm->data, pcm->size);
    status = audio_resampler_feed(c->resampler, samples, count, false, &out, error);
  }
  if (status == GENAI_OK) status = audio_writer_write(c->writer, audio_samples(&out), audio_count(&out), error);
  buf_deinit(&out);
  buf_deinit(&in);
  return status;
}

static genai_status take_audio(conversation *c, const genai_blob *blob, genai_error *error) {
  int rate_hz = genai_blob_rate_hz(blob);
  begin_turn(c);
  if (c->turn.first_audio_ms == 0) {
    c->turn.first_audio_ms = clock_ms();
    if (c->on_first_audio != NULL) c->on_first_audio(c->user, c->turn.first_audio_ms);
  }
  c->totals.audio_bytes += blob->data.size;
  c->totals.audio_samples += blob->data.size / 2 * AUDIO_RATE_OUT / (uint64_t)rate_hz;
  if (c->writer == NULL) return GENAI_OK;
  genai_status status = write_at_rate(c, &blob->data, rate_hz, error);
  return status == GENAI_OK ? audio_writer_flush(c->writer, error) : status;
}

/* What the model writes, or what it says written down. */
static void take_words(conversation *c, const char *event, const char *text) {
  c->totals.words++;
  if (c->text_out && !report_is_json(&c->report)) {
    output_write(text, strlen(text));
    output_flush();
  } else {
    report_speech(&c->report, event, "model", text);
  }
}

static genai_status take_turn(conversation *c, const genai_content *turn, genai_error *error) {
  genai_status status = GENAI_OK;
  for (size_t i = 0; turn != NULL && status == GENAI_OK && i < turn->parts.count; i++) {
    const genai_part *part = turn->parts.items[i];
    if (part->text != NULL && !part->thought.value) {
      begin_turn(c);
      take_words(c, "text", part->text);
    }
    if (part->inline_data != NULL && part->inline_data->data.size > 0) status = take_audio(c, part->inline_data, error);
  }
  return status;
}

/* They come in no order relative to the turn, even after it: they neither begin nor end one. */
static void take_transcripts(conversation *c, const genai_live_server_content *content) {
  const genai_transcription *in = content->input_transcription, *out = content->output_transcription;
  if (in != NULL && in->text != NULL) {
    if (c->heard_again) hear_again(c);
    report_speech(&c->report, "inputTranscription", "you", in->text);
    c->heard = true;
  }
  if (out != NULL && out->text != NULL) {
    take_words(c, "outputTranscription", out->text);
    c->said |= c->heard; /* else it may be the turn's before */
  }
}

static void end_turn(conversation *c) {
  begin_turn(c);
  report_break(&c->report);
  report_event(&c->report, "turnComplete", "{s:b}", "interrupted", c->turn.interrupted);
  c->totals.turns++;
  c->turn.running = c->again = c->heard_again = c->heard = c->said = false;
  if (c->on_turn != NULL) c->on_turn(c->user, &c->turn);
}

static genai_status take_content(conversation *c, const genai_live_server_content *content, genai_error *error) {
  if (c->again && (content->model_turn != NULL || content->input_transcription != NULL || content->output_transcription != NULL))
    begin_again(c);
  genai_status status = take_turn(c, content->model_turn, error);
  take_transcripts(c, content);
  if (content->interrupted.value) {
    begin_turn(c);
    c->turn.interrupted = true;
    c->totals.interruptions++;
    report_note(&c->report, "[interrupted]");
    report_event(&c->report, "interrupted", "{}");
  }
  if (content->generation_complete.value) report_event(&c->report, "generationComplete", "{}");
  if (content->turn_complete.value) end_turn(c);
  return status;
}

/* As the service writes them, arguments stand over several lines. No answer: it runs itself. */
static void tell_call(conversation *c, const genai_function_call *call, const char *answer) {
  const char *name = call->name != NULL ? call->name : "";
  json_t *args = json_loads(call->args_json != NULL ? call->args_json : "{}", JSON_DECODE_ANY, NULL);
  json_t *response = answer != NULL ? json_loads(answer, 0, NULL) : NULL;
  char *text = args != NULL ? json_dumps(args, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  report_note(&c->report, "[call %s(%s)%s%s]", name, text != NULL ? text : "", answer != NULL ? " = " : "",
              answer != NULL ? answer : "");
  report_event(&c->report, "toolCall", "{s:s?,s:s,s:O?}", "id", call->id, "name", name, "args", args);
  if (answer != NULL) report_event(&c->report, "toolResponse", "{s:s?,s:s,s:O?}", "id", call->id, "name", name, "response", response);
  free(text);
  json_decref(response);
  json_decref(args);
}

/* All calls of one message that are ours to answer are answered in one message. */
static genai_status take_calls(conversation *c, const genai_live_server_tool_call *calls, genai_error *error) {
  size_t count = calls->function_calls.count, ours = 0;
  arena a;
  arena_init(&a, MEMORY_MAX);
  genai_function_response *responses = arena_zalloc(&a, (count + 1) * sizeof *responses);
  const genai_function_response **items = arena_zalloc(&a, (count + 1) * sizeof *items);
  genai_status status = responses != NULL && items != NULL ? GENAI_OK : error_memory(error);
  for (size_t i = 0; status == GENAI_OK && i < count; i++) {
    const genai_function_call *call = calls->function_calls.items[i];
    bool runs = genai_tools_has(c->tools.running, call->name);
    const char *answer = runs ? NULL : tools_answer(&c->tools, call->name);
    tell_call(c, call, answer);
    c->calls_run |= runs;
    if (runs) continue;
    responses[ours] = (genai_function_response){.id = call->id, .name = call->name, .response_json = answer};
    items[ours] = &responses[ours];
    ours++;
  }
  if (status == GENAI_OK && ours > 0) {
    genai_live_client_tool_response params = {.function_responses = {items, ours}};
    genai_wait wait = {.cancel = c->cancel};
    status = genai_live_send_tool_response(c->session, &params, &wait, error);
    if (status == GENAI_ERROR_CLOSED) status = GENAI_OK; /* receiving tells how it ended */
  }
  c->totals.tool_calls += count;
  arena_deinit(&a);
  return status;
}

static void take_usage(conversation *c, const genai_usage_metadata *usage) {
  c->totals.prompt_tokens += usage->prompt_token_count.value;
  c->totals.response_tokens += usage->response_token_count.value;
  c->totals.tokens += usage->total_token_count.value;
  report_event(&c->report, "usage", "{s:i,s:i,s:i}", "promptTokens", (int)usage->prompt_token_count.value, "responseTokens",
               (int)usage->response_token_count.value, "totalTokens", (int)usage->total_token_count.value);
}

/* How the session ends after it, a close tells. */
static void take_error(conversation *c, const genai_live_server_error *error) {
  const char *message = error->message != NULL ? error->message : "without a text";
  report_event(&c->report, "serviceError", "{s:i,s:s?,s:s}", "code", (int)error->code.value, "status", error->status,
               "message", message);
  report_break(&c->report);
  say("The service answered with error %d: %s", (int)error->code.value, message);
}

static void take_event(conversation *c, const genai_live_event *event) {
  bool goes_on = event->kind == GENAI_LIVE_EVENT_RESUMED || event->kind == GENAI_LIVE_EVENT_DEGRADED;
  session_event_report(&c->report, event);
  if (event->kind == GENAI_LIVE_EVENT_RECONNECTING) {
    c->cut |= c->turn.running || c->said;
    c->heard_cut |= c->heard;
    c->away = true;
  }
  if (!goes_on) return;
  c->away = false;
  c->again = c->cut && event->replayed > 0;
  c->heard_again = c->heard_cut && event->replayed > 0;
  c->cut = c->heard_cut = false;
}

/* Where it fails, that is said once, and the conversation goes on. */
static void keep_handle(conversation *c) {
  genai_error error = {0};
  if (c->settings->resume == NULL) return;
  bool kept = resume_write(c->settings->resume, c->session, &error) == GENAI_OK;
  if (!kept && !c->handle_lost) report_error(&c->report, &error);
  c->handle_lost = !kept;
}

static genai_status take_message(conversation *c, const genai_live_message *message, genai_error *error) {
  const genai_live_server_message *server = message->server;
  genai_status status = GENAI_OK;
  if (message->json != NULL) {
    c->totals.messages++;
    c->totals.text_bytes += message->json_size;
    c->calls_run = false;
  }
  if (server != NULL && server->server_content != NULL) status = take_content(c, server->server_content, error);
  if (server != NULL && server->tool_call != NULL && status == GENAI_OK) status = take_calls(c, server->tool_call, error);
  if (server != NULL && server->tool_call_cancellation != NULL) report_note(&c->report, "[the calls were cancelled]");
  if (server != NULL && server->usage_metadata != NULL) take_usage(c, server->usage_metadata);
  if (server != NULL && server->error != NULL) take_error(c, server->error);
  if (server != NULL && server->session_resumption_update != NULL) keep_handle(c);
  if (message->event != NULL) take_event(c, message->event);
  return status;
}

/* Sound on standard output whose reader went away ends as quietly as text does. */
static conversation_result fail(conversation *c, const genai_error *error, exit_status *status) {
  bool unread = error->status == GENAI_ERROR_SYSTEM && error->os_error == EPIPE;
  *status = unread ? STATUS_PIPE : report_error(&c->report, error);
  return CONVERSATION_FAILED;
}

conversation_result conversation_take(conversation *c, exit_status *status) {
  const genai_wait no_wait = {.timeout_ms = GENAI_NO_WAIT};
  for (;;) {
    genai_error error = {0};
    genai_live_message *message;
    genai_status received = genai_live_receive(c->session, &message, &no_wait, &error);
    if (received == GENAI_WOULD_BLOCK) return CONVERSATION_QUIET;
    if (received == GENAI_CLOSED) {
      report_event(&c->report, "closed", "{s:i,s:s}", "code", error.close_code, "reason", error.close_reason);
      return CONVERSATION_CLOSED;
    }
    if (received == GENAI_ERROR_MESSAGE) {
      report_error(&c->report, &error);
      continue;
    }
    if (received != GENAI_OK) return fail(c, &error, status);
    genai_status taken = take_message(c, message, &error);
    genai_live_message_free(message);
    if (taken != GENAI_OK) return fail(c, &error, status);
    if (output_status() != STATUS_OK) {
      *status = output_status();
      return CONVERSATION_FAILED;
    }
  }
}

exit_status conversation_no_answer(conversation *c, const char *what) {
  genai_error error = {0};
  double seconds = (double)c->settings->timeout_ms / 1000;
  if (c->away)
    error_set(&error, GENAI_ERROR_TIMEOUT,
              "The connection was lost, and for %.3g s no other could be made; the answer is not complete. Check the network; "
              "--timeout SECONDS waits longer.", seconds);
  else error_set(&error, GENAI_ERROR_TIMEOUT, "Nothing came for %.3g s%s, and the answer is not complete.", seconds, what);
  return report_error(&c->report, &error);
}

conversation_news conversation_wait(conversation *c, int extra_fd, int64_t timeout_ms) {
  static const conversation_news news[] = {CONVERSATION_INTERRUPTED, CONVERSATION_MESSAGE, CONVERSATION_EXTRA};
  int fds[] = {interrupt_fd(), c->fd, extra_fd};
  int64_t run_ms = c->calls_run && timeout_ms >= 0 ? TOOL_MS : 0;
  int ready = clock_wait(fds, 3, timeout_ms + run_ms);
  return ready < 0 ? CONVERSATION_TIMEOUT : news[ready];
}
