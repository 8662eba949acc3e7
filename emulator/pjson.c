#include "emulator/pjson.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

bool pjson_key_is(const char *key, const char *snake_name) {
  while (*key && *snake_name) {
    if (*snake_name == '_' && *key != '_') {
      snake_name++;
      if (toupper((unsigned char)*snake_name) != *key) return false;
    } else if (*key != *snake_name) {
      return false;
    }
    key++;
    snake_name++;
  }
  return !*key && !*snake_name;
}

json_t *pjson_get(json_t *object, const char *snake_name) {
  const char *key;
  json_t *value, *found = NULL;
  json_object_foreach(object, key, value) {
    if (pjson_key_is(key, snake_name) && !json_is_null(value)) found = value;
  }
  return found;
}

const char *pjson_text(json_t *object, const char *snake_name) {
  const char *text = json_string_value(pjson_get(object, snake_name));
  return text ? text : "";
}

bool pjson_true(json_t *object, const char *snake_name) { return json_is_true(pjson_get(object, snake_name)); }

double pjson_number(json_t *object, const char *snake_name, double otherwise) {
  json_t *value = pjson_get(object, snake_name);
  if (json_is_number(value)) return json_number_value(value);
  if (json_is_string(value)) return strtod(json_string_value(value), NULL);
  return otherwise;
}

void pjson_mend(char *text) {
  if (utf8_valid((const uint8_t *)text, strlen(text))) return;
  for (; *text; text++) {
    if ((unsigned char)*text >= 0x80) *text = '?';
  }
}

static int digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

/* Size of the text without its padding, or SIZE_MAX when its length is impossible. */
static size_t unpadded(const char *text, size_t size) {
  size_t padding = 0;
  while (padding < 2 && padding < size && text[size - 1 - padding] == '=') padding++;
  if (padding && size % 4) return SIZE_MAX;
  size -= padding;
  return size % 4 == 1 ? SIZE_MAX : size;
}

bool pjson_base64_valid(const char *text, size_t size) {
  size = unpadded(text, size);
  if (size == SIZE_MAX) return false;
  for (size_t i = 0; i < size; i++) {
    if (digit(text[i]) < 0) return false;
  }
  return true;
}

bool pjson_base64_decode(buf *out, const char *text, size_t size) {
  if (!pjson_base64_valid(text, size)) return false;
  size = unpadded(text, size);
  uint8_t *to = buf_room(out, size / 4 * 3 + 3);
  if (!to) return false;
  uint32_t bits = 0;
  size_t made = 0;
  for (size_t i = 0; i < size; i++) {
    bits = bits << 6 | (uint32_t)digit(text[i]);
    if (i % 4) to[made++] = (uint8_t)(bits >> (2 * (3 - i % 4)));
  }
  buf_commit(out, made);
  return true;
}

json_t *pjson_base64(const uint8_t *data, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *text = mem_alloc(size / 3 * 4 + 5), *to = text;
  if (!text) return NULL;
  for (size_t i = 0; i < size; i += 3) {
    size_t left = size - i;
    uint32_t bits =
        (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0);
    *to++ = digits[bits >> 18];
    *to++ = digits[bits >> 12 & 63];
    *to++ = left > 1 ? digits[bits >> 6 & 63] : '=';
    *to++ = left > 2 ? digits[bits & 63] : '=';
  }
  json_t *string = json_stringn_nocheck(text, (size_t)(to - text));
  mem_free(text);
  return string;
}
