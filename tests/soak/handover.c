/* handover GENAI_LIVE [N]: how a conversation changes its connection when the service announces the end of the old one (goAway), in
 * each phase, N times: when it leaves, how long there is no connection, and how long the caller hears nothing.
 * Exit status 0: every handover was made before the service's own end, and none cost a message. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/thread.h"
#include "soak.h"

enum { SESSIONS = 20, MEASURES_MAX = 4096, SCENE_MS = 240000, WAIT_MS = 100, SOUND_MS = 20, CALL_MS = 5000,
       SLACK_MS = 1500 };

/* What the application does, over and over. */
typedef enum traffic { TRAFFIC_TEXTS, TRAFFIC_MICROPHONE, TRAFFIC_UTTERANCE, TRAFFIC_CALLS } traffic;

typedef struct scene {
  const char *name, *fault;
  traffic traffic;
  unsigned utterance_ms, period_ms, answer_after_ms;
  unsigned lead_ms;
  bool safe; /* a safe point comes before the deadline */
} scene;

static const scene scenes[] = {
    {"between turns", "goAway phase=idle after=100ms lead=10s", TRAFFIC_TEXTS, 0, 400, 0, 10000, true},
    {"in an answer that ends in time", "goAway phase=turn after=200ms lead=10s", TRAFFIC_UTTERANCE, 1500, 2500, 0, 10000, true},
    {"in an answer that does not", "goAway phase=turn turn=2 after=200ms lead=5s", TRAFFIC_UTTERANCE, 3800, 6000, 0, 5000, false},
    {"a function call open", "goAway phase=tool lead=10s", TRAFFIC_CALLS, 0, 2000, 1000, 10000, true},
    {"an open microphone", "goAway phase=open after=1s lead=8s", TRAFFIC_MICROPHONE, 1000, 2600, 0, 8000, true},
};
enum { SCENES = sizeof scenes / sizeof *scenes };

typedef struct line {
  genai_live_session *session;
  uint64_t due_ms, said_at;
  unsigned sent_ms; /* of the microphone's period */
  char call[64];
  uint64_t answer_ms; /* when the call is to be answered; 0: none is open */
  uint64_t away_at, gone_at, heard_at;
  bool answering, cut, resumed;
} line;

typedef struct measures {
  double leave[MEASURES_MAX], gap[MEASURES_MAX], silence[MEASURES_MAX];
  unsigned handovers, silences, cut, late, again, lost, failed;
  char why[256]; /* a dial of the next connection that was not the first */
} measures;

typedef struct stage {
  const scene *scene;
  genai_client *client;
  line lines[SESSIONS];
  pthread_mutex_t mutex;
  measures m;
  atomic_bool stop;
} stage;

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- hearing ---- */

static void take_event(stage *s, line *l, const genai_live_event *event) {
  uint64_t now = (uint64_t)(now_ms() * 1000);
  measures *m = &s->m;
  switch (event->kind) {
  case GENAI_LIVE_EVENT_GOING_AWAY: l->away_at = now; break;
  case GENAI_LIVE_EVENT_RECONNECTING:
    if (l->gone_at) {
      m->again++;
      snprintf(m->why, sizeof m->why, "%s", event->text);
      break;
    }
    l->gone_at = now;
    l->cut = l->answering;
    m->late += event->status != GENAI_CLOSED;
    if (event->status != GENAI_CLOSED) snprintf(m->why, sizeof m->why, "%s", event->text);
    break;
  case GENAI_LIVE_EVENT_RESUMED:
    m->lost += (unsigned)event->lost;
    if (m->handovers < MEASURES_MAX && l->gone_at && l->away_at) {
      m->leave[m->handovers] = (double)(l->gone_at - l->away_at) / 1000;
      m->gap[m->handovers++] = (double)(now - l->gone_at) / 1000;
      m->cut += l->cut;
      l->resumed = l->cut;
    }
    l->gone_at = l->away_at = 0;
    break;
  default: break;
  }
}

/* From the last sound of the old connection to the first of the new one, where an answer was under way. */
static void take_sound(stage *s, line *l) {
  uint64_t now = (uint64_t)(now_ms() * 1000);
  if (l->resumed && l->heard_at && s->m.silences < MEASURES_MAX) s->m.silence[s->m.silences++] = (double)(now - l->heard_at) / 1000;
  l->resumed = false;
  l->heard_at = now;
  l->answering = true;
}

static void take(stage *s, line *l, const genai_live_message *m) {
  genai_bytes audio;
  const genai_function_call *call = genai_live_message_function_call(m, 0);
  pthread_mutex_lock(&s->mutex);
  if (m->event) take_event(s, l, m->event);
  if (genai_live_message_audio(m, 0, &audio)) take_sound(s, l);
  if (genai_live_message_turn_complete(m)) l->answering = false;
  if (call) {
    snprintf(l->call, sizeof l->call, "%s", call->id);
    l->answer_ms = watch_now_ms() + s->scene->answer_after_ms;
  }
  pthread_mutex_unlock(&s->mutex);
}

static void *receive(void *user) {
  stage *s = user;
  while (!atomic_load(&s->stop)) {
    genai_live_session *session;
    genai_live_message *m;
    if (genai_client_next(s->client, &session, &(genai_wait){.timeout_ms = WAIT_MS}, NULL) != GENAI_OK) continue;
    line *l = genai_live_user(session);
    genai_status status;
    while ((status = genai_live_receive(session, &m, &(genai_wait){.timeout_ms = GENAI_NO_WAIT}, NULL)) == GENAI_OK) {
      take(s, l, m);
      genai_live_message_free(m);
    }
    if (status == GENAI_WOULD_BLOCK || l->session == NULL) continue;
    s->m.failed++;
    watch_sleep_ms(WAIT_MS);
  }
  return NULL;
}

/* ---- speaking ---- */

static genai_status send_json(line *l, genai_live_send_kind kind, const char *json) {
  return genai_live_send_json(l->session, kind, json, &(genai_wait){.timeout_ms = CALL_MS}, NULL);
}

static genai_status send_sound(line *l, unsigned ms, bool loud) {
  enum { SAMPLES = 16 * SOUND_MS };
  int16_t pcm[SAMPLES] = {0};
  genai_status status = GENAI_OK;
  for (int i = 0; loud && i < SAMPLES; i++) pcm[i] = (int16_t)(9000 * sin(i * 0.2));
  for (unsigned at = 0; at < ms && !status; at += SOUND_MS)
    status = genai_live_send_audio(l->session, pcm, sizeof pcm, 0, &(genai_wait){.timeout_ms = CALL_MS}, NULL);
  return status;
}

static genai_status send_text(line *l, const char *text) {
  char json[200];
  snprintf(json, sizeof json, "{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\"%s\"}]}]}", text);
  return send_json(l, GENAI_LIVE_SEND_CLIENT_CONTENT, json);
}

static genai_status send_utterance(line *l, unsigned ms) {
  genai_status status = send_json(l, GENAI_LIVE_SEND_REALTIME_INPUT, "{\"activityStart\":{}}");
  if (!status) status = send_sound(l, ms, true);
  return status ? status : send_json(l, GENAI_LIVE_SEND_REALTIME_INPUT, "{\"activityEnd\":{}}");
}

static genai_status say(stage *s, line *l, uint64_t now) {
  const scene *of = s->scene;
  l->due_ms = now + of->period_ms;
  switch (of->traffic) {
  case TRAFFIC_TEXTS: return send_text(l, "Good day.");
  case TRAFFIC_CALLS: return send_text(l, "Please call look_up.");
  case TRAFFIC_UTTERANCE: return send_utterance(l, of->utterance_ms);
  case TRAFFIC_MICROPHONE: break;
  }
  l->due_ms = (l->due_ms - of->period_ms) + SOUND_MS;
  l->sent_ms = (l->sent_ms + SOUND_MS) % of->period_ms;
  return send_sound(l, SOUND_MS, l->sent_ms < of->utterance_ms);
}

static genai_status answer(line *l) {
  char json[256];
  snprintf(json, sizeof json, "{\"functionResponses\":[{\"id\":\"%s\",\"name\":\"look_up\",\"response\":{\"output\":\"found\"}}]}", l->call);
  l->answer_ms = 0;
  return send_json(l, GENAI_LIVE_SEND_TOOL_RESPONSE, json);
}

static bool is_over(stage *s, unsigned wanted) {
  pthread_mutex_lock(&s->mutex);
  bool over = s->m.handovers >= wanted || s->m.failed;
  pthread_mutex_unlock(&s->mutex);
  return over;
}

static void speak(stage *s, unsigned wanted) {
  uint64_t began = watch_now_ms();
  for (int i = 0; i < SESSIONS; i++) s->lines[i].due_ms = began + (unsigned)i * s->scene->period_ms / SESSIONS;
  while (!is_over(s, wanted) && watch_now_ms() - began < SCENE_MS) {
    uint64_t now = watch_now_ms();
    for (int i = 0; i < SESSIONS; i++) {
      line *l = &s->lines[i];
      genai_status status = GENAI_OK;
      pthread_mutex_lock(&s->mutex);
      bool answers = l->answer_ms && now >= l->answer_ms, says = now >= l->due_ms && !l->answer_ms;
      pthread_mutex_unlock(&s->mutex);
      watch_call("a send", CALL_MS);
      if (answers) status = answer(l);
      else if (says) status = say(s, l, now);
      watch_call("", 0);
      if (status) s->m.failed++;
    }
    watch_sleep_ms(5);
  }
}

/* ---- a scene ---- */

static bool connect_all(stage *s, const service_process *service) {
  genai_error error = {0};
  bool microphone = s->scene->traffic == TRAFFIC_MICROPHONE;
  bool texts = s->scene->traffic == TRAFFIC_TEXTS || s->scene->traffic == TRAFFIC_CALLS;
  const genai_live_connect_params params = {
      .model = "gemini-2.0-flash-live-001",
      .config_json = script_config((microphone ? 0 : SCRIPT_MANUAL) | (texts ? SCRIPT_WRITTEN : 0)),
      .recovery = {.stable_ms = 200}, /* real connections serve for minutes before they go away */
  };
  const genai_client_options options = {.api_key = "any", .base_url = service->url, .ca_file = service->ca, .proxy = ""};
  if (genai_client_new(&s->client, &options, &error) != GENAI_OK) return false;
  for (int i = 0; i < SESSIONS; i++) {
    genai_live_connect_params mine = params;
    mine.user = &s->lines[i];
    if (genai_live_connect(s->client, &mine, &s->lines[i].session, &(genai_wait){.timeout_ms = 30000}, &error) == GENAI_OK) continue;
    fprintf(stderr, "handover: %s\n", error.message);
    return false;
  }
  return true;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static const char *percentiles(char out[48], double *values, unsigned count) {
  if (!count) return "-";
  qsort(values, count, sizeof *values, compare);
  snprintf(out, 48, "%.0f / %.0f / %.0f", values[count / 2], values[count * 99 / 100], values[count - 1]);
  return out;
}

static bool tell(const scene *of, measures *m, unsigned wanted) {
  char leave[48], gap[48], silence[48];
  double longest = 0;
  for (unsigned i = 0; i < m->handovers; i++) longest = m->leave[i] > longest ? m->leave[i] : longest;
  printf("| %s | %u | %s | %s | %s | %u | %u |\n", of->name, m->handovers, percentiles(leave, m->leave, m->handovers),
         percentiles(gap, m->gap, m->handovers), percentiles(silence, m->silence, m->silences), m->cut, m->lost);
  /* At a safe point nothing is cut; without one it is two seconds before the end. */
  bool fine = m->handovers >= wanted && !m->failed && !m->late;
  if (of->safe && m->cut > m->handovers / 20) fine = false;
  if (longest > of->lead_ms - 2000 + SLACK_MS * watch_scale()) fine = false;
  if (m->again) printf("  (%u further dials: %s)\n", m->again, m->why);
  if (!fine) printf("  FAILED: %s: %u late, %u sends or sessions failed, %u cut\n", of->fault, m->late, m->failed, m->cut);
  return fine;
}

static bool play(const scene *of, unsigned wanted, const char *program, const char *folder) {
  service_process service;
  static stage s;
  pthread_t receiver;
  s = (stage){.scene = of};
  pthread_mutex_init(&s.mutex, NULL);
  if (!service_prepare(&service, program, folder, false)) return false;
  const char *const more[] = {"--fault", of->fault, NULL};
  bool fine = service_begin(&service, more) && connect_all(&s, &service);
  if (fine && net_thread_start(&receiver, receive, &s)) abort();
  if (fine) {
    speak(&s, wanted);
    atomic_store(&s.stop, true);
    pthread_join(receiver, NULL);
    fine = tell(of, &s.m, wanted);
  }
  for (int i = 0; i < SESSIONS; i++) fine &= genai_live_free(s.lines[i].session) == GENAI_OK;
  genai_client_free(s.client);
  fine &= service_end(&service);
  pthread_mutex_destroy(&s.mutex);
  unlink(service.ca);
  return fine;
}

int main(int argc, char **argv) {
  char folder[] = "/tmp/genai-soak-XXXXXX";
  unsigned wanted = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 200;
  bool fine = true;
  if (argc < 2 || !wanted || wanted > MEASURES_MAX / 2 || !mkdtemp(folder)) {
    fprintf(stderr, "usage: handover GENAI_LIVE [HANDOVERS, 1 to %d]\n", MEASURES_MAX / 2);
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  watch_begin(argv[0]);
  printf("| goAway comes | handovers | left after, ms | without connection, ms | without sound, ms | answers cut | messages lost |\n");
  printf("|---|---|---|---|---|---|---|\n");
  for (int i = 0; i < SCENES; i++) fine &= play(&scenes[i], wanted, argv[1], folder);
  printf("(median / 99th percentile / longest; \"without sound\": from the last of an answer that was cut to the first of the same one, begun "
         "again)\n%s\n", fine ? "well" : "NOT WELL");
  watch_end();
  rmdir(folder);
  return fine ? 0 : 1;
}
