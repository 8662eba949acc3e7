/* Memory of received messages on its way back to the I/O thread that filled it. Without it each message of sound costs a fresh
 * block: page faults on one side and a cross-thread free on the other (measured: as much CPU again as TLS itself). */
#ifndef GENAI_SRC_CLIENT_POOL_H
#define GENAI_SRC_CLIENT_POOL_H

#include "base/arena.h"

/* Reference-counted: by its client, and by each message out of it, since a message may outlive its session and client. */
typedef struct message_pool message_pool;

message_pool *pool_new(void); /* NULL: out of memory */
void pool_drop(message_pool *pool);
/* I/O thread only: starts an empty arena with room for `size` bytes and gives it a reference to the pool. False, and nothing is
 * done, when the size is not the pool's business or memory is out: the arena then grows as it goes. */
bool pool_take(message_pool *pool, arena *a, size_t size);
/* Any thread: takes the memory back and drops the reference. */
void pool_return(message_pool *pool, arena *a);

#endif
