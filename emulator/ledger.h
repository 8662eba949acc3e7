/* What the service took in and gave out, a JSON line each, for a proof that nothing was lost or doubled
 * (docs/emulator.md says what the lines mean). Loop thread only. */
#ifndef GENAI_EMULATOR_LEDGER_H
#define GENAI_EMULATOR_LEDGER_H

#include "emulator/service.h"
#include "genai/base.h"

typedef struct ledger {
  int fd; /* 0 or less: no file */
  void (*line)(void *user, const char *line); /* NULL: nobody */
  void (*log)(void *user, const char *line);  /* is told when the file cannot be written any more; NULL: nobody */
  void *user;                                 /* of both */
  bool failed; /* a line could not be written; nothing follows it in the file */
} ledger;

/* Opens the file to append to it; NULL: none. The callbacks are set already. */
genai_status ledger_open(ledger *l, const char *path, genai_error *error);
void ledger_close(ledger *l); /* takes zeros */
bool ledger_wanted(const ledger *l);
void ledger_event(ledger *l, unsigned connection, const service_event *event);
void ledger_fault(ledger *l, unsigned connection, const char *name);

#endif
