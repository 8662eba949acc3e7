/* A descriptor that is readable while something waits; made on first use. Guard it with the owner's mutex. */
#ifndef GENAI_SRC_CLIENT_NOTIFY_H
#define GENAI_SRC_CLIENT_NOTIFY_H

#include <stdbool.h>

#include "genai/base.h"

typedef struct notify {
  int read_fd, write_fd; /* valid when made */
  bool made, raised;
} notify;

/* Makes the pipe; returns the descriptor to poll, or -1. */
int notify_fd(notify *n, genai_error *error);
/* Makes it readable or not; nothing when it was never made. */
void notify_set(notify *n, bool readable);
void notify_deinit(notify *n);

#endif
