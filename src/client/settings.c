#include "client/settings.h"

#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"

static const char TOKEN_PREFIX[] = "auth_tokens/";

/* A trimmed copy in *out; NULL for nothing and for white space alone. */
static genai_status copy(char **out, const char *text, genai_error *error) {
  static const char blank[] = " \t\r\n";
  *out = NULL;
  if (!text) return GENAI_OK;
  size_t start = strspn(text, blank), end = strlen(text);
  while (end > start && strchr(blank, text[end - 1])) end--;
  if (end == start) return GENAI_OK;
  *out = mem_strndup(text + start, end - start);
  return *out ? GENAI_OK : error_memory(error);
}

static const char *from(settings_environment environment, const char *name) {
  const char *value = environment(name);
  return value && value[strspn(value, " \t\r\n")] ? value : NULL;
}

static bool says_yes(const char *value) { return value && (!strcasecmp(value, "true") || !strcmp(value, "1")); }

/* GOOGLE_GENAI_USE_ENTERPRISE is the newer name, and wins even when it says false. */
static genai_backend choose_backend(client_settings *s, const genai_client_options *options, settings_environment environment) {
  if (options->backend) return options->backend;
  const char *newer = from(environment, "GOOGLE_GENAI_USE_ENTERPRISE"), *older = from(environment, "GOOGLE_GENAI_USE_VERTEXAI");
  if (newer && older && says_yes(newer) != says_yes(older))
    s->warning = "GOOGLE_GENAI_USE_ENTERPRISE and GOOGLE_GENAI_USE_VERTEXAI differ; the first is followed.";
  return says_yes(newer ? newer : older) ? GENAI_BACKEND_VERTEX : GENAI_BACKEND_GEMINI;
}

static const char *environment_key(client_settings *s, settings_environment environment) {
  const char *first = from(environment, "GOOGLE_API_KEY"), *second = from(environment, "GEMINI_API_KEY");
  if (first && second && strcmp(first, second)) s->warning = "Both GOOGLE_API_KEY and GEMINI_API_KEY are set; the first is used.";
  return first ? first : second;
}

static genai_status init_gemini(client_settings *s, const genai_client_options *options, settings_environment environment,
                                genai_error *error) {
  if (options->project || options->location)
    return error_set(error, GENAI_ERROR_ARGUMENT, "A project or location belongs to GENAI_BACKEND_VERTEX; the Gemini Developer API "
                     "has an API key instead.");
  if (options->credentials_file || options->credentials_json || options->access_token || options->token)
    return error_set(error, GENAI_ERROR_ARGUMENT, "Google credentials belong to GENAI_BACKEND_VERTEX; the Gemini Developer API has an "
                     "API key or an ephemeral token instead.");
  genai_status status = copy(&s->api_key, options->api_key ? options->api_key : environment_key(s, environment), error);
  if (status != GENAI_OK) return status;
  if (!s->api_key)
    return error_set(error, GENAI_ERROR_CREDENTIALS,
                     "There is no API key. Set genai_client_options.api_key, or GOOGLE_API_KEY or GEMINI_API_KEY in the environment.");
  s->token = !strncmp(s->api_key, TOKEN_PREFIX, sizeof TOKEN_PREFIX - 1);
  return GENAI_OK;
}

/* A base URL of the user's own is a gateway unless something says that it wants standard authentication. */
static bool is_google(const char *url) {
  static const char suffix[] = ".googleapis.com";
  const char *host = strstr(url, "://");
  host = host ? host + 3 : url;
  size_t size = strcspn(host, ":/?#");
  return size >= sizeof suffix - 1 && !strncasecmp(host + size - (sizeof suffix - 1), suffix, sizeof suffix - 1);
}

/* The location becomes part of a host name. */
static genai_status check_location(const char *location, genai_error *error) {
  if (!location || strspn(location, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(location)) return GENAI_OK;
  return error_set(error, GENAI_ERROR_ARGUMENT, "\"%s\" is no location; \"global\", \"us\" and \"us-central1\" are.", location);
}

/* Which of key, project and location count (protocol: explicit ones beat the environment's, and within the environment a
 * project beats a key). */
static genai_status init_vertex(client_settings *s, const genai_client_options *options, settings_environment environment,
                                genai_error *error) {
  bool credentials = options->credentials_file || options->credentials_json || options->access_token || options->token;
  bool explicit_place = options->project || options->location;
  if (credentials && options->api_key)
    return error_set(error, GENAI_ERROR_ARGUMENT, "Give either an API key or Google credentials, not both.");
  const char *project = options->project ? options->project : from(environment, "GOOGLE_CLOUD_PROJECT");
  const char *location = options->location ? options->location : from(environment, "GOOGLE_CLOUD_LOCATION");
  if (!location) location = from(environment, "GOOGLE_CLOUD_REGION");
  const char *key = options->api_key;
  if (key && !explicit_place) project = location = NULL;
  if (!key && !credentials && !project && !location) key = environment_key(s, environment);
  s->gateway = s->base_url && !is_google(s->base_url) && !key && !(options->project && options->location);
  if (s->gateway) project = location = NULL;
  genai_status status = copy(&s->api_key, key, error);
  if (status == GENAI_OK) status = copy(&s->project, project, error);
  if (status == GENAI_OK) status = copy(&s->location, location || s->gateway || (key && !project) ? location : "global", error);
  s->oauth = !s->api_key && (!s->gateway || credentials);
  return status == GENAI_OK ? check_location(s->location, error) : status;
}

genai_status settings_init(client_settings *s, const genai_client_options *options, settings_environment environment,
                           genai_error *error) {
  *s = (client_settings){0};
  s->backend = choose_backend(s, options, environment);
  bool vertex = s->backend == GENAI_BACKEND_VERTEX;
  const char *base = options->base_url;
  if (!base) base = from(environment, vertex ? "GOOGLE_VERTEX_BASE_URL" : "GOOGLE_GEMINI_BASE_URL");
  genai_status status = copy(&s->base_url, base, error);
  if (status == GENAI_OK && options->base_url && !s->base_url)
    status = error_set(error, GENAI_ERROR_ARGUMENT, "The base URL is empty.");
  if (status == GENAI_OK) status = (vertex ? init_vertex : init_gemini)(s, options, environment, error);
  if (status != GENAI_OK) settings_deinit(s);
  return status;
}

void settings_deinit(client_settings *s) {
  mem_free(s->api_key);
  mem_free(s->project);
  mem_free(s->location);
  mem_free(s->base_url);
  *s = (client_settings){0};
}
