/* The service's side of one session, without I/O: client messages and the time go in, messages, closes and requests to
 * speak come out. Which answers are given is the voice's affair (voice.h).
 *
 * Output is pulled: call service_next until it returns false, again after each input, and at service_deadline. So a
 * fast answer is never longer in memory than its sound, and an interruption takes back what was not pulled yet. */
#ifndef GENAI_EMULATOR_SERVICE_H
#define GENAI_EMULATOR_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emulator/conversations.h"
#include "emulator/plan.h"
#include "emulator/recording.h"
#include "emulator/setup.h"

enum {
  SERVICE_MESSAGE_MAX = 16 << 20, /* of a client; 1009 beyond */
  SERVICE_OUTBOX_MAX = 256, /* messages waiting to be pulled; a client that makes more without reading is closed */
  SERVICE_TRANSCRIPT_MAX = 4096
};
#define SERVICE_NEVER UINT64_MAX

typedef struct service service;

/* What happened that a proof needs (docs/emulator.md). */
typedef enum service_event_kind {
  SERVICE_BEGINS,  /* a conversation; position 0 */
  SERVICE_RESUMES, /* one goes on: it is what it was at `position` */
  SERVICE_TOOK,    /* a client message, after which the conversation holds `position` of them */
  SERVICE_SENT,    /* a message was given out */
  SERVICE_ENDS     /* what is taken in from now on counts for nothing */
} service_event_kind;

typedef struct service_event {
  service_event_kind kind;
  uint64_t conversation, position;
  int64_t index;    /* TOOK: of the message in its connection */
  json_t *message;  /* TOOK: the client's; borrowed */
  const char *text; /* SENT: the JSON */
  size_t size;
} service_event;

typedef struct service_options {
  setup_backend backend;
  bool music;                 /* a music session, not a live one */
  const recording *recording; /* not NULL: replay it; outlives the service */
  const char *transcript;     /* echo: what every utterance is heard to say; NULL: only its length is told */
  bool fast;                  /* answers come at once, not at the pace of speech */
  uint64_t seed;              /* of ids */
  conversations *conversations; /* those that can be resumed, of many sessions; outlives the service. NULL: none */
  int64_t epoch_ms;             /* what is added to the time to make it Unix time */
  int index_first;              /* of the first client message after the setup; 1 as the service does */
  json_t *answers;              /* of a scenario, or NULL; outlives the service */
  void (*event)(void *user, const service_event *event); /* NULL: nobody wants to know */
  void (*wanted)(void *user); /* another session asks for the conversation: is this connection alive? NULL: it is */
  void *event_user;           /* of event and wanted */
  uint64_t expires_ms;        /* when the session's credential ends, and the session with it; 0: never */
  /* Judges a live session's setup before it is read, and may change it: 0, or the code and reason with which the
   * session is closed. NULL: all may come in. */
  int (*admit)(void *user, json_t *first, char reason[SETUP_REASON_MAX]);
  void *admit_user;
} service_options;

typedef enum service_kind { SERVICE_SEND, SERVICE_CLOSE, SERVICE_SPEAK } service_kind;

typedef struct service_action {
  service_kind kind;
  const char
      *text;   /* SEND: the JSON; CLOSE: the reason; SPEAK: what to say. NUL-terminated, valid until the next call */
  size_t size; /* of SEND's text */
  int code;    /* CLOSE */
  uint64_t id; /* SPEAK: answer with service_spoken and this id, from wherever, whenever */
} service_action;

service *service_new(const service_options *options); /* strings are copied; NULL when memory is out */
void service_free(service *s);                        /* takes NULL */
/* A whole message of the client, text or binary alike. Ignored after a close. */
void service_receive(service *s, uint64_t now_ms, const char *text, size_t size);
/* The connection is gone, or its end has begun: the conversation may be resumed by another. */
void service_lost(service *s, uint64_t now_ms);
/* What the session is at; bytes stay 0. */
plan_view service_view(const service *s);
/* Suffers a fault that is the service's to suffer. False: it is the connection's. */
bool service_fault(service *s, uint64_t now_ms, const fault *f);
/* The sound that was asked for, at AUDIO_RATE_OUT; count 0 when it could not be made. */
void service_spoken(service *s, uint64_t now_ms, uint64_t id, const int16_t *samples, size_t count);
/* False: nothing to do before an input or the deadline. CLOSE is the last action. */
bool service_next(service *s, uint64_t now_ms, service_action *action);
uint64_t
service_deadline(const service *s);       /* when service_next has something; 0: now; SERVICE_NEVER: after an input */
size_t service_backlog(const service *s); /* messages waiting to be pulled: stop reading when they grow */

#endif
