/* A music session, Lyria RealTime: prompts, config and playback controls go in, chunks of music come out at the pace of
 * sound. */
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/memory.h"
#include "emulator/pjson.h"
#include "emulator/shape.h"
#include "emulator/synth.h"
#include "emulator/voice.h"

enum {
  CHUNK_MS = 2000, /* of sound in a message: the model makes music two seconds at a time */
  CHUNK_FRAMES = SYNTH_RATE_HZ / 1000 * CHUNK_MS,
  CHUNK_BYTES = CHUNK_FRAMES * SYNTH_CHANNELS * 2,
  PROMPTS_MAX = 64,
  PROMPT_BYTES_MAX = 4096
};

static const char filter_word[] = "forbidden";

typedef struct music {
  service *service;
  bool set_up, playing;
  json_t *prompts; /* list of WeightedPrompt, without the filtered ones; NULL or empty: nothing can be played */
  json_t *config;  /* MusicGenerationConfig, or NULL */
  synth synth;     /* as prompts and config say; bpm and root are those of the context */
  bool context;    /* the piece has begun: a new bpm or scale waits for its end */
  uint64_t at;     /* frames of the piece that were given out */
  uint64_t started_ms, started_at; /* when it was last set playing, and where it was then */
} music;

static void *create(service *s) {
  music *m = mem_zalloc(sizeof *m);
  if (m) m->service = s;
  return m;
}

static void destroy(void *voice) {
  music *m = voice;
  json_decref(m->prompts);
  json_decref(m->config);
  mem_free(m);
}

static void refuse(music *m) { service_close(m->service, 1007, "Request contains an invalid argument."); }

static void replace(json_t **held, json_t *with) {
  json_decref(*held);
  *held = with;
}

/* ---- what the synthesiser is told ---- */

/* The number of an enumeration's value, by its place in the table. */
static int enum_number(json_t *config, const char *field, const char *name) {
  json_t *value = pjson_get(config, field);
  const char *text = json_string_value(value);
  int number = 0;
  if (!text) return (int)json_integer_value(value);
  for (const shape_row *row = shape_enumerations; row->name; row++) {
    if (strcmp(row->name, name)) continue;
    for (const char *at = row->content; *at; at += strspn(at, " "), number++) {
      size_t size = strcspn(at, " ");
      if (strlen(text) == size && !memcmp(at, text, size)) return number;
      at += size;
    }
  }
  return 0;
}

/* What the config does not say, the prompts do. */
static void tune(music *m) {
  synth *s = &m->synth;
  json_t *config = m->config, *prompt;
  double sum = 0;
  uint64_t mood = 0;
  size_t i;
  s->voice_count = 0;
  json_array_foreach(m->prompts, i, prompt) {
    double weight = pjson_number(prompt, "weight", 0);
    sum += weight < 0 ? -weight : weight;
  }
  json_array_foreach(m->prompts, i, prompt) {
    const char *text = pjson_text(prompt, "text");
    double gain = sum > 0 ? pjson_number(prompt, "weight", 0) / sum : 0;
    synth_add(s, text, gain > 0 ? gain : 0);
    mood ^= synth_hash(text);
  }
  s->seed = (uint64_t)pjson_number(config, "seed", 0);
  s->density = pjson_number(config, "density", 0.5);
  s->brightness = pjson_number(config, "brightness", 0.5);
  s->guidance = pjson_number(config, "guidance", 4);
  s->temperature = pjson_number(config, "temperature", 1.1);
  s->mute_bass = pjson_true(config, "mute_bass");
  s->mute_drums = pjson_true(config, "mute_drums");
  s->only_bass_and_drums = pjson_true(config, "only_bass_and_drums");
  if (m->context) return;
  int scale = enum_number(config, "scale", "Scale");
  s->bpm = (int)pjson_number(config, "bpm", (double)(80 + mood % 60));
  s->root = scale ? scale - 1 : (int)(mood / 64 % 12);
}

/* ---- what the client says ---- */

static void take_setup(music *m, json_t *first) {
  char reason[SETUP_REASON_MAX];
  int code = setup_check_model(&service_options_of(m->service)->backend, "bidiGenerateMusic",
                               pjson_text(first, "model"), reason);
  if (code) {
    service_close(m->service, code, "%s", reason);
    return;
  }
  m->set_up = true;
  service_send(m->service, json_pack("{s:{}}", "setupComplete"));
}

static bool contains_word(const char *text, const char *word) {
  size_t size = strlen(word);
  for (; *text; text++) {
    if (!strncasecmp(text, word, size)) return true;
  }
  return false;
}

/* Text and a weight other than 0: both are required (WeightedPrompt). */
static bool prompt_valid(json_t *prompt) {
  const char *text = pjson_text(prompt, "text");
  double weight = pjson_number(prompt, "weight", 0);
  return *text && strlen(text) <= PROMPT_BYTES_MAX && weight >= -1e9 && weight <= 1e9 && weight != 0;
}

/* All the prompts, in the place of the earlier ones. One with the marker word is told of and left out. */
static void take_prompts(music *m, json_t *content) {
  json_t *given = pjson_get(content, "weighted_prompts"), *prompt, *kept;
  size_t i, count = json_array_size(given);
  bool fine = count > 0 && count <= PROMPTS_MAX;
  json_array_foreach(given, i, prompt) fine = fine && prompt_valid(prompt);
  if (!fine) {
    refuse(m);
    return;
  }
  kept = json_array();
  json_array_foreach(given, i, prompt) {
    const char *text = pjson_text(prompt, "text");
    if (contains_word(text, filter_word))
      service_send(m->service, json_pack("{s:{s:s, s:s}}", "filteredPrompt", "text", text, "filteredReason",
                                         "The prompt was filtered: it contains the word \"forbidden\"."));
    else
      json_array_append_new(kept, json_pack("{s:s, s:f}", "text", text, "weight", pjson_number(prompt, "weight", 0)));
  }
  if (!kept) service_close(m->service, 1011, "Internal error encountered.");
  replace(&m->prompts, kept);
  tune(m);
}

/* The fields of a config, and the numbers each takes. */
typedef enum field_kind { FIELD_NUMBER, FIELD_NAME, FIELD_FLAG } field_kind;
typedef struct field {
  const char *name, *json_name;
  field_kind kind;
  double least, most;
} field;

static const field fields[] = {
    {"temperature", "temperature", FIELD_NUMBER, 0, 3},
    {"top_k", "topK", FIELD_NUMBER, 1, 1000},
    {"seed", "seed", FIELD_NUMBER, 0, 2147483647},
    {"guidance", "guidance", FIELD_NUMBER, 0, 6},
    {"bpm", "bpm", FIELD_NUMBER, SYNTH_BPM_MIN, SYNTH_BPM_MAX},
    {"density", "density", FIELD_NUMBER, 0, 1},
    {"brightness", "brightness", FIELD_NUMBER, 0, 1},
    {"scale", "scale", FIELD_NAME, 0, 12},
    {"music_generation_mode", "musicGenerationMode", FIELD_NAME, 0, 3},
    {"mute_bass", "muteBass", FIELD_FLAG, 0, 0},
    {"mute_drums", "muteDrums", FIELD_FLAG, 0, 0},
    {"only_bass_and_drums", "onlyBassAndDrums", FIELD_FLAG, 0, 0},
};

/* The value of a field as it is sent back, new; NULL when it is out of range. */
static json_t *field_value(const field *f, json_t *config, json_t *value) {
  if (f->kind == FIELD_FLAG || (f->kind == FIELD_NAME && json_is_string(value))) return json_incref(value);
  double number = pjson_number(config, f->name, 0);
  if (!(number >= f->least && number <= f->most)) return NULL;
  return number == (double)(json_int_t)number ? json_integer((json_int_t)number) : json_real(number);
}

/* The whole config, in the place of the earlier one. */
static void take_config(music *m, json_t *config) {
  json_t *kept = json_object();
  for (size_t i = 0; kept && i < sizeof fields / sizeof *fields; i++) {
    json_t *value = pjson_get(config, fields[i].name);
    if (!value || !json_object_set_new(kept, fields[i].json_name, field_value(&fields[i], config, value))) continue;
    json_decref(kept);
    refuse(m);
    return;
  }
  replace(&m->config, kept);
  tune(m);
}

static void begin_anew(music *m, uint64_t now_ms) {
  m->context = false;
  m->at = m->started_at = 0;
  m->started_ms = now_ms;
  tune(m);
}

static void take_control(music *m, uint64_t now_ms, json_t *message) {
  enum { PLAY = 1, PAUSE, STOP, RESET_CONTEXT };
  switch (enum_number(message, "playback_control", "PlaybackControl")) {
  case PLAY:
    if (m->playing) break;
    m->playing = true;
    m->started_ms = now_ms;
    m->started_at = m->at;
    break;
  case PAUSE: m->playing = false; break;
  case STOP:
    m->playing = false;
    begin_anew(m, now_ms);
    break;
  case RESET_CONTEXT: begin_anew(m, now_ms); break;
  default: refuse(m);
  }
}

static void take(music *m, uint64_t now_ms, json_t *message) {
  json_t *first = pjson_get(message, "setup"), *content = pjson_get(message, "client_content");
  json_t *config = pjson_get(message, "music_generation_config"), *control = pjson_get(message, "playback_control");
  if (!!first + !!content + !!config + !!control > 1)
    service_close(m->service, 1007,
                  "Invalid value (oneof), oneof field 'message_type' is already set. Only one may be.");
  else if (!first == !m->set_up)
    service_close(m->service, 1007, "setup must be the first message and only the first.");
  else if (first)
    take_setup(m, first);
  else if (content)
    take_prompts(m, content);
  else if (config)
    take_config(m, config);
  else if (control)
    take_control(m, now_ms, message);
  else
    refuse(m);
}

static void receive(void *voice, uint64_t now_ms, const char *text, size_t size) {
  music *m = voice;
  json_t *message = service_parse(m->service, SHAPE_MUSIC, text, size);
  if (message) take(m, now_ms, message);
  json_decref(message);
}

static void spoken(void *voice, uint64_t now_ms, uint64_t id, const int16_t *samples, size_t count) {
  (void)voice, (void)now_ms, (void)id, (void)samples, (void)count;
}

/* ---- what comes out ---- */

/* A chunk is due when the sound before it has been heard; one that waits for prompts is not. */
static uint64_t deadline(const void *voice) {
  const music *m = voice;
  if (!m->playing || !json_array_size(m->prompts)) return SERVICE_NEVER;
  if (service_fast(m->service)) return 0;
  return m->started_ms + (m->at - m->started_at) * 1000 / SYNTH_RATE_HZ;
}

static json_t *metadata(const music *m) {
  json_t *source = json_pack("{s:{s:O}}", "clientContent", "weightedPrompts", m->prompts);
  if (m->config) json_object_set(source, "musicGenerationConfig", m->config);
  return source;
}

static void next(void *voice, uint64_t now_ms) {
  music *m = voice;
  buf sound;
  if (deadline(m) > now_ms) return;
  buf_init(&sound, CHUNK_BYTES);
  uint8_t *room = buf_room(&sound, CHUNK_BYTES);
  json_t *data = NULL;
  if (room) {
    synth_render(&m->synth, m->at, room, CHUNK_FRAMES);
    data = pjson_base64(room, CHUNK_BYTES);
  }
  buf_deinit(&sound);
  m->context = true;
  m->at += CHUNK_FRAMES;
  /* json_pack releases what it was given and returns NULL when `data` is NULL */
  service_send(m->service, json_pack("{s:{s:[{s:o, s:s, s:o}]}}", "serverContent", "audioChunks", "data", data,
                                     "mimeType", "audio/l16;rate=48000;channels=2", "sourceMetadata", metadata(m)));
}

const voice_class voice_music = {create, destroy, receive, spoken, next, deadline, NULL, NULL, NULL};
