/* Vertex AI with Google credentials: `credentials PROJECT LOCATION [FILE]`. Without a file they are found where Google's own programs
 * find them: GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, the metadata server. */
#include <genai/genai.h>
#include <stdio.h>

/* One question and its answer. The library gets the token before it dials, and another before that one ends. */
static genai_status ask(genai_client *client, const char *question, genai_error *error) {
  genai_live_session *session = NULL;
  genai_status status = genai_live_connect(client, &(genai_live_connect_params){
      .model = "gemini-3.8-live",
      .config = &(genai_live_connect_config){
          .response_modalities = GENAI_ENUMS(GENAI_MODALITY_AUDIO),
          .output_audio_transcription = &(genai_audio_transcription_config){0},
      },
  }, &session, &(genai_wait){.timeout_ms = 20000}, error);
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
  return status;
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "Usage: credentials PROJECT LOCATION [FILE]\n");
    return 2;
  }
  genai_client *client = NULL;
  genai_error error = {0};
  genai_status status = genai_client_new(&client, &(genai_client_options){
      .backend = GENAI_BACKEND_VERTEX,
      .project = argv[1],
      .location = argv[2],
      .credentials_file = argv[3], /* NULL: Application Default Credentials */
  }, &error);
  for (int i = 0; i < 2 && status == GENAI_OK; i++) status = ask(client, "Hello", &error); /* with one token */
  /* The file, the key, the token endpoint's own words: the sentence says which of them was wrong. */
  if (status == GENAI_ERROR_CREDENTIALS) fprintf(stderr, "No access token: ");
  if (status != GENAI_OK) fprintf(stderr, "%s\n", error.message);
  genai_client_free(client);
  return status == GENAI_OK ? 0 : 1;
}
