/* Any text is read as a server message; what is accepted is written, read and written again, and stays the same. The first
 * byte chooses among the other doors of the codec. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "genai/json.h"
#include "wire/loose.h"
#include "wire/merge.h"
#include "wire/reader.h"
#include "wire/scan.h"
#include "wire/sends.h"
#include "wire/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY_MAX = 16 << 20, TEXT_MAX = 16 << 20 };

static void must(int condition) {
  if (!condition) abort();
}

/* Reads and writes; false when the text is refused, which needs a sentence. */
static bool pass(const wire_message *type, const char *text, size_t size, buf *out) {
  arena a;
  void *value;
  genai_error error = {0};
  arena_init(&a, MEMORY_MAX);
  genai_status status = wire_read(&a, type, text, size, NULL, &value, &error);
  must(status == GENAI_OK ? value != NULL : value == NULL && error.status == status && error.message[0]);
  if (status == GENAI_OK) must(wire_write(out, type, value, NULL, &error) == GENAI_OK);
  arena_deinit(&a);
  return status == GENAI_OK;
}

static void round_trip(const wire_message *type, const char *text, size_t size) {
  buf once, twice;
  buf_init(&once, TEXT_MAX);
  buf_init(&twice, TEXT_MAX);
  if (pass(type, text, size, &once)) {
    must(wire_json_check(text, size, 0, NULL) == GENAI_OK);
    must(wire_json_check((const char *)once.data, once.size, 0, NULL) == GENAI_OK);
    must(pass(type, (const char *)once.data, once.size, &twice));
    must(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
  }
  buf_deinit(&once);
  buf_deinit(&twice);
}

static void send(genai_live_send_kind kind, const char *text, size_t size) {
  buf out;
  genai_error error = {0};
  buf_init(&out, TEXT_MAX);
  if (wire_send_json_write(&out, WIRE_BACKEND_GEMINI, kind, text, size, NULL, &error) == GENAI_OK)
    must(wire_json_check((const char *)out.data, out.size, 0, NULL) == GENAI_OK);
  else
    must(error.message[0] && !out.size);
  buf_deinit(&out);
}

/* The two halves of the text, laid over each other. */
static void merge(const char *text, size_t size) {
  buf out;
  size_t half = size / 2;
  buf_init(&out, TEXT_MAX);
  if (wire_merge(&out, text, half, text + half, size - half, "change", NULL) == GENAI_OK)
    must(wire_json_check((const char *)out.data, out.size, 0, NULL) == GENAI_OK);
  buf_deinit(&out);
}

static void get(const char *text, size_t size) {
  char out[64];
  int64_t value;
  char *copy = malloc(size + 1);
  if (!copy) return;
  memcpy(copy, text, size);
  copy[size] = '\0';
  char *path = strchr(copy, '\n'); /* the first line is the path */
  if (path) *path = '\0';
  genai_json_get_string(path ? path + 1 : "{}", copy, out, sizeof out);
  genai_json_get_int64(path ? path + 1 : "{}", copy, &value);
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  uint8_t door = size ? data[0] : 0;
  if (door >= 1 && door <= 4) {
    send((genai_live_send_kind)door, text + 1, size - 1);
  } else if (door == 5) {
    round_trip(&wire_live_connect_config, text + 1, size - 1);
  } else if (door == 6) {
    merge(text + 1, size - 1);
  } else if (door == 7) {
    get(text + 1, size - 1);
  } else {
    round_trip(&wire_live_server_message, text, size);
  }
  return 0;
}
