/* What registry (tools.c), calls (run.c) and threads (pool.c) share. */
#ifndef GENAI_SRC_TOOLS_SET_H
#define GENAI_SRC_TOOLS_SET_H

#include <stdatomic.h>

#include "tools/tools.h"

typedef struct tool {
  struct tool *next;
  const genai_function_declaration *declaration; /* in the set's arena */
  genai_tool_function function;
  void *user;
} tool;

typedef struct tool_call {
  genai_tool_invocation public;  /* first */
  const tool *tool;
  tools_run *run;
  struct tool_call *next;  /* in its run */
  struct tool_call *queued; /* in the queue */
  uint64_t deadline_ns;
  bool open;               /* not answered, cancelled or given up */
} tool_call;

typedef struct tools_owned {
  struct tools_owned *next;
  void (*end)(void *thing);
  void *thing;
} tools_owned;

struct tools_run {
  struct tools_run *next;  /* in the set */
  genai_tools *set;
  tools_answer answer;
  void *user;
  tool_call *calls;
  bool ended;
};

struct genai_tools {
  atomic_uint references;
  genai_tools_options options;
  arena memory;            /* of the declarations */
  tool *tools;
  tools_owned *owned;
  genai_tool declared;
  const genai_function_declaration **list;
  size_t count;
  bool sealed;             /* declared: the registry stays as it is */

  uv_mutex_t mutex;        /* all below, and every call and run */
  uv_cond_t work;          /* for workers and the watch: a call, a deadline, the stop */
  uv_cond_t done;          /* for tools_run_free: a function has returned */
  tools_run *runs;
  tool_call *head, **tail; /* waiting */
  unsigned waiting, idle;
  uint64_t next_deadline_ns; /* that the watch waits for */
  bool stopping, watching;
  uv_thread_t watch;
  uv_thread_t *workers;
  unsigned worker_count;
};

/* pool.c, with the mutex held: sees that a thread will take the queue and that the watch knows the deadline. False: there is no
 * thread at all. */
bool pool_wake(genai_tools *set, uint64_t deadline_ns);
void pool_stop(genai_tools *set); /* joins all threads; without the mutex */

/* run.c, for the pool */
tool_call *run_take(genai_tools *set);                   /* with the mutex: the next waiting call, or NULL */
void run_call(genai_tools *set, tool_call *call);        /* without: runs its function */
uint64_t run_expire(genai_tools *set, uint64_t now_ns);  /* with: answers what is overdue; the next deadline, UINT64_MAX for none */

void tools_hold(genai_tools *set);
const tool *tools_find(const genai_tools *set, const char *name);

#endif
