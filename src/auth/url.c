/* A credentials file may come from anywhere, and must not send a secret just anywhere. */
#include <string.h>
#include <strings.h>

#include "auth/credential.h"
#include "base/error.h"
#include "net/http.h"

static bool under(const char *host, const char *domain) {
  size_t host_size = strlen(host), size = strlen(domain);
  return host_size > size + 1 && host[host_size - size - 1] == '.' && !strcasecmp(host + host_size - size, domain);
}

static bool is_google(const char *host, const char *universe) {
  return under(host, "googleapis.com") || !strcmp(host, "accounts.google.com") || (universe && *universe && under(host, universe));
}

static genai_status parse(net_url *u, const char *url, const char *what, const char *source, genai_error *error) {
  genai_error fault = {0};
  if (net_url_parse(u, url, &fault) == GENAI_OK) return GENAI_OK;
  return error_set(error, GENAI_ERROR_CREDENTIALS, "%s has a %s that cannot be used: %s", source, what, fault.message);
}

genai_status credential_check_url(const char *url, const char *what, const char *source, const credential_rules *rules,
                                  genai_error *error) {
  net_url u;
  genai_status status = parse(&u, url, what, source, error);
  if (status != GENAI_OK) return status;
  if (rules->loopback && net_host_is_loopback(u.host)) return GENAI_OK;
  if (u.tls && u.port == 443 && is_google(u.host, rules->universe)) return GENAI_OK;
  return error_set(error, GENAI_ERROR_CREDENTIALS,
                   "%s would send its secret to %s://%s, which is no https address of Google's. It is not used; if it is yours and "
                   "meant for another universe, set GOOGLE_CLOUD_UNIVERSE_DOMAIN.", source, u.scheme, u.host);
}

genai_status credential_check_subject_url(const char *url, const char *source, genai_error *error) {
  net_url u;
  genai_status status = parse(&u, url, "credential_source.url", source, error);
  if (status != GENAI_OK) return status;
  if (u.tls || net_host_is_loopback(u.host) || !strcmp(u.host, "169.254.169.254") || !strcmp(u.host, "metadata.google.internal"))
    return GENAI_OK;
  return error_set(error, GENAI_ERROR_CREDENTIALS,
                   "%s fetches its token from %s in the clear; only https, this machine and its metadata address are accepted.",
                   source, u.host);
}

genai_status credential_check_aws_url(const char *url, const char *source, const credential_rules *rules, genai_error *error) {
  net_url u;
  genai_status status = parse(&u, url, "URL of a metadata server", source, error);
  if (status != GENAI_OK || (rules->loopback && net_host_is_loopback(u.host))) return status;
  if (!strcmp(u.host, "169.254.169.254") || !strcmp(u.host, "fd00:ec2::254")) return GENAI_OK;
  return error_set(error, GENAI_ERROR_CREDENTIALS, "%s asks %s for keys, which is no metadata server of AWS.", source, u.host);
}
