#include "emulator/rest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "emulator/door.h"
#include "emulator/pjson.h"
#include "emulator/shape.h"

enum { ACCESS_TOKEN_S = 3599, JWT_LIFE_S = 3600, JWT_SKEW_S = 300, RESPONSE_MAX = 16 * 1024 };

/* A request under way. */
typedef struct exchange {
  buf *out;
  const rest_service *service;
  int64_t now_ms;
  const http_head *head;
  const char *body;
  size_t size;
} exchange;

static void write_response(buf *out, int status, const char *reason, const char *type, const char *body) {
  char length[24];
  snprintf(length, sizeof length, "%zu", strlen(body));
  const genai_string_pair headers[] = {
      {"Content-Type", (char *)type},
      {"Content-Length", length},
      {"Connection", "close"},
      {"Metadata-Flavor", "Google"},
  };
  size_t count = strcmp(type, "application/text") && strcmp(type, "application/json") ? 3 : 4;
  if (!http_response_write(out, status, reason, headers, count, NULL)) buf_text(out, body);
}

/* Takes over `value`. */
static void write_json(buf *out, int status, const char *reason, const char *type, json_t *value) {
  char body[RESPONSE_MAX] = "";
  size_t size = json_dumpb(value, body, sizeof body - 2, JSON_INDENT(2));
  json_decref(value);
  if (size < sizeof body - 2) memcpy(body + size, "\n", 2);
  write_response(out, status, reason, type, body);
}

static void refuse(const exchange *x, int status, const char *message) {
  static const struct {
    int status;
    const char *reason, *code;
  } known[] = {{400, "Bad Request", "INVALID_ARGUMENT"},
               {403, "Forbidden", "PERMISSION_DENIED"},
               {404, "Not Found", "NOT_FOUND"},
               {429, "Too Many Requests", "RESOURCE_EXHAUSTED"},
               {500, "Internal Server Error", "INTERNAL"}};
  size_t i = 0;
  while (i < 4 && known[i].status != status) i++;
  door_write_refusal(
      x->out,
      &(door_answer){.status = known[i].status, .reason = known[i].reason, .code = known[i].code, .message = message});
}

/* ---- POST /v1alpha/auth_tokens ---- */

static void answer_tokens(const exchange *x) {
  char key[DOOR_CREDENTIAL_MAX], name[TOKEN_NAME_MAX], reason[SETUP_REASON_MAX];
  const char *wanted_key = x->service->key;
  if (!door_key(x->head, key)) {
    refuse(
        x, 403,
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
        "form of API consumer identity to call this API.");
    return;
  }
  if (!strncmp(key, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) || (wanted_key && strcmp(key, wanted_key))) {
    refuse(x, 400, "API key not valid. Please pass a valid API key.");
    return;
  }
  json_t *wanted = x->size ? json_loadb(x->body, x->size, JSON_ALLOW_NUL, NULL) : json_object();
  if (!wanted) {
    refuse(x, 400, "Invalid JSON payload received. Unexpected token.");
    return;
  }
  int status = shape_check(wanted, SHAPE_TOKEN, "v1alpha", reason) ? 0 : 400;
  if (!status) status = tokens_create(x->service->tokens, x->now_ms, wanted, name, reason);
  if (status) pjson_mend(reason);
  if (status)
    refuse(x, status, reason);
  else
    write_json(x->out, 200, "OK", "application/json; charset=UTF-8", json_pack("{s:s}", "name", name));
  json_decref(wanted);
}

/* ---- POST /token: OAuth 2 as oauth2.googleapis.com speaks it (RFC 6749 section 5, RFC 7523) ---- */

static void refuse_grant(const exchange *x, const char *error, const char *description) {
  write_json(x->out, 400, "Bad Request", "application/json; charset=utf-8",
             json_pack("{s:s, s:s}", "error", error, "error_description", description));
}

/* The claims of an assertion; the signature is not looked at. */
static json_t *read_claims(const char *jwt) {
  const char *first = strchr(jwt, '.'), *second = first ? strchr(first + 1, '.') : NULL;
  buf claims;
  buf_init(&claims, REST_BODY_MAX);
  json_t *value = NULL;
  if (second && pjson_base64_decode(&claims, first + 1, (size_t)(second - first - 1)))
    value = json_loadb((const char *)claims.data, claims.size, 0, NULL);
  buf_deinit(&claims);
  return value;
}

/* What is wrong with an assertion at this time, or NULL. */
static const char *judge_claims(json_t *claims, int64_t now_s) {
  int64_t issued = (int64_t)pjson_number(claims, "iat", 0), expires = (int64_t)pjson_number(claims, "exp", 0);
  if (!*pjson_text(claims, "iss") || !*pjson_text(claims, "aud")) return "Invalid JWT: iss and aud are required.";
  if (strstr(pjson_text(claims, "iss"), "invalid")) return "Invalid grant: account not found";
  if (issued > now_s + JWT_SKEW_S || expires < now_s || expires - issued > JWT_LIFE_S)
    return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat "
           "and "
           "exp values in the JWT claim.";
  return NULL;
}

static json_t *access_token(const exchange *x) {
  char token[64];
  snprintf(token, sizeof token, "ya29.emulator-%" PRId64, x->now_ms);
  return json_pack("{s:s, s:i, s:s}", "access_token", token, "expires_in", ACCESS_TOKEN_S, "token_type", "Bearer");
}

static void answer_grant(const exchange *x) {
  char grant[DOOR_CREDENTIAL_MAX] = "", value[DOOR_CREDENTIAL_MAX] = "";
  const char *problem = NULL;
  http_slice form = {x->body, x->size};
  door_parameter(form, "grant_type", grant);
  if (!strcmp(grant, "urn:ietf:params:oauth:grant-type:jwt-bearer")) {
    json_t *claims = door_parameter(form, "assertion", value) ? read_claims(value) : NULL;
    problem = claims ? judge_claims(claims, x->now_ms / 1000) : "Invalid JWT: it could not be read.";
    json_decref(claims);
  } else if (!strcmp(grant, "refresh_token")) {
    if (!door_parameter(form, "refresh_token", value)) {
      refuse_grant(x, "invalid_request", "Missing required parameter: refresh_token");
      return;
    }
    problem = strstr(value, "invalid") ? "Token has been expired or revoked." : NULL;
  } else {
    refuse_grant(x, "unsupported_grant_type", "Invalid grant_type.");
    return;
  }
  if (problem)
    refuse_grant(x, "invalid_grant", problem);
  else
    write_json(x->out, 200, "OK", "application/json; charset=utf-8", access_token(x));
}

/* ---- GET /computeMetadata/v1/… ---- */

static const char metadata_root[] = "/computeMetadata/v1";
static const char account_token[] = "/computeMetadata/v1/instance/service-accounts/default/token";

static void answer_metadata(const exchange *x) {
  const char *project = x->service->project ? x->service->project : "emulator";
  const struct {
    const char *path, *text;
  } texts[] = {
      {"/computeMetadata/v1/project/project-id", project},
      {"/computeMetadata/v1/universe/universe-domain", "googleapis.com"},
      {"/computeMetadata/v1/instance/service-accounts/default/email", "emulator@emulator.iam.gserviceaccount.com"}};
  const http_slice *flavor = http_head_field(x->head, "metadata-flavor", 0);
  if (!flavor || !http_slice_is(*flavor, "Google")) {
    write_response(x->out, 403, "Forbidden", "text/html; charset=UTF-8", "Missing Metadata-Flavor:Google header.\n");
    return;
  }
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    if (!door_path_ends(x->head, texts[i].path)) continue;
    write_response(x->out, 200, "OK", "application/text", texts[i].text);
    return;
  }
  if (door_path_ends(x->head, account_token))
    write_json(x->out, 200, "OK", "application/json", access_token(x));
  else
    write_response(x->out, 404, "Not Found", "text/html; charset=UTF-8", "Not found.\n");
}

/* ---- which of them ---- */

typedef void answerer(const exchange *x);

static answerer *find(const rest_service *s, const http_head *head) {
  size_t root = strlen(metadata_root);
  bool post = http_slice_is(head->method, "POST"), get = http_slice_is(head->method, "GET");
  if (post && door_path_ends(head, "/v1alpha/auth_tokens")) return answer_tokens;
  if (post && s->credentials && door_path_ends(head, "/token")) return answer_grant;
  if (get && s->credentials && head->target.size >= root && !memcmp(head->target.data, metadata_root, root))
    return answer_metadata;
  return NULL;
}

bool rest_takes(const rest_service *s, const http_head *head) { return find(s, head) != NULL; }

void rest_answer(buf *out, const rest_service *s, int64_t now_ms, const http_head *head, const uint8_t *body,
                 size_t size, bool cut) {
  const exchange x = {out, s, now_ms, head, (const char *)body, size};
  if (cut)
    refuse(&x, 400, "Request payload size exceeds the limit: 65536 bytes.");
  else
    find(s, head)(&x);
}
