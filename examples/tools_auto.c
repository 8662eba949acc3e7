/* A function that runs itself when the model calls it: on a thread of the library's own, while this one waits for the answer.
 *   tools_auto "Please get weather in Paris" */
#include <genai/genai.h>
#include <stdio.h>

typedef struct station {
  double celsius;
} station;

/* Several calls may run at once. What it returns in `error` is told to the model. */
static genai_status get_weather(const genai_tool_invocation *call, genai_error *error) {
  const station *s = call->user;
  char place[64], json[128];
  if (!genai_json_get_string(call->args_json, "location", place, sizeof place)) {
    snprintf(error->message, sizeof error->message, "Say which location.");
    return GENAI_ERROR_ARGUMENT;
  }
  printf("[get_weather at %s]\n", place);
  snprintf(json, sizeof json, "{\"celsius\":%.0f}", s->celsius);
  return genai_tool_answer(call, &(genai_tool_result){.response_json = json}, error);
}

static genai_status converse(genai_live_session *session, const char *question, genai_error *error) {
  genai_status status = genai_live_send_text(session, question, NULL, error);
  for (bool done = false; status == GENAI_OK && !done;) {
    genai_live_message *message;
    status = genai_live_receive(session, &message, NULL, error);
    if (status != GENAI_OK) break;
    const char *text = genai_live_message_output_transcription(message);
    if (text != NULL) fputs(text, stdout);
    done = genai_live_message_turn_complete(message);
    genai_live_message_free(message);
  }
  putchar('\n');
  return status;
}

int main(int argc, char **argv) {
  station roof = {.celsius = 21};
  genai_tools *tools = NULL;
  genai_client *client = NULL;
  genai_live_session *session = NULL;
  genai_error error = {0};
  genai_status status = genai_tools_new(&tools, &(genai_tools_options){.timeout_ms = 10000}, &error);
  if (status == GENAI_OK) {
    status = genai_tools_add(tools, &(genai_function_declaration){
        .name = "get_weather",
        .description = "The weather at a place, now.",
        .parameters_json_schema = "{\"type\":\"object\",\"properties\":{\"location\":{\"type\":\"string\"}},"
                                  "\"required\":[\"location\"]}",
    }, get_weather, &roof, &error);
  }
  if (status == GENAI_OK) status = genai_client_new(&client, NULL, &error);
  if (status == GENAI_OK) {
    status = genai_live_connect(client, &(genai_live_connect_params){
        .model = "gemini-3.8-live",
        .config = &(genai_live_connect_config){
            .response_modalities = GENAI_ENUMS(GENAI_MODALITY_AUDIO),
            .output_audio_transcription = &(genai_audio_transcription_config){0},
        },
        .tools = tools,
    }, &session, NULL, &error);
  }
  if (status == GENAI_OK) status = converse(session, argc > 1 ? argv[1] : "Please get weather in Paris", &error);
  if (status != GENAI_OK) fprintf(stderr, "%s\n", error.message);
  genai_live_free(session);
  genai_client_free(client);
  genai_tools_free(tools);
  return status == GENAI_OK ? 0 : 1;
}
