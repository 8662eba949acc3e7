#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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

/* ---- kept ---- */

static char folder[32], file[64];
static int64_t now_ms;

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/genai-cert-XXXXXX");
  assert_non_null(mkdtemp(folder));
  snprintf(file, sizeof file, "%s/emulator.pem", folder);
  now_ms = (int64_t)time(NULL) * 1000;
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  unlink(file);
  return rmdir(folder); /* nothing else was left there */
}

static void write_file(const char *first, const char *second) {
  FILE *out = fopen(file, "w");
  assert_non_null(out);
  fputs(first, out);
  fputs(second, out);
  fclose(out);
}

static void read_file(char text[8192]) {
  FILE *in = fopen(file, "r");
  assert_non_null(in);
  text[fread(text, 1, 8191, in)] = '\0';
  fclose(in);
}

static void the_next_run_has_the_same(void **state) {
  (void)state;
  cert first, next;
  struct stat of;
  int days, seconds;
  assert_int_equal(cert_keep(&first, file, "127.0.0.1", now_ms, NULL), GENAI_OK);
  assert_int_equal(stat(file, &of), 0);
  assert_int_equal(of.st_mode & 07777, 0600);
  assert_int_equal(cert_keep(&next, file, "127.0.0.1", now_ms, NULL), GENAI_OK);
  assert_string_equal(first.ca_pem, next.ca_pem);
  assert_string_equal(first.chain_pem, next.chain_pem);
  assert_string_equal(first.key_pem, next.key_pem);
  assert_null(strstr(next.chain_pem, "PRIVATE KEY"));
  assert_int_equal(verify(&next, first.ca_pem), X509_V_OK);
  X509 *leaf = read_pem(next.chain_pem);
  assert_true(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)));
  assert_in_range(days, 89, 90);
  X509_free(leaf);
  cert_deinit(&first);
  cert_deinit(&next);
}

/* With this in the sentence; the file stays as it is. */
static void refused(const char *host, int64_t unix_ms, const char *why) {
  char before[8192], after[8192];
  cert c;
  genai_error error = {0};
  read_file(before);
  assert_int_equal(cert_keep(&c, file, host, unix_ms, &error), GENAI_ERROR_TLS);
  if (!strstr(error.message, why)) fail_msg("%s", error.message);
  assert_non_null(strstr(error.message, file));
  assert_non_null(strstr(error.message, "remove this one"));
  assert_null(c.key_pem);
  read_file(after);
  assert_string_equal(before, after);
}

static void one_that_does_not_serve_is_told(void **state) {
  (void)state;
  static const int64_t day_ms = INT64_C(86400000);
  cert c, other;
  assert_int_equal(cert_keep(&c, file, "192.0.2.7", now_ms, NULL), GENAI_OK);
  cert_deinit(&c);
  static const char *const hosts[] = {"192.0.2.7", "127.0.0.1", "localhost", "::1", "::1%lo"};
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    assert_int_equal(cert_keep(&c, file, hosts[i], now_ms + 89 * day_ms, NULL), GENAI_OK);
    cert_deinit(&c);
  }
  refused("192.0.2.8", now_ms, "IP address mismatch");
  refused("test.example", now_ms, "hostname mismatch");
  refused("192.0.2.7", now_ms + 91 * day_ms, "certificate has expired");
  refused("192.0.2.7", now_ms - day_ms, "certificate is not yet valid");
  write_file("", "");
  refused("127.0.0.1", now_ms, "no certificate");
  assert_int_equal(cert_make(&c, NULL, NULL), GENAI_OK);
  assert_int_equal(cert_make(&other, NULL, NULL), GENAI_OK);
  write_file(c.chain_pem, "");
  refused("127.0.0.1", now_ms, "no private key");
  write_file(c.chain_pem, other.key_pem);
  refused("127.0.0.1", now_ms, "its key is not the first certificate's");
  *strstr(c.chain_pem, "-----END CERTIFICATE-----") = '\0'; /* the leaf alone, by the authority of another */
  write_file(c.chain_pem, "-----END CERTIFICATE-----\n");
  FILE *more = fopen(file, "a");
  fprintf(more, "%s%s", other.ca_pem, c.key_pem);
  fclose(more);
  refused("127.0.0.1", now_ms, "issuer certificate"); /* OpenSSL's words: unable to get it */
  cert_deinit(&c);
  cert_deinit(&other);
}

/* One of one's own: the last certificate is what clients trust. A key behind a password is not asked for. */
static void another_ones_serves(void **state) {
  (void)state;
  cert made, c;
  assert_int_equal(cert_make(&made, "test.example", NULL), GENAI_OK);
  write_file(made.key_pem, made.chain_pem);
  assert_int_equal(cert_keep(&c, file, "test.example", now_ms, NULL), GENAI_OK);
  assert_string_equal(c.ca_pem, made.ca_pem);
  assert_string_equal(c.key_pem, made.key_pem);
  cert_deinit(&c);
  BIO *bio = BIO_new_mem_buf(made.key_pem, -1);
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
  write_file(made.chain_pem, "");
  FILE *more = fopen(file, "a");
  assert_true(PEM_write_PrivateKey(more, key, EVP_aes_128_cbc(), (const unsigned char *)"word", 4, NULL, NULL));
  fclose(more);
  refused("127.0.0.1", now_ms, "behind a password");
  EVP_PKEY_free(key);
  BIO_free(bio);
  cert_deinit(&made);
}

static void a_file_that_cannot_be_is_told(void **state) {
  (void)state;
  cert c;
  genai_error error = {0};
  assert_int_equal(cert_keep(&c, "/no/such/emulator.pem", "127.0.0.1", now_ms, &error), GENAI_ERROR_SYSTEM);
  assert_string_equal(error.message, "/no/such/emulator.pem could not be written: No such file or directory.");
  assert_null(c.key_pem);
  assert_int_not_equal(cert_keep(&c, folder, "127.0.0.1", now_ms, &error), GENAI_OK);
  assert_non_null(strstr(error.message, folder));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_client_accepts_it),
      cmocka_unit_test(carries_the_hosts_own_name),
      cmocka_unit_test(the_file_appears_whole),
      cmocka_unit_test_setup_teardown(the_next_run_has_the_same, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(one_that_does_not_serve_is_told, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(another_ones_serves, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(a_file_that_cannot_be_is_told, make_folder, remove_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
