/* What the service refuses, in its own words; and that it takes everything the official SDK sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "driver.h"

#define SETUP(...) "{\"setup\":{\"model\":\"models/m\"" __VA_ARGS__ "}}"
#define INVALID "Request contains an invalid argument."
#define PAYLOAD "Invalid JSON payload received. "

typedef struct refusal {
  const char *setup; /* NULL: the message is the first */
  const char *message;
  int code;
  const char *reason;
} refusal;

static const refusal refusals[] = {
    {NULL, "", 1007, PAYLOAD "Unexpected end of string."},
    {NULL, "{\"setup\":", 1007, PAYLOAD "Unexpected end of string."},
    {NULL, "{\"setup\":}", 1007, PAYLOAD "Unexpected token."},
    {NULL, "\x08\x01\x12", 1007, PAYLOAD "Unexpected token."},
    {NULL, "[]", 1007, PAYLOAD "Unknown name \"\": Root element must be a message."},
    {NULL, "{\"foo\":1}", 1007, PAYLOAD "Unknown name \"foo\": Cannot find field."},
    {NULL, SETUP(",\"foo\":1"), 1007, PAYLOAD "Unknown name \"foo\" at 'setup': Cannot find field."},
    {NULL, SETUP(",\"generationConfig\":{\"responseModality\":\"TEXT\"}"), 1007,
     PAYLOAD "Unknown name \"responseModality\" at 'setup.generation_config': Cannot find field."},
    {NULL, SETUP(",\"tools\":[{},{\"functionDeclarations\":[{\"nome\":\"x\"}]}]"), 1007,
     PAYLOAD "Unknown name \"nome\" at 'setup.tools[1].function_declarations[0]': Cannot find field."},
    {NULL,
     SETUP(",\"tools\":[{\"functionDeclarations\":[{\"name\":\"x\",\"parameters\":{\"properties\":{\"p\":{\"typ\":1}}}}"
           "]}]"),
     1007,
     PAYLOAD
     "Unknown name \"typ\" at 'setup.tools[0].function_declarations[0].parameters.properties[p]': Cannot find field."},
    {NULL, SETUP(",\"systemInstruction\":[]"), 1007,
     PAYLOAD "Unknown name \"systemInstruction\" at 'setup': Proto field is not repeating, cannot start list."},
    {NULL, SETUP(",\"generationConfig\":{\"temperature\":\"warm\"}"), 1007,
     "Invalid value at 'setup.generation_config.temperature' (TYPE_DOUBLE), \"warm\""},
    {NULL, SETUP(",\"generationConfig\":{\"maxOutputTokens\":1.5}"), 1007,
     "Invalid value at 'setup.generation_config.max_output_tokens' (TYPE_INT32), 1.5"},
    {NULL, SETUP(",\"generationConfig\":{\"responseModalities\":[\"SOUND\"]}"), 1007,
     "Invalid value at 'setup.generation_config.response_modalities[0]' "
     "(type.googleapis.com/google.ai.generativelanguage.v1beta.Modality), \"SOUND\""},
    {NULL, "{\"setup\":5}", 1007,
     "Invalid value at 'setup' (type.googleapis.com/google.ai.generativelanguage.v1beta.BidiGenerateContentSetup), 5"},
    {NULL, "{\"setup\":{}}", 1007, INVALID},
    {NULL, "{\"setup\":{\"model\":\"\"}}", 1007, INVALID},
    {NULL, "{\"setup\":{\"model\":\"gemini\"}}", 1008,
     "gemini is not found for API version v1beta, or is not supported for bidiGenerateContent. Call ListModels to see "
     "the "
     "list of available models and their supported methods."},
    {NULL, SETUP(",\"generationConfig\":{\"responseModalities\":[\"TEXT\",\"AUDIO\"]}"), 1007, INVALID},
    {NULL, SETUP(",\"generationConfig\":{\"responseModalities\":[\"IMAGE\"]}"), 1007, INVALID},
    {NULL, SETUP(",\"contextWindowCompression\":{}"), 1007, INVALID},
    {NULL, SETUP(",\"sessionResumption\":{\"transparent\":true}"), 1007, INVALID},
    {NULL, SETUP(",\"realtimeInputConfig\":{\"automaticActivityDetection\":{\"silenceDurationMs\":-1}}"), 1007,
     INVALID},
    {NULL, SETUP(",\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\"},{\"name\":\"a\"}]}]"), 1007,
     "Duplicate function declaration found: a"},
    {NULL, SETUP(",\"tools\":[{\"functionDeclarations\":[{\"description\":\"a\"}]}]"), 1007,
     "* BidiGenerateContentRequest.setup.tools[0].function_declarations[0].name: [FIELD_INVALID] Invalid function "
     "name."},
    {NULL, "{\"realtimeInput\":{\"text\":\"hi\"}}", 1007, "setup must be the first message and only the first."},
    {NULL, "{}", 1007, "setup must be the first message and only the first."},
    {SETUP(), SETUP(), 1007, "setup must be the first message and only the first."},
    {SETUP(), "{}", 1007, INVALID},
    {SETUP(), "{\"clientContent\":{},\"realtimeInput\":{\"text\":\"a\"}}", 1007,
     "Invalid value (oneof), oneof field 'message_type' is already set. Only one may be."},
    {SETUP(), "{\"realtimeInput\":{}}", 1007, INVALID},
    {SETUP(), "{\"realtimeInput\":{\"activityStart\":{}}}", 1007,
     "Explicit activity control is not supported when automatic activity detection is enabled."},
    {SETUP(), "{\"realtimeInput\":{\"activityEnd\":{}}}", 1007,
     "Explicit activity control is not supported when automatic activity detection is enabled."},
    {SETUP(",\"realtimeInputConfig\":{\"automaticActivityDetection\":{\"disabled\":true}}"),
     "{\"realtimeInput\":{\"audioStreamEnd\":true}}", 1007, INVALID},
    {SETUP(), "{\"realtimeInput\":{\"audio\":{\"data\":\"A*==\",\"mimeType\":\"audio/pcm\"}}}", 1007,
     "Invalid value at 'realtime_input.audio.data' (TYPE_BYTES), \"A*==\""},
    {SETUP(), "{\"realtimeInput\":{\"audio\":{\"data\":\"AAAA\",\"mimeType\":\"audio/mpeg\"}}}", 1008,
     "Unsupported MIME type: audio/mpeg"},
    {SETUP(), "{\"realtimeInput\":{\"audio\":{\"data\":\"AAAA\",\"mimeType\":\"audio/pcm;rate=5\"}}}", 1007, INVALID},
    {SETUP(), "{\"realtimeInput\":{\"video\":{\"data\":\"AAAA\",\"mimeType\":\"video/mp4\"}}}", 1008,
     "Unsupported MIME type: video/mp4"},
    {SETUP(), "{\"toolResponse\":{\"functionResponses\":[{\"name\":\"f\",\"response\":{}}]}}", 1007, INVALID},
    {SETUP(), "{\"toolResponse\":{\"functionResponses\":[{\"name\":\"f\",\"response\":[]}]}}", 1007,
     PAYLOAD "Unknown name \"response\" at 'tool_response.function_responses[0]': Proto field is not repeating, cannot "
             "start list."},
    {SETUP(), "{\"contextUpdate\":{\"tools\":{\"tools\":[{\"functionDeclarations\":[{\"name\":\"1\"}]}]}}}", 1007,
     "* BidiGenerateContentRequest.setup.tools[0].function_declarations[0].name: [FIELD_INVALID] Invalid function "
     "name."},
};

static void refuses_in_the_services_words(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    driver d;
    driver_open(&d, &(service_options){0}, refusals[i].setup);
    driver_send(&d, refusals[i].message);
    driver_expect_close(&d, refusals[i].code, refusals[i].reason);
    driver_send(&d, refusals[i].message); /* after the close nothing is heard */
    driver_expect_nothing(&d, 1000);
    driver_close(&d);
  }
}

/* With a bearer a model is named with its project and location, of those that may be used; with a key it need not be.
 */
static void vertex_wants_a_project(void **state) {
  (void)state;
  static const struct {
    bool express;
    const char *project, *location, *model, *reason; /* NULL: taken */
  } cases[] = {
#define NAME "projects/p/locations/us-central1/publishers/google/models/m"
#define NOT_FOUND(model)                                                                                             \
  model " is not found for API version v1, or is not supported for bidiGenerateContent. Call ListModels to see the " \
        "list of "                                                                                                   \
        "available models and their supported methods."
#define DENIED                                                                                      \
  "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/" NAME \
  "' (or it may not exist)."
      {false, NULL, NULL, NAME, NULL},
      {false, NULL, NULL, "projects/p/locations/l/endpoints/1", NULL},
      {false, NULL, NULL, "publishers/google/models/m", NOT_FOUND("publishers/google/models/m")},
      {false, NULL, NULL, "models/m", NOT_FOUND("models/m")},
      {false, NULL, NULL, "projects/p/publishers/google/models/m", NOT_FOUND("projects/p/publishers/google/models/m")},
      {true, NULL, NULL, "publishers/google/models/m", NULL},
      {true, NULL, NULL, "m", NOT_FOUND("m")},
      {false, "p", "us-central1", NAME, NULL},
      {false, "other", NULL, NAME, DENIED},
      {false, "p", "europe-west1", NAME, DENIED},
      {true, "other", NULL, NAME, DENIED},
      {true, "other", NULL, "publishers/google/models/m", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    driver d;
    char text[256];
    const service_options options = {.backend = {.vertex = true,
                                                 .express = cases[i].express,
                                                 .version = "v1",
                                                 .project = cases[i].project,
                                                 .location = cases[i].location}};
    snprintf(text, sizeof text, "{\"setup\":{\"model\":\"%s\"}}", cases[i].model);
    driver_open(&d, &options, cases[i].reason ? NULL : text);
    if (cases[i].reason) {
      driver_send(&d, text);
      driver_expect_close(&d, 1008, cases[i].reason);
    }
    driver_close(&d);
  }
}

static void takes_either_spelling_and_null(void **state) {
  (void)state;
  static const char *const setups[] = {
      SETUP(",\"generation_config\":{\"response_modalities\":[\"TEXT\"],\"topK\":40.0,\"seed\":\"7\"}"),
      SETUP(",\"realtimeInputConfig\":{\"automatic_activity_detection\":{\"silence_duration_ms\":\"100\"}}"),
      SETUP(",\"contextWindowCompression\":{\"triggerTokens\":\"1024\",\"slidingWindow\":{}}"),
      SETUP(",\"tools\":null,\"systemInstruction\":{\"parts\":[{\"text\":\"a\",\"inlineData\":null}]}"),
      SETUP(",\"generationConfig\":{\"responseModalities\":[3]}"),
  };
  for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) {
    driver d;
    driver_open(&d, &(service_options){0}, setups[i]);
    driver_close(&d);
  }
}

static void reason_stays_utf8(void **state) {
  (void)state;
  driver d;
  char message[600] = "{\"";
  for (int i = 0; i < 200; i++) strcat(message, "\xC3\xA9");
  strcat(message, "\":1}");
  driver_open(&d, &(service_options){0}, NULL);
  driver_send(&d, message);
  assert_true(driver_pull(&d, 0));
  assert_int_equal(d.action.kind, SERVICE_CLOSE);
  driver_close(&d);
}

static void one_that_does_not_read_is_closed(void **state) {
  (void)state;
  driver d;
  driver_open(&d, &(service_options){0}, SETUP(",\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}"));
  for (int i = 0; i < SERVICE_OUTBOX_MAX; i++) driver_send(&d, "{\"realtimeInput\":{\"text\":\"hi\"}}");
  int messages = 0;
  while (driver_pull(&d, 0) && d.action.kind == SERVICE_SEND) messages++;
  assert_int_equal(messages, SERVICE_OUTBOX_MAX);
  assert_int_equal(d.action.kind, SERVICE_CLOSE);
  assert_int_equal(d.action.code, 1011);
  driver_close(&d);
}

/* The SDK's vectors hold what it sends for a field alone; compression without a way to compress, and a function without
 a

 * name, or sound of a made-up type, are refused all the same. */
static bool is_refused_on_purpose(const char *name, const char *reason) {
  return strstr(name, "contextWindowCompression.triggerTokens") || strstr(reason, "Invalid function name") ||
         !strcmp(reason, "Unsupported MIME type: s-mimeType");
}

static void takes_what_the_sdk_sends(void **state) {
  (void)state;
  static const char *const files[] = {"setup", "sends"};
  int taken = 0;
  for (int i = 0; i < 2; i++) {
    char path[512];
    static char line[1 << 20];
    snprintf(path, sizeof path, "%s/../shared/vectors/%s.jsonl", PROJECT_DIR, files[i]);
    FILE *file = fopen(path, "r");
    if (!file) {
      print_message("skipped: %s is missing\n", path);
      skip();
    }
    while (fgets(line, sizeof line, file)) {
      json_t *vector = json_loads(line, 0, NULL), *expect = json_object_get(vector, "expect");
      const char *name = json_string_value(json_object_get(vector, "name"));
      bool vertex = !strcmp(json_string_value(json_object_get(vector, "backend")), "vertex");
      if (expect) {
        driver d;
        char *text = json_dumps(expect, 0);
        bool manual = strstr(text, "activityStart") || strstr(text, "activityEnd");
        driver_open(&d, &(service_options){.backend = {.vertex = vertex, .express = i == 1}},
                    !i       ? NULL
                    : manual ? SETUP(",\"realtimeInputConfig\":{\"automaticActivityDetection\":{\"disabled\":true}}")
                             : SETUP());
        driver_send(&d, text);
        bool refused = driver_pull(&d, 0) && d.action.kind == SERVICE_CLOSE;
        if (refused && !is_refused_on_purpose(name, d.action.text)) fail_msg("%s: %s: %s", name, d.action.text, text);
        taken += !refused;
        driver_close(&d);
        free(text);
      }
      json_decref(vector);
    }
    fclose(file);
  }
  assert_true(taken > 150);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_in_the_services_words),    cmocka_unit_test(vertex_wants_a_project),
      cmocka_unit_test(takes_either_spelling_and_null),   cmocka_unit_test(reason_stays_utf8),
      cmocka_unit_test(one_that_does_not_read_is_closed), cmocka_unit_test(takes_what_the_sdk_sends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
