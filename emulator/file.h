/* Files: read whole, and added to by lines of JSON. */
#ifndef GENAI_EMULATOR_FILE_H
#define GENAI_EMULATOR_FILE_H

#include <jansson.h>

#include "base/buf.h"
#include "genai/base.h"

/* Appends the file to `text`, whose ceiling is how long it may be. */
genai_status file_read(buf *text, const char *path, genai_error *error);
/* Writes a record as a line, in one piece where the system does not interrupt; *size, if not NULL, grows by its bytes. */
bool file_write_line(int fd, const json_t *record, size_t *size);

#endif
