#include "auth/executable.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "genai/json.h"
#include "net/process.h"
#include "net/thread.h"

enum { WORDS_MAX = 32, OUTPUT_MAX = 64 * 1024, STEP_MS = 20, EMAIL_MAX = 256 };

struct executable {
  net_task task;
  net_loop *loop;
  const credential *credential;
  executable_done done;
  void *user;
  pthread_t thread;
  process process;
  atomic_bool aborted;
  bool posted; /* the thread's last word */
  buf output;
  genai_error error;
};

static void release(executable *x) {
  if (x->output.data) OPENSSL_cleanse(x->output.data, x->output.capacity);
  buf_deinit(&x->output);
  mem_free(x);
}

/* ---- on its thread ---- */

/* Whether there may be more. */
static bool drain(executable *x) {
  char data[4096];
  ssize_t got = read(x->process.out, data, sizeof data);
  if (got > 0) buf_append(&x->output, data, (size_t)got);
  OPENSSL_cleanse(data, sizeof data);
  return got > 0 ? !x->output.failed : got < 0 && (errno == EINTR || errno == EAGAIN);
}

static void explain(executable *x, bool ended, int status) {
  const credential *c = x->credential;
  if (x->output.full)
    error_set(&x->error, GENAI_ERROR_CREDENTIALS, "The program that %s names printed more than %d bytes.", c->source, (int)OUTPUT_MAX);
  else if (x->output.failed)
    error_memory(&x->error);
  else if (!ended)
    error_set(&x->error, GENAI_ERROR_CREDENTIALS, "The program that %s names did not end within %u ms.", c->source, c->subject_timeout_ms);
  else if (status > 128)
    error_set(&x->error, GENAI_ERROR_CREDENTIALS, "The program that %s names was ended by signal %d.", c->source, status - 128);
  else if (status)
    error_set(&x->error, GENAI_ERROR_CREDENTIALS, "The program that %s names failed with status %d.", c->source, status);
}

/* A program that reports a failure exits with one, too, and its own words say more. */
static bool speaks(executable *x) {
  const char *text = buf_cstr(&x->output);
  return text && genai_json_check(text, NULL) == GENAI_OK;
}

static void *run(void *argument) {
  executable *x = argument;
  const uint64_t deadline = uv_hrtime() / 1000000 + x->credential->subject_timeout_ms;
  struct pollfd out = {x->process.out, POLLIN, 0};
  bool open = true, ended = false;
  int status = 0;
  while (!atomic_load(&x->aborted) && !x->output.failed && !(ended && !open) && uv_hrtime() / 1000000 < deadline) {
    poll(&out, open && !ended, STEP_MS);
    ended = process_ended(&x->process, &status); /* before the last look at what it printed */
    while (open && (open = drain(x)) && ended && poll(&out, 1, 0) > 0) {}
    if (ended) open = false; /* whoever else holds the pipe is not waited for */
  }
  process_stop(&x->process, 1);
  close(x->process.out);
  if (!ended || x->output.failed || (status && !speaks(x))) explain(x, ended, status);
  x->posted = !atomic_load(&x->aborted);
  if (x->posted) net_loop_post(x->loop, &x->task);
  return NULL;
}

/* ---- on the loop's ---- */

static void finish(net_task *task) {
  executable *x = (executable *)((char *)task - offsetof(executable, task));
  if (!atomic_load(&x->aborted)) { /* else there is nobody to tell, and the thread has been joined */
    pthread_join(x->thread, NULL);
    const char *text = x->error.status == GENAI_OK ? buf_cstr(&x->output) : NULL;
    if (x->error.status == GENAI_OK && !text) error_memory(&x->error);
    x->done(x->user, &x->error, text);
  }
  release(x);
}

/* Words at blanks; "…" is one word. Google's libraries use no shell either. */
static size_t split(char *text, const char *words[WORDS_MAX + 1]) {
  static const char blank[] = " \t\r\n";
  size_t count = 0;
  for (text += strspn(text, blank); *text && count < WORDS_MAX; text += strspn(text, blank)) {
    bool quoted = *text == '"' && strchr(text + 1, '"');
    words[count++] = quoted ? ++text : text;
    text += strcspn(text, quoted ? "\"" : blank);
    if (*text) *text++ = '\0';
  }
  words[count] = NULL;
  return *text ? 0 : count;
}

/* Of ".../serviceAccounts/EMAIL:generateAccessToken". */
static void read_email(char email[EMAIL_MAX], const char *url) {
  const char *last = url ? strrchr(url, '/') : NULL;
  snprintf(email, EMAIL_MAX, "%.*s", last ? (int)strcspn(last + 1, ":") : 0, last ? last + 1 : "");
}

static genai_status start_process(executable *x, genai_error *error) {
  const credential *c = x->credential;
  const char *words[WORDS_MAX + 1];
  char email[EMAIL_MAX], *command = mem_strdup(c->subject_command);
  genai_error fault = {0};
  if (!command) return error_memory(error);
  read_email(email, c->impersonate_url);
  genai_string_pair pairs[6] = {{"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1"}, {"GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0"},
                                {"GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", c->audience},
                                {"GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", c->subject_type}};
  size_t count = 4;
  if (*email) pairs[count++] = (genai_string_pair){"GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL", email};
  if (c->subject_output) pairs[count++] = (genai_string_pair){"GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", c->subject_output};
  genai_status status = split(command, words) ? process_start(&x->process, words, &(genai_string_map){pairs, count}, &fault)
                        : error_set(&fault, GENAI_ERROR_CREDENTIALS, "Its command has no word, or more than %d.", WORDS_MAX);
  mem_free(command);
  if (status == GENAI_OK || status == GENAI_ERROR_MEMORY) return status == GENAI_OK ? status : error_memory(error);
  error_set(error, GENAI_ERROR_CREDENTIALS, "The program that %s names could not be run. %s", c->source, fault.message);
  if (error) error->os_error = fault.os_error;
  return GENAI_ERROR_CREDENTIALS;
}

genai_status executable_start(executable **out, net_loop *loop, const credential *c, executable_done done, void *user,
                              genai_error *error) {
  executable *x = mem_zalloc(sizeof *x);
  *out = NULL;
  if (!x) return error_memory(error);
  x->task.run = finish;
  x->loop = loop;
  x->credential = c;
  x->done = done;
  x->user = user;
  atomic_init(&x->aborted, false);
  buf_init(&x->output, OUTPUT_MAX);
  genai_status status = start_process(x, error);
  if (status != GENAI_OK) {
    release(x);
    return status;
  }
  process_end_input(&x->process);
  fcntl(x->process.out, F_SETFL, O_NONBLOCK);
  int failed = net_thread_start(&x->thread, run, x);
  if (failed) {
    process_stop(&x->process, 1);
    close(x->process.out);
    release(x);
    return error_set(error, GENAI_ERROR_SYSTEM, "No thread could be started to wait for a program: %s.", strerror(failed));
  }
  *out = x;
  return GENAI_OK;
}

/* Waits for the thread, a step of its clock and a kill: whoever aborts frees what it looks at. */
void executable_abort(executable *x) {
  if (!x) return;
  atomic_store(&x->aborted, true);
  pthread_join(x->thread, NULL);
  if (!x->posted) release(x); /* otherwise finish does */
}

/* ---- what it says ---- */

static genai_status nonsense(const credential *c, const char *what, genai_error *error) {
  return error_set(error, GENAI_ERROR_CREDENTIALS, "The program that %s names answered %s.", c->source, what);
}

static genai_status report(const credential *c, const char *text, genai_error *error) {
  char *code = genai_json_copy_string(text, "code"), *message = genai_json_copy_string(text, "message");
  error_set(error, GENAI_ERROR_CREDENTIALS, "The program that %s names has no token. It says: %.60s: %.400s", c->source,
            code ? code : "no code", message ? message : "no message.");
  mem_free(code);
  mem_free(message);
  return GENAI_ERROR_CREDENTIALS;
}

genai_status executable_token(char **token, const credential *c, const char *text, int64_t now_s, genai_error *error) {
  int64_t version = 0, end_s = 0;
  char type[80];
  bool success = false;
  *token = NULL;
  if (genai_json_check(text, NULL) != GENAI_OK) return nonsense(c, "with what is no JSON", error);
  if (!genai_json_get_int64(text, "version", &version) || version != 1) return nonsense(c, "in no version that is known here; 1 is", error);
  if (!genai_json_get_bool(text, "success", &success)) return nonsense(c, "without \"success\"", error);
  if (!success) return report(c, text, error);
  bool ends = genai_json_get_int64(text, "expiration_time", &end_s);
  if (!ends && c->subject_output) return nonsense(c, "without \"expiration_time\", which must be where it keeps an output_file", error);
  if (ends && end_s <= now_s) return nonsense(c, "with a token that has expired", error);
  if (!genai_json_get_string(text, "token_type", type, sizeof type)) return nonsense(c, "without \"token_type\"", error);
  bool saml = !strcmp(type, "urn:ietf:params:oauth:token-type:saml2");
  if (!saml && strcmp(type, "urn:ietf:params:oauth:token-type:jwt") != 0 && strcmp(type, "urn:ietf:params:oauth:token-type:id_token") != 0)
    return nonsense(c, "with a token of an unknown type", error);
  *token = genai_json_copy_string(text, saml ? "saml_response" : "id_token");
  if (*token && **token) return GENAI_OK;
  secret_free(*token);
  *token = NULL;
  return nonsense(c, saml ? "without \"saml_response\"" : "without \"id_token\"", error);
}
