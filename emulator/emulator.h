/* The Live API on your own machine: a server on a thread of its own, for a command or a test to start and stop.
 *
 * It serves `/ws/google.ai.generativelanguage.{v1,v1beta,v1alpha}.GenerativeService.{BidiGenerateContent,
 * BidiGenerateMusic}`, with ephemeral tokens (`POST /v1alpha/auth_tokens`)
 * `/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained`, and, for Vertex,
 * `/ws/google.cloud.aiplatform.{v1,v1beta1}.LlmBidiService/BidiGenerateContent`, below any path prefix. What it
 * answers, and what it refuses, is in service.h and the files named there. */
#ifndef GENAI_EMULATOR_EMULATOR_H
#define GENAI_EMULATOR_EMULATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "genai/base.h"

typedef struct emulator emulator;

typedef enum emulator_voice {
  EMULATOR_ECHO,  /* says back what it hears; calls functions that are named */
  EMULATOR_REPLAY /* plays a *.websocket.log back */
} emulator_voice;

/* Zeros are a good start: a TLS server that echoes, on a free port of 127.0.0.1, taking any key. Copied. */
typedef struct emulator_options {
  const char *host;   /* to listen on; NULL: 127.0.0.1 */
  int port;           /* 0: any that is free */
  bool allow_remote;  /* a host that is not loopback is refused without it */
  bool plain;         /* http and ws instead of https and wss */
  const char *ca_out; /* TLS: a file that gets the certificate to trust, as PEM */
  const char *cert;   /* TLS: a file that keeps the certificate over starts (cert.h); NULL: it is made anew */
  emulator_voice voice;
  const char *replay;             /* REPLAY: the file */
  const char *key;                /* the only API key or token taken; NULL: any that is not empty */
  const char *project, *location; /* Vertex: the only ones whose models may be used; NULL: any */
  bool credentials;               /* also be Google's OAuth token endpoint (POST /token) and metadata server (rest.h) */
  const char *transcript;         /* ECHO: what every utterance is heard to say; NULL: only its length is told */
  int64_t handle_lifetime_ms;     /* of a resumption handle after its session's end; 0: 2 hours, 24 on Vertex */
  bool index_from_zero;           /* transparent resumption: the first client message after the setup is 0, not 1 */
  const char *state;              /* a file that keeps the conversations that can be resumed, over a crash too; NULL: none */
  const char *scenario;           /* a file (scenario.h): answers told beforehand, and faults; NULL: none */
  const char *const *faults;      /* more faults (fault.h), a NULL after the last; NULL: none */
  bool chaos;                     /* random faults in every connection ... */
  uint64_t chaos_seed;            /* ... by this seed ... */
  uint64_t chaos_every_ms;        /* ... one about so often; 0: 5 s ... */
  const char *chaos_only;         /* ... of these names alone, a space between two; NULL: all */
  const char *ledger;             /* a file that gets a line for everything taken in and given out; NULL: none */
  void (*ledger_line)(void *user, const char *line); /* gets the same lines, on its thread; or NULL */
  uint64_t seed;                  /* of the ids that are given out */
  bool fast;                      /* answers come at once, not at the pace of speech */
  bool no_speech;                 /* texts are spoken as tones, also where espeak-ng is installed */
  void (*log)(void *user,
              const char *line);  /* what happens, a line at a time, without credentials; on its thread; or NULL */
  int64_t (*unix_ms)(void *user); /* the time, by which tokens expire; NULL: the system's. On the emulator's thread */
  void *user;                     /* of log, unix_ms and ledger_line */
} emulator_options;

/* Listens when it returns. The sentence of an error says what to do. */
genai_status emulator_start(emulator **e, const emulator_options *options, genai_error *error);
int emulator_port(const emulator *e);
const char *emulator_url(const emulator *e);    /* a base URL for clients: "https://127.0.0.1:43210"; until the stop */
const char *emulator_ca_pem(const emulator *e); /* the certificate to trust; NULL when plain; until the stop */
/* Lets a connection suffer a fault now (fault.h; the conditions of its `when` do not count): the one of that number, from
 * 1 in the order of upgrade requests; 0: all that are open. From any thread but the emulator's own. `suffering`, which may
 * be NULL, gets how many did. */
genai_status emulator_fault(emulator *e, unsigned connection, const char *fault, unsigned *suffering, genai_error *error);
/* The same for what is to come: one more step of the scenario, for connections from now on. */
genai_status emulator_add_fault(emulator *e, const char *fault, genai_error *error);
/* How many upgrade requests there were, and how many connections there are now. */
unsigned emulator_connections(emulator *e, unsigned *open);
/* Ends every session (1001) and the thread. Takes NULL. Never from `log`. */
void emulator_stop(emulator *e);

#endif
