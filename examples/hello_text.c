/* A text turn and the words of its spoken answer. The key comes from GEMINI_API_KEY or GOOGLE_API_KEY.
 *   cc hello_text.c $(pkg-config --cflags --libs genai-live) -o hello_text */
#include <genai/genai.h>
#include <stdio.h>

int main(void) {
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
            .system_instruction = GENAI_TEXT("You are a helpful guide."),
            .temperature = GENAI_SOME(0.7),
        },
    }, &session, NULL, &error);
  }
  if (status == GENAI_OK) status = genai_live_send_text(session, "Where is the library?", NULL, &error);

  for (bool done = false; status == GENAI_OK && !done;) {
    genai_live_message *message;
    status = genai_live_receive(session, &message, NULL, &error);
    const char *text = genai_live_message_output_transcription(message);
    if (text) fputs(text, stdout);
    done = genai_live_message_turn_complete(message);
    genai_live_message_free(message);
  }
  if (status != GENAI_OK) fprintf(stderr, "%s\n", error.message);
  else putchar('\n');
  genai_live_free(session);
  genai_client_free(client);
  return status == GENAI_OK ? 0 : 1;
}
