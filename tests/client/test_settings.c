/* Explicit beats environment; in the environment a project beats a key: protocol.md section 4, case by case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "client/settings.h"

/* "NAME=value" strings, NULL-terminated. */
static const char *const *variables;

static const char *environment(const char *name) {
  size_t size = strlen(name);
  for (const char *const *v = variables; v && *v; v++)
    if (!strncmp(*v, name, size) && (*v)[size] == '=') return *v + size + 1;
  return NULL;
}

typedef struct outcome {
  genai_status status;
  genai_backend backend;
  const char *key, *project, *location;
  bool oauth, gateway;
} outcome;

static bool same(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

static void check_at(int line, genai_client_options options, const char *const *env, outcome o) {
  client_settings s;
  genai_error error = {0};
  variables = env;
  genai_status status = settings_init(&s, &options, environment, &error);
  if (status != o.status) fail_msg("line %d: %s: %s", line, genai_status_name(status), error.message);
  if (status == GENAI_OK &&
      (s.backend != o.backend || !same(s.api_key, o.key) || !same(s.project, o.project) || !same(s.location, o.location) ||
       s.oauth != o.oauth || s.gateway != o.gateway))
    fail_msg("line %d: key %s project %s location %s oauth %d gateway %d", line, s.api_key, s.project, s.location, s.oauth, s.gateway);
  settings_deinit(&s);
}

#define GEMINI GENAI_BACKEND_GEMINI
#define VERTEX GENAI_BACKEND_VERTEX
#define ENV(...) (const char *const[]){__VA_ARGS__, NULL}
#define OPTIONS(...) (genai_client_options){__VA_ARGS__}
#define OUTCOME(...) (outcome){__VA_ARGS__}
#define check(options, env, expected) check_at(__LINE__, options, env, expected)

static void backends(void **state) {
  (void)state;
  check(OPTIONS(.api_key = "k"), NULL, OUTCOME(.status = GENAI_OK, .backend = GEMINI, .key = "k"));
  check(OPTIONS(.api_key = "k"), ENV("GOOGLE_GENAI_USE_VERTEXAI=TRUE"), OUTCOME(.status = GENAI_OK, .backend = VERTEX, .key = "k"));
  check(OPTIONS(.api_key = "k"), ENV("GOOGLE_GENAI_USE_VERTEXAI=1"), OUTCOME(.status = GENAI_OK, .backend = VERTEX, .key = "k"));
  check(OPTIONS(.api_key = "k"), ENV("GOOGLE_GENAI_USE_VERTEXAI=yes"), OUTCOME(.status = GENAI_OK, .backend = GEMINI, .key = "k"));
  check(OPTIONS(.api_key = "k"), ENV("GOOGLE_GENAI_USE_VERTEXAI=true", "GOOGLE_GENAI_USE_ENTERPRISE=false"), OUTCOME(.status = GENAI_OK, .backend = GEMINI, .key = "k"));
  check(OPTIONS(.backend = GEMINI, .api_key = "k"), ENV("GOOGLE_GENAI_USE_ENTERPRISE=true"), OUTCOME(.status = GENAI_OK, .backend = GEMINI, .key = "k"));
}

static void gemini(void **state) {
  (void)state;
  check(OPTIONS(0), NULL, OUTCOME(.status = GENAI_ERROR_CREDENTIALS));
  check(OPTIONS(0), ENV("GEMINI_API_KEY= b \n", "GOOGLE_API_KEY= "), OUTCOME(.status = GENAI_OK, .backend = GEMINI, .key = "b"));
  check(OPTIONS(0), ENV("GEMINI_API_KEY=b", "GOOGLE_API_KEY=a"), OUTCOME(.status = GENAI_OK, .backend = GEMINI, .key = "a"));
  check(OPTIONS(.api_key = "x"), ENV("GOOGLE_API_KEY=a"), OUTCOME(.status = GENAI_OK, .backend = GEMINI, .key = "x"));
  check(OPTIONS(.api_key = "x", .project = "p"), NULL, OUTCOME(.status = GENAI_ERROR_ARGUMENT));
  check(OPTIONS(.api_key = "x", .access_token = "t"), NULL, OUTCOME(.status = GENAI_ERROR_ARGUMENT));
}

static void vertex(void **state) {
  (void)state;
  const genai_client_options none = {.backend = VERTEX};
  check(none, NULL, OUTCOME(.status = GENAI_OK, .backend = VERTEX, .location = "global", .oauth = true));
  check(none, ENV("GOOGLE_CLOUD_PROJECT=p", "GOOGLE_CLOUD_REGION=r"), OUTCOME(.status = GENAI_OK, .backend = VERTEX, .project = "p", .location = "r", .oauth = true));
  check(none, ENV("GOOGLE_CLOUD_PROJECT=p", "GOOGLE_CLOUD_LOCATION=l", "GOOGLE_CLOUD_REGION=r"),
        OUTCOME(.status = GENAI_OK, .backend = VERTEX, .project = "p", .location = "l", .oauth = true));
  /* 4: nothing explicit: a project of the environment beats its key; a key alone is express mode. */
  check(none, ENV("GOOGLE_CLOUD_PROJECT=p", "GOOGLE_API_KEY=k"), OUTCOME(.status = GENAI_OK, .backend = VERTEX, .project = "p", .location = "global", .oauth = true));
  check(none, ENV("GOOGLE_API_KEY=k"), OUTCOME(.status = GENAI_OK, .backend = VERTEX, .key = "k"));
  /* 3: an explicit project beats the environment's key. */
  check(OPTIONS(.backend = VERTEX, .project = "x"), ENV("GOOGLE_API_KEY=k"), OUTCOME(.status = GENAI_OK, .backend = VERTEX, .project = "x", .location = "global", .oauth = true));
  /* 2: an explicit key beats the environment's project. */
  check(OPTIONS(.backend = VERTEX, .api_key = "k"), ENV("GOOGLE_CLOUD_PROJECT=p", "GOOGLE_CLOUD_LOCATION=l"), OUTCOME(.status = GENAI_OK, .backend = VERTEX, .key = "k"));
  /* 1: explicit credentials beat the environment's key. */
  check(OPTIONS(.backend = VERTEX, .access_token = "t"), ENV("GOOGLE_API_KEY=k"), OUTCOME(.status = GENAI_OK, .backend = VERTEX, .location = "global", .oauth = true));
  check(OPTIONS(.backend = VERTEX, .access_token = "t", .api_key = "k"), NULL, OUTCOME(.status = GENAI_ERROR_ARGUMENT));
  /* Key, project and location, all explicit: all are kept. */
  check(OPTIONS(.backend = VERTEX, .api_key = "k", .project = "p", .location = "l"), NULL, OUTCOME(.status = GENAI_OK, .backend = VERTEX, .key = "k", .project = "p", .location = "l"));
}

static void gateways(void **state) {
  (void)state;
  check(OPTIONS(.backend = VERTEX), ENV("GOOGLE_VERTEX_BASE_URL=https://g", "GOOGLE_CLOUD_PROJECT=p"),
        OUTCOME(.status = GENAI_OK, .backend = VERTEX, .gateway = true));
  check(OPTIONS(.backend = VERTEX, .base_url = "https://g", .project = "p", .location = "l"), NULL,
        OUTCOME(.status = GENAI_OK, .backend = VERTEX, .project = "p", .location = "l", .oauth = true));
  check(OPTIONS(.backend = VERTEX, .base_url = "https://x.googleapis.com/"), ENV("GOOGLE_CLOUD_PROJECT=p"),
        OUTCOME(.status = GENAI_OK, .backend = VERTEX, .project = "p", .location = "global", .oauth = true));
  check(OPTIONS(.backend = VERTEX, .base_url = "https://g", .api_key = "k"), NULL, OUTCOME(.status = GENAI_OK, .backend = VERTEX, .key = "k"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(backends), cmocka_unit_test(gemini), cmocka_unit_test(vertex),
                                     cmocka_unit_test(gateways)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
