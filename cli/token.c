/* genai-live token: an ephemeral token for a device, from the key that stays here. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/client.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/session_options.h"
#include "genai/token.h"

enum { MEMORY_MAX = 64 << 20, TIME_MAX = 32, LIFE_MAX_S = 20 * 3600 };

/* "90", "30m", "1h30m": seconds without a unit; false for anything else and for more than 20 hours. */
static bool read_span(const char *text, int64_t *seconds) {
  static const struct {
    char unit;
    int seconds;
  } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
  *seconds = 0;
  if (*text == '\0') return false;
  while (*text != '\0') {
    size_t digits = strspn(text, "0123456789"), i = 0;
    int64_t number = digits > 0 && digits < 9 ? atoi(text) : -1;
    char unit = text[digits] != '\0' ? text[digits] : 's';
    while (i < 3 && units[i].unit != unit) i++;
    if (number < 0 || i == 3) return false;
    *seconds += number * units[i].seconds;
    text += digits + (text[digits] != '\0');
  }
  return *seconds > 0 && *seconds <= LIFE_MAX_S;
}

/* The option's time as the service wants it, from now; *text is NULL when the option was not given. */
static genai_status read_time(const char *name, const char *span, char at[TIME_MAX], const char **text, genai_error *error) {
  int64_t seconds;
  struct tm utc;
  *text = NULL;
  if (span == NULL) return GENAI_OK;
  if (!read_span(span, &seconds))
    return error_set(error, GENAI_ERROR_ARGUMENT, "--%s wants a time of at most 20 hours, such as 90s, 30m or 1h30m, not \"%s\".",
                     name, span);
  struct timespec then;
  clock_gettime(CLOCK_REALTIME, &then);
  then.tv_sec += (time_t)seconds;
  size_t size = gmtime_r(&then.tv_sec, &utc) != NULL ? strftime(at, TIME_MAX, "%Y-%m-%dT%H:%M:%S", &utc) : 0;
  if (size == 0) return error_set(error, GENAI_ERROR_SYSTEM, "The clock's time could not be written as a date.");
  snprintf(at + size, TIME_MAX - size, ".%03ldZ", then.tv_nsec / 1000000);
  *text = at;
  return GENAI_OK;
}

/* --model and --config, as liveConnectConstraints; *constraints is NULL without both. */
static genai_status read_constraints(const settings *s, json_t **constraints, genai_error *error) {
  json_t *config = NULL;
  genai_status status = GENAI_OK;
  *constraints = NULL;
  if (s->model == NULL && s->config == NULL) return GENAI_OK;
  if (s->config != NULL) {
    const char *text;
    json_error_t where;
    buf memory;
    buf_init(&memory, INPUT_MAX);
    status = input_text(s->config, &memory, &text, error);
    if (status == GENAI_OK && (config = json_loads(text, 0, &where)) == NULL)
      status = error_set(error, GENAI_ERROR_ARGUMENT, "%s is not JSON: line %d, column %d: %s.", s->config, where.line,
                         where.column, where.text);
    buf_deinit(&memory);
  }
  if (status == GENAI_OK) *constraints = json_pack("{s:s*,s:o*}", "model", s->model, "config", config);
  return status;
}

/* What the options ask for, as the SDKs' CreateAuthTokenConfig. */
static genai_status write_config(const settings *s, char expire_at[TIME_MAX], char open_at[TIME_MAX], char **config_json,
                                 genai_error *error) {
  const char *expire = NULL, *open = NULL;
  json_t *constraints = NULL, *config, *fields = s->lock.count > 0 || s->lock_set ? json_array() : NULL;
  genai_status status = read_time("expire", s->expire, expire_at, &expire, error);
  if (status == GENAI_OK) status = read_time("new-session-expire", s->new_session_expire, open_at, &open, error);
  if (status == GENAI_OK) status = read_constraints(s, &constraints, error);
  if (status != GENAI_OK) {
    json_decref(fields);
    return status;
  }
  for (size_t i = 0; i < s->lock.count; i++) json_array_append_new(fields, json_string(s->lock.items[i]));
  config = json_pack("{s:s*,s:s*,s:o*,s:o*}", "expireTime", expire, "newSessionExpireTime", open, "liveConnectConstraints",
                     constraints, "lockAdditionalFields", fields);
  if (s->uses >= 0) json_object_set_new(config, "uses", json_integer(s->uses));
  *config_json = json_dumps(config, JSON_COMPACT);
  json_decref(config);
  return *config_json != NULL ? GENAI_OK : error_memory(error);
}

static void tell(const settings *s, report *r, const genai_auth_token *token, const char *expire_at, const char *open_at) {
  const char *expire = token->expire_time != NULL ? token->expire_time : s->expire != NULL ? expire_at : NULL;
  const char *open = token->new_session_expire_time != NULL ? token->new_session_expire_time
                     : s->new_session_expire != NULL        ? open_at
                                                            : NULL;
  report_event(r, "token", "{s:s,s:s*,s:s*}", "name", token->name, "expireTime", expire, "newSessionExpireTime", open);
  if (s->json) return;
  output_line(token->name, strlen(token->name));
  report_note(r, "New sessions until %s, the last message %s; %s.", open != NULL ? open : "a minute from now",
              expire != NULL ? expire : "half an hour from now", s->uses == 0   ? "any number of sessions"
                                                                 : s->uses <= 1 ? "one session"
                                                                                : "several sessions");
}

static genai_status make(const settings *s, const char *config_json, genai_client *client, genai_auth_token **token,
                         genai_error *error) {
  genai_cancel *cancel = NULL;
  genai_status status = genai_cancel_new(&cancel, error);
  if (status != GENAI_OK) return status;
  genai_wait wait = {.cancel = cancel, .timeout_ms = s->timeout_ms};
  interrupt_cancels(cancel);
  status = genai_auth_token_create_json(client, config_json, token, &wait, error);
  interrupt_cancels(NULL);
  genai_cancel_free(cancel);
  return status;
}

static exit_status token_run(const settings *s) {
  char expire_at[TIME_MAX], open_at[TIME_MAX], *config_json = NULL;
  genai_client *client = NULL;
  genai_auth_token *token = NULL;
  local_service local = {0};
  genai_error error = {0};
  arena memory;
  report r;
  report_init(&r, s->json ? REPORT_JSON : REPORT_TEXT);
  arena_init(&memory, MEMORY_MAX);
  genai_status status = write_config(s, expire_at, open_at, &config_json, &error);
  if (status == GENAI_OK) status = interrupt_start(&error);
  if (status == GENAI_OK) status = client_make(&client, &local, s, true, &memory, &error);
  if (status == GENAI_OK) status = make(s, config_json, client, &token, &error);
  if (status == GENAI_OK) tell(s, &r, token, expire_at, open_at);
  exit_status result = status == GENAI_OK ? STATUS_OK : interrupt_came() ? STATUS_INTERRUPTED : report_error(&r, &error);
  genai_auth_token_free(token);
  genai_client_free(client);
  local_service_stop(&local);
  arena_deinit(&memory);
  free(config_json);
  return result;
}

/* ---- options ---- */

static const option token_table[] = {
    {.name = "uses", .letter = 'u', .kind = OPTION_NUMBER, .value = "NUMBER", .offset = offsetof(settings, uses),
     .maximum = INT32_MAX, .initial = 1,
     .help = "How many sessions it opens; 0 is any number. Resuming a session does not count."},
    {.name = "expire", .kind = OPTION_TEXT, .value = "TIME", .offset = offsetof(settings, expire),
     .help = "Until when its sessions may go on, from now: 90s, 30m, 1h30m; at most 20h. The service's default is 30m."},
    {.name = "new-session-expire", .kind = OPTION_TEXT, .value = "TIME", .offset = offsetof(settings, new_session_expire),
     .help = "Until when sessions may be opened with it, from now; the service's default is 60s."},
    {.name = "model", .letter = 'm', .kind = OPTION_TEXT, .value = "NAME", .offset = offsetof(settings, model),
     .help = "Binds it to this model."},
    {.name = "config", .letter = 'c', .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, config),
     .help = "Binds it to this configuration, the SDKs' LiveConnectConfig as JSON; - is standard input."},
    {.name = "lock-set", .kind = OPTION_FLAG, .offset = offsetof(settings, lock_set),
     .help = "Locks only what --model and --config set; without it and --lock, a bound token locks the whole setup."},
    {.name = "lock", .letter = 'l', .kind = OPTION_LIST, .value = "FIELD", .offset = offsetof(settings, lock),
     .help = "Locks this field too, set or not: temperature, systemInstruction, tools. May be repeated."},
};
static const option_group token_group = OPTION_GROUP("Token", token_table);
static const option_group *const token_options[] = {&token_group, &connection_options, &progress_options, &general_options, NULL};

static const char *const about[] = {
    "Makes an ephemeral token with the API key of this machine and prints it: a credential that a device or a browser uses as its "
    "key, for few sessions and a short time, bound to a model and a configuration if need be. The Gemini Developer API only.",
    "What is locked is the token's whatever the client asks for; everything else is the client's.",
    NULL,
};
static const char *const examples[] = {
    "genai-live token --model gemini-3.8-live --config config.json",
    "GEMINI_API_KEY=$(genai-live token --uses 3 --expire 2h) genai-live chat \"Hello\"",
    "genai-live token --model gemini-3.8-live --lock-set --lock tools", NULL};

const command token_command = {
    .name = "token", .operands = "", .summary = "make an ephemeral token for a device", .about = about, .examples = examples,
    .options = token_options, .run = token_run,
};
