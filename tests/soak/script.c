#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "soak.h"

enum { ROUND_MANUAL = 14, ROUND_OPEN = 40, CHUNK = 640, MAGIC_A = 0x53, MAGIC_B = 0x4B };

/* An utterance between marks, turns of text, calls. */
static script_kind manual_at(uint32_t i) {
  static const script_kind kinds[ROUND_MANUAL] = {SCRIPT_START, SCRIPT_SOUND, SCRIPT_SOUND, SCRIPT_SOUND, SCRIPT_SOUND, SCRIPT_SOUND, SCRIPT_END,
                                                  SCRIPT_CONTENT, SCRIPT_TEXT, SCRIPT_CALL, SCRIPT_OPEN_CONTENT, SCRIPT_CONTENT,
                                                  SCRIPT_QUIET, SCRIPT_QUIET};
  return kinds[i];
}

/* An open microphone, with texts between. */
static script_kind open_at(uint32_t i) {
  if (i < 14) return SCRIPT_SOUND;
  if (i == 26) return SCRIPT_STREAM_END;
  if (i == 28) return SCRIPT_TEXT;
  if (i == 32) return SCRIPT_CALL;
  if (i == 36) return SCRIPT_CONTENT;
  return SCRIPT_QUIET;
}

uint32_t script_round(unsigned flavour) { return flavour & SCRIPT_MANUAL ? ROUND_MANUAL : ROUND_OPEN; }

script_kind script_at(unsigned flavour, uint32_t n) {
  uint32_t i = (n - 1) % script_round(flavour);
  return flavour & SCRIPT_MANUAL ? manual_at(i) : open_at(i);
}

script_class script_class_of(script_kind kind) { return kind < SCRIPT_SOUND ? SCRIPT_TURNS : SCRIPT_REAL_TIME; }
bool script_numbered(script_kind kind) { return kind < SCRIPT_START; }

uint32_t script_after(unsigned flavour, script_class class, uint32_t n) {
  do n++;
  while (script_class_of(script_at(flavour, n)) != class);
  return n;
}

uint32_t script_last(unsigned flavour, script_class class, uint32_t n) {
  for (; n; n--) {
    script_kind kind = script_at(flavour, n);
    if (script_class_of(kind) == class && script_numbered(kind)) return n;
  }
  return 0;
}

const char *script_config(unsigned flavour) {
  static const char tools[] =
      "\"tools\":[{\"functionDeclarations\":[{\"name\":\"look_up\",\"parameters\":{\"type\":\"OBJECT\",\"required\":[\"what\"],"
      "\"properties\":{\"what\":{\"type\":\"STRING\"}}}},{\"name\":\"note_down\",\"behavior\":\"NON_BLOCKING\"}]}]}";
  static const char *const heads[SCRIPT_FLAVOURS] = {
      "\"responseModalities\":[\"AUDIO\"],\"inputAudioTranscription\":{},\"outputAudioTranscription\":{},",
      "\"responseModalities\":[\"AUDIO\"],\"realtimeInputConfig\":{\"automaticActivityDetection\":{\"disabled\":true}},",
      "\"responseModalities\":[\"TEXT\"],\"inputAudioTranscription\":{},",
      "\"responseModalities\":[\"TEXT\"],\"realtimeInputConfig\":{\"automaticActivityDetection\":{\"disabled\":true}},",
  };
  static _Thread_local char config[1024];
  snprintf(config, sizeof config, "{%s%s", heads[flavour], tools);
  return config;
}

static genai_status send_sound(genai_live_session *session, unsigned number, uint32_t n, bool loud, const genai_wait *wait, genai_error *error) {
  uint8_t pcm[CHUNK] = {0};
  for (size_t i = 8; loud && i < CHUNK; i += 2) {
    int sample = (int)(8000 * sin((double)i * 0.13));
    pcm[i] = (uint8_t)sample;
    pcm[i + 1] = (uint8_t)((unsigned)sample >> 8);
  }
  const uint8_t head[8] = {MAGIC_A, MAGIC_B, (uint8_t)number, (uint8_t)(number >> 8), (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
  memcpy(pcm, head, sizeof head);
  return genai_live_send_audio(session, pcm, sizeof pcm, 0, wait, error);
}

static genai_status send_turn(genai_live_session *session, const char *text, bool complete, const genai_wait *wait, genai_error *error) {
  char json[256];
  snprintf(json, sizeof json, "{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\"%s\"}]}],\"turnComplete\":%s}", text, complete ? "true" : "false");
  return genai_live_send_json(session, GENAI_LIVE_SEND_CLIENT_CONTENT, json, wait, error);
}

genai_status script_send(genai_live_session *session, unsigned number, unsigned flavour, uint32_t n, const genai_wait *wait, genai_error *error) {
  script_kind kind = script_at(flavour, n);
  char text[128], json[256];
  const char *call = n % 2 ? "look_up" : "note_down";
  snprintf(text, sizeof text, "#%u:%u%s%s", number, n, kind == SCRIPT_CALL ? " please call " : "", kind == SCRIPT_CALL ? call : "");
  snprintf(json, sizeof json, "{\"text\":\"%s\"}", text);
  switch (kind) {
  case SCRIPT_CONTENT:
  case SCRIPT_CALL: return send_turn(session, text, true, wait, error);
  case SCRIPT_OPEN_CONTENT: return send_turn(session, text, false, wait, error);
  case SCRIPT_TEXT: return genai_live_send_json(session, GENAI_LIVE_SEND_REALTIME_INPUT, json, wait, error);
  case SCRIPT_START: return genai_live_send_json(session, GENAI_LIVE_SEND_REALTIME_INPUT, "{\"activityStart\":{}}", wait, error);
  case SCRIPT_END: return genai_live_send_json(session, GENAI_LIVE_SEND_REALTIME_INPUT, "{\"activityEnd\":{}}", wait, error);
  case SCRIPT_STREAM_END: return genai_live_send_json(session, GENAI_LIVE_SEND_REALTIME_INPUT, "{\"audioStreamEnd\":true}", wait, error);
  default: return send_sound(session, number, n, kind == SCRIPT_SOUND, wait, error);
  }
}

bool script_read_text(const char *text, unsigned *number, uint32_t *n) {
  char *end;
  if (*text != '#') return false;
  *number = (unsigned)strtoul(text + 1, &end, 10);
  if (*end != ':') return false;
  *n = (uint32_t)strtoul(end + 1, &end, 10);
  return *n != 0;
}

bool script_read_head(const char *head, unsigned *number, uint32_t *n) {
  uint8_t b[8] = {0};
  if (strlen(head) < 16) return false;
  for (size_t i = 0; i < 8; i++) {
    const char digits[3] = {head[2 * i], head[2 * i + 1], 0};
    b[i] = (uint8_t)strtoul(digits, NULL, 16);
  }
  *number = b[2] | (unsigned)b[3] << 8;
  *n = b[4] | (uint32_t)b[5] << 8 | (uint32_t)b[6] << 16 | (uint32_t)b[7] << 24;
  return b[0] == MAGIC_A && b[1] == MAGIC_B && *n;
}

uint64_t script_hash(const char *text) {
  uint64_t hash = 14695981039346656037u;
  for (; *text; text++) hash = (hash ^ (uint8_t)*text) * 1099511628211u;
  return hash | 1;
}
