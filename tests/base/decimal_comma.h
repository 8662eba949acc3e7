/* Gives the test program a locale with a decimal comma: one that is installed, or one that localedef builds. */
#ifndef GENAI_TESTS_BASE_DECIMAL_COMMA_H
#define GENAI_TESTS_BASE_DECIMAL_COMMA_H

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool set_decimal_comma(void) {
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "ru_RU.UTF-8"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (setlocale(LC_ALL, names[i])) return localeconv()->decimal_point[0] == ',';
  char directory[] = "/tmp/genai-locale-XXXXXX", command[256];
  if (!mkdtemp(directory)) return false;
  snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", directory);
  bool made = system(command) == 0 && setenv("LOCPATH", directory, 1) == 0 && setlocale(LC_ALL, "de_DE.UTF-8");
  snprintf(command, sizeof command, "rm -rf %s", directory);
  return system(command) == 0 && made && localeconv()->decimal_point[0] == ',';
}

#endif
