/* The loop as the rest of net sees it: libuv's loop and the memory that everything on it shares. */
#ifndef GENAI_SRC_NET_LOOP_PRIVATE_H
#define GENAI_SRC_NET_LOOP_PRIVATE_H

#include <pthread.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "net/loop.h"

enum {
  NET_RECEIVE_SIZE = 256 * 1024, /* one read of a socket */
  NET_PLAIN_SIZE = 64 * 1024,    /* decrypted bytes handed out at once */
  NET_RANDOM_SIZE = 4096
};

struct net_loop {
  uv_loop_t uv;
  uv_async_t wake;
  uv_prepare_t prepare;
  pthread_t thread;
  _Atomic(net_task *) posted; /* newest first */
  atomic_bool stopping;
  net_turn *turns, **turns_tail;
  uint64_t turn;              /* how many have ended */
  buf spare_plain, spare_out; /* memory for writing that the last stream needed: stream_write.c */
  size_t random_left;
  uint8_t random[NET_RANDOM_SIZE];
  uint8_t receive[NET_RECEIVE_SIZE];
  uint8_t plain[NET_PLAIN_SIZE];
};

/* error_set with libuv's text after the sentence: "FORMAT: connection refused." */
genai_status net_error_uv(genai_error *error, genai_status status, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
