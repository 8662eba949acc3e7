#include "token_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *body_at(const token_server *s, int n) {
  const char *body = "";
  for (int i = 0; i <= n && i < SERVER_HEARD_MAX && s->bodies[i]; i++) body = s->bodies[i];
  return body;
}

static void serve(peer_io *io, void *argument) {
  token_server *s = argument;
  char head[SERVER_TEXT_MAX], body[SERVER_TEXT_MAX] = {0}, answer[SERVER_TEXT_MAX];
  if (!peer_read_head(io, head, sizeof head)) return;
  const char *length = strstr(head, "Content-Length: ");
  size_t size = length ? (size_t)atoi(length + 16) : 0;
  if (size >= sizeof body || !peer_read(io, body, size)) return;
  pthread_mutex_lock(&s->mutex);
  int n = s->count++;
  if (n < SERVER_HEARD_MAX) snprintf(s->heard[n], SERVER_TEXT_MAX, "%.4000s%.4000s", head, body);
  const char *text = body_at(s, n);
  snprintf(answer, sizeof answer, "HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", s->status,
           strlen(text), text);
  bool mute = s->mute;
  pthread_mutex_unlock(&s->mutex);
  if (mute) peer_drain(io);
  else peer_text(io, answer);
}

void token_server_start(token_server *s, const char *body) { token_server_start_tls(s, body, NULL); }

void token_server_start_tls(token_server *s, const char *body, const pki_cert *cert) {
  *s = (token_server){.mutex = PTHREAD_MUTEX_INITIALIZER, .status = 200, .bodies = {body}};
  s->peer = peer_new(serve, s, cert);
}

void token_server_stop(token_server *s) { peer_free(s->peer); }

void token_server_set(token_server *s, int status, const char *body) {
  pthread_mutex_lock(&s->mutex);
  s->status = status;
  s->mute = false;
  memset(s->bodies, 0, sizeof s->bodies);
  s->bodies[0] = body;
  pthread_mutex_unlock(&s->mutex);
}

void token_server_mute(token_server *s) {
  pthread_mutex_lock(&s->mutex);
  s->mute = true;
  pthread_mutex_unlock(&s->mutex);
}

int token_server_count(token_server *s) {
  pthread_mutex_lock(&s->mutex);
  int count = s->count;
  pthread_mutex_unlock(&s->mutex);
  return count;
}

const char *token_server_url(const token_server *s, const char *path) {
  static char urls[4][128];
  static int next;
  char *url = urls[next++ % 4];
  snprintf(url, sizeof urls[0], "http://127.0.0.1:%d%s", peer_port(s->peer), path);
  return url;
}

bool token_server_heard(const token_server *s, int request, const char *text) { return strstr(s->heard[request], text) != NULL; }

const char *token_server_form(const token_server *s, int request, const char *name) {
  static char value[SERVER_TEXT_MAX];
  const char *body = strstr(s->heard[request], "\r\n\r\n");
  size_t size = strlen(name), n = 0;
  for (const char *p = body ? body + 4 : ""; *p; p += strcspn(p, "&"), p += *p == '&') {
    if (strncmp(p, name, size) || p[size] != '=') continue;
    for (p += size + 1; *p && *p != '&'; p++) {
      unsigned byte = (unsigned char)*p;
      if (*p == '%' && sscanf(p + 1, "%2x", &byte) == 1) p += 2;
      value[n++] = (char)byte;
    }
    value[n] = '\0';
    return value;
  }
  return NULL;
}
