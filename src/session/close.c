/* What an end means: code, reason and moment become a status and a sentence of advice. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "session/session.h"

typedef struct advice {
  int code;                 /* 0: any */
  const char *reason;       /* a part of the close reason, lower case; "" for any */
  session_fate setup, open; /* of a later connection, before and after its setupComplete */
  const char *text;
} advice;

#define RETRY SESSION_FATE_RETRY
#define PAUSE SESSION_FATE_PAUSE
#define HANDLE SESSION_FATE_HANDLE
#define FINAL SESSION_FATE_FINAL

/* The texts are those that the service is known to give; the first row that fits wins. */
static const advice advices[] = {
    {0, "api key expired", FINAL, FINAL, "Renew the API key."},
    {0, "api key not valid", FINAL, FINAL, "Check the API key."},
    {0, "unregistered callers", FINAL, FINAL, "Give an API key; an ephemeral token needs the constrained method and API version v1alpha."},
    {0, "quota", PAUSE, PAUSE, "The project's quota or number of concurrent sessions is used up; wait, or ask for more."},
    {0, "resource_exhausted", PAUSE, PAUSE, "The project's quota or number of concurrent sessions is used up; wait, or ask for more."},
    {0, "is not found for api version", FINAL, FINAL, "Check the model's name, and that it serves BidiGenerateContent on this backend and API version."},
    {0, "entity was not found", HANDLE, RETRY, "Check the model's name, the project and the location."},
    {0, "deadline expired", RETRY, RETRY, "The service ended the connection at its time limit; connect again, with the resumption handle if there is one."},
    {0, "not implemented, or supported", HANDLE, RETRY, "The model does not offer something that the setup or the last message asked for (often tools on a native-audio model)."},
    {1007, "invalid json", FINAL, RETRY, "The service could not read the last message; this is a bug, please report it with the message."},
    {1007, "", HANDLE, RETRY, "A field of the setup or of the last message does not suit this model: the usual causes are a response modality, a thinking or proactivity setting that the model lacks, or a stale resumption handle."},
    {1008, "", HANDLE, RETRY, "The service holds the request to be against its rules: check the model's name, the tools and what the key may do."},
    {1009, "", FINAL, FINAL, "A message was too large for the service; send audio and video in smaller pieces."},
    {1011, "", RETRY, RETRY, "An error inside the service; connecting again usually helps."},
    {1012, "", RETRY, RETRY, "The service restarts; connect again."},
    {1013, "", PAUSE, PAUSE, "The service is overloaded; connect again after a pause."},
};

/* What to do about an HTTP status of a refused upgrade; an {"error":...} answer has the same numbers. */
static const char *advise_status(int status) {
  switch (status) {
  case 401: return "Check the API key.";
  case 403: return "Check what the API key may do: the project's access, the API being enabled, the key's restrictions.";
  case 404: return "Check the base URL and the API version.";
  case 429: return "The project's quota or number of concurrent sessions is used up; wait, or ask for more.";
  }
  if (status >= 500) return "The trouble is inside the service; connect again after a pause.";
  if (status >= 300 && status < 400) return "Redirects are not followed. Check the base URL.";
  return "Check the base URL and the API version: a Live API server answers with 101.";
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool contains(const char *text, const char *part) {
  for (; *text; text++) {
    size_t i = 0;
    while (part[i] && lower(text[i]) == part[i]) i++;
    if (!part[i]) return true;
  }
  return false;
}

static const advice *find(int code, const char *reason) {
  for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
    const advice *a = &advices[i];
    if ((!a->code || a->code == code) && (!a->reason[0] || contains(reason, a->reason))) return a;
  }
  return NULL;
}

static const char *advise(int code, const char *reason) {
  const advice *found = find(code, reason);
  return found ? found->text : NULL;
}

static session_fate fate_of_status(int status) {
  if (status == 429 || status == 503) return PAUSE;
  return status == 408 || status >= 500 ? RETRY : FINAL;
}

session_fate session_fate_of(const genai_error *end, bool setup, bool handle) {
  session_fate fate = RETRY;
  const advice *found = NULL;
  switch (end->status) {
  case GENAI_ERROR_REFUSED:
    found = find(end->close_code, end->close_reason);
    if (found) fate = setup ? found->setup : found->open;
    break;
  case GENAI_ERROR_SERVICE:
    fate = fate_of_status(end->http_status);
    if (!end->http_status || end->http_status == 400 || end->http_status == 404) fate = HANDLE;
    break;
  case GENAI_ERROR_HTTP: fate = fate_of_status(end->http_status); break;
  case GENAI_ERROR_ARGUMENT:
  case GENAI_ERROR_INSECURE: fate = FINAL; break;
  default: break;
  }
  return fate == HANDLE && !handle ? FINAL : fate;
}

/* Whether a text that is not ours ends as a sentence does. */
static bool ends_sentence(const char *text) {
  size_t size = strlen(text);
  return size && strchr(".!?", text[size - 1]);
}

static void add(genai_error *end, const char *text) {
  error_append(end, "%s %s", ends_sentence(end->message) ? "" : ".", text);
}

void session_explain_close(genai_error *end, const char *peer, int code, const char *reason, const char *when, bool graceful) {
  const char *text = advise(code, reason);
  error_set(end, graceful ? GENAI_CLOSED : GENAI_ERROR_REFUSED, "%s closed the session %s with code %d", peer, when, code);
  if (reason[0]) error_append(end, ": \"%s\"", reason);
  if (!ends_sentence(reason)) error_append(end, ".");
  if (!graceful)
    error_append(end, " %s", text ? text : "Connect again; if this comes back, check the config and what was sent last.");
  end->close_code = code;
  snprintf(end->close_reason, sizeof end->close_reason, "%s", reason);
}

void session_explain_loss(genai_error *end, const genai_error *why, const char *when) {
  error_set(end, GENAI_ERROR_LOST, "%s This was %s. Connect again; check the network if this comes back.", why->message, when);
  end->os_error = why->os_error;
  end->close_code = 1006;
}

void session_explain_answer(genai_error *end, const char *peer, const genai_live_server_error *answer) {
  int code = answer->code.value;
  const char *text = answer->message ? advise(0, answer->message) : NULL;
  error_set(end, GENAI_ERROR_SERVICE, "%s refused the setup with an error", peer);
  if (answer->code.has) error_append(end, " %d", code);
  if (answer->status) error_append(end, " %s", answer->status);
  error_append(end, ": %s", answer->message ? answer->message : "it gave no text.");
  end->http_status = code;
  if (!text && (code == 401 || code == 403 || code == 429 || code >= 500)) text = advise_status(code);
  add(end, text ? text : "Check the model's name and the config.");
}

void session_advise(genai_error *end, bool was_open) {
  const char *text = NULL;
  switch (end->status) {
  case GENAI_ERROR_CONNECT: text = "Check that the base URL is right, the server runs and no firewall stands in between."; break;
  case GENAI_ERROR_TLS: text = "Check the base URL; a proxy or a firewall may stand in between."; break;
  case GENAI_ERROR_CERTIFICATE:
    if (contains(end->message, "ca file")) text = "The CA file is genai_client_options.ca_file, or SSL_CERT_FILE in the environment.";
    break;
  case GENAI_ERROR_HTTP:
    text = advise(0, end->message);
    if (!text) text = advise_status(end->http_status);
    break;
  case GENAI_ERROR_PROTOCOL:
    text = was_open ? "The fault lies with the server or something in between; connect again."
                    : "Check the base URL: it must lead to a Live API server.";
    break;
  case GENAI_ERROR_SYSTEM: text = "A limit of this process or machine was reached: raise it, or close what is not needed."; break;
  case GENAI_ERROR_LIMIT: text = "The ceiling is genai_client_options.message_max."; break;
  default: break;
  }
  if (text) add(end, text);
}
