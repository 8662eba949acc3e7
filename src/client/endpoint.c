#include "client/endpoint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "net/http.h"

enum { PEER_MAX = 512, URL_MAX = 512, TARGET_MAX = 16 * 1024, HEADER_MAX = 64 * 1024, OWN_HEADERS = 3 };

static const char AGENT[] = "genai-live/" GENAI_VERSION_STRING;

/* Google's own host for the backend and location. */
static genai_status default_base(char out[URL_MAX], const client_settings *s, genai_error *error) {
  const char *l = s->location;
  int size;
  if (s->backend != GENAI_BACKEND_VERTEX)
    size = snprintf(out, URL_MAX, "https://generativelanguage.googleapis.com");
  else if (!l || !strcmp(l, "global"))
    size = snprintf(out, URL_MAX, "https://aiplatform.googleapis.com");
  else if (!strcmp(l, "us") || !strcmp(l, "eu"))
    size = snprintf(out, URL_MAX, "https://aiplatform.%s.rep.googleapis.com", l);
  else
    size = snprintf(out, URL_MAX, "https://%s-aiplatform.googleapis.com", l);
  if (size > 0 && size < URL_MAX) return GENAI_OK;
  return error_set(error, GENAI_ERROR_ARGUMENT, "The location is longer than a host name can be.");
}

static void add_method(buf *b, endpoint_service service, const client_settings *s, const char *version) {
  if (s->backend == GENAI_BACKEND_VERTEX)
    buf_format(b, "/ws/google.cloud.aiplatform.%s.LlmBidiService/BidiGenerateContent", version);
  else if (service == ENDPOINT_TOKENS)
    buf_format(b, "/%s/auth_tokens", version);
  else
    buf_format(b, "/ws/google.ai.generativelanguage.%s.GenerativeService.%s%s", version,
               service == ENDPOINT_MUSIC ? "BidiGenerateMusic" : "BidiGenerateContent",
               s->token && service == ENDPOINT_LIVE ? "Constrained" : "");
}

/* The base URL's path, ours behind it with a single slash, and the base URL's query at the end. */
static genai_status make_target(endpoint *e, endpoint_service service, const client_settings *s, const net_url *url,
                                const char *version, genai_error *error) {
  buf b;
  size_t path = url->path.size;
  while (!s->gateway && path && url->path.data[path - 1] == '/') path--;
  buf_init(&b, TARGET_MAX);
  buf_append(&b, url->path.data, path);
  if (!s->gateway) add_method(&b, service, s, version);
  if (!b.size) buf_byte(&b, '/');
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

static bool add_credential(endpoint *e, const client_settings *s) {
  if (!s->api_key || s->gateway) return true;
  size_t size = strlen(s->api_key);
  return s->token ? add(e, "Authorization", "Token ", s->api_key, size) : add(e, "x-goog-api-key", "", s->api_key, size);
}

static genai_status make_headers(endpoint *e, const client_settings *s, const genai_client_options *options, genai_error *error) {
  const genai_string_map *more = &options->headers;
  e->headers = mem_zalloc((more->count + OWN_HEADERS) * sizeof *e->headers);
  if (!e->headers) return error_memory(error);
  for (size_t i = 0; i < more->count; i++)
    if (!more->items[i].key || !more->items[i].value)
      return error_set(error, GENAI_ERROR_ARGUMENT, "Header %zu of genai_client_options.headers has no name or no value.", i);
  bool fine = add_credential(e, s) && add_label(e, more, "user-agent", AGENT) && add_label(e, more, "x-goog-api-client", AGENT);
  for (size_t i = 0; fine && i < more->count; i++) {
    const genai_string_pair *h = &more->items[i];
    if (!strcasecmp(h->key, "user-agent") || !strcasecmp(h->key, "x-goog-api-client")) continue;
    fine = add(e, h->key, "", h->value, strlen(h->value));
  }
  return fine ? GENAI_OK : error_memory(error);
}

static const char *choose_version(endpoint_service service, const client_settings *s, const genai_client_options *options) {
  if (service == ENDPOINT_TOKENS) return "v1alpha"; /* nowhere else */
  if (options->api_version) return options->api_version;
  if (s->backend == GENAI_BACKEND_VERTEX) return "v1beta1";
  return s->token || service == ENDPOINT_MUSIC ? "v1alpha" : "v1";
}

static genai_status check_version(const char *version, bool token, genai_error *error) {
  if (!*version || strspn(version, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != strlen(version))
    return error_set(error, GENAI_ERROR_ARGUMENT, "The API version \"%s\" is no version; \"v1\", \"v1beta\" and \"v1alpha\" are.", version);
  if (token && strcmp(version, "v1alpha"))
    return error_set(error, GENAI_ERROR_ARGUMENT, "An ephemeral token needs API version v1alpha, not %s.", version);
  return GENAI_OK;
}

/* A credential goes in the clear only where nobody listens, whatever the environment says. */
static genai_status check_secrecy(const net_url *url, const client_settings *s, const genai_client_options *options, genai_error *error) {
  bool credential = s->api_key || s->oauth;
  if (url->tls || !credential || net_host_is_loopback(url->host) || options->dangerously_allow_plain_credentials) return GENAI_OK;
  return error_set(error, GENAI_ERROR_INSECURE,
                   "The base URL would send the %s in the clear over the network, by %s to %s port %d. Use %ss, or set "
                   "dangerously_allow_plain_credentials.", s->api_key ? "API key" : "access token", url->scheme, url->host,
                   url->port, url->scheme);
}

genai_status endpoint_init(endpoint *e, endpoint_service service, const client_settings *s, const genai_client_options *options,
                           genai_error *error) {
  const char *version = choose_version(service, s, options);
  char base[URL_MAX];
  net_url url;
  *e = (endpoint){0};
  genai_status status = check_version(version, s->token, error);
  if (status == GENAI_OK && !s->base_url) status = default_base(base, s, error);
  if (status == GENAI_OK) status = net_url_parse(&url, s->base_url ? s->base_url : base, error);
  if (status == GENAI_OK) status = check_secrecy(&url, s, options, error);
  if (status != GENAI_OK) return status;
  e->host = mem_strdup(url.host);
  e->port = url.port;
  e->tls = url.tls;
  if (!e->host) status = error_memory(error);
  if (status == GENAI_OK) status = make_peer(e, error);
  if (status == GENAI_OK) status = make_target(e, service, s, &url, version, error);
  if (status == GENAI_OK) status = make_headers(e, s, options, error);
  if (status != GENAI_OK) endpoint_deinit(e);
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
