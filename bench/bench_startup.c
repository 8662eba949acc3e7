/* From the start of a process to setupComplete, with the shared library and a peer on this machine.
 *
 *   bench_startup [RUNS]              a table: plain and TLS, percentiles of RUNS processes
 *   bench_startup child PORT CA_FILE|-   what is measured: connects, writes the time it was open at, ends */
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure.h"
#include "bench/peer.h"
#include "cli/histogram.h"
#include "genai/live.h"

extern char **environ;

static void die(const char *what) {
  fprintf(stderr, "bench_startup: %s\n", what);
  exit(1);
}

static int child(const char *port, const char *ca_file) {
  genai_client *client = NULL;
  genai_live_session *session = NULL;
  genai_error error = {0};
  char url[64];
  bool tls = strcmp(ca_file, "-") != 0;
  snprintf(url, sizeof url, "%s://127.0.0.1:%s", tls ? "https" : "http", port);
  const genai_client_options options = {.api_key = "bench", .base_url = url, .ca_file = tls ? ca_file : NULL};
  if (genai_client_new(&client, &options, &error) != GENAI_OK ||
      genai_live_connect(client, &(genai_live_connect_params){.model = "sink"}, &session, NULL, &error) != GENAI_OK)
    die(error.message);
  uint64_t open = measure_now_ns();
  if (write(STDOUT_FILENO, &open, sizeof open) != sizeof open) die("its time could not be written");
  (void)genai_live_free(session);
  (void)genai_client_free(client);
  return 0;
}

/* Microseconds from before the process was made until it had its session. */
static int64_t run(const char *program, const peer *p) {
  posix_spawn_file_actions_t actions;
  char port[16], name[] = "child", *ca_file = p->tls ? (char *)(uintptr_t)p->ca_file : (char[]){"-"};
  char *argv[] = {(char *)(uintptr_t)program, name, port, ca_file, NULL};
  int ends[2], status;
  uint64_t open;
  pid_t pid;
  snprintf(port, sizeof port, "%d", p->port);
  if (pipe(ends) || posix_spawn_file_actions_init(&actions)) die("no pipe");
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  uint64_t start = measure_now_ns();
  if (posix_spawn(&pid, program, &actions, NULL, argv, environ)) die("no process");
  close(ends[1]);
  if (read(ends[0], &open, sizeof open) != sizeof open) die("it had no session");
  close(ends[0]);
  if (waitpid(pid, &status, 0) != pid || status) die("it did not end well");
  posix_spawn_file_actions_destroy(&actions);
  return (int64_t)(open - start) / 1000;
}

static double children_us(void) {
  struct rusage r;
  getrusage(RUSAGE_CHILDREN, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static void measure(const char *program, int tls, long runs) {
  static histogram all[2];
  histogram *h = &all[tls];
  peer p;
  if (peer_start(&p, tls)) exit(1);
  run(program, &p); /* the files are in the cache from here on */
  double cpu = children_us();
  for (long i = 0; i < runs; i++) histogram_add(h, run(program, &p));
  cpu = (children_us() - cpu) / (double)runs;
  printf("| %s | %.1f ms | %.1f ms | %.1f ms | %.1f ms |\n", tls ? "TLS" : "plain", (double)histogram_percentile(h, 10) / 1e3,
         (double)histogram_percentile(h, 50) / 1e3, (double)histogram_percentile(h, 90) / 1e3, cpu / 1e3);
  peer_stop(&p);
}

int main(int argc, char **argv) {
  if (argc == 4 && !strcmp(argv[1], "child")) return child(argv[2], argv[3]);
  long runs = argc > 1 ? atol(argv[1]) : 50;
  if (runs < 1) die("the number of runs is none");
  printf("| start to setupComplete, %ld runs | p10 | p50 | p90 | CPU of the process |\n|---|---|---|---|---|\n", runs);
  measure(argv[0], 0, runs);
  measure(argv[0], 1, runs);
  return 0;
}
