/* A session through a proxy: `proxy [URL [NO_PROXY]]`, as in `proxy socks5h://user:password@127.0.0.1:1080`. Without a URL the
 * environment says (HTTPS_PROXY, ALL_PROXY, NO_PROXY). */
#include <genai/genai.h>
#include <stdio.h>

static genai_status greet(genai_client *client, genai_error *error) {
  genai_live_session *session = NULL;
  genai_status status = genai_live_connect(client, &(genai_live_connect_params){
      .model = "gemini-3.8-live",
      .config = &(genai_live_connect_config){
          .response_modalities = GENAI_ENUMS(GENAI_MODALITY_AUDIO),
          .output_audio_transcription = &(genai_audio_transcription_config){0},
      },
  }, &session, &(genai_wait){.timeout_ms = 20000}, error);
  if (status == GENAI_OK) status = genai_live_send_text(session, "Hello", NULL, error);
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
  genai_client *client = NULL;
  genai_error error = {0};
  genai_status status = genai_client_new(&client, &(genai_client_options){
      .proxy = argc > 1 ? argv[1] : NULL,    /* "" would be none, whatever the environment says */
      .no_proxy = argc > 2 ? argv[2] : NULL, /* who is reached without it: "localhost,.internal.example,10.0.0.0/8" */
  }, &error);
  if (status == GENAI_OK) status = greet(client, &error);
  /* It was the proxy and not the service: 407 wants user and password, 403 forbids the host. */
  if (status == GENAI_ERROR_PROXY) fprintf(stderr, "The proxy (HTTP status %d): ", error.http_status);
  if (status != GENAI_OK) fprintf(stderr, "%s\n", error.message);
  genai_client_free(client);
  return status == GENAI_OK ? 0 : 1;
}
