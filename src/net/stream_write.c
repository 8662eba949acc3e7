#include <openssl/err.h>
#include <string.h>

#include "net/stream_private.h"

/* What was written waits in `plain` (without TLS: in wire.out) until the end of the turn, so that many small frames
 * share a record and a system call. */
static buf *input(net_stream *s) { return s->tls ? &s->plain : &s->wire.out; }

/* An idle stream holds no memory for writing; what one of them has done with is there for the next. */
static void borrow(buf *b, buf *spare) {
  if (b->data || !spare->data) return;
  b->data = spare->data;
  b->capacity = spare->capacity;
  spare->data = NULL;
}

static void give_back(buf *b, buf *spare) {
  if (b->capacity <= spare->capacity && spare->data) {
    buf_deinit(b);
    return;
  }
  buf_deinit(spare);
  *spare = (buf){.data = b->data, .capacity = b->capacity};
  buf_init(b, b->ceiling);
}

static size_t pending(const net_stream *s) { return s->plain.size + s->wire.out.size + s->writing.size; }

uint8_t *net_stream_room(net_stream *s, size_t *size) {
  size_t used = pending(s);
  buf *b = input(s);
  *size = 0;
  if (s->state == STREAM_DIALING || s->state == STREAM_HANDSHAKE || s->state == STREAM_OPEN) {
    s->want_writable = true; /* until a commit shows that there was enough */
    borrow(b, s->tls ? &s->loop->spare_plain : &s->loop->spare_out);
    if (used < STREAM_WRITE_MAX && buf_room(b, STREAM_WRITE_MAX - used)) *size = STREAM_WRITE_MAX - used;
    s->out_of_memory = used < STREAM_WRITE_MAX && !*size; /* the end of the turn reports it */
    if (s->out_of_memory) stream_touch(s);
  }
  return *size ? b->data + b->size : NULL;
}

void net_stream_commit(net_stream *s, size_t size) {
  buf_commit(input(s), size);
  s->want_writable = pending(s) >= STREAM_WRITE_MAX;
  if (s->state == STREAM_OPEN) stream_touch(s);
}

size_t net_stream_write(net_stream *s, const void *data, size_t size) {
  size_t room;
  uint8_t *to = net_stream_room(s, &room);
  if (!to) return 0;
  size_t n = size < room ? size : room;
  memcpy(to, data, n);
  net_stream_commit(s, n);
  return n;
}

bool net_stream_flushed(const net_stream *s) { return !pending(s); }

void stream_write_deinit(net_stream *s) {
  buf_deinit(&s->plain);
  buf_deinit(&s->wire.out);
}

/* What the peer has sent is still to be read, its reason among it; its end then reports this error. */
static void write_failed(net_stream *s, int code) {
  s->write_error = code;
  s->want_writable = false;
  stream_write_deinit(s);
  if (!s->reading) stream_lost(s, code);
}

static void written(uv_write_t *write, int status) {
  net_stream *s = write->data;
  buf_deinit(&s->writing);
  if (s->state == STREAM_ENDED) return;
  stream_close_progress(s);
  if (status) write_failed(s, status);
  else stream_touch(s);
}

static bool encrypt(net_stream *s) {
  size_t done = 0;
  borrow(&s->wire.out, &s->loop->spare_out);
  while (done < s->plain.size) {
    ERR_clear_error();
    int n = SSL_write(s->ssl, s->plain.data + done, (int)(s->plain.size - done));
    if (n <= 0) {
      genai_error error = {0};
      tls_explain(s->ssl, false, s->host, s->port, &error);
      stream_finish(s, &error);
      return false;
    }
    done += (size_t)n;
  }
  give_back(&s->plain, &s->loop->spare_plain);
  return true;
}

void stream_say_bye(net_stream *s) {
  if (s->said_bye || (s->plain.size && !encrypt(s))) return;
  s->said_bye = true;
  if (s->ssl) SSL_shutdown(s->ssl);
  ERR_clear_error();
}

void stream_flush(net_stream *s) {
  if (s->write_error || s->writing.size) return;
  if (!s->plain.size || s->state != STREAM_OPEN || encrypt(s)) stream_push(s);
}

void stream_push(net_stream *s) {
  buf *out = &s->wire.out;
  if (s->write_error || s->writing.size || !out->size) return;
  uv_buf_t rest = uv_buf_init((char *)out->data, (unsigned)out->size);
  int n = uv_try_write((uv_stream_t *)s->tcp, &rest, 1);
  if (n < 0 && n != UV_EAGAIN) {
    write_failed(s, n);
    return;
  }
  if (n > 0) {
    rest.base += n;
    rest.len -= (size_t)n;
  }
  if (!rest.len) {
    give_back(out, &s->loop->spare_out);
    return;
  }
  s->writing = *out;
  buf_init(out, s->writing.ceiling);
  s->writing.size = rest.len; /* what the kernel has not taken; data stays for the free */
  s->write.data = s;
  int failed = uv_write(&s->write, (uv_stream_t *)s->tcp, &rest, 1, written);
  if (failed) {
    buf_deinit(&s->writing);
    write_failed(s, failed);
  }
}
