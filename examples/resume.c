/* A conversation that outlives connections and processes: what happens to it is told, and the handle of its session is kept in a file.
 *   resume HANDLE-FILE TEXT   asks; the next call with the same file goes on with the same conversation */
#include <genai/genai.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What happens to the session itself. Nothing here needs an answer: the library does what is to be done. */
static void tell(const genai_live_event *event) {
  switch (event->kind) {
  case GENAI_LIVE_EVENT_RECONNECTING: /* a player that must not repeat itself stops here */
  case GENAI_LIVE_EVENT_RESUMED:
  case GENAI_LIVE_EVENT_DEGRADED: /* a fresh session: facts of long ago may have to be told again */
  case GENAI_LIVE_EVENT_CALLS_GONE:
  case GENAI_LIVE_EVENT_NO_ANSWER: fprintf(stderr, "note: %s\n", event->text); break;
  default: break;
  }
}

static char *read_handle(const char *path) {
  char text[4096];
  FILE *file = fopen(path, "r");
  size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
  if (file != NULL) fclose(file);
  text[size] = '\0';
  return size > 0 ? strdup(text) : NULL;
}

static void write_handle(const char *path, genai_live_session *session) {
  char *handle = genai_live_resumption_handle(session);
  FILE *file = handle != NULL ? fopen(path, "w") : NULL;
  if (file != NULL) {
    fputs(handle, file);
    fclose(file);
  }
  genai_text_free(handle);
}

int main(int argc, char **argv) {
  genai_client *client = NULL;
  genai_live_session *session = NULL;
  genai_error error = {0};
  if (argc != 3) {
    fprintf(stderr, "usage: resume HANDLE-FILE TEXT\n");
    return 2;
  }
  char *handle = read_handle(argv[1]);
  genai_status status = genai_client_new(&client, NULL, &error);
  if (status == GENAI_OK) {
    status = genai_live_connect(client, &(genai_live_connect_params){
        .model = "gemini-3.8-live",
        .config = &(genai_live_connect_config){
            .response_modalities = GENAI_ENUMS(GENAI_MODALITY_AUDIO),
            .output_audio_transcription = &(genai_audio_transcription_config){0},
        },
        .resumption_handle = handle,
        .reconnect = GENAI_LIVE_RECONNECT_RESUME_OR_FRESH,
        .recovery = {.budget_ms = 60000}, /* then the session ends, and says what was tried */
    }, &session, NULL, &error);
  }
  if (status == GENAI_OK) status = genai_live_send_text(session, argv[2], NULL, &error);
  for (bool done = false; status == GENAI_OK && !done;) {
    genai_live_message *message;
    status = genai_live_receive(session, &message, NULL, &error);
    if (status != GENAI_OK) break;
    const char *text = genai_live_message_output_transcription(message);
    if (text != NULL) fputs(text, stdout);
    if (message->event != NULL) tell(message->event);
    done = genai_live_message_turn_complete(message);
    genai_live_message_free(message);
  }
  if (status != GENAI_OK) fprintf(stderr, "%s\n", error.message);
  else putchar('\n');
  if (session != NULL) write_handle(argv[1], session);
  genai_live_free(session);
  genai_client_free(client);
  free(handle);
  return status == GENAI_OK ? 0 : 1;
}
