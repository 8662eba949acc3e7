/* Live sessions: BidiGenerateContent over one WebSocket. */
#ifndef GENAI_LIVE_H
#define GENAI_LIVE_H

#include "genai/client.h"
#include "genai/tools.h"
#include "genai/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A conversation. Every function may be called from any thread, several at once, but genai_live_free ends it: no call may
 * begin after it. */
typedef struct genai_live_session genai_live_session;

/* What the session does when its connection is lost or ended by the service. */
typedef enum genai_live_reconnect {
  GENAI_LIVE_RECONNECT_RESUME = 0,          /* goes on in a new connection from the last resumption handle */
  GENAI_LIVE_RECONNECT_RESUME_OR_FRESH = 1, /* and where that fails, in a fresh session that is told the recent turns as text */
  GENAI_LIVE_RECONNECT_NONE = 2             /* ends; the setup is sent as it is, without asking for resumption handles */
} genai_live_reconnect;

/* How it does so. Zero is the default of each. */
typedef struct genai_live_recovery {
  uint32_t attempts_max; /* dials in a row without a stable connection before the session ends; default 30 */
  uint32_t budget_ms;    /* time without a stable connection before it ends; default 300,000 */
  uint32_t delay_ms;     /* pause before the second dial in a row, doubled for each further one, with jitter (from half of it to
                            all); the first needs none. Default 500 */
  uint32_t delay_max_ms; /* the longest pause; after a refusal for quota or overload, this one. Default 15,000 */
  uint32_t stable_ms;    /* a connection that was open for so long counts as stable; default 10,000 */
  uint32_t media_age_ms; /* audio and video that could not be sent for so long are dropped, oldest first, and counted;
                            UINT32_MAX: never. Default 10,000. Without transparent resumption it also bounds what is said again */
  size_t replay_max;     /* bytes kept of what was sent and is not known to be part of the resumption handle's state; when it is
                            full the oldest audio and video go, then the oldest of all, counted in `lost`. Default 4 MiB */
  uint32_t answer_timeout_ms; /* GENAI_LIVE_EVENT_NO_ANSWER after so long; UINT32_MAX: never. Default 20,000 */
  bool index_from_zero;  /* transparent resumption (Vertex): lastConsumedClientMessageIndex counts the first message after the
                            setup as 0. Google's recipe counts it as 1, which is the default; no recording confirms it */
} genai_live_recovery;

/* What a session begins with. Encoded or copied before the call returns. */
typedef struct genai_live_connect_params {
  const char *model;                       /* "gemini-…", "models/…"; required */
  const genai_live_connect_config *config; /* NULL: the service's defaults */
  const char *config_json;                 /* the same as JSON text (the SDKs' LiveConnectConfig); not together with config */
  const char *setup_json;                  /* merged into the setup last: what the structs do not know yet */
  void *user;                              /* genai_live_user returns it */
  genai_tools *tools;                      /* functions that run themselves: declared behind the config's tools; the session holds
                                              the set. Their calls are received as well, for information */
  genai_live_reconnect reconnect;          /* default RESUME: the setup asks for resumption handles (transparent ones on Vertex)
                                              unless its own sessionResumption says how */
  genai_live_recovery recovery;
  const char *resumption_handle;           /* of an earlier session, to go on with (setup.sessionResumption.handle); or NULL. One
                                              that the service does not know any more is GENAI_ERROR_REFUSED; with
                                              RESUME_OR_FRESH a fresh session begins (GENAI_LIVE_EVENT_DEGRADED) */
} genai_live_connect_params;

/* What happened to the session itself. */
typedef enum genai_live_event_kind {
  GENAI_LIVE_EVENT_UNSPECIFIED = 0,
  GENAI_LIVE_EVENT_OPEN = 1,      /* setupComplete came (after genai_live_start; genai_live_connect takes it itself) */
  GENAI_LIVE_EVENT_GOING_AWAY = 2, /* goAway: time_left_ms until the service ends the connection */
  GENAI_LIVE_EVENT_STALLED = 3,   /* inbox_max is reached and reading has paused: call genai_live_receive more often */
  GENAI_LIVE_EVENT_WRITABLE = 4,  /* a send that would have waited can be tried again */
  GENAI_LIVE_EVENT_RECONNECTING = 5, /* the connection is gone: status, close_code and text say why; attempt follows in delay_ms */
  GENAI_LIVE_EVENT_RESUMED = 6,   /* the session goes on: replayed, lost. An answer that was cut short may come again from its
                                     beginning: what was played of it is void */
  GENAI_LIVE_EVENT_DEGRADED = 7,  /* the same in a fresh session: the model knows the recent turns as text and nothing else */
  GENAI_LIVE_EVENT_CALLS_GONE = 8, /* function calls that the service does not know any more (call_ids); answers are dropped */
  GENAI_LIVE_EVENT_NO_ANSWER = 9, /* it is the model's turn (after the user's, or after answers to all its function calls of which
                                     one was not SILENT), and nothing has come for delay_ms; told once a turn */
  GENAI_LIVE_EVENT_EMPTY_TURN = 10, /* the turn that is complete had nothing in it */
  GENAI_LIVE_EVENT_QUIET_AUDIO = 11, /* all audio of the turn that is complete is too quiet to be heard */
  GENAI_LIVE_EVENT_REJECTED = 12  /* turnCompleteReason RESPONSE_REJECTED again: attempt answers in a row */
} genai_live_event_kind;

/* One such happening; it lives as long as its message. */
typedef struct genai_live_event {
  genai_live_event_kind kind;
  const char *text;               /* one or more sentences */
  int64_t time_left_ms;           /* GOING_AWAY */
  unsigned attempt;               /* RECONNECTING: 1 is the first after a stable connection; REJECTED */
  uint64_t delay_ms;              /* RECONNECTING, NO_ANSWER */
  genai_status status;            /* RECONNECTING: what a session with reconnect = NONE would have ended with */
  int close_code;                 /* RECONNECTING: as genai_error.close_code */
  uint64_t replayed;              /* RESUMED, DEGRADED: messages of this program that are sent again */
  uint64_t lost;                  /* messages of this program that are not part of the session and cannot be sent again */
  genai_string_list call_ids;     /* CALLS_GONE: at most the last 16; names where the service gives no ids */
} genai_live_event;

/* One received message: one allocation. At least one of server and event is set; both may be. */
typedef struct genai_live_message {
  const genai_live_server_message *server; /* the decoded message, or NULL */
  const genai_live_event *event;           /* or NULL */
  const char *json;                        /* the text as it came, NUL-terminated (unknown fields are there), or NULL */
  size_t json_size;
} genai_live_message;

/* Connects, sends the setup and waits for setupComplete. On failure *session is NULL and nothing is left behind.
 * Errors: GENAI_ERROR_ARGUMENT (the config is refused before anything is dialed), RESOLVE, CONNECT, TLS, CERTIFICATE, PROXY,
 * HTTP (the upgrade was refused: error->http_status, the service's own words), REFUSED (closed during setup: code and
 * reason), SERVICE (an {"error":…} answer), PROTOCOL, LOST, TIMEOUT (says in which phase), CANCELLED, MEMORY. */
GENAI_API GENAI_MUST_USE genai_status genai_live_connect(genai_client *client, const genai_live_connect_params *params,
                                                         genai_live_session **session, const genai_wait *wait,
                                                         genai_error *error);
/* The same without waiting: the session comes at once; GENAI_LIVE_EVENT_OPEN or the failure is received. Sends before that are
 * queued. */
GENAI_API GENAI_MUST_USE genai_status genai_live_start(genai_client *client, const genai_live_connect_params *params,
                                                       genai_live_session **session, genai_error *error);

/* The sends. Each encodes on the caller's thread (nothing of the parameters is kept) and queues one message; it waits while
 * the outbox is full. A send that timed out, was cancelled or would have blocked was never queued.
 * Errors: GENAI_ERROR_ARGUMENT, GENAI_ERROR_CLOSED (the session has ended: the sentence says why), GENAI_WOULD_BLOCK,
 * GENAI_ERROR_TIMEOUT, GENAI_ERROR_CANCELLED, GENAI_ERROR_LIMIT (larger than 64 MiB), GENAI_ERROR_MEMORY. */

/* Ordered turns (clientContent); turn_complete defaults to true; no turns ends the turn. Interrupts a running answer. */
GENAI_API GENAI_MUST_USE genai_status genai_live_send_client_content(
    genai_live_session *session, const genai_live_client_content *params, const genai_wait *wait,
    genai_error *error);
/* Exactly one of audio, video, text, media, activity_start, activity_end, audio_stream_end (realtimeInput). */
GENAI_API GENAI_MUST_USE genai_status genai_live_send_realtime_input(
    genai_live_session *session, const genai_live_send_realtime_input_parameters *params, const genai_wait *wait,
    genai_error *error);
/* Answers to function calls (toolResponse); on the Gemini Developer API each needs the call's id. */
GENAI_API GENAI_MUST_USE genai_status genai_live_send_tool_response(
    genai_live_session *session, const genai_live_client_tool_response *params, const genai_wait *wait,
    genai_error *error);
/* Replaces the system instruction and/or the tools in mid-session (contextUpdate). */
GENAI_API GENAI_MUST_USE genai_status genai_live_send_context_update(
    genai_live_session *session, const genai_live_client_context_update *params, const genai_wait *wait,
    genai_error *error);

/* One user turn of text, complete. */
GENAI_API GENAI_MUST_USE genai_status genai_live_send_text(genai_live_session *session, const char *text,
                                                           const genai_wait *wait, genai_error *error);
/* A chunk of 16-bit little-endian mono PCM (realtimeInput.audio); 20 to 40 ms is best. rate_hz 0: 16,000. */
GENAI_API GENAI_MUST_USE genai_status genai_live_send_audio(genai_live_session *session, const void *pcm, size_t size,
                                                            int rate_hz, const genai_wait *wait, genai_error *error);

/* The JSON doors: which send, and its parameters as the SDKs' public JSON. */
typedef enum genai_live_send_kind {
  GENAI_LIVE_SEND_CLIENT_CONTENT = 1,
  GENAI_LIVE_SEND_REALTIME_INPUT = 2,
  GENAI_LIVE_SEND_TOOL_RESPONSE = 3,
  GENAI_LIVE_SEND_CONTEXT_UPDATE = 4
} genai_live_send_kind;
GENAI_API GENAI_MUST_USE genai_status genai_live_send_json(genai_live_session *session, genai_live_send_kind kind,
                                                           const char *params_json, const genai_wait *wait,
                                                           genai_error *error);

/* The next message. GENAI_OK: *message is the caller's (genai_live_message_free). GENAI_CLOSED: the session was closed
 * gracefully by either side and everything was received; error->close_code and close_reason tell how. GENAI_ERROR_MESSAGE: a
 * message was empty, not JSON or not UTF-8, and is skipped; the session goes on. Any other error is the session's end, and is
 * returned again by every later call. *message is NULL unless GENAI_OK. */
GENAI_API GENAI_MUST_USE genai_status genai_live_receive(genai_live_session *session, genai_live_message **message,
                                                         const genai_wait *wait, genai_error *error);
GENAI_API void genai_live_message_free(genai_live_message *message); /* NULL is fine; any thread */

/* A descriptor that is readable while genai_live_receive would not wait; made on first use, -1 when the system has none left
 * (error says so). Poll it, never read it; it is the session's. */
GENAI_API int genai_live_fd(genai_live_session *session, genai_error *error);
/* Whether a send of a small message would not wait now. After false a GENAI_LIVE_EVENT_WRITABLE is received later. */
GENAI_API bool genai_live_writable(genai_live_session *session);
/* How often the service has interrupted an answer so far (serverContent.interrupted), counted the moment the message arrives,
 * before it is received: a player compares and stops at once. Never blocks. */
GENAI_API uint64_t genai_live_interruptions(const genai_live_session *session);
/* The first setupComplete as it came, valid until genai_live_free; NULL before. Those of later connections are received beside
 * GENAI_LIVE_EVENT_RESUMED. session_id is given by Vertex only. */
GENAI_API const genai_live_server_setup_complete *genai_live_setup_complete(genai_live_session *session);
/* The newest handle from which the session can be resumed (sessionResumptionUpdate.newHandle of an update that was resumable), for
 * resumption_handle of a later session, also in another process: copied, the caller's (genai_text_free). NULL when none has come.
 * The service keeps it for about 2 hours after the session's end (Developer API; 24 on Vertex). Treat it as a secret. */
GENAI_API char *genai_live_resumption_handle(genai_live_session *session);
GENAI_API void *genai_live_user(const genai_live_session *session);

/* Closes gracefully (code 1000): what was queued is sent, then the close frame; waits for the peer's, at most
 * close_timeout_ms. Wakes every blocked call. Any number of times, from any thread, also while others wait. Afterwards sends
 * return GENAI_ERROR_CLOSED, and genai_live_receive GENAI_CLOSED once the queue is empty. GENAI_NO_WAIT only starts it.
 * Returns GENAI_OK also when the session had ended before. On a library thread it never waits. */
GENAI_API genai_status genai_live_close(genai_live_session *session, const genai_wait *wait, genai_error *error);
/* Closes if need be, wakes every blocked call, waits for calls in flight to return, frees. NULL is fine. GENAI_ERROR_THREAD (and
 * nothing happens) on the library's own threads. */
GENAI_API genai_status genai_live_free(genai_live_session *session);

/* For gateways: waits until any session of the client has a message (or its end) and says which; take it with
 * genai_live_receive and GENAI_NO_WAIT. A session is given to one caller at a time and comes again while it has more. */
GENAI_API GENAI_MUST_USE genai_status genai_client_next(genai_client *client, genai_live_session **session,
                                                        const genai_wait *wait, genai_error *error);
/* One descriptor for all sessions, readable while genai_client_next would not wait; as genai_live_fd. */
GENAI_API int genai_client_fd(genai_client *client, genai_error *error);

/* Getters that take NULL anywhere on the way. */
/* The index-th audio blob of the message's model turn, decoded; false past the last. */
GENAI_API bool genai_live_message_audio(const genai_live_message *message, size_t index, genai_bytes *audio);
/* The index-th text part that is not a thought, or NULL past the last. */
GENAI_API const char *genai_live_message_text(const genai_live_message *message, size_t index);
/* The index-th function call, or NULL past the last. */
GENAI_API const genai_function_call *genai_live_message_function_call(const genai_live_message *message, size_t index);
GENAI_API const char *genai_live_message_input_transcription(const genai_live_message *message);  /* or NULL */
GENAI_API const char *genai_live_message_output_transcription(const genai_live_message *message); /* or NULL */
GENAI_API bool genai_live_message_turn_complete(const genai_live_message *message);
GENAI_API bool genai_live_message_generation_complete(const genai_live_message *message);
GENAI_API bool genai_live_message_interrupted(const genai_live_message *message);
/* The rate of a blob's PCM by its MIME type ("audio/pcm;rate=24000"); 24,000 when it does not say. */
GENAI_API int genai_blob_rate_hz(const genai_blob *blob);

/* The setup message that genai_live_connect would send, without any network: for tests, tools and ephemeral tokens.
 * project and location are used on Vertex, unless `express`. *setup is the caller's: genai_text_free. Errors: GENAI_ERROR_ARGUMENT. */
typedef struct genai_live_setup_params {
  genai_backend backend;
  const char *project, *location;
  genai_live_connect_params connect;
  bool express; /* Vertex with an API key: the model is named without project and location. A session does so when its
                   client has a key for Vertex and no project. */
} genai_live_setup_params;
GENAI_API GENAI_MUST_USE genai_status genai_live_setup_text(const genai_live_setup_params *params, char **setup,
                                                            genai_error *error);
GENAI_API void genai_text_free(char *text);

/* Content and parts as compound literals, for C. */
#ifndef __cplusplus
#define GENAI_TEXT(string)                                                                                              \
  (&(genai_content){.parts = GENAI_LIST(genai_part, &(genai_part){.text = (string)}), .role = "user"})
#endif

#ifdef __cplusplus
}
#endif
#endif
