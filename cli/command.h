/* What the subcommands share: their description, the settings their options fill, the exit statuses. */
#ifndef GENAI_CLI_COMMAND_H
#define GENAI_CLI_COMMAND_H

#include "cli/option.h"
#include "genai/base.h"

/* Every exit status: name, number, what it means. */
#define EXIT_STATUS_LIST(X)                                                                                            \
  X(OK, 0, "Everything was done.")                                                                                     \
  X(FAILED, 1, "Something here failed: a line that decode could not read, a file that could not be read or written, "  \
               "no memory.")                                                                                           \
  X(USAGE, 2, "Nothing was sent: a wrong option, a configuration or parameters that the backend refuses, no API key.") \
  X(CONNECTION, 3, "No connection could be made, or it was lost: name, port, certificate, protocol.")                  \
  X(REFUSED, 4, "The service said no: the upgrade was refused, or the session was closed with an error.")              \
  X(TIMEOUT, 5, "The service did not connect or answer in time (see --timeout).")                                      \
  X(INTERRUPTED, 130, "Interrupted (SIGINT or SIGTERM); what had come until then was written.")                        \
  X(PIPE, 141, "The reader of standard output went away (SIGPIPE).")

typedef enum exit_status {
#define EXIT_STATUS_ENUM(name, number, text) STATUS_##name = (number),
  EXIT_STATUS_LIST(EXIT_STATUS_ENUM)
#undef EXIT_STATUS_ENUM
} exit_status;

/* One field for each option of any subcommand. */
typedef struct settings {
  bool help;
  bool json, verbose;
  /* a session */
  const char *model, *config, *setup_json, *system, *voice, *declare;
  bool express;
  text_list tool_results, tools, mcp;
  const char *reconnect, *resume;
  const char *key_file, *credentials_file, *access_token_file, *base_url, *api_version, *ca, *proxy, *no_proxy, *models;
  text_list headers;
  int64_t timeout_ms, keepalive_ms, keepalive_timeout_ms;
  bool emulator;
  /* talk and chat */
  const char *in, *out, *out_format, *audio_out;
  int64_t chunk_ms, rate_hz;
  bool fast, text;
  /* a session, setup, encode, decode */
  const char *backend, *project, *location;
  bool music;
  /* emulate */
  int64_t port, seed;
  bool allow_remote, plain, no_speech;
  const char *host, *ca_out, *cert, *answers, *replay, *transcript;
  bool oauth, index_from_zero;
  int64_t handle_life_ms, chaos_seed, chaos_every_ms;
  const char *state, *scenario, *chaos_only, *ledger;
  text_list faults;
  /* music */
  int64_t length_ms, bpm, top_k;
  const char *scale, *density, *brightness, *guidance, *temperature, *mode;
  bool mute_bass, mute_drums, only_bass_and_drums;
  /* bench */
  int64_t sessions, message_rate, duration_ms, message_size, ramp_ms, turn_ms, io_threads;
  bool own_server;
  /* token */
  int64_t uses;
  const char *expire, *new_session_expire;
  bool lock_set;
  text_list lock;
  operands rest;
} settings;

typedef struct command {
  const char *name;
  const char *operands;             /* "[TEXT]", or "" */
  size_t operands_min, operands_max;
  const char *summary;              /* after the name in the list; no full stop */
  const char *const *about;         /* paragraphs, ended by NULL */
  const char *const *examples;      /* command lines, ended by NULL */
  option_table options;
  exit_status (*run)(const settings *s);
} command;

extern const command talk_command, chat_command, music_command, token_command, setup_command, encode_command, decode_command,
    emulate_command, bench_command;

/* All subcommands, ended by NULL. */
extern const command *const commands[];
const command *command_find(const char *name);

/* A group that every subcommand has (--help). */
extern const option_group general_options;

#endif
