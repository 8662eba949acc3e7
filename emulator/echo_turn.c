#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "emulator/echo.h"
#include "emulator/pjson.h"

/* ---- ids ---- */

void echo_uuid(echo *e, char out[ECHO_ID_MAX]) {
  uint64_t a = service_random(e->service), b = service_random(e->service);
  snprintf(out, ECHO_ID_MAX, "%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xFFFF),
           (unsigned)(a & 0xFFF), (unsigned)(0x8000 | (b >> 48 & 0x3FFF)), b & 0xFFFFFFFFFFFF);
}

static void call_id(echo *e, char out[ECHO_ID_MAX]) {
  if (echo_vertex(e))
    echo_uuid(e, out);
  else
    snprintf(out, ECHO_ID_MAX, "function-call-%" PRIu64, service_random(e->service));
}

/* ---- what is under way ---- */

static bool is_blocked(const echo *e) {
  for (size_t i = 0; i < ECHO_CALLS_MAX; i++) {
    if (e->calls[i].blocking && !e->calls[i].cancelled) return true;
  }
  return false;
}

bool echo_calls_open(const echo *e) {
  for (size_t i = 0; i < ECHO_CALLS_MAX; i++) {
    if (*e->calls[i].id && !e->calls[i].cancelled) return true;
  }
  return false;
}

bool echo_busy(const echo *e) { return e->answer.phase != ANSWER_IDLE || is_blocked(e); }

static void send_content(echo *e, const char *name, json_t *value) {
  service_send(e->service, json_pack("{s:{s:o}}", "serverContent", name, value));
}

/* The end of a turn, told together with what it cost. */
static void send_complete(echo *e) {
  json_t *content = json_pack("{s:b}", "turnComplete", 1);
  if (e->rejected && content) json_object_set_new(content, "turnCompleteReason", json_string("RESPONSE_REJECTED"));
  e->rejected = false;
  service_send(e->service, json_pack("{s:o, s:o}", "serverContent", content, "usageMetadata",
                                     usage_json(&e->prompt, &e->given, echo_vertex(e))));
  e->turn_ended = true;
}

void echo_interrupt(echo *e) {
  if (!echo_busy(e)) return;
  json_t *ids = json_array();
  for (size_t i = 0; i < ECHO_CALLS_MAX; i++) {
    echo_call *call = &e->calls[i];
    if (!call->blocking || call->cancelled) continue;
    call->cancelled = true;
    json_array_append_new(ids, json_string(call->id));
  }
  if (json_array_size(ids)) service_send(e->service, json_pack("{s:{s:O}}", "toolCallCancellation", "ids", ids));
  json_decref(ids);
  answer_deinit(&e->answer);
  turn_deinit(&e->results);
  send_content(e, "interrupted", json_true());
  send_complete(e);
}

/* ---- answering ---- */

/* Quotes the beginning of a text, cut at a whole character. */
static size_t quote_size(const char *text) {
  size_t size = strlen(text);
  if (size <= ECHO_QUOTE_MAX) return size;
  for (size = ECHO_QUOTE_MAX; size && ((unsigned char)text[size] & 0xC0) == 0x80;) size--;
  return size;
}

/* "What did I say?" asks for the turn before: how a caller can hear that a conversation goes on. */
static bool asks_back(const char *text) {
  static const char question[] = "what did i say";
  for (; text && *text; text++) {
    if (!strncasecmp(text, question, sizeof question - 1)) return true;
  }
  return false;
}

static bool format_reply(const echo *e, buf *out, turn *t, const char *heard, double seconds) {
  const char *text = t->text.size ? turn_text(t) : heard;
  size_t size = text ? quote_size(text) : 0;
  if (t->result)
    buf_append(out, text, size);
  else if (asks_back(text) && e->said)
    buf_format(out, "You said before: \"%s\"", e->said);
  else if (asks_back(text))
    buf_text(out, "You said nothing before.");
  else if (text)
    buf_format(out, "You said: \"%.*s%s\"", (int)size, text, text[size] ? "..." : "");
  else if (seconds > 0)
    buf_format(out, "I heard %.2f s of speech.", seconds);
  else
    buf_text(out, "You said nothing.");
  return buf_cstr(out) != NULL;
}

/* Remembers the calls and writes them down; of the ring's older ones the answers are not waited for any more. */
static json_t *make_calls(echo *e, function_call *found, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) {
    echo_call *call = &e->calls[e->calls_made++ % ECHO_CALLS_MAX];
    call_id(e, call->id);
    call->cancelled = false;
    call->blocking = strcmp(pjson_text(found[i].declaration, "behavior"), "NON_BLOCKING") != 0;
    json_array_append_new(list, json_pack("{s:s, s:o, s:s}", "name", pjson_text(found[i].declaration, "name"), "args",
                                          found[i].args, "id", call->id));
  }
  return list;
}

static json_t *find_declaration(json_t *tools, const char *name) {
  json_t *tool, *declaration;
  size_t i, k;
  json_array_foreach(tools, i, tool) {
    json_array_foreach(pjson_get(tool, "function_declarations"), k, declaration) {
      if (!strcmp(pjson_text(declaration, "name"), name)) return declaration;
    }
  }
  return NULL;
}

/* The calls of a scenario's answer, of functions that are declared. */
static size_t script_calls(const echo *e, json_t *script, function_call found[FUNCTIONS_MAX]) {
  json_t *call;
  size_t i, count = 0;
  json_array_foreach(json_object_get(script, "calls"), i, call) {
    json_t *declaration = find_declaration(e->setup.tools, json_string_value(json_object_get(call, "name")));
    json_t *args = json_object_get(call, "args");
    if (!declaration || count == FUNCTIONS_MAX) continue;
    found[count++] = (function_call){declaration, args ? json_incref(args) : json_object()};
  }
  return count;
}

/* Two seconds of what is nearly silence. */
static bool fill_silence(answer *a) {
  int16_t samples[AUDIO_RATE_OUT / 100];
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) samples[i] = i % 2 ? 1 : -1;
  for (int i = 0; i < 200; i++) audio_append(&a->sound, samples, sizeof samples / sizeof *samples);
  return !a->sound.failed;
}

/* An answer that is none, or nearly none; false when this one is as it should be. */
static bool spoil_answer(echo *e, bool *fine) {
  if (!e->answers_left) return false;
  e->answers_left--;
  e->rejected = e->answers_how == FAULT_ANSWER_REJECTED;
  e->answer.speech = e->answers_how == FAULT_ANSWER_SILENT && !e->setup.text;
  if (e->answer.speech) *fine = fill_silence(&e->answer);
  return true;
}

/* What an answer is made of: calls, the caller's own sound, or a text, which is spoken where speech is wanted. */
static bool fill_answer(echo *e, turn *t, const char *heard, bool recognised, json_t *script) {
  answer *a = &e->answer;
  function_call found[FUNCTIONS_MAX];
  bool fine = true;
  const char *asked = t->text.size ? turn_text(t) : recognised ? heard : "";
  const char *say = json_string_value(json_object_get(script, "say"));
  if (spoil_answer(e, &fine)) return fine;
  size_t count = script ? script_calls(e, script, found) : t->result ? 0 : functions_find(e->setup.tools, asked, found);
  size_t samples = audio_count(&t->sound);
  if (count) {
    a->calls = make_calls(e, found, count);
    return a->calls != NULL;
  }
  a->speech = !e->setup.text;
  if (samples && a->speech && !say) {
    buf_deinit(&a->sound);
    a->sound = t->sound;
    buf_init(&t->sound, 0);
    return words_init(&a->said, heard);
  }
  buf reply;
  buf_init(&reply, TURN_TEXT_MAX);
  fine = (say ? buf_text(&reply, say) && buf_cstr(&reply)
              : format_reply(e, &reply, t, recognised ? heard : NULL, (double)samples / AUDIO_RATE_OUT)) &&
         words_init(&a->said, buf_cstr(&reply));
  if (fine && a->speech) {
    a->phase = ANSWER_MUTE;
    service_speak(e->service, e->speak_id = service_random(e->service), buf_cstr(&reply));
  }
  buf_deinit(&reply);
  return fine;
}

/* Keeps what the caller said, its beginning, for the turns to come. */
static bool remember(echo *e, turn *t, const char *heard) {
  const char *text = t->text.size ? turn_text(t) : heard;
  e->turns++;
  e->turns_here++;
  if (t->result || !text || asks_back(text)) return true;
  mem_free(e->said);
  e->said = mem_strndup(text, quote_size(text));
  return e->said != NULL;
}

static void count_prompt(echo *e, turn *t) {
  turn system;
  turn_init(&system);
  turn_add_content(&system, e->setup.system);
  t->images += e->images;
  e->images = 0;
  e->prompt = turn_usage(t);
  e->prompt.text += usage_of_text(system.text.size);
  e->given = (usage){0};
  turn_deinit(&system);
}

static void begin(echo *e, uint64_t now_ms, turn *t) {
  const service_options *o = service_options_of(e->service);
  json_t *script = json_array_get(o->answers, e->turns);
  const char *heard = json_string_value(json_object_get(script, "heard"));
  char length[48] = "";
  bool sound = t->sound.size > 0;
  if (!heard) heard = o->transcript;
  if (!heard) heard = e->setup.source_text;
  bool recognised = sound && heard;
  if (sound && !heard) {
    snprintf(length, sizeof length, "[%.2f s of speech]", (double)audio_count(&t->sound) / AUDIO_RATE_OUT);
    heard = length;
  }
  count_prompt(e, t);
  answer_deinit(&e->answer);
  e->answer.speaks_transcript = e->setup.speaks_transcript;
  if (e->answers_left && e->answers_how == FAULT_ANSWER_NONE) {
    e->answers_left--;
    if (!remember(e, t, heard)) service_close(e->service, 1011, "Internal error encountered.");
    turn_deinit(t);
    return;
  }
  bool fine = fill_answer(e, t, heard, recognised, script) && remember(e, t, heard) &&
              (!sound || !e->setup.hears_transcript || words_init(&e->answer.heard, heard));
  if (!fine) service_close(e->service, 1011, "Internal error encountered.");
  if (e->answer.phase != ANSWER_MUTE) answer_begin(&e->answer, now_ms);
  turn_deinit(t);
}

void echo_answer(echo *e, uint64_t now_ms, turn *t) {
  if (!echo_busy(e)) {
    begin(e, now_ms, t);
    return;
  }
  if (e->waiting_count == ECHO_WAITING_MAX) {
    turn_deinit(&e->waiting[0]);
    memmove(&e->waiting[0], &e->waiting[1], --e->waiting_count * sizeof *e->waiting);
  }
  e->waiting[e->waiting_count++] = *t;
  turn_init(t);
}

void echo_answer_waiting(echo *e, uint64_t now_ms) {
  if (!e->waiting_count) return;
  turn t = e->waiting[0];
  memmove(&e->waiting[0], &e->waiting[1], --e->waiting_count * sizeof *e->waiting);
  turn_init(&e->waiting[e->waiting_count]);
  begin(e, now_ms, &t);
}

/* ---- results of functions ---- */

static echo_call *find_call(echo *e, const char *id) {
  for (size_t i = 0; i < ECHO_CALLS_MAX; i++) {
    if (*id && !strcmp(e->calls[i].id, id)) return &e->calls[i];
  }
  return NULL;
}

/* "NAME answered: CONTENT", the content being the text under `output` or `result` if that is all, else the JSON. */
static bool add_result(turn *t, json_t *item) {
  json_t *response = pjson_get(item, "response"), *error = json_object_get(response, "error");
  json_t *value = json_object_get(response, "output");
  if (!value) value = json_object_get(response, "result");
  if (!value) value = error ? error : response;
  char *json = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
  buf line;
  buf_init(&line, TURN_TEXT_MAX);
  bool fine = buf_format(&line, "%s %s: %s", pjson_text(item, "name"), error ? "failed" : "answered",
                         json                    ? json
                         : json_is_string(value) ? json_string_value(value)
                                                 : "nothing") &&
              buf_cstr(&line) && turn_add_text(t, buf_cstr(&line));
  buf_deinit(&line);
  free(json);
  return fine;
}

/* Tells what functions answered once every call that blocks has been answered. An id that was never given out is taken
 * as the service takes it: as content. */
void echo_results(echo *e, uint64_t now_ms, json_t *responses) {
  json_t *item;
  size_t i;
  bool tell = false, interrupt = false;
  json_array_foreach(responses, i, item) {
    const char *id = pjson_text(item, "id"), *scheduling = pjson_text(item, "scheduling");
    echo_call *call = find_call(e, id);
    if (!*id && !echo_vertex(e)) {
      service_close(e->service, 1007, "Request contains an invalid argument.");
      return;
    }
    if (call && call->cancelled) continue;
    if (call && !pjson_true(item, "will_continue")) *call = (echo_call){0};
    if (!strcmp(scheduling, "SILENT")) continue;
    interrupt = interrupt || !strcmp(scheduling, "INTERRUPT");
    tell = add_result(&e->results, item) || tell;
  }
  if (!tell || is_blocked(e)) return;
  turn t = e->results;
  turn_init(&e->results);
  t.result = true;
  if (interrupt) echo_interrupt(e);
  echo_answer(e, now_ms, &t);
}

/* ---- the answer on the wire ---- */

static void send_part(echo *e, json_t *part) {
  json_t *content = json_pack("{s:[o]}", "parts", part);
  if (content && echo_vertex(e)) json_object_set_new(content, "role", json_string("model"));
  send_content(e, "modelTurn", content);
}

static void send_sound(echo *e, const answer_step *step) {
  uint8_t bytes[ANSWER_CHUNK * 2];
  audio_pcm_write(bytes, step->samples, step->count);
  e->given.audio += usage_of_sound(step->count);
  send_part(e,
            json_pack("{s:{s:s, s:o}}", "inlineData", "mimeType", echo_vertex(e) ? "audio/pcm" : "audio/pcm;rate=24000",
                      "data", pjson_base64(bytes, step->count * 2)));
}

static void send_transcript(echo *e, const char *name, const answer_step *step) {
  send_content(e, name, json_pack("{s:s%}", "text", step->text, step->size));
}

/* After the calls the turn goes on when they are answered; where none blocks, it is over. */
static void send_calls(echo *e) {
  json_t *calls = e->answer.calls;
  e->answer.calls = NULL;
  service_send(e->service, json_pack("{s:{s:o}}", "toolCall", "functionCalls", calls));
  if (echo_vertex(e) || !is_blocked(e)) send_content(e, "generationComplete", json_true());
  if (!is_blocked(e)) send_complete(e);
}

void echo_send_step(echo *e, const answer_step *step) {
  switch (step->kind) {
  case ANSWER_STEP_HEARD: send_transcript(e, "inputTranscription", step); break;
  case ANSWER_STEP_SAID: send_transcript(e, "outputTranscription", step); break;
  case ANSWER_STEP_CALLS: send_calls(e); break;
  case ANSWER_STEP_SOUND: send_sound(e, step); break;
  case ANSWER_STEP_GENERATED: send_content(e, "generationComplete", json_true()); break;
  case ANSWER_STEP_COMPLETE: send_complete(e); break;
  case ANSWER_STEP_TEXT:
    e->given.text += usage_of_text(step->size);
    send_part(e, json_pack("{s:s%}", "text", step->text, step->size));
    break;
  }
}
