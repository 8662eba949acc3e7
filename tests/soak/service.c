#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "soak.h"

enum { ARGUMENTS_MAX = 40, GRACE_MS = 5000 };

/* The one that runs: it must not outlive us, whatever ends us. */
static volatile sig_atomic_t running;

void service_abandon(void) {
  if (running) kill((pid_t)running, SIGKILL);
}

static void on_signal(int number) {
  service_abandon();
  _exit(128 + number);
}

bool service_prepare(service_process *s, const char *program, const char *folder, bool ledger) {
  *s = (service_process){.program = program, .folder = folder};
  snprintf(s->ca, sizeof s->ca, "%s/ca.pem", folder);
  snprintf(s->cert, sizeof s->cert, "%s/cert.pem", folder);
  snprintf(s->ledger, sizeof s->ledger, "%s/ledger", folder);
  snprintf(s->state, sizeof s->state, "%s/state", folder);
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < 3; i++) sigaction(signals[i], &(struct sigaction){.sa_handler = on_signal}, NULL);
  if (!ledger) *s->ledger = '\0';
  return !ledger || mkfifo(s->ledger, 0600) == 0;
}

/* The line in which the emulator tells where it listens. */
static bool read_line(int fd, char *line, size_t size) {
  size_t used = 0;
  while (used + 1 < size) {
    ssize_t n = read(fd, line + used, 1);
    if (n <= 0) return false;
    if (line[used] == '\n') break;
    used++;
  }
  line[used] = '\0';
  return true;
}

bool service_begin(service_process *s, const char *const *more) {
  char port[16], line[1024];
  genai_error error = {0};
  const char *argv[ARGUMENTS_MAX] = {s->program, "emulate", "--json", "--no-speech", "--port", port, "--cert", s->cert, "--ca-out", s->ca};
  size_t count = 10;
  snprintf(port, sizeof port, "%d", s->port);
  if (*s->ledger) {
    argv[count++] = "--ledger";
    argv[count++] = s->ledger;
  }
  while (*more && count < ARGUMENTS_MAX - 1) argv[count++] = *more++;
  for (int tries = 0; tries < 20; tries++) {
    if (process_start(&s->child, argv, &(genai_string_map){0}, &error)) {
      fprintf(stderr, "soak: %s\n", error.message);
      return false;
    }
    running = (sig_atomic_t)s->child.pid;
    if (read_line(s->child.out, line, sizeof line)) break;
    service_kill(s); /* the port may be held for a moment after a kill */
    watch_sleep_ms(100);
  }
  const char *at = strstr(line, "\"port\"");
  if (!at || !(at = strchr(at, ':'))) return false;
  s->port = atoi(at + 1);
  snprintf(s->url, sizeof s->url, "https://127.0.0.1:%d", s->port);
  return s->port > 0;
}

void service_kill(service_process *s) {
  running = 0;
  kill(s->child.pid, SIGKILL);
  process_stop(&s->child, GRACE_MS);
  close(s->child.out);
}

bool service_end(service_process *s) {
  int status = -1;
  running = 0;
  kill(s->child.pid, SIGTERM);
  for (int i = 0; i < 500 && !process_ended(&s->child, &status); i++) watch_sleep_ms(10);
  process_stop(&s->child, GRACE_MS);
  close(s->child.out);
  return status == 0;
}
