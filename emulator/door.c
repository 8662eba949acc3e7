#include "emulator/door.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { CREDENTIAL_MAX = 8192 };

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
    GEMINI("v1", "BidiGenerateMusic", DOOR_MUSIC),
    GEMINI("v1beta", "BidiGenerateMusic", DOOR_MUSIC),
    GEMINI("v1alpha", "BidiGenerateMusic", DOOR_MUSIC),
    VERTEX("v1"),
    VERTEX("v1beta1"),
};

static void refuse(door_answer *a, int status, const char *reason, const char *code, const char *message) {
  *a = (door_answer){.status = status, .reason = reason, .code = code, .message = message};
}

/* Any prefix may come before the endpoint's path, and a doubled slash, which two of the SDKs send. */
static const endpoint *find_endpoint(http_slice path) {
  for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
    size_t size = strlen(endpoints[i].path);
    if (path.size >= size && !memcmp(path.data + path.size - size, endpoints[i].path, size)) return &endpoints[i];
  }
  return NULL;
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static void copy(char out[CREDENTIAL_MAX], http_slice from, bool encoded) {
  size_t size = 0;
  for (size_t i = 0; i < from.size && size < CREDENTIAL_MAX - 1; i++) {
    int high = encoded && from.data[i] == '%' && i + 2 < from.size ? hex(from.data[i + 1]) : -1;
    int low = high >= 0 ? hex(from.data[i + 2]) : -1;
    out[size++] = low >= 0 ? (char)(high * 16 + low) : from.data[i];
    i += low >= 0 ? 2 : 0;
  }
  out[size] = '\0';
}

/* The value of a query parameter. */
static bool find_parameter(http_slice query, const char *name, char out[CREDENTIAL_MAX]) {
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

/* x-goog-api-key; Authorization: Bearer or Token; ?key= and ?access_token=. */
static bool find_credential(const http_head *head, http_slice query, char out[CREDENTIAL_MAX]) {
  static const char *const schemes[] = {"Bearer ", "Token "};
  const http_slice *field = http_head_field(head, "x-goog-api-key", 0);
  if (field && field->size) return copy(out, *field, false), true;
  field = http_head_field(head, "authorization", 0);
  for (size_t i = 0; field && i < 2; i++) {
    size_t size = strlen(schemes[i]);
    if (field->size > size && !strncasecmp(field->data, schemes[i], size))
      return copy(out, (http_slice){field->data + size, field->size - size}, false), true;
  }
  return find_parameter(query, "key", out) || find_parameter(query, "access_token", out);
}

/* A missing credential is refused at the door, and so is a wrong one on Vertex; a wrong key gets in on the Developer
 * API and is told so in a close frame. */
static void judge_credential(door_answer *a, bool found, const char *credential, const char *key) {
  bool right = found && (!key || !strcmp(credential, key));
  if (right) return;
  if (a->backend.vertex && !found)
    refuse(
        a, 401, "Unauthorized", "UNAUTHENTICATED",
        "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.");
  else if (a->backend.vertex)
    refuse(a, 401, "Unauthorized", "UNAUTHENTICATED",
           "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
           "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.");
  else if (!found)
    refuse(
        a, 403, "Forbidden", "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
        "form of API consumer identity to call this API.");
  else
    a->message = "API key not valid. Please pass a valid API key.";
}

void door_judge(door_answer *answer, const http_head *head, const char *key) {
  char credential[CREDENTIAL_MAX] = "";
  http_slice path = head->target, query = {"", 0};
  const char *mark = memchr(path.data, '?', path.size);
  genai_error error = {0};
  if (mark) {
    query = (http_slice){mark + 1, path.size - (size_t)(mark + 1 - path.data)};
    path.size = (size_t)(mark - path.data);
  }
  const endpoint *found = find_endpoint(path);
  if (!found) {
    refuse(answer, 404, "Not Found", "NOT_FOUND", "Requested entity was not found.");
    return;
  }
  *answer = (door_answer){.status = 101, .backend = {found->vertex, found->version}, .method = found->method};
  if (ws_request_check(head, &answer->key, &error)) {
    if (error.http_status == 426)
      refuse(answer, 426, "Upgrade Required", "FAILED_PRECONDITION", "A WebSocket upgrade is expected here.");
    else if (error.http_status == 405)
      refuse(answer, 405, "Method Not Allowed", "INVALID_ARGUMENT", "A WebSocket upgrade is a GET.");
    else
      refuse(answer, 400, "Bad Request", "INVALID_ARGUMENT", "A WebSocket upgrade is expected here.");
    return;
  }
  judge_credential(answer, find_credential(head, query, credential), credential, key);
}

void door_write_refusal(buf *out, const door_answer *answer) {
  char body[1024], length[24];
  snprintf(body, sizeof body,
           "{\n  \"error\": {\n    \"code\": %d,\n    \"message\": \"%s\",\n    \"status\": \"%s\"\n  }\n}\n",
           answer->status, answer->message, answer->code);
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
