/* Plays a recorded session back: the service's records are sent in their order, each of the client's must come again,
 * equal as JSON. After the last one the connection stays until the client closes it. */
#include <string.h>

#include "base/memory.h"
#include "emulator/voice.h"

enum { PLACE_MAX = 200 };

typedef struct replay {
  service *service;
  const recording *recording;
  size_t sent; /* records before this one were sent, or are the client's */
  size_t gate; /* the client's record that is waited for; what lies before it may be sent */
} replay;

static size_t next_of_client(const replay *r, size_t at) {
  while (at < r->recording->count && !r->recording->records[at].client) at++;
  return at;
}

static void *create(service *s) {
  replay *r = mem_zalloc(sizeof *r);
  if (!r) return NULL;
  r->service = s;
  r->recording = service_options_of(s)->recording;
  r->gate = next_of_client(r, 0);
  return r;
}

static void destroy(void *voice) { mem_free(voice); }

/* The reason's first words are those of Google's own test server; a close frame has room for 123 bytes. */
static void compare(replay *r, json_t *expected, json_t *actual) {
  char place[PLACE_MAX];
  if (!actual) {
    service_close(r->service, 1011, "input chunk mismatch: record %zu: not JSON", r->gate + 1);
  } else if (!recording_same(expected, actual, place, sizeof place)) {
    service_close(r->service, 1011, "input chunk mismatch: record %zu differs at %s", r->gate + 1,
                  *place ? place : "its root");
  }
}

static void receive(void *voice, uint64_t now_ms, const char *text, size_t size) {
  (void)now_ms;
  replay *r = voice;
  if (r->gate == r->recording->count) {
    service_close(r->service, 1011, "input chunk mismatch: the recorded client sent nothing more");
    return;
  }
  const recording_record *record = &r->recording->records[r->gate];
  const size_t flags = JSON_ALLOW_NUL | JSON_DECODE_ANY;
  json_t *expected = json_loadb(record->payload, record->size, flags, NULL);
  json_t *actual = json_loadb(text, size, flags, NULL);
  compare(r, expected, actual);
  json_decref(expected);
  json_decref(actual);
  r->gate = next_of_client(r, r->gate + 1);
}

static void spoken(void *voice, uint64_t now_ms, uint64_t id, const int16_t *samples, size_t count) {
  (void)voice, (void)now_ms, (void)id, (void)samples, (void)count;
}

static void next(void *voice, uint64_t now_ms) {
  (void)now_ms;
  replay *r = voice;
  while (r->sent < r->gate) {
    const recording_record *record = &r->recording->records[r->sent++];
    if (record->client) continue;
    service_send_text(r->service, record->payload, record->size);
    return;
  }
}

static uint64_t deadline(const void *voice) {
  const replay *r = voice;
  return r->sent < r->gate ? 0 : SERVICE_NEVER;
}

const voice_class voice_replay = {create, destroy, receive, spoken, next, deadline, NULL, NULL, NULL};
