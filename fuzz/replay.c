/* Feeds every file of a directory to a fuzzer's function, so that the ordinary test run replays what fuzzing found. */
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The file's bytes in memory of exactly their size, which sanitizers watch; NULL when it cannot be read. */
static uint8_t *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  uint8_t *data = NULL;
  long end = -1;
  if (file && fseek(file, 0, SEEK_END) == 0) end = ftell(file);
  if (end >= 0 && fseek(file, 0, SEEK_SET) == 0) data = malloc(end ? (size_t)end : 1);
  *size = end > 0 ? (size_t)end : 0;
  if (data && fread(data, 1, *size, file) != *size) {
    free(data);
    data = NULL;
  }
  if (file) fclose(file);
  return data;
}

static bool replay(const char *directory, const char *name) {
  char path[4096];
  size_t size;
  snprintf(path, sizeof path, "%s/%s", directory, name);
  uint8_t *data = read_file(path, &size);
  if (!data) {
    fprintf(stderr, "cannot read %s\n", path);
    return false;
  }
  fprintf(stderr, "%s\n", path); /* the last one printed is the one that crashed */
  LLVMFuzzerTestOneInput(data, size);
  free(data);
  return true;
}

int main(int argc, char **argv) {
  DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
  if (!directory) {
    fprintf(stderr, "usage: %s DIRECTORY (which must be readable)\n", argv[0]);
    return 2;
  }
  size_t count = 0, failed = 0;
  for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    if (replay(argv[1], entry->d_name)) count++;
    else failed++;
  }
  closedir(directory);
  printf("%zu inputs replayed from %s\n", count, argv[1]);
  return count && !failed ? 0 : 1;
}
