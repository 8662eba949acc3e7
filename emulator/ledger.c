#include "emulator/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "emulator/file.h"
#include "emulator/pjson.h"

enum { HEAD_BYTES = 16, KIND_MAX = 80 };

genai_status ledger_open(ledger *l, const char *path, genai_error *error) {
  if (!path) return GENAI_OK;
  l->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (l->fd >= 0) return GENAI_OK;
  return error_set(error, GENAI_ERROR_SYSTEM, "%s could not be opened: %s.", path, strerror(errno));
}

void ledger_close(ledger *l) {
  if (l->fd > 0) close(l->fd);
  *l = (ledger){0};
}

bool ledger_wanted(const ledger *l) { return l->fd > 0 || l->line; }

/* Takes over `record`. */
static void put(ledger *l, json_t *record) {
  char *text = l->line && record ? json_dumps(record, JSON_COMPACT) : NULL;
  if (text) l->line(l->user, text);
  if (record && l->fd > 0 && !l->failed) {
    l->failed = !file_write_line(l->fd, record, NULL);
    if (l->failed && l->log) l->log(l->user, "The ledger could not be written; it ends here.");
  }
  free(text);
  json_decref(record);
}

/* ---- what a client message is ---- */

/* FNV-1a of the bytes that a Blob holds, how many they are, and the first of them. */
static void describe_blob(json_t *record, json_t *blob) {
  buf bytes;
  char digest[24], head[HEAD_BYTES * 2 + 1] = "";
  uint64_t hash = 14695981039346656037u;
  json_t *data = pjson_get(blob, "data");
  buf_init(&bytes, SERVICE_MESSAGE_MAX);
  if (data) pjson_base64_decode(&bytes, json_string_value(data), json_string_length(data));
  for (size_t i = 0; i < bytes.size; i++) hash = (hash ^ bytes.data[i]) * 1099511628211u;
  for (size_t i = 0; i < bytes.size && i < HEAD_BYTES; i++) snprintf(head + 2 * i, 3, "%02x", bytes.data[i]);
  snprintf(digest, sizeof digest, "%016" PRIx64, hash);
  json_object_set_new(record, "size", json_integer((json_int_t)bytes.size));
  json_object_set_new(record, "digest", json_string(digest));
  json_object_set_new(record, "head", json_string(head));
  buf_deinit(&bytes);
}

static json_t *text_of_turns(json_t *turns) {
  buf text;
  json_t *content, *part;
  size_t i, k;
  buf_init(&text, SERVICE_MESSAGE_MAX);
  json_array_foreach(turns, i, content) {
    json_array_foreach(pjson_get(content, "parts"), k, part) {
      buf_text(&text, pjson_text(part, "text"));
    }
  }
  json_t *value = json_string(text.size ? buf_cstr(&text) : "");
  buf_deinit(&text);
  return value;
}

static json_t *ids_of(json_t *responses) {
  json_t *ids = json_array(), *response;
  size_t i;
  json_array_foreach(responses, i, response) {
    json_array_append_new(ids, json_string(pjson_text(response, "id")));
  }
  return ids;
}

static const char *describe_realtime(json_t *record, json_t *input) {
  static const char *const marks[] = {"activity_start", "activity_end", "audio_stream_end"};
  static const char *const names[] = {"activityStart", "activityEnd", "audioStreamEnd"};
  json_t *audio = pjson_get(input, "audio"), *video = pjson_get(input, "video"), *text = pjson_get(input, "text");
  if (text) json_object_set(record, "text", text);
  if (audio || video) describe_blob(record, audio ? audio : video);
  if (text || audio || video) return text ? "text" : audio ? "audio" : "video";
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    if (pjson_get(input, marks[i])) return names[i];
  }
  describe_blob(record, json_array_get(pjson_get(input, "media_chunks"), 0));
  return "media";
}

static void describe_client(json_t *record, json_t *message) {
  json_t *content = pjson_get(message, "client_content"), *realtime = pjson_get(message, "realtime_input");
  json_t *results = pjson_get(message, "tool_response");
  const char *kind = "contextUpdate";
  if (realtime) {
    kind = describe_realtime(record, realtime);
  } else if (content) {
    kind = "content";
    json_object_set_new(record, "text", text_of_turns(pjson_get(content, "turns")));
    json_object_set_new(record, "turnComplete", json_boolean(pjson_true(content, "turn_complete")));
  } else if (results) {
    kind = "toolResponse";
    json_object_set_new(record, "ids", ids_of(pjson_get(results, "function_responses")));
  }
  json_object_set_new(record, "kind", json_string(kind));
}

/* The first name at the top, and the first below it: serverContent.modelTurn. */
static void describe_server(json_t *record, const char *text, size_t size) {
  char kind[KIND_MAX] = "";
  size_t used = 0;
  const char *end = text + size;
  for (int level = 0; level < 2; level++) {
    while (text < end && (*text == '{' || *text == ' ' || *text == '\n')) text++;
    if (text == end || *text++ != '"') break;
    if (used) kind[used++] = '.';
    while (text < end && *text != '"' && used < KIND_MAX / 2) kind[used++] = *text++;
    while (text < end && (*text == '"' || *text == ':' || *text == ' ')) text++;
    if (text == end || *text != '{') break;
  }
  kind[used] = '\0';
  pjson_mend(kind);
  json_object_set_new(record, "kind", json_string(kind));
  json_object_set_new(record, "size", json_integer((json_int_t)size));
}

void ledger_event(ledger *l, unsigned connection, const service_event *event) {
  static const char *const names[] = {
      [SERVICE_BEGINS] = "begin", [SERVICE_RESUMES] = "resume", [SERVICE_TOOK] = "took", [SERVICE_SENT] = "sent", [SERVICE_ENDS] = "end"};
  json_t *record = json_pack("{s:s, s:i}", "event", names[event->kind], "connection", (int)connection);
  if (event->kind != SERVICE_SENT) {
    json_object_set_new(record, "conversation", json_integer((json_int_t)event->conversation));
    json_object_set_new(record, "position", json_integer((json_int_t)event->position));
  }
  if (event->kind == SERVICE_TOOK) {
    json_object_set_new(record, "index", json_integer(event->index));
    describe_client(record, event->message);
  }
  if (event->kind == SERVICE_SENT) describe_server(record, event->text, event->size);
  put(l, record);
}

void ledger_fault(ledger *l, unsigned connection, const char *name) {
  if (ledger_wanted(l))
    put(l, json_pack("{s:s, s:i, s:s}", "event", "fault", "connection", (int)connection, "fault", name));
}
