#include "emulator/turn.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audio/audio.h"
#include "emulator/pjson.h"

enum {
  SOUND_MAX = 60 * AUDIO_RATE_OUT * (int)sizeof(int16_t),
  BLOB_MAX = 16 << 20,
  TOKENS_A_SECOND = 25,
  TOKENS_AN_IMAGE = 258
};

void turn_init(turn *t) {
  *t = (turn){0};
  buf_init(&t->text, TURN_TEXT_MAX);
  buf_init(&t->sound, SOUND_MAX);
}

void turn_deinit(turn *t) {
  buf_deinit(&t->text);
  buf_deinit(&t->sound);
  turn_init(t);
}

bool turn_empty(const turn *t) { return !t->text.size && !t->sound.size; }

const char *turn_text(turn *t) {
  const char *text = t->text.size ? buf_cstr(&t->text) : NULL;
  return text ? text : "";
}

bool turn_add_text(turn *t, const char *text) {
  if (t->text.size) buf_byte(&t->text, '\n');
  return buf_text(&t->text, text);
}

int turn_audio_rate(const char *mime_type) {
  static const char pcm[] = "audio/pcm", rate[] = "rate=";
  if (!*mime_type) return AUDIO_RATE_IN;
  if (strncasecmp(mime_type, pcm, sizeof pcm - 1)) return 0;
  const char *rest = mime_type + sizeof pcm - 1;
  if (*rest && !strchr("; ", *rest)) return 0;
  const char *found = strstr(rest, rate);
  return found ? atoi(found + sizeof rate - 1) : AUDIO_RATE_IN;
}

bool turn_read_pcm(json_t *blob, buf *samples) {
  json_t *data = pjson_get(blob, "data");
  buf bytes;
  buf_init(&bytes, BLOB_MAX);
  bool fine = !data || pjson_base64_decode(&bytes, json_string_value(data), json_string_length(data));
  int16_t *room = fine ? (int16_t *)(void *)buf_room(samples, bytes.size + 2) : NULL;
  if (room) buf_commit(samples, audio_pcm_read(room, bytes.data, bytes.size) * sizeof *room);
  buf_deinit(&bytes);
  return room != NULL;
}

static bool add_audio(turn *t, json_t *blob) {
  int rate_hz = turn_audio_rate(pjson_text(blob, "mime_type"));
  buf samples;
  buf_init(&samples, BLOB_MAX);
  bool fine = turn_read_pcm(blob, &samples) &&
              !audio_resample(audio_samples(&samples), audio_count(&samples), rate_hz, AUDIO_RATE_OUT, &t->sound, NULL);
  buf_deinit(&samples);
  return fine;
}

bool turn_add_content(turn *t, json_t *content) {
  json_t *part;
  size_t i;
  const char *role = pjson_text(content, "role");
  if (!strcmp(role, "model")) {
    turn_deinit(t);
    return true;
  }
  json_array_foreach(pjson_get(content, "parts"), i, part) {
    json_t *blob = pjson_get(part, "inline_data");
    const char *mime_type = pjson_text(blob, "mime_type"), *text = pjson_text(part, "text");
    if (*text && !turn_add_text(t, text)) return false;
    if (!strncasecmp(mime_type, "image/", 6)) t->images++;
    if (turn_audio_rate(mime_type) && *mime_type && !add_audio(t, blob)) return false;
  }
  return true;
}

unsigned usage_of_text(size_t size) { return (unsigned)((size + 3) / 4); }

unsigned usage_of_sound(size_t samples) {
  return (unsigned)((samples * TOKENS_A_SECOND + AUDIO_RATE_OUT - 1) / AUDIO_RATE_OUT);
}

usage turn_usage(const turn *t) {
  return (usage){usage_of_text(t->text.size), usage_of_sound(audio_count(&t->sound)), t->images * TOKENS_AN_IMAGE};
}

static json_t *details(const usage *u) {
  const struct {
    const char *name;
    unsigned count;
  } kinds[] = {{"TEXT", u->text}, {"AUDIO", u->audio}, {"IMAGE", u->image}};
  json_t *list = json_array();
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (!kinds[i].count) continue;
    json_array_append_new(list,
                          json_pack("{s:s, s:I}", "modality", kinds[i].name, "tokenCount", (json_int_t)kinds[i].count));
  }
  return list;
}

json_t *usage_json(const usage *prompt, const usage *answer, bool vertex) {
  json_int_t in = (json_int_t)prompt->text + prompt->audio + prompt->image,
             out = (json_int_t)answer->text + answer->audio;
  return json_pack("{s:I, s:I, s:I, s:o, s:o}", "promptTokenCount", in,
                   vertex ? "candidatesTokenCount" : "responseTokenCount", out, "totalTokenCount", in + out,
                   "promptTokensDetails", details(prompt), vertex ? "candidatesTokensDetails" : "responseTokensDetails",
                   details(answer));
}
