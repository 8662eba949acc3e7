/* One connection of the peer: what its files share. Blocking, a thread each. */
#ifndef GENAI_BENCH_PEER_LINK_H
#define GENAI_BENCH_PEER_LINK_H

#include <openssl/ssl.h>
#include <sys/types.h>

enum { PEER_HEADER_MAX = 10 };

typedef struct link_end {
  int fd;
  SSL *ssl; /* NULL: plain */
} link_end;

int peer_put(link_end *l, const void *data, size_t size); /* all of it; -1 when the client is gone */
ssize_t peer_get(link_end *l, void *data, size_t size);
/* The header of an unmasked frame; how many bytes of `out`, which has PEER_HEADER_MAX, it takes. */
size_t peer_frame_header(unsigned char *out, int opcode, size_t size);
/* peer_talk.c: until the client closes; `how` begins with "talk=". */
void peer_talk(link_end *l, const char *how);

#endif
