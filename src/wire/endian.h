/* The order of bytes in this processor's words, which compilers know while they compile. */
#ifndef GENAI_SRC_WIRE_ENDIAN_H
#define GENAI_SRC_WIRE_ENDIAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool wire_little_endian(void) {
  const uint16_t one = 1;
  uint8_t first;
  memcpy(&first, &one, 1);
  return first;
}

#endif
