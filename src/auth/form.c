#include "auth/form.h"

#include <string.h>

void form_value(buf *b, const char *value) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", hex[] = "0123456789ABCDEF";
  while (*value) {
    size_t span = strspn(value, plain);
    buf_append(b, value, span);
    value += span;
    if (!*value) break;
    const uint8_t c = (uint8_t)*value++;
    buf_append(b, (const char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
  }
}

void form_add(buf *b, const char *name, const char *value) {
  if (b->size) buf_byte(b, '&');
  buf_text(b, name);
  buf_byte(b, '=');
  form_value(b, value);
}
