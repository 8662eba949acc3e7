/* Assertions are what RFC 7523 and Google want, and OpenSSL verifies them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "auth/jwt.h"
#include "fail_alloc.h"
#include "genai/json.h"
#include "keys.h"

static const credential_rules rules = {0};

static void assert_member(const char *json, const char *name, const char *expected) {
  char value[512];
  assert_true(genai_json_get_string(json, name, value, sizeof value));
  assert_string_equal(value, expected);
}

static void verifies(void **state) {
  (void)state;
  char file[8192], header[512], claims[1024];
  int64_t iat = 0, exp = 0;
  credential c;
  buf b;
  keys_service_account(file, sizeof file, "https://oauth2.googleapis.com/token");
  assert_int_equal(credential_read(&c, file, "It", &rules, NULL), GENAI_OK);
  buf_init(&b, 1 << 20);
  assert_int_equal(jwt_write(&b, &c, "https://a/scope", 1700000000, NULL), GENAI_OK);
  assert_true(keys_verify(buf_cstr(&b), header, claims, sizeof header));
  assert_member(header, "alg", "RS256");
  assert_member(header, "typ", "JWT");
  assert_member(header, "kid", "key1");
  assert_member(claims, "iss", "robot@file-project.iam.gserviceaccount.com");
  assert_member(claims, "aud", "https://oauth2.googleapis.com/token");
  assert_member(claims, "scope", "https://a/scope");
  assert_true(genai_json_get_int64(claims, "iat", &iat) && genai_json_get_int64(claims, "exp", &exp));
  assert_int_equal(iat, 1700000000);
  assert_int_equal(exp, 1700003600);
  b.data[b.size - 10] ^= 1;
  assert_false(keys_verify(buf_cstr(&b), header, claims, sizeof header));
  buf_deinit(&b);
  credential_deinit(&c);
}

static void each_allocation_fails(void **state) {
  (void)state;
  char file[8192];
  keys_service_account(file, sizeof file, "https://oauth2.googleapis.com/token");
  long n = 1;
  for (;; n++) {
    credential c;
    buf b;
    genai_error error = {0};
    fail_alloc_use(n);
    buf_init(&b, 1 << 20);
    genai_status status = credential_read(&c, file, "It", &rules, &error);
    if (status == GENAI_OK) {
      status = jwt_write(&b, &c, "scope", 1, &error);
      credential_deinit(&c);
    }
    buf_deinit(&b);
    assert_int_equal(fail_alloc.alive, 0);
    if (!fail_alloc_done()) {
      assert_int_equal(status, GENAI_OK);
      break;
    }
    assert_int_equal(status, GENAI_ERROR_MEMORY);
    assert_int_equal(error.status, GENAI_ERROR_MEMORY);
  }
  assert_true(n > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(verifies), cmocka_unit_test(each_allocation_fails)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
