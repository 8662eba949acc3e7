#include "models/models.h"

#include <stdio.h>
#include <string.h>

#include "wire/tables.h"

enum { SENTENCE_MAX = 512 };

static bool fits(const char *pattern, const char *name) {
  size_t size = strlen(pattern);
  if (size && pattern[size - 1] == '*') return !strncmp(pattern, name, size - 1);
  return !strcmp(pattern, name);
}

static const genai_model_traits *find_in(const genai_model_table *table, const char *name) {
  for (size_t i = 0; table && i < table->models.count; i++)
    if (table->models.items[i]->model && fits(table->models.items[i]->model, name)) return table->models.items[i];
  return NULL;
}

const genai_model_traits *models_find(const genai_model_table *own, const char *model) {
  if (!model) return NULL;
  const char *slash = strrchr(model, '/'), *name = slash ? slash + 1 : model;
  const genai_model_traits *found = find_in(own, name);
  return found ? found : find_in(&models_known, name);
}

/* A check under way. */
typedef struct check {
  const genai_model_traits *traits;
  void (*warn)(void *user, const char *sentence);
  void *user;
} check;

static void say(const check *c, const char *what, const char *remedy) {
  char sentence[SENTENCE_MAX];
  snprintf(sentence, sizeof sentence, "Models \"%s\" %s; %s.", c->traits->model, what, remedy);
  c->warn(c->user, sentence);
}

static bool holds(const genai_enum_list *list, int32_t value) {
  for (size_t i = 0; i < list->count; i++)
    if (list->items[i] == value) return true;
  return false;
}

static void check_modalities(const check *c, const genai_enum_list *asked) {
  const genai_enum_list *known = &c->traits->response_modalities;
  for (size_t i = 0; known->count && i < asked->count; i++) {
    char what[96];
    if (!asked->items[i] || holds(known, asked->items[i])) continue;
    snprintf(what, sizeof what, "do not answer in %s", wire_enum_modality.texts[asked->items[i]]);
    say(c, what, asked->items[i] == GENAI_MODALITY_TEXT ? "ask for AUDIO and set outputAudioTranscription to have the words"
                                                        : "ask for another response modality");
    return;
  }
  if (asked->count > 1) say(c, "answer in one modality a session", "ask for one response modality");
}

static void check_thinking(const check *c, const genai_thinking_config *thinking) {
  const genai_model_traits *t = c->traits;
  if (t->thinking == GENAI_THINKING_CONTROL_NONE) say(c, "take no thinkingConfig", "leave it out");
  if (t->thinking == GENAI_THINKING_CONTROL_BUDGET && thinking->thinking_level)
    say(c, "have a thinkingBudget, not a thinkingLevel", "set thinkingBudget to a number of tokens");
  if (t->thinking == GENAI_THINKING_CONTROL_LEVEL && thinking->thinking_budget.has)
    say(c, "have a thinkingLevel, not a thinkingBudget", "set thinkingLevel");
  if (t->thinking == GENAI_THINKING_CONTROL_LEVEL && t->thinking_levels.count && thinking->thinking_level &&
      !holds(&t->thinking_levels, thinking->thinking_level))
    say(c, "do not know this thinkingLevel", "choose LOW, MEDIUM or HIGH");
}

static void check_generation(const check *c, const genai_generation_config *g) {
  check_modalities(c, &g->response_modalities);
  if (g->thinking_config) check_thinking(c, g->thinking_config);
  if (g->enable_affective_dialog.has && c->traits->affective_dialog == GENAI_ACCEPTANCE_REFUSED)
    say(c, "take no enableAffectiveDialog", "leave it out");
}

static void check_proactivity(const check *c, const genai_proactivity_config *p) {
  if (!p->proactive_audio.has) return;
  if (c->traits->proactivity == GENAI_ACCEPTANCE_REFUSED) say(c, "take no proactivity.proactiveAudio", "leave it out");
  if (c->traits->proactivity == GENAI_ACCEPTANCE_ALWAYS && !p->proactive_audio.value)
    say(c, "are always proactive, and take proactiveAudio false for an error", "leave it out");
}

static void check_tool(const check *c, const genai_tool *tool) {
  const genai_enum_list *known = &c->traits->behaviors;
  for (size_t i = 0; known->count && i < tool->function_declarations.count; i++) {
    int32_t behavior = tool->function_declarations.items[i]->behavior;
    if (!behavior || holds(known, behavior)) continue;
    if (behavior == GENAI_BEHAVIOR_BLOCKING) say(c, "refuse functions that are BLOCKING", "leave behavior out, or set NON_BLOCKING");
    else say(c, "wait for every function: NON_BLOCKING is refused", "leave behavior out");
    return;
  }
}

void models_check(const genai_model_traits *traits, const genai_live_client_setup *setup,
                  void (*warn)(void *user, const char *sentence), void *user) {
  const check c = {traits, warn, user};
  if (!traits || !setup) return;
  if (setup->generation_config) check_generation(&c, setup->generation_config);
  if (setup->proactivity) check_proactivity(&c, setup->proactivity);
  for (size_t i = 0; i < setup->tools.count; i++) check_tool(&c, setup->tools.items[i]);
}
