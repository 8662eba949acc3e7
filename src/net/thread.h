/* Own threads in somebody else's process. */
#ifndef GENAI_SRC_NET_THREAD_H
#define GENAI_SRC_NET_THREAD_H

#include <pthread.h>

/* pthread_create with every signal masked in the new thread: the host's handlers never run on it, and a write to a
 * reset socket cannot kill the host by SIGPIPE. Returns 0 or an errno. */
int net_thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument);

#endif
