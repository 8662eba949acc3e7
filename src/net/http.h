/* HTTP/1.1 heads and bodies as far as a WebSocket upgrade, a refusal and a small POST need them (RFC 9112).
 * Bytes in, structs out; no I/O.
 *
 * Strict where leniency is how requests and responses get smuggled or injected: lines end in CR LF, no folded lines, no
 * control characters, no space before a colon, no second opinion about a body's length. Spaces around values, a missing
 * reason and unknown fields are fine. */
#ifndef GENAI_SRC_NET_HTTP_H
#define GENAI_SRC_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "genai/base.h"

enum {
  HTTP_HEAD_MAX = 32 * 1024, HTTP_FIELDS_MAX = 100,
  WS_KEY_SIZE = 24, WS_ACCEPT_SIZE = 28
};

typedef struct http_slice { const char *data; size_t size; } http_slice;
typedef struct http_field { http_slice name, value; } http_field;

/* ---- heads (http_head.c) ---- */

/* A parsed head; slices point into the bytes that were parsed. */
typedef struct http_head {
  bool request;
  int minor;                 /* HTTP/1.minor */
  int status;                /* of a response */
  http_slice reason;
  http_slice method, target; /* of a request */
  size_t count;
  http_field fields[HTTP_FIELDS_MAX];
  size_t size;               /* bytes of the head, blank line included, and of the interim heads before it */
} http_head;

/* GENAI_OK: *head is filled. GENAI_WOULD_BLOCK: the head is not complete yet; call again with the same bytes and more
 * behind them. GENAI_ERROR_PROTOCOL or GENAI_ERROR_LIMIT: not HTTP/1.x, malformed, too long; found at the first byte or
 * line that shows it. The sentence quotes the first bytes (printable, cut before any '?', for an echo of our own
 * request may hold a key).
 * Interim responses (1xx but 101, RFC 9110 section 15.2) are skipped: *head is the final one, head->size counts both,
 * and HTTP_HEAD_MAX bounds them together. */
genai_status http_head_parse(http_head *head, bool request, const uint8_t *data, size_t size, genai_error *error);
/* The value of a header field by case-insensitive name, or NULL; `nth` counts repeated fields from 0. */
const http_slice *http_head_field(const http_head *head, const char *name, size_t nth);
/* Whether a comma-separated list field (all its lines) contains a token, case-insensitive. */
bool http_head_has_token(const http_head *head, const char *name, const char *token);
bool http_slice_is(http_slice slice, const char *text);        /* case-sensitive */
bool http_slice_is_nocase(http_slice slice, const char *text); /* ASCII case ignored */
/* The next item of a comma-separated list, trimmed; false at the end. *rest starts as the whole value. */
bool http_list_next(http_slice *rest, http_slice *item);
bool http_is_token(const char *text, size_t size);             /* RFC 9110 section 5.6.2; not empty */
bool http_is_value(const char *text, size_t size);             /* no control characters but tabs (section 5.5) */
bool http_is_target(const char *text, size_t size);            /* not empty; no space, no control character, ASCII */

/* ---- bodies (http_body.c) ---- */

/* Reads a body after a head: Content-Length, chunked, or until the end of the connection. Keeps at most `keep` bytes
 * of it; the rest is read and dropped, and `cut` says so (a caller that wants no more may stop there). */
typedef struct http_body {
  buf data;
  size_t keep;
  enum { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_EOF } framing;
  uint64_t left;      /* of the length, or of the chunk under way */
  int chunk_state;
  size_t line_size;   /* of the chunk line under way, or of all trailers */
  bool done, cut;
} http_body;

/* GENAI_ERROR_PROTOCOL for a length that is malformed, contradicts itself or a Transfer-Encoding, and for an encoding
 * other than chunked (RFC 9112 section 6.3). */
genai_status http_body_init(http_body *body, const http_head *head, size_t keep, genai_error *error);
void http_body_deinit(http_body *body);
/* Takes bytes; *taken may be fewer than size once body->done. */
genai_status http_body_feed(http_body *body, const uint8_t *data, size_t size, size_t *taken, genai_error *error);
/* The connection ended: GENAI_OK when the body is complete by its framing, else GENAI_ERROR_LOST. */
genai_status http_body_eof(http_body *body, genai_error *error);

/* ---- writing (http_write.c) ---- */

/* Both append a head to `out`: the start line and the fields, blank line included, or nothing on failure. Names must be
 * tokens and values free of CR, LF, NUL and other control characters: GENAI_ERROR_ARGUMENT names the offending header,
 * never its value. GENAI_ERROR_LIMIT when out's ceiling is too low. */
genai_status http_request_write(buf *out, const char *method, const char *target, const genai_string_pair *headers,
                                size_t count, genai_error *error);
genai_status http_response_write(buf *out, int status, const char *reason, const genai_string_pair *headers,
                                 size_t count, genai_error *error);

/* ---- the WebSocket upgrade, RFC 6455 section 4 (ws_upgrade.c) ---- */

/* Sec-WebSocket-Key from 16 random bytes, and the accept value that answers it (section 4.2.2); an empty text when
 * SHA-1 is not to be had. NUL-terminated. */
void ws_key_write(char out[WS_KEY_SIZE + 1], const uint8_t random[16]);
void ws_accept_write(char out[WS_ACCEPT_SIZE + 1], const char *key, size_t key_size);

/* Appends the client's upgrade request. host_port is the Host value; `headers` come after the handshake's own (Host,
 * Upgrade, Connection, Sec-WebSocket-*), which they may not repeat. Errors as http_request_write. */
genai_status ws_request_write(buf *out, const char *target, const char *host_port, const char *key,
                              const genai_string_pair *headers, size_t count, genai_error *error);
/* Checks a 101 response (sections 4.1, 4.2.2): Upgrade, Connection, Sec-WebSocket-Accept, no extension or protocol that
 * was not asked for. Another status is GENAI_ERROR_HTTP; its body is the caller's. */
genai_status ws_response_check(const http_head *head, const char *key, genai_error *error);
/* Server side: checks an upgrade request; *key points into the head. GENAI_ERROR_PROTOCOL with error->http_status 400,
 * 405, or 426 (whose answer carries `Sec-WebSocket-Version: 13` and `Upgrade: websocket`). */
genai_status ws_request_check(const http_head *head, http_slice *key, genai_error *error);
/* Appends the 101 response. Errors as http_response_write. */
genai_status ws_response_write(buf *out, const char *key, size_t key_size, const genai_string_pair *headers,
                               size_t count, genai_error *error);

/* ---- http://, https://, ws://, wss:// URLs, RFC 3986 (url.c) ---- */

typedef struct net_url {
  bool tls;                 /* https, wss */
  char scheme[8];           /* lower case */
  char host[256];           /* lower case; without brackets for IPv6 */
  bool ipv6, ip;            /* the host is an address */
  int port;                 /* explicit, or 80 / 443 */
  bool port_given;
  http_slice path;          /* "" or "/..."; points into the text */
  http_slice query;         /* without '?' */
} net_url;

/* GENAI_ERROR_ARGUMENT with the reason (user info in the URL is refused: its password would end in logs). The sentence
 * quotes nothing of the text: a query may hold a key. */
genai_status net_url_parse(net_url *url, const char *text, genai_error *error);
/* Whether the host is loopback by name or address: localhost, *.localhost, 127.0.0.0/8, ::1. */
bool net_host_is_loopback(const char *host);

#endif
