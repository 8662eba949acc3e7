#include "bench/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

uint64_t measure_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double measure_cpu_s(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double measure_median(double *values, size_t count) {
  qsort(values, count, sizeof *values, by_value);
  return values[count / 2];
}

static void refuse(const char *what) {
  fprintf(stderr, "bench: the limit of open files cannot be %s\n", what);
  exit(1);
}

void measure_allow_descriptors(size_t sessions) {
  enum { OTHERS = 64 };
  struct rlimit limit;
  unsigned long long need = (unsigned long long)sessions + OTHERS;
  if (getrlimit(RLIMIT_NOFILE, &limit)) refuse("read");
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < need) {
    fprintf(stderr, "bench: %zu sessions need %llu descriptors, but a process may have %llu here. Ask for fewer, or raise the hard "
            "limit (ulimit -Hn).\n", sessions, need, (unsigned long long)limit.rlim_max);
    exit(1);
  }
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= need) return;
  limit.rlim_cur = (rlim_t)need;
  if (setrlimit(RLIMIT_NOFILE, &limit)) refuse("raised");
}
