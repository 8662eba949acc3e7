/* A TLS 1.3 server in memory, and what it sends as bytes in a file: the recording that both sides of the comparison read. */
#ifndef GENAI_TESTS_COST_SERVICE_H
#define GENAI_TESTS_COST_SERVICE_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <sys/types.h>

enum { SERVICE_PCM_SIZE = 11520 };

/* Makes the server and its file; ends the program when that is not possible. */
void service_begin(void);
/* What the client sends. The server answers the handshake, the upgrade and the setup; its answers go to the file. */
void service_take(const void *data, size_t size);
/* Sends so many messages, sixteen frames at a time, as bench_peer does. Returns the plain bytes of their frames. */
size_t service_pour(long messages);
/* The next bytes of the file, by one read; 0 at its end. */
ssize_t service_read(void *to, size_t size);
/* The file itself, for OpenSSL to read: the next byte is that of service_read. */
int service_fd(void);

void die(const char *why);

#endif
