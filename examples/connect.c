/* The ways to a service:
 *   connect                                 what the environment says: a key, or Vertex AI and its credentials
 *   connect vertex PROJECT LOCATION TOKENS  Vertex AI with access tokens that this program brings, here from a file
 *   connect gateway URL AUTHORIZATION       a gateway of your own in front of Vertex AI, with a header of its own */
#include <genai/genai.h>
#include <stdio.h>
#include <string.h>

/* Called on a thread of the library's own before a token is needed and before the last one expires; it may take its time. */
static genai_status read_token(void *user, char *token, size_t size, int64_t *lifetime_s, genai_error *error) {
  const char *path = user;
  FILE *file = fopen(path, "r");
  bool read = file != NULL && fgets(token, (int)size, file) != NULL;
  if (file != NULL) fclose(file);
  if (!read) {
    snprintf(error->message, sizeof error->message, "There is no token in %s.", path);
    return GENAI_ERROR_CREDENTIALS;
  }
  token[strcspn(token, "\r\n")] = '\0';
  *lifetime_s = 1800;
  return GENAI_OK;
}

/* What the library has to say before it dials: settings that a model does not take, variables that contradict each other. */
static void warn(void *user, genai_log_level level, const char *line) {
  (void)user, (void)level;
  fprintf(stderr, "note: %s\n", line);
}

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
  genai_live_free(session);
  return status;
}

int main(int argc, char **argv) {
  genai_client_options options = {.log = warn};
  genai_string_pair authorization = {"Authorization", argc > 3 ? argv[3] : ""};
  if (argc == 5 && strcmp(argv[1], "vertex") == 0) {
    options.backend = GENAI_BACKEND_VERTEX;
    options.project = argv[2];
    options.location = argv[3];
    options.token = read_token;
    options.token_user = argv[4];
  } else if (argc == 4 && strcmp(argv[1], "gateway") == 0) {
    options.backend = GENAI_BACKEND_VERTEX;
    options.base_url = argv[2];
    options.headers = (genai_string_map){&authorization, 1};
  } else if (argc != 1) {
    fprintf(stderr, "Usage: connect [vertex PROJECT LOCATION TOKENS | gateway URL AUTHORIZATION]\n");
    return 2;
  }
  genai_client *client = NULL;
  genai_error error = {0};
  genai_status status = genai_client_new(&client, &options, &error);
  if (status == GENAI_OK) status = greet(client, &error);
  if (status != GENAI_OK) fprintf(stderr, "%s\n", error.message);
  else putchar('\n');
  genai_client_free(client);
  return status == GENAI_OK ? 0 : 1;
}
