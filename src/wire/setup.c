#include "wire/setup.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/loose.h"
#include "wire/merge.h"
#include "wire/tables.h"

/* The bytes of media that a config can hold are few: a voice sample, an avatar's picture. */
enum { CONFIG_MAX = 64 << 20 };

/* ---- the model's name ---- */

static bool begins(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

static genai_status check_model(const char *model, genai_error *error) {
  static const char *const refused[] = {"..", "?", "&"};
  if (!model || !*model)
    return error_set(error, GENAI_ERROR_ARGUMENT, "The model is missing; name one, such as \"gemini-3.8-live\".");
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    if (strstr(model, refused[i]))
      return error_set(error, GENAI_ERROR_ARGUMENT,
                       "The model name holds \"%s\", which no model name does; write it as "
                       "\"gemini-3.8-live\" or \"models/gemini-3.8-live\".",
                       refused[i]);
  return GENAI_OK;
}

static genai_status append_vertex_model(buf *out, const wire_setup_params *p, genai_error *error) {
  const char *model = p->model;
  if (begins(model, "projects/") || begins(model, "models/")) {
    buf_text(out, model);
    return GENAI_OK;
  }
  if (!p->express) {
    if (!p->project || !*p->project || !p->location || !*p->location)
      return error_set(error, GENAI_ERROR_ARGUMENT,
                       "Vertex AI needs a project and a location; give both, or the model's full name "
                       "(\"projects/P/locations/L/publishers/google/models/M\").");
    buf_format(out, "projects/%s/locations/%s/", p->project, p->location);
  }
  const char *slash = strchr(model, '/');
  if (begins(model, "publishers/"))
    buf_text(out, model);
  else if (slash)
    buf_format(out, "publishers/%.*s/models/%s", (int)(slash - model), model, slash + 1);
  else
    buf_format(out, "publishers/google/models/%s", model);
  return GENAI_OK;
}

genai_status wire_model_name(buf *out, const wire_setup_params *p, genai_error *error) {
  genai_status status = check_model(p->model, error);
  if (status != GENAI_OK) return status;
  if (p->backend == WIRE_BACKEND_VERTEX)
    status = append_vertex_model(out, p, error);
  else
    buf_format(out, begins(p->model, "models/") || begins(p->model, "tunedModels/") ? "%s" : "models/%s", p->model);
  return status == GENAI_OK && out->failed ? error_memory(error) : status;
}

/* ---- the places of a config's fields ---- */

/* What is refused in one place though it passes elsewhere: speechConfig.multiSpeakerVoiceConfig. */
static genai_status check_place(const wire_place *place, const uint8_t *config, genai_error *error) {
  const void *message;
  if (!place->refused) return GENAI_OK;
  memcpy(&message, config + place->from, sizeof message);
  if (!message || !wire_present(place->refused, message)) return GENAI_OK;
  return error_set(error, GENAI_ERROR_ARGUMENT, "config.%s.%s is not accepted in a live session; remove it.",
                   place->field->name, place->refused->name);
}

static genai_status fill(const wire_setup_params *p, genai_live_client_setup *setup,
                         genai_generation_config *generation, genai_error *error) {
  const uint8_t *config = (const void *)p->config;
  if (p->config && p->config->generation_config) *generation = *p->config->generation_config;
  bool generating = p->config && p->config->generation_config;
  for (size_t i = 0; p->config && i < wire_live_connect_place_count; i++) {
    const wire_place *place = &wire_live_connect_places[i];
    if (!wire_present(place->field, config)) continue;
    genai_status status = check_place(place, config, error);
    if (status != GENAI_OK) return status;
    memcpy((uint8_t *)(place->generation ? (void *)generation : (void *)setup) + place->to, config + place->from,
           place->size);
    generating |= place->generation;
  }
  /* As the SDK does, whatever its converter then makes of it: Vertex would answer in text otherwise. */
  static const int32_t audio[] = {GENAI_MODALITY_AUDIO};
  if (p->backend == WIRE_BACKEND_VERTEX && !generation->response_modalities.items) {
    generation->response_modalities = (genai_enum_list){audio, 1, NULL};
    generating = true;
  }
  setup->generation_config = generating ? generation : NULL;
  return GENAI_OK;
}

/* The config's tools and the one that the library adds, in a list of its own (NULL when there is none to add). */
static genai_status add_tool(genai_live_client_setup *setup, const genai_tool *tool, const genai_tool ***list, genai_error *error) {
  size_t count = setup->tools.count;
  *list = NULL;
  if (!tool) return GENAI_OK;
  *list = mem_alloc((count + 1) * sizeof **list);
  if (!*list) return error_memory(error);
  for (size_t i = 0; i < count; i++) (*list)[i] = setup->tools.items[i];
  (*list)[count] = tool;
  setup->tools = (genai_tool_list){*list, count + 1};
  return GENAI_OK;
}

static genai_status write_setup(buf *out, const wire_setup_params *p, const char *model, genai_error *error) {
  genai_generation_config generation = {0};
  genai_live_client_setup setup = {0};
  const genai_tool **tools = NULL;
  genai_status status = fill(p, &setup, &generation, error);
  setup.model = model;
  if (status == GENAI_OK) status = add_tool(&setup, p->tool, &tools, error);
  if (status == GENAI_OK)
    status = wire_write(out, &wire_live_client_setup, &setup, &(wire_rules){.backend = p->backend, .root = "setup"}, error);
  mem_free(tools);
  return status;
}

/* The setup with setup_json laid over it. */
static genai_status write_merged(buf *out, const wire_setup_params *p, const char *model, genai_error *error) {
  buf setup;
  size_t size = strlen(p->setup_json);
  if (p->setup_json[strspn(p->setup_json, " \t\r\n")] != '{')
    return error_set(error, GENAI_ERROR_ARGUMENT, "setup_json is not a JSON object.");
  buf_init(&setup, out->ceiling);
  genai_status status = write_setup(&setup, p, model, error);
  if (status == GENAI_OK)
    status = wire_merge(out, (const char *)setup.data, setup.size, p->setup_json, size, "setup_json", error);
  buf_deinit(&setup);
  return status;
}

static genai_status write_message(buf *out, const wire_setup_params *p, genai_error *error) {
  buf model;
  size_t before = out->size;
  buf_init(&model, 4096);
  bool named = p->model || !p->any_model;
  genai_status status = named ? wire_model_name(&model, p, error) : GENAI_OK;
  const char *name = status == GENAI_OK && named ? buf_cstr(&model) : NULL;
  if (status == GENAI_OK && ((named && !name) || !buf_text(out, "{\"setup\":"))) status = error_memory(error);
  if (status == GENAI_OK) status = (p->setup_json ? write_merged : write_setup)(out, p, name, error);
  if (status == GENAI_OK && !buf_byte(out, '}')) status = error_memory(error);
  if (status != GENAI_OK) {
    out->size = before;
    out->failed = out->full = false;
  }
  buf_deinit(&model);
  return status;
}

genai_status wire_setup_write(buf *out, const wire_setup_params *params, genai_error *error) {
  wire_setup_params p = *params;
  arena a;
  void *config = NULL;
  if (p.config && p.config_json)
    return error_set(error, GENAI_ERROR_ARGUMENT, "config and config_json are both given; give one of them.");
  if (!p.config_json) return write_message(out, &p, error);
  arena_init(&a, CONFIG_MAX);
  genai_status status =
      wire_read_loose(&a, &wire_live_connect_config, p.config_json, strlen(p.config_json), "config", &config, error);
  p.config = config;
  if (status == GENAI_OK) status = write_message(out, &p, error);
  arena_deinit(&a);
  return status;
}
