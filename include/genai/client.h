/* A client: one backend, one set of credentials, one trust, and the I/O thread (or threads) that its sessions share. */
#ifndef GENAI_CLIENT_H
#define GENAI_CLIENT_H

#include "genai/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reference-counted inside: sessions keep their client alive. All functions may be called from any thread. */
typedef struct genai_client genai_client;

typedef enum genai_backend {
  GENAI_BACKEND_UNSPECIFIED = 0, /* the Gemini Developer API */
  GENAI_BACKEND_GEMINI = 1,      /* the Gemini Developer API: generativelanguage.googleapis.com, with an API key */
  GENAI_BACKEND_VERTEX = 2       /* the Gemini Enterprise Agent Platform (Vertex AI) */
} genai_backend;

typedef enum genai_log_level {
  GENAI_LOG_ERROR = 1,
  GENAI_LOG_WARNING = 2,
  GENAI_LOG_INFO = 3,
  GENAI_LOG_DEBUG = 4
} genai_log_level;

/* Everything is copied by genai_client_new; zero is the default of each. What is not given is taken from the environment by the
 * rules of Google's SDKs: an explicit value beats the environment, and there a project beats a key. */
typedef struct genai_client_options {
  genai_backend backend;       /* unspecified: GOOGLE_GENAI_USE_ENTERPRISE, else GOOGLE_GENAI_USE_VERTEXAI (true or 1: Vertex) */
  const char *api_key;         /* NULL: GOOGLE_API_KEY, else GEMINI_API_KEY; trimmed. An ephemeral token ("auth_tokens/…") too;
                                  on Vertex the key of express mode */
  const char *project;         /* Vertex; NULL: GOOGLE_CLOUD_PROJECT, else that of the credentials or the machine */
  const char *location;        /* Vertex; NULL: GOOGLE_CLOUD_LOCATION, else GOOGLE_CLOUD_REGION, else "global" */
  /* Vertex: at most one of the next four. Without any: Application Default Credentials. */
  const char *credentials_file; /* a JSON file: service account, authorized user, external account, impersonation */
  const char *credentials_json; /* the same as text */
  const char *access_token;    /* a bearer token, used as it is until the service refuses it */
  /* Asks the application for a bearer token: on a thread of the library's own, one call at a time, before a dial and before the
   * last one expires; it may block, and genai_client_free waits for it, but it must not call into the client. Writes the token,
   * NUL-terminated, and its lifetime (default one hour); on failure returns a status and may fill error->message. */
  genai_status (*token)(void *user, char *token, size_t size, int64_t *lifetime_s, genai_error *error);
  void *token_user;
  const char *base_url;        /* NULL: GOOGLE_GEMINI_BASE_URL or GOOGLE_VERTEX_BASE_URL, else Google's host for the backend and
                                  location. http, https, ws and wss; a path and a query are kept. On Vertex, without an API key
                                  and an explicit project and location, it is a gateway's: used as it is, and authenticated by
                                  `headers` */
  const char *api_version;     /* NULL: "v1", for ephemeral tokens "v1alpha"; on Vertex "v1beta1" */
  genai_string_map headers;    /* added to every upgrade request; a user agent given here is put after ours */
  const char *ca_file;         /* PEM file of trusted certificates; NULL: SSL_CERT_FILE, else the system's directory */
  const char *ca_dir;          /* hashed directory of trusted certificates; NULL: SSL_CERT_DIR, else the system's */
  const char *proxy;           /* "http://user:password@host:port", "socks5://…" (names resolved here), "socks5h://…" (by the proxy); ""
                                  for none at all; NULL: HTTPS_PROXY (http_proxy for plain connections), else ALL_PROXY. Loopback
                                  hosts go direct unless it is given here */
  const char *no_proxy;        /* hosts that go direct: names, suffixes, addresses, CIDR blocks; NULL: NO_PROXY */
  bool dangerously_skip_certificate_checks;  /* anybody on the path can then read and change everything */
  bool dangerously_allow_plain_credentials;  /* sends the key over http:// and ws:// to hosts that are not loopback */
  uint32_t connect_timeout_ms; /* from the call to setupComplete, whatever the wait says; default 30,000 */
  uint32_t close_timeout_ms;   /* for what is queued to leave and the peer's close to come; default 2,000 */
  size_t message_max;          /* ceiling of one incoming message, bytes; default 64 MiB */
  size_t inbox_max;            /* received bytes that wait for genai_live_receive before reading pauses; default 32 MiB,
                                  more than 8 minutes of audio */
  size_t outbox_max;           /* encoded bytes that wait for the network before sends wait; default 4 MiB */
  uint32_t keepalive_ms;       /* ping after so long without a byte from the peer; 0: 20,000; UINT32_MAX: never */
  uint32_t keepalive_timeout_ms; /* lost when nothing at all came for so long after that ping; default 60,000 */
  const char *models_json;     /* a ModelTable as JSON: what newer models accept; its rows come before the library's own. What a
                                  setup asks of a model that is known not to take it is logged as a warning before dialing, and
                                  told again when the service refuses the setup */
  /* Called with one line, no newline, never a secret; on any thread of the library, never concurrently for one client.
   * It must not call back into the library. Nothing is logged without it. */
  void (*log)(void *user, genai_log_level level, const char *line);
  void *log_user;
  genai_log_level log_level;   /* default GENAI_LOG_WARNING */
  uint32_t io_threads;         /* for gateways: I/O threads, among which the sessions are spread evenly, each staying on one;
                                  default 1, at most 64. One serves thousands of voice sessions (docs/performance.md) */
} genai_client_options;

/* Makes a client and starts its I/O threads; makes no connection, but for this: on Vertex, when nothing else names the project and no
 * credentials were found, the machine's metadata server is asked for it, for at most three seconds. options may be NULL.
 * Errors: GENAI_ERROR_CREDENTIALS (no key anywhere, no project), GENAI_ERROR_INSECURE, GENAI_ERROR_ARGUMENT, GENAI_ERROR_SYSTEM,
 * GENAI_ERROR_MEMORY. On failure *client is NULL. */
GENAI_API GENAI_MUST_USE genai_status genai_client_new(genai_client **client, const genai_client_options *options,
                                                       genai_error *error);
/* Gives the client up (NULL is fine). Its threads end when the last session is freed too; the last of these calls waits
 * for it. GENAI_ERROR_THREAD (and nothing happens) on the library's own threads. */
GENAI_API genai_status genai_client_free(genai_client *client);

/* A token that cancels any number of calls, now and later, from any thread. */
typedef struct genai_cancel genai_cancel;
GENAI_API GENAI_MUST_USE genai_status genai_cancel_new(genai_cancel **cancel, genai_error *error);
/* Cancels: calls that wait with it return GENAI_ERROR_CANCELLED at once, later ones before they begin. Idempotent. */
GENAI_API void genai_cancel_fire(genai_cancel *cancel);
GENAI_API bool genai_cancel_fired(const genai_cancel *cancel);
/* Only when no call uses it any more. NULL is fine. */
GENAI_API void genai_cancel_free(genai_cancel *cancel);

/* How long a call may wait. A NULL wait, like a zero one, waits for ever. */
typedef struct genai_wait {
  int64_t timeout_ms;   /* 0: no deadline; GENAI_NO_WAIT: do not wait at all (GENAI_WOULD_BLOCK) */
  genai_cancel *cancel; /* NULL: cannot be cancelled */
} genai_wait;
#define GENAI_NO_WAIT ((int64_t)-1)

#ifdef __cplusplus
}
#endif
#endif
