#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/http.h"

static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */

void ws_key_write(char out[WS_KEY_SIZE + 1], const uint8_t random[16]) {
  EVP_EncodeBlock((unsigned char *)out, random, 16);
}

void ws_accept_write(char out[WS_ACCEPT_SIZE + 1], const char *key, size_t key_size) {
  unsigned char text[WS_KEY_SIZE + sizeof GUID], digest[SHA_DIGEST_LENGTH];
  out[0] = '\0';
  if (key_size > WS_KEY_SIZE) return; /* no valid key is longer */
  memcpy(text, key, key_size);
  memcpy(text + key_size, GUID, sizeof GUID - 1);
  if (SHA1(text, key_size + sizeof GUID - 1, digest)) EVP_EncodeBlock((unsigned char *)out, digest, sizeof digest);
}

static genai_status no_digest(genai_error *error) {
  return error_set(error, GENAI_ERROR_SYSTEM, "OpenSSL could not compute SHA-1, which the WebSocket handshake needs.");
}

/* ---- writing ---- */

/* The handshake's own fields, which a caller may not repeat or contradict. */
static bool is_reserved(const char *name) {
  static const char *const names[] = {"Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding"};
  static const char prefix[] = "Sec-WebSocket-";
  http_slice slice = {name, strlen(name)};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (http_slice_is_nocase(slice, names[i])) return true;
  if (slice.size > sizeof prefix - 1) slice.size = sizeof prefix - 1;
  return http_slice_is_nocase(slice, prefix);
}

/* The handshake's fields and the caller's in one list, to be freed; NULL and *status otherwise. */
static genai_string_pair *join(const genai_string_pair *own, size_t own_count, const genai_string_pair *headers,
                               size_t count, genai_status *status, genai_error *error) {
  for (size_t i = 0; i < count; i++)
    if (headers[i].key && is_reserved(headers[i].key)) {
      *status = error_set(error, GENAI_ERROR_ARGUMENT,
                          "The header \"%.64s\" belongs to the WebSocket handshake and cannot be set.", headers[i].key);
      return NULL;
    }
  genai_string_pair *all = mem_alloc((own_count + count) * sizeof *all);
  if (!all) {
    *status = error_memory(error);
    return NULL;
  }
  memcpy(all, own, own_count * sizeof *all);
  if (count) memcpy(all + own_count, headers, count * sizeof *all);
  return all;
}

genai_status ws_request_write(buf *out, const char *target, const char *host_port, const char *key,
                              const genai_string_pair *headers, size_t count, genai_error *error) {
  const genai_string_pair own[] = {{"Host", host_port},         {"Upgrade", "websocket"},
                                   {"Connection", "Upgrade"},   {"Sec-WebSocket-Key", key},
                                   {"Sec-WebSocket-Version", "13"}};
  size_t own_count = sizeof own / sizeof *own;
  genai_status status = GENAI_OK;
  genai_string_pair *all = join(own, own_count, headers, count, &status, error);
  if (all) status = http_request_write(out, "GET", target, all, own_count + count, error);
  mem_free(all);
  return status;
}

genai_status ws_response_write(buf *out, const char *key, size_t key_size, const genai_string_pair *headers,
                               size_t count, genai_error *error) {
  char accept[WS_ACCEPT_SIZE + 1];
  const genai_string_pair own[] = {{"Upgrade", "websocket"},
                                   {"Connection", "Upgrade"},
                                   {"Sec-WebSocket-Accept", accept}};
  size_t own_count = sizeof own / sizeof *own;
  genai_status status = GENAI_OK;
  ws_accept_write(accept, key, key_size);
  if (!accept[0]) return no_digest(error);
  genai_string_pair *all = join(own, own_count, headers, count, &status, error);
  if (all) status = http_response_write(out, 101, "Switching Protocols", all, own_count + count, error);
  mem_free(all);
  return status;
}

/* ---- checking ---- */

/* The value of a field that must be there once; NULL otherwise. */
static const http_slice *only(const http_head *head, const char *name) {
  return http_head_field(head, name, 1) ? NULL : http_head_field(head, name, 0);
}

static genai_status refuse(const char *what, genai_error *error) {
  return error_set(error, GENAI_ERROR_PROTOCOL, "The server's answer to the WebSocket upgrade is wrong: %s.", what);
}

genai_status ws_response_check(const http_head *head, const char *key, genai_error *error) {
  char expected[WS_ACCEPT_SIZE + 1];
  if (head->status != 101) {
    error_set(error, GENAI_ERROR_HTTP, "The server refused the WebSocket upgrade with HTTP status %d.", head->status);
    if (error) error->http_status = head->status;
    return GENAI_ERROR_HTTP;
  }
  ws_accept_write(expected, key, strlen(key));
  if (!expected[0]) return no_digest(error);
  const http_slice *upgrade = only(head, "Upgrade"), *accept = only(head, "Sec-WebSocket-Accept");
  if (head->minor < 1) return refuse("it is HTTP/1.0", error);
  if (!upgrade || !http_slice_is_nocase(*upgrade, "websocket"))
    return refuse("its Upgrade header is not \"websocket\"", error);
  if (!http_head_has_token(head, "Connection", "Upgrade"))
    return refuse("its Connection header does not name Upgrade", error);
  if (!accept) return refuse("there is not one Sec-WebSocket-Accept header", error);
  if (!http_slice_is(*accept, expected))
    return refuse("its Sec-WebSocket-Accept does not answer our key, so it comes from a cache or from no WebSocket "
                  "server", error);
  if (http_head_field(head, "Sec-WebSocket-Extensions", 0))
    return refuse("it uses an extension that was not asked for", error);
  if (http_head_field(head, "Sec-WebSocket-Protocol", 0))
    return refuse("it uses a subprotocol that was not asked for", error);
  return GENAI_OK;
}

/* 16 bytes in base64: 22 digits, the last of which holds 2 bits, and "==" (section 4.1, the client's item 7). */
static bool is_key(http_slice key) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (key.size != WS_KEY_SIZE || memcmp(key.data + 22, "==", 2) != 0) return false;
  for (size_t i = 0; i < 22; i++)
    if (!memchr(digits, key.data[i], 64)) return false;
  return memchr("AQgw", key.data[21], 4) != NULL;
}

static genai_status bad_request(int http_status, const char *what, genai_error *error) {
  genai_status status = error_set(error, GENAI_ERROR_PROTOCOL, "The request is no WebSocket upgrade: %s.", what);
  if (error) error->http_status = http_status;
  return status;
}

genai_status ws_request_check(const http_head *head, http_slice *key, genai_error *error) {
  const http_slice *upgrade = http_head_field(head, "Upgrade", 0), *version = only(head, "Sec-WebSocket-Version");
  const http_slice *value = only(head, "Sec-WebSocket-Key");
  if (!http_slice_is(head->method, "GET")) return bad_request(405, "its method is not GET", error);
  if (head->minor < 1) return bad_request(400, "it is HTTP/1.0", error);
  if (!only(head, "Host")) return bad_request(400, "there is not one Host header", error);
  if (!upgrade || !http_head_has_token(head, "Upgrade", "websocket"))
    return bad_request(426, "its Upgrade header does not name websocket", error);
  if (!http_head_has_token(head, "Connection", "Upgrade"))
    return bad_request(400, "its Connection header does not name Upgrade", error);
  if (!version || !http_slice_is(*version, "13")) return bad_request(426, "its Sec-WebSocket-Version is not 13", error);
  if (!value || !is_key(*value)) return bad_request(400, "its Sec-WebSocket-Key is not 16 bytes in base64", error);
  *key = *value;
  return GENAI_OK;
}
