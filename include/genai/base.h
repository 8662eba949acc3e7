/* Statuses, errors and the small value types that every other header uses.
 *
 * Rules that hold everywhere in genai-live:
 *  - Zero means unset: NULL, count 0, an enumerator 0, `has == false`.
 *  - What a caller passes in is copied or encoded before the call returns.
 *  - What a caller receives is one allocation with one free.
 *  - Every fallible function returns a genai_status and takes a genai_error that may be NULL. */
#ifndef GENAI_BASE_H
#define GENAI_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GENAI_API __attribute__((visibility("default")))
#define GENAI_MUST_USE __attribute__((warn_unused_result))
#else
#define GENAI_API
#define GENAI_MUST_USE
#endif

/* Every status: name, number, one sentence. Numbers never change once released.
 * GENAI_OK, GENAI_CLOSED and GENAI_WOULD_BLOCK are answers; the others are errors. */
#define GENAI_STATUS_LIST(X)                                                                       \
  X(OK, 0, "success")                                                                              \
  X(CLOSED, 1, "the session was closed gracefully")                                                \
  X(WOULD_BLOCK, 2, "nothing can be done without waiting")                                         \
  X(ERROR_ARGUMENT, -1, "an argument is missing, malformed or refused by this backend")            \
  X(ERROR_MEMORY, -2, "out of memory")                                                             \
  X(ERROR_LIMIT, -3, "a ceiling was reached")                                                      \
  X(ERROR_TIMEOUT, -4, "the deadline passed")                                                      \
  X(ERROR_CANCELLED, -5, "the call was cancelled")                                                 \
  X(ERROR_CLOSED, -6, "the session is closed")                                                     \
  X(ERROR_RESOLVE, -7, "the host name could not be resolved")                                      \
  X(ERROR_CONNECT, -8, "no connection could be made")                                              \
  X(ERROR_TLS, -9, "the TLS connection could not be made")                                         \
  X(ERROR_CERTIFICATE, -10, "the server's certificate was not accepted")                           \
  X(ERROR_PROXY, -11, "the proxy refused or failed")                                               \
  X(ERROR_HTTP, -12, "the server refused the WebSocket upgrade")                                   \
  X(ERROR_PROTOCOL, -13, "the peer broke the HTTP or WebSocket protocol")                          \
  X(ERROR_LOST, -14, "the connection was lost without a close")                                    \
  X(ERROR_REFUSED, -15, "the service closed the session with an error code")                       \
  X(ERROR_SERVICE, -16, "the service answered with an error object")                               \
  X(ERROR_MESSAGE, -17, "a message was empty or not valid; the session goes on")                   \
  X(ERROR_INSECURE, -18, "a credential would have crossed the network in the clear")               \
  X(ERROR_CREDENTIALS, -19, "no usable credential was found")                                      \
  X(ERROR_THREAD, -20, "the call is not allowed on the library's own threads")                     \
  X(ERROR_SYSTEM, -21, "the operating system refused a resource")

typedef enum genai_status {
#define GENAI_STATUS_ENUM(name, number, text) GENAI_##name = (number),
  GENAI_STATUS_LIST(GENAI_STATUS_ENUM)
#undef GENAI_STATUS_ENUM
} genai_status;

/* The detail of a failure, filled by the call that failed. Never holds a key, token or password.
 * Start with `genai_error error = {0};`; a later success leaves it as it was. */
typedef struct genai_error {
  genai_status status;    /* what the call returned */
  int os_error;           /* errno of the failed system call, or 0 */
  int http_status;        /* status of a refused upgrade or request, or the code of an {"error":...} answer; or 0 */
  int close_code;         /* RFC 6455 section 7.4 code as it came; 1005 for an empty close, 1006 for none; 0 when not about a close */
  char close_reason[124]; /* the close frame's reason, NUL-terminated */
  char message[2048];     /* one or more whole sentences: what happened, why, what to do */
} genai_error;

/* The name of a status, for example "GENAI_ERROR_TIMEOUT". Static text; any thread. */
GENAI_API const char *genai_status_name(genai_status status);
/* One sentence about a status. Static text; any thread. */
GENAI_API const char *genai_status_text(genai_status status);
/* The library's version, for example "0.1.0". Static text; any thread. */
GENAI_API const char *genai_version(void);

/* Memory functions with the contracts of malloc, realloc and free. */
typedef struct genai_allocator {
  void *(*allocate)(size_t size, void *user);
  void *(*reallocate)(void *memory, size_t size, void *user);
  void (*release)(void *memory, void *user);
  void *user;
} genai_allocator;

/* Replaces the library's allocator for the whole process; NULL restores malloc. Call it before any
 * other function of the library, on one thread: memory made by one allocator must not be freed by another.
 * OpenSSL and libuv keep their own. */
GENAI_API void genai_set_allocator(const genai_allocator *allocator);

/* Bytes with a length. data == NULL is unset; data != NULL with size 0 is present and empty. */
typedef struct genai_bytes {
  const uint8_t *data;
  size_t size;
} genai_bytes;

/* google.protobuf.Duration. nanos has the sign of seconds. */
typedef struct genai_duration {
  int64_t seconds;
  int32_t nanos;
} genai_duration;

/* Optional scalars: `has` tells presence; `value` is 0 when absent, so it reads as the proto default.
 * Write them with GENAI_SOME(value). */
typedef struct genai_opt_bool { bool has; bool value; } genai_opt_bool;
typedef struct genai_opt_int32 { bool has; int32_t value; } genai_opt_int32;
typedef struct genai_opt_int64 { bool has; int64_t value; } genai_opt_int64;
typedef struct genai_opt_double { bool has; double value; } genai_opt_double;
typedef struct genai_opt_duration { bool has; genai_duration value; } genai_opt_duration;

/* Lists of scalars. items == NULL is unset; items != NULL with count 0 is an explicit []. */
typedef struct genai_string_list { const char *const *items; size_t count; } genai_string_list;
typedef struct genai_int32_list { const int32_t *items; size_t count; } genai_int32_list;
typedef struct genai_double_list { const double *items; size_t count; } genai_double_list;
/* texts is NULL when every item is known; otherwise texts[i] is the wire text of an item this
 * version does not know (items[i] is then 0), or NULL. */
typedef struct genai_enum_list { const int32_t *items; size_t count; const char *const *texts; } genai_enum_list;
typedef struct genai_string_pair { const char *key; const char *value; } genai_string_pair;
typedef struct genai_string_map { const genai_string_pair *items; size_t count; } genai_string_map;

/* Compound-literal helpers for C (their storage lives until the end of the enclosing block). */
#ifndef __cplusplus
#define GENAI_SOME(...) { true, __VA_ARGS__ }
#define GENAI_COUNT_OF(type, ...) (sizeof((type[]){__VA_ARGS__}) / sizeof(type))
#define GENAI_ENUMS(...) { (const int32_t[]){__VA_ARGS__}, GENAI_COUNT_OF(int32_t, __VA_ARGS__), NULL }
#define GENAI_STRINGS(...) { (const char *const[]){__VA_ARGS__}, GENAI_COUNT_OF(const char *, __VA_ARGS__) }
/* A list of messages: GENAI_LIST(genai_tool, &(genai_tool){...}, ...) */
#define GENAI_LIST(type, ...) { (const type *const[]){__VA_ARGS__}, GENAI_COUNT_OF(const type *, __VA_ARGS__) }
#endif

#ifdef __cplusplus
}
#endif
#endif
