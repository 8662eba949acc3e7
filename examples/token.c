/* A key stays on the server, a token goes to the device. This program plays both: it makes a token that opens one session, of one
 * model and with one system instruction, and then talks with it.
 *   token "Where is the library?" */
#include <genai/genai.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MODEL[] = "gemini-3.8-live";

static const genai_live_connect_config config = {
    .response_modalities = GENAI_ENUMS(GENAI_MODALITY_AUDIO),
    .system_instruction = GENAI_TEXT("You are a helpful guide."),
    .output_audio_transcription = &(genai_audio_transcription_config){0},
};

/* On the server. The copy is for the device; free() it. */
static genai_status make_token(char **name, genai_error *error) {
  genai_client *client = NULL;
  genai_auth_token *token = NULL;
  genai_status status = genai_client_new(&client, NULL, error);
  if (status == GENAI_OK) {
    status = genai_auth_token_create(client, &(genai_create_auth_token_config){
        .uses = GENAI_SOME(1),
        .live_connect_constraints = &(genai_live_connect_constraints){.model = MODEL, .config = &config},
        .lock_additional_fields = GENAI_STRINGS("temperature"),
    }, &token, &(genai_wait){.timeout_ms = 10000}, error);
  }
  if (status == GENAI_OK) {
    size_t size = strlen(token->name) + 1;
    *name = malloc(size);
    if (*name != NULL) memcpy(*name, token->name, size);
    if (*name == NULL) status = GENAI_ERROR_MEMORY;
  }
  genai_auth_token_free(token);
  genai_client_free(client);
  return status;
}

/* On the device: the token is its API key. */
static genai_status talk(const char *token, const char *question, genai_error *error) {
  genai_client *client = NULL;
  genai_live_session *session = NULL;
  genai_status status = genai_client_new(&client, &(genai_client_options){.api_key = token}, error);
  if (status == GENAI_OK)
    status = genai_live_connect(client, &(genai_live_connect_params){.model = MODEL, .config = &config}, &session, NULL, error);
  if (status == GENAI_OK) status = genai_live_send_text(session, question, NULL, error);
  for (bool done = false; status == GENAI_OK && !done;) {
    genai_live_message *message;
    status = genai_live_receive(session, &message, NULL, error);
    const char *text = genai_live_message_output_transcription(message);
    if (text != NULL) fputs(text, stdout);
    done = genai_live_message_turn_complete(message);
    genai_live_message_free(message);
  }
  putchar('\n');
  genai_live_free(session);
  genai_client_free(client);
  return status;
}

int main(int argc, char **argv) {
  char *token = NULL;
  genai_error error = {0};
  genai_status status = make_token(&token, &error);
  if (status == GENAI_OK) status = talk(token, argc > 1 ? argv[1] : "Where is the library?", &error);
  if (status != GENAI_OK) fprintf(stderr, "%s\n", error.message[0] ? error.message : genai_status_text(status));
  free(token);
  return status == GENAI_OK ? 0 : 1;
}
