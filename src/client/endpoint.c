#include "client/endpoint.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "net/http.h"

enum { PEER_MAX = 512, TARGET_MAX = 16 * 1024, HEADER_MAX = 64 * 1024, OWN_HEADERS = 3 };

static const char DEFAULT_BASE[] = "https://generativelanguage.googleapis.com";
static const char TOKEN_PREFIX[] = "auth_tokens/";
static const char AGENT[] = "genai-live/" GENAI_VERSION_STRING;

/* The environment's first non-empty value, or NULL. */
static const char *from_environment(const char *first, const char *second) {
  const char *value = getenv(first);
  if ((!value || !*value) && second) value = getenv(second);
  return value && *value ? value : NULL;
}

static genai_status trimmed(char **out, const char *text, genai_error *error) {
  size_t start = strspn(text, " \t\r\n"), end = strlen(text);
  while (end > start && strchr(" \t\r\n", text[end - 1])) end--;
  *out = mem_strndup(text + start, end - start);
  return *out ? GENAI_OK : error_memory(error);
}

static genai_status find_key(char **key, const genai_client_options *options, genai_error *error) {
  const char *given = options->api_key ? options->api_key : from_environment("GOOGLE_API_KEY", "GEMINI_API_KEY");
  *key = NULL;
  if (given) {
    genai_status status = trimmed(key, given, error);
    if (status != GENAI_OK) return status;
  }
  if (*key && **key) return GENAI_OK;
  mem_free(*key);
  *key = NULL;
  return error_set(error, GENAI_ERROR_CREDENTIALS,
                   "There is no API key. Set genai_client_options.api_key, or GOOGLE_API_KEY or GEMINI_API_KEY in the environment.");
}

/* The base URL's path, ours behind it with a single slash, and the base URL's query at the end. */
static genai_status make_target(endpoint *e, const net_url *url, const char *version, bool token, genai_error *error) {
  buf b;
  size_t path = url->path.size;
  while (path && url->path.data[path - 1] == '/') path--;
  buf_init(&b, TARGET_MAX);
  buf_append(&b, url->path.data, path);
  buf_format(&b, "/ws/google.ai.generativelanguage.%s.GenerativeService.BidiGenerateContent%s", version, token ? "Constrained" : "");
  if (url->query.size) {
    buf_byte(&b, '?');
    buf_append(&b, url->query.data, url->query.size);
  }
  const char *text = buf_cstr(&b);
  e->target = text ? mem_strdup(text) : NULL;
  buf_deinit(&b);
  return e->target ? GENAI_OK : error_memory(error);
}

static genai_status make_peer(endpoint *e, genai_error *error) {
  buf b;
  buf_init(&b, PEER_MAX);
  buf_format(&b, "%s port %d", e->host, e->port);
  const char *text = buf_cstr(&b);
  e->peer = text ? mem_strdup(text) : NULL;
  buf_deinit(&b);
  return e->peer ? GENAI_OK : error_memory(error);
}

static bool add(endpoint *e, const char *name, const char *before, const char *value, size_t size) {
  buf b;
  buf_init(&b, HEADER_MAX);
  buf_text(&b, before);
  buf_append(&b, value, size);
  const char *text = buf_cstr(&b);
  genai_string_pair *h = &e->headers[e->header_count];
  *h = (genai_string_pair){mem_strdup(name), text ? mem_strdup(text) : NULL};
  e->header_count++;
  buf_deinit(&b);
  return h->key && h->value;
}

static const char *user_value(const genai_string_map *headers, const char *name) {
  for (size_t i = 0; i < headers->count; i++)
    if (!strcasecmp(headers->items[i].key, name)) return headers->items[i].value;
  return NULL;
}

/* Our label first, then what the user's program calls itself. */
static bool add_label(endpoint *e, const genai_string_map *headers, const char *name, const char *label) {
  const char *more = user_value(headers, name);
  if (!more) return add(e, name, "", label, strlen(label));
  char before[64];
  size_t size = strlen(label);
  memcpy(before, label, size);
  memcpy(before + size, " ", 2);
  return add(e, name, before, more, strlen(more));
}

static genai_status make_headers(endpoint *e, const genai_string_map *more, const char *key, bool token, genai_error *error) {
  e->headers = mem_zalloc((more->count + OWN_HEADERS) * sizeof *e->headers);
  if (!e->headers) return error_memory(error);
  bool fine = token ? add(e, "Authorization", "Token ", key, strlen(key)) : add(e, "x-goog-api-key", "", key, strlen(key));
  fine = fine && add_label(e, more, "user-agent", AGENT) && add_label(e, more, "x-goog-api-client", AGENT);
  for (size_t i = 0; fine && i < more->count; i++) {
    const genai_string_pair *h = &more->items[i];
    if (!h->key || !h->value)
      return error_set(error, GENAI_ERROR_ARGUMENT, "Header %zu of genai_client_options.headers has no name or no value.", i);
    if (!strcasecmp(h->key, "user-agent") || !strcasecmp(h->key, "x-goog-api-client")) continue;
    fine = add(e, h->key, "", h->value, strlen(h->value));
  }
  return fine ? GENAI_OK : error_memory(error);
}

static genai_status check_version(const char *version, bool token, genai_error *error) {
  if (!*version || strspn(version, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != strlen(version))
    return error_set(error, GENAI_ERROR_ARGUMENT, "The API version \"%s\" is no version; \"v1\", \"v1beta\" and \"v1alpha\" are.", version);
  if (token && strcmp(version, "v1alpha"))
    return error_set(error, GENAI_ERROR_ARGUMENT, "An ephemeral token needs API version v1alpha, not %s.", version);
  return GENAI_OK;
}

genai_status endpoint_init(endpoint *e, const genai_client_options *options, genai_error *error) {
  const char *base = options->base_url ? options->base_url : from_environment("GOOGLE_GEMINI_BASE_URL", NULL);
  char *key = NULL, *url_text = NULL;
  net_url url;
  *e = (endpoint){0};
  genai_status status = find_key(&key, options, error);
  if (status != GENAI_OK) goto end;
  bool token = !strncmp(key, TOKEN_PREFIX, sizeof TOKEN_PREFIX - 1);
  const char *version = options->api_version ? options->api_version : token ? "v1alpha" : "v1";
  if ((status = check_version(version, token, error)) != GENAI_OK) goto end;
  if ((status = trimmed(&url_text, base ? base : DEFAULT_BASE, error)) != GENAI_OK) goto end;
  if ((status = net_url_parse(&url, url_text, error)) != GENAI_OK) goto end;
  if (!url.tls && !net_host_is_loopback(url.host) && !options->dangerously_allow_plain_credentials) {
    status = error_set(error, GENAI_ERROR_INSECURE,
                       "The base URL would send the API key in the clear over the network, by %s to %s port %d. Use %ss, or set "
                       "dangerously_allow_plain_credentials.", url.scheme, url.host, url.port, url.scheme);
    goto end;
  }
  e->host = mem_strdup(url.host);
  e->port = url.port;
  e->tls = url.tls;
  if (!e->host) status = error_memory(error);
  if (status == GENAI_OK) status = make_peer(e, error);
  if (status == GENAI_OK) status = make_target(e, &url, version, token, error);
  if (status == GENAI_OK) status = make_headers(e, &options->headers, key, token, error);
end:
  if (status != GENAI_OK) endpoint_deinit(e);
  mem_free(key);
  mem_free(url_text);
  return status;
}

void endpoint_deinit(endpoint *e) {
  for (size_t i = 0; i < e->header_count; i++) {
    mem_free((char *)e->headers[i].key);
    mem_free((char *)e->headers[i].value);
  }
  mem_free(e->headers);
  mem_free(e->host);
  mem_free(e->peer);
  mem_free(e->target);
  *e = (endpoint){0};
}
