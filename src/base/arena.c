#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "base/memory.h"

enum { FIRST_CHUNK = 1024, CHUNK_MAX = 1 << 20 };

struct arena_chunk {
  arena_chunk *next;
  size_t size;
  max_align_t data[];
};

void arena_init(arena *a, size_t ceiling) { *a = (arena){.ceiling = ceiling}; }

void arena_deinit(arena *a) {
  for (arena_chunk *c = a->chunks, *next; c; c = next) {
    next = c->next;
    mem_free(c);
  }
  *a = (arena){.ceiling = a->ceiling};
}

static void use(arena *a, arena_chunk *c) {
  a->cursor = (uint8_t *)c->data;
  a->end = a->cursor + c->size;
}

static bool grow(arena *a, size_t need) {
  size_t size = a->chunks ? a->chunks->size * 2 : FIRST_CHUNK;
  if (size > CHUNK_MAX) size = CHUNK_MAX;
  if (size > a->ceiling - a->reserved) size = a->ceiling - a->reserved;
  if (size < need) size = need;
  if (size > a->ceiling - a->reserved) {
    a->full = true;
    return false;
  }
  arena_chunk *c = arena_chunk_new(size);
  if (!c) return false;
  c->next = a->chunks;
  a->chunks = c;
  a->reserved += size;
  use(a, c);
  return true;
}

bool arena_reserve(arena *a, size_t size) { return (size_t)(a->end - a->cursor) >= size || grow(a, size); }

arena_chunk *arena_chunk_new(size_t size) {
  arena_chunk *c = mem_alloc(sizeof *c + size);
  if (!c) return NULL;
  c->next = NULL;
  c->size = size;
  return c;
}

size_t arena_chunk_size(const arena_chunk *chunk) { return chunk->size; }
arena_chunk **arena_chunk_next(arena_chunk *chunk) { return &chunk->next; }
void arena_chunk_free(arena_chunk *chunk) { mem_free(chunk); }

arena_chunk *arena_detach(arena *a) {
  arena_chunk *keep = NULL;
  for (arena_chunk *c = a->chunks, *next; c; c = next) {
    next = c->next;
    if (!keep || c->size > keep->size) {
      mem_free(keep);
      keep = c;
    } else {
      mem_free(c);
    }
  }
  if (keep) keep->next = NULL;
  *a = (arena){.ceiling = a->ceiling};
  return keep;
}

void arena_attach(arena *a, arena_chunk *chunk) {
  a->chunks = chunk;
  a->reserved = chunk->size;
  use(a, chunk);
}

void arena_reset(arena *a) {
  arena_chunk *keep = arena_detach(a);
  if (keep) arena_attach(a, keep);
}

static size_t padding(const arena *a) { return (size_t)(-(uintptr_t)a->cursor & (alignof(max_align_t) - 1)); }

void arena_align(arena *a) {
  size_t pad = padding(a);
  if (pad <= (size_t)(a->end - a->cursor)) a->cursor += pad;
}

uint8_t *arena_bytes(arena *a, size_t size) {
  if ((size_t)(a->end - a->cursor) < size && !grow(a, size)) return NULL;
  /* An arena that was never used has no chunk; a present empty value still needs an address. */
  if (!a->cursor && !grow(a, 1)) return NULL;
  uint8_t *memory = a->cursor;
  a->cursor += size;
  return memory;
}

void *arena_alloc(arena *a, size_t size) {
  size_t pad = padding(a);
  if (size > SIZE_MAX - pad || (size_t)(a->end - a->cursor) < size + pad || !a->cursor) {
    if (!grow(a, size ? size : 1)) return NULL;
    pad = 0;
  }
  a->cursor += pad;
  void *memory = a->cursor;
  a->cursor += size;
  return memory;
}

void *arena_zalloc(arena *a, size_t size) {
  void *memory = arena_alloc(a, size);
  if (memory) memset(memory, 0, size);
  return memory;
}

char *arena_strndup(arena *a, const char *text, size_t size) {
  char *copy = (char *)arena_bytes(a, size + 1);
  if (!copy) return NULL;
  mem_copy(copy, text, size);
  copy[size] = '\0';
  return copy;
}

void arena_trim(arena *a, const uint8_t *memory, size_t size, size_t used) {
  if (memory + size == a->cursor) a->cursor -= size - used;
}
