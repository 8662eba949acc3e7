#include "wire/base64.h"

#include <stdatomic.h>

static _Atomic(const base64_path *) chosen;

static const base64_path *best(void) {
  const base64_path *const *path = base64_paths;
  while (!(*path)->supported()) path++;
  return *path;
}

void base64_choose(const base64_path *path) { atomic_store_explicit(&chosen, path, memory_order_relaxed); }

/* Threads that ask for the first time together find the same answer. */
static const base64_path *use(void) {
  const base64_path *path = atomic_load_explicit(&chosen, memory_order_relaxed);
  if (!path) base64_choose(path = best());
  return path;
}

size_t base64_decode_groups(const uint8_t *text, size_t size, uint8_t *out) {
  size_t taken = use()->decode(text, size, out);
  return taken + base64_scalar.decode(text + taken, size - taken, out + taken / 4 * 3);
}

bool base64_decode(const uint8_t *text, size_t size, uint8_t *out, size_t *written) {
  if (size && size % 4 == 0 && text[size - 1] == '=') size -= text[size - 2] == '=' ? 2 : 1;
  if (size % 4 == 1) return false;
  size_t taken = base64_decode_groups(text, size, out), left = size - taken, done = taken / 4 * 3;
  if (left >= 4) return false;
  if (left) { /* two or three characters: the rest of a group is as if it were 0 */
    uint8_t group[4] = {'A', 'A', 'A', 'A'}, bytes[3];
    for (size_t i = 0; i < left; i++) group[i] = text[taken + i];
    if (base64_scalar.decode(group, 4, bytes) != 4) return false;
    for (size_t i = 0; i + 1 < left; i++) out[done++] = bytes[i];
  }
  *written = done;
  return true;
}

void base64_encode(const uint8_t *data, size_t size, uint8_t *out) {
  size_t taken = use()->encode(data, size, out);
  taken += base64_scalar.encode(data + taken, size - taken, out + taken / 3 * 4);
  size_t left = size - taken;
  if (!left) return;
  uint8_t group[3] = {data[taken], left > 1 ? data[taken + 1] : 0, 0};
  out += taken / 3 * 4;
  base64_scalar.encode(group, 3, out);
  out[3] = '=';
  if (left == 1) out[2] = '=';
}
