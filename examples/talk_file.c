/* Speech from a file, at the pace of speech; the spoken answer to another file.
 *   talk_file speech.pcm reply.pcm      (16 kHz and 24 kHz, mono, 16-bit little-endian)
 * One thread does both: it sends a chunk when one is due and receives in between. */
#include <genai/genai.h>
#include <stdio.h>
#include <time.h>

enum { CHUNK_MS = 20, CHUNK_BYTES = 16000 * 2 * CHUNK_MS / 1000 };

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static genai_status send_next_chunk(genai_live_session *session, FILE *in, bool *ended, genai_error *error) {
  char pcm[CHUNK_BYTES];
  size_t size = fread(pcm, 1, sizeof pcm, in);
  if (size > 0) return genai_live_send_audio(session, pcm, size, 16000, NULL, error);
  *ended = true;
  return genai_live_send_realtime_input(session, &(genai_live_send_realtime_input_parameters){
      .audio_stream_end = GENAI_SOME(true)}, NULL, error);
}

static void take(const genai_live_message *message, FILE *out) {
  const char *heard = genai_live_message_input_transcription(message);
  const char *said = genai_live_message_output_transcription(message);
  genai_bytes audio;
  if (heard != NULL) printf("you: %s\n", heard);
  if (said != NULL) printf("model: %s\n", said);
  for (size_t i = 0; genai_live_message_audio(message, i, &audio); i++) fwrite(audio.data, 1, audio.size, out);
}

static genai_status talk(genai_live_session *session, FILE *in, FILE *out, genai_error *error) {
  long long due_ms = now_ms();
  bool sent = false, answered = false;
  while (!sent || !answered) {
    genai_status status = GENAI_OK;
    if (!sent && now_ms() >= due_ms) {
      status = send_next_chunk(session, in, &sent, error);
      due_ms += CHUNK_MS;
      if (status != GENAI_OK) return status;
      continue;
    }
    long long left_ms = due_ms - now_ms();
    genai_wait wait = {.timeout_ms = sent ? 30000 : left_ms > 0 ? left_ms : GENAI_NO_WAIT};
    genai_live_message *message;
    status = genai_live_receive(session, &message, &wait, error);
    if (status == GENAI_WOULD_BLOCK || (status == GENAI_ERROR_TIMEOUT && !sent)) continue;
    if (status != GENAI_OK) return status;
    take(message, out);
    if (genai_live_message_turn_complete(message)) answered = true;
    genai_live_message_free(message);
  }
  return GENAI_OK;
}

int main(int argc, char **argv) {
  FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
  genai_client *client = NULL;
  genai_live_session *session = NULL;
  genai_error error = {0};
  if (in == NULL || out == NULL) {
    fputs("usage: talk_file speech.pcm reply.pcm\n", stderr);
    return 2;
  }
  genai_status status = genai_client_new(&client, NULL, &error);
  if (status == GENAI_OK) {
    status = genai_live_connect(client, &(genai_live_connect_params){
        .model = "gemini-3.8-live",
        .config = &(genai_live_connect_config){
            .response_modalities = GENAI_ENUMS(GENAI_MODALITY_AUDIO),
            .input_audio_transcription = &(genai_audio_transcription_config){0},
            .output_audio_transcription = &(genai_audio_transcription_config){0},
        },
    }, &session, NULL, &error);
  }
  if (status == GENAI_OK) status = talk(session, in, out, &error);
  if (status != GENAI_OK) fprintf(stderr, "%s\n", error.message);
  genai_live_free(session);
  genai_client_free(client);
  fclose(in);
  if (fclose(out) != 0 && status == GENAI_OK) {
    perror(argv[2]);
    return 1;
  }
  return status == GENAI_OK ? 0 : 1;
}
