#include "emulator/recording.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "emulator/file.h"

static genai_status malformed(size_t at, const char *what, genai_error *error) {
  return error_set(error, GENAI_ERROR_ARGUMENT, "Not a recorded session: at byte %zu %s.", at, what);
}

static genai_status add(recording *r, size_t *capacity, recording_record record, genai_error *error) {
  if (r->count == RECORDING_RECORDS_MAX)
    return error_set(error, GENAI_ERROR_LIMIT, "The recorded session has more than %d records.", RECORDING_RECORDS_MAX);
  if (r->count == *capacity) {
    size_t more = *capacity ? *capacity * 2 : 16;
    recording_record *records = mem_realloc(r->records, more * sizeof *records);
    if (!records) return error_memory(error);
    r->records = records;
    *capacity = more;
  }
  r->records[r->count++] = record;
  return GENAI_OK;
}

/* Reads the record at *at and moves it behind. */
static genai_status read_record(const recording *r, size_t *at, recording_record *record, genai_error *error) {
  size_t i = *at, size = 0, digits = 0;
  if (r->text[i] != '>' && r->text[i] != '<') return malformed(i, "a record does not begin with > or <", error);
  record->client = r->text[i++] == '>';
  for (; i < r->size && r->text[i] >= '0' && r->text[i] <= '9' && digits < 10; i++, digits++)
    size = size * 10 + (size_t)(r->text[i] - '0');
  if (!digits || !size) return malformed(i, "a record's length is missing", error);
  if (i == r->size || r->text[i] != ' ') return malformed(i, "no space follows a record's length", error);
  i++;
  if (size > r->size - i) return malformed(i, "the text ends inside a record", error);
  if (r->text[i + size - 1] != '\n') return malformed(i + size - 1, "a record does not end in a newline", error);
  record->payload = r->text + i;
  record->size = size - 1;
  *at = i + size;
  return GENAI_OK;
}

genai_status recording_parse(recording *r, const char *text, size_t size, genai_error *error) {
  *r = (recording){0};
  if (size > RECORDING_BYTES_MAX)
    return error_set(error, GENAI_ERROR_LIMIT, "The recorded session is longer than %d bytes.", RECORDING_BYTES_MAX);
  genai_status status = GENAI_OK;
  size_t capacity = 0;
  r->text = mem_strndup(text, size);
  r->size = size;
  if (!r->text) status = error_memory(error);
  for (size_t at = 0; !status && at < size;) {
    recording_record record = {0};
    status = read_record(r, &at, &record, error);
    if (!status) status = add(r, &capacity, record, error);
  }
  if (!status && !r->count) status = malformed(0, "there is no record", error);
  if (status) recording_deinit(r);
  return status;
}

genai_status recording_load(recording *r, const char *path, genai_error *error) {
  *r = (recording){0};
  buf text;
  buf_init(&text, RECORDING_BYTES_MAX);
  genai_status status = file_read(&text, path, error);
  if (!status) status = recording_parse(r, (const char *)text.data, text.size, error);
  buf_deinit(&text);
  return status;
}

void recording_deinit(recording *r) {
  mem_free(r->text);
  mem_free(r->records);
  *r = (recording){0};
}

/* ---- comparing ---- */

/* Whether `text` fits `pattern`, in which each REDACTED stands for what lies between two slashes, or part of it. */
static bool fits(const char *pattern, const char *text) {
  static const char redacted[] = "REDACTED";
  const size_t size = sizeof redacted - 1;
  while (*pattern && strncmp(pattern, redacted, size)) {
    if (*pattern++ != *text++) return false;
  }
  if (!*pattern) return !*text;
  for (size_t n = 0;; n++) {
    if (fits(pattern + size, text + n)) return true;
    if (!text[n] || text[n] == '/') return false;
  }
}

static bool same(json_t *expected, json_t *actual, char *place, size_t size, size_t used);

static bool same_member(json_t *expected, json_t *actual, const char *name, char *place, size_t size, size_t used) {
  int more = snprintf(place + used, size - used, *name == '[' || !used ? "%s" : ".%s", name);
  size_t next = used + (more > 0 ? (size_t)more : 0);
  return same(expected, actual, place, size, next < size ? next : size - 1);
}

static bool same_object(json_t *expected, json_t *actual, char *place, size_t size, size_t used) {
  const char *key;
  json_t *value;
  json_object_foreach(expected, key, value) {
    if (!same_member(value, json_object_get(actual, key), key, place, size, used)) return false;
  }
  json_object_foreach(actual, key, value) {
    if (!json_object_get(expected, key) && !same_member(NULL, value, key, place, size, used)) return false;
  }
  return true;
}

static bool same_array(json_t *expected, json_t *actual, char *place, size_t size, size_t used) {
  size_t count = json_array_size(expected), other = json_array_size(actual);
  for (size_t i = 0; i < (count > other ? count : other); i++) {
    char name[32];
    snprintf(name, sizeof name, "[%zu]", i);
    if (!same_member(json_array_get(expected, i), json_array_get(actual, i), name, place, size, used)) return false;
  }
  return true;
}

static bool same(json_t *expected, json_t *actual, char *place, size_t size, size_t used) {
  bool equal = false;
  if (json_is_object(expected) && json_is_object(actual))
    equal = same_object(expected, actual, place, size, used);
  else if (json_is_array(expected) && json_is_array(actual))
    equal = same_array(expected, actual, place, size, used);
  else if (json_is_number(expected) && json_is_number(actual))
    equal = json_number_value(expected) == json_number_value(actual);
  else if (json_is_string(expected) && json_is_string(actual))
    equal = fits(json_string_value(expected), json_string_value(actual));
  else
    equal = expected && actual && json_typeof(expected) == json_typeof(actual);
  if (equal && used < size) place[used] = '\0';
  return equal;
}

bool recording_same(json_t *expected, json_t *actual, char *place, size_t size) {
  *place = '\0';
  return same(expected, actual, place, size, 0);
}
