/* A WebSocket client that shares no line with the library: blocking sockets, OpenSSL, a deadline on every read. */
#ifndef GENAI_TESTS_EMULATOR_CLIENT_H
#define GENAI_TESTS_EMULATOR_CLIENT_H

#include <jansson.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#define GEMINI_PATH "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
#define VERTEX_PATH "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
#define KEY_HEADER "x-goog-api-key: k\r\n"

typedef struct client {
  int fd;
  SSL *ssl;
  SSL_CTX *context;
  char head[8192]; /* of the response, and its body when it was a refusal */
  int status;
  int opcode;             /* of the last frame */
  unsigned char *payload; /* NUL-terminated */
  size_t size;
  int close_code; /* 1005 without one */
  json_t *message;
  bool splits; /* messages may come in fragments; set after opening */
  int frames;  /* that the last message came in */
} client;

/* ca_pem NULL: plain. headers: more lines, each with its CR LF. The status is 0 when there is no answer. */
void client_open(client *c, int port, const char *ca_pem, const char *path, const char *headers);
/* The same with a request of the caller's own, whole or in part (more by client_write); *_finish reads the answer. */
void client_begin(client *c, int port, const char *ca_pem, const char *request);
void client_finish(client *c);
void client_close(client *c);
void client_send(client *c, int opcode, const void *data, size_t size);
void client_send_text(client *c, const char *text);
void client_write(client *c, const void *data, size_t size);
/* The next message or control frame: its opcode; 0 at the end of the connection. */
int client_read(client *c);
/* A binary message, as JSON. Skips nothing. */
json_t *client_expect(client *c);

#endif
