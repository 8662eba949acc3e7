/* The process's allocator: malloc unless genai_set_allocator says otherwise. */
#ifndef GENAI_SRC_BASE_MEMORY_H
#define GENAI_SRC_BASE_MEMORY_H

#include <stddef.h>

void *mem_alloc(size_t size);                          /* NULL when memory is out */
void *mem_zalloc(size_t size);                         /* zero-filled */
void *mem_realloc(void *memory, size_t size);          /* keeps memory on failure */
void *mem_dup(const void *memory, size_t size);
char *mem_strdup(const char *text);                    /* NULL in, NULL out */
char *mem_strndup(const char *text, size_t size);      /* adds the NUL */
void mem_free(void *memory);                           /* takes NULL */
void mem_copy(void *to, const void *from, size_t size); /* memcpy for what may be large */

#endif
