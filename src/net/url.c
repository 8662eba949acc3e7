#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "net/http.h"

static const struct { const char *name; bool tls; } schemes[] = {
    {"http", false}, {"https", true}, {"ws", false}, {"wss", true}};

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool is_ipv4(const char *host, struct in_addr *address) { return inet_pton(AF_INET, host, address) == 1; }
static bool is_ipv6(const char *host, struct in6_addr *address) { return inet_pton(AF_INET6, host, address) == 1; }

static const char *parse_scheme(net_url *url, const char *text, const char **rest) {
  const char *mark = strstr(text, "://");
  if (!mark) return "it does not start with https://, wss://, http:// or ws://";
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
    if (!http_slice_is_nocase((http_slice){text, (size_t)(mark - text)}, schemes[i].name)) continue;
    memcpy(url->scheme, schemes[i].name, strlen(schemes[i].name) + 1);
    url->tls = schemes[i].tls;
    *rest = mark + 3;
    return NULL;
  }
  return "its scheme is not https, wss, http or ws";
}

static bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

static const char *parse_host(net_url *url, const char *text, size_t size) {
  struct in_addr v4;
  if (!size) return "it names no host";
  if (size >= sizeof url->host) return "its host is longer than 255 characters";
  for (size_t i = 0; i < size; i++) {
    url->host[i] = lower(text[i]);
    if (!is_host_char(url->host[i]))
      return "its host holds a character that is not a letter, a digit, '-', '.' or '_' (write other scripts as xn--)";
  }
  url->host[size] = '\0';
  url->ip = is_ipv4(url->host, &v4);
  return NULL;
}

static const char *parse_ipv6(net_url *url, const char *text, size_t size) {
  struct in6_addr v6;
  if (size >= sizeof url->host) return "its IPv6 address is malformed";
  for (size_t i = 0; i < size; i++) url->host[i] = lower(text[i]);
  url->host[size] = '\0';
  if (!is_ipv6(url->host, &v6) || strlen(url->host) != size) return "its IPv6 address is malformed";
  url->ip = url->ipv6 = true;
  return NULL;
}

static const char *parse_port(net_url *url, const char *text, size_t size) {
  url->port = url->tls ? 443 : 80;
  if (!size) return NULL;
  int port = 0;
  for (size_t i = 0; i < size; i++) {
    if (text[i] < '0' || text[i] > '9') return "its port is not a number";
    port = port * 10 + (text[i] - '0');
    if (port > 65535) return "its port is above 65535";
  }
  if (!port) return "its port is 0";
  url->port = port;
  url->port_given = true;
  return NULL;
}

/* host, host:port, [v6] or [v6]:port (RFC 3986 section 3.2). */
static const char *parse_authority(net_url *url, const char *text, size_t size) {
  if (memchr(text, '@', size)) return "it holds a user name or password; give credentials separately";
  const char *what, *end = text + size, *port;
  if (size && *text == '[') {
    const char *close = memchr(text, ']', size);
    if (!close) return "its IPv6 address has no closing bracket";
    what = parse_ipv6(url, text + 1, (size_t)(close - text) - 1);
    port = close + 1;
    if (!what && port < end && *port != ':') return "something other than a port follows its IPv6 address";
  } else {
    port = size ? memchr(text, ':', size) : NULL;
    if (!port) port = end;
    else if (memchr(port + 1, ':', (size_t)(end - port) - 1))
      return "an IPv6 address must stand in brackets, as in [::1]";
    what = parse_host(url, text, (size_t)(port - text));
  }
  if (what) return what;
  if (port < end) port++;
  return parse_port(url, port, (size_t)(end - port));
}

static const char *parse_path(net_url *url, const char *text) {
  size_t size = strlen(text), path = strcspn(text, "?");
  if (size && !http_is_target(text, size))
    return "its path or query holds a space, a control character or a character that is not ASCII; percent-encode it";
  if (memchr(text, '#', size)) return "it has a fragment ('#'), which no request carries"; /* RFC 6455 section 3 */
  url->path = (http_slice){text, path};
  url->query = text[path] ? (http_slice){text + path + 1, size - path - 1} : (http_slice){text + path, 0};
  return NULL;
}

genai_status net_url_parse(net_url *url, const char *text, genai_error *error) {
  const char *rest = NULL;
  *url = (net_url){.port = 0};
  const char *what = text ? parse_scheme(url, text, &rest) : "it is missing";
  if (!what) {
    size_t size = strcspn(rest, "/?#");
    what = parse_authority(url, rest, size);
    if (!what) what = parse_path(url, rest + size);
  }
  return what ? error_set(error, GENAI_ERROR_ARGUMENT, "The URL cannot be used: %s.", what) : GENAI_OK;
}

bool net_host_is_loopback(const char *host) {
  struct in_addr v4;
  struct in6_addr v6;
  size_t size = strlen(host);
  if (is_ipv4(host, &v4)) return ntohl(v4.s_addr) >> 24 == 127;
  if (is_ipv6(host, &v6))
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
  if (size && host[size - 1] == '.') size--; /* a fully qualified name */
  if (http_slice_is_nocase((http_slice){host, size}, "localhost")) return true;
  return size > 10 && http_slice_is_nocase((http_slice){host + size - 10, 10}, ".localhost"); /* RFC 6761 section 6.3 */
}
