/* genai-live music: prompts go in, so many seconds of music come out. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"
#include "base/error.h"
#include "base/number.h"
#include "cli/client.h"
#include "cli/clock.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/session_event.h"
#include "cli/session_options.h"
#include "genai/music.h"

enum { MEMORY_MAX = 1 << 20, CLOSE_MS = 2000, RATE_HZ = 48000, CHANNELS = 2 };

typedef struct music {
  const settings *settings;
  report report;
  arena memory;
  local_service local;
  genai_client *client;
  genai_live_session *session;
  genai_cancel *cancel;
  genai_weighted_prompt prompts[OPERANDS_MAX];
  const genai_weighted_prompt *prompt_items[OPERANDS_MAX];
  genai_live_music_generation_config config;
  audio_writer *writer;
  int rate_hz, channels;         /* of what comes; 0 before it does */
  uint64_t samples;              /* taken, of all channels together */
  uint64_t chunks, messages, text_bytes, filtered;
  int64_t played_ms, first_ms;   /* when PLAY was sent, when the first chunk came */
} music;

/* ---- what the options say ---- */

/* "minimal techno:0.8"; without a number behind the last colon the weight is 1. */
static genai_status read_prompt(music *m, size_t index, const char *text, genai_error *error) {
  const char *colon = strrchr(text, ':');
  double weight = 1;
  bool weighted = colon != NULL && number_read_double(colon + 1, strlen(colon + 1), &weight);
  char *prompt = arena_strndup(&m->memory, text, weighted ? (size_t)(colon - text) : strlen(text));
  if (prompt == NULL) return error_memory(error);
  if (prompt[0] == '\0') return error_set(error, GENAI_ERROR_ARGUMENT, "\"%s\" is a weight without a prompt.", text);
  m->prompts[index] = (genai_weighted_prompt){.text = prompt, .weight = GENAI_SOME(weight)};
  m->prompt_items[index] = &m->prompts[index];
  return GENAI_OK;
}

static genai_status read_real(const char *name, const char *text, double most, genai_opt_double *value, genai_error *error) {
  if (text == NULL) return GENAI_OK;
  value->has = true;
  if (!number_read_double(text, strlen(text), &value->value))
    return error_set(error, GENAI_ERROR_ARGUMENT, "--%s wants a number, not \"%s\".", name, text);
  if (value->value >= 0 && value->value <= most) return GENAI_OK;
  return error_set(error, GENAI_ERROR_ARGUMENT, "--%s must be between 0 and %g, not %s.", name, most, text);
}

static genai_status read_options(music *m, genai_error *error) {
  const settings *s = m->settings;
  genai_live_music_generation_config *c = &m->config;
  genai_status status = GENAI_OK;
  for (size_t i = 0; status == GENAI_OK && i < s->rest.count; i++) status = read_prompt(m, i, s->rest.items[i], error);
  if (status == GENAI_OK) status = read_real("density", s->density, 1, &c->density, error);
  if (status == GENAI_OK) status = read_real("brightness", s->brightness, 1, &c->brightness, error);
  if (status == GENAI_OK) status = read_real("guidance", s->guidance, 6, &c->guidance, error);
  if (status == GENAI_OK) status = read_real("temperature", s->temperature, 3, &c->temperature, error);
  if (s->bpm > 0) c->bpm = (genai_opt_int32)GENAI_SOME((int32_t)s->bpm);
  if (s->top_k > 0) c->top_k = (genai_opt_int32)GENAI_SOME((int32_t)s->top_k);
  if (s->seed > 0) c->seed = (genai_opt_int32)GENAI_SOME((int32_t)s->seed);
  if (s->mute_bass) c->mute_bass = (genai_opt_bool)GENAI_SOME(true);
  if (s->mute_drums) c->mute_drums = (genai_opt_bool)GENAI_SOME(true);
  if (s->only_bass_and_drums) c->only_bass_and_drums = (genai_opt_bool)GENAI_SOME(true);
  c->scale_text = s->scale;
  c->music_generation_mode_text = s->mode;
  return status;
}

/* ---- what comes ---- */

/* "audio/l16;rate=48000;channels=2"; what it does not say is that. */
static int parameter(const char *mime_type, const char *name, int otherwise) {
  const char *at = mime_type != NULL ? strstr(mime_type, name) : NULL;
  int value = at != NULL ? atoi(at + strlen(name)) : 0;
  return value > 0 ? value : otherwise;
}

static bool is_raw(const settings *s) {
  const char *dot = s->out != NULL ? strrchr(s->out, '.') : NULL;
  if (s->out_format != NULL) return strcmp(s->out_format, "raw") == 0;
  return dot != NULL && (strcmp(dot, ".raw") == 0 || strcmp(dot, ".pcm") == 0);
}

/* The first chunk says what sound it is; the file is made then, and not before. */
static genai_status begin(music *m, const genai_audio_chunk *chunk, genai_error *error) {
  const settings *s = m->settings;
  m->first_ms = clock_ms();
  m->rate_hz = parameter(chunk->mime_type, "rate=", RATE_HZ);
  m->channels = parameter(chunk->mime_type, "channels=", CHANNELS);
  report_event(&m->report, "firstAudio", "{s:I}", "latencyMs", (json_int_t)(m->first_ms - m->played_ms));
  if (s->out == NULL) return GENAI_OK;
  return audio_writer_open(&m->writer, s->out, is_raw(s) ? AUDIO_RAW : AUDIO_WAV, m->rate_hz, m->channels, error);
}

static uint64_t wanted(const music *m) {
  return (uint64_t)m->settings->length_ms * (uint64_t)m->rate_hz / 1000 * (uint64_t)m->channels;
}

static genai_status take_chunk(music *m, const genai_audio_chunk *chunk, genai_error *error) {
  genai_status status = m->rate_hz == 0 ? begin(m, chunk, error) : GENAI_OK;
  if (status != GENAI_OK) return status;
  uint64_t samples = chunk->data.size / 2, left = wanted(m) - m->samples;
  if (samples > left) samples = left;
  m->chunks++;
  m->samples += samples;
  if (m->writer == NULL) return GENAI_OK;
  status = audio_writer_write_pcm(m->writer, chunk->data.data, (size_t)samples * 2, error);
  return status == GENAI_OK ? audio_writer_flush(m->writer, error) : status;
}

static genai_status take_message(music *m, const genai_music_message *message, genai_error *error) {
  const genai_live_music_filtered_prompt *filtered = message->server != NULL ? message->server->filtered_prompt : NULL;
  const genai_audio_chunk *chunk;
  genai_status status = GENAI_OK;
  if (message->server != NULL) m->messages++;
  if (message->event != NULL) session_event_report(&m->report, message->event);
  m->text_bytes += message->json_size;
  for (size_t i = 0; status == GENAI_OK && (chunk = genai_music_message_chunk(message, i)) != NULL; i++)
    status = take_chunk(m, chunk, error);
  if (filtered == NULL) return status;
  const char *text = filtered->text != NULL ? filtered->text : "", *reason = filtered->filtered_reason;
  m->filtered++;
  report_note(&m->report, "[filtered: %s%s%s]", text, reason != NULL ? ": " : "", reason != NULL ? reason : "");
  report_event(&m->report, "filteredPrompt", "{s:s,s:s?}", "text", text, "reason", reason);
  return status;
}

/* ---- the run ---- */

static genai_status connect_session(music *m, genai_error *error) {
  genai_wait wait = {.cancel = m->cancel};
  genai_status status = client_make(&m->client, &m->local, m->settings, m->settings->fast, &m->memory, error);
  genai_music_connect_params params = {.model = m->settings->model};
  return status == GENAI_OK ? genai_music_connect(m->client, &params, &m->session, &wait, error) : status;
}

static genai_status start_playing(music *m, genai_error *error) {
  genai_wait wait = {.cancel = m->cancel, .timeout_ms = m->settings->timeout_ms};
  const genai_weighted_prompt_list prompts = {m->prompt_items, m->settings->rest.count};
  genai_status status = genai_music_set_weighted_prompts(m->session, &prompts, &wait, error);
  if (status == GENAI_OK) status = genai_music_set_config(m->session, &m->config, &wait, error);
  m->played_ms = clock_ms();
  return status == GENAI_OK ? genai_music_control(m->session, GENAI_LIVE_MUSIC_PLAYBACK_CONTROL_PLAY, &wait, error) : status;
}

/* A send to a session that was just closed says only that; what was received says why. */
static genai_status receive(music *m, genai_error *error) {
  genai_wait wait = {.cancel = m->cancel, .timeout_ms = m->settings->timeout_ms};
  while (m->rate_hz == 0 || m->samples < wanted(m)) {
    genai_music_message *message;
    genai_status status = genai_music_receive(m->session, &message, &wait, error);
    if (status == GENAI_ERROR_TIMEOUT)
      return error_set(error, status, "No music came for %.3g s.%s", (double)m->settings->timeout_ms / 1000,
                       m->filtered > 0 ? " Prompts were filtered; others may do." : "");
    if (status != GENAI_OK) return status;
    status = take_message(m, message, error);
    genai_music_message_free(message);
    if (status != GENAI_OK) return status;
  }
  return GENAI_OK;
}

static double seconds_of(const music *m) {
  return m->rate_hz > 0 ? (double)m->samples / m->rate_hz / m->channels : 0;
}

static void tell(music *m) {
  report *r = &m->report;
  long long latency_ms = m->first_ms > 0 ? (long long)(m->first_ms - m->played_ms) : -1;
  report_event(r, "summary", "{s:f,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:I}", "seconds", seconds_of(m), "bytes",
               (json_int_t)m->samples * 2, "chunks", (json_int_t)m->chunks, "messages", (json_int_t)m->messages,
               "messageBytes", (json_int_t)m->text_bytes, "filtered", (json_int_t)m->filtered, "rate", m->rate_hz, "channels",
               m->channels, "firstAudioMs", (json_int_t)latency_ms);
  if (latency_ms >= 0) report_note(r, "play to first music  %lld ms", latency_ms);
  report_note(r, "music received       %.2f s, %d Hz, %d channels, %llu bytes", seconds_of(m), m->rate_hz, m->channels,
              (unsigned long long)m->samples * 2);
  report_note(r, "messages received    %llu, %llu bytes of JSON, %llu chunks", (unsigned long long)m->messages,
              (unsigned long long)m->text_bytes, (unsigned long long)m->chunks);
  report_note(r, "prompts              %zu, %llu filtered", m->settings->rest.count, (unsigned long long)m->filtered);
}

static void close_session(music *m) {
  genai_wait wait = {.timeout_ms = CLOSE_MS};
  if (m->session == NULL) return;
  genai_status status = genai_music_control(m->session, GENAI_LIVE_MUSIC_PLAYBACK_CONTROL_STOP, &wait, NULL);
  if (status == GENAI_OK) genai_live_close(m->session, &wait, NULL);
}

static exit_status status_after(music *m, genai_status status, const genai_error *error) {
  if (status == GENAI_OK) return STATUS_OK;
  if (interrupt_came()) return STATUS_INTERRUPTED;
  if (status != GENAI_CLOSED) return report_error(&m->report, error);
  report_note(&m->report, "[the service closed the session]");
  return STATUS_REFUSED;
}

static exit_status play(music *m) {
  genai_error error = {0};
  genai_status status = read_options(m, &error);
  if (status == GENAI_OK) status = interrupt_start(&error);
  if (status == GENAI_OK) status = genai_cancel_new(&m->cancel, &error);
  if (status == GENAI_OK) {
    interrupt_cancels(m->cancel);
    status = connect_session(m, &error);
  }
  if (status != GENAI_OK) return status_after(m, status, &error);
  report_event(&m->report, "open", "{s:s}", "model", m->settings->model);
  status = start_playing(m, &error);
  if (status == GENAI_OK || status == GENAI_ERROR_CLOSED) status = receive(m, &error);
  exit_status result = status_after(m, status, &error);
  close_session(m);
  status = audio_writer_close(m->writer, &error);
  if (status != GENAI_OK && result == STATUS_OK) result = report_error(&m->report, &error);
  tell(m);
  return result;
}

static exit_status music_run(const settings *s) {
  bool sound_out = s->out != NULL && strcmp(s->out, "-") == 0;
  music *m = calloc(1, sizeof *m);
  if (m == NULL) return say_error(&(genai_error){.status = GENAI_ERROR_MEMORY});
  m->settings = s;
  report_init(&m->report, !s->json ? REPORT_TEXT : sound_out ? REPORT_JSON_STDERR : REPORT_JSON);
  arena_init(&m->memory, MEMORY_MAX);
  exit_status status = play(m);
  genai_live_free(m->session);
  genai_client_free(m->client);
  interrupt_cancels(NULL);
  genai_cancel_free(m->cancel);
  local_service_stop(&m->local);
  arena_deinit(&m->memory);
  free(m);
  return status;
}

/* ---- options ---- */

static const option music_table[] = {
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, out),
     .help = "Where the music goes, 48 kHz stereo WAV; raw 16-bit PCM if the name ends in .raw or .pcm; - is standard output."},
    {.name = "out-format", .kind = OPTION_CHOICE, .value = "FORMAT", .offset = offsetof(settings, out_format),
     .choices = "wav raw", .help = "The format of --out, whatever its name."},
    {.name = "seconds", .letter = 's', .kind = OPTION_SECONDS, .value = "SECONDS", .offset = offsetof(settings, length_ms),
     .minimum = 100, .maximum = 86400000, .initial = 30000, .help = "How much music."},
    {.name = "model", .letter = 'm', .kind = OPTION_TEXT, .value = "NAME", .offset = offsetof(settings, model),
     .initial_text = "models/lyria-realtime-exp", .help = "The model."},
    {.name = "bpm", .kind = OPTION_NUMBER, .value = "BPM", .offset = offsetof(settings, bpm), .minimum = 60, .maximum = 200,
     .help = "The tempo, in beats a minute; the model's choice without it."},
    {.name = "scale", .kind = OPTION_CHOICE, .value = "SCALE", .offset = offsetof(settings, scale),
     .choices = "C_MAJOR_A_MINOR D_FLAT_MAJOR_B_FLAT_MINOR D_MAJOR_B_MINOR E_FLAT_MAJOR_C_MINOR E_MAJOR_D_FLAT_MINOR "
                "F_MAJOR_D_MINOR G_FLAT_MAJOR_E_FLAT_MINOR G_MAJOR_E_MINOR A_FLAT_MAJOR_F_MINOR A_MAJOR_G_FLAT_MINOR "
                "B_FLAT_MAJOR_G_MINOR B_MAJOR_A_FLAT_MINOR",
     .help = "The key; the model's choice without it."},
    {.name = "density", .kind = OPTION_TEXT, .value = "0..1", .offset = offsetof(settings, density), .help = "How busy it is."},
    {.name = "brightness", .kind = OPTION_TEXT, .value = "0..1", .offset = offsetof(settings, brightness),
     .help = "How bright it sounds."},
    {.name = "guidance", .kind = OPTION_TEXT, .value = "0..6", .offset = offsetof(settings, guidance),
     .help = "How strictly the prompts are followed; 4 without it."},
    {.name = "temperature", .kind = OPTION_TEXT, .value = "0..3", .offset = offsetof(settings, temperature),
     .help = "How much is left to chance; 1.1 without it."},
    {.name = "top-k", .kind = OPTION_NUMBER, .value = "NUMBER", .offset = offsetof(settings, top_k), .minimum = 1,
     .maximum = 1000, .help = "Among how many of the likeliest it chooses; 40 without it."},
    {.name = "seed", .kind = OPTION_NUMBER, .value = "NUMBER", .offset = offsetof(settings, seed), .minimum = 1,
     .maximum = INT32_MAX, .help = "Makes the music repeatable, as far as the service can."},
    {.name = "mode", .kind = OPTION_CHOICE, .value = "MODE", .offset = offsetof(settings, mode),
     .choices = "QUALITY DIVERSITY VOCALIZATION", .help = "What counts most."},
    {.name = "mute-bass", .kind = OPTION_FLAG, .offset = offsetof(settings, mute_bass), .help = "Without bass."},
    {.name = "mute-drums", .kind = OPTION_FLAG, .offset = offsetof(settings, mute_drums), .help = "Without drums."},
    {.name = "only-bass-and-drums", .kind = OPTION_FLAG, .offset = offsetof(settings, only_bass_and_drums),
     .help = "Bass and drums alone."},
    {.name = "fast", .kind = OPTION_FLAG, .offset = offsetof(settings, fast),
     .help = "The emulator's music comes at once, not at the pace of sound."},
};
static const option_group music_group = OPTION_GROUP("Music", music_table);
static const option_group *const music_options[] = {&music_group, &connection_options, &progress_options, &general_options, NULL};

static const char *const about[] = {
    "Has music made from prompts (Lyria RealTime), for as many seconds as are wanted. A prompt may carry a weight behind a colon, "
    "\"piano:0.3\"; it is 1 without. At the end a table is printed on standard error: when the first music came, and how much.",
    "The service exists on the Gemini Developer API only. A prompt that it filters is told of; the others play on.",
    NULL,
};
static const char *const examples[] = {
    "genai-live music \"minimal techno:1\" \"piano:0.3\" --bpm 120 --out song.wav",
    "genai-live music --emulator --fast --seconds 10 \"jazz\" --out jazz.wav",
    "genai-live music \"ambient\" --out - --out-format raw | aplay -q -f S16_LE -c 2 -r 48000", NULL};

const command music_command = {
    .name = "music", .operands = "PROMPT[:WEIGHT]...", .operands_min = 1, .operands_max = OPERANDS_MAX,
    .summary = "have music made from prompts", .about = about, .examples = examples, .options = music_options, .run = music_run,
};
