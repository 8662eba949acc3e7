/* The fake of fake.h without its C11-only parts, for C++. */
#ifndef GENAI_TESTS_CLIENT_FAKE_CPP_H
#define GENAI_TESTS_CLIENT_FAKE_CPP_H

#include "genai/client.h"

void fake_cpp_begin(void);
void fake_cpp_end(void);
void fake_cpp_use(genai_client *client);
void fake_cpp_message(const char *text);

#endif
