/* The configuration of a session from --config, what the options put over it, and the subcommand's defaults under it. */
#ifndef GENAI_CLI_SESSION_CONFIG_H
#define GENAI_CLI_SESSION_CONFIG_H

#include "base/arena.h"
#include "cli/command.h"
#include "genai/live.h"

typedef struct session_defaults {
  genai_modality modality;      /* when the configuration names none */
  bool transcribe_input, transcribe_output;
} session_defaults;

/* *config lives in the arena. */
genai_status session_config_make(const settings *s, const session_defaults *defaults, arena *a,
                                 const genai_live_connect_config **config, genai_error *error);
/* --setup-json's text in the arena, or NULL when it was not given. */
genai_status session_setup_json(const settings *s, arena *a, const char **text, genai_error *error);
/* The API key in --key-file, trimmed, in the arena; NULL when it was not given. */
genai_status session_key(const settings *s, arena *a, const char **key, genai_error *error);
/* The same of --access-token-file. */
genai_status session_access_token(const settings *s, arena *a, const char **token, genai_error *error);
/* --models' text in the arena; NULL when it was not given. */
genai_status session_models(const settings *s, arena *a, const char **text, genai_error *error);

#endif
