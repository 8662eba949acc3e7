/* Know before dialing: what a setup asks of a model that the model is known not to take. The service answers such a setup with a
 * bare 1007; here each has its sentence. Unknown models, and what is not known of a model, pass. */
#ifndef GENAI_SRC_MODELS_MODELS_H
#define GENAI_SRC_MODELS_MODELS_H

#include "genai/types.h"

/* What the library knows by itself (table.c). */
extern const genai_model_table models_known;

/* The first row of `own` (may be NULL), then of models_known, that fits the model's name, whatever stands before its last slash;
 * NULL for an unknown model. */
const genai_model_traits *models_find(const genai_model_table *own, const char *model);

/* Calls `warn` with a whole sentence, reason and remedy, for each thing in the setup that the model does not take. */
void models_check(const genai_model_traits *traits, const genai_live_client_setup *setup,
                  void (*warn)(void *user, const char *sentence), void *user);

#endif
