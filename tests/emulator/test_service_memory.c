/* A conversation in which each of our allocations fails once, for every n. (jansson's do not: json_loadb of 2.14
 * crashes when memory is out.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "audio/audio.h"
#include "emulator/pjson.h"
#include "emulator/service.h"

#define SETUP                                                                                                          \
  "{\"setup\":{\"model\":\"models/m\",\"inputAudioTranscription\":{\"sourceText\":\"hello there\"},"                   \
  "\"outputAudioTranscription\":{},\"systemInstruction\":{\"parts\":[{\"text\":\"x\"}]},\"tools\":[{"                  \
  "\"functionDeclarations\":[{\"name\":\"look_up\",\"parameters\":{\"type\":\"OBJECT\",\"properties\":{\"w\":{"        \
  "\"type\":\"STRING\"},\"n\":{\"type\":\"ARRAY\",\"items\":{\"type\":\"INTEGER\"}}},\"required\":[\"w\",\"n\"]}}]}]}" \
  "}"
#define ASK "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"look up for me 3\"}]}],\"turnComplete\":true}}"
#define TELL "{\"toolResponse\":{\"functionResponses\":[{\"id\":\"%s\",\"name\":\"look_up\",\"response\":{\"n\":1}}]}}"
#define UPDATE "{\"contextUpdate\":{\"tools\":{\"tools\":[]},\"systemInstruction\":{\"parts\":[]}}}"

static long countdown = -1; /* allocations before the one that fails; negative: none does */

static bool fails(void) { return countdown >= 0 && countdown-- == 0; }
static void *allocate(size_t size, void *user) { return (void)user, fails() ? NULL : malloc(size); }
static void *reallocate(void *memory, size_t size, void *user) {
  return (void)user, fails() ? NULL : realloc(memory, size);
}
static void release(void *memory, void *user) { (void)user, free(memory); }

static char *sound_message; /* 200 ms of a tone */

/* Pulls all there is; returns false after a close. Keeps the id of a call, and speaks what is to be spoken. */
static bool pull(service *s, char id[64]) {
  service_action action;
  int16_t samples[480];
  while (service_next(s, 0, &action)) {
    if (action.kind == SERVICE_CLOSE) {
      assert_true(action.code == 1011 || action.code == 1007);
      return false;
    }
    const char *found = strstr(action.text, "\"id\": \"");
    if (found) snprintf(id, 64, "%.*s", (int)strcspn(found + 7, "\""), found + 7);
    if (action.kind != SERVICE_SPEAK) continue;
    audio_tone(samples, 480, AUDIO_RATE_OUT, 300, 0.3);
    service_spoken(s, 0, action.id, samples, 480);
  }
  return true;
}

/* Whether the conversation came to its end. */
static bool converse(void) {
  const char *const messages[] = {
      SETUP, sound_message, "{\"realtimeInput\":{\"audioStreamEnd\":true}}", ASK, TELL, ASK, UPDATE, ASK};
  service *s = service_new(&(service_options){.backend.version = "v1beta", .fast = true});
  bool open = s != NULL;
  char id[64] = "none", message[8192];
  for (size_t i = 0; open && i < sizeof messages / sizeof *messages; i++) {
    const char *text = messages[i];
    if (strstr(text, "%s")) {
      snprintf(message, sizeof message, TELL, id);
      text = message;
    }
    service_receive(s, 0, text, strlen(text));
    open = pull(s, id);
  }
  service_free(s);
  return open;
}

/* Two sessions of one conversation, with updates of every kind. */
static bool resume(void) {
  static const char *const wrongs[] = {"updates lag delay=0", "updates stale", "updates eager", "answer silent", "duplicate",
                                       "goAway lead=1s end=never", "invalid truncated", "answer rejected"};
  conversations *all = conversations_new(&(conversations_options){.seed = 1});
  bool open = all != NULL;
  char handle[HANDLE_MAX] = "", text[400];
  for (int i = 0; open && i < 2; i++) {
    service *s = service_new(&(service_options){.backend.version = "v1beta", .fast = true, .conversations = all});
    open = s != NULL;
    service_action action;
    snprintf(text, sizeof text, "{\"setup\":{\"model\":\"models/m\",\"outputAudioTranscription\":{},\"sessionResumption\":{\"handle\":\"%s\"}}}", handle);
    for (size_t k = 0; open && k <= sizeof wrongs / sizeof *wrongs; k++) {
      fault f;
      service_receive(s, 0, k ? ASK : text, strlen(k ? ASK : text));
      while (open && service_next(s, 0, &action)) {
        const char *found = strstr(action.text, "\"newHandle\": \"");
        if (found && found[14] != '"') snprintf(handle, sizeof handle, "%.*s", (int)strcspn(found + 14, "\""), found + 14);
        if (action.kind == SERVICE_SPEAK) service_spoken(s, 0, action.id, NULL, 0);
        open = action.kind != SERVICE_CLOSE;
        if (!open) assert_true(action.code == 1011 || action.code == 1007);
      }
      if (open && k < sizeof wrongs / sizeof *wrongs && !fault_parse(&f, wrongs[k], NULL)) service_fault(s, 0, &f);
    }
    if (s) service_lost(s, 0);
    service_free(s);
  }
  conversations_free(all);
  return open;
}

/* The same for music: a few chunks. */
static bool play(void) {
  const char *const messages[] = {"{\"setup\":{\"model\":\"models/m\"}}",
                                  "{\"clientContent\":{\"weightedPrompts\":[{\"text\":\"forbidden\",\"weight\":1},{\"text\":\"a\",\"weight\":1}]}}",
                                  "{\"musicGenerationConfig\":{\"bpm\":90}}", "{\"playbackControl\":\"PLAY\"}"};
  service *s = service_new(&(service_options){.backend.version = "v1beta", .music = true, .fast = true});
  service_action action;
  bool open = s != NULL;
  for (size_t i = 0; open && i < sizeof messages / sizeof *messages; i++)
    service_receive(s, 0, messages[i], strlen(messages[i]));
  for (int i = 0; open && i < 5; i++) {
    open = service_next(s, 0, &action) && action.kind == SERVICE_SEND;
    if (!open) assert_int_equal(action.code, 1011);
  }
  service_free(s);
  return open;
}

static int prepare(void **state) {
  (void)state;
  static const genai_allocator failing = {allocate, reallocate, release, NULL};
  int16_t samples[3200];
  uint8_t bytes[6400];
  audio_tone(samples, 3200, AUDIO_RATE_IN, 300, 0.3);
  audio_pcm_write(bytes, samples, 3200);
  json_t *data = pjson_base64(bytes, sizeof bytes);
  size_t size = json_string_length(data) + 200;
  sound_message = malloc(size);
  snprintf(sound_message, size,
           "{\"realtimeInput\":{\"audio\":{\"mimeType\":\"audio/pcm;rate=16000\",\"data\":\"%s\"}}}",
           json_string_value(data));
  json_decref(data);
  genai_set_allocator(&failing);
  return 0;
}

static int restore(void **state) {
  (void)state;
  genai_set_allocator(NULL);
  free(sound_message);
  return 0;
}

static void fail_each(bool (*hold)(void), long least) {
  assert_true(hold());
  long n = 0;
  for (bool failed = true; failed; n++) {
    countdown = n;
    hold();
    failed = countdown < 0;
    countdown = -1;
  }
  print_message("%ld allocations\n", n - 1);
  assert_true(n > least);
  assert_true(hold());
}

static void every_failure_is_survived(void **state) {
  (void)state;
  fail_each(converse, 60);
  fail_each(resume, 60);
  fail_each(play, 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(every_failure_is_survived, prepare, restore)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
