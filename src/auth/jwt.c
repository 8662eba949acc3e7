#include "auth/jwt.h"

#include <openssl/err.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/base64.h"
#include "wire/writer.h"

#include <string.h>

enum { CLAIMS_MAX = 8192, LIFETIME_S = 3600 };

/* base64url without padding (RFC 7515 section 2). */
static void append_base64url(buf *out, const void *data, size_t size) {
  size_t encoded = base64_encoded_size(size);
  uint8_t *text = buf_room(out, encoded);
  if (!text) return;
  base64_encode(data, size, text);
  while (encoded && text[encoded - 1] == '=') encoded--;
  for (size_t i = 0; i < encoded; i++) text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
  buf_commit(out, encoded);
}

static void member(buf *b, const char *before, const char *value) {
  buf_text(b, before);
  wire_write_string(b, value, strlen(value));
}

static genai_status append_part(buf *out, buf *json, genai_error *error) {
  if (!json->failed) append_base64url(out, json->data, json->size);
  return json->failed || out->failed ? error_memory(error) : GENAI_OK;
}

static genai_status append_header(buf *out, const credential *c, genai_error *error) {
  buf b;
  buf_init(&b, CLAIMS_MAX);
  buf_text(&b, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");
  if (c->key_id) member(&b, ",\"kid\":", c->key_id);
  buf_byte(&b, '}');
  genai_status status = append_part(out, &b, error);
  buf_deinit(&b);
  return status;
}

static genai_status append_claims(buf *out, const credential *c, const char *scope, int64_t now_s, genai_error *error) {
  buf b;
  buf_init(&b, CLAIMS_MAX);
  member(&b, "{\"iss\":", c->email);
  member(&b, ",\"scope\":", scope);
  member(&b, ",\"aud\":", c->token_url);
  buf_format(&b, ",\"iat\":%lld,\"exp\":%lld}", (long long)now_s, (long long)now_s + LIFETIME_S);
  genai_status status = append_part(out, &b, error);
  buf_deinit(&b);
  return status;
}

static genai_status append_signature(buf *out, const uint8_t *data, size_t size, const credential *c, genai_error *error) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  uint8_t *signature = NULL;
  size_t length = 0;
  genai_status status = GENAI_ERROR_CREDENTIALS;
  if (!context || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, c->key) != 1 ||
      EVP_DigestSign(context, NULL, &length, data, size) != 1)
    goto done;
  signature = mem_alloc(length);
  if (!signature) status = GENAI_ERROR_MEMORY;
  if (!signature || EVP_DigestSign(context, signature, &length, data, size) != 1) goto done;
  buf_byte(out, '.');
  append_base64url(out, signature, length);
  status = out->failed ? GENAI_ERROR_MEMORY : GENAI_OK;
done:
  mem_free(signature);
  EVP_MD_CTX_free(context);
  ERR_clear_error();
  if (status == GENAI_ERROR_MEMORY) return error_memory(error);
  return status == GENAI_OK ? status : error_set(error, status, "%s has a private_key that cannot sign.", c->source);
}

genai_status jwt_write(buf *out, const credential *c, const char *scope, int64_t now_s, genai_error *error) {
  buf head;
  buf_init(&head, 2 * CLAIMS_MAX);
  genai_status status = append_header(&head, c, error);
  if (status == GENAI_OK && !buf_byte(&head, '.')) status = error_memory(error);
  if (status == GENAI_OK) status = append_claims(&head, c, scope, now_s, error);
  if (status == GENAI_OK && !buf_append(out, head.data, head.size)) status = error_memory(error);
  if (status == GENAI_OK) status = append_signature(out, head.data, head.size, c, error);
  buf_deinit(&head);
  return status;
}
