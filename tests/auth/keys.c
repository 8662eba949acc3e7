#include "keys.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *rsa;

static void escape(EVP_PKEY *key, char *out) {
  BIO *bio = BIO_new(BIO_s_mem());
  char *text;
  if (PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) abort();
  long size = BIO_get_mem_data(bio, &text);
  for (long i = 0; i < size; i++) {
    if (text[i] == '\n') *out++ = '\\', *out++ = 'n';
    else *out++ = text[i];
  }
  *out = '\0';
  BIO_free(bio);
}

const char *keys_pem_json(void) {
  static char text[8192];
  if (rsa) return text;
  rsa = EVP_RSA_gen(2048);
  if (!rsa) abort();
  escape(rsa, text);
  return text;
}

const char *keys_ec_pem_json(void) {
  static char text[2048];
  EVP_PKEY *key = EVP_EC_gen("P-256");
  escape(key, text);
  EVP_PKEY_free(key);
  return text;
}

static size_t decode(const char *text, size_t size, unsigned char *out) {
  char padded[8192];
  memset(padded, '=', sizeof padded);
  for (size_t i = 0; i < size; i++) padded[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
  size_t pad = (4 - size % 4) % 4;
  int n = EVP_DecodeBlock(out, (unsigned char *)padded, (int)(size + pad));
  if (n < 0) abort();
  out[(size_t)n - pad] = '\0';
  return (size_t)n - pad;
}

bool keys_verify(const char *jwt, char *header, char *claims, size_t size) {
  unsigned char text[8192];
  const char *first = strchr(jwt, '.'), *second = first ? strchr(first + 1, '.') : NULL;
  if (!second || strspn(jwt, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != strlen(jwt)) return false;
  decode(jwt, (size_t)(first - jwt), text);
  snprintf(header, size, "%s", (char *)text);
  decode(first + 1, (size_t)(second - first - 1), text);
  snprintf(claims, size, "%s", (char *)text);
  size_t length = decode(second + 1, strlen(second + 1), text);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool fine = EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, rsa) == 1 &&
              EVP_DigestVerify(context, text, length, (const unsigned char *)jwt, (size_t)(second - jwt)) == 1;
  EVP_MD_CTX_free(context);
  return fine;
}

void keys_service_account(char *out, size_t size, const char *token_uri) {
  int n = snprintf(out, size,
                   "{\"type\":\"service_account\",\"project_id\":\"file-project\",\"private_key_id\":\"key1\",\"private_key\":\"%s\","
                   "\"client_email\":\"robot@file-project.iam.gserviceaccount.com\",\"client_id\":\"7\",\"token_uri\":\"%s\"}",
                   keys_pem_json(), token_uri);
  if (n < 0 || (size_t)n >= size) abort();
}
