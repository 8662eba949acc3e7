/* Where the token of an external account is had: a file or a URL, as text or JSON, or a program. */
#include <string.h>

#include "auth/credential.h"
#include "base/error.h"
#include "base/memory.h"
#include "genai/json.h"
#include "wire/scan.h"

enum { HEADERS_MAX = 8, EXECUTABLE_MS = 30 * 1000, EXECUTABLE_MAX_MS = 120 * 1000 };

static char *unescaped(const wire_string *string) {
  char *text = mem_alloc(string->size + 1);
  if (text) text[wire_unescape(string, (uint8_t *)text)] = '\0';
  return text;
}

/* The whole text has been checked, so only what it says can be wrong. */
static genai_status read_headers(credential *c, const char *json, genai_error *error) {
  const char *text;
  size_t size, count = genai_json_count(json, "credential_source.headers");
  if (!count) return GENAI_OK;
  if (count > HEADERS_MAX || !genai_json_get(json, "credential_source.headers", &text, &size) || *text != '{')
    return error_set(error, GENAI_ERROR_CREDENTIALS, "%s has credential_source.headers that are no object of at most %d strings.",
                     c->source, HEADERS_MAX);
  c->subject_headers = mem_zalloc(count * sizeof *c->subject_headers);
  if (!c->subject_headers) return error_memory(error);
  wire_scan s;
  wire_scan_init(&s, text, size, WIRE_DEPTH_CEILING);
  for (wire_scan_peek(&s); c->subject_header_count < count; wire_scan_peek(&s)) {
    wire_string name, value;
    s.p++;
    wire_scan_peek(&s);
    if (!wire_scan_name(&s, &name) || wire_scan_peek(&s) != '"' || !wire_scan_string(&s, &value))
      return error_set(error, GENAI_ERROR_CREDENTIALS, "%s has a header in credential_source that is no string.", c->source);
    genai_string_pair *h = &c->subject_headers[c->subject_header_count++];
    *h = (genai_string_pair){unescaped(&name), unescaped(&value)};
    if (!h->key || !h->value) return error_memory(error);
  }
  return GENAI_OK;
}

static genai_status read_format(credential *c, const char *json, genai_error *error) {
  char *type = NULL;
  genai_status status = credential_text(&type, json, "credential_source.format.type", c->source, error);
  if (status == GENAI_OK && type && !strcmp(type, "json"))
    status = credential_need(&c->subject_field, json, "credential_source.format.subject_token_field_name", c->source, error);
  else if (status == GENAI_OK && type && strcmp(type, "text") != 0)
    status = error_set(error, GENAI_ERROR_CREDENTIALS, "%s has the unknown credential_source.format.type \"%.60s\"; text and json are "
                       "known.", c->source, type);
  mem_free(type);
  return status;
}

/* A program, which Google's own variable must allow to be run (https://google.aip.dev/auth/4117). */
static genai_status read_executable(credential *c, const char *json, const credential_rules *rules, genai_error *error) {
  int64_t timeout_ms = EXECUTABLE_MS;
  if (!rules->executables)
    return error_set(error, GENAI_ERROR_CREDENTIALS,
                     "%s names a program to run for its token. If you trust the file, allow that with "
                     "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1 in the environment.", c->source);
  genai_status status = credential_need(&c->subject_command, json, "credential_source.executable.command", c->source, error);
  if (status == GENAI_OK) status = credential_text(&c->subject_output, json, "credential_source.executable.output_file", c->source, error);
  if (status != GENAI_OK) return status;
  genai_json_get_int64(json, "credential_source.executable.timeout_millis", &timeout_ms);
  if (timeout_ms < 1 || timeout_ms > EXECUTABLE_MAX_MS)
    return error_set(error, GENAI_ERROR_CREDENTIALS, "%s has a timeout_millis that is not between 1 and %d.", c->source, EXECUTABLE_MAX_MS);
  c->subject_timeout_ms = (unsigned)timeout_ms;
  return GENAI_OK;
}

static genai_status read_aws_url(char **url, const credential *c, const char *json, const char *path, const credential_rules *rules,
                                 genai_error *error) {
  genai_status status = credential_text(url, json, path, c->source, error);
  return status == GENAI_OK && *url ? credential_check_aws_url(*url, c->source, rules, error) : status;
}

static genai_status read_aws(credential *c, const char *json, const credential_rules *rules, genai_error *error) {
  char *id = NULL;
  genai_status status = credential_need(&id, json, "credential_source.environment_id", c->source, error);
  if (status == GENAI_OK && strcmp(id, "aws1") != 0)
    status = error_set(error, GENAI_ERROR_CREDENTIALS, "%s has the unknown environment_id \"%.60s\"; aws1 is known.", c->source, id);
  mem_free(id);
  if (status == GENAI_OK)
    status = credential_need(&c->aws_verify_url, json, "credential_source.regional_cred_verification_url", c->source, error);
  if (status == GENAI_OK) status = read_aws_url(&c->aws_region_url, c, json, "credential_source.region_url", rules, error);
  if (status == GENAI_OK) status = read_aws_url(&c->aws_keys_url, c, json, "credential_source.url", rules, error);
  return status == GENAI_OK ? read_aws_url(&c->aws_session_url, c, json, "credential_source.imdsv2_session_token_url", rules, error) : status;
}

genai_status credential_read_external(credential *c, const char *json, const credential_rules *rules, genai_error *error) {
  const char *text;
  size_t size;
  if (genai_json_get(json, "credential_source.environment_id", &text, &size)) return read_aws(c, json, rules, error);
  genai_status status = credential_text(&c->subject_file, json, "credential_source.file", c->source, error);
  if (status == GENAI_OK) status = credential_text(&c->subject_url, json, "credential_source.url", c->source, error);
  if (status != GENAI_OK) return status;
  if (!c->subject_file && !c->subject_url) {
    if (genai_json_get(json, "credential_source.executable", &text, &size)) return read_executable(c, json, rules, error);
    return error_set(error, GENAI_ERROR_CREDENTIALS, "%s has a credential_source with no file, url or executable.", c->source);
  }
  if (!c->subject_file) status = credential_check_subject_url(c->subject_url, c->source, error);
  if (status == GENAI_OK) status = read_headers(c, json, error);
  return status == GENAI_OK ? read_format(c, json, error) : status;
}
