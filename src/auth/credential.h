/* A credential as a file describes it. */
#ifndef GENAI_SRC_AUTH_CREDENTIAL_H
#define GENAI_SRC_AUTH_CREDENTIAL_H

#include <openssl/evp.h>

#include "genai/base.h"

typedef enum credential_kind {
  CREDENTIAL_METADATA,        /* no file: the metadata server of the machine */
  CREDENTIAL_SERVICE_ACCOUNT, /* a key that signs assertions (RFC 7523) */
  CREDENTIAL_USER,            /* a refresh token (RFC 6749 section 6) */
  CREDENTIAL_EXTERNAL,        /* a token of somebody else, exchanged (RFC 8693) */
  CREDENTIAL_GIVEN            /* the application has the token */
} credential_kind;

typedef struct credential {
  credential_kind kind;
  char *source;               /* for sentences: "The credentials file /x/y.json" */
  char *project, *quota_project;
  char *token_url;            /* where tokens are had */
  char *email, *key_id;       /* of a service account */
  EVP_PKEY *key;
  char *client_id, *client_secret, *refresh_token;
  char *audience, *subject_type, *user_project; /* of an external account */
  char *subject_file, *subject_url, *subject_command; /* where its token is had: one of them */
  char *subject_output;       /* where the command keeps its tokens; or NULL */
  unsigned subject_timeout_ms; /* of the command */
  char *aws_verify_url;       /* signed for the token; then these are of the machine's metadata server, or NULL */
  char *aws_region_url, *aws_keys_url, *aws_session_url;
  char *subject_field;        /* of a JSON text; NULL: the text is the token */
  genai_string_pair *subject_headers;
  size_t subject_header_count;
  char *impersonate_url;      /* the token is exchanged for that of a service account; or NULL */
  char *delegates;            /* JSON list of those in between, or NULL */
  int64_t impersonate_lifetime_s;
} credential;

/* Where secrets may be sent. */
typedef struct credential_rules {
  bool loopback;        /* this machine, over plain http too */
  bool executables;     /* programs may be run */
  const char *universe; /* the environment's own, beside googleapis.com; or NULL */
} credential_rules;

/* Reads the text of a credentials file. GENAI_ERROR_CREDENTIALS with the reason (never a secret), GENAI_ERROR_MEMORY. `source`
 * is what the sentences call it. After an error nothing is held. */
genai_status credential_read(credential *c, const char *json, const char *source, const credential_rules *rules, genai_error *error);
void credential_deinit(credential *c);

/* external.c: the parts of an external account that stand under `credential_source`. */
genai_status credential_read_external(credential *c, const char *json, const credential_rules *rules, genai_error *error);

/* A string member in *out; NULL where there is none or null. */
genai_status credential_text(char **out, const char *json, const char *path, const char *source, genai_error *error);
/* The same, but there must be one. */
genai_status credential_need(char **out, const char *json, const char *path, const char *source, genai_error *error);

/* url.c: whether a secret of a credentials file may be sent there; `what` names the member. */
genai_status credential_check_url(const char *url, const char *what, const char *source, const credential_rules *rules,
                                  genai_error *error);
/* Whether a token of somebody else may be fetched from there: https, or http on this machine or its metadata address. */
genai_status credential_check_subject_url(const char *url, const char *source, genai_error *error);
/* Whether that is a metadata server of AWS's machines. */
genai_status credential_check_aws_url(const char *url, const char *source, const credential_rules *rules, genai_error *error);

/* Overwrites a text before it frees it. Takes NULL. */
void secret_free(char *text);

#endif
