#include "fake_cpp.h"

#include "fake.h"

static fake *one;

void fake_cpp_begin(void) { one = fake_new(); }
void fake_cpp_end(void) { fake_free(); }
void fake_cpp_use(genai_client *client) { client_set_transport(client, &fake_transport); }
void fake_cpp_message(const char *text) { fake_message(one, text); }
