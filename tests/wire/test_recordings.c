/* Every server message of the recorded conversations decodes, and is written back from the structs without losing a field;
 * so does every client message. */
#include <dirent.h>
#include <stdio.h>

#include <jansson.h>

#include "codec_support.h"
#include "json_equal.h"

static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  *size = (size_t)ftell(file);
  rewind(file);
  char *text = malloc(*size + 1);
  assert_int_equal(fread(text, 1, *size, file), *size);
  text[*size] = '\0';
  fclose(file);
  return text;
}

static void check_message(const char *name, const wire_message *type, const char *text, size_t size) {
  arena a;
  void *out;
  genai_error error = {0};
  json_error_t why;
  arena_init(&a, 1 << 24);
  if (read_bytes_as(&a, type, text, size, NULL, &out, &error) != GENAI_OK) fail_msg("%s: %s", name, error.message);
  char *back = written(type, out);
  json_t *before = json_loadb(text, size, 0, &why), *after = json_loads(back, JSON_REJECT_DUPLICATES, &why);
  assert_non_null(before);
  if (!after || !json_equal_by_value(before, after)) fail_msg("%s: %.*s became %s", name, (int)size, text, back);
  json_decref(before);
  json_decref(after);
  free(back);
  arena_deinit(&a);
}

/* `>LEN PAYLOAD` from the client, `<LEN PAYLOAD` from the server; LEN counts the final newline. */
static size_t check_recording(const char *path) {
  size_t size, count = 0;
  char *text = read_file(path, &size), *p = text;
  while (p < text + size) {
    char direction = *p, *end;
    assert_true(direction == '<' || direction == '>');
    size_t length = strtoul(p + 1, &end, 10);
    assert_int_equal(*end, ' ');
    assert_true(length && length <= (size_t)(text + size - end - 1));
    check_message(path, direction == '<' ? &wire_live_server_message : &wire_live_client_message, end + 1, length);
    p = end + 1 + length;
    count++;
  }
  free(text);
  return count;
}

static void test_recordings(void **state) {
  (void)state;
  static const char directory[] = PROJECT_DIR "/../shared/recordings";
  DIR *d = opendir(directory);
  if (!d) {
    print_message("skipped: %s is missing\n", directory);
    skip();
  }
  size_t files = 0, messages = 0;
  for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
    char path[4096];
    if (!strstr(entry->d_name, ".websocket.log")) continue;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    messages += check_recording(path);
    files++;
  }
  closedir(d);
  print_message("%zu recordings, %zu messages\n", files, messages);
  assert_true(files > 0 && messages >= files);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_recordings)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
