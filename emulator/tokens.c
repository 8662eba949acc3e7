#include "emulator/tokens.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "emulator/pjson.h"
#include "emulator/random.h"
#include "emulator/shape.h"

enum { PATH_BYTES_MAX = 256, MASK_MAX = 64 };
#define MINUTE_MS INT64_C(60000)
#define EXPIRE_DEFAULT_MS (30 * MINUTE_MS)
#define NEW_SESSION_DEFAULT_MS (1 * MINUTE_MS)
#define EXPIRE_MOST_MS (20 * 60 * MINUTE_MS)

typedef struct token {
  char name[TOKEN_NAME_MAX];
  int64_t expires_ms, new_session_ms;
  bool unlimited;
  int64_t uses_left;
  json_t *setup; /* or NULL */
  json_t *mask;  /* paths in proto names, or NULL */
} token;

struct tokens {
  token *items[TOKENS_MAX];
  size_t count;
  uint64_t random;
};

static int refuse(char reason[SETUP_REASON_MAX], int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(char reason[SETUP_REASON_MAX], int code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(reason, SETUP_REASON_MAX, format, args);
  va_end(args);
  return code;
}

/* ---- the store ---- */

static void token_free(token *one) {
  json_decref(one->setup);
  json_decref(one->mask);
  mem_free(one);
}

tokens *tokens_new(uint64_t seed) {
  tokens *t = mem_zalloc(sizeof *t);
  if (t) t->random = seed;
  return t;
}

void tokens_free(tokens *t) {
  if (!t) return;
  for (size_t i = 0; i < t->count; i++) token_free(t->items[i]);
  mem_free(t);
}

static token *find(const tokens *t, const char *name) {
  for (size_t i = 0; i < t->count; i++) {
    if (!strcmp(t->items[i]->name, name)) return t->items[i];
  }
  return NULL;
}

static void forget_expired(tokens *t, int64_t now_ms) {
  size_t kept = 0;
  for (size_t i = 0; i < t->count; i++) {
    if (t->items[i]->expires_ms > now_ms)
      t->items[kept++] = t->items[i];
    else
      token_free(t->items[i]);
  }
  t->count = kept;
}

/* ---- times ---- */

/* Days since 1970-01-01 of a date of the Gregorian calendar, counted in years that begin in March. */
static int64_t days_of(int year, int month, int day) {
  int y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
  int64_t era = y / 400, of_era = y % 400;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* Exactly `count` digits at *text, which moves behind them; -1 without. */
static int digits(const char **text, int count) {
  int value = 0;
  for (; count; count--, (*text)++) {
    if (!isdigit((unsigned char)**text)) return -1;
    value = value * 10 + (**text - '0');
  }
  return value;
}

static bool skip(const char **text, char c) { return **text == c && (*text)++; }

static int month_days(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap);
}

bool timestamp_read(const char *text, int64_t *ms) {
  int year = digits(&text, 4), month = skip(&text, '-') ? digits(&text, 2) : -1;
  int day = skip(&text, '-') ? digits(&text, 2) : -1, hour = skip(&text, 'T') ? digits(&text, 2) : -1;
  int minute = skip(&text, ':') ? digits(&text, 2) : -1, second = skip(&text, ':') ? digits(&text, 2) : -1;
  int fraction = 0, unit = 100, sign = 0, offset = 0;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month)) return false;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
  if (skip(&text, '.')) {
    if (!isdigit((unsigned char)*text)) return false;
    for (; isdigit((unsigned char)*text); text++, unit /= 10) fraction += (*text - '0') * unit;
  }
  if (!skip(&text, 'Z')) {
    sign = skip(&text, '+') ? 1 : skip(&text, '-') ? -1 : 0;
    int hours = sign ? digits(&text, 2) : -1, minutes = skip(&text, ':') ? digits(&text, 2) : -1;
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
    offset = hours * 60 + minutes;
  }
  *ms = ((days_of(year, month, day) * 24 + hour) * 60 + minute - sign * offset) * MINUTE_MS + second * 1000 + fraction;
  return !*text;
}

/* ---- making ---- */

/* A time of the request, or its default: later than now, and less than 20 hours away. */
static int read_time(int64_t *ms, json_t *wanted, const char *field, const char *json_name, int64_t now_ms,
                     int64_t after_ms, char reason[SETUP_REASON_MAX]) {
  const char *text = pjson_text(wanted, field);
  *ms = now_ms + after_ms;
  if (!*text) return 0;
  if (!timestamp_read(text, ms))
    return refuse(reason, 400,
                  "Invalid value at 'auth_token.%s' (type.googleapis.com/google.protobuf.Timestamp), \"%.60s\"", field,
                  text);
  if (*ms <= now_ms) return refuse(reason, 400, "%s must be in the future.", json_name);
  if (*ms > now_ms + EXPIRE_MOST_MS) return refuse(reason, 400, "%s must be less than 20 hours away.", json_name);
  return 0;
}

/* A path in proto names; false when it is too long. */
static bool snake_path(char out[PATH_BYTES_MAX], const char *path, size_t size) {
  size_t used = 0;
  for (size_t i = 0; i < size && used < PATH_BYTES_MAX - 2; i++) {
    if (isupper((unsigned char)path[i])) out[used++] = '_';
    out[used++] = (char)tolower((unsigned char)path[i]);
  }
  out[used] = '\0';
  return used < PATH_BYTES_MAX - 2;
}

/* The paths of a field mask. A member of the generation config may stand alone: the SDKs send it so when there are no
 * constraints. */
static int read_mask(token *one, const char *text, char reason[SETUP_REASON_MAX]) {
  if (!*text) return 0;
  one->mask = json_array();
  for (;;) {
    char path[PATH_BYTES_MAX], inner[PATH_BYTES_MAX + 20];
    size_t size = strcspn(text, ",");
    bool fine = snake_path(path, text, size);
    snprintf(inner, sizeof inner, "generation_config.%s", path);
    const char *known = !fine                                ? NULL
                        : shape_has_path(SHAPE_SETUP, path)  ? path
                        : shape_has_path(SHAPE_SETUP, inner) ? inner
                                                             : NULL;
    if (!known || json_array_size(one->mask) == MASK_MAX)
      return refuse(reason, 400, "Invalid field mask: \"%.*s\" is no field of the setup.",
                    (int)(size < 100 ? size : 100), text);
    json_array_append_new(one->mask, json_string(known));
    if (!text[size]) return 0;
    text += size + 1;
  }
}

static int token_read(token *one, int64_t now_ms, json_t *wanted, char reason[SETUP_REASON_MAX]) {
  double uses = pjson_number(wanted, "uses", 1);
  if (uses < 0) return refuse(reason, 400, "uses must not be negative.");
  one->unlimited = uses == 0;
  one->uses_left = (int64_t)uses;
  int status = read_time(&one->expires_ms, wanted, "expire_time", "expireTime", now_ms, EXPIRE_DEFAULT_MS, reason);
  if (!status)
    status = read_time(&one->new_session_ms, wanted, "new_session_expire_time", "newSessionExpireTime", now_ms,
                       NEW_SESSION_DEFAULT_MS, reason);
  if (!status) status = read_mask(one, pjson_text(wanted, "field_mask"), reason);
  one->setup = json_incref(pjson_get(wanted, "bidi_generate_content_setup"));
  return status;
}

int tokens_create(tokens *t, int64_t now_ms, json_t *wanted, char name[TOKEN_NAME_MAX], char reason[SETUP_REASON_MAX]) {
  forget_expired(t, now_ms);
  if (t->count == TOKENS_MAX) return refuse(reason, 429, "Resource has been exhausted (e.g. check quota).");
  token *one = mem_zalloc(sizeof *one);
  if (!one) return refuse(reason, 500, "Internal error encountered.");
  int status = token_read(one, now_ms, wanted, reason);
  if (status) {
    token_free(one);
    return status;
  }
  uint64_t high = random_next(&t->random), low = random_next(&t->random);
  snprintf(one->name, sizeof one->name, TOKEN_PREFIX "%016" PRIx64 "%016" PRIx64, high, low);
  memcpy(name, one->name, sizeof one->name);
  t->items[t->count++] = one;
  return 0;
}

/* ---- using ---- */

int tokens_check(const tokens *t, int64_t now_ms, const char *name, char reason[SETUP_REASON_MAX]) {
  const token *one = find(t, name);
  if (!one)
    return refuse(
        reason, 1008,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential.");
  return one->expires_ms > now_ms ? 0 : refuse(reason, 1008, "Token has expired.");
}

int64_t tokens_expiry_ms(const tokens *t, const char *name) {
  const token *one = find(t, name);
  return one ? one->expires_ms : 0;
}

static void remove_field(json_t *object, const char *name) {
  const char *key;
  void *next;
  json_t *value;
  json_object_foreach_safe(object, next, key, value) {
    if (pjson_key_is(key, name)) json_object_del(object, key);
  }
}

/* The field at `path` of `to` becomes what it is in `from` (NULL: nothing there), absent included. */
static void overwrite(json_t *to, json_t *from, const char *path) {
  char name[PATH_BYTES_MAX];
  size_t size = strcspn(path, ".");
  snprintf(name, sizeof name, "%.*s", (int)size, path);
  json_t *value = pjson_get(from, name);
  if (!path[size]) {
    remove_field(to, name);
    if (value) json_object_set_new(to, name, json_deep_copy(value));
    return;
  }
  json_t *inner = pjson_get(to, name);
  if (!inner && value) {
    inner = json_object();
    json_object_set_new(to, name, inner);
  }
  if (inner) overwrite(inner, value, path + size + 1);
}

/* AuthToken.fieldMask: with a mask, its fields are the token's whatever the client sends; with a setup and no mask, the
 * client's setup does not count at all; with neither, it is as the client sends it. */
static void constrain(const token *one, json_t *first) {
  json_t *path, *copy;
  size_t i;
  json_array_foreach(one->mask, i, path) {
    overwrite(first, one->setup, json_string_value(path));
  }
  if (one->mask || !one->setup) return;
  copy = json_deep_copy(one->setup);
  json_object_clear(first);
  json_object_update(first, copy);
  json_decref(copy);
}

/* A handle is no part of the config: whatever the token says of it, the conversation is the client's to name. */
static void put_handle(json_t *first, json_t *handle) {
  json_t *resumption = pjson_get(first, "session_resumption");
  if (!resumption) {
    remove_field(first, "session_resumption");
    resumption = json_object();
    json_object_set_new(first, "sessionResumption", resumption);
  }
  remove_field(resumption, "handle");
  json_object_set(resumption, "handle", handle);
}

int tokens_admit(tokens *t, int64_t now_ms, const char *name, json_t *first, char reason[SETUP_REASON_MAX]) {
  int code = tokens_check(t, now_ms, name, reason);
  if (code) return code;
  token *one = find(t, name);
  bool resumes = *pjson_text(pjson_get(first, "session_resumption"), "handle") != '\0';
  if (!resumes && one->new_session_ms <= now_ms)
    return refuse(reason, 1008, "Token has expired for new sessions (newSessionExpireTime).");
  if (!resumes && !one->unlimited && !one->uses_left)
    return refuse(reason, 1008, "Token has been used too many times.");
  if (!resumes && !one->unlimited) one->uses_left--;
  json_t *handle = json_incref(pjson_get(pjson_get(first, "session_resumption"), "handle"));
  constrain(one, first);
  if (resumes) put_handle(first, handle);
  json_decref(handle);
  return 0;
}
