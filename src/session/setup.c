#include "session/setup.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/merge.h"
#include "wire/reader.h"
#include "wire/tables.h"
#include "wire/writer.h"

enum { SETUP_MAX = 16 << 20, READ_MAX = 64 << 20 };

static genai_status read(arena *a, const payload *message, const genai_live_client_message **out, genai_error *error) {
  void *read_back = NULL;
  arena_init(a, READ_MAX);
  genai_status status = wire_read(a, &wire_live_client_message, (const char *)message->data, message->size, NULL, &read_back, error);
  *out = read_back;
  return status;
}

genai_status session_setup_look(const payload *setup, session_setup_facts *facts, genai_error *error) {
  const genai_live_client_message *m;
  arena a;
  *facts = (session_setup_facts){0};
  genai_status status = read(&a, setup, &m, error);
  facts->history = status == GENAI_OK && m->setup && m->setup->history_config;
  const genai_session_resumption_config *resumption = status == GENAI_OK && m->setup ? m->setup->session_resumption : NULL;
  if (resumption) {
    bool named = resumption->handle && *resumption->handle;
    facts->asked = true;
    facts->transparent = resumption->transparent.value;
    facts->handle = named ? mem_strdup(resumption->handle) : NULL;
    if (named && !facts->handle) status = error_memory(error);
  }
  arena_deinit(&a);
  return status;
}

/* Lays a setup of our own, without its closing brace in `change`, over `setup`. */
static genai_status lay_over(payload **out, const payload *setup, buf *change, genai_error *error) {
  buf b;
  genai_status status = GENAI_ERROR_MEMORY;
  payload_begin(&b, SETUP_MAX, setup->size + change->size);
  if (!change->failed)
    status = wire_merge(&b, (const char *)setup->data, setup->size, (const char *)change->data, change->size, "The setup", error);
  *out = status == GENAI_OK ? payload_end(&b) : NULL;
  if (status == GENAI_ERROR_MEMORY || (status == GENAI_OK && !*out)) status = error_memory(error);
  if (!*out) buf_deinit(&b);
  buf_deinit(change);
  return status;
}

genai_status session_setup_write(payload **out, const payload *setup, const session_setup_facts *facts,
                                 const session_setup_needs *needs, genai_error *error) {
  buf change;
  buf_init(&change, SETUP_MAX);
  buf_text(&change, "{\"setup\":{\"sessionResumption\":{");
  if (needs->handle) {
    buf_text(&change, "\"handle\":");
    if (!wire_write_string(&change, needs->handle, strlen(needs->handle)) && !change.failed) {
      buf_deinit(&change);
      return error_set(error, GENAI_ERROR_ARGUMENT, "The resumption handle is not UTF-8 text, so it is none that the service gave.");
    }
  } else if (facts->handle) {
    buf_text(&change, "\"handle\":null");
  }
  if (needs->transparent) buf_format(&change, "%s\"transparent\":true", needs->handle || facts->handle ? "," : "");
  buf_byte(&change, '}');
  /* A resumed session has its history; the service would wait for another. */
  if ((needs->handle || needs->no_history) && facts->history) buf_text(&change, ",\"historyConfig\":null");
  if (needs->history) buf_text(&change, ",\"historyConfig\":{\"initialHistoryInClientContent\":true}");
  buf_text(&change, "}}");
  return lay_over(out, setup, &change, error);
}

genai_status session_setup_update(payload **out, const payload *setup, const payload *update, genai_error *error) {
  const genai_live_client_message *m;
  arena a;
  buf change;
  *out = NULL;
  genai_status status = read(&a, update, &m, error);
  const genai_live_client_context_update *news = status == GENAI_OK ? m->context_update : NULL;
  if (news) {
    genai_live_client_setup changed = {.system_instruction = news->system_instruction};
    if (news->tools) changed.tools = news->tools->tools;
    buf_init(&change, SETUP_MAX);
    status = wire_write(&change, &wire_live_client_message, &(genai_live_client_message){.setup = &changed}, NULL, error);
    if (status == GENAI_OK)
      status = lay_over(out, setup, &change, error);
    else
      buf_deinit(&change);
  } else if (status == GENAI_OK) {
    status = error_set(error, GENAI_ERROR_ARGUMENT, "The message is no context update.");
  }
  arena_deinit(&a);
  return status;
}
