/* --emulator: the service inside this process or in one of its own, on a loopback port, with a certificate made for the run. */
#ifndef GENAI_CLI_LOCAL_H
#define GENAI_CLI_LOCAL_H

#include <sys/types.h>

#include "cli/command.h"
#include "emulator/emulator.h"

typedef struct local_service {
  emulator *emulator;
  char url[64];
  char ca_file[256]; /* a temporary file, or "" */
  pid_t pid;         /* of its process; 0: it is this one */
  int life_fd;       /* with a process: it ends when this does */
} local_service;

/* fast: answers come at once, not at the pace of speech. */
genai_status local_service_start(local_service *l, bool fast, bool verbose, genai_error *error);
/* The same in a process of its own. Only while this one has a single thread. */
genai_status local_service_fork(local_service *l, bool fast, bool verbose, genai_error *error);
void local_service_stop(local_service *l); /* also when it was never started */

#endif
