#include "cli/words.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

/* Copies one word to *out, without its quotes, and returns what stands behind it; NULL: a quote or a backslash has no end. */
static const char *take_word(const char *at, char **out) {
  char quote = 0;
  for (; *at != '\0' && (quote != 0 || !is_blank(*at)); at++) {
    if (*at == quote) {
      quote = 0;
    } else if (quote == 0 && (*at == '\'' || *at == '"')) {
      quote = *at;
    } else {
      if (*at == '\\' && quote != '\'' && *++at == '\0') return NULL;
      *(*out)++ = *at;
    }
  }
  *(*out)++ = '\0';
  return quote == 0 ? at : NULL;
}

genai_status words_split(const char *option, const char *text, arena *a, const char *const **words, genai_error *error) {
  size_t size = strlen(text), count = 0;
  /* A word and its end take no more room than the word and the blank behind it. */
  const char **list = arena_alloc(a, (size / 2 + 2) * sizeof *list);
  char *copy = (char *)arena_bytes(a, size + 1);
  if (list == NULL || copy == NULL) return error_memory(error);
  for (const char *at = text;;) {
    while (is_blank(*at)) at++;
    if (*at == '\0') break;
    list[count++] = copy;
    at = take_word(at, &copy);
    if (at == NULL) return error_set(error, GENAI_ERROR_ARGUMENT, "%s: a quote or a backslash in \"%s\" has no end.", option, text);
  }
  list[count] = NULL;
  *words = list;
  if (count > 0 && list[0][0] != '\0') return GENAI_OK;
  return error_set(error, GENAI_ERROR_ARGUMENT, "%s names no command in \"%s\".", option, text);
}
