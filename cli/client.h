/* The client that the options ask for: of the service, or of an emulator inside this process. */
#ifndef GENAI_CLI_CLIENT_H
#define GENAI_CLI_CLIENT_H

#include "base/arena.h"
#include "cli/command.h"
#include "cli/local.h"
#include "genai/client.h"

/* Starts the emulator too, with --emulator (`fast`: its answers come at once) unless it was started before: local_service_stop in
 * every case, after the client is freed. */
genai_status client_make(genai_client **client, local_service *local, const settings *s, bool fast, arena *memory,
                         genai_error *error);

#endif
