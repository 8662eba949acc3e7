/* An allocator, for any number of threads, of which one allocation fails; it counts what is alive. */
#ifndef GENAI_TESTS_CLIENT_FAIL_ONCE_H
#define GENAI_TESTS_CLIENT_FAIL_ONCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static atomic_long fail_once_countdown, fail_once_balance; /* the allocation that fails, counted down; what is alive */

static bool fail_once_now(void) { return atomic_fetch_sub(&fail_once_countdown, 1) == 1; }

static void *fail_once_allocate(size_t size, void *user) {
  (void)user;
  void *memory = fail_once_now() ? NULL : malloc(size);
  if (memory) atomic_fetch_add(&fail_once_balance, 1);
  return memory;
}

static void *fail_once_reallocate(void *memory, size_t size, void *user) {
  (void)user;
  if (fail_once_now()) return NULL;
  if (!memory) atomic_fetch_add(&fail_once_balance, 1);
  return realloc(memory, size);
}

static void fail_once_release(void *memory, void *user) {
  (void)user;
  atomic_fetch_sub(&fail_once_balance, 1);
  free(memory);
}

#endif
