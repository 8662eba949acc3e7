#include "emulator/cert.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

enum { SERIAL_BITS = 127, BACKDATED_S = 3600, DAY_S = 24 * 3600, WEEK_S = 7 * DAY_S, KEPT_S = 90 * DAY_S, NAMES_MAX = 512, CHAIN_MAX = 8 };
/* For a key that asks for one: without it OpenSSL would ask at the terminal. */
#define NO_PASSWORD ((void *)"")

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
static X509 *new_certificate(const char *name, EVP_PKEY *key, X509 *issuer, long valid_s) {
  X509 *certificate = X509_new();
  X509_NAME *subject = certificate ? X509_get_subject_name(certificate) : NULL;
  bool fine = subject && X509_set_version(certificate, 2) && set_serial(certificate) &&
              X509_gmtime_adj(X509_getm_notBefore(certificate), -BACKDATED_S) &&
              X509_gmtime_adj(X509_getm_notAfter(certificate), valid_s) && X509_set_pubkey(certificate, key) &&
              X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) &&
              X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
  if (fine) return certificate;
  X509_free(certificate);
  return NULL;
}

static X509 *make_authority(EVP_PKEY *key, long valid_s) {
  X509 *ca = new_certificate("genai-live emulator CA", key, NULL, valid_s);
  bool fine = ca && add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              add_extension(ca, ca, NID_subject_key_identifier, "hash") && X509_sign(ca, key, EVP_sha256());
  if (fine) return ca;
  X509_free(ca);
  return NULL;
}

/* A host that could be read as more than one name is left out. */
static bool is_name(const char *host) { return host && strlen(host) <= 253 && !strpbrk(host, ",=%"); }

/* The names of RFC 5280 section 4.2.1.6. */
static void write_names(char out[NAMES_MAX], const char *host) {
  strcpy(out, "DNS:localhost,IP:127.0.0.1,IP:::1");
  if (!is_name(host) || !strcmp(host, "localhost")) return;
  ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
  size_t used = strlen(out);
  snprintf(out + used, NAMES_MAX - used, ",%s:%s", address ? "IP" : "DNS", host);
  ASN1_OCTET_STRING_free(address);
}

static X509 *make_leaf(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const char *host, long valid_s) {
  char names[NAMES_MAX];
  write_names(names, host);
  X509 *leaf = new_certificate("genai-live emulator", key, ca, valid_s);
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

static genai_status make(cert *c, const char *host, long valid_s, genai_error *error) {
  *c = (cert){0};
  EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
  X509 *ca = ca_key && key ? make_authority(ca_key, valid_s) : NULL;
  X509 *leaf = ca ? make_leaf(key, ca, ca_key, host, valid_s) : NULL;
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

genai_status cert_make(cert *c, const char *host, genai_error *error) { return make(c, host, WEEK_S, error); }

/* ---- kept ---- */

/* Whether a client that trusts the last of the chain takes the first for the host at that time; else why not. */
static const char *judge(STACK_OF(X509) *chain, const char *host, int64_t unix_ms) {
  int count = sk_X509_num(chain);
  const char *why = "out of memory";
  X509_STORE *store = X509_STORE_new();
  X509_STORE_CTX *context = X509_STORE_CTX_new();
  if (store && context && X509_STORE_add_cert(store, sk_X509_value(chain, count - 1)) &&
      X509_STORE_CTX_init(context, store, sk_X509_value(chain, 0), chain)) {
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(param, (time_t)(unix_ms / 1000));
    if (is_name(host) && !X509_VERIFY_PARAM_set1_ip_asc(param, host)) X509_VERIFY_PARAM_set1_host(param, host, 0);
    why = X509_verify_cert(context) == 1 ? NULL : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
  }
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  ERR_clear_error();
  return why;
}

static genai_status refuse(const char *path, const char *why, genai_error *error) {
  return error_set(error, GENAI_ERROR_TLS,
                   "The certificate in %s does not serve: %s. Name another file, or remove this one: then a new certificate is made, "
                   "which clients have to trust anew.",
                   path, why);
}

static char *write_chain(STACK_OF(X509) *chain, int from) {
  BIO *bio = BIO_new(BIO_s_mem());
  bool fine = bio != NULL;
  for (int i = from; fine && i < sk_X509_num(chain); i++) fine = PEM_write_bio_X509(bio, sk_X509_value(chain, i));
  return take_text(bio, fine);
}

/* All certificates of the file, in its order; NULL when memory is out. */
static STACK_OF(X509) *read_chain(BIO *file) {
  STACK_OF(X509) *chain = sk_X509_new_null();
  for (X509 *next; chain && sk_X509_num(chain) < CHAIN_MAX && (next = PEM_read_bio_X509(file, NULL, NULL, NO_PASSWORD));) {
    if (!sk_X509_push(chain, next)) X509_free(next);
  }
  return chain;
}

static genai_status take_kept(cert *c, BIO *file, const char *path, const char *host, int64_t unix_ms, genai_error *error) {
  STACK_OF(X509) *chain = read_chain(file);
  EVP_PKEY *key = chain && BIO_seek(file, 0) == 0 ? PEM_read_bio_PrivateKey(file, NULL, NULL, NO_PASSWORD) : NULL;
  int count = sk_X509_num(chain);
  const char *why = count < 1                                              ? "it holds no certificate as PEM"
                    : !key                                                 ? "it holds no private key as PEM, or one behind a password"
                    : !X509_check_private_key(sk_X509_value(chain, 0), key) ? "its key is not the first certificate's"
                                                                           : judge(chain, host, unix_ms);
  genai_status status = why ? refuse(path, why, error) : GENAI_OK;
  if (!status) {
    *c = (cert){write_chain(chain, count - 1), write_chain(chain, 0), write_key(key)};
    if (!c->ca_pem || !c->chain_pem || !c->key_pem) status = error_memory(error);
  }
  if (status) cert_deinit(c);
  EVP_PKEY_free(key);
  sk_X509_pop_free(chain, X509_free);
  ERR_clear_error();
  return status;
}

static genai_status make_kept(cert *c, const char *path, const char *host, genai_error *error) {
  genai_status status = make(c, host, KEPT_S, error);
  size_t size = status ? 0 : strlen(c->chain_pem) + strlen(c->key_pem) + 1;
  char *text = size ? mem_alloc(size) : NULL;
  if (!status && !text) status = error_memory(error);
  if (!status) {
    snprintf(text, size, "%s%s", c->chain_pem, c->key_pem);
    status = cert_write_file(path, text, error);
  }
  mem_free(text);
  if (status) cert_deinit(c);
  return status;
}

genai_status cert_keep(cert *c, const char *path, const char *host, int64_t unix_ms, genai_error *error) {
  *c = (cert){0};
  errno = 0;
  BIO *file = BIO_new_file(path, "r");
  int code = errno;
  ERR_clear_error();
  if (!file && code == ENOENT) return make_kept(c, path, host, error);
  if (!file) {
    error_set(error, GENAI_ERROR_SYSTEM, "%s could not be read: %s.", path, strerror(code));
    if (error) error->os_error = code;
    return GENAI_ERROR_SYSTEM;
  }
  genai_status status = take_kept(c, file, path, host, unix_ms, error);
  BIO_free(file);
  return status;
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
