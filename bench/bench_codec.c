/* The codec alone: the service's typical audio message and some small ones, decoded and encoded. Medians of several runs;
 * GB/s are of wire bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/measure.h"
#include "wire/base64.h"
#include "wire/reader.h"
#include "wire/sends.h"
#include "wire/tables.h"

/* Runs are shorter than a time slice, so that most of them are not disturbed. */
enum { PCM_SIZE = 11520, RUNS = 201, RUN_NS = 2000000 };

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* what others do on the machine counts less */
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

typedef struct job {
  const char *text; /* to decode */
  size_t size;
  arena memory;
  genai_live_send_realtime_input_parameters input; /* to encode */
  buf out;
} job;

static void must(genai_status status, const genai_error *error) {
  if (status == GENAI_OK) return;
  fprintf(stderr, "%s\n", error->message);
  exit(1);
}

static void decode_reused(job *j) {
  void *out;
  genai_error error;
  arena_reset(&j->memory);
  must(wire_read(&j->memory, &wire_live_server_message, j->text, j->size, NULL, &out, &error), &error);
}

/* As a session does it: the message's own arena, which also holds a copy of the text. */
static void decode_fresh(job *j) {
  arena a;
  void *out;
  genai_error error;
  arena_init(&a, 64 << 20);
  if (!arena_reserve(&a, j->size + j->size / 4 * 3 + 1024)) exit(1);
  const char *copy = arena_strndup(&a, j->text, j->size);
  must(copy ? wire_read(&a, &wire_live_server_message, copy, j->size, NULL, &out, &error) : GENAI_ERROR_MEMORY, &error);
  arena_deinit(&a);
}

static void encode(job *j) {
  genai_error error;
  buf_clear(&j->out);
  must(wire_realtime_input_write(&j->out, WIRE_BACKEND_GEMINI, &j->input, &error), &error);
}

/* Nanoseconds of one call, the median of the runs. */
static double measure(void (*work)(job *j), job *j) {
  double runs[RUNS];
  uint64_t times = 1, took = 0;
  for (; took < RUN_NS / 2; times *= 2) {
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < times; i++) work(j);
    took = now_ns() - start;
  }
  for (int r = 0; r < RUNS; r++) {
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < times; i++) work(j);
    runs[r] = (double)(now_ns() - start) / (double)times;
  }
  return measure_median(runs, RUNS);
}

static void print_rate(const char *what, const char *path, double ns, size_t size) {
  printf("%-44s %-8s %8.0f ns %8.2f GB/s\n", what, path, ns, (double)size / ns);
}

/* Indented as the service sends it. */
static char *audio_message(size_t *size) {
  static uint8_t pcm[PCM_SIZE];
  uint32_t random = 1;
  for (size_t i = 0; i < sizeof pcm; i++) pcm[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
  static const char before[] = "{\n  \"serverContent\": {\n    \"modelTurn\": {\n      \"parts\": [\n        {\n          \"inlineData\": {\n"
                               "            \"mimeType\": \"audio/pcm;rate=24000\",\n            \"data\": \"";
  static const char after[] = "\"\n          }\n        }\n      ]\n    }\n  }\n}\n";
  size_t encoded = base64_encoded_size(sizeof pcm);
  *size = sizeof before - 1 + encoded + sizeof after - 1;
  char *text = malloc(*size);
  if (!text) exit(1);
  memcpy(text, before, sizeof before - 1);
  base64_encode(pcm, sizeof pcm, (uint8_t *)text + sizeof before - 1);
  memcpy(text + sizeof before - 1 + encoded, after, sizeof after - 1);
  return text;
}

static void bench_audio(void) {
  static uint8_t pcm[3200];
  const genai_blob small = {.data = {pcm, sizeof pcm}, .mime_type = "audio/pcm;rate=16000"};
  job j = {.input.audio = &small};
  char *text = audio_message(&j.size);
  j.text = text;
  arena_init(&j.memory, 64 << 20);
  buf_init(&j.out, 1 << 20);
  for (const base64_path *const *path = base64_paths; *path; path++) {
    if (!(*path)->supported()) continue;
    base64_choose(*path);
    print_rate("decode 11,520 bytes of PCM, reused arena", (*path)->name, measure(decode_reused, &j), j.size);
    print_rate("decode 11,520 bytes of PCM, fresh arena + text", (*path)->name, measure(decode_fresh, &j), j.size);
    double ns = measure(encode, &j);
    print_rate("encode 3,200 bytes of PCM", (*path)->name, ns, j.out.size);
  }
  base64_choose(NULL);
  arena_deinit(&j.memory);
  buf_deinit(&j.out);
  free(text);
}

static void bench_small(void) {
  static const struct { const char *name, *text; } messages[] = {
      {"setupComplete", "{\n  \"setupComplete\": {}\n}\n"},
      {"turnComplete + usageMetadata",
       "{\n  \"serverContent\": {\n    \"turnComplete\": true\n  },\n  \"usageMetadata\": {\n    \"promptTokenCount\": 1146,\n"
       "    \"responseTokenCount\": 121,\n    \"totalTokenCount\": 1267,\n    \"promptTokensDetails\": [\n      {\n"
       "        \"modality\": \"TEXT\",\n        \"tokenCount\": 1014\n      },\n      {\n        \"modality\": \"AUDIO\",\n"
       "        \"tokenCount\": 132\n      }\n    ],\n    \"responseTokensDetails\": [\n      {\n        \"modality\": \"AUDIO\",\n"
       "        \"tokenCount\": 121\n      }\n    ]\n  }\n}\n"},
      {"outputTranscription",
       "{\n  \"serverContent\": {\n    \"outputTranscription\": {\n      \"text\": \" The library is just around the corner.\"\n    }\n  }\n}\n"},
      {"toolCall",
       "{\n  \"toolCall\": {\n    \"functionCalls\": [\n      {\n        \"name\": \"get_weather\",\n        \"args\": {\n"
       "          \"location\": \"Zurich\",\n          \"days\": 3\n        },\n        \"id\": \"function-call-1234567890123456789\"\n"
       "      }\n    ]\n  }\n}\n"},
      {"sessionResumptionUpdate",
       "{\n  \"sessionResumptionUpdate\": {\n    \"newHandle\": \"CigqJmFyYXk2dHM0cmF2bWFjZmZ1b2l3OGJ3ZHZ5anM\",\n    \"resumable\": true\n  }\n}\n"},
  };
  job j = {0};
  arena_init(&j.memory, 1 << 20);
  for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
    j.text = messages[i].text;
    j.size = strlen(j.text);
    char what[64];
    snprintf(what, sizeof what, "decode %s", messages[i].name);
    print_rate(what, "", measure(decode_reused, &j), j.size);
  }
  arena_deinit(&j.memory);
}

int main(void) {
  bench_audio();
  bench_small();
  return 0;
}
