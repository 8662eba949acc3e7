/* genai-live talk: a sound goes in at its own pace, the spoken answer comes out. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/clock.h"
#include "cli/conversation.h"
#include "cli/output.h"
#include "cli/sender.h"
#include "cli/session_options.h"

/* After the sound's end, when an answer was already heard but some noise followed it: how long to wait for another. */
enum { LINGER_MS = 5000, LATENCIES_MAX = 1024, STUCK_MS = 500 };

typedef struct talk {
  conversation conversation;
  sender sender;
  audio_reader *reader;
  bool sending;              /* the sender's thread is there */
  bool sent;                 /* everything, or it failed */
  bool answered;             /* a turn completed that began after the last speech and was not interrupted */
  int64_t latencies[LATENCIES_MAX];
  size_t latency_count;
} talk;

/* ---- what the session tells ---- */

static void first_audio(void *user, int64_t now_ms) {
  talk *t = user;
  int64_t speech_ms = atomic_load(&t->sender.speech_ms);
  if (speech_ms == 0) return;
  if (t->latency_count < LATENCIES_MAX) t->latencies[t->latency_count++] = now_ms - speech_ms;
  report_event(&t->conversation.report, "firstAudio", "{s:I}", "latencyMs", (json_int_t)(now_ms - speech_ms));
}

static void turn_ended(void *user, const conversation_turn *turn) {
  talk *t = user;
  t->answered = !turn->interrupted && turn->first_ms >= atomic_load(&t->sender.speech_ms);
}

/* ---- the run ---- */

/* How long the next message may take; -1: the sound still goes out, so for ever. */
static int64_t patience(const talk *t) {
  if (!t->sent) return -1;
  bool heard = t->conversation.totals.turns > 0 && !t->conversation.turn.running;
  int64_t timeout_ms = t->conversation.settings->timeout_ms;
  return heard && timeout_ms > LINGER_MS ? LINGER_MS : timeout_ms;
}

static exit_status no_answer(talk *t) {
  bool silent = atomic_load(&t->sender.speech_ms) == 0;
  if (t->conversation.totals.turns > 0 && !t->conversation.turn.running) return STATUS_OK;
  return conversation_no_answer(&t->conversation, silent ? " after the sound's end, which seems to hold no speech" : " after the sound's end");
}

static exit_status closed_early(talk *t) {
  conversation *c = &t->conversation;
  report_note(&c->report, "[the service closed the session]");
  return t->answered && !c->turn.running ? STATUS_OK : STATUS_REFUSED;
}

/* The sound has ended, or could not be read or sent. */
static exit_status take_sender_end(talk *t) {
  t->sent = true;
  t->sending = !sender_join(&t->sender, -1);
  if (t->sender.status == GENAI_OK || t->sender.status == GENAI_ERROR_CLOSED) return STATUS_OK; /* receiving tells why */
  return report_error(&t->conversation.report, &t->sender.error);
}

static exit_status converse(talk *t) {
  conversation *c = &t->conversation;
  exit_status status = STATUS_OK;
  for (;;) {
    switch (conversation_take(c, &status)) {
    case CONVERSATION_FAILED: return status;
    case CONVERSATION_CLOSED: return closed_early(t);
    case CONVERSATION_QUIET: break;
    }
    if (t->sent && t->answered && !c->turn.running) return STATUS_OK;
    switch (conversation_wait(c, t->sent ? -1 : sender_done_fd(&t->sender), patience(t))) {
    case CONVERSATION_MESSAGE: break;
    case CONVERSATION_INTERRUPTED: return STATUS_INTERRUPTED;
    case CONVERSATION_TIMEOUT: return no_answer(t);
    case CONVERSATION_EXTRA:
      status = take_sender_end(t);
      if (status != STATUS_OK) return status;
      break;
    }
  }
}

/* ---- the end ---- */

/* "532 ms, 480 ms", as many as fit. */
static void latency_text(const talk *t, char *out, size_t size) {
  size_t used = (size_t)snprintf(out, size, t->latency_count > 0 ? "" : "-");
  for (size_t i = 0; i < t->latency_count && used + 24 < size; i++) {
    used += (size_t)snprintf(out + used, size - used, "%s%lld ms", i > 0 ? ", " : "", (long long)t->latencies[i]);
  }
}

static void report_summary(talk *t) {
  const conversation_totals *totals = &t->conversation.totals;
  int64_t sent = atomic_load(&t->sender.samples_sent);
  json_t *latencies = json_array();
  for (size_t i = 0; i < t->latency_count; i++) json_array_append_new(latencies, json_integer(t->latencies[i]));
  report_event(&t->conversation.report, "summary", "{s:O,s:f,s:f,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "firstAudioMs", latencies,
               "sentSeconds", (double)sent / AUDIO_RATE_IN, "receivedSeconds",
               (double)totals->audio_samples / AUDIO_RATE_OUT, "sentBytes", (json_int_t)sent * 2, "receivedBytes",
               (json_int_t)totals->audio_bytes, "messages", (json_int_t)totals->messages, "messageBytes",
               (json_int_t)totals->text_bytes, "turns", (json_int_t)totals->turns, "promptTokens",
               (json_int_t)totals->prompt_tokens, "responseTokens", (json_int_t)totals->response_tokens, "totalTokens",
               (json_int_t)totals->tokens);
  json_decref(latencies);
}

static void print_table(talk *t) {
  const conversation_totals *totals = &t->conversation.totals;
  int64_t sent = atomic_load(&t->sender.samples_sent);
  report *r = &t->conversation.report;
  char latencies[96];
  latency_text(t, latencies, sizeof latencies);
  report_note(r, "\nspeech end to first audio  %s", latencies);
  report_note(r, "audio sent                 %.2f s, %lld bytes, %lld messages", (double)sent / AUDIO_RATE_IN,
              (long long)sent * 2, (long long)atomic_load(&t->sender.chunks_sent));
  report_note(r, "audio received             %.2f s, %llu bytes", (double)totals->audio_samples / AUDIO_RATE_OUT,
              (unsigned long long)totals->audio_bytes);
  report_note(r, "messages received          %llu, %llu bytes of JSON", (unsigned long long)totals->messages,
              (unsigned long long)totals->text_bytes);
  report_note(r, "turns                      %llu, %llu interrupted", (unsigned long long)totals->turns,
              (unsigned long long)totals->interruptions);
  report_note(r, "tokens                     %lld prompt, %lld response, %lld total", (long long)totals->prompt_tokens,
              (long long)totals->response_tokens, (long long)totals->tokens);
}

static bool is_raw_name(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot != NULL && (strcmp(dot, ".raw") == 0 || strcmp(dot, ".pcm") == 0);
}

static genai_status open_writer(talk *t, const settings *s, genai_error *error) {
  if (s->out == NULL) return GENAI_OK;
  bool raw = s->out_format != NULL ? strcmp(s->out_format, "raw") == 0 : is_raw_name(s->out);
  return audio_writer_open(&t->conversation.writer, s->out, raw ? AUDIO_RAW : AUDIO_WAV, AUDIO_RATE_OUT, 1, error);
}

static genai_status start_sender(talk *t, const settings *s, genai_error *error) {
  t->sender.session = t->conversation.session;
  t->sender.cancel = t->conversation.cancel;
  t->sender.reader = t->reader;
  t->sender.chunk_ms = s->chunk_ms;
  t->sender.real_time = !s->fast;
  t->sender.manual_activity = t->conversation.manual_activity;
  genai_status status = sender_start(&t->sender, error);
  t->sending = status == GENAI_OK;
  return status;
}

/* What came is on disk with a whole header, whatever happened before. */
static exit_status finish_writer(talk *t, exit_status status) {
  conversation *c = &t->conversation;
  genai_error error = {0};
  uint64_t count = c->writer != NULL ? audio_writer_count(c->writer) : 0;
  if (audio_writer_close(c->writer, &error) != GENAI_OK && status == STATUS_OK) status = report_error(&c->report, &error);
  if (c->writer != NULL && status == STATUS_FAILED) {
    say("%.2f s of sound were written to %s.", (double)count / AUDIO_RATE_OUT, c->settings->out);
  }
  c->writer = NULL;
  return status;
}

/* The whole session. Its file is touched only once the session is open. */
static exit_status hold_session(talk *t, const settings *s) {
  static const session_defaults defaults = {GENAI_MODALITY_AUDIO, true, true};
  bool sound_out = s->out != NULL && strcmp(s->out, "-") == 0;
  conversation *c = &t->conversation;
  genai_error error = {0};
  exit_status status = conversation_open(c, s, &defaults, !s->json ? REPORT_TEXT : sound_out ? REPORT_JSON_STDERR : REPORT_JSON);
  if (status != STATUS_OK) return status;
  if (open_writer(t, s, &error) != GENAI_OK || start_sender(t, s, &error) != GENAI_OK) return report_error(&c->report, &error);
  status = converse(t);
  if (t->sending) {
    sender_stop(&t->sender);
    conversation_shut(c);
    t->sending = !sender_join(&t->sender, STUCK_MS);
  }
  if (status == STATUS_PIPE) return status;
  report_summary(t);
  print_table(t);
  return status;
}

static exit_status talk_run(const settings *s) {
  if (s->in == NULL) {
    say("talk needs a sound: --in FILE, or --in - for standard input.");
    return STATUS_USAGE;
  }
  audio_source source = {.path = s->in, .raw_rate_hz = (int)s->rate_hz};
  genai_error error = {0};
  talk *t = calloc(1, sizeof *t);
  if (t == NULL) return say_error(&(genai_error){.status = GENAI_ERROR_MEMORY});
  t->conversation.on_first_audio = first_audio;
  t->conversation.on_turn = turn_ended;
  t->conversation.user = t;
  exit_status status = audio_reader_open(&t->reader, &source, AUDIO_RATE_IN, &error) == GENAI_OK ? hold_session(t, s)
                                                                                                 : say_error(&error);
  status = finish_writer(t, status);
  if (t->sending) { /* its thread is reading standard input still: the process ends with both */
    local_service_stop(&t->conversation.local);
    return status;
  }
  conversation_close(&t->conversation);
  audio_reader_close(t->reader);
  free(t);
  return status;
}

static const option talk_table[] = {
    {.name = "in", .letter = 'i', .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, in),
     .help = "The sound to send: WAV, FLAC or another format of libsndfile, of any rate and number of channels; - is standard "
             "input."},
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, out),
     .help = "Where the answer's sound goes, 24 kHz mono WAV; raw 16-bit PCM if the name ends in .raw or .pcm; - is standard "
             "output."},
    {.name = "out-format", .kind = OPTION_CHOICE, .value = "FORMAT", .offset = offsetof(settings, out_format),
     .choices = "wav raw", .help = "The format of --out, whatever its name."},
    {.name = "rate", .letter = 'r', .kind = OPTION_NUMBER, .value = "HZ", .offset = offsetof(settings, rate_hz),
     .minimum = AUDIO_RATE_MIN, .maximum = AUDIO_RATE_MAX,
     .help = "The input is raw 16-bit little-endian mono PCM at this rate."},
    {.name = "chunk-ms", .kind = OPTION_NUMBER, .value = "MS", .offset = offsetof(settings, chunk_ms), .minimum = 5,
     .maximum = 1000, .initial = 40, .help = "How much sound goes in one message; 20 to 40 is best."},
    {.name = "fast", .kind = OPTION_FLAG, .offset = offsetof(settings, fast),
     .help = "Sends without waiting for real time. Only the emulator makes sense of that."},
};
static const option_group talk_group = OPTION_GROUP("Sound", talk_table);
static const option_group *const talk_options[] = {&talk_group, &session_options, &connection_options, &progress_options,
                                                   &general_options, NULL};

static const char *const about[] = {
    "Streams a sound to the model at real-time pace and takes the spoken answer. Transcripts of both sides are printed on "
    "standard error as they come, and at the end a table: the time from the end of speech to the first audio, audio and "
    "bytes each way, messages, and tokens as the service counted them.",
    "At the sound's end audioStreamEnd is sent (activityEnd when the configuration turns automatic detection off), the answer "
    "is awaited until turnComplete, and the session is closed.",
    NULL,
};
static const char *const examples[] = {
    "genai-live talk --in speech.wav --out reply.wav",
    "genai-live talk --emulator --in speech.wav --out reply.wav",
    "arecord -q -t raw -f S16_LE -r 16000 | genai-live talk --in - --rate 16000 --out - | aplay -q", NULL};

const command talk_command = {
    .name = "talk", .operands = "--in FILE", .summary = "send speech from a file or pipe, get the spoken answer", .about = about,
    .examples = examples, .options = talk_options, .run = talk_run,
};
