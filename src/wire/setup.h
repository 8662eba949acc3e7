/* The first message of a session: a model and a LiveConnectConfig become {"setup":{…}}. */
#ifndef GENAI_SRC_WIRE_SETUP_H
#define GENAI_SRC_WIRE_SETUP_H

#include "base/buf.h"
#include "genai/types.h"
#include "wire/writer.h"

typedef struct wire_setup_params {
  wire_backend backend;
  const char *model;                       /* required, unless `any_model` */
  bool any_model;                          /* a token may be bound to a setup without a model */
  const char *project, *location;          /* Vertex, unless `express` */
  bool express;                            /* Vertex with an API key: no project in the model's name */
  const genai_live_connect_config *config; /* or NULL */
  const char *config_json;                 /* the same as the SDKs' public JSON; not together with config */
  const genai_tool *tool;                  /* put behind the config's tools; or NULL */
  const char *setup_json;                  /* an object that is merged over the setup; or NULL */
} wire_setup_params;

/* Appends the message. GENAI_ERROR_ARGUMENT for everything that the service or the SDKs refuse, before anything is
 * dialed. */
GENAI_MUST_USE genai_status wire_setup_write(buf *out, const wire_setup_params *params, genai_error *error);

/* Appends the model's full name as the backend wants it. */
GENAI_MUST_USE genai_status wire_model_name(buf *out, const wire_setup_params *params, genai_error *error);

#endif
