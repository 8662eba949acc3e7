/* External accounts whose token a program prints: allowed or not, its words and surroundings, its failures, its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "provider.h"
#include "token_server.h"

#define JWT "urn:ietf:params:oauth:token-type:jwt"
#define HEAD "{\"version\":1,\"success\":true,\"token_type\":\"" JWT "\","

static const char *const allowed[] = {"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1", NULL};
static token_server server;
static provider p;
static asker a;

/* The account's file. `command` is the JSON of the executable's members. */
static genai_status start_with(const char *members) {
  char file[2048];
  snprintf(file, sizeof file,
           "{\"type\":\"external_account\",\"audience\":\"//iam/pool\",\"subject_token_type\":\"" JWT "\",\"token_url\":\"%s\","
           "\"service_account_impersonation_url\":\"%s\",\"credential_source\":{\"executable\":{%s}}}",
           token_server_url(&server, "/sts"), token_server_url(&server, "/v1/serviceAccounts/robot@p.example:generateAccessToken"), members);
  return provider_start(&p, &(auth_options){.credentials_json = file});
}

static void start_server(void) {
  token_server_start(&server, "{\"access_token\":\"exchanged\",\"expires_in\":3600}");
  server.bodies[1] = "{\"accessToken\":\"lent\",\"expireTime\":\"2030-01-01T00:00:00Z\"}";
}

/* A shell script as the program, with `words` behind it and `more` members. */
static void start_script(const char *script, const char *words, const char *more) {
  char members[1024];
  snprintf(members, sizeof members, "\"command\":\"sh %s %s\"%s", rig_file(script), words, more);
  start_server();
  assert_int_equal(start_with(members), GENAI_OK);
}

static void stop(void) {
  provider_stop(&p);
  token_server_stop(&server);
}

static void only_when_allowed(void **state) {
  (void)state;
  static const char *const others[] = {"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=true", NULL};
  static const char *const *const environments[] = {NULL, others};
  start_server();
  for (size_t i = 0; i < 2; i++) {
    provider_environment(environments[i]);
    assert_int_equal(start_with("\"command\":\"touch /tmp/never\""), GENAI_ERROR_CREDENTIALS);
    assert_non_null(strstr(p.error.message, "allow that with GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"));
    provider_stop(&p);
  }
  provider_environment(allowed);
  static const struct { const char *members, *says; } bad[] = {
      {"", "has no \"credential_source.executable.command\""},
      {"\"command\":\"x\",\"timeout_millis\":0", "timeout_millis that is not between 1 and 120000"},
      {"\"command\":\"x\",\"timeout_millis\":120001", "timeout_millis that is not between"},
      {"\"command\":\"x\",\"output_file\":7", "that is no string"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(start_with(bad[i].members), GENAI_ERROR_CREDENTIALS);
    if (!strstr(p.error.message, bad[i].says)) fail_msg("%s", p.error.message);
    provider_stop(&p);
  }
  token_server_stop(&server);
}

/* Its words without a shell, Google's variables, and nothing of the host's beside what programs need. */
static void surroundings(void **state) {
  (void)state;
  setenv("HOST_SECRET", "of the host", 1);
  start_script("printf '" HEAD "\"id_token\":\"%s\"}' \"$1 $2 $3/$GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE/$GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE/"
               "$GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE/$GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL/${HOST_SECRET:-none}/$(cat)\"",
               "$HOME; \\\"two words\\\"  *", "");
  assert_string_equal(provider_get(&p, &a), "Bearer lent");
  assert_string_equal(token_server_form(&server, 0, "subject_token"), "$HOME; two words */" "//iam/pool/" JWT "/0/robot@p.example/none/");
  assert_true(token_server_heard(&server, 1, "Authorization: Bearer exchanged"));
  stop();
}

static void saml(void **state) {
  (void)state;
  start_script("echo '{\"version\":1,\"success\":true,\"token_type\":\"urn:ietf:params:oauth:token-type:saml2\",\"saml_response\":\"<saml/>\"}'",
               "", "");
  assert_string_equal(provider_get(&p, &a), "Bearer lent");
  assert_string_equal(token_server_form(&server, 0, "subject_token"), "<saml/>");
  stop();
}

static void says(const char *script, const char *more, const char *sentence) {
  start_script(script, "", more);
  provider_get(&p, &a);
  assert_int_equal(a.error.status, GENAI_ERROR_CREDENTIALS);
  if (!strstr(a.error.message, sentence)) fail_msg("\"%s\" is not in \"%s\"", sentence, a.error.message);
  assert_null(strstr(a.error.message, "s3cr3t"));
  assert_int_equal(token_server_count(&server), 0);
  stop();
}

static void failures(void **state) {
  (void)state;
  says("echo '{\"version\":1,\"success\":false,\"code\":\"401\",\"message\":\"Caller not authorized.\"}'; exit 1", "",
       "has no token. It says: 401: Caller not authorized.");
  says("exit 3", "", "failed with status 3.");
  says("kill -9 $$", "", "was ended by signal 9.");
  says("echo s3cr3t", "", "with what is no JSON");
  says("echo '{}'", "", "in no version that is known here");
  says("echo '{\"version\":1}'", "", "without \"success\"");
  says("echo '{\"version\":1,\"success\":true}'", "", "without \"token_type\"");
  says("echo '{\"version\":1,\"success\":true,\"token_type\":\"x\"}'", "", "with a token of an unknown type");
  says("echo '" HEAD "\"id_token\":\"\"}'", "", "without \"id_token\"");
  says("echo '" HEAD "\"id_token\":\"s3cr3t\",\"expiration_time\":1699999999}'", "", "with a token that has expired");
  says("echo '" HEAD "\"id_token\":\"s3cr3t\"}'", ",\"output_file\":\"/no/such/file\"", "without \"expiration_time\"");
  says("sleep 1000 & sleep 1000", ",\"timeout_millis\":100", "did not end within 100 ms.");
  says("while :; do echo s3cr3t; done", "", "printed more than 65536 bytes.");
  start_server();
  assert_int_equal(start_with("\"command\":\"/no/such/program\""), GENAI_OK);
  provider_get(&p, &a);
  bool told = strstr(a.error.message, "could not be run. \"/no/such/program\" could not be started") ||
              strstr(a.error.message, "failed with status 127."); /* valgrind's fork cannot tell more */
  if (!told) fail_msg("%s", a.error.message);
  stop();
  start_server();
  assert_int_equal(start_with("\"command\":\" \""), GENAI_OK);
  provider_get(&p, &a);
  assert_non_null(strstr(a.error.message, "Its command has no word"));
  stop();
}

/* What it keeps in its file is used while it holds, and the program is not run. */
static void kept_in_a_file(void **state) {
  (void)state;
  char kept[64], members[512];
  strcpy(kept, rig_file(HEAD "\"id_token\":\"kept\",\"expiration_time\":1700000100}"));
  snprintf(members, sizeof members, ",\"output_file\":\"%s\"", kept);
  start_script("echo '" HEAD "\"id_token\":\"printed\",\"expiration_time\":1700001000}'", "", members);
  assert_string_equal(provider_get(&p, &a), "Bearer lent");
  assert_string_equal(token_server_form(&server, 0, "subject_token"), "kept");
  atomic_fetch_add(&p.now_ms, 3600 * 1000);
  atomic_fetch_add(&p.wall_s, 100); /* what is in the file is over */
  assert_string_equal(provider_get(&p, &a), "Bearer lent");
  assert_string_equal(token_server_form(&server, 2, "subject_token"), "printed");
  stop();
  unlink(kept);
}

/* The end waits for nobody: the program is killed, and what it started with it. */
static void ends_with_its_owner(void **state) {
  (void)state;
  char script[256], mark[64];
  strcpy(mark, rig_file(""));
  snprintf(script, sizeof script, "sleep 1000 & echo $! > %s; sleep 1000", mark);
  start_script(script, "", "");
  provider_ask(&p, &a);
  struct stat about = {0};
  for (int i = 0; i < 20000 && (stat(mark, &about) || !about.st_size); i++) rig_sleep_us(1000);
  assert_true(about.st_size > 0);
  stop();
  assert_int_equal(gate_count(&a.answered), 0);
  char command[512];
  snprintf(command, sizeof command, "for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $(cat %s) 2> /dev/null || exit 0; "
           "grep -q '^State:.Z' /proc/$(cat %s)/status 2> /dev/null && exit 0; sleep 0.1; done; exit 1", mark, mark);
  assert_int_equal(system(command), 0); /* gone, or waiting for init to look */
  unlink(mark);
}

static void each_allocation_fails(void **state) {
  (void)state;
  char script[64], members[128];
  strcpy(script, rig_file("echo '" HEAD "\"id_token\":\"t\"}'"));
  snprintf(members, sizeof members, "\"command\":\"sh %s\"", script);
  start_server();
  provider_fail_each(&p, start_with, members);
  token_server_stop(&server);
  unlink(script);
}

static int allow(void **state) {
  (void)state;
  provider_environment(allowed);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_when_allowed),         cmocka_unit_test_setup(surroundings, allow),
      cmocka_unit_test_setup(saml, allow),         cmocka_unit_test_setup(failures, allow),
      cmocka_unit_test_setup(kept_in_a_file, allow), cmocka_unit_test_setup(ends_with_its_owner, allow),
      cmocka_unit_test_setup(each_allocation_fails, allow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
