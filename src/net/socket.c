#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { KEEPALIVE_S = 60, UNSENT_MAX = 16 * 1024 };

/* Without the limit, minutes of audio vanish into a stalled socket before anyone notices. */
#ifdef TCP_NOTSENT_LOWAT
static void limit_unsent(int fd) {
  int size = UNSENT_MAX;
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &size, sizeof size);
}
#else
static void limit_unsent(int fd) { (void)fd; }
#endif

void net_socket_tune(uv_tcp_t *tcp) {
  uv_os_fd_t fd;
  uv_tcp_nodelay(tcp, 1);
  uv_tcp_keepalive(tcp, 1, KEEPALIVE_S);
  if (!uv_fileno((uv_handle_t *)tcp, &fd)) limit_unsent(fd);
}

int net_socket_error(const uv_tcp_t *tcp) {
  uv_os_fd_t fd;
  int error = 0;
  socklen_t size = sizeof error;
  if (uv_fileno((const uv_handle_t *)tcp, &fd) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size)) return 0;
  return uv_translate_sys_error(error);
}
