/* An echo peer over our frames and upgrade on a plain blocking socket, for the judges written by others.
 *
 *   ws_pipe [options] client URL    connects and sends every message back until the peer closes
 *   ws_pipe [options] server PORT   prints the port (0: any free one), takes one connection and does the same
 *   ws_pipe [options] servers PORT  the same, for any number of connections, each in a process of its own
 *
 *   --fragment N          sends messages in frames of N bytes with a ping between them
 *   --max N               the ceiling for a message received
 *   --close CODE[:TEXT]   closes after the first message (CODE 1005: an empty close)
 *   --ping TEXT           sends a ping at the start
 *
 * It prints what happened, a line each: open; pong TEXT; close CODE TEXT; error CODE SENTENCE; http STATUS BODY; lost.
 * Exit status 0 after a close, else 1. It links only base and the pure parsers, no event loop. */
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "net/http.h"
#include "net/ws_frame.h"

enum { SCRATCH = 64 * 1024, LIFETIME_S = 60, SERVERS_S = 1800, BACKLOG = 16, OUT_MAX = 512 << 20 };

typedef struct options {
  size_t fragment, max;
  int close_code; /* 0: none */
  const char *close_text, *ping;
} options;

typedef struct peer {
  const options *options;
  ws_role role;
  int fd;
  bool closing, closed;
  buf out;
  uint8_t scratch[SCRATCH];
  size_t have; /* bytes in scratch that came behind the head */
} peer;

static void die(const char *what) {
  printf("error 0 %s\n", what);
  exit(1);
}

/* ---- bytes ---- */

static void send_out(peer *p) {
  if (p->out.failed) die("a buffer is full");
  for (size_t at = 0; at < p->out.size;) {
    ssize_t n = send(p->fd, p->out.data + at, p->out.size - at, 0);
    if (n <= 0) break; /* the read that follows says why */
    at += (size_t)n;
  }
  buf_clear(&p->out);
}

static size_t receive(peer *p, uint8_t *room, size_t size) {
  ssize_t n = recv(p->fd, room, size, 0);
  return n > 0 ? (size_t)n : 0;
}

/* ---- frames out ---- */

static void put_frame(peer *p, ws_opcode opcode, bool fin, const uint8_t *data, size_t size) {
  uint8_t mask[4], header[WS_HEADER_MAX];
  bool masked = p->role == WS_CLIENT;
  if (masked && RAND_bytes(mask, 4) != 1) die("no random bytes");
  buf_append(&p->out, header, ws_header_write(header, opcode, fin, size, masked ? mask : NULL));
  uint8_t *room = buf_room(&p->out, size);
  if (!room) die("a buffer is full");
  if (masked) ws_mask(room, data, size, mask, 0);
  else memcpy(room, data, size);
  buf_commit(&p->out, size);
}

static void put_close(peer *p, int code, const char *text) {
  uint8_t payload[WS_CONTROL_MAX];
  if (p->closing) return;
  p->closing = true;
  put_frame(p, WS_CLOSE, true, payload, ws_close_payload(payload, code, text));
  send_out(p);
}

static void put_message(peer *p, ws_opcode opcode, const uint8_t *data, size_t size) {
  size_t piece = p->options->fragment ? p->options->fragment : size;
  do {
    size_t n = piece < size ? piece : size;
    put_frame(p, opcode, n == size, data, n);
    if (n < size) put_frame(p, WS_PING, true, (const uint8_t *)"busy", 4);
    opcode = WS_CONTINUATION;
    data += n;
    size -= n;
  } while (size);
  send_out(p);
}

/* ---- events in ---- */

static bool on_message(void *user, ws_opcode opcode, uint8_t *data, size_t size) {
  peer *p = user;
  if (p->closing) return true;
  put_message(p, opcode, data, size);
  if (p->options->close_code) put_close(p, p->options->close_code, p->options->close_text);
  return true;
}

static bool on_control(void *user, ws_opcode opcode, const uint8_t *data, size_t size) {
  peer *p = user;
  if (opcode == WS_PING && !p->closing) {
    put_frame(p, WS_PONG, true, data, size);
    send_out(p);
  } else if (opcode == WS_PONG && !(size == 4 && memcmp(data, "busy", 4) == 0)) {
    printf("pong %.*s\n", (int)size, (const char *)data);
  }
  return true;
}

static void on_close(void *user, int code, const char *reason, size_t size) {
  peer *p = user;
  printf("close %d %.*s\n", code, (int)size, reason);
  p->closed = true;
  put_close(p, ws_code_sendable(code) ? code : WS_CODE_EMPTY, NULL);
}

static genai_status read_some(peer *p, ws_decoder *d, bool *end, genai_error *error) {
  size_t size = sizeof p->scratch, taken;
  uint8_t *room = p->have ? NULL : ws_decoder_room(d, &size);
  if (room) {
    size = receive(p, room, size);
    *end = !size;
    return ws_decoder_filled(d, size, error);
  }
  size = p->have ? p->have : receive(p, p->scratch, sizeof p->scratch);
  p->have = 0;
  *end = !size;
  return ws_decoder_feed(d, p->scratch, size, &taken, error);
}

/* Waits for the peer's end, so that no reset overtakes our close frame; the server ends first (section 7.1.1). */
static void drain(peer *p) {
  if (p->role == WS_SERVER) shutdown(p->fd, SHUT_WR);
  while (receive(p, p->scratch, sizeof p->scratch)) continue;
}

static int talk(peer *p) {
  static const ws_events events = {on_message, on_control, on_close};
  ws_decoder d;
  genai_error error = {0};
  genai_status status = GENAI_OK;
  bool end = false;
  printf("open\n");
  ws_decoder_init(&d, p->role, p->options->max, &events, p);
  if (p->options->ping) {
    put_frame(p, WS_PING, true, (const uint8_t *)p->options->ping, strlen(p->options->ping));
    send_out(p);
  }
  while (status == GENAI_OK && !end && !p->closed) status = read_some(p, &d, &end, &error);
  if (status != GENAI_OK) {
    printf("error %d %s\n", error.close_code, error.message);
    put_close(p, error.close_code, error.message);
  } else if (!p->closed) {
    printf("lost\n");
  }
  drain(p);
  ws_decoder_deinit(&d);
  return p->closed ? 0 : 1;
}

/* ---- the upgrade ---- */

static void read_head(peer *p, http_head *head) {
  genai_error error = {0};
  genai_status status;
  while ((status = http_head_parse(head, p->role == WS_SERVER, p->scratch, p->have, &error)) == GENAI_WOULD_BLOCK) {
    size_t n = receive(p, p->scratch + p->have, sizeof p->scratch - p->have);
    if (!n) die("the connection ended in the handshake");
    p->have += n;
  }
  if (status != GENAI_OK) die(error.message);
}

static void refused(peer *p, const http_head *head) {
  genai_error error = {0};
  http_body body;
  size_t taken, n = p->have - head->size;
  if (http_body_init(&body, head, 1000, &error) != GENAI_OK) die(error.message);
  memmove(p->scratch, p->scratch + head->size, n);
  printf("http %d ", head->status);
  do {
    if (http_body_feed(&body, p->scratch, n, &taken, &error) != GENAI_OK) die(error.message);
  } while (!body.done && (n = receive(p, p->scratch, sizeof p->scratch)) > 0);
  if (http_body_eof(&body, &error) != GENAI_OK) die(error.message);
  printf("%.*s\n", (int)body.data.size, body.data.data ? (const char *)body.data.data : "");
  http_body_deinit(&body);
  exit(1);
}

static void shake_hands(peer *p, const char *target, const char *host_port) {
  genai_error error = {0};
  http_head head;
  http_slice theirs;
  uint8_t random[16];
  char key[WS_KEY_SIZE + 1];
  if (p->role == WS_CLIENT) {
    if (RAND_bytes(random, sizeof random) != 1) die("no random bytes");
    ws_key_write(key, random);
    if (ws_request_write(&p->out, target, host_port, key, NULL, 0, &error) != GENAI_OK) die(error.message);
    send_out(p);
  }
  read_head(p, &head);
  if (p->role == WS_CLIENT && head.status != 101) refused(p, &head);
  genai_status status = p->role == WS_CLIENT ? ws_response_check(&head, key, &error)
                                             : ws_request_check(&head, &theirs, &error);
  if (status == GENAI_OK && p->role == WS_SERVER)
    status = ws_response_write(&p->out, theirs.data, theirs.size, NULL, 0, &error);
  if (status != GENAI_OK && p->role == WS_SERVER)
    http_response_write(&p->out, error.http_status, "No", &(genai_string_pair){"Connection", "close"}, 1, NULL);
  send_out(p);
  if (status != GENAI_OK) die(error.message);
  p->have -= head.size;
  memmove(p->scratch, p->scratch + head.size, p->have);
}

/* ---- sockets ---- */

static int dial(const char *text, net_url *url) {
  genai_error error = {0};
  char port[8];
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  if (net_url_parse(url, text, &error) != GENAI_OK) die(error.message);
  snprintf(port, sizeof port, "%d", url->port);
  if (getaddrinfo(url->host, port, &hints, &found) != 0) die("unknown host");
  int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) die("cannot connect");
  freeaddrinfo(found);
  return fd;
}

static int listen_at(const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_port = htons((uint16_t)atoi(port));
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, BACKLOG) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &size) != 0)
    die("cannot listen");
  printf("%d\n", ntohs(address.sin_port));
  return listener;
}

/* The next connection: with `many`, in a new process, while this one waits for more. */
static int take(int listener, bool many) {
  pid_t child = 0;
  int fd;
  if (many) {
    signal(SIGCHLD, SIG_IGN); /* no zombies */
    alarm(SERVERS_S);
  }
  do {
    fd = accept(listener, NULL, NULL);
    if (fd < 0) die("cannot accept");
    child = many ? fork() : 0;
    if (child < 0) die("cannot fork");
    if (child) close(fd);
  } while (child);
  close(listener);
  alarm(LIFETIME_S);
  return fd;
}

static int usage(void) {
  fputs("usage: ws_pipe [--fragment N] [--max N] [--close CODE[:TEXT]] [--ping TEXT] client URL | server PORT |\n"
        "               servers PORT\n",
        stderr);
  return 2;
}

static bool parse_options(options *o, int argc, char **argv) {
  *o = (options){.max = 64 << 20};
  for (int i = 1; i + 3 < argc; i += 2) {
    char *value = argv[i + 1], *rest;
    if (strcmp(argv[i], "--fragment") == 0) o->fragment = strtoul(value, NULL, 10);
    else if (strcmp(argv[i], "--max") == 0) o->max = strtoul(value, NULL, 10);
    else if (strcmp(argv[i], "--ping") == 0) o->ping = value;
    else if (strcmp(argv[i], "--close") == 0) {
      o->close_code = (int)strtol(value, &rest, 10);
      o->close_text = *rest == ':' ? rest + 1 : NULL;
    } else return false;
  }
  return argc >= 3 && argc % 2 == 1;
}

int main(int argc, char **argv) {
  options o;
  net_url url = {.tls = false};
  char host_port[300];
  const int on = 1;
  if (!parse_options(&o, argc, argv)) return usage();
  const char *mode = argv[argc - 2], *where = argv[argc - 1];
  peer *p = calloc(1, sizeof *p);
  if (!p) return 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGPIPE, SIG_IGN);
  alarm(LIFETIME_S); /* never outlives its judge */
  p->options = &o;
  buf_init(&p->out, OUT_MAX);
  if (strcmp(mode, "client") == 0) p->role = WS_CLIENT;
  else if (strcmp(mode, "server") == 0 || strcmp(mode, "servers") == 0) p->role = WS_SERVER;
  else return usage();
  p->fd = p->role == WS_CLIENT ? dial(where, &url) : take(listen_at(where), strcmp(mode, "servers") == 0);
  setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  snprintf(host_port, sizeof host_port, url.ipv6 ? "[%s]:%d" : "%s:%d", url.host, url.port);
  shake_hands(p, url.path.size ? url.path.data : "/", host_port);
  int status = talk(p);
  close(p->fd);
  buf_deinit(&p->out);
  free(p);
  return status;
}
