/* What a run is to go through: answers that are told beforehand, and faults. A file of it is
 *
 *   { "answers": [ {"heard": "Where is it?", "say": "Over there."}, {"calls": [{"name": "find", "args": {"what": "it"}}]} ],
 *     "steps": [ {"do": "goAway", "connection": 1, "phase": "turn", "lead": "2s"}, {"do": "drop", "messages": 12} ] }
 *
 * and each --fault is one more step (fault.h). Chaos adds faults of its own to each connection. */
#ifndef GENAI_EMULATOR_SCENARIO_H
#define GENAI_EMULATOR_SCENARIO_H

#include "emulator/fault.h"

enum { SCENARIO_FAULTS_MAX = 64, SCENARIO_BYTES_MAX = 4 << 20 };

typedef struct scenario {
  fault faults[SCENARIO_FAULTS_MAX];
  unsigned fired[SCENARIO_FAULTS_MAX]; /* how often each one did, over all connections */
  size_t count;
  json_t *answers;      /* list, or NULL; owned. The n-th is of a conversation's n-th turn; none beyond */
  uint64_t chaos_ms;    /* a fault comes about so often in each connection; 0: no chaos */
  uint64_t chaos_seed;
  char *chaos_only;     /* names of faults, a space between two; NULL: all; owned */
} scenario;

/* Adds what the text says. The sentence of an error names the line, or the step, and what would be right. */
genai_status scenario_parse(scenario *s, const char *text, size_t size, genai_error *error);
genai_status scenario_load(scenario *s, const char *path, genai_error *error);
/* Adds a fault. */
genai_status scenario_add(scenario *s, const char *line, genai_error *error);
/* every_ms 0: 5 s. only: as chaos_only, or NULL. */
genai_status scenario_set_chaos(scenario *s, uint64_t seed, uint64_t every_ms, const char *only, genai_error *error);
void scenario_deinit(scenario *s);

#endif
