/* genai-live encode: a send call's parameters to the message on the wire. */
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"
#include "wire/sends.h"

static const struct {
  const char *name;
  genai_live_send_kind kind;
} kinds[] = {
    {"client-content", GENAI_LIVE_SEND_CLIENT_CONTENT},
    {"realtime-input", GENAI_LIVE_SEND_REALTIME_INPUT},
    {"tool-response", GENAI_LIVE_SEND_TOOL_RESPONSE},
    {"context-update", GENAI_LIVE_SEND_CONTEXT_UPDATE},
};

static bool find_kind(const char *name, genai_live_send_kind *kind) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (strcmp(kinds[i].name, name) != 0) continue;
    *kind = kinds[i].kind;
    return true;
  }
  return false;
}

static exit_status encode_run(const settings *s) {
  wire_backend backend = strcmp(s->backend, "vertex") == 0 ? WIRE_BACKEND_VERTEX : WIRE_BACKEND_GEMINI;
  genai_live_send_kind kind;
  genai_error error = {0};
  const char *text;
  size_t responses = 0;
  buf params, message;
  if (!find_kind(s->rest.items[0], &kind)) {
    say("There is no send \"%s\"; it is one of: client-content, realtime-input, tool-response, context-update.",
        s->rest.items[0]);
    return STATUS_USAGE;
  }
  buf_init(&params, INPUT_MAX);
  buf_init(&message, 2 * (size_t)INPUT_MAX);
  genai_status status = input_text("-", &params, &text, &error);
  if (status == GENAI_OK) status = wire_send_json_write(&message, backend, kind, text, params.size, &responses, &error);
  if (status == GENAI_OK) output_line((const char *)message.data, message.size);
  buf_deinit(&message);
  buf_deinit(&params);
  return status == GENAI_OK ? STATUS_OK : say_error(&error);
}

static const option encode_table[] = {
    {.name = "backend", .letter = 'b', .kind = OPTION_CHOICE, .value = "NAME", .offset = offsetof(settings, backend),
     .choices = "gemini vertex", .initial_text = "gemini",
     .help = "Whose rules hold: the Gemini Developer API or Vertex AI."},
};
static const option_group encode_group = OPTION_GROUP("Encoding", encode_table);
static const option_group *const encode_options[] = {&encode_group, &general_options, NULL};

static const char *const about[] = {
    "Reads the parameters of one send call, the SDKs' public JSON, from standard input and prints the message that goes over "
    "the wire as one line. SEND is client-content, realtime-input, tool-response or context-update.",
    "What the backend does not accept is refused on standard error with the field's path, and the exit status is 2.",
    NULL,
};
static const char *const examples[] = {"echo '{\"text\":\"Hello\"}' | genai-live encode realtime-input", NULL};

const command encode_command = {
    .name = "encode", .operands = "SEND", .operands_min = 1, .operands_max = 1,
    .summary = "print the wire message of a send call, or why it is refused",
    .about = about, .examples = examples, .options = encode_options, .run = encode_run,
};
