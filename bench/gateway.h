/* Many sessions of one client against the peer: what the benchmarks of gateways share. A failure ends the process. */
#ifndef GENAI_BENCH_GATEWAY_H
#define GENAI_BENCH_GATEWAY_H

#include "bench/peer.h"
#include "genai/live.h"

typedef struct gateway {
  peer peer;
  genai_client *client;
  genai_live_session **sessions;
  bool *ends; /* of each: its end has been received */
  size_t count, started, open, ended;
  uint64_t messages, bytes;
} gateway;

/* PLAIN=1 in the environment: without TLS. */
void gateway_start(gateway *g, size_t count, unsigned io_threads);
/* Opens `count` more; `model` is their task for the peer. */
void gateway_open(gateway *g, size_t count, const char *model, const genai_live_recovery *recovery);
/* Takes what comes from one session; false when nothing came in time. */
bool gateway_next(gateway *g, int64_t timeout_ms);
void gateway_until_quiet(gateway *g);
void gateway_end(gateway *g);

void gateway_die(const char *what);

#endif
