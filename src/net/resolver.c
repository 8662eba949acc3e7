#include "net/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "net/http.h"
#include "net/loop_private.h"
#include "net/thread.h"

enum {
  THREADS_MIN = 4,  /* these stay while a loop lives */
  THREADS_MAX = 16, /* blocked ones included, also those left over from an earlier life of the pool */
  QUEUE_MAX = 1024  /* names that wait for a thread */
};

/* One getaddrinfo, waited for by any number of lookups; freed by its thread, or with its last lookup before it ran. */
typedef struct job job;
struct job {
  job *next; /* of all jobs, in the order they came */
  net_lookup *lookups;
  bool running;
  int port;
  char host[];
};

struct net_lookup {
  net_task task; /* the way back to the loop */
  net_loop *loop;
  net_lookup *next;
  job *job;       /* NULL once the result is on its way */
  bool cancelled; /* while the result was on its way */
  net_resolved *done;
  void *user;
  int code, os_error;
  net_addresses addresses;
  char host[];
};

typedef struct worker worker;
struct worker {
  worker *next;
  pthread_t thread;
  bool busy, joining, detached;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static struct {
  unsigned holders, threads, idle, waiting; /* waiting: jobs that do not run yet */
  job *jobs;
  worker *workers;
} pool;

/* ---- results ---- */

/* The families alternate, the resolver's first choice first (RFC 8305 section 4). */
static void interleave(net_addresses *out, const struct addrinfo *list) {
  const struct addrinfo *at[2] = {list, list};
  int first = AF_UNSPEC;
  for (const struct addrinfo *a = list; a && first == AF_UNSPEC; a = a->ai_next)
    if (a->ai_family == AF_INET || a->ai_family == AF_INET6) first = a->ai_family;
  int family[2] = {first, first == AF_INET6 ? AF_INET : AF_INET6};
  for (int turn = 0; out->count < NET_ADDRESSES_MAX && (at[0] || at[1]); turn ^= 1) {
    while (at[turn] && at[turn]->ai_family != family[turn]) at[turn] = at[turn]->ai_next;
    if (!at[turn]) continue;
    memcpy(&out->items[out->count++], at[turn]->ai_addr, family[turn] == AF_INET ? sizeof(struct sockaddr_in)
                                                                                 : sizeof(struct sockaddr_in6));
    at[turn] = at[turn]->ai_next;
  }
}

static int look_up(const char *host, int port, int flags, net_addresses *out, int *os_error) {
  char service[8];
  snprintf(service, sizeof service, "%d", port);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags}, *list = NULL;
  errno = 0;
  int code = getaddrinfo(host, service, &hints, &list);
  *os_error = code == EAI_SYSTEM ? errno : 0;
  if (code) return code;
  interleave(out, list);
  freeaddrinfo(list);
  return 0;
}

/* What needs no name server: addresses; and localhost with all names below it, which are this machine whoever says otherwise (RFC
 * 6761 section 6.3), for what is sent to them in the clear must stay here. */
static int look_up_here(const char *host, int port, net_addresses *out, int *os_error) {
  int code = look_up(host, port, AI_NUMERICHOST, out, os_error);
  if (!code || !net_host_is_loopback(host)) return code;
  code = look_up("127.0.0.1", port, AI_NUMERICHOST, out, os_error);
  return code ? code : look_up("::1", port, AI_NUMERICHOST, out, os_error);
}

static void explain(const net_lookup *lookup, genai_error *error) {
  if (lookup->code == EAI_MEMORY) {
    error_memory(error);
  } else if (lookup->code == EAI_SYSTEM) {
    net_error_uv(error, GENAI_ERROR_RESOLVE, uv_translate_sys_error(lookup->os_error),
                 "The host name %s could not be resolved", lookup->host);
  } else if (lookup->code) {
    error_set(error, GENAI_ERROR_RESOLVE,
              "The host name %s could not be resolved: %s. Check its spelling and this machine's network.",
              lookup->host, gai_strerror(lookup->code));
  } else {
    error_set(error, GENAI_ERROR_RESOLVE, "The host name %s has no IPv4 or IPv6 address.", lookup->host);
  }
}

/* On the loop's thread. */
static void deliver(net_task *task) {
  net_lookup *lookup = (net_lookup *)task;
  pthread_mutex_lock(&lock); /* the poster is through with the loop */
  bool cancelled = lookup->cancelled;
  pthread_mutex_unlock(&lock);
  if (!cancelled) {
    genai_error error = {0};
    if (!lookup->addresses.count) explain(lookup, &error);
    lookup->done(lookup->user, &lookup->addresses, error.status ? &error : NULL);
  }
  mem_free(lookup);
}

/* ---- the pool; everything below holds the lock unless it says otherwise ---- */

static job *next_waiting(void) {
  job *j = pool.jobs;
  while (j && j->running) j = j->next;
  return j;
}

static void remove_job(job *j) {
  job **at = &pool.jobs;
  while (*at != j) at = &(*at)->next;
  *at = j->next;
  mem_free(j);
}

static void run_job(job *j) {
  net_addresses addresses = {0};
  int os_error = 0;
  j->running = true;
  pool.waiting--;
  pthread_mutex_unlock(&lock);
  int code = look_up(j->host, j->port, AI_ADDRCONFIG, &addresses, &os_error);
  pthread_mutex_lock(&lock);
  while (j->lookups) {
    net_lookup *lookup = j->lookups;
    j->lookups = lookup->next;
    lookup->job = NULL;
    lookup->code = code;
    lookup->os_error = os_error;
    lookup->addresses = addresses;
    net_loop_post(lookup->loop, &lookup->task);
  }
  remove_job(j);
}

static void *work(void *argument) {
  worker *self = argument;
  pthread_mutex_lock(&lock);
  for (;;) {
    job *j = self->joining ? NULL : next_waiting();
    if (j) {
      self->busy = true;
      run_job(j);
      self->busy = false;
    } else if (self->joining || !pool.holders || pool.threads > THREADS_MIN) {
      break;
    } else {
      pool.idle++;
      pthread_cond_wait(&wake, &lock);
      pool.idle--;
    }
  }
  pool.threads--;
  if (!self->joining) {
    worker **at = &pool.workers;
    while (*at != self) at = &(*at)->next;
    *at = self->next;
    if (!self->detached) pthread_detach(self->thread);
    mem_free(self);
  }
  pthread_mutex_unlock(&lock);
  return NULL;
}

/* Sees to it that a thread comes for the newest job. An errno when there is none and none can be made. */
static int rouse(void) {
  if (pool.idle >= pool.waiting) {
    pthread_cond_signal(&wake);
    return 0;
  }
  if (pool.threads == THREADS_MAX) return 0;
  worker *w = mem_zalloc(sizeof *w);
  int failed = w ? net_thread_start(&w->thread, work, w) : ENOMEM;
  if (failed) {
    mem_free(w);
    return pool.threads ? 0 : failed;
  }
  w->next = pool.workers;
  pool.workers = w;
  pool.threads++;
  return 0;
}

void net_resolver_hold(void) {
  pthread_mutex_lock(&lock);
  pool.holders++;
  pthread_mutex_unlock(&lock);
}

void net_resolver_drop(void) {
  worker *idle = NULL;
  pthread_mutex_lock(&lock);
  if (--pool.holders == 0) {
    for (worker **at = &pool.workers; *at;) {
      worker *w = *at;
      if (w->busy || w->detached) { /* blocked in getaddrinfo, which nothing can end: it leaves when it can */
        if (!w->detached) pthread_detach(w->thread);
        w->detached = true;
        at = &w->next;
      } else {
        *at = w->next;
        w->joining = true;
        w->next = idle;
        idle = w;
      }
    }
    pthread_cond_broadcast(&wake);
  }
  pthread_mutex_unlock(&lock);
  while (idle) {
    worker *w = idle;
    idle = w->next;
    pthread_join(w->thread, NULL);
    mem_free(w);
  }
}

/* ---- lookups ---- */

/* Joins the lookup to the job of its name, which is made when there is none. */
static genai_status enqueue(net_lookup *lookup, int port, genai_error *error) {
  job **tail = &pool.jobs;
  for (; *tail; tail = &(*tail)->next)
    if ((*tail)->port == port && !strcmp((*tail)->host, lookup->host)) break;
  if (!*tail) {
    if (pool.waiting == QUEUE_MAX)
      return error_set(error, GENAI_ERROR_RESOLVE,
                       "The host name %s was not looked up: %d other names already wait for the name servers.",
                       lookup->host, QUEUE_MAX);
    size_t size = strlen(lookup->host) + 1;
    job *j = mem_zalloc(sizeof *j + size);
    if (!j) return error_memory(error);
    memcpy(j->host, lookup->host, size);
    j->port = port;
    *tail = j;
    pool.waiting++;
    int failed = rouse();
    if (failed) {
      *tail = NULL;
      pool.waiting--;
      mem_free(j);
      if (failed == ENOMEM) return error_memory(error);
      return net_error_uv(error, GENAI_ERROR_SYSTEM, uv_translate_sys_error(failed),
                          "No thread could be started to resolve host names");
    }
  }
  lookup->job = *tail;
  lookup->next = (*tail)->lookups;
  (*tail)->lookups = lookup;
  return GENAI_OK;
}

genai_status net_resolve(net_lookup **out, net_loop *loop, const char *host, int port, net_resolved *done, void *user,
                         genai_error *error) {
  *out = NULL;
  size_t size = strlen(host) + 1;
  net_lookup *lookup = mem_zalloc(sizeof *lookup + size);
  if (!lookup) return error_memory(error);
  memcpy(lookup->host, host, size);
  lookup->loop = loop;
  lookup->task.run = deliver;
  lookup->done = done;
  lookup->user = user;
  if (!look_up_here(host, port, &lookup->addresses, &lookup->os_error)) {
    net_loop_post(loop, &lookup->task);
    *out = lookup;
    return GENAI_OK;
  }
  pthread_mutex_lock(&lock);
  genai_status status = enqueue(lookup, port, error);
  pthread_mutex_unlock(&lock);
  if (status) mem_free(lookup);
  else *out = lookup;
  return status;
}

void net_resolve_cancel(net_lookup *lookup) {
  if (!lookup) return;
  pthread_mutex_lock(&lock);
  job *j = lookup->job;
  if (j) {
    net_lookup **at = &j->lookups;
    while (*at != lookup) at = &(*at)->next;
    *at = lookup->next;
    if (!j->lookups && !j->running) {
      pool.waiting--;
      remove_job(j);
    }
  } else {
    lookup->cancelled = true; /* deliver is posted and frees it */
  }
  pthread_mutex_unlock(&lock);
  if (j) mem_free(lookup);
}
