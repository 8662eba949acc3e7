/* Socket options that libuv does not offer. */
#ifndef GENAI_SRC_NET_SOCKET_H
#define GENAI_SRC_NET_SOCKET_H

#include <uv.h>

/* No Nagle delay, keepalive probes, and few bytes in the kernel that were not sent yet (where it can be limited). */
void net_socket_tune(uv_tcp_t *tcp);

/* The error that the socket still holds, as a libuv code, or 0. libuv reports a plain end (EPOLLHUP after a partial
 * read) also where the connection was reset. */
int net_socket_error(const uv_tcp_t *tcp);

#endif
