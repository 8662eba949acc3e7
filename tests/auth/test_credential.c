/* Credentials files: what is read of each kind, and each fault's sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/sources.h"
#include "fail_alloc.h"
#include "keys.h"
#include "rig.h"

static const credential_rules strict = {0};

static const char USER[] =
    "{\"type\":\"authorized_user\",\"client_id\":\"id\",\"client_secret\":\"hush\",\"refresh_token\":\"rrr\",\"quota_project_id\":\"q\"}";
static const char EXTERNAL[] =
    "{\"type\":\"external_account\",\"audience\":\"//iam.googleapis.com/x\",\"subject_token_type\":\"urn:ietf:params:oauth:token-type:jwt\","
    "\"token_url\":\"https://sts.googleapis.com/v1/token\",\"credential_source\":{\"url\":\"http://169.254.169.254/t\",\"headers\":{\"Metadata\":"
    "\"Tr\\u0075e\",\"B\":\"c\"},\"format\":{\"type\":\"json\",\"subject_token_field_name\":\"tok\"}},\"service_account_impersonation_url\":"
    "\"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b:generateAccessToken\",\"service_account_impersonation\":{"
    "\"token_lifetime_seconds\":2800}}";

static void kinds(void **state) {
  (void)state;
  char text[16384], account[8192];
  credential c;
  keys_service_account(account, sizeof account, "https://oauth2.googleapis.com/token");
  assert_int_equal(credential_read(&c, account, "It", &strict, NULL), GENAI_OK);
  assert_int_equal(c.kind, CREDENTIAL_SERVICE_ACCOUNT);
  assert_string_equal(c.project, "file-project");
  assert_non_null(c.key);
  credential_deinit(&c);

  assert_int_equal(credential_read(&c, USER, "It", &strict, NULL), GENAI_OK);
  assert_int_equal(c.kind, CREDENTIAL_USER);
  assert_string_equal(c.quota_project, "q");
  assert_string_equal(c.token_url, "https://oauth2.googleapis.com/token");
  credential_deinit(&c);

  assert_int_equal(credential_read(&c, EXTERNAL, "It", &strict, NULL), GENAI_OK);
  assert_int_equal(c.kind, CREDENTIAL_EXTERNAL);
  assert_int_equal(c.subject_header_count, 2);
  assert_string_equal(c.subject_headers[0].key, "Metadata");
  assert_string_equal(c.subject_headers[0].value, "True");
  assert_string_equal(c.subject_headers[1].value, "c");
  assert_string_equal(c.subject_field, "tok");
  assert_int_equal(c.impersonate_lifetime_s, 2800);
  credential_deinit(&c);

  snprintf(text, sizeof text, "{\"type\":\"impersonated_service_account\",\"delegates\":[\"d\"],\"service_account_impersonation_url\":"
           "\"https://iamcredentials.googleapis.com/x\",\"source_credentials\":%s}", USER);
  assert_int_equal(credential_read(&c, text, "It", &strict, NULL), GENAI_OK);
  assert_int_equal(c.kind, CREDENTIAL_USER);
  assert_string_equal(c.delegates, "[\"d\"]");
  assert_string_equal(c.impersonate_url, "https://iamcredentials.googleapis.com/x");
  assert_int_equal(c.impersonate_lifetime_s, 3600);
  credential_deinit(&c);
}

static void assert_fault(const char *json, const char *expected) {
  credential c;
  genai_error error = {0};
  genai_status status = credential_read(&c, json, "It", &strict, &error);
  if (status != GENAI_ERROR_CREDENTIALS || !strstr(error.message, expected))
    fail_msg("%s: %s: \"%s\" is not in \"%s\"", json, genai_status_name(status), expected, error.message);
  assert_null(strstr(error.message, "hush"));
}

#define USER_WITH(more) "{\"type\":\"authorized_user\",\"client_id\":\"id\",\"client_secret\":\"hush\",\"refresh_token\":\"hush2\"," more "}"
#define EXTERNAL_WITH(source)                                                                                                     \
  "{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\",\"token_url\":\"https://sts.googleapis.com/v1/token\"," \
  "\"credential_source\":" source "}"

static void faults(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"", "It is not JSON."},
      {"{\"type\":", "It is not JSON. Invalid JSON text at line 1"},
      {"[]", "It has no \"type\"."},
      {"{}", "It has no \"type\"."},
      {"{\"type\":5}", "It has a \"type\" that is no string."},
      {"{\"type\":\"gdch_service_account\"}", "is of the type \"gdch_service_account\", which is not known here"},
      {"{\"type\":\"service_account\"}", "It has no \"client_email\"."},
      {"{\"type\":\"service_account\",\"client_email\":\"a\"}", "It has no \"private_key\"."},
      {"{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key\":\"hush\"}", "private_key that is no RSA key in PEM form"},
      {"{\"type\":\"authorized_user\",\"client_id\":\"i\"}", "It has no \"client_secret\"."},
      {"{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"hush\"}", "It has no \"refresh_token\"."},
      {USER_WITH("\"token_uri\":\"https://evil.example/token\""), "would send its secret to https://evil.example, which is no https address of Google's"},
      {USER_WITH("\"token_uri\":\"https://googleapis.com.evil.example\""), "would send its secret"},
      {USER_WITH("\"token_uri\":\"https://evilgoogleapis.com/token\""), "would send its secret"},
      {USER_WITH("\"token_uri\":\"http://oauth2.googleapis.com/token\""), "would send its secret to http://oauth2.googleapis.com"},
      {USER_WITH("\"token_uri\":\"https://oauth2.googleapis.com:8443/token\""), "would send its secret"},
      {USER_WITH("\"token_uri\":\"https://x:y@oauth2.googleapis.com/token\""), "cannot be used"},
      {USER_WITH("\"token_uri\":\"http://127.0.0.1:1/token\""), "would send its secret"},
      {USER_WITH("\"token_uri\":\"https://t.my.cloud/\",\"universe_domain\":\"my.cloud\""), "would send its secret"},
      {EXTERNAL_WITH("{}"), "no file, url or executable"},
      {EXTERNAL_WITH("{\"executable\":{\"command\":\"/bin/x\"}}"), "names a program to run for its token. If you trust the file"},
      {EXTERNAL_WITH("{\"environment_id\":\"aws1\",\"url\":\"http://169.254.169.254/\"}"), "has no \"credential_source.regional_cred_verification_url\""},
      {EXTERNAL_WITH("{\"url\":\"http://evil.example/\"}"), "in the clear"},
      {EXTERNAL_WITH("{\"file\":\"f\",\"format\":{\"type\":\"xml\"}}"), "unknown credential_source.format.type \"xml\""},
      {EXTERNAL_WITH("{\"file\":\"f\",\"format\":{\"type\":\"json\"}}"), "has no \"credential_source.format.subject_token_field_name\""},
      {EXTERNAL_WITH("{\"url\":\"https://a/\",\"headers\":[\"a\"]}"), "no object"},
      {EXTERNAL_WITH("{\"url\":\"https://a/\",\"headers\":{\"a\":5}}"), "a header in credential_source that is no string"},
      {"{\"type\":\"impersonated_service_account\"}", "has no \"service_account_impersonation_url\""},
      {"{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"https://evil.example/\"}", "would send its secret"},
      {"{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"https://iamcredentials.googleapis.com/\"}",
       "has no \"source_credentials\""},
      {"{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"https://iamcredentials.googleapis.com/\","
       "\"source_credentials\":{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"https://a/\"}}", "impersonates twice"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_fault(cases[i][0], cases[i][1]);
  char text[4096];
  snprintf(text, sizeof text, "{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key\":\"%s\"}", keys_ec_pem_json());
  assert_fault(text, "no RSA key");
}

static void allowances(void **state) {
  (void)state;
  credential c;
  const credential_rules here = {.loopback = true}, other = {.universe = "my.cloud"};
  assert_int_equal(credential_read(&c, USER_WITH("\"token_uri\":\"http://127.0.0.1:1/token\""), "It", &here, NULL), GENAI_OK);
  credential_deinit(&c);
  assert_int_equal(credential_read(&c, USER_WITH("\"token_uri\":\"https://t.my.cloud/\""), "It", &other, NULL), GENAI_OK);
  credential_deinit(&c);
  assert_int_equal(credential_read(&c, USER_WITH("\"token_uri\":\"https://accounts.google.com/o/oauth2/token\""), "It", &strict, NULL), GENAI_OK);
  credential_deinit(&c);
}

/* ---- where they are found ---- */

static const char *variables[8];

static const char *environment(const char *name) {
  size_t size = strlen(name);
  for (size_t i = 0; i < 8 && variables[i]; i++)
    if (!strncmp(variables[i], name, size) && variables[i][size] == '=') return variables[i] + size + 1;
  return NULL;
}

static void set_variables(const char *a, const char *b, const char *c) {
  variables[0] = a, variables[1] = b, variables[2] = c, variables[3] = NULL;
}

static void found(void **state) {
  (void)state;
  char folder[] = "/tmp/genai-test-XXXXXX", path[128], line[300], other[300];
  credential c;
  genai_error error = {0};
  auth_options o = {.environment = environment};
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/application_default_credentials.json", folder);
  snprintf(line, sizeof line, "CLOUDSDK_CONFIG=%s", folder);
  set_variables(line, "GOOGLE_CLOUD_QUOTA_PROJECT=mine", NULL);
  assert_int_equal(source_find(&c, &o, NULL), GENAI_OK);
  assert_int_equal(c.kind, CREDENTIAL_METADATA); /* no such file, nothing else */
  assert_string_equal(c.quota_project, "mine");
  credential_deinit(&c);

  FILE *file = fopen(path, "w");
  assert_true(file && fputs(USER, file) >= 0);
  fclose(file);
  assert_int_equal(source_find(&c, &o, NULL), GENAI_OK);
  assert_int_equal(c.kind, CREDENTIAL_USER);
  assert_string_equal(c.quota_project, "mine"); /* the environment beats the file */
  credential_deinit(&c);

  set_variables(line, "GOOGLE_APPLICATION_CREDENTIALS=/nowhere/at/all.json", NULL);
  assert_int_equal(source_find(&c, &o, &error), GENAI_ERROR_CREDENTIALS);
  assert_string_equal(error.message, "The file named by GOOGLE_APPLICATION_CREDENTIALS /nowhere/at/all.json cannot be read: No such file or directory.");
  snprintf(other, sizeof other, "GOOGLE_APPLICATION_CREDENTIALS=%s", path);
  set_variables("CLOUDSDK_CONFIG=/nowhere", other, NULL);
  assert_int_equal(source_find(&c, &o, NULL), GENAI_OK);
  assert_int_equal(c.kind, CREDENTIAL_USER);
  assert_string_equal(c.quota_project, "q");
  credential_deinit(&c);

  o.credentials_file = "/nowhere";
  assert_int_equal(source_find(&c, &o, &error), GENAI_ERROR_CREDENTIALS);
  assert_non_null(strstr(error.message, "The credentials file /nowhere cannot be read"));
  o.credentials_file = folder;
  assert_int_equal(source_find(&c, &o, &error), GENAI_ERROR_CREDENTIALS);
  assert_non_null(strstr(error.message, "is no file"));
  o.credentials_file = NULL;
  o.credentials_json = "{}";
  assert_int_equal(source_find(&c, &o, &error), GENAI_ERROR_CREDENTIALS);
  assert_string_equal(error.message, "genai_client_options.credentials_json has no \"type\".");

  unlink(path);
  rmdir(folder);
}

static void each_allocation_fails(void **state) {
  (void)state;
  char text[4096];
  snprintf(text, sizeof text, "{\"type\":\"impersonated_service_account\",\"delegates\":[\"d\"],\"quota_project_id\":\"q\","
           "\"service_account_impersonation_url\":\"https://iamcredentials.googleapis.com/x\",\"source_credentials\":%s}", USER);
  const char *const files[] = {text, EXTERNAL};
  for (int i = 0; i < 2; i++) {
    char path[64];
    strcpy(path, rig_file(files[i]));
    set_variables("GOOGLE_CLOUD_QUOTA_PROJECT=mine", NULL, NULL);
    auth_options o = {.environment = environment, .credentials_file = path};
    long n = 1;
    for (;; n++) {
      credential c;
      fail_alloc_use(n);
      genai_status status = source_find(&c, &o, NULL);
      if (status == GENAI_OK) credential_deinit(&c);
      assert_int_equal(fail_alloc.alive, 0);
      if (!fail_alloc_done()) {
        assert_int_equal(status, GENAI_OK);
        break;
      }
      assert_int_equal(status, GENAI_ERROR_MEMORY);
    }
    assert_true(n > 10);
    unlink(path);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(kinds), cmocka_unit_test(faults), cmocka_unit_test(allowances), cmocka_unit_test(found),
                                     cmocka_unit_test(each_allocation_fails)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
