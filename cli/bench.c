/* genai-live bench: many sessions at once, to see what a server and this machine bear. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/error.h"
#include "cli/bench_report.h"
#include "cli/client.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/session_options.h"

enum { MEMORY_MAX = 4 << 20, SIZE_MAX_BYTES = 1 << 20, RATE_MAX = 10000 };

static bench_plan plan_of(const settings *s) {
  int64_t turn = s->message_rate * s->turn_ms / 1000;
  return (bench_plan){.model = s->model,
                      .sessions = (size_t)s->sessions,
                      .rate = s->message_rate,
                      .duration_us = s->duration_ms * 1000,
                      .ramp_us = s->ramp_ms * 1000,
                      .message_size = (size_t)s->message_size / 2 * 2,
                      .turn_messages = turn > 0 ? (uint64_t)turn : 1};
}

static int64_t children_us(void) {
  struct rusage r;
  if (getrusage(RUSAGE_CHILDREN, &r) != 0) return -1;
  return ((int64_t)r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
}

/* With the client made. */
static genai_status load(bench *b, report *r, const char *server, genai_error *error) {
  genai_status status = genai_cancel_new(&b->cancel, error);
  if (status == GENAI_OK) {
    interrupt_cancels(b->cancel);
    status = bench_open(b, error);
    if (status == GENAI_OK) bench_report_opened(r, b, server);
    if (status == GENAI_OK) status = bench_drive(b, error);
    bench_shut(b);
    interrupt_cancels(NULL);
  }
  return status;
}

/* What became of it: an interrupt, or the first session that did not go well. */
static exit_status outcome(const bench *b, report *r) {
  if (b->first_error.status == GENAI_OK) return b->interrupted ? STATUS_INTERRUPTED : STATUS_OK;
  say("%zu of %zu sessions could not be opened, %zu ended before they should. The first of them:", b->failed, b->plan.sessions, b->ended);
  exit_status status = report_error(r, &b->first_error);
  return status == STATUS_OK ? STATUS_REFUSED : status;
}

/* With the server there. */
static exit_status run(bench *b, local_service *local, const settings *s, report *r) {
  char server[320];
  genai_error error = {0};
  arena memory;
  arena_init(&memory, MEMORY_MAX);
  genai_status status = interrupt_start(&error);
  if (status == GENAI_OK) status = client_make(&b->client, local, s, false, &memory, &error);
  snprintf(server, sizeof server, "%s%s", s->emulator ? local->url : s->base_url,
           s->emulator ? ", an emulator in a process of its own" : "");
  if (status == GENAI_OK) status = load(b, r, server, &error);
  (void)genai_client_free(b->client);
  genai_cancel_free(b->cancel);
  local_service_stop(local);
  arena_deinit(&memory);
  if (status != GENAI_OK) return report_error(r, &error);
  bench_report(r, b, s->emulator ? children_us() : -1);
  return outcome(b, r);
}

static exit_status bench_run(const settings *given) {
  settings s = *given;
  local_service local = {0};
  genai_error error = {0};
  report r;
  s.emulator = s.emulator || s.base_url == NULL;
  report_init(&r, s.json ? REPORT_JSON : REPORT_TEXT);
  genai_status status = bench_check_target(&s, &error);
  if (status == GENAI_OK) status = bench_raise_limit((size_t)s.sessions, &error);
  if (status != GENAI_OK) return report_error(&r, &error);
  bench *b = calloc(1, sizeof *b);
  bench_session *sessions = calloc((size_t)s.sessions, sizeof *sessions);
  exit_status result;
  if (b == NULL || sessions == NULL) {
    result = say_error(&(genai_error){.status = GENAI_ERROR_MEMORY});
  } else if (s.emulator && s.base_url == NULL && local_service_fork(&local, false, s.verbose, &error) != GENAI_OK) {
    local_service_stop(&local);
    result = report_error(&r, &error);
  } else {
    b->plan = plan_of(&s);
    b->sessions = sessions;
    result = run(b, &local, &s, &r);
  }
  free(sessions);
  free(b);
  return result;
}

static const option bench_table[] = {
    {.name = "sessions", .letter = 'n', .kind = OPTION_NUMBER, .value = "NUMBER", .offset = offsetof(settings, sessions),
     .minimum = 1, .maximum = BENCH_SESSIONS_MAX, .initial = 10, .help = "How many sessions are held at once."},
    {.name = "rate", .letter = 'r', .kind = OPTION_NUMBER, .value = "NUMBER", .offset = offsetof(settings, message_rate),
     .maximum = RATE_MAX, .initial = 25,
     .help = "How many messages of sound each session sends in a second; 0 for idle sessions."},
    {.name = "size", .kind = OPTION_NUMBER, .value = "BYTES", .offset = offsetof(settings, message_size), .minimum = 2,
     .maximum = SIZE_MAX_BYTES, .initial = 1280,
     .help = "How much sound is in a message, 16-bit PCM at 16 kHz: 1280 bytes are 40 ms."},
    {.name = "duration", .letter = 'd', .kind = OPTION_SECONDS, .value = "SECONDS", .offset = offsetof(settings, duration_ms),
     .minimum = 1, .maximum = 86400000, .initial = 10000, .help = "How long they talk once all are open."},
    {.name = "ramp", .kind = OPTION_SECONDS, .value = "SECONDS", .offset = offsetof(settings, ramp_ms), .maximum = 86400000,
     .help = "Opens them evenly over so long; without it as fast as they open, 64 at a time."},
    {.name = "turn", .kind = OPTION_SECONDS, .value = "SECONDS", .offset = offsetof(settings, turn_ms), .minimum = 1,
     .maximum = 86400000, .initial = 2000, .help = "How long each speaks before it wants an answer, and then listens."},
    {.name = "io-threads", .kind = OPTION_NUMBER, .value = "NUMBER", .offset = offsetof(settings, io_threads), .minimum = 1,
     .maximum = 64, .initial = 1, .help = "How many I/O threads the client has."},
    {.name = "i-own-this-server", .kind = OPTION_FLAG, .offset = offsetof(settings, own_server),
     .help = "Lets --base-url be another machine than this one. Load only what is yours."},
    {.name = "model", .letter = 'm', .kind = OPTION_TEXT, .value = "NAME", .offset = offsetof(settings, model),
     .initial_text = "gemini-3.8-live", .help = "The model."},
};
static const option progress_table[] = {
    {.name = "json", .letter = 'j', .kind = OPTION_FLAG, .offset = offsetof(settings, json),
     .help = "Tells the figures as JSON Lines on standard output: opened, summary."},
    {.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .offset = offsetof(settings, verbose),
     .help = "Tells on standard error what the connections do."},
};
static const option_group load_group = OPTION_GROUP("Load", bench_table);
static const option_group progress_group = OPTION_GROUP("Progress", progress_table);
static const option_group *const bench_options[] = {&load_group, &connection_options, &progress_group, &general_options, NULL};

static const char *const about[] = {
    "Opens many sessions in one client, lets each of them send sound at a steady rate and receive what is answered, and tells what "
    "it took: the time to open them, percentiles of waiting times, messages and bytes, CPU, memory, descriptors. So a gateway can be "
    "sized before it is written.",
    "Without --base-url it starts an emulator, in a process of its own so that the figures are the client's; the address in the "
    "environment is not used. Any other server must be on this machine, or the user's own (--i-own-this-server).",
    "A session marks where it speaks (activityStart, activityEnd); \"question to answer\" is from the activityEnd to the first "
    "content of its answer, the server's own time included. \"sent behind schedule\" is how late messages were handed to the "
    "library: when it grows, this machine has more to do than it can. Ctrl-C ends the run with the figures so far.",
    NULL,
};
static const char *const examples[] = {
    "genai-live bench --sessions 1000 --rate 25 --duration 60",
    "genai-live bench --sessions 10000 --rate 0 --duration 30 --json",
    "genai-live bench --sessions 100 --base-url http://127.0.0.1:8080 --ramp 10", NULL};

const command bench_command = {
    .name = "bench", .operands = "", .summary = "load a server with many sessions, and measure", .about = about,
    .examples = examples, .options = bench_options, .run = bench_run,
};
