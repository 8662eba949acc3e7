#include "auth/aws.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/form.h"
#include "base/error.h"
#include "base/memory.h"
#include "net/http.h"
#include "wire/writer.h"

enum { TEXT_MAX = 32 * 1024, DATE_MAX = 17, SECRET_MAX = 512 };

static const char ALGORITHM[] = "AWS4-HMAC-SHA256";

void aws_keys_deinit(aws_keys *keys) {
  mem_free(keys->region);
  mem_free(keys->id);
  secret_free(keys->secret);
  secret_free(keys->session);
  *keys = (aws_keys){0};
}

/* ---- signature version 4 ---- */

typedef struct digest {
  uint8_t bytes[SHA256_DIGEST_LENGTH];
} digest;

static void append_hex(buf *out, const digest *d) {
  for (size_t i = 0; i < sizeof d->bytes; i++) buf_format(out, "%02x", d->bytes[i]);
}

static digest hash(const void *data, size_t size) {
  digest d;
  SHA256(data, size, d.bytes);
  return d;
}

static digest hmac(const void *key, size_t key_size, const void *text, size_t size) {
  digest d;
  unsigned length = sizeof d.bytes;
  HMAC(EVP_sha256(), key, (int)key_size, text, size, d.bytes, &length);
  return d;
}

static digest step(const digest *key, const char *text) { return hmac(key->bytes, sizeof key->bytes, text, strlen(text)); }

static void append_names(buf *out, const aws_request *r) {
  for (size_t i = 0; i < r->header_count; i++) buf_format(out, i ? ";%s" : "%s", r->headers[i].key);
}

static void append_scope(buf *out, const aws_request *r, const aws_keys *keys, const char *date) {
  buf_format(out, "%.8s/%s/%s/aws4_request", date, keys->region, r->service);
}

/* The canonical request, hashed into the text to be signed. */
static void append_text(buf *out, const aws_request *r, const aws_keys *keys, const char *date) {
  buf request;
  digest empty = hash("", 0), whole;
  buf_init(&request, TEXT_MAX);
  buf_format(&request, "%s\n%s\n%s\n", r->method, r->path, r->query);
  for (size_t i = 0; i < r->header_count; i++) buf_format(&request, "%s:%s\n", r->headers[i].key, r->headers[i].value);
  buf_byte(&request, '\n');
  append_names(&request, r);
  buf_byte(&request, '\n');
  append_hex(&request, &empty);
  out->failed |= request.failed;
  whole = hash(request.data, request.failed ? 0 : request.size);
  buf_format(out, "%s\n%s\n", ALGORITHM, date);
  append_scope(out, r, keys, date);
  buf_byte(out, '\n');
  append_hex(out, &whole);
  buf_deinit(&request);
}

bool aws_sign(buf *out, const aws_request *r, const aws_keys *keys, const char *date) {
  char secret[SECRET_MAX], day[9];
  buf text;
  int size = snprintf(secret, sizeof secret, "AWS4%s", keys->secret);
  snprintf(day, sizeof day, "%.8s", date);
  buf_init(&text, TEXT_MAX);
  append_text(&text, r, keys, date);
  digest key = hmac(secret, size < SECRET_MAX ? (size_t)size : SECRET_MAX - 1, day, 8);
  key = step(&key, keys->region);
  key = step(&key, r->service);
  key = step(&key, "aws4_request");
  digest signature = hmac(key.bytes, sizeof key.bytes, text.data, text.failed ? 0 : text.size);
  buf_format(out, "%s Credential=%s/", ALGORITHM, keys->id);
  append_scope(out, r, keys, date);
  buf_text(out, ", SignedHeaders=");
  append_names(out, r);
  buf_text(out, ", Signature=");
  append_hex(out, &signature);
  OPENSSL_cleanse(secret, sizeof secret);
  OPENSSL_cleanse(&key, sizeof key);
  out->failed |= text.failed;
  buf_deinit(&text);
  return !out->failed;
}

/* ---- the subject token ---- */

static void append_header(buf *json, const char *before, const char *key, const char *value) {
  buf_format(json, "%s{\"key\":\"%s\",\"value\":", before, key);
  wire_write_string(json, value, strlen(value));
  buf_byte(json, '}');
}

/* credential_source.regional_cred_verification_url with its region. */
static genai_status fill_url(buf *url, net_url *parsed, const credential *c, const aws_keys *keys, genai_error *error) {
  static const char hole[] = "{region}";
  genai_error fault = {0};
  const char *at = strstr(c->aws_verify_url, hole);
  buf_append(url, c->aws_verify_url, at ? (size_t)(at - c->aws_verify_url) : strlen(c->aws_verify_url));
  if (at) buf_format(url, "%s%s", keys->region, at + sizeof hole - 1);
  const char *text = buf_cstr(url);
  if (!text) return error_memory(error);
  if (net_url_parse(parsed, text, &fault) != GENAI_OK)
    return error_set(error, GENAI_ERROR_CREDENTIALS, "%s has a regional_cred_verification_url that cannot be used: %s", c->source, fault.message);
  size_t size = strlen(parsed->host);
  static const char home[] = ".amazonaws.com", china[] = ".amazonaws.com.cn";
  bool known = (size > sizeof home && !strcmp(parsed->host + size - sizeof home + 1, home)) ||
               (size > sizeof china && !strcmp(parsed->host + size - sizeof china + 1, china));
  if (parsed->tls && parsed->port == 443 && known) return GENAI_OK;
  return error_set(error, GENAI_ERROR_CREDENTIALS, "%s would sign a request for %s, which is no https address of AWS.", c->source,
                   parsed->host);
}

static genai_status write_subject(char **subject, const credential *c, const aws_request *r, const char *url, const char *authorization,
                                  genai_error *error) {
  buf json, form;
  buf_init(&json, TEXT_MAX);
  buf_init(&form, 3 * TEXT_MAX);
  buf_text(&json, "{\"headers\":[");
  append_header(&json, "", "Authorization", authorization);
  for (size_t i = 0; i < r->header_count; i++) append_header(&json, ",", r->headers[i].key, r->headers[i].value);
  append_header(&json, ",", "x-goog-cloud-target-resource", c->audience);
  buf_text(&json, "],\"method\":\"POST\",\"url\":");
  wire_write_string(&json, url, strlen(url));
  buf_byte(&json, '}');
  const char *text = buf_cstr(&json);
  if (text) form_value(&form, text);
  const char *encoded = text ? buf_cstr(&form) : NULL;
  *subject = encoded ? mem_strdup(encoded) : NULL;
  if (json.data) OPENSSL_cleanse(json.data, json.capacity);
  if (form.data) OPENSSL_cleanse(form.data, form.capacity);
  buf_deinit(&json);
  buf_deinit(&form);
  return *subject ? GENAI_OK : error_memory(error);
}

genai_status aws_subject(char **subject, const credential *c, const aws_keys *keys, int64_t now_s, genai_error *error) {
  char date[DATE_MAX + 1] = "", path[512], query[1024], service[64];
  const time_t now = (time_t)now_s;
  struct tm tm;
  net_url u;
  buf url, authorization;
  *subject = NULL;
  buf_init(&url, TEXT_MAX);
  buf_init(&authorization, TEXT_MAX);
  genai_status status = fill_url(&url, &u, c, keys, error);
  if (status == GENAI_OK && gmtime_r(&now, &tm)) strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &tm);
  if (status == GENAI_OK) {
    snprintf(path, sizeof path, "%.*s", (int)u.path.size, u.path.size ? u.path.data : "");
    snprintf(query, sizeof query, "%.*s", (int)u.query.size, u.query.size ? u.query.data : "");
    snprintf(service, sizeof service, "%.*s", (int)strcspn(u.host, "."), u.host);
    aws_request r = {"POST", u.host, *path ? path : "/", query, service, {{"host", u.host}, {"x-amz-date", date}}, 2};
    if (keys->session) r.headers[r.header_count++] = (genai_string_pair){"x-amz-security-token", keys->session};
    const char *value = aws_sign(&authorization, &r, keys, date) ? buf_cstr(&authorization) : NULL;
    status = value ? write_subject(subject, c, &r, (const char *)url.data, value, error) : error_memory(error);
  }
  buf_deinit(&url);
  buf_deinit(&authorization);
  return status;
}
