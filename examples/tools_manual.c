/* A function that the model calls and the program runs: declared in the setup, answered by hand.
 *   tools_manual "Please get weather in Paris" */
#include <genai/genai.h>
#include <stdio.h>

static const genai_tool weather_tool = {
    .function_declarations = GENAI_LIST(genai_function_declaration, &(genai_function_declaration){
        .name = "get_weather",
        .description = "The weather at a place, now.",
        .parameters_json_schema = "{\"type\":\"object\",\"properties\":{\"location\":{\"type\":\"string\"}},"
                                  "\"required\":[\"location\"]}",
    }),
};

/* Answers every call in the message; each answer carries its call's id. */
static genai_status answer_calls(genai_live_session *session, const genai_live_message *message, genai_error *error) {
  const genai_function_call *call;
  genai_status status = GENAI_OK;
  for (size_t i = 0; status == GENAI_OK && (call = genai_live_message_function_call(message, i)) != NULL; i++) {
    char location[128];
    genai_json_get_string(call->args_json, "location", location, sizeof location);
    printf("[%s at %s]\n", call->name, location);
    status = genai_live_send_tool_response(session, &(genai_live_client_tool_response){
        .function_responses = GENAI_LIST(genai_function_response, &(genai_function_response){
            .id = call->id, .name = call->name, .response_json = "{\"temperature\":21,\"unit\":\"celsius\"}"}),
    }, NULL, error);
  }
  return status;
}

static genai_status converse(genai_live_session *session, const char *question, genai_error *error) {
  genai_status status = genai_live_send_text(session, question, NULL, error);
  for (bool done = false; status == GENAI_OK && !done;) {
    genai_live_message *message;
    status = genai_live_receive(session, &message, NULL, error);
    if (status != GENAI_OK) return status;
    const char *words = genai_live_message_output_transcription(message);
    if (words) fputs(words, stdout);
    status = answer_calls(session, message, error);
    done = genai_live_message_turn_complete(message);
    genai_live_message_free(message);
  }
  putchar('\n');
  return status;
}

int main(int argc, char **argv) {
  genai_client *client = NULL;
  genai_live_session *session = NULL;
  genai_error error = {0};
  genai_status status = genai_client_new(&client, NULL, &error);
  if (status == GENAI_OK) {
    status = genai_live_connect(client, &(genai_live_connect_params){
        .model = "gemini-3.8-live",
        .config = &(genai_live_connect_config){
            .response_modalities = GENAI_ENUMS(GENAI_MODALITY_AUDIO),
            .output_audio_transcription = &(genai_audio_transcription_config){0},
            .tools = GENAI_LIST(genai_tool, &weather_tool),
        },
    }, &session, NULL, &error);
  }
  if (status == GENAI_OK) status = converse(session, argc > 1 ? argv[1] : "Please get weather in Paris", &error);
  if (status != GENAI_OK) fprintf(stderr, "%s\n", error.message);
  genai_live_free(session);
  genai_client_free(client);
  return status == GENAI_OK ? 0 : 1;
}
