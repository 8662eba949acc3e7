#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "emulator/cert.h"

static X509 *read_pem(const char *text) {
  BIO *bio = BIO_new_mem_buf(text, -1);
  X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
  BIO_free(bio);
  assert_non_null(certificate);
  return certificate;
}

/* As a client judges: strictly, as a server's, by this authority alone. */
static int verify(const cert *c, const char *ca_pem) {
  X509 *ca = read_pem(ca_pem), *leaf = read_pem(c->chain_pem);
  X509_STORE *store = X509_STORE_new();
  X509_STORE_CTX *context = X509_STORE_CTX_new();
  X509_STORE_add_cert(store, ca);
  X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT);
  X509_STORE_CTX_init(context, store, leaf, NULL);
  X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
  X509_verify_cert(context);
  int result = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  X509_free(ca);
  X509_free(leaf);
  return result;
}

static void a_client_accepts_it(void **state) {
  (void)state;
  cert c, other;
  assert_int_equal(cert_make(&c, NULL, NULL), GENAI_OK);
  assert_int_equal(cert_make(&other, NULL, NULL), GENAI_OK);
  assert_int_equal(verify(&c, c.ca_pem), X509_V_OK);
  assert_int_not_equal(verify(&c, other.ca_pem), X509_V_OK);
  X509 *leaf = read_pem(c.chain_pem);
  assert_int_equal(X509_check_host(leaf, "localhost", 0, 0, NULL), 1);
  assert_int_equal(X509_check_host(leaf, "example.com", 0, 0, NULL), 0);
  assert_int_equal(X509_check_ip_asc(leaf, "127.0.0.1", 0), 1);
  assert_int_equal(X509_check_ip_asc(leaf, "::1", 0), 1);
  assert_int_equal(X509_check_ip_asc(leaf, "10.0.0.1", 0), 0);
  int days, seconds;
  assert_true(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)));
  assert_in_range(days, 6, 7);
  X509_free(leaf);
  assert_null(strstr(c.chain_pem, "PRIVATE KEY"));
  cert_deinit(&c);
  cert_deinit(&other);
}

static void carries_the_hosts_own_name(void **state) {
  (void)state;
  static const struct {
    const char *host;
    bool ip, there;
  } hosts[] = {
      {"192.0.2.7", true, true},
      {"test.example", false, true},
      {"a.example,DNS:b.example", false, false},
      {"localhost", false, true},
  };
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    cert c;
    assert_int_equal(cert_make(&c, hosts[i].host, NULL), GENAI_OK);
    X509 *leaf = read_pem(c.chain_pem);
    int found =
        hosts[i].ip ? X509_check_ip_asc(leaf, hosts[i].host, 0) : X509_check_host(leaf, hosts[i].host, 0, 0, NULL);
    assert_int_equal(found == 1, hosts[i].there);
    assert_int_not_equal(X509_check_host(leaf, "b.example", 0, 0, NULL), 1);
    X509_free(leaf);
    cert_deinit(&c);
  }
}

static void the_file_appears_whole(void **state) {
  (void)state;
  char folder[] = "/tmp/genai-cert-XXXXXX", path[64], text[64] = "";
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/ca.pem", folder);
  assert_int_equal(cert_write_file(path, "old", NULL), GENAI_OK);
  assert_int_equal(cert_write_file(path, "new text", NULL), GENAI_OK);
  FILE *file = fopen(path, "r");
  assert_non_null(fgets(text, sizeof text, file));
  fclose(file);
  assert_string_equal(text, "new text");
  unlink(path);
  assert_int_equal(rmdir(folder), 0); /* nothing else was left there */
  genai_error error = {0};
  assert_int_equal(cert_write_file("/no/such/ca.pem", "x", &error), GENAI_ERROR_SYSTEM);
  assert_string_equal(error.message, "/no/such/ca.pem could not be written: No such file or directory.");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_client_accepts_it),
      cmocka_unit_test(carries_the_hosts_own_name),
      cmocka_unit_test(the_file_appears_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
