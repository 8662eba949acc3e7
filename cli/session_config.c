#include "cli/session_config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/input.h"
#include "cli/tools.h"
#include "wire/reader.h"
#include "wire/tables.h"

enum { SECRET_MAX = 128 << 10 };

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

/* A whole file as text in the arena; NULL for no file. */
static genai_status read_text(const char *path, size_t ceiling, arena *a, const char **text, genai_error *error) {
  const char *read;
  buf memory;
  *text = NULL;
  if (path == NULL) return GENAI_OK;
  buf_init(&memory, ceiling);
  genai_status status = input_text(path, &memory, &read, error);
  if (status == GENAI_OK) *text = arena_strndup(a, read, memory.size);
  if (status == GENAI_OK && *text == NULL) status = error_memory(error);
  buf_deinit(&memory);
  return status;
}

genai_status session_setup_json(const settings *s, arena *a, const char **text, genai_error *error) {
  return read_text(s->setup_json, INPUT_MAX, a, text, error);
}

genai_status session_models(const settings *s, arena *a, const char **text, genai_error *error) {
  return read_text(s->models, INPUT_MAX, a, text, error);
}

/* The first word in the file. */
static genai_status read_secret(const char *path, const char *what, arena *a, const char **secret, genai_error *error) {
  static const char blank[] = " \t\r\n";
  const char *text;
  *secret = NULL;
  genai_status status = read_text(path, SECRET_MAX, a, &text, error);
  if (status != GENAI_OK || text == NULL) return status;
  text += strspn(text, blank);
  if (*text == '\0') return error_set(error, GENAI_ERROR_CREDENTIALS, "%s holds no %s.", path, what);
  *secret = arena_strndup(a, text, strcspn(text, blank));
  return *secret != NULL ? GENAI_OK : error_memory(error);
}

genai_status session_key(const settings *s, arena *a, const char **key, genai_error *error) {
  return read_secret(s->key_file, "API key", a, key, error);
}

genai_status session_access_token(const settings *s, arena *a, const char **token, genai_error *error) {
  return read_secret(s->access_token_file, "access token", a, token, error);
}
