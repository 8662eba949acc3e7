/* The setup message as the service understands it. */
#ifndef GENAI_EMULATOR_SETUP_H
#define GENAI_EMULATOR_SETUP_H

#include <jansson.h>
#include <stdbool.h>

#include "emulator/ear.h"

enum { SETUP_REASON_MAX = 512 };

/* Which service is played. */
typedef struct setup_backend {
  bool vertex;
  bool express;        /* Vertex with a key: models are named without a project */
  const char *version; /* of the API: "v1beta" */
  const char *project,
      *location; /* Vertex: the only ones whose models may be used; NULL: any. They outlive the session */
} setup_backend;

typedef struct setup {
  bool text; /* answers are text, not speech */
  ear_settings ear;
  bool interrupts;        /* the start of activity interrupts an answer */
  bool hears_transcript;  /* inputAudioTranscription */
  bool speaks_transcript; /* outputAudioTranscription */
  bool vad_signal;        /* explicitVadSignal */
  bool initial_history;   /* the first client contents are history, up to a turnComplete */
  char *source_text;      /* what the caller is expected to say (inputAudioTranscription.sourceText), or NULL */
  bool resumable;         /* sessionResumption: updates are wanted */
  bool transparent;       /* with the index of the last client message that they hold */
  char *model;
  char *handle;           /* of the conversation to go on with, or NULL */
  json_t *tools;          /* list, or NULL; owned */
  json_t *system;         /* Content, or NULL; owned */
} setup;

/* Reads a setup whose shape was checked. Returns 0, or the close code with which the service refuses it and its reason.
 */
int setup_read(setup *s, const setup_backend *backend, json_t *message, char reason[SETUP_REASON_MAX]);
void setup_deinit(setup *s);
/* Whether `model` names a model of the backend; `method` is what it is wanted for, as in "bidiGenerateContent". 0 or a
 * close code. */
int setup_check_model(const setup_backend *backend, const char *method, const char *model,
                      char reason[SETUP_REASON_MAX]);
/* Checks function declarations: names present, valid and not repeated. 0 or a close code. */
int setup_check_tools(json_t *tools, char reason[SETUP_REASON_MAX]);

#endif
