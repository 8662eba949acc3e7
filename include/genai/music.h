/* Music sessions: Lyria RealTime over BidiGenerateMusic. Gemini Developer API only.
 *
 * A music session is a genai_live_session: genai_live_close, genai_live_free, genai_live_fd, genai_live_writable,
 * genai_live_user and genai_client_next serve it too, with the same rules. Its sends and its receive are the ones below; the ones
 * of genai/live.h return GENAI_ERROR_ARGUMENT on it, and these do so on a live session. */
#ifndef GENAI_MUSIC_H
#define GENAI_MUSIC_H

#include "genai/live.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a music session begins with. */
typedef struct genai_music_connect_params {
  const char *model; /* NULL: "models/lyria-realtime-exp" */
  void *user;        /* genai_live_user returns it */
  genai_live_reconnect reconnect; /* NONE, or anything else: a lost connection is made again, and prompts, config and playback
                                     are told to it as they were (GENAI_LIVE_EVENT_RESUMED); there are no handles */
  genai_live_recovery recovery;
} genai_music_connect_params;

/* One received message: one allocation. At least one of server and event is set; both may be. */
typedef struct genai_music_message {
  const genai_live_music_server_message *server; /* the decoded message, or NULL */
  const genai_live_event *event;                 /* or NULL */
  const char *json;                              /* the text as it came, NUL-terminated, or NULL */
  size_t json_size;
} genai_music_message;

/* Connects, sends the setup and waits for setupComplete; errors as of genai_live_connect, and GENAI_ERROR_ARGUMENT on Vertex AI.
 * params may be NULL. The API version is the client's, "v1alpha" by default. */
GENAI_API GENAI_MUST_USE genai_status genai_music_connect(genai_client *client, const genai_music_connect_params *params,
                                                          genai_live_session **session, const genai_wait *wait,
                                                          genai_error *error);

/* Replaces the weighted prompts (clientContent.weightedPrompts); at least one, no weight may be 0. Waits and errors as of the
 * live sends. */
GENAI_API GENAI_MUST_USE genai_status genai_music_set_weighted_prompts(genai_live_session *session,
                                                                       const genai_weighted_prompt_list *prompts,
                                                                       const genai_wait *wait, genai_error *error);
/* Replaces the whole config (musicGenerationConfig): what is not set goes back to its default; NULL resets everything. A new bpm
 * or scale takes effect after GENAI_LIVE_MUSIC_PLAYBACK_CONTROL_RESET_CONTEXT. */
GENAI_API GENAI_MUST_USE genai_status genai_music_set_config(genai_live_session *session,
                                                             const genai_live_music_generation_config *config,
                                                             const genai_wait *wait, genai_error *error);
/* Play, pause, stop, reset the context (playbackControl). */
GENAI_API GENAI_MUST_USE genai_status genai_music_control(genai_live_session *session,
                                                          genai_live_music_playback_control control,
                                                          const genai_wait *wait, genai_error *error);

/* The next message; results as of genai_live_receive. */
GENAI_API GENAI_MUST_USE genai_status genai_music_receive(genai_live_session *session, genai_music_message **message,
                                                          const genai_wait *wait, genai_error *error);
GENAI_API void genai_music_message_free(genai_music_message *message); /* NULL is fine; any thread */
/* The index-th chunk of music: 16-bit little-endian stereo PCM at 48 kHz unless its MIME type says otherwise; NULL past the
 * last. */
GENAI_API const genai_audio_chunk *genai_music_message_chunk(const genai_music_message *message, size_t index);

#ifdef __cplusplus
}
#endif
#endif
