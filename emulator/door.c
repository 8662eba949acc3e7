#include "emulator/door.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct endpoint {
  const char *path, *version;
  bool vertex;
  door_method method;
} endpoint;

#define GEMINI(version, name, method) \
  { "/ws/google.ai.generativelanguage." version ".GenerativeService." name, version, false, method }
#define VERTEX(version) \
  { "/ws/google.cloud.aiplatform." version ".LlmBidiService/BidiGenerateContent", version, true, DOOR_LIVE }
static const endpoint endpoints[] = {
    GEMINI("v1", "BidiGenerateContent", DOOR_LIVE),
    GEMINI("v1beta", "BidiGenerateContent", DOOR_LIVE),
    GEMINI("v1alpha", "BidiGenerateContent", DOOR_LIVE),
    GEMINI("v1alpha", "BidiGenerateContentConstrained", DOOR_CONSTRAINED),
    GEMINI("v1", "BidiGenerateMusic", DOOR_MUSIC),
    GEMINI("v1beta", "BidiGenerateMusic", DOOR_MUSIC),
    GEMINI("v1alpha", "BidiGenerateMusic", DOOR_MUSIC),
    VERTEX("v1"),
    VERTEX("v1beta1"),
};

static void refuse(door_answer *a, int status, const char *reason, const char *code, const char *message) {
  a->status = status;
  a->reason = reason;
  a->code = code;
  a->message = message;
}

static http_slice path_of(const http_head *head, http_slice *query) {
  http_slice path = head->target;
  const char *mark = memchr(path.data, '?', path.size);
  *query = (http_slice){"", 0};
  if (!mark) return path;
  *query = (http_slice){mark + 1, path.size - (size_t)(mark + 1 - path.data)};
  path.size = (size_t)(mark - path.data);
  return path;
}

bool door_path_ends(const http_head *head, const char *end) {
  http_slice query, path = path_of(head, &query);
  size_t size = strlen(end);
  return path.size >= size && !memcmp(path.data + path.size - size, end, size);
}

static const endpoint *find_endpoint(const http_head *head) {
  for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
    if (door_path_ends(head, endpoints[i].path)) return &endpoints[i];
  }
  return NULL;
}

/* ---- credentials ---- */

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static void copy(char out[DOOR_CREDENTIAL_MAX], http_slice from, bool encoded) {
  size_t size = 0;
  for (size_t i = 0; i < from.size && size < DOOR_CREDENTIAL_MAX - 1; i++) {
    int high = encoded && from.data[i] == '%' && i + 2 < from.size ? hex(from.data[i + 1]) : -1;
    int low = high >= 0 ? hex(from.data[i + 2]) : -1;
    out[size++] = low >= 0 ? (char)(high * 16 + low) : from.data[i];
    i += low >= 0 ? 2 : 0;
  }
  out[size] = '\0';
}

bool door_parameter(http_slice query, const char *name, char out[DOOR_CREDENTIAL_MAX]) {
  size_t name_size = strlen(name);
  while (query.size) {
    const char *end = memchr(query.data, '&', query.size);
    size_t size = end ? (size_t)(end - query.data) : query.size, skip = end ? size + 1 : size;
    if (size > name_size && !memcmp(query.data, name, name_size) && query.data[name_size] == '=') {
      copy(out, (http_slice){query.data + name_size + 1, size - name_size - 1}, true);
      return *out != '\0';
    }
    query.data += skip;
    query.size -= skip;
  }
  return false;
}

static bool find_parameter(const http_head *head, const char *name, char out[DOOR_CREDENTIAL_MAX]) {
  http_slice query;
  path_of(head, &query);
  return door_parameter(query, name, out);
}

bool door_key(const http_head *head, char out[DOOR_CREDENTIAL_MAX]) {
  const http_slice *field = http_head_field(head, "x-goog-api-key", 0);
  if (!field || !field->size) return find_parameter(head, "key", out);
  copy(out, *field, false);
  return true;
}

/* What follows a scheme, as in "Bearer ", in the Authorization header. */
static bool find_authorization(const http_head *head, const char *scheme, char out[DOOR_CREDENTIAL_MAX]) {
  const http_slice *field = http_head_field(head, "authorization", 0);
  size_t size = strlen(scheme);
  if (!field || field->size <= size || strncasecmp(field->data, scheme, size)) return false;
  copy(out, (http_slice){field->data + size, field->size - size}, false);
  return true;
}

static bool find_token(const http_head *head, char out[DOOR_CREDENTIAL_MAX]) {
  return find_authorization(head, "Token ", out) || find_parameter(head, "access_token", out);
}

static const char unregistered[] = "Method doesn't allow unregistered callers (callers without established identity). "
                                   "Please use API Key or other form of "
                                   "API consumer identity to call this API.";

/* An access token, or the key of express mode. */
static void judge_vertex(door_answer *a, const http_head *head, const char *wanted) {
  char credential[DOOR_CREDENTIAL_MAX] = "";
  a->backend.express = door_key(head, credential);
  if (!a->backend.express && !find_authorization(head, "Bearer ", credential))
    refuse(
        a, 401, "Unauthorized", "UNAUTHENTICATED",
        "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.");
  else if (wanted && strcmp(credential, wanted))
    refuse(a, 401, "Unauthorized", "UNAUTHENTICATED",
           "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
           "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.");
}

static void close_at_once(door_answer *a, int code, const char *message) {
  a->close_code = code;
  a->message = message;
}

/* No credential at all is refused at the door; a wrong one gets in and is told so in a close frame. An ephemeral token
 * is no key, and opens the constrained method alone. */
static void judge_gemini(door_answer *a, const http_head *head, const char *wanted) {
  char credential[DOOR_CREDENTIAL_MAX] = "";
  bool key = door_key(head, credential);
  bool found = key || find_authorization(head, "Bearer ", credential) || find_token(head, credential);
  bool token = !strncmp(credential, TOKEN_PREFIX, strlen(TOKEN_PREFIX));
  if (!found)
    refuse(a, 403, "Forbidden", "PERMISSION_DENIED", unregistered);
  else if (token && !key)
    close_at_once(a, 1008, unregistered);
  else if (token || (wanted && strcmp(credential, wanted)))
    close_at_once(a, 1007, "API key not valid. Please pass a valid API key.");
}

static void judge_constrained(door_answer *a, const http_head *head) {
  char token[DOOR_CREDENTIAL_MAX];
  if (!find_token(head, token))
    refuse(a, 403, "Forbidden", "PERMISSION_DENIED", unregistered);
  else if (strlen(token) < sizeof a->token)
    memcpy(a->token, token, strlen(token) + 1);
}

void door_judge(door_answer *answer, const http_head *head, const char *key) {
  genai_error error = {0};
  const endpoint *found = find_endpoint(head);
  *answer = (door_answer){.status = 101};
  if (!found) {
    refuse(answer, 404, "Not Found", "NOT_FOUND", "Requested entity was not found.");
    return;
  }
  answer->backend = (setup_backend){.vertex = found->vertex, .version = found->version};
  answer->method = found->method;
  if (ws_request_check(head, &answer->key, &error)) {
    if (error.http_status == 426)
      refuse(answer, 426, "Upgrade Required", "FAILED_PRECONDITION", "A WebSocket upgrade is expected here.");
    else if (error.http_status == 405)
      refuse(answer, 405, "Method Not Allowed", "INVALID_ARGUMENT", "A WebSocket upgrade is a GET.");
    else
      refuse(answer, 400, "Bad Request", "INVALID_ARGUMENT", "A WebSocket upgrade is expected here.");
  } else if (found->vertex) {
    judge_vertex(answer, head, key);
  } else if (found->method != DOOR_CONSTRAINED) {
    judge_gemini(answer, head, key);
  } else {
    judge_constrained(answer, head);
  }
}

void door_refuse(door_answer *answer, int status) {
  static const struct {
    int status;
    const char *reason, *code, *message;
  } refusals[] = {
      {400, "Bad Request", "INVALID_ARGUMENT", "Request contains an invalid argument."},
      {401, "Unauthorized", "UNAUTHENTICATED",
       "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
       "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."},
      {403, "Forbidden", "PERMISSION_DENIED", "The caller does not have permission"},
      {404, "Not Found", "NOT_FOUND", "Requested entity was not found."},
      {429, "Too Many Requests", "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."},
      {500, "Internal Server Error", "INTERNAL", "Internal error encountered."},
      {502, "Bad Gateway", "UNAVAILABLE", "The service is currently unavailable."},
      {503, "Service Unavailable", "UNAVAILABLE", "The service is currently unavailable."},
      {504, "Gateway Timeout", "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."},
  };
  size_t i = 0;
  while (i < sizeof refusals / sizeof *refusals - 1 && refusals[i].status != status) i++;
  refuse(answer, status, refusals[i].status == status ? refusals[i].reason : "Error", refusals[i].code, refusals[i].message);
}

void door_write_refusal(buf *out, const door_answer *answer) {
  json_t *error = json_pack("{s:{s:i, s:s, s:s}}", "error", "code", answer->status, "message", answer->message,
                            "status", answer->code);
  char body[2048] = "", length[24];
  size_t size = json_dumpb(error, body, sizeof body - 2, JSON_INDENT(2));
  json_decref(error);
  snprintf(body + (size < sizeof body - 2 ? size : 0), 2, "\n");
  snprintf(length, sizeof length, "%zu", strlen(body));
  const genai_string_pair headers[] = {
      {"Content-Type", "application/json; charset=UTF-8"},
      {"Content-Length", length},
      {"Connection", "close"},
      {"Sec-WebSocket-Version", "13"},
      {"Upgrade", "websocket"},
  };
  if (!http_response_write(out, answer->status, answer->reason, headers, answer->status == 426 ? 5 : 3, NULL))
    buf_text(out, body);
}
