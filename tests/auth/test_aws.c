/* External accounts of AWS: the signature by AWS's own published example, the keys of the environment and of a metadata server, and
 * the token that Google's service gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/aws.h"
#include "base/buf.h"
#include "genai/json.h"
#include "provider.h"
#include "token_server.h"

#define VERIFY "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"

static token_server server;
static provider p;
static asker a;

/* "Create a signed request", AWS's guide to signature version 4: IAM's ListUsers. */
static void published_example(void **state) {
  (void)state;
  const aws_request request = {"GET", "iam.amazonaws.com", "/", "Action=ListUsers&Version=2010-05-08", "iam",
                               {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"},
                                {"host", "iam.amazonaws.com"},
                                {"x-amz-date", "20150830T123600Z"}}, 3};
  char region[] = "us-east-1", id[] = "AKIDEXAMPLE", secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  const aws_keys keys = {.region = region, .id = id, .secret = secret};
  buf out;
  buf_init(&out, 4096);
  assert_true(aws_sign(&out, &request, &keys, "20150830T123600Z"));
  assert_string_equal(buf_cstr(&out), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                      "SignedHeaders=content-type;host;x-amz-date, "
                      "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
  buf_deinit(&out);
}

static genai_status start_with(const char *source) {
  char file[2048];
  snprintf(file, sizeof file,
           "{\"type\":\"external_account\",\"audience\":\"//iam/pool\",\"subject_token_type\":\"urn:ietf:params:aws:token-type:aws4_request\","
           "\"token_url\":\"%s\",\"credential_source\":{%s}}", token_server_url(&server, "/sts"), source);
  return provider_start(&p, &(auth_options){.credentials_json = file});
}

/* Members that name the test's metadata server. */
static const char *metadata_source(void) {
  static char source[1024];
  snprintf(source, sizeof source, "\"environment_id\":\"aws1\",\"regional_cred_verification_url\":\"" VERIFY "\",\"region_url\":\"%s\","
           "\"url\":\"%s\",\"imdsv2_session_token_url\":\"%s\"", token_server_url(&server, "/zone"), token_server_url(&server, "/roles"),
           token_server_url(&server, "/session"));
  return source;
}

static void stop(void) {
  provider_stop(&p);
  token_server_stop(&server);
}

/* The subject token that a request brought, decoded. */
static const char *subject(int request) {
  static char text[SERVER_TEXT_MAX];
  char *out = text;
  for (const char *in = token_server_form(&server, request, "subject_token"); *in; in++) {
    unsigned byte = (unsigned char)*in;
    if (*in == '%' && sscanf(in + 1, "%2x", &byte) == 1) in += 2;
    *out++ = (char)byte;
  }
  *out = '\0';
  return text;
}

static void assert_member(const char *json, const char *path, const char *expected) {
  char value[1024];
  if (!genai_json_get_string(json, path, value, sizeof value)) fail_msg("no %s in %s", path, json);
  assert_string_equal(value, expected);
}

static void from_the_environment(void **state) {
  (void)state;
  provider_environment((const char *const[]){"AWS_REGION=us-east-2", "AWS_DEFAULT_REGION=no", "AWS_ACCESS_KEY_ID=id",
                                             "AWS_SECRET_ACCESS_KEY=hush", "AWS_SESSION_TOKEN=se+ss", NULL});
  token_server_start(&server, "{\"access_token\":\"exchanged\",\"expires_in\":3600}");
  assert_int_equal(start_with(metadata_source()), GENAI_OK);
  assert_string_equal(provider_get(&p, &a), "Bearer exchanged");
  assert_int_equal(token_server_count(&server), 1); /* no metadata server was needed */
  assert_string_equal(token_server_form(&server, 0, "subject_token_type"), "urn:ietf:params:aws:token-type:aws4_request");
  const char *json = subject(0);
  assert_int_equal(genai_json_check(json, NULL), GENAI_OK);
  assert_member(json, "url", "https://sts.us-east-2.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15");
  assert_member(json, "method", "POST");
  assert_member(json, "headers[0].key", "Authorization");
  assert_non_null(strstr(json, "AWS4-HMAC-SHA256 Credential=id/20231114/us-east-2/sts/aws4_request, "
                         "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="));
  assert_member(json, "headers[1].value", "sts.us-east-2.amazonaws.com");
  assert_member(json, "headers[2].value", "20231114T221320Z");
  assert_member(json, "headers[3].value", "se+ss");
  assert_member(json, "headers[4].key", "x-goog-cloud-target-resource");
  assert_member(json, "headers[4].value", "//iam/pool");
  assert_null(strstr(json, "hush"));
  stop();
}

static void from_the_metadata_server(void **state) {
  (void)state;
  provider_environment(NULL);
  token_server_start(&server, "session-token");
  server.bodies[1] = "eu-west-3b\n";
  server.bodies[2] = "my-role";
  server.bodies[3] = "{\"AccessKeyId\":\"id\",\"SecretAccessKey\":\"hush\",\"Token\":\"sess\"}";
  server.bodies[4] = "{\"access_token\":\"exchanged\",\"expires_in\":3600}";
  assert_int_equal(start_with(metadata_source()), GENAI_OK);
  assert_string_equal(provider_get(&p, &a), "Bearer exchanged");
  assert_true(token_server_heard(&server, 0, "PUT /session HTTP/1.1\r\n"));
  assert_true(token_server_heard(&server, 0, "X-aws-ec2-metadata-token-ttl-seconds: 300\r\n"));
  static const char *const asked[] = {"GET /zone HTTP/1.1\r\n", "GET /roles HTTP/1.1\r\n", "GET /roles/my-role HTTP/1.1\r\n"};
  for (int i = 0; i < 3; i++) {
    assert_true(token_server_heard(&server, i + 1, asked[i]));
    assert_true(token_server_heard(&server, i + 1, "X-aws-ec2-metadata-token: session-token\r\n"));
  }
  assert_non_null(strstr(subject(4), "Credential=id/20231114/eu-west-3/sts/aws4_request"));
  stop();
}

static void says(const char *sentence, const char *b0, const char *b1, const char *b2, const char *b3) {
  provider_environment(NULL);
  token_server_start(&server, b0);
  server.bodies[1] = b1;
  server.bodies[2] = b2;
  server.bodies[3] = b3;
  assert_int_equal(start_with(metadata_source()), GENAI_OK);
  provider_get(&p, &a);
  assert_int_equal(a.error.status, GENAI_ERROR_CREDENTIALS);
  if (!strstr(a.error.message, sentence)) fail_msg("\"%s\" is not in \"%s\"", sentence, a.error.message);
  assert_null(strstr(a.error.message, "hush"));
  stop();
}

static void failures(void **state) {
  (void)state;
  says("answered without a session token.", "", NULL, NULL, NULL);
  says("answered without a zone.", "s", "<html>", NULL, NULL);
  says("answered without a role: has this machine one?", "s", "eu-west-3b", "{}", NULL);
  says("answered without an AccessKeyId", "s", "eu-west-3b", "r", "{\"AccessKeyId\":\"i\"}");
  says("which is no https address of AWS", "s", "x.evil.example/b", "r", "{\"AccessKeyId\":\"i\",\"SecretAccessKey\":\"hush\"}");
  static const struct { const char *source, *says; } bad[] = {
      {"\"environment_id\":\"aws2\"", "unknown environment_id \"aws2\""},
      {"\"environment_id\":\"aws1\"", "has no \"credential_source.regional_cred_verification_url\""},
      {"\"environment_id\":\"aws1\",\"regional_cred_verification_url\":\"" VERIFY "\",\"url\":\"http://10.0.0.1/\"", "no metadata server of AWS"}};
  token_server_start(&server, "");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(start_with(bad[i].source), GENAI_ERROR_CREDENTIALS);
    if (!strstr(p.error.message, bad[i].says)) fail_msg("%s", p.error.message);
    provider_stop(&p);
  }
  /* Nothing in the environment, and no metadata server named. */
  assert_int_equal(start_with("\"environment_id\":\"aws1\",\"regional_cred_verification_url\":\"" VERIFY "\""), GENAI_OK);
  provider_get(&p, &a);
  assert_non_null(strstr(a.error.message, "says nowhere what the region of AWS is"));
  stop();
}

static void each_allocation_fails(void **state) {
  (void)state;
  provider_environment((const char *const[]){"AWS_REGION=us-east-2", "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=hush",
                                             "AWS_SESSION_TOKEN=s", NULL});
  token_server_start(&server, "{\"access_token\":\"exchanged\",\"expires_in\":3600}");
  char source[1024];
  snprintf(source, sizeof source, "%s", metadata_source());
  provider_fail_each(&p, start_with, source);
  token_server_stop(&server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(published_example), cmocka_unit_test(from_the_environment), cmocka_unit_test(from_the_metadata_server),
      cmocka_unit_test(failures),          cmocka_unit_test(each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
