#include "auth/form.h"

#include <string.h>

void form_add(buf *b, const char *name, const char *value) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", hex[] = "0123456789ABCDEF";
  if (b->size) buf_byte(b, '&');
  buf_text(b, name);
  buf_byte(b, '=');
  while (*value) {
    size_t span = strspn(value, plain);
    buf_append(b, value, span);
    value += span;
    if (!*value) break;
    const uint8_t c = (uint8_t)*value++;
    buf_append(b, (const char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
  }
}
