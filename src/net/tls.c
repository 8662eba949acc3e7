#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/tls_private.h"
#include "net/tls_trust.h"

struct net_tls {
  atomic_uint references;
  SSL_CTX *context;
  bool server;
  tls_sessions *sessions; /* a client's */
};

/* ---- the BIO: OpenSSL's view of a tls_wire ---- */

static int wire_read(BIO *bio, char *out, int size) {
  tls_wire *wire = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  if (!wire->in_size) {
    BIO_set_retry_read(bio);
    return -1;
  }
  size_t n = (size_t)size < wire->in_size ? (size_t)size : wire->in_size;
  memcpy(out, wire->in, n);
  wire->in += n;
  wire->in_size -= n;
  return (int)n;
}

static int wire_write(BIO *bio, const char *data, int size) {
  tls_wire *wire = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  return size > 0 && buf_append(&wire->out, data, (size_t)size) ? size : -1;
}

static long wire_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *wire_method;
static pthread_once_t wire_once = PTHREAD_ONCE_INIT;

static void wire_make(void) {
  wire_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "genai wire");
  if (!wire_method) return;
  BIO_meth_set_read(wire_method, wire_read);
  BIO_meth_set_write(wire_method, wire_write);
  BIO_meth_set_ctrl(wire_method, wire_ctrl);
}

/* ---- contexts ---- */

static genai_status openssl_error(genai_error *error, genai_status status, const char *what) {
  unsigned long code = ERR_peek_error();
  const char *reason = ERR_reason_error_string(code);
  ERR_clear_error();
  if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) return error_memory(error);
  return error_set(error, status, "%s: %s.", what, reason ? reason : "OpenSSL gives no reason");
}

static int session_arrived(SSL *ssl, SSL_SESSION *session) {
  net_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  const tls_wire *wire = SSL_get_app_data(ssl);
  tls_sessions_put(tls->sessions, wire->name, wire->port, session);
  return 1;
}

static genai_status tls_new(net_tls **out, bool server, genai_error *error) {
  *out = NULL;
  ERR_clear_error();
  pthread_once(&wire_once, wire_make);
  net_tls *tls = mem_zalloc(sizeof *tls);
  if (!tls || !wire_method) {
    mem_free(tls);
    return error_memory(error);
  }
  atomic_init(&tls->references, 1);
  tls->server = server;
  tls->context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  if (!tls->context || !SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION)) {
    net_tls_drop(tls);
    return openssl_error(error, GENAI_ERROR_TLS, "OpenSSL could not be set up");
  }
  SSL_CTX_set_app_data(tls->context, tls);
  SSL_CTX_set_mode(tls->context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF); /* a server's tickets need none */
  *out = tls;
  return GENAI_OK;
}

genai_status net_tls_client_new(net_tls **out, const net_tls_options *options, genai_error *error) {
  net_tls *tls;
  genai_status status = tls_new(&tls, false, error);
  *out = NULL;
  if (status) return status;
  tls->sessions = tls_sessions_new();
  if (!tls->sessions) status = error_memory(error);
  else if (!options->insecure) status = tls_trust_load(tls->context, options, error);
  if (status) {
    net_tls_drop(tls);
    return status;
  }
  SSL_CTX_set_verify(tls->context, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(tls->context, session_arrived);
  *out = tls;
  return GENAI_OK;
}

/* The leaf comes first, the certificates that vouch for it follow. */
static bool use_chain(SSL_CTX *context, BIO *pem) {
  X509 *leaf = PEM_read_bio_X509(pem, NULL, NULL, NULL);
  bool fine = leaf && SSL_CTX_use_certificate(context, leaf) == 1;
  X509_free(leaf);
  for (X509 *next; fine && (next = PEM_read_bio_X509(pem, NULL, NULL, NULL));) {
    fine = SSL_CTX_add0_chain_cert(context, next) == 1;
    if (!fine) X509_free(next);
  }
  return fine;
}

static bool use_key(SSL_CTX *context, BIO *pem) {
  EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
  bool fine = key && SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
  EVP_PKEY_free(key);
  return fine;
}

genai_status net_tls_server_new(net_tls **out, const char *chain_pem, const char *key_pem, genai_error *error) {
  net_tls *tls;
  genai_status status = tls_new(&tls, true, error);
  *out = NULL;
  if (status) return status;
  BIO *chain = BIO_new_mem_buf(chain_pem, -1), *key = BIO_new_mem_buf(key_pem, -1);
  bool fine = chain && key && use_chain(tls->context, chain) && use_key(tls->context, key);
  if (!fine) status = openssl_error(error, GENAI_ERROR_TLS, "The server's certificate and key cannot be used");
  BIO_free(chain);
  BIO_free(key);
  ERR_clear_error(); /* the end of the chain was one */
  if (fine) *out = tls;
  else net_tls_drop(tls);
  return status;
}

net_tls *net_tls_hold(net_tls *tls) {
  atomic_fetch_add_explicit(&tls->references, 1, memory_order_relaxed);
  return tls;
}

void net_tls_drop(net_tls *tls) {
  if (!tls || atomic_fetch_sub_explicit(&tls->references, 1, memory_order_acq_rel) != 1) return;
  SSL_CTX_free(tls->context);
  tls_sessions_free(tls->sessions);
  mem_free(tls);
}

/* ---- connections ---- */

/* The name to verify, and to announce when it is one: an address is never sent as SNI (RFC 6066 section 3). */
static bool set_name(SSL *ssl, const char *name) {
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1) return true;
  ERR_clear_error();
  size_t size = strlen(name);
  if (size && name[size - 1] == '.') size--; /* the root's dot is part of neither */
  char plain[256];
  if (!size || size >= sizeof plain) return false;
  memcpy(plain, name, size);
  plain[size] = '\0';
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, plain) == 1 && SSL_set_tlsext_host_name(ssl, plain) == 1;
}

SSL *tls_start(net_tls *tls, tls_wire *wire, genai_error *error) {
  ERR_clear_error();
  SSL *ssl = SSL_new(tls->context);
  BIO *bio = ssl ? BIO_new(wire_method) : NULL;
  if (!bio) {
    SSL_free(ssl);
    error_memory(error);
    return NULL;
  }
  BIO_set_data(bio, wire);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, wire);
  if (tls->server) {
    SSL_set_accept_state(ssl);
    return ssl;
  }
  SSL_set_connect_state(ssl);
  if (!set_name(ssl, wire->name)) {
    openssl_error(error, GENAI_ERROR_TLS, "The server's name cannot be verified");
    SSL_free(ssl);
    return NULL;
  }
  SSL_SESSION *session = tls_sessions_take(tls->sessions, wire->name, wire->port);
  if (session) {
    SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
  }
  return ssl;
}

/* ---- explanations ---- */

static const char *advice(long verify) {
  switch (verify) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
  case X509_V_ERR_CERT_NOT_YET_VALID:
    return "If it should be valid today, check this machine's clock.";
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    return "It was issued for another name: check the host in the URL.";
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_CERT_SIGNATURE_FAILURE: /* an issuer of the same name with another key: yesterday's CA file */
    return "If you trust its issuer, name the issuer's certificate as a CA file; otherwise somebody may be listening "
           "in.";
  default: return "Somebody may be listening in.";
  }
}

/* What tells a peer that does not speak TLS at all. */
static bool is_not_tls(unsigned long code) {
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return false;
  int reason = ERR_GET_REASON(code);
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST ||
         reason == SSL_R_PACKET_LENGTH_TOO_LONG || reason == SSL_R_UNKNOWN_PROTOCOL;
}

genai_status tls_explain(SSL *ssl, bool handshake, const char *host, int port, genai_error *error) {
  unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  long verify = SSL_get_verify_result(ssl);
  const char *reason = ERR_reason_error_string(code);
  if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) return error_memory(error);
  if (handshake && verify != X509_V_OK && !SSL_is_server(ssl) && (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER))
    return error_set(error, GENAI_ERROR_CERTIFICATE, "The certificate of %s port %d was not accepted: %s. %s", host,
                     port, X509_verify_cert_error_string(verify), advice(verify));
  if (handshake && is_not_tls(code))
    return error_set(error, GENAI_ERROR_TLS,
                     SSL_is_server(ssl) ? "%s port %d did not speak TLS." :
                     "%s port %d did not answer with TLS; is it a plain http or ws server?", host, port);
  return error_set(error, GENAI_ERROR_TLS, "%s with %s port %d failed: %s.",
                   handshake ? "The TLS handshake" : "TLS", host, port, reason ? reason : "OpenSSL gives no reason");
}

genai_status tls_explain_eof(SSL *ssl, const char *host, int port, genai_error *error) {
  return error_set(error, GENAI_ERROR_TLS, "%s port %d ended the connection in the TLS handshake%s", host, port,
                   SSL_is_server(ssl) ? "." : "; is it a TLS server?");
}
