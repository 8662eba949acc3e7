/* --emulator: the service inside this process, on a loopback port of its own, with a certificate made for the run. */
#ifndef GENAI_CLI_LOCAL_H
#define GENAI_CLI_LOCAL_H

#include "cli/command.h"
#include "emulator/emulator.h"

typedef struct local_service {
  emulator *emulator;
  char url[64];
  char ca_file[256]; /* a temporary file, or "" */
} local_service;

/* fast: answers come at once, not at the pace of speech. */
genai_status local_service_start(local_service *l, bool fast, bool verbose, genai_error *error);
void local_service_stop(local_service *l); /* also when it was never started */

#endif
