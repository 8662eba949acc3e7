/* What a process holds, by /proc. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "soak.h"

static long count_entries(const char *path) {
  long count = 0;
  DIR *dir = opendir(path);
  if (!dir) return -1;
  for (const struct dirent *e; (e = readdir(dir));) count += e->d_name[0] != '.';
  closedir(dir);
  return count;
}

static long rss_kb(const char *path) {
  char line[256];
  long kb = -1;
  FILE *file = fopen(path, "re");
  while (file && fgets(line, sizeof line, file)) {
    if (sscanf(line, "VmRSS: %ld", &kb) == 1) break;
  }
  if (file) fclose(file);
  return kb;
}

vitals vitals_of(long pid) {
  char base[32], path[64];
  if (pid)
    snprintf(base, sizeof base, "/proc/%ld", pid);
  else
    snprintf(base, sizeof base, "/proc/self");
  vitals v;
  snprintf(path, sizeof path, "%s/status", base);
  v.rss_kb = rss_kb(path);
  snprintf(path, sizeof path, "%s/fd", base);
  v.descriptors = count_entries(path) - (pid ? 0 : 1); /* opendir's own */
  snprintf(path, sizeof path, "%s/task", base);
  v.threads = count_entries(path);
  return v;
}
