/* Rounds of a test under GENAI_TEST_SCALE, by which slow runs (valgrind) divide them. */
#ifndef GENAI_TESTS_BASE_SCALE_H
#define GENAI_TESTS_BASE_SCALE_H

#include <stdlib.h>

static int scaled_down(int rounds) {
  const char *text = getenv("GENAI_TEST_SCALE");
  int scale = text ? atoi(text) : 1;
  return scale > 1 ? rounds / scale + 1 : rounds;
}

#endif
