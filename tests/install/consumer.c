/* A program outside the tree: includes the public header, links the library, calls it. */
#include <genai/genai.h>
#include <stdio.h>

int main(void) {
  genai_client *client = NULL;
  genai_error error = {0};
  genai_client_options options = {.api_key = "none", .base_url = "http://127.0.0.1:9"};
  if (genai_client_new(&client, &options, &error) != GENAI_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  genai_client_free(client);
  puts(genai_version());
  return 0;
}
