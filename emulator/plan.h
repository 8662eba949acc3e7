/* Which faults a connection suffers, and when: those of the scenario that concern it, and what chaos draws for it. Pure:
 * what the connection is at goes in, faults that are due come out. The same seed and the same course, the same faults. */
#ifndef GENAI_EMULATOR_PLAN_H
#define GENAI_EMULATOR_PLAN_H

#include "emulator/scenario.h"

/* What a connection is at. */
typedef struct plan_view {
  unsigned phases; /* FAULT_BIT of each that holds */
  unsigned turns;  /* that were begun */
  unsigned messages;
  uint64_t bytes; /* written */
} plan_view;

typedef struct plan_item {
  bool done;
  bool waits;       /* all but the time is true ... */
  uint64_t since_ms; /* ... since then */
} plan_item;

typedef struct plan {
  scenario *scenario;
  unsigned connection;
  plan_item items[SCENARIO_FAULTS_MAX];
  uint64_t random;
  fault drawn; /* by chaos, its next one */
  plan_item chaos;
  uint64_t drawn_ms; /* when; what does not come about is drawn again */
  fault parting;     /* by chaos, for the client's close */
  plan_item parts;
} plan;

/* connection: its number, from 1. */
void plan_init(plan *p, scenario *s, unsigned connection, uint64_t now_ms);
/* The next fault that is due, once; NULL when none is. Valid until the next call. */
const fault *plan_next(plan *p, uint64_t now_ms, const plan_view *view);
uint64_t plan_deadline(const plan *p); /* as far as it depends on the time alone; FAULT_NEVER */
/* How many bytes may be written before a fault that counts them has to be asked for. */
uint64_t plan_bytes(const plan *p, uint64_t written);

#endif
