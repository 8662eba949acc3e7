#include "cli/client.h"

#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "cli/output.h"
#include "cli/session_config.h"

enum { KEEPALIVE_LEAST_MS = 100 };

static const char NO_KEY[] = "There is no API key.";

static pthread_t opener; /* the thread that makes clients and sessions */

/* What the library warns of while a session is opened is said always. What its other threads warn of comes as an event or an
 * error too, and is told as that. */
static void log_line(void *user, genai_log_level level, const char *line) {
  const settings *s = user;
  bool warning = level <= GENAI_LOG_WARNING;
  if (s->verbose || (warning && pthread_equal(pthread_self(), opener))) say("%s%s", warning ? "warning: " : "", line);
}

/* NAME:VALUE; what a name and a value may hold, the library checks. */
static genai_status read_headers(const text_list *list, arena *a, genai_string_map *headers, genai_error *error) {
  genai_string_pair *pairs = arena_alloc(a, (list->count + 1) * sizeof *pairs);
  if (pairs == NULL) return error_memory(error);
  for (size_t i = 0; i < list->count; i++) {
    const char *text = list->items[i], *colon = strchr(text, ':');
    if (colon == NULL || colon == text)
      return error_set(error, GENAI_ERROR_ARGUMENT, "--header wants NAME:VALUE, not \"%s\".", text);
    pairs[i] = (genai_string_pair){arena_strndup(a, text, (size_t)(colon - text)), colon + 1 + strspn(colon + 1, " \t")};
    if (pairs[i].key == NULL) return error_memory(error);
  }
  *headers = (genai_string_map){pairs, list->count};
  return GENAI_OK;
}

static genai_backend backend_of(const char *name) {
  if (name == NULL) return GENAI_BACKEND_UNSPECIFIED;
  return strcmp(name, "vertex") == 0 ? GENAI_BACKEND_VERTEX : GENAI_BACKEND_GEMINI;
}

/* Everything but the log and --emulator's address; texts are in the arena. */
static genai_status read_options(const settings *s, arena *a, genai_client_options *options, genai_error *error) {
  *options = (genai_client_options){
      .backend = backend_of(s->backend), .project = s->project, .location = s->location,
      .credentials_file = s->credentials_file, .base_url = s->base_url, .api_version = s->api_version, .ca_file = s->ca,
      .proxy = s->proxy, .no_proxy = s->no_proxy, .connect_timeout_ms = (uint32_t)s->timeout_ms, .io_threads = (uint32_t)s->io_threads,
      .keepalive_ms = s->keepalive_ms > 0 ? (uint32_t)s->keepalive_ms : UINT32_MAX,
      .keepalive_timeout_ms = (uint32_t)s->keepalive_timeout_ms};
  if (s->keepalive_ms > 0 && s->keepalive_ms < KEEPALIVE_LEAST_MS)
    return error_set(error, GENAI_ERROR_ARGUMENT, "--keepalive must be 0, for never, or at least %g, not %g.", KEEPALIVE_LEAST_MS / 1000.0,
                     (double)s->keepalive_ms / 1000);
  genai_status status = session_key(s, a, &options->api_key, error);
  if (status == GENAI_OK) status = session_access_token(s, a, &options->access_token, error);
  if (status == GENAI_OK) status = session_models(s, a, &options->models_json, error);
  return status == GENAI_OK ? read_headers(&s->headers, a, &options->headers, error) : status;
}

static genai_status use_emulator(local_service *local, const settings *s, bool fast, genai_client_options *options,
                                 genai_error *error) {
  if (s->base_url != NULL || s->ca != NULL)
    return error_set(error, GENAI_ERROR_ARGUMENT,
                     "--emulator has its own address and certificate: leave out --base-url and --ca.");
  genai_status status = local->url[0] != '\0' ? GENAI_OK : local_service_start(local, fast, s->verbose, error);
  options->base_url = local->url;
  options->ca_file = local->ca_file;
  if (options->credentials_file == NULL && options->access_token == NULL) options->api_key = "emulator";
  return status;
}

genai_status client_make(genai_client **client, local_service *local, const settings *s, bool fast, arena *memory,
                         genai_error *error) {
  genai_client_options options;
  genai_status status = read_options(s, memory, &options, error);
  opener = pthread_self();
  options.log = log_line;
  options.log_user = (void *)(uintptr_t)s;
  options.log_level = s->verbose ? GENAI_LOG_DEBUG : GENAI_LOG_WARNING;
  if (status == GENAI_OK && s->emulator) status = use_emulator(local, s, fast, &options, error);
  if (status == GENAI_OK) status = genai_client_new(client, &options, error);
  if (status != GENAI_ERROR_CREDENTIALS || options.api_key != NULL || strncmp(error->message, NO_KEY, sizeof NO_KEY - 1) != 0)
    return status;
  return error_set(error, status, "%s Set GEMINI_API_KEY, give --key-file, or try it with --emulator.", NO_KEY);
}
