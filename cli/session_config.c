#include "cli/session_config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/input.h"
#include "cli/tools.h"
#include "wire/reader.h"
#include "wire/tables.h"

enum { KEY_FILE_MAX = 128 << 10 };

static genai_status read_config(const char *path, arena *a, genai_live_connect_config *config, genai_error *error) {
  wire_limits limits = {.refuse_unknown = true, .root = "config"};
  const char *text;
  void *read = NULL;
  buf memory;
  buf_init(&memory, INPUT_MAX);
  genai_status status = input_text(path, &memory, &text, error);
  if (status == GENAI_OK) status = wire_read(a, &wire_live_connect_config, text, memory.size, &limits, &read, error);
  if (status == GENAI_OK) *config = *(const genai_live_connect_config *)read;
  buf_deinit(&memory);
  return status;
}

/* A copy in the arena, NULL when memory is out. */
static void *keep(arena *a, const void *value, size_t size) {
  void *copy = arena_alloc(a, size);
  if (copy != NULL) memcpy(copy, value, size);
  return copy;
}

static bool set_modality(genai_live_connect_config *config, genai_modality modality, arena *a) {
  const genai_generation_config *generation = config->generation_config;
  if (config->response_modalities.items != NULL) return true;
  if (generation != NULL && generation->response_modalities.items != NULL) return true;
  config->response_modalities.items = keep(a, &modality, sizeof modality);
  config->response_modalities.count = 1;
  return config->response_modalities.items != NULL;
}

/* Whether sound is among the answers: only that has a transcript. */
static bool speaks(const genai_live_connect_config *config) {
  const genai_enum_list *list = &config->response_modalities;
  if (list->items == NULL) list = &config->generation_config->response_modalities;
  for (size_t i = 0; i < list->count; i++) {
    if (list->items[i] == GENAI_MODALITY_AUDIO) return true;
  }
  return false;
}

static bool set_voice(genai_live_connect_config *config, const char *name, arena *a) {
  genai_prebuilt_voice_config prebuilt = {.voice_name = name};
  genai_voice_config voice = {.prebuilt_voice_config = keep(a, &prebuilt, sizeof prebuilt)};
  genai_speech_config speech = config->speech_config != NULL ? *config->speech_config : (genai_speech_config){0};
  speech.voice_config = keep(a, &voice, sizeof voice);
  config->speech_config = keep(a, &speech, sizeof speech);
  return voice.prebuilt_voice_config != NULL && speech.voice_config != NULL && config->speech_config != NULL;
}

static bool set_system(genai_live_connect_config *config, const char *text, arena *a) {
  genai_part part = {.text = text};
  const genai_part *kept = keep(a, &part, sizeof part);
  genai_content content = {.role = "user", .parts = {keep(a, &kept, sizeof kept), 1}};
  config->system_instruction = keep(a, &content, sizeof content);
  return kept != NULL && content.parts.items != NULL && config->system_instruction != NULL;
}

static bool add_tool(genai_live_connect_config *config, const genai_tool *tool, arena *a) {
  size_t count = config->tools.count;
  const genai_tool **items = arena_alloc(a, (count + 1) * sizeof *items);
  if (items == NULL) return false;
  if (count > 0) memcpy(items, config->tools.items, count * sizeof *items);
  items[count] = tool;
  config->tools = (genai_tool_list){items, count + 1};
  return true;
}

genai_status session_config_make(const settings *s, const session_defaults *defaults, arena *a,
                                 const genai_live_connect_config **config, genai_error *error) {
  static const genai_audio_transcription_config transcription;
  genai_live_connect_config *c = arena_zalloc(a, sizeof *c);
  const genai_tool *tool = NULL;
  genai_status status = c != NULL ? GENAI_OK : error_memory(error);
  if (status == GENAI_OK && s->config != NULL) status = read_config(s->config, a, c, error);
  if (status == GENAI_OK && s->declare != NULL) status = tools_read_declarations(s->declare, a, &tool, error);
  if (status != GENAI_OK) return status;
  bool made = set_modality(c, defaults->modality, a) && (s->voice == NULL || set_voice(c, s->voice, a)) &&
              (s->system == NULL || set_system(c, s->system, a)) && (tool == NULL || add_tool(c, tool, a));
  if (!made) return error_memory(error);
  if (defaults->transcribe_input && c->input_audio_transcription == NULL) c->input_audio_transcription = &transcription;
  if (defaults->transcribe_output && speaks(c) && c->output_audio_transcription == NULL) c->output_audio_transcription = &transcription;
  *config = c;
  return GENAI_OK;
}

/* A whole file as text in the arena. */
static genai_status read_text(const char *path, size_t ceiling, arena *a, char **text, genai_error *error) {
  const char *read;
  buf memory;
  buf_init(&memory, ceiling);
  genai_status status = input_text(path, &memory, &read, error);
  *text = status == GENAI_OK ? arena_strndup(a, read, memory.size) : NULL;
  if (status == GENAI_OK && *text == NULL) status = error_memory(error);
  buf_deinit(&memory);
  return status;
}

genai_status session_setup_json(const settings *s, arena *a, const char **text, genai_error *error) {
  char *read = NULL;
  genai_status status = s->setup_json != NULL ? read_text(s->setup_json, INPUT_MAX, a, &read, error) : GENAI_OK;
  *text = read;
  return status;
}

genai_status session_key(const settings *s, arena *a, const char **key, genai_error *error) {
  static const char blank[] = " \t\r\n";
  char *read = NULL;
  *key = NULL;
  if (s->key_file == NULL) return GENAI_OK;
  genai_status status = read_text(s->key_file, KEY_FILE_MAX, a, &read, error);
  if (status != GENAI_OK) return status;
  read += strspn(read, blank);
  read[strcspn(read, blank)] = '\0';
  if (read[0] == '\0') return error_set(error, GENAI_ERROR_CREDENTIALS, "%s holds no API key.", s->key_file);
  *key = read;
  return GENAI_OK;
}
