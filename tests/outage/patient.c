/* A client whose patience can be set: patient URL KEEPALIVE-MS KEEPALIVE-TIMEOUT-MS BUDGET-MS COUNT PAUSE-MS asks COUNT times, a pause
 * between two, and tells what happens as JSON Lines, in the words of the command. Status 0: every question was answered. */
#include <genai/genai.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void tell(int64_t start_ms, const char *event, const char *text, uint64_t lost) {
  json_int_t since_ms = now_ms() - start_ms;
  json_t *line = json_pack("{s:s,s:I,s:s,s:I}", "event", event, "ms", since_ms, "text", text, "lost", (json_int_t)lost);
  char *written = json_dumps(line, JSON_COMPACT);
  puts(written);
  fflush(stdout);
  free(written);
  json_decref(line);
}

static const char *name_of(genai_live_event_kind kind) {
  switch (kind) {
  case GENAI_LIVE_EVENT_RECONNECTING: return "reconnecting";
  case GENAI_LIVE_EVENT_RESUMED: return "resumed";
  case GENAI_LIVE_EVENT_NO_ANSWER: return "noAnswer";
  default: return "event";
  }
}

/* Until the answer is complete; what is told meanwhile goes out. */
static genai_status take_answer(genai_live_session *session, int64_t start_ms, genai_error *error) {
  for (bool done = false; !done;) {
    genai_live_message *message;
    genai_status status = genai_live_receive(session, &message, NULL, error);
    if (status != GENAI_OK) return status;
    if (message->event != NULL) tell(start_ms, name_of(message->event->kind), message->event->text, message->event->lost);
    done = genai_live_message_turn_complete(message);
    genai_live_message_free(message);
  }
  tell(start_ms, "turnComplete", "", 0);
  return GENAI_OK;
}

static genai_status ask(genai_live_session *session, int number, int64_t start_ms, genai_error *error) {
  char text[32];
  snprintf(text, sizeof text, "question %d", number);
  genai_status status = genai_live_send_text(session, text, NULL, error);
  return status == GENAI_OK ? take_answer(session, start_ms, error) : status;
}

int main(int argc, char **argv) {
  genai_client *client = NULL;
  genai_live_session *session = NULL;
  genai_error error = {0};
  int64_t start_ms = now_ms();
  if (argc != 7) return 2;
  genai_client_options options = {.api_key = "any", .base_url = argv[1], .dangerously_allow_plain_credentials = true,
                                  .keepalive_ms = (uint32_t)atoi(argv[2]), .keepalive_timeout_ms = (uint32_t)atoi(argv[3]),
                                  .connect_timeout_ms = 3000};
  genai_live_connect_params params = {.model = "gemini-3.8-live", .recovery = {.budget_ms = (uint32_t)atoi(argv[4]), .delay_max_ms = 1000},
                                      .config = &(genai_live_connect_config){.response_modalities = GENAI_ENUMS(GENAI_MODALITY_TEXT)}};
  genai_status status = genai_client_new(&client, &options, &error);
  if (status == GENAI_OK) status = genai_live_connect(client, &params, &session, NULL, &error);
  if (status == GENAI_OK) tell(start_ms, "open", "", 0);
  for (int i = 1; status == GENAI_OK && i <= atoi(argv[5]); i++) {
    status = ask(session, i, start_ms, &error);
    poll(NULL, 0, atoi(argv[6]));
  }
  if (status != GENAI_OK) tell(start_ms, "error", error.message, 0);
  genai_live_free(session);
  genai_client_free(client);
  return status == GENAI_OK ? 0 : 3;
}
