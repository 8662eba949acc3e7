#include "net/proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "net/http.h"

/* ---- reading a setting ---- */

static genai_status unusable(genai_error *error, const char *why) {
  return error_set(error, GENAI_ERROR_ARGUMENT,
                   "The proxy setting cannot be used: %s. It is [scheme://][user:password@]host[:port], with http, socks5 or socks5h.", why);
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 32);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded; false when it does not fit or holds a NUL. */
static bool decode(char *out, size_t room, const char *text, size_t size) {
  size_t used = 0;
  for (size_t i = 0; i < size; i++) {
    char c = text[i];
    if (c == '%' && i + 2 < size && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      c = (char)(hex(text[i + 1]) << 4 | hex(text[i + 2]));
      i += 2;
    }
    if (!c || used + 1 >= room) return false;
    out[used++] = c;
  }
  out[used] = '\0';
  return true;
}

static bool read_login(net_proxy *p, const char *text, size_t size) {
  const char *colon = memchr(text, ':', size);
  size_t user = colon ? (size_t)(colon - text) : size;
  p->login = true;
  return decode(p->user, sizeof p->user, text, user) &&
         decode(p->password, sizeof p->password, colon ? colon + 1 : "", colon ? size - user - 1 : 0);
}

static bool read_port(int *port, const char *text, size_t size) {
  if (!size || size > 5) return false;
  for (size_t i = 0; i < size; i++)
    if (text[i] < '0' || text[i] > '9') return false;
  *port = atoi(text);
  return *port >= 1 && *port <= 65535;
}

static bool read_host(net_proxy *p, const char *text, size_t size) {
  const char *end = text + size, *port = NULL;
  size_t host = size;
  if (size && *text == '[') {
    const char *close = memchr(text, ']', size);
    if (!close) return false;
    if (close + 1 < end) {
      if (close[1] != ':') return false;
      port = close + 2;
    }
    text++;
    host = (size_t)(close - text);
  } else {
    const char *colon = memchr(text, ':', size);
    if (colon) {
      host = (size_t)(colon - text);
      port = colon + 1;
    }
  }
  if (!host || host >= sizeof p->host) return false;
  memcpy(p->host, text, host);
  p->host[host] = '\0';
  return !port || read_port(&p->port, port, (size_t)(end - port));
}

static bool read_scheme(net_proxy *p, const char *text, size_t size) {
  static const struct { const char *name; net_proxy_kind kind; int port; } schemes[] = {
      {"http", NET_PROXY_HTTP, 80}, {"socks5", NET_PROXY_SOCKS5, 1080}, {"socks5h", NET_PROXY_SOCKS5H, 1080}};
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
    if (strlen(schemes[i].name) != size || strncasecmp(schemes[i].name, text, size)) continue;
    p->kind = schemes[i].kind;
    p->port = schemes[i].port;
    return true;
  }
  return false;
}

genai_status net_proxy_parse(net_proxy *p, const char *text, genai_error *error) {
  const char *scheme = strstr(text, "://"), *rest = scheme ? scheme + 3 : text;
  *p = (net_proxy){.kind = NET_PROXY_HTTP, .port = 80};
  if (scheme && !read_scheme(p, text, (size_t)(scheme - text))) return unusable(error, "its scheme is none that is known here");
  size_t size = strcspn(rest, "/?#");
  const char *at = NULL;
  for (size_t i = 0; i < size; i++)
    if (rest[i] == '@') at = rest + i;
  if (at && !read_login(p, rest, (size_t)(at - rest))) return unusable(error, "user or password is too long");
  if (at) {
    size -= (size_t)(at + 1 - rest);
    rest = at + 1;
  }
  return read_host(p, rest, size) ? GENAI_OK : unusable(error, "it has no host, or no port between 1 and 65535");
}

/* ---- who goes direct ---- */

static bool in_block(const char *host, const char *network, int bits) {
  unsigned char a[16], b[16];
  int family = inet_pton(AF_INET, host, a) == 1 ? AF_INET : inet_pton(AF_INET6, host, a) == 1 ? AF_INET6 : 0;
  if (!family || inet_pton(family, network, b) != 1) return false;
  int most = family == AF_INET ? 32 : 128;
  if (bits < 0) bits = most;
  if (bits > most || memcmp(a, b, (size_t)(bits / 8))) return false;
  return bits % 8 == 0 || !((a[bits / 8] ^ b[bits / 8]) & (0xFF00 >> (bits % 8)));
}

static bool has_suffix(const char *host, const char *suffix) {
  while (*suffix == '.' || (suffix[0] == '*' && suffix[1] == '.')) suffix++;
  size_t size = strlen(suffix), host_size = strlen(host);
  while (size && suffix[size - 1] == '.') size--;
  while (host_size && host[host_size - 1] == '.') host_size--;
  if (!size || size > host_size || strncasecmp(host + host_size - size, suffix, size)) return false;
  return size == host_size || host[host_size - size - 1] == '.';
}

/* One entry, NUL-terminated; it may be changed. */
static bool names(char *entry, const char *host, int port) {
  char *slash = strchr(entry, '/'), *colon = NULL;
  int bits = -1;
  if (!strcmp(entry, "*")) return true;
  if (slash) {
    *slash = '\0';
    bits = atoi(slash + 1);
  }
  if (*entry == '[') {
    char *close = strchr(entry, ']');
    if (!close) return false;
    *close = '\0';
    colon = close[1] == ':' ? close + 1 : NULL;
    entry++;
  } else if ((colon = strchr(entry, ':')) && strchr(colon + 1, ':')) {
    colon = NULL; /* an IPv6 address */
  }
  if (colon) {
    *colon = '\0';
    if (atoi(colon + 1) != port) return false;
  }
  return in_block(host, entry, bits) || (!slash && has_suffix(host, entry));
}

bool net_proxy_bypassed(const char *list, const char *host, int port) {
  for (const char *s = list; s && *s;) {
    s += strspn(s, ", \t");
    size_t size = strcspn(s, ", \t");
    char entry[256];
    if (size && size < sizeof entry) {
      memcpy(entry, s, size);
      entry[size] = '\0';
      if (names(entry, host, port)) return true;
    }
    s += size;
  }
  return false;
}

/* ---- the choice ---- */

static const char *first_set(net_environment environment, const char *a, const char *b) {
  const char *value = environment(a);
  if ((!value || !*value) && b) value = environment(b);
  return value && *value ? value : NULL;
}

genai_status net_proxy_choose(net_proxy *p, const char *given, const char *given_no, net_environment environment, const char *host,
                              int port, bool tls, genai_error *error) {
  const char *text = given, *no = given_no ? given_no : first_set(environment, "no_proxy", "NO_PROXY");
  *p = (net_proxy){0};
  if (!text) text = tls ? first_set(environment, "https_proxy", "HTTPS_PROXY") : first_set(environment, "http_proxy", NULL);
  if (!text) text = first_set(environment, "all_proxy", "ALL_PROXY");
  if (!text || !*text || (!given && net_host_is_loopback(host)) || net_proxy_bypassed(no, host, port)) return GENAI_OK;
  return net_proxy_parse(p, text, error);
}
