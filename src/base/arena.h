/* A bump allocator with a ceiling: one message, one arena, one free. Not thread-safe. */
#ifndef GENAI_SRC_BASE_ARENA_H
#define GENAI_SRC_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct arena_chunk arena_chunk;

typedef struct arena {
  arena_chunk *chunks; /* newest first */
  uint8_t *cursor, *end;
  size_t reserved;     /* bytes in all chunks */
  size_t ceiling;      /* no chunk is made that would pass it */
  bool full;           /* an allocation failed for the ceiling, not for memory */
} arena;

void arena_init(arena *a, size_t ceiling);
void arena_deinit(arena *a);
/* Makes room for `size` bytes in one chunk, so that a decoder which knows its input's size allocates once. */
bool arena_reserve(arena *a, size_t size);
/* Frees every chunk but the largest and starts over in it. */
void arena_reset(arena *a);
/* A chunk as a thing of its own, so that a pool can keep it for the next arena: arena_detach frees all but the largest chunk and
 * leaves the arena empty (NULL: it had none); arena_attach starts an empty arena in one. */
arena_chunk *arena_detach(arena *a);
void arena_attach(arena *a, arena_chunk *chunk);
arena_chunk *arena_chunk_new(size_t size); /* NULL: out of memory */
size_t arena_chunk_size(const arena_chunk *chunk);
arena_chunk **arena_chunk_next(arena_chunk *chunk); /* the link, for the pool's lists */
void arena_chunk_free(arena_chunk *chunk);
/* Aligned for any type; not zeroed. NULL when memory or the ceiling is out (a->full tells which). */
void *arena_alloc(arena *a, size_t size);
void *arena_zalloc(arena *a, size_t size);
/* Starts the next allocation where any type may stand, if there is room. */
void arena_align(arena *a);
/* Byte-aligned. */
uint8_t *arena_bytes(arena *a, size_t size);
char *arena_strndup(arena *a, const char *text, size_t size);
/* Gives the tail of the newest byte allocation back: [memory, memory+size) shrinks to used. */
void arena_trim(arena *a, const uint8_t *memory, size_t size, size_t used);

#endif
