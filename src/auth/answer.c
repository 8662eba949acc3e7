#include "auth/answer.h"

#include <string.h>

#include "auth/credential.h"
#include "base/error.h"
#include "base/memory.h"
#include "genai/json.h"
#include "net/http.h"

enum { WORDS_MAX = 400 };

/* What an error body says: {"error":"invalid_grant","error_description":"…"} (RFC 6749 section 5.2) or {"error":{"status":…,
 * "message":…}} (Google's APIs). */
static void append_words(genai_error *error, const char *body) {
  static const char *const paths[] = {"error", "error.status", "error_description", "error.message"};
  char last = '\0';
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    char *words = genai_json_copy_string(body, paths[i]);
    if (!words || !*words) {
      mem_free(words);
      continue;
    }
    for (char *p = words; *p; p++)
      if ((unsigned char)*p < ' ') *p = ' ';
    error_append(error, last ? ": %.*s" : " It says: %.*s", WORDS_MAX, words);
    size_t size = strlen(words);
    last = words[size > WORDS_MAX ? WORDS_MAX - 1 : size - 1];
    mem_free(words);
  }
  if (last && !strchr(".!?", last)) error_append(error, ".");
}

genai_status answer_check(const char *peer, int http_status, const char *body, genai_error *error) {
  if (http_status == 200) return GENAI_OK;
  error_set(error, GENAI_ERROR_CREDENTIALS, "%s answered HTTP %d to the request for an access token.", peer, http_status);
  if (error) error->http_status = http_status;
  append_words(error, body);
  return GENAI_ERROR_CREDENTIALS;
}

genai_status answer_token(const char *peer, int http_status, const char *body, char **token, int64_t *lifetime_s, genai_error *error) {
  const char *value;
  size_t size;
  *token = NULL;
  genai_status status = answer_check(peer, http_status, body, error);
  if (status != GENAI_OK) return status;
  const char *name = genai_json_get(body, "accessToken", &value, &size) ? "accessToken" : "access_token";
  if (!genai_json_get(body, name, &value, &size) || *value != '"' || size <= 2)
    return error_set(error, GENAI_ERROR_CREDENTIALS, "%s answered without an access token.", peer);
  *token = genai_json_copy_string(body, name);
  if (!*token) return error_memory(error);
  if (!http_is_value(*token, strlen(*token))) {
    secret_free(*token);
    *token = NULL;
    return error_set(error, GENAI_ERROR_CREDENTIALS, "%s answered with an access token that no header field can hold.", peer);
  }
  genai_json_get_int64(body, "expires_in", lifetime_s);
  return GENAI_OK;
}
