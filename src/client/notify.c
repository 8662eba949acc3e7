#include "client/notify.h"

#include <errno.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"

int notify_fd(notify *n, genai_error *error) {
  if (n->made) return n->read_fd;
  uv_file ends[2];
  int failed = uv_pipe(ends, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);
  if (failed) {
    error_set(error, GENAI_ERROR_SYSTEM, "No descriptor could be made: %s. Raise the limit of open files, or use one "
              "genai_client_fd for all sessions.", uv_strerror(failed));
    if (error) error->os_error = -failed;
    return -1;
  }
  *n = (notify){.read_fd = ends[0], .write_fd = ends[1], .made = true};
  return n->read_fd;
}

void notify_set(notify *n, bool readable) {
  if (!n->made || n->raised == readable) return;
  char byte = 0;
  ssize_t done;
  do {
    done = readable ? write(n->write_fd, &byte, 1) : read(n->read_fd, &byte, 1);
  } while (done < 0 && errno == EINTR);
  n->raised = readable;
}

void notify_deinit(notify *n) {
  if (!n->made) return;
  close(n->read_fd);
  close(n->write_fd);
  n->made = false;
}
