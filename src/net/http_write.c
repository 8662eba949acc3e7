#include "net/http.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static genai_status check_headers(const genai_string_pair *headers, size_t count, genai_error *error) {
  for (size_t i = 0; i < count; i++) {
    const char *name = headers[i].key, *value = headers[i].value;
    if (!name || !http_is_token(name, strlen(name)))
      return error_set(error, GENAI_ERROR_ARGUMENT,
                       "Header %zu has no valid name: letters, digits and !#$%%&'*+-.^_`|~ are allowed.", i + 1);
    if (!value || !http_is_value(value, strlen(value)))
      return error_set(error, GENAI_ERROR_ARGUMENT,
                       "The value of the header \"%.64s\" %s.", name,
                       value ? "holds a line break or another control character" : "is missing");
  }
  return GENAI_OK;
}

/* "Name: value" CR LF each, and the blank line. */
static void append_headers(buf *out, const genai_string_pair *headers, size_t count) {
  for (size_t i = 0; i < count; i++) {
    buf_text(out, headers[i].key);
    buf_text(out, ": ");
    buf_text(out, headers[i].value);
    buf_text(out, "\r\n");
  }
  buf_text(out, "\r\n");
}

static size_t headers_size(const genai_string_pair *headers, size_t count) {
  size_t size = 2;
  for (size_t i = 0; i < count; i++) size += strlen(headers[i].key) + strlen(headers[i].value) + 4;
  return size;
}

/* Makes room for the whole head, so that the appends cannot fail half-way. */
static genai_status reserve(buf *out, size_t size, genai_error *error) {
  if (size > out->ceiling - out->size)
    return error_set(error, GENAI_ERROR_LIMIT, "The HTTP head would be larger than %zu bytes; shorten its headers.",
                     out->ceiling - out->size);
  return buf_room(out, size) ? GENAI_OK : error_memory(error);
}

genai_status http_request_write(buf *out, const char *method, const char *target, const genai_string_pair *headers,
                                size_t count, genai_error *error) {
  if (!http_is_token(method, strlen(method)))
    return error_set(error, GENAI_ERROR_ARGUMENT, "The request's method is not a word.");
  if (!http_is_target(target, strlen(target)))
    return error_set(error, GENAI_ERROR_ARGUMENT,
                     "The request's path is empty or holds a space, a control character or a character that is not "
                     "ASCII; percent-encode it.");
  genai_status status = check_headers(headers, count, error);
  size_t line = strlen(method) + strlen(target) + strlen("  HTTP/1.1\r\n");
  if (status == GENAI_OK) status = reserve(out, line + headers_size(headers, count), error);
  if (status != GENAI_OK) return status;
  buf_text(out, method);
  buf_byte(out, ' ');
  buf_text(out, target);
  buf_text(out, " HTTP/1.1\r\n");
  append_headers(out, headers, count);
  return GENAI_OK;
}

genai_status http_response_write(buf *out, int status_code, const char *reason, const genai_string_pair *headers,
                                 size_t count, genai_error *error) {
  char line[sizeof "HTTP/1.1 999 "];
  if (status_code < 100 || status_code > 999 || !http_is_value(reason, strlen(reason)))
    return error_set(error, GENAI_ERROR_ARGUMENT, "The response's status or reason is malformed.");
  genai_status status = check_headers(headers, count, error);
  snprintf(line, sizeof line, "HTTP/1.1 %03d ", status_code);
  size_t size = strlen(line) + strlen(reason) + strlen("\r\n");
  if (status == GENAI_OK) status = reserve(out, size + headers_size(headers, count), error);
  if (status != GENAI_OK) return status;
  buf_text(out, line);
  buf_text(out, reason);
  buf_text(out, "\r\n");
  append_headers(out, headers, count);
  return GENAI_OK;
}
