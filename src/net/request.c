#include "net/request.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { REQUEST_MAX = 1 << 20, FIELDS = 16, HOST_MAX = 300, LENGTH_MAX = 24 };

struct net_request {
  net_stream *stream;
  net_timer *timer;
  net_request_done done;
  void *user;
  buf out;           /* head and body */
  size_t sent;
  buf head;          /* of the answer, until it is complete */
  http_body body;
  bool has_body, ended;
  unsigned busy;     /* inside an event of the stream */
  int status;
  size_t keep;
  uint64_t timeout_ms;
  int port;
  char host[];
};

static void release(net_request *r) {
  if (!r->ended || r->busy) return;
  net_timer_free(r->timer);
  buf_deinit(&r->out);
  buf_deinit(&r->head);
  if (r->has_body) http_body_deinit(&r->body);
  mem_free(r);
}

void net_request_abort(net_request *r) {
  if (!r || r->ended) return;
  r->ended = true;
  net_timer_stop(r->timer);
  if (r->stream) net_stream_abort(r->stream, false);
  r->stream = NULL;
  release(r);
}

static void finish(net_request *r, const genai_error *error) {
  const char *body = r->has_body ? buf_cstr(&r->body.data) : "";
  size_t size = r->has_body ? r->body.data.size : 0;
  if (r->ended) return;
  r->ended = true;
  net_timer_stop(r->timer);
  if (r->stream) net_stream_abort(r->stream, false); /* one answer is all that was wanted */
  r->stream = NULL;
  r->done(r->user, error, r->status, body ? body : "", size);
  release(r);
}

static void fail(net_request *r, const genai_error *from) {
  genai_error error = *from;
  error_append(&error, " The peer is %s port %d.", r->host, r->port);
  finish(r, &error);
}

static void send_more(void *user) {
  net_request *r = user;
  r->sent += net_stream_write(r->stream, r->out.data + r->sent, r->out.size - r->sent);
}

/* Bytes of the head; returns how many of them were its own. */
static size_t take_head(net_request *r, const uint8_t *data, size_t size) {
  http_head head;
  genai_error error = {0};
  size_t before = r->head.size, n = size < HTTP_HEAD_MAX - before ? size : HTTP_HEAD_MAX - before;
  genai_status status = buf_append(&r->head, data, n) ? GENAI_OK : error_memory(&error);
  if (status == GENAI_OK) status = http_head_parse(&head, false, r->head.data, r->head.size, &error);
  if (status == GENAI_WOULD_BLOCK) return n;
  if (status == GENAI_OK) status = http_body_init(&r->body, &head, r->keep, &error);
  if (status != GENAI_OK) {
    fail(r, &error);
    return size;
  }
  r->body.data.ceiling = r->keep + 1; /* and the NUL */
  r->has_body = true;
  r->status = head.status;
  return head.size - before;
}

static size_t on_data(void *user, uint8_t *data, size_t size) {
  net_request *r = user;
  genai_error error = {0};
  size_t used = 0, taken = 0;
  r->busy++;
  if (!r->has_body) used = take_head(r, data, size);
  if (!r->ended && r->has_body) {
    genai_status status = http_body_feed(&r->body, data + used, size - used, &taken, &error);
    if (status != GENAI_OK) fail(r, &error);
    else if (r->body.done || r->body.cut) finish(r, &(genai_error){0});
  }
  r->busy--;
  release(r);
  return size;
}

static void on_end(void *user, const genai_error *why) {
  net_request *r = user;
  genai_error error = *why;
  r->stream = NULL;
  if (!r->ended && r->has_body && why->status == GENAI_OK && http_body_eof(&r->body, &error) == GENAI_OK) {
    finish(r, &(genai_error){0});
  } else if (why->status == GENAI_OK) {
    error_set(&error, GENAI_ERROR_LOST, "%s port %d ended the connection before its answer was complete.", r->host, r->port);
    finish(r, &error);
  } else {
    finish(r, why);
  }
}

static void on_timer(void *user) {
  net_request *r = user;
  genai_error error;
  error_set(&error, GENAI_ERROR_TIMEOUT, "%s port %d did not answer within %llu ms (it was %s).", r->host, r->port,
            (unsigned long long)r->timeout_ms, r->stream ? net_stream_phase(r->stream) : "ending");
  finish(r, &error);
}

static genai_status write_request(net_request *r, const net_request_params *p, genai_error *error) {
  const net_stream_target *t = &p->target;
  char host[HOST_MAX], length[LENGTH_MAX];
  genai_string_pair fields[FIELDS] = {{"Host", host}, {"Content-Length", length}, {"Connection", "close"}};
  bool ip6 = strchr(t->host, ':') != NULL, usual = t->port == (t->tls ? 443 : 80);
  int size = snprintf(host, sizeof host, usual ? "%s%s%s" : "%s%s%s:%d", ip6 ? "[" : "", t->host, ip6 ? "]" : "", t->port);
  if (size < 0 || size >= HOST_MAX || p->header_count > FIELDS - 3)
    return error_set(error, GENAI_ERROR_ARGUMENT, "The request to port %d has too long a host name or too many fields.", t->port);
  snprintf(length, sizeof length, "%zu", p->body_size);
  for (size_t i = 0; i < p->header_count; i++) fields[3 + i] = p->headers[i];
  genai_status status = http_request_write(&r->out, p->method, p->path, fields, p->header_count + 3, error);
  if (status == GENAI_OK && !buf_append(&r->out, p->body, p->body_size)) status = error_memory(error);
  return status;
}

genai_status net_request_start(net_request **out, net_loop *loop, const net_request_params *p, net_request_done done, void *user,
                               genai_error *error) {
  static const net_stream_events events = {.ready = send_more, .data = on_data, .writable = send_more, .end = on_end};
  size_t host_size = strlen(p->target.host) + 1;
  *out = NULL;
  net_request *r = mem_zalloc(sizeof *r + host_size);
  if (!r) return error_memory(error);
  memcpy(r->host, p->target.host, host_size);
  r->port = p->target.port;
  r->done = done;
  r->user = user;
  r->keep = p->keep;
  r->timeout_ms = p->timeout_ms;
  buf_init(&r->out, REQUEST_MAX);
  buf_init(&r->head, HTTP_HEAD_MAX);
  genai_status status = write_request(r, p, error);
  if (status == GENAI_OK && !(r->timer = net_timer_new(loop, on_timer, r))) status = error_memory(error);
  if (status == GENAI_OK) status = net_stream_connect(&r->stream, loop, &p->target, &events, r, error);
  if (status != GENAI_OK) {
    r->ended = true;
    release(r);
    return status;
  }
  net_timer_start(r->timer, p->timeout_ms);
  *out = r;
  return GENAI_OK;
}
