#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void buf_init(buf *b, size_t ceiling) { *b = (buf){.ceiling = ceiling}; }

void buf_deinit(buf *b) {
  mem_free(b->data);
  *b = (buf){.ceiling = b->ceiling};
}

void buf_clear(buf *b) {
  b->size = 0;
  b->failed = b->full = false;
}

uint8_t *buf_room(buf *b, size_t size) {
  if (size <= b->capacity - b->size) return b->data + b->size;
  if (size > b->ceiling - b->size) {
    b->failed = b->full = true;
    return NULL;
  }
  size_t capacity = b->capacity ? b->capacity : b->ceiling < 256 ? b->ceiling : 256;
  while (capacity - b->size < size) capacity = capacity > b->ceiling / 2 ? b->ceiling : capacity * 2;
  uint8_t *data = mem_realloc(b->data, capacity);
  if (!data) {
    b->failed = true;
    return NULL;
  }
  b->data = data;
  b->capacity = capacity;
  return b->data + b->size;
}

void buf_commit(buf *b, size_t size) { b->size += size; }

bool buf_append(buf *b, const void *data, size_t size) {
  if (!size) return !b->failed;
  uint8_t *room = buf_room(b, size);
  if (!room) return false;
  mem_copy(room, data, size);
  b->size += size;
  return true;
}

bool buf_text(buf *b, const char *text) { return buf_append(b, text, strlen(text)); }

bool buf_byte(buf *b, uint8_t byte) {
  if (b->size == b->capacity) return buf_append(b, &byte, 1);
  b->data[b->size++] = byte;
  return true;
}

bool buf_format(buf *b, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, format, args);
  va_end(args);
  uint8_t *room = size < 0 ? NULL : buf_room(b, (size_t)size + 1);
  if (room) {
    vsnprintf((char *)room, (size_t)size + 1, format, again);
    b->size += (size_t)size;
  } else {
    b->failed = true;
  }
  va_end(again);
  return room != NULL;
}

void buf_consume(buf *b, size_t size) {
  b->size -= size;
  if (b->size) memmove(b->data, b->data + size, b->size);
}

const char *buf_cstr(buf *b) {
  if (b->failed) return NULL;
  uint8_t *room = buf_room(b, 1);
  if (!room) return NULL;
  *room = '\0';
  return (const char *)b->data;
}
