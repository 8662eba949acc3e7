/* Inside a client handle. */
#ifndef GENAI_SRC_CLIENT_CLIENT_H
#define GENAI_SRC_CLIENT_CLIENT_H

#include <stdatomic.h>
#include <uv.h>

#include "auth/auth.h"
#include "client/endpoint.h"
#include "client/notify.h"
#include "client/pool.h"
#include "genai/live.h"
#include "net/ws.h"
#include "wire/writer.h"

/* The transport under a session as a table, so that tests can put one without sockets in its place. */
typedef struct live_transport {
  genai_status (*connect)(net_ws **ws, net_loop *loop, const net_ws_params *params, const net_ws_events *events, void *user,
                          genai_error *error);
  bool (*send)(net_ws *ws, payload *message);
  bool (*ping)(net_ws *ws);
  void (*upgrade)(net_ws *ws);
  void (*resume)(net_ws *ws);
  void (*close)(net_ws *ws, int code, const char *reason, unsigned linger_ms);
  void (*abort)(net_ws *ws);
  const char *(*phase)(const net_ws *ws);
} live_transport;

/* Sessions that have something for genai_client_next, each at most once. */
typedef struct ready_list {
  uv_mutex_t mutex;
  uv_cond_t cond;
  genai_live_session *head, **tail;
  notify fd;
  atomic_bool wanted; /* genai_client_next or genai_client_fd was called: sessions announce themselves */
} ready_list;

/* One I/O thread; each session stays on one. */
typedef struct client_thread {
  net_loop *loop;
  message_pool *pool;     /* memory of received messages */
  payload_pool *payloads; /* and of those to be sent */
  size_t sessions;        /* under sessions_mutex */
} client_thread;

enum { CLIENT_THREADS_MAX = 64 };

struct genai_client {
  atomic_uint references;       /* the application's and one a session */
  genai_client_options options; /* defaults filled in; strings are not kept */
  client_settings settings;
  wire_backend backend;
  endpoint endpoints[ENDPOINT_COUNT]; /* by endpoint_service; on Vertex only that of live sessions */
  arena memory;                 /* of the model table */
  const genai_model_table *models; /* the application's, or NULL */
  net_proxy proxy;              /* of kind NET_PROXY_NONE: direct */
  net_tls *tls;                 /* NULL when everything is plain */
  client_thread *threads;       /* options.io_threads of them */
  auth *auth;                   /* bearer tokens, on the first thread, or NULL where none are needed */
  bool renewable;               /* and another is to be had when one is refused */
  const live_transport *transport;
  uv_mutex_t sessions_mutex;    /* taken before a session's mutex, never inside it */
  genai_live_session *sessions;
  ready_list ready;             /* its mutex may be taken inside a session's */
  uv_mutex_t log_mutex;
};

/* Gives a reference back; the last ends the I/O threads and frees. Never on one of them. */
void client_drop(genai_client *client);
/* Whether we are on one of its I/O threads. */
bool client_is_current(const genai_client *client);
void client_log(genai_client *client, genai_log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* For tests: sessions made from now on use this transport. */
void client_set_transport(genai_client *client, const live_transport *transport);

/* ready.c: with the session's mutex held. True: `ready.cond` is to be signalled, with or without the mutex. */
bool ready_announce(genai_live_session *session);
void ready_withdraw(genai_live_session *session);
genai_status ready_list_init(ready_list *list, genai_error *error);
void ready_list_deinit(ready_list *list);

#endif
