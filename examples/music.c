/* Ten seconds of music from prompts, changed half way.
 *   music song.pcm "minimal techno" "piano"      (48 kHz, stereo, 16-bit little-endian) */
#include <genai/genai.h>
#include <stdio.h>

enum { BYTES_A_SECOND = 48000 * 2 * 2, SECONDS = 10, PROMPTS_MAX = 8 };

/* Every prompt but one is quiet; which one, `loud` says. */
static genai_status set_prompts(genai_live_session *session, char **texts, size_t count, size_t loud, genai_error *error) {
  genai_weighted_prompt prompts[PROMPTS_MAX];
  const genai_weighted_prompt *items[PROMPTS_MAX];
  for (size_t i = 0; i < count; i++) {
    prompts[i] = (genai_weighted_prompt){.text = texts[i], .weight = GENAI_SOME(i == loud ? 1.0 : 0.2)};
    items[i] = &prompts[i];
  }
  return genai_music_set_weighted_prompts(session, &(genai_weighted_prompt_list){items, count}, NULL, error);
}

/* Receives until so many bytes are written. */
static genai_status record(genai_live_session *session, FILE *out, size_t *written, size_t until, genai_error *error) {
  while (*written < until) {
    genai_music_message *message;
    const genai_audio_chunk *chunk;
    genai_status status = genai_music_receive(session, &message, &(genai_wait){.timeout_ms = 30000}, error);
    if (status != GENAI_OK) return status;
    for (size_t i = 0; (chunk = genai_music_message_chunk(message, i)) != NULL; i++)
      *written += fwrite(chunk->data.data, 1, chunk->data.size, out);
    if (message->server != NULL && message->server->filtered_prompt != NULL)
      printf("filtered: %s\n", message->server->filtered_prompt->text);
    genai_music_message_free(message);
  }
  return GENAI_OK;
}

static genai_status play(genai_live_session *session, char **texts, size_t count, FILE *out, genai_error *error) {
  const genai_live_music_generation_config config = {
      .bpm = GENAI_SOME(120), .scale = GENAI_SCALE_C_MAJOR_A_MINOR, .density = GENAI_SOME(0.6)};
  size_t written = 0;
  genai_status status = set_prompts(session, texts, count, 0, error);
  if (status == GENAI_OK) status = genai_music_set_config(session, &config, NULL, error);
  if (status == GENAI_OK) status = genai_music_control(session, GENAI_LIVE_MUSIC_PLAYBACK_CONTROL_PLAY, NULL, error);
  if (status == GENAI_OK) status = record(session, out, &written, SECONDS / 2 * BYTES_A_SECOND, error);
  if (status == GENAI_OK) status = set_prompts(session, texts, count, count - 1, error);
  if (status == GENAI_OK) status = record(session, out, &written, SECONDS * BYTES_A_SECOND, error);
  if (status == GENAI_OK) status = genai_music_control(session, GENAI_LIVE_MUSIC_PLAYBACK_CONTROL_STOP, NULL, error);
  return status;
}

int main(int argc, char **argv) {
  FILE *out = argc >= 3 && argc <= PROMPTS_MAX + 2 ? fopen(argv[1], "wb") : NULL;
  genai_client *client = NULL;
  genai_live_session *session = NULL;
  genai_error error = {0};
  if (out == NULL) {
    fputs("usage: music song.pcm PROMPT...\n", stderr);
    return 2;
  }
  genai_status status = genai_client_new(&client, NULL, &error);
  if (status == GENAI_OK) status = genai_music_connect(client, NULL, &session, NULL, &error);
  if (status == GENAI_OK) status = play(session, argv + 2, (size_t)argc - 2, out, &error);
  if (status != GENAI_OK) fprintf(stderr, "%s\n", error.message);
  genai_live_free(session);
  genai_client_free(client);
  if (fclose(out) != 0 && status == GENAI_OK) {
    perror(argv[1]);
    return 1;
  }
  return status == GENAI_OK ? 0 : 1;
}
