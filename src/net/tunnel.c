#include "net/tunnel.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "net/http.h"

enum { OUT_MAX = 4096, LOGIN_MAX = 516 };
enum { SOCKS_METHOD, SOCKS_LOGIN, SOCKS_REPLY };

static genai_status refused(const tunnel *t, genai_error *error, const char *what) {
  return error_set(error, GENAI_ERROR_PROXY, "The proxy %s port %d did not connect to %s port %d: %s", t->proxy->host, t->proxy->port,
                   t->host, t->port, what);
}

/* ---- CONNECT ---- */

enum { BASIC_MAX = 16 + LOGIN_MAX / 3 * 4 + 8 };

/* RFC 7617 section 2. */
static void write_basic(const net_proxy *proxy, char value[BASIC_MAX]) {
  char login[LOGIN_MAX];
  int size = snprintf(login, sizeof login, "%s:%s", proxy->user, proxy->password);
  memcpy(value, "Basic ", 6);
  EVP_EncodeBlock((unsigned char *)value + 6, (const unsigned char *)login, size);
  OPENSSL_cleanse(login, sizeof login);
}

static genai_status say_connect(tunnel *t, genai_error *error) {
  char target[300], value[BASIC_MAX] = "";
  bool ip6 = strchr(t->host, ':') != NULL;
  snprintf(target, sizeof target, "%s%s%s:%d", ip6 ? "[" : "", t->host, ip6 ? "]" : "", t->port);
  const genai_string_pair fields[] = {{"Host", target}, {"Proxy-Authorization", value}};
  if (t->proxy->login) write_basic(t->proxy, value);
  genai_status status = http_request_write(&t->out, "CONNECT", target, fields, t->proxy->login ? 2 : 1, error);
  OPENSSL_cleanse(value, sizeof value);
  return status;
}

static bool holds(http_slice text, const char *part) {
  size_t size = strlen(part);
  for (size_t i = 0; size && i + size <= text.size; i++)
    if (!memcmp(text.data + i, part, size)) return true;
  return false;
}

/* How much of the proxy's own words is quoted: none, when it says the password back. */
static int quotable(const net_proxy *proxy, http_slice reason) {
  char value[BASIC_MAX] = "";
  if (proxy->login) write_basic(proxy, value);
  bool secret = proxy->login && (holds(reason, proxy->password) || holds(reason, value + 6));
  OPENSSL_cleanse(value, sizeof value);
  return secret ? 0 : reason.size > 100 ? 100 : (int)reason.size;
}

static genai_status take_connect(tunnel *t, genai_error *error) {
  http_head head;
  char what[256];
  genai_error fault = {0};
  genai_status status = http_head_parse(&head, false, t->in.data, t->in.size, &fault);
  if (status == GENAI_WOULD_BLOCK) return status;
  if (status != GENAI_OK) return refused(t, error, "its answer is no HTTP; is it a proxy of another kind?");
  if (head.status / 100 == 2)
    return head.size == t->in.size ? GENAI_OK : refused(t, error, "it sent more than its answer.");
  const char *advice = head.status != 407 ? "" : t->proxy->login ? " It did not accept the user and password of the proxy setting."
                                                                 : " Give its user and password in the proxy setting.";
  int size = quotable(t->proxy, head.reason);
  snprintf(what, sizeof what, "it answered %d%s%.*s.%s", head.status, size ? " " : "", size, size ? head.reason.data : "", advice);
  status = refused(t, error, what);
  if (error) error->http_status = head.status;
  return status;
}

/* ---- SOCKS5 ---- */

static void say_method(tunnel *t) {
  buf_append(&t->out, t->proxy->login ? "\5\2\0\2" : "\5\1\0", t->proxy->login ? 4 : 3);
}

static void say_login(tunnel *t) { /* RFC 1929 section 2 */
  size_t user = strlen(t->proxy->user), password = strlen(t->proxy->password);
  buf_byte(&t->out, 1);
  buf_byte(&t->out, (uint8_t)user);
  buf_append(&t->out, t->proxy->user, user);
  buf_byte(&t->out, (uint8_t)password);
  buf_append(&t->out, t->proxy->password, password);
  t->step = SOCKS_LOGIN;
}

static void say_target(tunnel *t) { /* RFC 1928 section 4 */
  uint8_t address[16];
  size_t size = strlen(t->host);
  buf_append(&t->out, "\5\1\0", 3);
  if (inet_pton(AF_INET, t->host, address) == 1) {
    buf_byte(&t->out, 1);
    buf_append(&t->out, address, 4);
  } else if (inet_pton(AF_INET6, t->host, address) == 1) {
    buf_byte(&t->out, 4);
    buf_append(&t->out, address, 16);
  } else {
    buf_byte(&t->out, 3);
    buf_byte(&t->out, (uint8_t)size);
    buf_append(&t->out, t->host, size);
  }
  buf_byte(&t->out, (uint8_t)(t->port >> 8));
  buf_byte(&t->out, (uint8_t)t->port);
  t->step = SOCKS_REPLY;
}

static const char *reply_text(int code) {
  static const char *const texts[] = {NULL, "general failure.", "its rules do not allow it.", "the network is unreachable.",
                                      "the host is unreachable.", "the connection was refused.", "the time to live expired.",
                                      "it does not know the command.", "it does not know that kind of address."};
  return code > 0 && code < 9 ? texts[code] : "it gave an unknown reason.";
}

static genai_status take_method(tunnel *t, genai_error *error) {
  if (t->in.size < 2) return GENAI_WOULD_BLOCK;
  if (t->in.data[0] != 5) return refused(t, error, "its answer is no SOCKS5; is it a proxy of another kind?");
  int method = t->in.data[1];
  buf_consume(&t->in, 2);
  if (method == 2 && t->proxy->login) say_login(t);
  else if (method == 0) say_target(t);
  else return refused(t, error, "it wants a login that was not given. Put user and password in the proxy setting.");
  return GENAI_WOULD_BLOCK;
}

static genai_status take_login(tunnel *t, genai_error *error) {
  if (t->in.size < 2) return GENAI_WOULD_BLOCK;
  if (t->in.data[1]) return refused(t, error, "it did not accept user and password.");
  buf_consume(&t->in, 2);
  say_target(t);
  return GENAI_WOULD_BLOCK;
}

static genai_status take_reply(tunnel *t, genai_error *error) {
  const uint8_t *in = t->in.data;
  if (t->in.size < 2) return GENAI_WOULD_BLOCK;
  if (in[0] != 5) return refused(t, error, "its answer is no SOCKS5.");
  if (in[1]) return refused(t, error, reply_text(in[1]));
  if (t->in.size < 5) return GENAI_WOULD_BLOCK;
  size_t need = in[3] == 1 ? 10 : in[3] == 4 ? 22 : in[3] == 3 ? 7u + in[4] : 0;
  if (!need) return refused(t, error, "its answer has an unknown kind of address.");
  if (t->in.size < need) return GENAI_WOULD_BLOCK;
  return t->in.size == need ? GENAI_OK : refused(t, error, "it sent more than its answer.");
}

/* ---- both ---- */

genai_status tunnel_init(tunnel *t, const net_proxy *proxy, const char *host, int port, genai_error *error) {
  *t = (tunnel){.proxy = proxy, .host = host, .port = port};
  buf_init(&t->in, HTTP_HEAD_MAX);
  buf_init(&t->out, OUT_MAX);
  if (strlen(host) > 255) return error_set(error, GENAI_ERROR_ARGUMENT, "The host name is longer than 255 bytes.");
  genai_status status = GENAI_OK;
  if (proxy->kind == NET_PROXY_HTTP) status = say_connect(t, error);
  else say_method(t);
  return status == GENAI_OK && t->out.failed ? error_memory(error) : status;
}

void tunnel_deinit(tunnel *t) {
  if (t->out.data) OPENSSL_cleanse(t->out.data, t->out.capacity);
  buf_deinit(&t->in);
  buf_deinit(&t->out);
}

genai_status tunnel_feed(tunnel *t, const uint8_t *data, size_t size, genai_error *error) {
  if (!buf_append(&t->in, data, size)) return refused(t, error, "its answer is too long.");
  if (t->proxy->kind == NET_PROXY_HTTP) return take_connect(t, error);
  for (int before = -1; before != t->step;) {
    before = t->step;
    genai_status status = (t->step == SOCKS_METHOD ? take_method : t->step == SOCKS_LOGIN ? take_login : take_reply)(t, error);
    if (status != GENAI_WOULD_BLOCK) return status;
  }
  return t->out.failed ? error_memory(error) : GENAI_WOULD_BLOCK;
}
