#include "emulator/setup.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "emulator/pjson.h"

static int refuse(char reason[SETUP_REASON_MAX], int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(char reason[SETUP_REASON_MAX], int code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(reason, SETUP_REASON_MAX, format, args);
  va_end(args);
  return code;
}

/* The stock answer to what has the right shape and the wrong meaning. */
static int invalid(char reason[SETUP_REASON_MAX]) {
  return refuse(reason, 1007, "Request contains an invalid argument.");
}

/* Whether `name` matches a pattern of path segments, `*` being one of any name. */
static bool name_matches(const char *name, const char *pattern) {
  for (;;) {
    size_t size = strcspn(name, "/"), pattern_size = strcspn(pattern, "/");
    if (!size) return false;
    if (*pattern != '*' && (size != pattern_size || memcmp(name, pattern, size))) return false;
    name += size;
    pattern += pattern_size;
    if (!*name || !*pattern) return !*name && !*pattern;
    name++;
    pattern++;
  }
}

/* "projects/P/locations/L/…" of a project and location that may be used. */
static bool resource_allowed(const setup_backend *backend, const char *model) {
  char pattern[300];
  const char *rest = model;
  for (int i = 0; i < 4 && rest; i++) rest = strchr(rest, '/') ? strchr(rest, '/') + 1 : NULL;
  if (strncmp(model, "projects/", 9) || !rest) return true; /* of a key's own project */
  snprintf(pattern, sizeof pattern, "projects/%.120s/locations/%.120s", backend->project ? backend->project : "*",
           backend->location ? backend->location : "*");
  char resource[300];
  snprintf(resource, sizeof resource, "%.*s", (int)(rest - 1 - model), model);
  return name_matches(resource, pattern);
}

/* Any model that has a model's name is there. On Vertex it is named with its project and location; with a key (express
 * mode) it may be without. */
int setup_check_model(const setup_backend *backend, const char *method, const char *model,
                      char reason[SETUP_REASON_MAX]) {
  static const char *const gemini[] = {"models/*", "tunedModels/*", NULL};
  static const char *const vertex[] = {"projects/*/locations/*/publishers/*/models/*",
                                       "projects/*/locations/*/endpoints/*", "projects/*/locations/*/models/*", NULL};
  static const char *const express[] = {"publishers/*/models/*", "models/*",
                                        "projects/*/locations/*/publishers/*/models/*", NULL};
  if (!*model) return invalid(reason);
  const char *const *pattern = !backend->vertex ? gemini : backend->express ? express : vertex;
  while (*pattern && !name_matches(model, *pattern)) pattern++;
  if (!*pattern)
    return refuse(reason, 1008,
                  "%.120s is not found for API version %s, or is not supported for %s. Call ListModels to "
                  "see the list of available models and their supported methods.",
                  model, backend->version, method);
  if (resource_allowed(backend, model)) return 0;
  return refuse(reason, 1008,
                "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/%.200s' (or "
                "it may not "
                "exist).",
                model);
}

/* Speech is the default; text and speech together are refused, and so is what a live session never answers in. */
static int read_modalities(setup *s, json_t *generation, char reason[SETUP_REASON_MAX]) {
  json_t *list = pjson_get(generation, "response_modalities");
  if (json_array_size(list) > 1) return invalid(reason);
  const char *modality = json_string_value(json_array_get(list, 0));
  if (!modality || !strcmp(modality, "AUDIO") || !strcmp(modality, "MODALITY_UNSPECIFIED")) return 0;
  s->text = !strcmp(modality, "TEXT");
  return s->text ? 0 : invalid(reason);
}

static bool is_value(json_t *object, const char *name, const char *value) {
  return !strcmp(pjson_text(object, name), value);
}

/* realtimeInputConfig. The start is heard keenly by default on the Developer API, not so on Vertex; the end after half
 * a second, or 0.8 s where LOW was asked for. */
static int read_input(setup *s, const setup_backend *backend, json_t *config, char reason[SETUP_REASON_MAX]) {
  json_t *automatic = pjson_get(config, "automatic_activity_detection");
  bool low_start = is_value(automatic, "start_of_speech_sensitivity", "START_SENSITIVITY_LOW");
  bool high_start = is_value(automatic, "start_of_speech_sensitivity", "START_SENSITIVITY_HIGH");
  bool low_end = is_value(automatic, "end_of_speech_sensitivity", "END_SENSITIVITY_LOW");
  double start = pjson_number(automatic, "prefix_padding_ms", 40);
  double silence = pjson_number(automatic, "silence_duration_ms", low_end ? 800 : 500);
  if (start < 0 || silence < 0) return invalid(reason);
  s->interrupts = !is_value(config, "activity_handling", "NO_INTERRUPTION");
  s->ear = (ear_settings){
      .manual = pjson_true(automatic, "disabled"),
      .keen = high_start || (!low_start && !backend->vertex),
      .start_ms = (int)start,
      .silence_ms = (int)silence,
  };
  return 0;
}

static bool function_name_valid(const char *name) {
  if (!isalpha((unsigned char)*name) && *name != '_') return false;
  return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-") == strlen(name) &&
         strlen(name) <= 128;
}

int setup_check_tools(json_t *tools, char reason[SETUP_REASON_MAX]) {
  json_t *seen = json_object(), *tool, *declaration;
  size_t i, k;
  int code = seen ? 0 : refuse(reason, 1011, "Internal error encountered.");
  json_array_foreach(tools, i, tool) {
    json_array_foreach(pjson_get(tool, "function_declarations"), k, declaration) {
      const char *name = pjson_text(declaration, "name");
      if (code) break;
      if (!function_name_valid(name))
        code = refuse(reason, 1007,
                      "* BidiGenerateContentRequest.setup.tools[%zu].function_declarations[%zu].name: "
                      "[FIELD_INVALID] Invalid function name.",
                      i, k);
      else if (json_object_get(seen, name))
        code = refuse(reason, 1007, "Duplicate function declaration found: %.128s", name);
      else if (json_object_set(seen, name, json_true()))
        code = refuse(reason, 1011, "Internal error encountered.");
    }
  }
  json_decref(seen);
  return code;
}

static int copy_text(char **to, const char *text, char reason[SETUP_REASON_MAX]) {
  if (!*text) return 0;
  *to = mem_strdup(text);
  return *to ? 0 : refuse(reason, 1011, "Internal error encountered.");
}

static int read_flags(setup *s, const setup_backend *backend, json_t *message, char reason[SETUP_REASON_MAX]) {
  json_t *heard = pjson_get(message, "input_audio_transcription");
  json_t *compression = pjson_get(message, "context_window_compression");
  json_t *resumption = pjson_get(message, "session_resumption");
  s->hears_transcript = heard != NULL;
  s->speaks_transcript = pjson_get(message, "output_audio_transcription") != NULL;
  s->vad_signal = pjson_true(message, "explicit_vad_signal");
  s->initial_history = pjson_true(pjson_get(message, "history_config"), "initial_history_in_client_content");
  /* Compression without a way to compress, and transparent resumption outside Vertex, are invalid. */
  if (compression && !pjson_get(compression, "sliding_window")) return invalid(reason);
  s->resumable = resumption != NULL;
  s->transparent = pjson_true(resumption, "transparent");
  if (s->transparent && !backend->vertex) return invalid(reason);
  int code = copy_text(&s->source_text, pjson_text(heard, "source_text"), reason);
  if (!code) code = copy_text(&s->model, pjson_text(message, "model"), reason);
  return code ? code : copy_text(&s->handle, pjson_text(resumption, "handle"), reason);
}

int setup_read(setup *s, const setup_backend *backend, json_t *message, char reason[SETUP_REASON_MAX]) {
  *s = (setup){0};
  int code = setup_check_model(backend, "bidiGenerateContent", pjson_text(message, "model"), reason);
  if (!code) code = read_modalities(s, pjson_get(message, "generation_config"), reason);
  if (!code) code = read_input(s, backend, pjson_get(message, "realtime_input_config"), reason);
  if (!code) code = setup_check_tools(pjson_get(message, "tools"), reason);
  if (!code) code = read_flags(s, backend, message, reason);
  if (code) {
    setup_deinit(s);
    return code;
  }
  s->tools = json_incref(pjson_get(message, "tools"));
  s->system = json_incref(pjson_get(message, "system_instruction"));
  return 0;
}

void setup_deinit(setup *s) {
  mem_free(s->source_text);
  mem_free(s->model);
  mem_free(s->handle);
  json_decref(s->tools);
  json_decref(s->system);
  *s = (setup){0};
}
