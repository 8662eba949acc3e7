/* What a close means: code, reason and moment become a status and a sentence of advice. The texts are those that the service is
 * known to give; the first row that fits wins. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "session/session.h"

typedef struct advice {
  int code;           /* 0: any */
  const char *reason; /* a part of the close reason, lower case; "" for any */
  const char *text;
} advice;

static const advice advices[] = {
    {0, "api key expired", "Renew the API key."},
    {0, "api key not valid", "Check the API key."},
    {0, "unregistered callers", "Give an API key; an ephemeral token needs the constrained method and API version v1alpha."},
    {0, "quota", "The project's quota or number of concurrent sessions is used up; wait, or ask for more."},
    {0, "resource_exhausted", "The project's quota or number of concurrent sessions is used up; wait, or ask for more."},
    {0, "is not found for api version", "Check the model's name, and that it serves BidiGenerateContent on this backend and API version."},
    {0, "entity was not found", "Check the model's name, the project and the location."},
    {0, "deadline expired", "The service ended the connection at its time limit; connect again, with the resumption handle if there is one."},
    {0, "not implemented, or supported", "The model does not offer something that the setup or the last message asked for (often tools on a native-audio model)."},
    {1007, "invalid json", "The service could not read the last message; this is a bug, please report it with the message."},
    {1007, "", "A field of the setup or of the last message does not suit this model: the usual causes are a response modality, a thinking or proactivity setting that the model lacks, or a stale resumption handle."},
    {1008, "", "The service holds the request to be against its rules: check the model's name, the tools and what the key may do."},
    {1009, "", "A message was too large for the service; send audio and video in smaller pieces."},
    {1011, "", "An error inside the service; connecting again usually helps."},
    {1012, "", "The service restarts; connect again."},
    {1013, "", "The service is overloaded; connect again after a pause."},
    {1006, "", "Connect again; check the network if this comes back."},
};

static bool contains(const char *text, const char *part) {
  char lower[124];
  size_t size = strlen(text);
  if (size >= sizeof lower) size = sizeof lower - 1;
  for (size_t i = 0; i < size; i++) lower[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
  lower[size] = '\0';
  return strstr(lower, part) != NULL;
}

static const char *advise(int code, const char *reason) {
  for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
    const advice *a = &advices[i];
    if ((!a->code || a->code == code) && (!a->reason[0] || contains(reason, a->reason))) return a->text;
  }
  return NULL;
}

void session_explain_close(genai_error *end, int code, const char *reason, const char *when, bool graceful) {
  const char *quote = reason[0] ? "\"" : "";
  const char *text = advise(code, reason);
  if (graceful) {
    error_set(end, GENAI_CLOSED, "The service closed the session with code %d%s%s%s%s.", code, reason[0] ? " and reason " : "",
              quote, reason, quote);
  } else if (code == 1006) {
    error_set(end, GENAI_ERROR_LOST, "The connection was lost %s: it ended without a close frame.", when);
  } else {
    error_set(end, GENAI_ERROR_REFUSED, "The service closed the session %s with code %d%s%s%s%s.", when, code,
              reason[0] ? " and reason " : ", without a reason", quote, reason, quote);
  }
  if (!graceful && text) error_append(end, " %s", text);
  end->close_code = code;
  snprintf(end->close_reason, sizeof end->close_reason, "%s", reason);
}
