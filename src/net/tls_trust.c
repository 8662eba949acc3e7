#include "net/tls_trust.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Whether a directory holds certificates under the names of their hashes, such as 002c0b4f.0. */
static bool is_hashed(const char *path) {
  DIR *directory = opendir(path);
  if (!directory) return false;
  bool found = false;
  for (struct dirent *e; !found && (e = readdir(directory));)
    found = strspn(e->d_name, "0123456789abcdef") == 8 && e->d_name[8] == '.';
  closedir(directory);
  return found;
}

static const char *environment(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

genai_status tls_trust_load(SSL_CTX *context, const net_tls_options *options, genai_error *error) {
  const char *file = options->ca_file, *dir = options->ca_dir;
  if (!file && !dir) {
    file = environment(X509_get_default_cert_file_env());
    dir = environment(X509_get_default_cert_dir_env());
  }
  if (!file && !dir) {
    if (is_hashed(X509_get_default_cert_dir())) dir = X509_get_default_cert_dir();
    else file = X509_get_default_cert_file();
  }
  ERR_clear_error();
  if (file && SSL_CTX_load_verify_file(context, file) != 1) {
    unsigned long code = ERR_peek_error(); /* the first is the cause */
    int os_error = ERR_SYSTEM_ERROR(code) ? ERR_GET_REASON(code) : 0;
    const char *reason = os_error ? strerror(os_error) : ERR_reason_error_string(code);
    error_set(error, GENAI_ERROR_CERTIFICATE,
              "The file of trusted certificates %s could not be read: %s. Name another one, or install the "
              "system's certificates (package ca-certificates).",
              file, reason ? reason : "it holds no PEM certificate");
    if (error) error->os_error = os_error;
    return GENAI_ERROR_CERTIFICATE;
  }
  if (dir && SSL_CTX_load_verify_dir(context, dir) != 1) return error_memory(error);
  return GENAI_OK;
}
