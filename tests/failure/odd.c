#include "odd.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

gate odd_slow_reached = GATE_INIT, odd_slow_go = GATE_INIT;

typedef int resolve(const char *restrict, const char *restrict, const struct addrinfo *restrict, struct addrinfo **restrict);

static resolve *real(void) {
  resolve *found;
  void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
  memcpy(&found, &symbol, sizeof found); /* ISO C knows no cast from an object to a function */
  return found;
}

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict result) {
  bool numeric = hints && hints->ai_flags & AI_NUMERICHOST;
  if (!numeric && node && !strcmp(node, "unknown.test")) return EAI_NONAME;
  if (!numeric && node && !strcmp(node, "slow.test")) {
    int before = gate_count(&odd_slow_go);
    gate_open(&odd_slow_reached);
    gate_wait(&odd_slow_go, before + 1);
    return EAI_AGAIN;
  }
  if (!numeric && node && !strcmp(node, "local.test")) node = "127.0.0.1";
  return real()(node, service, hints, result);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

static int bound(int *port) {
  struct sockaddr_in a = loopback(0);
  socklen_t size = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr *)&a, size) || getsockname(fd, (struct sockaddr *)&a, &size)) return -1;
  *port = ntohs(a.sin_port);
  return fd;
}

enum { FILLERS_MAX = 16 };
static int hole[FILLERS_MAX + 1];
static size_t hole_count;

void odd_black_hole_close(void) {
  while (hole_count) close(hole[--hole_count]);
}

int odd_black_hole_open(void) {
  int port = 0, fd = bound(&port);
  hole[hole_count++] = fd;
  if (fd < 0 || listen(fd, 0)) return -1;
  struct sockaddr_in a = loopback(port);
  while (hole_count < sizeof hole / sizeof *hole) {
    int filler = socket(AF_INET, SOCK_STREAM, 0);
    fcntl(filler, F_SETFL, O_NONBLOCK);
    hole[hole_count++] = filler;
    if (connect(filler, (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS) break;
    struct pollfd p = {.fd = filler, .events = POLLOUT};
    if (poll(&p, 1, 100) == 0) return port; /* no answer within 0.1 s, where loopback takes microseconds */
  }
  odd_black_hole_close();
  return -1;
}

int odd_refused_port(void) {
  int port = 0, fd = bound(&port);
  close(fd);
  return port;
}
