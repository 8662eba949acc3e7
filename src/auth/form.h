/* application/x-www-form-urlencoded bodies. */
#ifndef GENAI_SRC_AUTH_FORM_H
#define GENAI_SRC_AUTH_FORM_H

#include "base/buf.h"

/* Appends "name=value", with '&' before it unless it is the first. */
void form_add(buf *b, const char *name, const char *value);
/* Appends a text, percent-encoded. */
void form_value(buf *b, const char *value);

#endif
