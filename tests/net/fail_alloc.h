/* An allocator that fails at the n-th allocation, once, and counts what is alive. */
#ifndef GENAI_TESTS_NET_FAIL_ALLOC_H
#define GENAI_TESTS_NET_FAIL_ALLOC_H

#include <stdbool.h>
#include <stdlib.h>

#include "genai/base.h"

static struct { long fail_at, seen, alive; } fail_alloc; /* fail_at 0: never */

static bool fail_alloc_now(void) { return ++fail_alloc.seen == fail_alloc.fail_at; }

static void *fail_alloc_allocate(size_t size, void *user) {
  (void)user;
  void *memory = fail_alloc_now() ? NULL : malloc(size);
  if (memory) fail_alloc.alive++;
  return memory;
}

static void *fail_alloc_reallocate(void *memory, size_t size, void *user) {
  (void)user;
  void *grown = fail_alloc_now() ? NULL : realloc(memory, size);
  if (grown && !memory) fail_alloc.alive++;
  return grown;
}

static void fail_alloc_release(void *memory, void *user) {
  (void)user;
  if (memory) fail_alloc.alive--;
  free(memory);
}

static void fail_alloc_use(long fail_at) {
  static const genai_allocator allocator = {fail_alloc_allocate, fail_alloc_reallocate, fail_alloc_release, NULL};
  fail_alloc.fail_at = fail_at;
  fail_alloc.seen = fail_alloc.alive = 0;
  genai_set_allocator(&allocator);
}

/* Whether the n-th allocation was reached; the standard allocator is back afterwards. */
static bool fail_alloc_done(void) {
  genai_set_allocator(NULL);
  return fail_alloc.seen >= fail_alloc.fail_at;
}

#endif
