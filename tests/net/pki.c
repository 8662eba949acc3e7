#include "pki.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *text_of(BIO *bio) {
  char *data, *copy;
  long size = BIO_get_mem_data(bio, &data);
  copy = calloc(1, (size_t)size + 1);
  memcpy(copy, data, (size_t)size);
  BIO_free(bio);
  return copy;
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
  X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  if (!e || !X509_add_ext(x, e, -1)) abort();
  X509_EXTENSION_free(e);
}

void pki_make(pki_cert *cert, const pki_cert *issuer, const char *san, int from_days, int until_days) {
  static long serial = 1;
  X509 *x = X509_new();
  cert->x509 = x;
  cert->key = EVP_EC_gen("P-256");
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x), from_days * 86400L - 60);
  X509_gmtime_adj(X509_getm_notAfter(x), until_days * 86400L);
  X509_set_pubkey(x, cert->key);
  X509_NAME *name = X509_get_subject_name(x);
  char text[64];
  snprintf(text, sizeof text, "genai test %s %ld", san ? "leaf" : "CA", serial);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1, 0);
  X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer->x509) : name);
  X509 *signer = issuer ? issuer->x509 : x;
  extend(x, signer, NID_basic_constraints, san ? "critical,CA:FALSE" : "critical,CA:TRUE");
  extend(x, signer, NID_subject_key_identifier, "hash");
  if (san) extend(x, signer, NID_subject_alt_name, san);
  if (!X509_sign(x, issuer ? issuer->key : cert->key, EVP_sha256())) abort();
  BIO *bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, x);
  cert->chain_pem = text_of(bio);
  bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, cert->key, NULL, NULL, 0, NULL, NULL);
  cert->key_pem = text_of(bio);
}

void pki_free(pki_cert *cert) {
  X509_free(cert->x509);
  EVP_PKEY_free(cert->key);
  free(cert->chain_pem);
  free(cert->key_pem);
}
