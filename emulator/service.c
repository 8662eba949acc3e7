#include "emulator/service.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "emulator/pjson.h"
#include "emulator/random.h"
#include "emulator/shape.h"
#include "emulator/voice.h"

enum { REASON_MAX = 512 };

struct service {
  service_options options;
  const voice_class *class;
  void *voice;
  service_action outbox[SERVICE_OUTBOX_MAX]; /* a ring; texts are owned */
  size_t first, count;
  char *current; /* the text of the action that was pulled last */
  uint64_t random;
  int close_code; /* 0: open */
  char close_reason[REASON_MAX];
  bool close_pulled;
  unsigned received; /* messages, the setup too */
  /* faults */
  uint64_t closes_ms; /* when it closes by itself, and how */
  int closes_code;
  char closes_reason[REASON_MAX];
  uint64_t stalled_until_ms, fast_until_ms, double_until_ms;
  uint64_t now_ms; /* of the last input or pull */
};

service *service_new(const service_options *options) {
  service *s = mem_zalloc(sizeof *s);
  if (!s) return NULL;
  s->options = *options;
  s->options.backend.version = mem_strdup(options->backend.version);
  s->options.transcript = mem_strdup(options->transcript);
  s->random = options->seed;
  s->closes_ms = SERVICE_NEVER;
  s->class = options->recording ? &voice_replay : options->music ? &voice_music : &voice_echo;
  bool copied = s->options.backend.version && (s->options.transcript || !options->transcript);
  s->voice = copied ? s->class->create(s) : NULL;
  if (s->voice) return s;
  service_free(s);
  return NULL;
}

void service_lost(service *s, uint64_t now_ms) {
  if (s->class->lost) s->class->lost(s->voice, now_ms);
}

void service_free(service *s) {
  if (!s) return;
  if (s->voice) s->class->destroy(s->voice);
  for (size_t i = 0; i < s->count; i++) mem_free((char *)s->outbox[(s->first + i) % SERVICE_OUTBOX_MAX].text);
  mem_free(s->current);
  mem_free((char *)s->options.backend.version);
  mem_free((char *)s->options.transcript);
  mem_free(s);
}

const service_options *service_options_of(const service *s) { return &s->options; }
bool service_closing(const service *s) { return s->close_code != 0; }
size_t service_backlog(const service *s) { return s->count; }

uint64_t service_random(service *s) { return random_next(&s->random); }

void service_close(service *s, int code, const char *format, ...) {
  if (s->close_code) return;
  s->close_code = code;
  va_list args;
  va_start(args, format);
  vsnprintf(s->close_reason, sizeof s->close_reason, format, args);
  va_end(args);
  pjson_mend(s->close_reason); /* a close's reason is UTF-8 (RFC 6455 section 5.5.1) */
}

json_t *service_parse(service *s, const char *name, const char *text, size_t size) {
  json_error_t error;
  char reason[SHAPE_REASON_MAX];
  json_t *message = json_loadb(text, size, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
  if (!message) {
    service_close(s, 1007, "Invalid JSON payload received. %s",
                  json_error_code(&error) == json_error_premature_end_of_input ? "Unexpected end of string."
                                                                               : "Unexpected token.");
  } else if (!shape_check(message, name, s->options.backend.version, reason)) {
    service_close(s, 1007, "%s", reason);
    json_decref(message);
    message = NULL;
  }
  return message;
}

/* Takes over `text`, which is NULL when memory ran out. */
static void push(service *s, service_kind kind, uint64_t id, char *text, size_t size) {
  if (text && s->count < SERVICE_OUTBOX_MAX && !s->close_code) {
    s->outbox[(s->first + s->count++) % SERVICE_OUTBOX_MAX] =
        (service_action){.kind = kind, .id = id, .text = text, .size = size};
    return;
  }
  if (!text)
    service_close(s, 1011, "Internal error encountered.");
  else
    service_close(s, 1011, "More than %d messages are waiting to be read.", SERVICE_OUTBOX_MAX);
  mem_free(text);
}

static bool is_transcription(json_t *message) {
  json_t *content = json_object_get(message, "serverContent");
  return json_object_get(content, "inputTranscription") || json_object_get(content, "outputTranscription");
}

void service_send(service *s, json_t *message) {
  buf text;
  buf_init(&text, SERVICE_MESSAGE_MAX);
  bool again = s->now_ms < s->double_until_ms && is_transcription(message);
  size_t size = json_dumpb(message, NULL, 0, JSON_INDENT(2));
  char *room = size ? (char *)buf_room(&text, size + 2) : NULL;
  if (room) {
    json_dumpb(message, room, size, JSON_INDENT(2));
    memcpy(room + size, "\n", 2);
  }
  if (again && room) push(s, SERVICE_SEND, 0, mem_strndup(room, size + 1), size + 1);
  push(s, SERVICE_SEND, 0, room, size + 1);
  json_decref(message);
}

void service_send_text(service *s, const char *text, size_t size) {
  push(s, SERVICE_SEND, 0, mem_strndup(text, size), size);
}

void service_speak(service *s, uint64_t id, const char *text) {
  push(s, SERVICE_SPEAK, id, mem_strdup(text), strlen(text));
}

void service_receive(service *s, uint64_t now_ms, const char *text, size_t size) {
  s->now_ms = now_ms;
  if (s->close_code) return;
  s->received++;
  s->class->receive(s->voice, now_ms, text, size);
}

void service_spoken(service *s, uint64_t now_ms, uint64_t id, const int16_t *samples, size_t count) {
  s->now_ms = now_ms;
  if (!s->close_code) s->class->spoken(s->voice, now_ms, id, samples, count);
}

bool service_next(service *s, uint64_t now_ms, service_action *action) {
  mem_free(s->current);
  s->current = NULL;
  s->now_ms = now_ms;
  if (s->options.expires_ms && now_ms >= s->options.expires_ms) service_close(s, 1008, "Token has expired.");
  if (now_ms >= s->closes_ms) service_close(s, s->closes_code, "%s", s->closes_reason);
  if (now_ms < s->stalled_until_ms && !s->close_code) return false;
  if (!s->count && !s->close_code) s->class->next(s->voice, now_ms);
  if (s->count) {
    *action = s->outbox[s->first];
    s->current = (char *)action->text;
    s->first = (s->first + 1) % SERVICE_OUTBOX_MAX;
    s->count--;
    if (action->kind == SERVICE_SEND)
      service_tell(s, &(service_event){.kind = SERVICE_SENT, .text = action->text, .size = action->size});
    return true;
  }
  if (!s->close_code || s->close_pulled) return false;
  s->close_pulled = true;
  service_lost(s, now_ms);
  *action = (service_action){.kind = SERVICE_CLOSE, .code = s->close_code, .text = s->close_reason};
  return true;
}

uint64_t service_deadline(const service *s) {
  if (s->close_code) return s->count || !s->close_pulled ? 0 : SERVICE_NEVER;
  uint64_t deadline = s->count ? 0 : s->class->deadline(s->voice), expires_ms = s->options.expires_ms;
  if (s->stalled_until_ms > deadline && s->stalled_until_ms > s->now_ms) deadline = s->stalled_until_ms;
  if (s->closes_ms < deadline) deadline = s->closes_ms;
  return expires_ms && expires_ms < deadline ? expires_ms : deadline;
}

/* ---- for the voices ---- */

void service_tell(service *s, const service_event *event) {
  if (s->options.event) s->options.event(s->options.event_user, event);
}

bool service_fast(const service *s) { return s->options.fast || s->now_ms < s->fast_until_ms; }

void service_close_at(service *s, uint64_t at_ms, int code, const char *reason) {
  if (at_ms >= s->closes_ms) return;
  s->closes_ms = at_ms;
  s->closes_code = code;
  snprintf(s->closes_reason, sizeof s->closes_reason, "%s", reason);
}

/* ---- faults ---- */

plan_view service_view(const service *s) {
  plan_view view = {.messages = s->received ? s->received - 1 : 0};
  if (s->class->view)
    s->class->view(s->voice, &view);
  else if (s->received)
    view.phases = FAULT_BIT(FAULT_OPEN);
  return view;
}

static uint64_t until(uint64_t now_ms, uint64_t for_ms) { return for_ms == FAULT_NEVER ? FAULT_NEVER : now_ms + for_ms; }

/* A protobuf Duration. */
static void go_away(service *s, uint64_t now_ms, const fault *f) {
  char left[32];
  snprintf(left, sizeof left, "%" PRIu64 ".%03us", f->lead_ms / 1000, (unsigned)(f->lead_ms % 1000));
  if (f->lead_ms % 1000 == 0) snprintf(left, sizeof left, "%" PRIu64 "s", f->lead_ms / 1000);
  service_send(s, json_pack("{s:{s:s}}", "goAway", "timeLeft", left));
  if (f->end_ms != FAULT_NEVER) service_close_at(s, now_ms + f->end_ms, (int)f->code, f->reason);
}

static void send_invalid(service *s, fault_how how) {
  static const char *const texts[] = {"{\n  \"serverContent\": {\n    \"modelTurn\": {", "this is no JSON\n", "", NULL, "{\n  \"somethingNew\": {\n    \"flag\": true\n  }\n}\n"};
  const char *text = texts[how - FAULT_TRUNCATED];
  service_send_text(s, text, strlen(text));
}

bool service_fault(service *s, uint64_t now_ms, const fault *f) {
  s->now_ms = now_ms;
  switch (f->kind) {
  case FAULT_GO_AWAY: go_away(s, now_ms, f); return true;
  case FAULT_CLOSE: service_close(s, (int)f->code, "%s", f->reason); return true;
  case FAULT_STALL: s->stalled_until_ms = until(now_ms, f->for_ms); return true;
  case FAULT_BURST: s->fast_until_ms = until(now_ms, f->for_ms); return true;
  case FAULT_DUPLICATE: s->double_until_ms = until(now_ms, f->for_ms); return true;
  case FAULT_SEND: service_send_text(s, f->text, strlen(f->text)); return true;
  case FAULT_INVALID:
    if (f->how == FAULT_CUT_FRAME || f->how == FAULT_UTF8) return false;
    send_invalid(s, f->how);
    return true;
  case FAULT_ANSWER:
  case FAULT_UPDATES:
  case FAULT_LINGER:
    if (s->class->fault) s->class->fault(s->voice, now_ms, f);
    return true;
  default: return false;
  }
}
