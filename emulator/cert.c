#include "emulator/cert.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

enum { SERIAL_BITS = 127, BACKDATED_S = 3600, VALID_S = 7 * 24 * 3600, NAMES_MAX = 512 };

static bool add_extension(X509 *certificate, X509 *issuer, int kind, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
  bool fine = extension && X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return fine;
}

static bool set_serial(X509 *certificate) {
  BIGNUM *serial = BN_new();
  bool fine = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
              BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));
  BN_free(serial);
  return fine;
}

/* A version 3 certificate, all but its extensions and signature. issuer NULL: itself. */
static X509 *new_certificate(const char *name, EVP_PKEY *key, X509 *issuer) {
  X509 *certificate = X509_new();
  X509_NAME *subject = certificate ? X509_get_subject_name(certificate) : NULL;
  bool fine = subject && X509_set_version(certificate, 2) && set_serial(certificate) &&
              X509_gmtime_adj(X509_getm_notBefore(certificate), -BACKDATED_S) &&
              X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_S) && X509_set_pubkey(certificate, key) &&
              X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) &&
              X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
  if (fine) return certificate;
  X509_free(certificate);
  return NULL;
}

static X509 *make_authority(EVP_PKEY *key) {
  X509 *ca = new_certificate("genai-live emulator CA", key, NULL);
  bool fine = ca && add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              add_extension(ca, ca, NID_subject_key_identifier, "hash") && X509_sign(ca, key, EVP_sha256());
  if (fine) return ca;
  X509_free(ca);
  return NULL;
}

/* The names of RFC 5280 section 4.2.1.6. A host that could be read as more than one name is left out. */
static void write_names(char out[NAMES_MAX], const char *host) {
  strcpy(out, "DNS:localhost,IP:127.0.0.1,IP:::1");
  if (!host || strlen(host) > 253 || strpbrk(host, ",=%") || !strcmp(host, "localhost")) return;
  ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
  size_t used = strlen(out);
  snprintf(out + used, NAMES_MAX - used, ",%s:%s", address ? "IP" : "DNS", host);
  ASN1_OCTET_STRING_free(address);
}

static X509 *make_leaf(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const char *host) {
  char names[NAMES_MAX];
  write_names(names, host);
  X509 *leaf = new_certificate("genai-live emulator", key, ca);
  bool fine = leaf && add_extension(leaf, ca, NID_basic_constraints, "critical,CA:FALSE") &&
              add_extension(leaf, ca, NID_key_usage, "critical,digitalSignature") &&
              add_extension(leaf, ca, NID_ext_key_usage, "serverAuth") &&
              add_extension(leaf, ca, NID_authority_key_identifier, "keyid") &&
              add_extension(leaf, ca, NID_subject_alt_name, names) && X509_sign(leaf, ca_key, EVP_sha256());
  if (fine) return leaf;
  X509_free(leaf);
  return NULL;
}

/* A copy of what was written to a memory BIO; frees the BIO. */
static char *take_text(BIO *bio, bool fine) {
  char *data = NULL;
  long size = fine ? BIO_get_mem_data(bio, &data) : 0;
  char *text = size > 0 ? mem_strndup(data, (size_t)size) : NULL;
  BIO_free(bio);
  return text;
}

static char *write_certificates(X509 *first, X509 *second) {
  BIO *bio = BIO_new(BIO_s_mem());
  bool fine = bio && PEM_write_bio_X509(bio, first) && (!second || PEM_write_bio_X509(bio, second));
  return take_text(bio, fine);
}

static char *write_key(EVP_PKEY *key) {
  BIO *bio = BIO_new(BIO_s_mem());
  return take_text(bio, bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
}

genai_status cert_make(cert *c, const char *host, genai_error *error) {
  *c = (cert){0};
  EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
  X509 *ca = ca_key && key ? make_authority(ca_key) : NULL;
  X509 *leaf = ca ? make_leaf(key, ca, ca_key, host) : NULL;
  if (leaf) {
    c->ca_pem = write_certificates(ca, NULL);
    c->chain_pem = write_certificates(leaf, ca);
    c->key_pem = write_key(key);
  }
  X509_free(leaf);
  X509_free(ca);
  EVP_PKEY_free(key);
  EVP_PKEY_free(ca_key);
  if (c->ca_pem && c->chain_pem && c->key_pem) return GENAI_OK;
  cert_deinit(c);
  const char *why = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return error_set(error, GENAI_ERROR_TLS, "OpenSSL could not make the emulator's certificate: %s.",
                   why ? why : "out of memory");
}

void cert_deinit(cert *c) {
  mem_free(c->ca_pem);
  mem_free(c->chain_pem);
  mem_free(c->key_pem);
  *c = (cert){0};
}

genai_status cert_write_file(const char *path, const char *text, genai_error *error) {
  static const char suffix[] = ".XXXXXX";
  size_t size = strlen(path) + sizeof suffix;
  char *temporary = mem_alloc(size);
  if (!temporary) return error_memory(error);
  snprintf(temporary, size, "%s%s", path, suffix);
  int fd = mkstemp(temporary), code = errno;
  FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
  bool fine = file && fputs(text, file) >= 0;
  if (file && fclose(file)) fine = false;
  if (fine) fine = !rename(temporary, path);
  if (fd >= 0) code = errno;
  if (!fine && fd >= 0) unlink(temporary);
  mem_free(temporary);
  if (fine) return GENAI_OK;
  error_set(error, GENAI_ERROR_SYSTEM, "%s could not be written: %s.", path, strerror(code));
  if (error) error->os_error = code;
  return GENAI_ERROR_SYSTEM;
}
