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
  emulator_voice voice;
  const char *replay;             /* REPLAY: the file */
  const char *key;                /* the only API key or token taken; NULL: any that is not empty */
  const char *project, *location; /* Vertex: the only ones whose models may be used; NULL: any */
  bool credentials;               /* also be Google's OAuth token endpoint (POST /token) and metadata server (rest.h) */
  const char *transcript;         /* ECHO: what every utterance is heard to say; NULL: only its length is told */
  int64_t handle_lifetime_ms;     /* of a resumption handle after its session's end; 0: 2 hours, 24 on Vertex */
  bool index_from_zero;           /* transparent resumption: the first client message after the setup is 0, not 1 */
  const char *state;              /* a file that keeps the conversations that can be resumed, over a crash too; NULL: none */
  uint64_t seed;                  /* of the ids that are given out */
  bool fast;                      /* answers come at once, not at the pace of speech */
  bool no_speech;                 /* texts are spoken as tones, also where espeak-ng is installed */
  void (*log)(void *user,
              const char *line);  /* what happens, a line at a time, without credentials; on its thread; or NULL */
  int64_t (*unix_ms)(void *user); /* the time, by which tokens expire; NULL: the system's. On the emulator's thread */
  void *user;                     /* of log and unix_ms */
} emulator_options;

/* Listens when it returns. The sentence of an error says what to do. */
genai_status emulator_start(emulator **e, const emulator_options *options, genai_error *error);
int emulator_port(const emulator *e);
const char *emulator_url(const emulator *e);    /* a base URL for clients: "https://127.0.0.1:43210"; until the stop */
const char *emulator_ca_pem(const emulator *e); /* the certificate to trust; NULL when plain; until the stop */
/* Ends every session (1001) and the thread. Takes NULL. Never from `log`. */
void emulator_stop(emulator *e);

#endif
