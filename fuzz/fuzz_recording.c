/* Recorded sessions: what parses must be made of its own records, and play back against itself. */
#include <stdlib.h>
#include <string.h>

#include "emulator/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth) {
  if (!truth) abort();
}

/* The records, written down again, are the text: lengths may only have had leading zeros. */
static void check_records(const recording *r, size_t size) {
  size_t total = 0;
  for (size_t i = 0; i < r->count; i++) {
    const recording_record *record = &r->records[i];
    must(record->payload >= r->text && record->payload + record->size < r->text + size);
    must(record->payload[record->size] == '\n');
    total += record->size + 4; /* direction, a digit, space, newline */
  }
  must(total <= size);
}

static void check_replay(const recording *r) {
  service *s = service_new(&(service_options){.recording = r, .backend.version = "v1beta"});
  service_action action;
  if (!s) return;
  for (size_t i = 0; i < r->count; i++) {
    const recording_record *record = &r->records[i];
    if (record->client) {
      service_receive(s, 0, record->payload, record->size);
      continue;
    }
    if (!service_next(s, 0, &action) || action.kind == SERVICE_CLOSE) break; /* the client's record was no JSON */
    must(action.size == record->size && !memcmp(action.text, record->payload, record->size));
  }
  while (service_next(s, 0, &action)) {}
  service_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  recording r;
  genai_error error = {0};
  if (recording_parse(&r, (const char *)data, size, &error)) {
    must(*error.message && !r.records);
    return 0;
  }
  check_records(&r, size);
  check_replay(&r);
  recording_deinit(&r);
  return 0;
}
