/* What a proxy says before the tunnel is open. The first byte chooses the kind of proxy and whether there is a login; the rest is
 * the proxy's words. What pieces they come in must not matter, and no sentence may tell the password. */
#include <stdlib.h>
#include <string.h>

#include "net/http.h"
#include "net/tunnel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SAID_MAX = 4096 };

static void must(bool truth) {
  if (!truth) abort();
}

typedef struct outcome {
  genai_status status;
  genai_error error;
  size_t said_size;
  uint8_t said[SAID_MAX];
} outcome;

static void hear(outcome *o, tunnel *t) {
  must(o->said_size + t->out.size <= SAID_MAX);
  if (t->out.size) memcpy(o->said + o->said_size, t->out.data, t->out.size);
  o->said_size += t->out.size;
  buf_clear(&t->out);
}

/* Stops at the first answer that is final; bytes that came too early for a word of ours are the proxy's risk. */
static void talk(outcome *o, const net_proxy *proxy, const char *host, const uint8_t *data, size_t size, size_t piece) {
  tunnel t;
  *o = (outcome){.status = GENAI_WOULD_BLOCK};
  must(tunnel_init(&t, proxy, host, 443, &o->error) == GENAI_OK);
  hear(o, &t);
  must(o->said_size > 0);
  for (size_t at = 0; at < size && o->status == GENAI_WOULD_BLOCK;) {
    size_t n = piece < size - at ? piece : size - at;
    o->status = tunnel_feed(&t, data + at, n, &o->error);
    hear(o, &t);
    at += n;
    must(t.in.size <= HTTP_HEAD_MAX);
  }
  tunnel_deinit(&t);
  must(o->status == GENAI_OK || o->status == GENAI_WOULD_BLOCK || o->status == GENAI_ERROR_PROXY);
  must((o->status == GENAI_ERROR_PROXY) == (o->error.message[0] != '\0'));
  must(!proxy->login || !strstr(o->error.message, proxy->password)); /* without a login it was never said */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const net_proxy_kind kinds[] = {NET_PROXY_HTTP, NET_PROXY_SOCKS5, NET_PROXY_SOCKS5H};
  static const char *const hosts[] = {"service.example", "127.0.0.1", "::1"};
  static outcome whole, bytes;
  if (!size) return 0;
  net_proxy proxy = {.kind = kinds[data[0] % 3], .host = "proxy", .port = 1, .login = data[0] & 8, .user = "u", .password = "s3cr3t"};
  const char *host = hosts[data[0] / 16 % 3];
  talk(&whole, &proxy, host, data + 1, size - 1, size);
  talk(&bytes, &proxy, host, data + 1, size - 1, 1);
  /* Bytes after the last answer are refused when they come with it, and another's when they come later. */
  if (whole.status == bytes.status) {
    must(whole.said_size == bytes.said_size && !memcmp(whole.said, bytes.said, whole.said_size));
    must(!strcmp(whole.error.message, bytes.error.message));
  } else {
    must(whole.status == GENAI_ERROR_PROXY && bytes.status == GENAI_OK && strstr(whole.error.message, "more than its answer"));
  }
  return 0;
}
