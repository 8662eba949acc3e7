/* The setup message without a connection. */
#include "base/error.h"
#include "base/memory.h"
#include "genai/live.h"
#include "wire/setup.h"

enum { SETUP_MAX = 16 << 20 };

genai_status genai_live_setup_text(const genai_live_setup_params *params, char **setup, genai_error *error) {
  buf b;
  const genai_live_connect_params *c = &params->connect;
  wire_setup_params p = {
      .backend = params->backend == GENAI_BACKEND_VERTEX ? WIRE_BACKEND_VERTEX : WIRE_BACKEND_GEMINI,
      .model = c->model, .project = params->project, .location = params->location,
      .express = params->express, .config = c->config, .config_json = c->config_json, .setup_json = c->setup_json};
  buf_init(&b, SETUP_MAX);
  *setup = NULL;
  genai_status status = wire_setup_write(&b, &p, error);
  if (status == GENAI_OK) {
    const char *text = buf_cstr(&b);
    *setup = text ? mem_strndup(text, b.size) : NULL;
    if (!*setup) status = error_memory(error);
  }
  buf_deinit(&b);
  return status;
}

void genai_text_free(char *text) { mem_free(text); }
