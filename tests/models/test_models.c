/* What a model is known not to take, and what passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "models/models.h"
#include "wire/reader.h"
#include "wire/tables.h"

typedef struct heard { unsigned count; char last[600]; } heard;

static void hear(void *user, const char *sentence) {
  heard *h = user;
  h->count++;
  strncpy(h->last, sentence, sizeof h->last - 1);
}

static heard check(const char *model, const char *setup_json) {
  heard h = {0};
  arena a;
  void *setup;
  genai_error error = {0};
  arena_init(&a, 1 << 20);
  if (wire_read(&a, &wire_live_client_setup, setup_json, strlen(setup_json), NULL, &setup, &error) != GENAI_OK)
    fail_msg("%s", error.message);
  models_check(models_find(NULL, model), setup, hear, &h);
  arena_deinit(&a);
  return h;
}

static void warned(const char *model, const char *setup_json, const char *part) {
  heard h = check(model, setup_json);
  if (h.count != 1 || !strstr(h.last, part)) fail_msg("%s: %u, \"%s\"", setup_json, h.count, h.last);
  assert_int_equal(h.last[strlen(h.last) - 1], '.');
}

static void fine(const char *model, const char *setup_json) {
  heard h = check(model, setup_json);
  if (h.count) fail_msg("%s: %s", setup_json, h.last);
}

static void finds(void **state) {
  (void)state;
  assert_string_equal(models_find(NULL, "gemini-3.8-live")->model, "gemini-3.8-live*");
  assert_string_equal(models_find(NULL, "models/gemini-3.8-live-001")->model, "gemini-3.8-live*");
  assert_string_equal(models_find(NULL, "gemini-3.8-live-extended-thinking")->model, "gemini-3.8-live-extended-thinking*");
  assert_string_equal(models_find(NULL, "projects/p/locations/l/publishers/google/models/gemini-live-2.5-flash-native-audio")->model,
                      "gemini-live-2.5-flash-native-audio*");
  assert_null(models_find(NULL, "gemini-9-live"));
  assert_null(models_find(NULL, NULL));
}

static void own_table_comes_first(void **state) {
  (void)state;
  const genai_model_traits mine = {.model = "gemini-3.8-live"}, newer = {.model = "gemini-9*"};
  const genai_model_traits *rows[] = {&mine, &newer};
  const genai_model_table table = {.models = {rows, 2}};
  assert_ptr_equal(models_find(&table, "gemini-3.8-live"), &mine);
  assert_ptr_equal(models_find(&table, "gemini-9-live"), &newer);
  assert_string_equal(models_find(&table, "gemini-3.8-live-001")->model, "gemini-3.8-live*");
}

static void warns(void **state) {
  (void)state;
  warned("gemini-3.8-live", "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"LOW\"}}}", "no thinkingConfig");
  warned("gemini-3.8-live", "{\"proactivity\":{\"proactiveAudio\":false}}", "always proactive");
  warned("gemini-3.8-live", "{\"generationConfig\":{\"enableAffectiveDialog\":false}}", "enableAffectiveDialog");
  warned("gemini-3.8-live-extended-thinking", "{\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"behavior\":\"BLOCKING\"}]}]}", "BLOCKING");
  warned("gemini-3.8-live-extended-thinking", "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"MINIMAL\"}}}", "thinkingLevel");
  warned("gemini-3.1-flash-live-preview", "{\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}}", "outputAudioTranscription");
  warned("gemini-3.1-flash-live-preview", "{\"proactivity\":{\"proactiveAudio\":true}}", "proactiveAudio");
  warned("gemini-3.1-flash-live-preview", "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":5}}}", "thinkingLevel");
  warned("gemini-3.1-flash-live-preview", "{\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"behavior\":\"NON_BLOCKING\"}]}]}", "NON_BLOCKING");
  warned("gemini-2.5-flash-native-audio-preview", "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"LOW\"}}}", "thinkingBudget");
  warned("gemini-2.0-flash-live-001", "{\"generationConfig\":{\"responseModalities\":[\"TEXT\",\"AUDIO\"]}}", "one modality");
}

static void passes(void **state) {
  (void)state;
  fine("gemini-9-live", "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"LOW\"},\"responseModalities\":[\"TEXT\",\"AUDIO\"]}}");
  fine("gemini-3.8-live", "{\"proactivity\":{\"proactiveAudio\":true},\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}]}");
  fine("gemini-3.8-live-extended-thinking", "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"HIGH\"}}}");
  fine("gemini-3.1-flash-live-preview", "{\"generationConfig\":{\"responseModalities\":[\"AUDIO\"],\"thinkingConfig\":{\"thinkingLevel\":\"MINIMAL\"}}}");
  fine("gemini-3.1-flash-live-preview", "{\"generationConfig\":{\"responseModalities\":[\"HOLOGRAM\"]}}");
  fine("gemini-2.5-flash-native-audio-preview", "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0},\"enableAffectiveDialog\":true}}");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(finds), cmocka_unit_test(own_table_comes_first), cmocka_unit_test(warns),
                                     cmocka_unit_test(passes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
