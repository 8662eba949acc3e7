/* Scenarios: a file of one, or a fault a line; or, as a list, the records of an earlier process's conversations. Whatever
 * parses is played: a conversation over several sessions, in which what the proof is made of must hold. */
#include <stdlib.h>
#include <string.h>

#include "emulator/service.h"
#include "net/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SESSIONS = 3, STEPS = 40, STEP_MS = 250, PULLS_MAX = 400 };

#define MODEL "projects/p/locations/l/publishers/google/models/m"
#define ASK(text) "{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"" text "\"}]}],\"turnComplete\":true}}"

/* What the proof rests on: within a session each message moves the position on by one. */
typedef struct proof {
  uint64_t position;
  bool open;
} proof;

typedef struct play {
  conversations *all;
  scenario scenario;
  proof proof;
  char handle[HANDLE_MAX];
  uint64_t now_ms;
} play;

static void must(bool truth) {
  if (!truth) abort();
}

static void note(void *user, const service_event *event) {
  proof *p = user;
  if (event->kind == SERVICE_SENT) return;
  must(p->open == (event->kind != SERVICE_BEGINS && event->kind != SERVICE_RESUMES));
  must(event->position == (event->kind == SERVICE_TOOK ? p->position + 1 : event->kind == SERVICE_ENDS ? p->position : event->position));
  must(event->kind != SERVICE_BEGINS || event->position == 0);
  must(event->kind != SERVICE_TOOK || event->message);
  p->open = event->kind != SERVICE_ENDS;
  p->position = event->position;
}

/* False after the close. */
static bool pull(play *p, service *s) {
  service_action action;
  int16_t samples[480] = {0};
  for (int i = 0; i < PULLS_MAX && service_next(s, p->now_ms, &action); i++) {
    const char *found = action.kind == SERVICE_SEND ? strstr(action.text, "\"newHandle\": \"") : NULL;
    size_t length = found ? strcspn(found + 14, "\"") : 0;
    if (length && length < HANDLE_MAX) {
      memcpy(p->handle, found + 14, length);
      p->handle[length] = '\0';
    }
    if (action.kind == SERVICE_SPEAK) service_spoken(s, p->now_ms, action.id, samples, 480);
    if (action.kind != SERVICE_CLOSE) continue;
    must(ws_code_sendable(action.code));
    return false;
  }
  return true;
}

/* False when the session is over by it. */
static bool suffer(play *p, plan *faults, service *s) {
  plan_view view = service_view(s);
  view.bytes = p->now_ms * 10;
  for (const fault *f; (f = plan_next(faults, p->now_ms, &view)); view.phases = service_view(s).phases) {
    must(f->first >= 1 && f->first <= f->last && (f->kind != FAULT_CLOSE || ws_code_sendable((int)f->code)));
    if (service_fault(s, p->now_ms, f)) continue;
    if (f->kind == FAULT_DROP || f->kind == FAULT_RESET) return false;
  }
  must(plan_deadline(faults) > 0);
  return true;
}

static void play_session(play *p, unsigned number) {
  static const char *const messages[] = {ASK("hello"), "{\"realtimeInput\":{\"text\":\"what did I say\"}}", ASK("get it for 3"),
                                         "{\"realtimeInput\":{\"audio\":{\"mimeType\":\"audio/pcm\",\"data\":\"AAAA\"}}}"};
  char first[512];
  plan faults;
  service *s = service_new(&(service_options){.backend = {.vertex = true, .version = "v1beta1"},
                                              .fast = number % 2,
                                              .conversations = p->all,
                                              .index_first = 1,
                                              .answers = p->scenario.answers,
                                              .event = note,
                                              .event_user = &p->proof});
  if (!s) return;
  plan_init(&faults, &p->scenario, number, p->now_ms);
  snprintf(first, sizeof first,
           "{\"setup\":{\"model\":\"" MODEL "\",\"outputAudioTranscription\":{},\"tools\":[{\"functionDeclarations\":[{\"name\":\"get_it\"}]}],"
           "\"sessionResumption\":{\"transparent\":true%s%s%s}}}",
           *p->handle ? ",\"handle\":\"" : "", p->handle, *p->handle ? "\"" : "");
  bool open = true;
  for (int i = 0; open && i < STEPS; i++, p->now_ms += STEP_MS) {
    const char *text = i ? messages[i % 4] : first;
    if (i % 3 == 0) service_receive(s, p->now_ms, text, strlen(text));
    open = suffer(p, &faults, s) && pull(p, s) && suffer(p, &faults, s);
  }
  service_lost(s, p->now_ms);
  service_free(s);
  must(!p->proof.open);
}

/* Records are kept as they are, so that a third process knows what the second does. */
static void count_record(void *user, json_t *record) {
  play *p = user;
  must(conversations_restore(p->all, 0, record));
}

static bool read_records(play *p, const char *text, size_t size) {
  json_t *records = json_loadb(text, size, 0, NULL), *record;
  conversations *earlier = conversations_new(&(conversations_options){.seed = 1});
  size_t i;
  must(earlier != NULL);
  json_array_foreach(records, i, record) {
    const char *handle = json_string_value(json_object_get(record, "handle"));
    if (conversations_restore(earlier, 0, record) && handle && strlen(handle) < HANDLE_MAX) memcpy(p->handle, handle, strlen(handle) + 1);
  }
  conversations_record(earlier, count_record, p);
  conversations_free(earlier);
  json_decref(records);
  return *p->handle != '\0';
}

static bool read_lines(scenario *s, const char *text) {
  genai_error error = {0};
  for (char line[1024]; *text; text += *text == '\n') {
    size_t length = strcspn(text, "\n");
    snprintf(line, sizeof line, "%.*s", (int)length, text);
    text += length;
    if (!scenario_add(s, line, &error)) continue;
    must(*error.message != '\0');
    return false;
  }
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  genai_error error = {0};
  play p = {.all = conversations_new(&(conversations_options){.seed = size})};
  char *text = malloc(size + 1);
  must(p.all && text);
  memcpy(text, data, size);
  text[size] = '\0';
  bool fine = *text == '{'   ? !scenario_parse(&p.scenario, text, size, &error)
              : *text == '[' ? read_records(&p, text, size)
                             : read_lines(&p.scenario, text);
  must(fine || *text != '{' || *error.message);
  if (fine && size % 4 == 0) must(!scenario_set_chaos(&p.scenario, size, 500, NULL, NULL));
  for (unsigned i = 1; fine && i <= SESSIONS; i++) play_session(&p, i);
  free(text);
  scenario_deinit(&p.scenario);
  conversations_free(p.all);
  return 0;
}
