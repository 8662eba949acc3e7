/* genai-live setup: the first message of a session, without the session. */
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"
#include "genai/live.h"

static exit_status setup_run(const settings *s) {
  genai_live_setup_params params = {
      .backend = strcmp(s->backend, "vertex") == 0 ? GENAI_BACKEND_VERTEX : GENAI_BACKEND_GEMINI,
      .project = s->project, .location = s->location, .express = s->express, .connect.model = s->model};
  genai_error error = {0};
  genai_status status = GENAI_OK;
  char *setup = NULL;
  buf config, extra;
  if (s->express && params.backend != GENAI_BACKEND_VERTEX) {
    say("--express is a way into Vertex AI: give --backend vertex, too.");
    return STATUS_USAGE;
  }
  buf_init(&config, INPUT_MAX);
  buf_init(&extra, INPUT_MAX);
  if (s->config != NULL) status = input_text(s->config, &config, &params.connect.config_json, &error);
  if (status == GENAI_OK && s->setup_json != NULL) {
    status = input_text(s->setup_json, &extra, &params.connect.setup_json, &error);
  }
  if (status == GENAI_OK) status = genai_live_setup_text(&params, &setup, &error);
  if (status == GENAI_OK) output_line(setup, strlen(setup));
  genai_text_free(setup);
  buf_deinit(&extra);
  buf_deinit(&config);
  return status == GENAI_OK ? STATUS_OK : say_error(&error);
}

static const option setup_table[] = {
    {.name = "backend", .letter = 'b', .kind = OPTION_CHOICE, .value = "NAME", .offset = offsetof(settings, backend),
     .choices = "gemini vertex", .initial_text = "gemini",
     .help = "Whose rules hold: the Gemini Developer API or Vertex AI."},
    {.name = "model", .letter = 'm', .kind = OPTION_TEXT, .value = "NAME", .offset = offsetof(settings, model),
     .initial_text = "gemini-3.8-live", .help = "The model, with or without its path."},
    {.name = "project", .kind = OPTION_TEXT, .value = "ID", .offset = offsetof(settings, project),
     .help = "The Google Cloud project, for vertex."},
    {.name = "location", .kind = OPTION_TEXT, .value = "NAME", .offset = offsetof(settings, location),
     .help = "The Google Cloud location, for vertex: us-central1, global."},
    {.name = "express", .offset = offsetof(settings, express),
     .help = "Express mode, which is vertex with an API key: the model is named without project and location."},
    {.name = "config", .letter = 'c', .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, config),
     .help = "The session's configuration, the SDKs' LiveConnectConfig as JSON; - is standard input."},
    {.name = "setup-json", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, setup_json),
     .help = "JSON that is merged into the setup last: what the configuration has no field for yet."},
};
static const option_group setup_group = OPTION_GROUP("Setup", setup_table);
static const option_group *const setup_options[] = {&setup_group, &general_options, NULL};

static const char *const about[] = {
    "Prints the setup message that a session with this model and configuration would begin with, as one line.",
    "What the backend does not accept is refused on standard error with the field's path, and the exit status is 2. Nothing "
    "is sent anywhere and no key is needed.",
    NULL,
};
static const char *const examples[] = {
    "echo '{\"temperature\":0.7}' | genai-live setup --config -",
    "genai-live setup --backend vertex --project p1 --location us-central1 --config config.json",
    "genai-live setup --backend vertex --express", NULL};

const command setup_command = {
    .name = "setup", .operands = "", .summary = "print the setup message of a session, or why it is refused",
    .about = about, .examples = examples, .options = setup_options, .run = setup_run,
};
