/* genai-live emulate: the service on your own machine, until a signal ends it. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "cli/clock.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/session_config.h"
#include "emulator/emulator.h"

enum { MEMORY_MAX = 1 << 20 };

static void log_line(void *user, const char *line) {
  (void)user;
  say("%s", line);
}

static void tell(const settings *s, const emulator *e, report *r) {
  const char *url = emulator_url(e), *ca = s->plain ? NULL : s->ca_out;
  report_event(r, "listening", "{s:s,s:i,s:s?}", "url", url, "port", emulator_port(e), "ca", ca);
  report_note(r, "Listening on %s; Ctrl-C ends it. To point a client at it, Google's SDKs too:", url);
  report_note(r, "  export GOOGLE_GEMINI_BASE_URL=%s GEMINI_API_KEY=any", url);
  if (ca != NULL) report_note(r, "  export SSL_CERT_FILE=%s NODE_EXTRA_CA_CERTS=%s", ca, ca);
  else if (!s->plain) report_note(r, "Its certificate must be trusted: --ca-out FILE writes it, --plain does without TLS.");
}

static exit_status serve(const settings *s, const char *key, report *r) {
  const char *faults[TEXT_LIST_MAX + 1] = {0};
  for (size_t i = 0; i < s->faults.count; i++) faults[i] = s->faults.items[i];
  emulator_options options = {
      .host = s->host, .port = (int)s->port, .allow_remote = s->allow_remote, .plain = s->plain, .ca_out = s->ca_out,
      .cert = s->cert,
      .voice = s->replay != NULL ? EMULATOR_REPLAY : EMULATOR_ECHO, .replay = s->replay, .key = key,
      .transcript = s->transcript, .seed = (uint64_t)s->seed, .fast = s->fast, .no_speech = s->no_speech,
      .project = s->project, .location = s->location, .credentials = s->oauth,
      .handle_lifetime_ms = s->handle_life_ms, .index_from_zero = s->index_from_zero, .state = s->state,
      .scenario = s->scenario, .faults = faults, .ledger = s->ledger,
      .chaos = s->chaos_seed != 0, .chaos_seed = (uint64_t)s->chaos_seed, .chaos_every_ms = (uint64_t)s->chaos_every_ms,
      .chaos_only = s->chaos_only,
      .log = s->verbose ? log_line : NULL};
  genai_error error = {0};
  emulator *e = NULL;
  int stop;
  genai_status status = interrupt_start(&error);
  if (status == GENAI_OK) status = emulator_start(&e, &options, &error);
  if (status != GENAI_OK) return report_error(r, &error);
  tell(s, e, r);
  stop = interrupt_fd();
  clock_wait(&stop, 1, -1);
  emulator_stop(e);
  return STATUS_OK;
}

static exit_status emulate_run(const settings *s) {
  genai_error error = {0};
  const char *key = NULL;
  arena a;
  report r;
  if (strcmp(s->answers, "replay") == 0 && s->replay == NULL) {
    say("--voice replay needs the conversation: --replay FILE.");
    return STATUS_USAGE;
  }
  if (s->chaos_only != NULL && s->chaos_seed == 0) {
    say("--chaos-only needs --chaos SEED.");
    return STATUS_USAGE;
  }
  report_init(&r, s->json ? REPORT_JSON : REPORT_TEXT);
  arena_init(&a, MEMORY_MAX);
  exit_status status = session_key(s, &a, &key, &error) == GENAI_OK ? serve(s, key, &r) : report_error(&r, &error);
  arena_deinit(&a);
  return status;
}

static const option emulate_table[] = {
    {.name = "host", .kind = OPTION_TEXT, .value = "ADDRESS", .offset = offsetof(settings, host),
     .initial_text = "127.0.0.1", .help = "The address to listen on."},
    {.name = "port", .letter = 'p', .kind = OPTION_NUMBER, .value = "PORT", .offset = offsetof(settings, port),
     .maximum = 65535, .help = "The port to listen on; any that is free without it."},
    {.name = "allow-remote", .kind = OPTION_FLAG, .offset = offsetof(settings, allow_remote),
     .help = "Lets --host be an address that other machines can reach."},
    {.name = "plain", .kind = OPTION_FLAG, .offset = offsetof(settings, plain), .help = "No TLS: http and ws."},
    {.name = "ca-out", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, ca_out),
     .help = "Writes the certificate that clients must trust, PEM; it is made anew for each run without --cert."},
    {.name = "cert", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, cert),
     .help = "Keeps the certificate and its key in this file, PEM, so that clients trust the next run too; made where it is missing."},
    {.name = "key-file", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, key_file),
     .help = "Takes only the key in this file; any that is not empty without it."},
    {.name = "project", .kind = OPTION_TEXT, .value = "ID", .offset = offsetof(settings, project),
     .help = "On Vertex AI, lets in only models of this project."},
    {.name = "location", .kind = OPTION_TEXT, .value = "NAME", .offset = offsetof(settings, location),
     .help = "On Vertex AI, lets in only models of this location."},
    {.name = "credentials", .kind = OPTION_FLAG, .offset = offsetof(settings, oauth),
     .help = "Is also Google's OAuth token endpoint (/token) and metadata server, for tests of credentials."},
};
static const option answers_table[] = {
    {.name = "voice", .kind = OPTION_CHOICE, .value = "NAME", .offset = offsetof(settings, answers),
     .choices = "echo replay", .initial_text = "echo",
     .help = "echo answers with what it heard and calls functions that a text names; replay plays a recorded conversation."},
    {.name = "replay", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, replay),
     .help = "The conversation (*.websocket.log) that is played back, to a client that says the same."},
    {.name = "transcript", .kind = OPTION_TEXT, .value = "TEXT", .offset = offsetof(settings, transcript),
     .help = "What every utterance is heard to say; only its length is told without it."},
    {.name = "fast", .kind = OPTION_FLAG, .offset = offsetof(settings, fast),
     .help = "Answers come at once, not at the pace of speech."},
    {.name = "no-speech", .kind = OPTION_FLAG, .offset = offsetof(settings, no_speech),
     .help = "Texts are spoken as tones even if espeak-ng is installed."},
    {.name = "seed", .kind = OPTION_NUMBER, .value = "NUMBER", .offset = offsetof(settings, seed), .maximum = INT64_MAX,
     .help = "Of everything that looks random: the same seed, the same answers."},
};
static const option resumption_table[] = {
    {.name = "handle-life", .kind = OPTION_SECONDS, .value = "SECONDS", .offset = offsetof(settings, handle_life_ms),
     .maximum = INT64_C(31536000000),
     .help = "How long a conversation can be resumed after its session's end; 2 hours without it, 24 on Vertex AI."},
    {.name = "index-from-zero", .kind = OPTION_FLAG, .offset = offsetof(settings, index_from_zero),
     .help = "Transparent resumption counts the first client message after the setup as 0, not as 1."},
    {.name = "state", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, state),
     .help = "Keeps the conversations that can be resumed in this file, so that the next run knows them, after a crash too."},
};
static const option faults_table[] = {
    {.name = "fault", .letter = 'f', .kind = OPTION_LIST, .value = "FAULT", .offset = offsetof(settings, faults),
     .help = "What is to go wrong, as in: goAway after=5s lead=2s. May be repeated; docs/emulator.md has the list."},
    {.name = "scenario", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, scenario),
     .help = "Faults, and answers told beforehand, as JSON: {\"answers\": [...], \"steps\": [{\"do\": \"goAway\", ...}]}."},
    {.name = "chaos", .kind = OPTION_NUMBER, .value = "SEED", .offset = offsetof(settings, chaos_seed), .maximum = INT64_MAX,
     .help = "Random faults in every connection, the same ones for the same seed; none for 0."},
    {.name = "chaos-every", .kind = OPTION_SECONDS, .value = "SECONDS", .offset = offsetof(settings, chaos_every_ms),
     .initial = 5000, .minimum = 1, .maximum = 86400000, .help = "About how often in each connection."},
    {.name = "chaos-only", .kind = OPTION_TEXT, .value = "NAMES", .offset = offsetof(settings, chaos_only),
     .help = "Which faults chaos may choose, a space between two, as in: drop reset goAway."},
    {.name = "ledger", .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, ledger),
     .help = "Appends a JSON line for every message taken in and given out."},
};
static const option progress_table[] = {
    {.name = "json", .letter = 'j', .kind = OPTION_FLAG, .offset = offsetof(settings, json),
     .help = "Tells where it listens as one JSON line on standard output: url, port, ca."},
    {.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .offset = offsetof(settings, verbose),
     .help = "Tells on standard error what happens."},
};
static const option_group service_group = OPTION_GROUP("Service", emulate_table);
static const option_group answers_group = OPTION_GROUP("Answers", answers_table);
static const option_group resumption_group = OPTION_GROUP("Resumption", resumption_table);
static const option_group faults_group = OPTION_GROUP("Faults", faults_table);
static const option_group progress_group = OPTION_GROUP("Progress", progress_table);
static const option_group *const emulate_options[] = {&service_group, &answers_group, &resumption_group, &faults_group,
                                                      &progress_group, &general_options, NULL};

static const char *const about[] = {
    "Plays the Live API on your own machine: for development without a key or a bill, and for tests. It takes what the service "
    "takes and refuses what it refuses, with the same close codes and words, over TLS with a certificate of its own.",
    "It tells where it listens and how to point a client at it, and runs until SIGINT or SIGTERM ends it with status 0.",
    NULL,
};
static const char *const examples[] = {
    "genai-live emulate --port 8443 --ca-out ca.pem",
    "genai-live emulate --port 8443 --cert emulator.pem --ca-out ca.pem --state conversations",
    "genai-live emulate --plain --port 8080 --replay conversation.websocket.log",
    "genai-live emulate --fault \"goAway after=5s lead=2s\" --fault \"drop phase=turn connection=2\"", NULL};

const command emulate_command = {
    .name = "emulate", .operands = "", .summary = "be the Live API on this machine", .about = about, .examples = examples,
    .options = emulate_options, .run = emulate_run,
};
