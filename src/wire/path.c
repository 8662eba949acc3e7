#include "wire/path.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/number.h"

/* Puts a piece before what stands at `at`; false when there is no room. */
static bool prepend(char *out, size_t *at, const char *piece, size_t size) {
  static const char ellipsis[] = "\xE2\x80\xA6";
  if (*at < size + 4) {
    *at -= 3;
    memcpy(out + *at, ellipsis, 3);
    return false;
  }
  *at -= size;
  memcpy(out + *at, piece, size);
  return true;
}

static bool prepend_index(char *out, size_t *at, size_t index) {
  char digits[NUMBER_TEXT_MAX];
  if (index == WIRE_PATH_NO_INDEX) return true;
  return prepend(out, at, "]", 1) && prepend(out, at, digits, number_write_int64(digits, (int64_t)index)) &&
         prepend(out, at, "[", 1);
}

void wire_path_text(const wire_path *path, const char *root, char out[WIRE_PATH_MAX]) {
  size_t at = WIRE_PATH_MAX - 1;
  bool more = true;
  out[at] = '\0';
  for (; path && more; path = path->up) {
    more = prepend_index(out, &at, path->index) && prepend(out, &at, path->name, path->name_size);
    if (more && (path->up || root)) more = prepend(out, &at, ".", 1);
  }
  if (more && root) prepend(out, &at, root, strlen(root));
  memmove(out, out + at, WIRE_PATH_MAX - at);
}
