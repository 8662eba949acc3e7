#include "emulator/speaker.h"

#include <pthread.h>

#include "base/error.h"
#include "base/memory.h"
#include "emulator/speech.h"
#include "net/thread.h"

typedef struct job job;
struct job {
  net_task task;
  speaker *speaker;
  job *next, **link; /* of all jobs; the loop's */
  job *next_queued;  /* under the lock */
  void *owner;       /* NULL: forgotten; the loop's */
  uint64_t id;
  char *text;
  buf samples; /* the thread's until the task is posted */
};

struct speaker {
  net_loop *loop;
  speaker_done *done;
  bool tones_only;
  job *jobs; /* the loop's */
  size_t count;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  job *first, **last; /* the queue */
  bool stopping;
};

static void job_free(job *j) {
  *j->link = j->next;
  if (j->next) j->next->link = j->link;
  j->speaker->count--;
  buf_deinit(&j->samples);
  mem_free(j->text);
  mem_free(j);
}

static void finished(net_task *task) {
  job *j = (job *)task;
  if (j->owner) j->speaker->done(j->owner, j->id, &j->samples);
  job_free(j);
}

static job *next_job(speaker *s) {
  pthread_mutex_lock(&s->lock);
  while (!s->first && !s->stopping) pthread_cond_wait(&s->wake, &s->lock);
  job *j = s->stopping ? NULL : s->first;
  if (j) s->first = j->next_queued;
  if (!s->first) s->last = &s->first;
  pthread_mutex_unlock(&s->lock);
  return j;
}

static void *run(void *argument) {
  speaker *s = argument;
  for (job *j; (j = next_job(s));) {
    if (s->tones_only || !speech_espeak(j->text, &j->samples)) {
      buf_clear(&j->samples);
      speech_tones(j->text, &j->samples);
    }
    net_loop_post(s->loop, &j->task);
  }
  return NULL;
}

genai_status speaker_new(speaker **out, net_loop *loop, bool tones_only, speaker_done *done, genai_error *error) {
  *out = NULL;
  speaker *s = mem_zalloc(sizeof *s);
  if (!s) return error_memory(error);
  s->loop = loop;
  s->done = done;
  s->tones_only = tones_only;
  s->last = &s->first;
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->wake, NULL);
  if (net_thread_start(&s->thread, run, s)) {
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
    return error_set(error, GENAI_ERROR_SYSTEM, "The operating system has no thread left for the emulator.");
  }
  *out = s;
  return GENAI_OK;
}

void speaker_stop(speaker *s) {
  pthread_mutex_lock(&s->lock);
  s->stopping = true;
  pthread_cond_signal(&s->wake);
  pthread_mutex_unlock(&s->lock);
  pthread_join(s->thread, NULL);
}

void speaker_free(speaker *s) {
  if (!s) return;
  while (s->jobs) job_free(s->jobs);
  pthread_cond_destroy(&s->wake);
  pthread_mutex_destroy(&s->lock);
  mem_free(s);
}

bool speaker_say(speaker *s, void *owner, uint64_t id, const char *text) {
  job *j = s->count < SPEAKER_JOBS_MAX ? mem_zalloc(sizeof *j) : NULL;
  if (!j) return false;
  *j = (job){.task.run = finished,
             .speaker = s,
             .owner = owner,
             .id = id,
             .text = mem_strdup(text),
             .next = s->jobs,
             .link = &s->jobs};
  buf_init(&j->samples, (size_t)(SPEECH_SECONDS_MAX + 1) * AUDIO_RATE_OUT * sizeof(int16_t));
  if (s->jobs) s->jobs->link = &j->next;
  s->jobs = j;
  s->count++;
  if (!j->text) {
    job_free(j);
    return false;
  }
  pthread_mutex_lock(&s->lock);
  *s->last = j;
  s->last = &j->next_queued;
  pthread_cond_signal(&s->wake);
  pthread_mutex_unlock(&s->lock);
  return true;
}

void speaker_forget(speaker *s, void *owner) {
  for (job *j = s->jobs; j; j = j->next) {
    if (j->owner == owner) j->owner = NULL;
  }
}
