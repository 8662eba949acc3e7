/* Text that comes in: whole files, and lines of any length up to a ceiling. */
#ifndef GENAI_CLI_INPUT_H
#define GENAI_CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "genai/base.h"

/* What the command takes for one text: a message's ceiling in the library. */
enum { INPUT_MAX = 64 << 20 };

/* Appends the file, or standard input for "-", to `out`. */
genai_status input_file(const char *path, buf *out, genai_error *error);
/* The same as a NUL-terminated text, which is `out`'s; *text is NULL after an error. */
genai_status input_text(const char *path, buf *out, const char **text, genai_error *error);

typedef enum line_result {
  LINE_READY,      /* text and size, without its newline; valid until the next call */
  LINE_WANTS_READ, /* no whole line is here yet: lines_fill */
  LINE_TOO_LONG,   /* a line of more than the ceiling, said once; the rest of it is skipped */
  LINE_END,
  LINE_FAILED      /* reading failed; lines->os_error */
} line_result;

typedef struct lines {
  int fd;
  buf buffer;
  size_t ceiling, taken, scanned; /* bytes given out already, bytes known to hold no newline */
  uint64_t number;                /* of the line last given out, from 1 */
  bool ended, skipping;
  int os_error;
} lines;

void lines_init(lines *l, int fd, size_t ceiling);
void lines_deinit(lines *l);
/* The next line among the bytes read so far; never reads. */
line_result lines_take(lines *l, const char **text, size_t *size);
/* One read of the descriptor. */
void lines_fill(lines *l);
/* The next line, reading as needed; never LINE_WANTS_READ. */
line_result lines_next(lines *l, const char **text, size_t *size);

#endif
