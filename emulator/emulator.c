#include "emulator/emulator.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "emulator/cert.h"
#include "emulator/connection.h"
#include "emulator/state_file.h"
#include "net/http.h"

enum { URL_MAX = 300 };

/* Work for the loop's thread that somebody waits for. */
typedef struct errand {
  net_task task;
  void (*run)(emulator *e);
  bool done;
} errand;

struct emulator {
  emulator_options options; /* strings are owned */
  server server;
  cert cert;
  recording recording;
  state_file state;
  net_tls *tls;
  net_listener *listener;
  char url[URL_MAX];
  pthread_mutex_t errands; /* one at a time */
  pthread_mutex_t lock;
  pthread_cond_t wake;
  errand errand;
  genai_status status; /* of the errand */
  genai_error *error;
  fault fault; /* of the errand */
  unsigned number, count;
};

static void run_errand(net_task *task) {
  emulator *e = (emulator *)(void *)((char *)task - offsetof(emulator, errand.task));
  e->errand.run(e);
  pthread_mutex_lock(&e->lock);
  e->errand.done = true;
  pthread_cond_signal(&e->wake);
  pthread_mutex_unlock(&e->lock);
}

static void on_loop(emulator *e, void (*run)(emulator *e)) {
  e->errand = (errand){.task.run = run_errand, .run = run};
  net_loop_post(e->server.loop, &e->errand.task);
  pthread_mutex_lock(&e->lock);
  while (!e->errand.done) pthread_cond_wait(&e->wake, &e->lock);
  pthread_mutex_unlock(&e->lock);
}

/* ---- options ---- */

static int64_t system_unix_ms(void *user) {
  (void)user;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool copy_text(const char **text) {
  const char *from = *text;
  *text = mem_strdup(from);
  return !from || *text;
}

static genai_status copy_options(emulator *e, const emulator_options *options, genai_error *error) {
  emulator_options *o = &e->options;
  *o = *options;
  if (!o->host) o->host = "127.0.0.1";
  if (!o->unix_ms) o->unix_ms = system_unix_ms;
  const char **texts[] = {&o->host, &o->ca_out, &o->cert, &o->replay, &o->key, &o->transcript, &o->project, &o->location, &o->state,
                         &o->scenario, &o->chaos_only, &o->ledger};
  bool fine = true;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) fine = copy_text(texts[i]) && fine;
  return fine ? GENAI_OK : error_memory(error);
}

static void free_options(emulator_options *o) {
  const char *texts[] = {o->host, o->ca_out, o->cert, o->replay, o->key, o->transcript, o->project, o->location, o->state,
                         o->scenario, o->chaos_only, o->ledger};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) mem_free((char *)texts[i]);
}

static genai_status check_options(const emulator_options *o, genai_error *error) {
  if (o->port < 0 || o->port > 65535)
    return error_set(error, GENAI_ERROR_ARGUMENT, "%d is not a port. Use 1 to 65535, or 0 for any that is free.",
                     o->port);
  if (!o->allow_remote && !net_host_is_loopback(o->host))
    return error_set(
        error, GENAI_ERROR_ARGUMENT,
        "%s is not a loopback address. The emulator takes any key and answers anybody; allow remote clients "
        "only where that is meant.",
        o->host);
  if ((o->voice == EMULATOR_REPLAY) != (o->replay != NULL))
    return error_set(error, GENAI_ERROR_ARGUMENT,
                     "The replay voice and a recorded session go together: give both or neither.");
  if (o->plain && (o->ca_out || o->cert))
    return error_set(error, GENAI_ERROR_ARGUMENT,
                     "A plain emulator has no certificate to write or to keep. Leave out one of the two.");
  if (o->key && !*o->key) return error_set(error, GENAI_ERROR_ARGUMENT, "The key to be required is empty.");
  return GENAI_OK;
}

/* ---- starting ---- */

static void listen_errand(emulator *e) {
  e->status = net_listener_new(&e->listener, e->server.loop, e->options.host, e->options.port, e->tls,
                               connection_accept, &e->server, e->error);
}

/* An address that means "all of them" is reached by loopback. */
static void write_url(emulator *e) {
  const char *host = e->options.host;
  if (!strcmp(host, "0.0.0.0")) host = "127.0.0.1";
  if (!strcmp(host, "::")) host = "::1";
  bool brackets = strchr(host, ':') != NULL;
  snprintf(e->url, sizeof e->url, "%s://%s%s%s:%d", e->options.plain ? "http" : "https", brackets ? "[" : "", host,
           brackets ? "]" : "", net_listener_port(e->listener));
}

static genai_status start_conversations(emulator *e, genai_error *error) {
  const emulator_options *o = &e->options;
  e->server.conversations = conversations_new(&(conversations_options){
      .seed = o->seed, .lifetime_ms = o->handle_lifetime_ms, .record = o->state ? state_file_record : NULL, .user = &e->state});
  if (!e->server.conversations) return error_memory(error);
  e->state = (state_file){.log = o->log, .user = o->user};
  return o->state ? state_file_open(&e->state, o->state, e->server.conversations, o->unix_ms(o->user), error) : GENAI_OK;
}

static genai_status start_scenario(emulator *e, genai_error *error) {
  const emulator_options *o = &e->options;
  scenario *s = &e->server.scenario;
  genai_status status = o->scenario ? scenario_load(s, o->scenario, error) : GENAI_OK;
  for (size_t i = 0; !status && o->faults && o->faults[i]; i++) {
    genai_error why = {0};
    if (scenario_add(s, o->faults[i], &why))
      status = error_set(error, GENAI_ERROR_ARGUMENT, "Fault \"%.60s\": %s", o->faults[i], why.message);
  }
  if (!status && o->chaos) status = scenario_set_chaos(s, o->chaos_seed, o->chaos_every_ms, o->chaos_only, error);
  e->server.ledger = (ledger){.line = o->ledger_line, .log = o->log, .user = o->user};
  return status ? status : ledger_open(&e->server.ledger, o->ledger, error);
}

static genai_status start(emulator *e, genai_error *error) {
  const emulator_options *o = &e->options;
  genai_status status = check_options(o, error);
  if (!status && o->replay) {
    status = recording_load(&e->recording, o->replay, error);
    e->server.recording = &e->recording;
  }
  if (!status && !o->plain) {
    status = o->cert ? cert_keep(&e->cert, o->cert, o->host, o->unix_ms(o->user), error) : cert_make(&e->cert, o->host, error);
    if (!status) status = net_tls_server_new(&e->tls, e->cert.chain_pem, e->cert.key_pem, error);
  }
  e->server.rest = (rest_service){
      .tokens = tokens_new(o->seed), .key = o->key, .credentials = o->credentials, .project = o->project};
  if (!status && !e->server.rest.tokens) status = error_memory(error);
  if (!status) status = start_scenario(e, error);
  if (!status) status = start_conversations(e, error);
  if (!status) status = net_loop_new(&e->server.loop, error);
  if (!status) status = speaker_new(&e->server.speaker, e->server.loop, o->no_speech, connection_spoken, error);
  if (status) return status;
  e->error = error;
  on_loop(e, listen_errand);
  if (e->status) return e->status;
  write_url(e);
  return o->ca_out ? cert_write_file(o->ca_out, e->cert.ca_pem, error) : GENAI_OK;
}

genai_status emulator_start(emulator **out, const emulator_options *options, genai_error *error) {
  *out = NULL;
  emulator *e = mem_zalloc(sizeof *e);
  if (!e) return error_memory(error);
  pthread_mutex_init(&e->errands, NULL);
  pthread_mutex_init(&e->lock, NULL);
  pthread_cond_init(&e->wake, NULL);
  e->server.options = &e->options;
  genai_status status = copy_options(e, options, error);
  if (!status) status = start(e, error);
  if (status)
    emulator_stop(e);
  else
    *out = e;
  return status;
}

int emulator_port(const emulator *e) { return net_listener_port(e->listener); }
const char *emulator_url(const emulator *e) { return e->url; }
const char *emulator_ca_pem(const emulator *e) { return e->cert.ca_pem; }

/* ---- faults on demand ---- */

static void fault_errand(emulator *e) {
  e->count = 0;
  for (connection *c = e->server.connections, *next; c; c = next) {
    next = connection_next(c);
    if (e->number ? connection_number(c) != e->number : !connection_serves(c)) continue;
    connection_suffer(c, &e->fault);
    e->count++;
  }
}

genai_status emulator_fault(emulator *e, unsigned number, const char *text, unsigned *suffering, genai_error *error) {
  fault f;
  genai_status status = fault_parse(&f, text, error);
  if (suffering) *suffering = 0;
  if (status) return status;
  pthread_mutex_lock(&e->errands);
  e->fault = f;
  e->number = number;
  on_loop(e, fault_errand);
  if (suffering) *suffering = e->count;
  pthread_mutex_unlock(&e->errands);
  return GENAI_OK;
}

static void add_errand(emulator *e) {
  scenario *s = &e->server.scenario;
  e->status = s->count < SCENARIO_FAULTS_MAX ? GENAI_OK : GENAI_ERROR_LIMIT;
  if (e->status) return;
  fault *f = &s->faults[s->count++];
  *f = e->fault;
  if (f->first <= e->server.accepted) f->first = e->server.accepted + 1;
}

genai_status emulator_add_fault(emulator *e, const char *text, genai_error *error) {
  fault f;
  genai_status status = fault_parse(&f, text, error);
  if (status) return status;
  pthread_mutex_lock(&e->errands);
  e->fault = f;
  on_loop(e, add_errand);
  status = e->status;
  pthread_mutex_unlock(&e->errands);
  if (!status) return GENAI_OK;
  return error_set(error, status, "There are %d faults already.", SCENARIO_FAULTS_MAX);
}

static void count_errand(emulator *e) {
  e->number = e->server.accepted;
  e->count = e->server.count;
}

unsigned emulator_connections(emulator *e, unsigned *open) {
  pthread_mutex_lock(&e->errands);
  on_loop(e, count_errand);
  unsigned accepted = e->number;
  if (open) *open = e->count;
  pthread_mutex_unlock(&e->errands);
  return accepted;
}

/* ---- stopping ---- */

static void stop_errand(emulator *e) {
  net_listener_free(e->listener);
  for (connection *c = e->server.connections, *next; c; c = next) {
    next = connection_next(c);
    connection_end(c);
  }
}

void emulator_stop(emulator *e) {
  if (!e) return;
  if (e->server.loop) on_loop(e, stop_errand);
  if (e->server.speaker) speaker_stop(e->server.speaker);
  net_loop_free(e->server.loop);
  speaker_free(e->server.speaker);
  net_tls_drop(e->tls);
  tokens_free(e->server.rest.tokens);
  conversations_free(e->server.conversations);
  scenario_deinit(&e->server.scenario);
  ledger_close(&e->server.ledger);
  state_file_close(&e->state);
  recording_deinit(&e->recording);
  cert_deinit(&e->cert);
  free_options(&e->options);
  pthread_cond_destroy(&e->wake);
  pthread_mutex_destroy(&e->lock);
  pthread_mutex_destroy(&e->errands);
  mem_free(e);
}
