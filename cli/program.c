#include "cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/utf8.h"
#include "cli/output.h"
#include "cli/tools.h"
#include "net/process.h"

/* How often it is looked whether the call was cancelled or the program has ended; what it may write. */
enum { STEP_MS = 20, OUTPUT_MAX = 4 << 20, TAIL_MAX = 512, KILL_MS = 1 };

typedef struct run {
  process process;
  const char *args;       /* what of the arguments it has not read yet */
  size_t args_size;
  buf output;
  char tail[TAIL_MAX + 1]; /* the end of what it wrote to standard error */
  size_t tail_size;
} run;

/* ---- the pipes ---- */

static void feed(run *r) {
  while (r->process.in >= 0 && r->args_size > 0) {
    ssize_t put = write(r->process.in, r->args, r->args_size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return;
    if (put < 0) break; /* it does not care for them */
    r->args += put;
    r->args_size -= (size_t)put;
  }
  process_end_input(&r->process);
}

static void keep_tail(run *r, const char *data, size_t size) {
  if (size > TAIL_MAX) data += size - TAIL_MAX, size = TAIL_MAX;
  size_t kept = r->tail_size + size > TAIL_MAX ? TAIL_MAX - size : r->tail_size;
  memmove(r->tail, r->tail + r->tail_size - kept, kept);
  memcpy(r->tail + kept, data, size);
  r->tail_size = kept + size;
}

/* Reads what is there; at its end the descriptor is closed and becomes -1. */
static void drain(run *r, int *fd) {
  char data[4096];
  while (*fd >= 0) {
    ssize_t got = read(*fd, data, sizeof data);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      close(*fd);
      *fd = -1;
    } else if (fd == &r->process.out) {
      if (!buf_append(&r->output, data, (size_t)got)) return;
    } else {
      fwrite(data, 1, (size_t)got, stderr);
      keep_tail(r, data, (size_t)got);
    }
  }
}

/* Until it has ended: true, with its exit status; or was cancelled, or wrote too much. */
static bool attend(run *r, const genai_cancel *cancel, int *status) {
  for (bool over = false; !genai_cancel_fired(cancel) && !r->output.failed;) {
    struct pollfd fds[] = {{r->process.in, POLLOUT, 0}, {r->process.out, POLLIN, 0}, {r->process.err, POLLIN, 0}};
    if (!over) poll(fds, 3, STEP_MS);
    feed(r);
    drain(r, &r->process.out);
    drain(r, &r->process.err);
    if (over) return !r->output.failed;
    over = process_ended(&r->process, status); /* once more for what it wrote last */
  }
  return false;
}

/* ---- what came of it ---- */

/* The last line of the tail that is not blank, valid UTF-8; NULL: none. */
static const char *last_line(run *r) {
  static const char blank[] = " \t\r\n";
  while (r->tail_size > 0 && strchr(blank, r->tail[r->tail_size - 1]) != NULL) r->tail_size--;
  r->tail[r->tail_size] = '\0';
  char *line = strrchr(r->tail, '\n');
  line = line != NULL ? line + 1 : r->tail;
  if (!utf8_valid((const uint8_t *)line, strlen(line))) {
    for (char *c = line; *c != '\0'; c++) *c = (unsigned char)*c < 0x80 ? *c : '?';
  }
  return *line != '\0' ? line : NULL;
}

static genai_status explain(run *r, const genai_tool_invocation *call, int status, genai_error *error) {
  const char *line = last_line(r);
  if (status > 128 && line == NULL)
    return error_set(error, GENAI_ERROR_SERVICE, "The function \"%s\" was ended by signal %d.", call->name, status - 128);
  return error_set(error, GENAI_ERROR_SERVICE, "The function \"%s\" failed with status %d%s%s", call->name, status,
                   line != NULL ? ": " : ".", line != NULL ? line : "");
}

/* An object as it is; anything else, and text that is no JSON, as {"result": …}. */
static genai_status answer(run *r, const genai_tool_invocation *call, genai_error *error) {
  const char *text = (const char *)r->output.data;
  size_t size = r->output.size;
  json_t *value = size > 0 ? json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
  while (value == NULL && size > 0 && strchr("\r\n", text[size - 1]) != NULL) size--;
  if (value == NULL) value = json_stringn(size > 0 ? text : "", size);
  if (value == NULL)
    return error_set(error, GENAI_ERROR_MESSAGE, "The function \"%s\" wrote what is no text.", call->name);
  arena a;
  arena_init(&a, (size_t)OUTPUT_MAX * 8);
  const char *json = tools_object_text(value, "result", &a);
  genai_status status = json != NULL ? genai_tool_answer(call, &(genai_tool_result){.response_json = json}, error)
                                     : error_memory(error);
  arena_deinit(&a);
  json_decref(value);
  return status;
}

static genai_status hold(run *r, const genai_tool_invocation *call, genai_error *error) {
  int status = 0;
  int fds[] = {r->process.in, r->process.out, r->process.err};
  for (int i = 0; i < 3; i++) fcntl(fds[i], F_SETFL, O_NONBLOCK);
  bool ended = attend(r, call->cancel, &status);
  process_stop(&r->process, KILL_MS);
  if (r->output.failed)
    return error_set(error, GENAI_ERROR_LIMIT, "The function \"%s\" wrote more than %d bytes.", call->name, OUTPUT_MAX);
  if (!ended) return error_set(error, GENAI_ERROR_CANCELLED, "The function \"%s\" was ended.", call->name);
  return status != 0 ? explain(r, call, status, error) : answer(r, call, error);
}

genai_status program_call(const genai_tool_invocation *call, genai_error *error) {
  const program *p = call->user;
  run r = {.args = call->args_json, .args_size = strlen(call->args_json)};
  buf_init(&r.output, OUTPUT_MAX);
  genai_status status = process_start_captured(&r.process, p->argv, &(genai_string_map){0}, error);
  if (status == GENAI_OK) {
    status = hold(&r, call, error);
    if (r.process.out >= 0) close(r.process.out);
    if (r.process.err >= 0) close(r.process.err);
  }
  buf_deinit(&r.output);
  if (status != GENAI_OK && status != GENAI_ERROR_CANCELLED) say("%s", error->message);
  return status;
}
