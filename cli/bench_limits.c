/* Whom bench may load, and how many sessions fit into this process. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "cli/bench.h"
#include "net/http.h"

/* Besides the sessions: standard streams, loops, pipes, and the second connections of sessions that move. */
enum { OTHERS = 100, COUNT_MAX = 1 << 20 };

genai_status bench_check_target(const settings *s, genai_error *error) {
  net_url url;
  if (s->own_server || s->base_url == NULL) return GENAI_OK;
  genai_status status = net_url_parse(&url, s->base_url, error);
  if (status != GENAI_OK) return status;
  if (!net_host_is_loopback(url.host))
    return error_set(error, GENAI_ERROR_ARGUMENT, "bench puts load on a server, so it goes to this machine alone, and %s is "
                     "another. If that server is yours, and nobody else's work is on it, add --i-own-this-server.", url.host);
  if (s->proxy != NULL && *s->proxy != '\0')
    return error_set(error, GENAI_ERROR_ARGUMENT, "bench puts load on a server, so it goes to this machine alone; behind a proxy "
                     "%s is the proxy's machine. Leave --proxy out, or add --i-own-this-server if all of it is yours.", url.host);
  return GENAI_OK;
}

genai_status bench_raise_limit(size_t sessions, genai_error *error) {
  struct rlimit limit;
  rlim_t need = (rlim_t)sessions + OTHERS;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return GENAI_OK; /* the sessions will tell */
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= need) return GENAI_OK;
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < need)
    return error_set(error, GENAI_ERROR_ARGUMENT, "%zu sessions need %llu open files, and this process may have %llu (ulimit -Hn). "
                     "Ask for at most %llu sessions, or have the limit raised.", sessions, (unsigned long long)need,
                     (unsigned long long)limit.rlim_max,
                     (unsigned long long)(limit.rlim_max > OTHERS ? limit.rlim_max - OTHERS : 0));
  limit.rlim_cur = need;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return GENAI_OK;
  return error_set(error, GENAI_ERROR_SYSTEM, "The limit of open files could not be raised to %llu, which %zu sessions need: %s.",
                   (unsigned long long)need, sessions, strerror(errno));
}

size_t bench_descriptors_max(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return limit.rlim_cur < COUNT_MAX ? (size_t)limit.rlim_cur : COUNT_MAX;
}

size_t bench_descriptors(void) {
  size_t count = 0, max = bench_descriptors_max();
  for (size_t fd = 0; fd < max; fd++) count += fcntl((int)fd, F_GETFD) != -1;
  return count;
}
