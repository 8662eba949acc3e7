/* The keys of a machine of AWS: the environment's, or those of its metadata server, with its session token where it wants one (IMDSv2). */
#include <string.h>

#include "auth/answer.h"
#include "auth/fetch_private.h"
#include "base/error.h"
#include "base/memory.h"
#include "genai/json.h"

enum { NAME_MAX_SIZE = 256, URL_MAX = 2048 };

static genai_status go_on(fetch *f, genai_error *error);

static void go_on_or_fail(fetch *f, genai_status status, genai_error *error) {
  if (status == GENAI_OK) status = go_on(f, error);
  if (status != GENAI_OK) fetch_fail(f, error);
}

/* The body as one word. */
static genai_status take_word(char **word, fetch *f, int http_status, const char *body, const char *what, genai_error *error) {
  genai_status status = answer_check(f->peer, http_status, body, error);
  if (status != GENAI_OK) return status;
  size_t size = strcspn(body, " \t\r\n");
  if (!size || size > NAME_MAX_SIZE || body[size + strspn(body + size, " \t\r\n")] || body[strcspn(body, "<>\"{}")])
    return error_set(error, GENAI_ERROR_CREDENTIALS, "%s answered without %s.", f->peer, what);
  *word = mem_strndup(body, size);
  return *word ? GENAI_OK : error_memory(error);
}

static void on_session(fetch *f, int http_status, const char *body) {
  genai_error error = {0};
  go_on_or_fail(f, take_word(&f->aws_session, f, http_status, body, "a session token", &error), &error);
}

/* "us-east-1b", a zone of the region "us-east-1". */
static void on_zone(fetch *f, int http_status, const char *body) {
  genai_error error = {0};
  genai_status status = take_word(&f->aws.region, f, http_status, body, "a zone", &error);
  if (status == GENAI_OK) f->aws.region[strlen(f->aws.region) - 1] = '\0';
  go_on_or_fail(f, status, &error);
}

static void on_role(fetch *f, int http_status, const char *body) {
  genai_error error = {0};
  go_on_or_fail(f, take_word(&f->aws_role, f, http_status, body, "a role: has this machine one?", &error), &error);
}

static void on_keys(fetch *f, int http_status, const char *body) {
  genai_error error = {0};
  genai_status status = answer_check(f->peer, http_status, body, &error);
  if (status == GENAI_OK) {
    f->aws.id = genai_json_copy_string(body, "AccessKeyId");
    f->aws.secret = genai_json_copy_string(body, "SecretAccessKey");
    f->aws.session = genai_json_copy_string(body, "Token");
    if (!f->aws.id || !f->aws.secret)
      status = error_set(&error, GENAI_ERROR_CREDENTIALS, "%s answered without an AccessKeyId and a SecretAccessKey.", f->peer);
  }
  go_on_or_fail(f, status, &error);
}

static genai_status get(fetch *f, const char *url, const char *below, const char *what, void (*answered)(fetch *, int, const char *),
                        genai_error *error) {
  const genai_string_pair headers[] = {{"X-aws-ec2-metadata-token", f->aws_session}};
  buf whole;
  if (!url)
    return error_set(error, GENAI_ERROR_CREDENTIALS, "%s says nowhere what the %s of AWS is, and the environment does not either.",
                     f->params.credential->source, what);
  buf_init(&whole, URL_MAX);
  buf_format(&whole, below ? "%s/%s" : "%s", url, below);
  const char *text = buf_cstr(&whole);
  genai_status status = text ? fetch_send(f, "GET", text, headers, f->aws_session ? 1 : 0, NULL, answered, error) : error_memory(error);
  buf_deinit(&whole);
  return status;
}

/* Whatever is still missing, and then the exchange. */
static genai_status go_on(fetch *f, genai_error *error) {
  static const genai_string_pair life[] = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}};
  const credential *c = f->params.credential;
  char *subject;
  bool whole = f->aws.region && f->aws.id;
  if (!whole && c->aws_session_url && !f->aws_session) return fetch_send(f, "PUT", c->aws_session_url, life, 1, NULL, on_session, error);
  if (!f->aws.region) return get(f, c->aws_region_url, NULL, "region", on_zone, error);
  if (!f->aws.id && !f->aws_role) return get(f, c->aws_keys_url, NULL, "role", on_role, error);
  if (!f->aws.id) return get(f, c->aws_keys_url, f->aws_role, "keys", on_keys, error);
  genai_status status = aws_subject(&subject, c, &f->aws, f->params.now_s, error);
  if (status == GENAI_OK) status = fetch_exchange(f, subject, error);
  secret_free(subject);
  return status;
}

static const char *from(const fetch *f, const char *name) {
  const char *value = f->params.environment(name);
  return value && *value ? value : NULL;
}

genai_status fetch_ask_aws(fetch *f, genai_error *error) {
  const char *region = from(f, "AWS_REGION"), *id = from(f, "AWS_ACCESS_KEY_ID"), *secret = from(f, "AWS_SECRET_ACCESS_KEY");
  const char *session = from(f, "AWS_SESSION_TOKEN");
  if (!region) region = from(f, "AWS_DEFAULT_REGION");
  if (region && !(f->aws.region = mem_strdup(region))) return error_memory(error);
  if (!id || !secret) return go_on(f, error);
  f->aws.id = mem_strdup(id);
  f->aws.secret = mem_strdup(secret);
  f->aws.session = mem_strdup(session);
  return f->aws.id && f->aws.secret && (f->aws.session || !session) ? go_on(f, error) : error_memory(error);
}
