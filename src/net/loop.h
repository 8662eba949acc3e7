/* One I/O thread: a libuv loop, one wake-up for any number of sessions, shared scratch memory, pooled randomness.
 * The thread runs with all signals masked, so that a write to a reset socket never kills the host by SIGPIPE. */
#ifndef GENAI_SRC_NET_LOOP_H
#define GENAI_SRC_NET_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "genai/base.h"

typedef struct net_loop net_loop;

/* A piece of work for the loop's thread, embedded in its owner, so that posting never allocates. Posting one that is
 * already queued does nothing; it may be posted again from the moment its `run` is called. */
typedef struct net_task net_task;
struct net_task {
  void (*run)(net_task *task);
  net_task *next;
  atomic_bool queued; /* the loop's */
};

/* Work for the end of a loop turn (flushes, publishing an inbox). Same rules; loop thread only. */
typedef struct net_turn net_turn;
struct net_turn {
  void (*run)(net_turn *turn);
  net_turn *next;
  bool queued;
};

/* A one-shot timer, loop thread only. */
typedef struct net_timer net_timer;

genai_status net_loop_new(net_loop **loop, genai_error *error);   /* makes and starts the thread */
/* Waits until everything on the loop has ended (its owners have ended or aborted it) and joins the thread. Takes NULL;
 * never from the loop's own thread. */
void net_loop_free(net_loop *loop);
void net_loop_post(net_loop *loop, net_task *task);               /* any thread */
/* The two halves of net_loop_post, for those who hold a lock that the task will want. True: net_loop_wake must follow soon. */
bool net_loop_push(net_loop *loop, net_task *task);
void net_loop_wake(net_loop *loop);
/* Runs before the loop waits again, and behind the task under way if there is one, in the order queued; work queued by such work runs
 * in the same turn. */
void net_loop_at_turn_end(net_loop *loop, net_turn *turn);
bool net_loop_is_current(const net_loop *loop);                   /* whether we are on its thread */
uint64_t net_loop_now(const net_loop *loop);                      /* monotonic ms; on its thread: the turn's time */

net_timer *net_timer_new(net_loop *loop, void (*fire)(void *user), void *user);
void net_timer_start(net_timer *timer, uint64_t delay_ms);        /* restarts when running */
void net_timer_stop(net_timer *timer);
void net_timer_free(net_timer *timer);                            /* never fires afterwards; takes NULL */

/* Cryptographic random bytes from the loop's pool (masks, keys); loop thread only. False when the system has none. */
bool net_loop_random(net_loop *loop, void *out, size_t size);

#endif
