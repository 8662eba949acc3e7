/* For the tests of net: waiting with a limit, and running something on a loop's thread. */
#ifndef GENAI_TESTS_NET_RIG_H
#define GENAI_TESTS_NET_RIG_H

#include <pthread.h>
#include <stdbool.h>

#include "net/loop.h"

enum { RIG_LIMIT_S = 60 }; /* no test waits longer for anything */

/* A counter that threads wait for. */
typedef struct gate {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int count;
} gate;

#define GATE_INIT \
  { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }
void gate_open(gate *g);            /* count + 1 */
bool gate_wait(gate *g, int count); /* until the count is reached; false after the limit */
bool gate_wait_ms(gate *g, int count, int ms);
int gate_count(gate *g);

/* Runs on the loop's thread and returns when it has run. */
void rig_on_loop(net_loop *loop, void (*run)(void *argument), void *argument);

void rig_sleep_us(long us); /* only to let the world go on, never to wait for an event */

/* So many milliseconds, or a multiple where the run is scaled down for being slow (GENAI_TEST_SCALE). */
uint64_t rig_patience(uint64_t ms);
void rig_settle(net_loop *loop); /* returns when what runs on the loop now has run to its end */

/* From now on the n-th allocation of the library fails (n from 1; 0: none), on whichever thread. */
void rig_fail_alloc(long n);
/* The standard allocator again. Returns how many allocations were asked for; *alive (may be NULL): how many are not
 * freed. */
long rig_fail_stop(long *alive);

/* A file with this text; its path lasts until the next call. */
const char *rig_file(const char *text);

#endif
