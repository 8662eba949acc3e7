#include "auth/credential.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "genai/json.h"

static const char TOKEN_URL[] = "https://oauth2.googleapis.com/token";

enum { LIFETIME_S = 3600, LIFETIME_MAX_S = 43200 };

void secret_free(char *text) {
  if (!text) return;
  OPENSSL_cleanse(text, strlen(text));
  mem_free(text);
}

genai_status credential_text(char **out, const char *json, const char *path, const char *source, genai_error *error) {
  const char *value;
  size_t size;
  *out = NULL;
  if (!genai_json_get(json, path, &value, &size) || *value == 'n') return GENAI_OK;
  if (*value != '"') return error_set(error, GENAI_ERROR_CREDENTIALS, "%s has a \"%s\" that is no string.", source, path);
  *out = genai_json_copy_string(json, path);
  return *out ? GENAI_OK : error_memory(error);
}

genai_status credential_need(char **out, const char *json, const char *path, const char *source, genai_error *error) {
  genai_status status = credential_text(out, json, path, source, error);
  if (status != GENAI_OK || (*out && **out)) return status;
  return error_set(error, GENAI_ERROR_CREDENTIALS, "%s has no \"%s\".", source, path);
}

static genai_status read_token_url(credential *c, const char *json, const char *path, const credential_rules *rules,
                                   genai_error *error) {
  genai_status status = credential_text(&c->token_url, json, path, c->source, error);
  if (status == GENAI_OK && !c->token_url && !(c->token_url = mem_strdup(TOKEN_URL))) status = error_memory(error);
  return status == GENAI_OK ? credential_check_url(c->token_url, path, c->source, rules, error) : status;
}

/* ---- service accounts ---- */

/* A key under a passphrase must not ask for it on the terminal. */
static int no_passphrase(char *out, int size, int writing, void *user) {
  (void)out;
  (void)size;
  (void)writing;
  (void)user;
  return -1;
}

static genai_status read_key(credential *c, const char *pem, genai_error *error) {
  BIO *bio = BIO_new_mem_buf(pem, -1);
  c->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
  BIO_free(bio);
  ERR_clear_error();
  if (c->key && EVP_PKEY_get_base_id(c->key) == EVP_PKEY_RSA) return GENAI_OK;
  return error_set(error, GENAI_ERROR_CREDENTIALS, "%s has a private_key that is no RSA key in PEM form; download the key again.",
                   c->source);
}

static genai_status read_service_account(credential *c, const char *json, const credential_rules *rules, genai_error *error) {
  char *pem = NULL;
  c->kind = CREDENTIAL_SERVICE_ACCOUNT;
  genai_status status = credential_need(&c->email, json, "client_email", c->source, error);
  if (status == GENAI_OK) status = credential_text(&c->key_id, json, "private_key_id", c->source, error);
  if (status == GENAI_OK) status = credential_text(&c->project, json, "project_id", c->source, error);
  if (status == GENAI_OK) status = read_token_url(c, json, "token_uri", rules, error);
  if (status == GENAI_OK) status = credential_need(&pem, json, "private_key", c->source, error);
  if (status == GENAI_OK) status = read_key(c, pem, error);
  secret_free(pem);
  return status;
}

/* ---- the others ---- */

static genai_status read_user(credential *c, const char *json, const credential_rules *rules, genai_error *error) {
  c->kind = CREDENTIAL_USER;
  genai_status status = credential_need(&c->client_id, json, "client_id", c->source, error);
  if (status == GENAI_OK) status = credential_need(&c->client_secret, json, "client_secret", c->source, error);
  if (status == GENAI_OK) status = credential_need(&c->refresh_token, json, "refresh_token", c->source, error);
  return status == GENAI_OK ? read_token_url(c, json, "token_uri", rules, error) : status;
}

/* Where an account is impersonated, and for how long at a time. */
static genai_status read_impersonation(credential *c, const char *json, const char *lifetime, const credential_rules *rules,
                                       genai_error *error) {
  static const char member[] = "service_account_impersonation_url";
  genai_status status = credential_text(&c->impersonate_url, json, member, c->source, error);
  if (status != GENAI_OK || !c->impersonate_url) return status;
  c->impersonate_lifetime_s = LIFETIME_S;
  genai_json_get_int64(json, lifetime, &c->impersonate_lifetime_s);
  if (c->impersonate_lifetime_s < 1 || c->impersonate_lifetime_s > LIFETIME_MAX_S) c->impersonate_lifetime_s = LIFETIME_S;
  return credential_check_url(c->impersonate_url, member, c->source, rules, error);
}

static genai_status read_external_account(credential *c, const char *json, const credential_rules *rules, genai_error *error) {
  c->kind = CREDENTIAL_EXTERNAL;
  genai_status status = credential_need(&c->audience, json, "audience", c->source, error);
  if (status == GENAI_OK) status = credential_need(&c->subject_type, json, "subject_token_type", c->source, error);
  if (status == GENAI_OK) status = credential_text(&c->user_project, json, "workforce_pool_user_project", c->source, error);
  if (status == GENAI_OK) status = credential_text(&c->client_id, json, "client_id", c->source, error);
  if (status == GENAI_OK) status = credential_text(&c->client_secret, json, "client_secret", c->source, error);
  if (status == GENAI_OK) status = credential_need(&c->token_url, json, "token_url", c->source, error);
  if (status == GENAI_OK) status = credential_check_url(c->token_url, "token_url", c->source, rules, error);
  if (status == GENAI_OK) status = credential_read_external(c, json, rules, error);
  if (status != GENAI_OK) return status;
  return read_impersonation(c, json, "service_account_impersonation.token_lifetime_seconds", rules, error);
}

static genai_status read_typed(credential *c, const char *json, const char *type, const credential_rules *rules, genai_error *error) {
  if (!strcmp(type, "service_account")) return read_service_account(c, json, rules, error);
  if (!strcmp(type, "authorized_user")) return read_user(c, json, rules, error);
  if (!strcmp(type, "external_account")) return read_external_account(c, json, rules, error);
  return error_set(error, GENAI_ERROR_CREDENTIALS,
                   "%s is of the type \"%.60s\", which is not known here; service_account, authorized_user, external_account and "
                   "impersonated_service_account (of one of the others) are.", c->source, type);
}

static genai_status read_source(credential *c, const char *json, const credential_rules *rules, genai_error *error) {
  const char *text;
  char *source = NULL, *type = NULL;
  size_t size;
  if (!genai_json_get(json, "source_credentials", &text, &size))
    return error_set(error, GENAI_ERROR_CREDENTIALS, "%s has no \"source_credentials\".", c->source);
  source = mem_strndup(text, size);
  genai_status status = source ? credential_need(&type, source, "type", c->source, error) : error_memory(error);
  if (status == GENAI_OK && genai_json_get(source, "service_account_impersonation_url", &text, &size))
    status = error_set(error, GENAI_ERROR_CREDENTIALS, "%s impersonates twice, which is not supported; name those in between as "
                       "\"delegates\".", c->source);
  if (status == GENAI_OK) status = read_typed(c, source, type, rules, error);
  mem_free(type);
  secret_free(source);
  return status;
}

static genai_status read_impersonated(credential *c, const char *json, const credential_rules *rules, genai_error *error) {
  const char *text;
  size_t size;
  genai_status status = read_impersonation(c, json, "lifetime", rules, error);
  if (status == GENAI_OK && !c->impersonate_url)
    status = error_set(error, GENAI_ERROR_CREDENTIALS, "%s has no \"service_account_impersonation_url\".", c->source);
  if (status == GENAI_OK && genai_json_get(json, "delegates", &text, &size) && *text == '[' && !(c->delegates = mem_strndup(text, size)))
    status = error_memory(error);
  return status == GENAI_OK ? read_source(c, json, rules, error) : status;
}

genai_status credential_read(credential *c, const char *json, const char *source, const credential_rules *rules, genai_error *error) {
  char *type = NULL;
  genai_error fault = {0};
  *c = (credential){.source = mem_strdup(source)};
  genai_status status = c->source ? GENAI_OK : error_memory(error);
  if (status == GENAI_OK && genai_json_check(json, &fault) != GENAI_OK)
    status = error_set(error, GENAI_ERROR_CREDENTIALS, "%s is not JSON. %s", source, fault.message);
  if (status == GENAI_OK) status = credential_need(&type, json, "type", source, error);
  if (status == GENAI_OK) status = credential_text(&c->quota_project, json, "quota_project_id", source, error);
  if (status == GENAI_OK)
    status = !strcmp(type, "impersonated_service_account") ? read_impersonated(c, json, rules, error)
                                                           : read_typed(c, json, type, rules, error);
  mem_free(type);
  if (status != GENAI_OK) credential_deinit(c);
  return status;
}

void credential_deinit(credential *c) {
  char *const open[] = {c->source, c->project, c->quota_project, c->token_url, c->email, c->key_id, c->client_id, c->audience,
                        c->subject_type, c->user_project, c->subject_file, c->subject_url, c->subject_command, c->subject_output,
                        c->subject_field, c->impersonate_url, c->delegates, c->aws_verify_url,
                        c->aws_region_url, c->aws_keys_url, c->aws_session_url};
  for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) mem_free(open[i]);
  secret_free(c->client_secret);
  secret_free(c->refresh_token);
  for (size_t i = 0; i < c->subject_header_count; i++) {
    mem_free((char *)c->subject_headers[i].key);
    secret_free((char *)c->subject_headers[i].value);
  }
  mem_free(c->subject_headers);
  EVP_PKEY_free(c->key);
  *c = (credential){.kind = CREDENTIAL_METADATA};
}
