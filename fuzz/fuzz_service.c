/* The emulator's echo voice against any client: each line of the input is a message; a first byte of V plays Vertex.
 * Whatever comes in, what goes out is JSON, pretty-printed, or a close with a code and reason that may be sent. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "emulator/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ACTIONS_MAX = 2000 };

static void must(bool truth) {
  if (!truth) abort();
}

static void check_message(const service_action *action) {
  json_t *message = json_loadb(action->text, action->size, JSON_ALLOW_NUL, NULL);
  must(json_is_object(message) && action->text[action->size - 1] == '\n');
  json_decref(message);
}

static void check_close(const service_action *action) {
  must(action->code == 1007 || action->code == 1008 || action->code == 1011);
  must(*action->text && utf8_valid((const uint8_t *)action->text, strlen(action->text)));
}

static char handle[HANDLE_MAX]; /* the newest that was given out */

static void keep_handle(const char *text) {
  const char *found = strstr(text, "\"newHandle\": \"");
  size_t size = found ? strcspn(found + 14, "\"") : 0;
  if (!size || size >= sizeof handle) return;
  memcpy(handle, found + 14, size);
  handle[size] = '\0';
}

/* Pulls what is due; the clock moves with every message by 100 ms. */
static void pull(service *s, uint64_t now_ms) {
  service_action action;
  int16_t samples[4800] = {0};
  for (int i = 0; i < ACTIONS_MAX && service_next(s, now_ms, &action); i++) {
    if (action.kind == SERVICE_SEND) keep_handle(action.text);
    if (action.kind == SERVICE_SEND)
      check_message(&action);
    else if (action.kind == SERVICE_CLOSE)
      check_close(&action);
    else
      service_spoken(s, now_ms, action.id, samples, 4800);
  }
  must(service_backlog(s) <= SERVICE_OUTBOX_MAX);
}

static void converse(const service_options *options, const char *first, const uint8_t *data, size_t size) {
  service *s = service_new(options);
  uint64_t now_ms = 0;
  if (!s) return;
  if (first) service_receive(s, now_ms, first, strlen(first));
  for (size_t at = 0; at < size; now_ms += 100) {
    const uint8_t *end = memchr(data + at, '\n', size - at);
    size_t length = end ? (size_t)(end - data) - at : size - at;
    service_receive(s, now_ms, (const char *)data + at, length);
    if (now_ms % 300 == 0) pull(s, now_ms);
    at += length + 1;
  }
  pull(s, now_ms + 1000000);
  service_lost(s, now_ms);
  service_free(s);
}

/* The conversation, and, when it gave out a handle, its second half again on top of its last state. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char first[400];
  bool vertex = size && *data == 'V';
  service_options options = {.backend = {.vertex = vertex, .version = "v1beta"}, .fast = size % 2, .index_first = 1,
                             .conversations = conversations_new(&(conversations_options){.seed = size})};
  if (!options.conversations) return 0;
  *handle = '\0';
  converse(&options, NULL, data + vertex, size - vertex);
  snprintf(first, sizeof first, "{\"setup\":{\"model\":\"%s\",\"sessionResumption\":{\"handle\":\"%s\"}}}",
           vertex ? "projects/p/locations/l/publishers/google/models/m" : "models/m", handle);
  if (*handle) converse(&options, first, data + size / 2, size - size / 2);
  conversations_free(options.conversations);
  return 0;
}
