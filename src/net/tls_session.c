#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "net/tls_private.h"

enum { SESSIONS_MAX = 32, NAME_MAX_SIZE = 256 };

typedef struct entry {
  SSL_SESSION *session; /* NULL: free */
  unsigned long used;   /* the cache's clock when it was put */
  int port;
  char name[NAME_MAX_SIZE];
} entry;

struct tls_sessions {
  pthread_mutex_t lock;
  unsigned long clock;
  entry entries[SESSIONS_MAX];
};

tls_sessions *tls_sessions_new(void) {
  tls_sessions *sessions = mem_zalloc(sizeof *sessions);
  if (sessions && pthread_mutex_init(&sessions->lock, NULL)) {
    mem_free(sessions);
    return NULL;
  }
  return sessions;
}

void tls_sessions_free(tls_sessions *sessions) {
  if (!sessions) return;
  for (size_t i = 0; i < SESSIONS_MAX; i++) SSL_SESSION_free(sessions->entries[i].session);
  pthread_mutex_destroy(&sessions->lock);
  mem_free(sessions);
}

/* A full cache forgets its oldest session. */
void tls_sessions_put(tls_sessions *sessions, const char *name, int port, SSL_SESSION *session) {
  size_t size = strlen(name) + 1;
  if (size > NAME_MAX_SIZE) {
    SSL_SESSION_free(session);
    return;
  }
  pthread_mutex_lock(&sessions->lock);
  entry *to = &sessions->entries[0];
  for (size_t i = 1; i < SESSIONS_MAX && to->session; i++) {
    entry *e = &sessions->entries[i];
    if (!e->session || e->used < to->used) to = e;
  }
  SSL_SESSION_free(to->session);
  to->session = session;
  to->used = ++sessions->clock;
  to->port = port;
  memcpy(to->name, name, size);
  pthread_mutex_unlock(&sessions->lock);
}

/* The newest one. A TLS 1.3 ticket is used once (RFC 8446 appendix C.4), so it leaves the cache; the new connection
 * brings new ones. A TLS 1.2 session stays. */
SSL_SESSION *tls_sessions_take(tls_sessions *sessions, const char *name, int port) {
  SSL_SESSION *session = NULL;
  pthread_mutex_lock(&sessions->lock);
  entry *from = NULL;
  for (size_t i = 0; i < SESSIONS_MAX; i++) {
    entry *e = &sessions->entries[i];
    if (e->session && e->port == port && !strcmp(e->name, name) && (!from || e->used > from->used)) from = e;
  }
  if (from) {
    session = from->session;
    if (SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION) from->session = NULL;
    else SSL_SESSION_up_ref(session);
  }
  pthread_mutex_unlock(&sessions->lock);
  return session;
}
