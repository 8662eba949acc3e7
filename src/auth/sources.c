#include "auth/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"

enum { PATH_TEXT_MAX = 4096 };

static const char FILE_NAME[] = "application_default_credentials.json";

/* With its NUL. */
static genai_status read_all(int fd, char *text, size_t size, const char *path, const char *what, genai_error *error) {
  size_t at = 0;
  for (ssize_t n; at < size; at += (size_t)n) {
    n = read(fd, text + at, size - at);
    if (n < 0 && errno == EINTR) {
      n = 0;
      continue;
    }
    if (n < 0) return error_set(error, GENAI_ERROR_CREDENTIALS, "%s %s cannot be read: %s.", what, path, strerror(errno));
    if (n == 0) break;
  }
  text[at] = '\0';
  if (strlen(text) == at) return GENAI_OK;
  return error_set(error, GENAI_ERROR_CREDENTIALS, "%s %s is no text.", what, path);
}

genai_status source_read_file(char **text, const char *path, const char *what, bool *missing, genai_error *error) {
  struct stat about;
  genai_status status;
  *text = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us up */
  if (missing) *missing = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
  if (fd < 0) return error_set(error, GENAI_ERROR_CREDENTIALS, "%s %s cannot be read: %s.", what, path, strerror(errno));
  if (fstat(fd, &about) || !S_ISREG(about.st_mode))
    status = error_set(error, GENAI_ERROR_CREDENTIALS, "%s %s is no file.", what, path);
  else if (about.st_size > SOURCE_FILE_MAX)
    status = error_set(error, GENAI_ERROR_CREDENTIALS, "%s %s is larger than %d bytes.", what, path, (int)SOURCE_FILE_MAX);
  else if (!(*text = mem_alloc((size_t)about.st_size + 1)))
    status = error_memory(error);
  else
    status = read_all(fd, *text, (size_t)about.st_size, path, what, error);
  close(fd);
  if (status == GENAI_OK) return status;
  secret_free(*text);
  *text = NULL;
  return status;
}

static genai_status read_credential(credential *c, const char *path, const char *what, bool *missing, const credential_rules *rules,
                                    genai_error *error) {
  char *text;
  buf source;
  genai_status status = source_read_file(&text, path, what, missing, error);
  if (status != GENAI_OK) return status;
  buf_init(&source, PATH_TEXT_MAX + 256);
  buf_format(&source, "%s %s", what, path);
  const char *name = buf_cstr(&source);
  status = name ? credential_read(c, text, name, rules, error) : error_memory(error);
  buf_deinit(&source);
  secret_free(text);
  return status;
}

static const char *from(const auth_options *o, const char *name) {
  const char *value = o->environment(name);
  return value && *value ? value : NULL;
}

/* The file that `gcloud auth application-default login` writes. */
static genai_status read_gcloud(credential *c, const auth_options *o, const credential_rules *rules, genai_error *error) {
  const char *config = from(o, "CLOUDSDK_CONFIG"), *home = from(o, "HOME");
  bool missing = false;
  buf path;
  if (!config && !home) return GENAI_OK;
  buf_init(&path, PATH_TEXT_MAX);
  buf_format(&path, "%s%s/%s", config ? config : home, config ? "" : "/.config/gcloud", FILE_NAME);
  const char *name = buf_cstr(&path);
  genai_status status = name ? read_credential(c, name, "The credentials file", &missing, rules, error) : error_memory(error);
  buf_deinit(&path);
  return missing ? GENAI_OK : status;
}

static genai_status find(credential *c, const auth_options *o, const credential_rules *rules, genai_error *error) {
  if (o->access_token || o->token) {
    c->kind = CREDENTIAL_GIVEN;
    return GENAI_OK;
  }
  if (o->credentials_json) return credential_read(c, o->credentials_json, "genai_client_options.credentials_json", rules, error);
  if (o->credentials_file) return read_credential(c, o->credentials_file, "The credentials file", NULL, rules, error);
  const char *named = from(o, "GOOGLE_APPLICATION_CREDENTIALS");
  if (named) return read_credential(c, named, "The file named by GOOGLE_APPLICATION_CREDENTIALS", NULL, rules, error);
  return read_gcloud(c, o, rules, error);
}

genai_status source_find(credential *c, const auth_options *o, genai_error *error) {
  const char *executables = from(o, "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES");
  credential_rules rules = {.loopback = o->allow_loopback, .executables = executables && !strcmp(executables, "1"),
                            .universe = from(o, "GOOGLE_CLOUD_UNIVERSE_DOMAIN")};
  const char *quota = from(o, "GOOGLE_CLOUD_QUOTA_PROJECT");
  *c = (credential){.kind = CREDENTIAL_METADATA};
  genai_status status = find(c, o, &rules, error);
  if (status != GENAI_OK || !quota) return status;
  mem_free(c->quota_project);
  c->quota_project = mem_strdup(quota);
  if (c->quota_project) return GENAI_OK;
  credential_deinit(c);
  return error_memory(error);
}
