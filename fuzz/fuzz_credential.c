/* A credentials file and a token endpoint's answer: whatever they say, no crash, no leak, and a sentence for what is refused. */
#include <stdlib.h>
#include <string.h>

#include "auth/answer.h"
#include "auth/credential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const credential_rules rules = {.loopback = true, .executables = true};
  char *text = malloc(size + 1), *token;
  genai_error error = {0};
  credential c;
  int64_t lifetime_s = 0;
  if (!text) return 0;
  if (size) memcpy(text, data, size);
  text[size] = '\0';
  if (credential_read(&c, text, "The file", &rules, &error) == GENAI_OK) {
    if (c.kind != CREDENTIAL_SERVICE_ACCOUNT && c.kind != CREDENTIAL_USER && c.kind != CREDENTIAL_EXTERNAL) abort();
    bool sourced = c.subject_file || c.subject_url || c.subject_command || c.aws_verify_url;
    if (!c.token_url || (c.kind == CREDENTIAL_EXTERNAL && !sourced)) abort();
    credential_deinit(&c);
  } else if (!error.message[0]) {
    abort();
  }
  if (answer_token("peer", 200, text, &token, &lifetime_s, &error) == GENAI_OK) secret_free(token);
  if (answer_check("peer", 400, text, &error) != GENAI_ERROR_CREDENTIALS) abort();
  free(text);
  return 0;
}
