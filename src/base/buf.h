/* A growing byte buffer with a mandatory ceiling. A failed append leaves it unchanged and marks it;
 * several appends may be made and `failed` asked once at the end. */
#ifndef GENAI_SRC_BASE_BUF_H
#define GENAI_SRC_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct buf {
  uint8_t *data;
  size_t size, capacity, ceiling;
  bool failed; /* an append did not fit (ceiling) or memory was out */
  bool full;   /* it was the ceiling */
} buf;

void buf_init(buf *b, size_t ceiling);
void buf_deinit(buf *b);
void buf_clear(buf *b);                              /* size 0, memory kept, failed reset */
bool buf_append(buf *b, const void *data, size_t size);
bool buf_text(buf *b, const char *text);
bool buf_byte(buf *b, uint8_t byte);
bool buf_format(buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `size` more bytes at the end, or NULL; then buf_commit what was written. */
uint8_t *buf_room(buf *b, size_t size);
void buf_commit(buf *b, size_t size);
void buf_consume(buf *b, size_t size);               /* drops the first bytes */
/* NUL-terminated view of the text (the NUL is not counted), or NULL when failed. */
const char *buf_cstr(buf *b);

#endif
