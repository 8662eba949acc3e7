#include "cli/bench_report.h"

#include <jansson.h>
#include <string.h>

#include "cli/output.h"

enum { REPORT_MAX = 64 << 10 };

static const double PERCENTS[] = {50, 90, 99};

static double ms(int64_t us) { return (double)us / 1e3; }
static double per(double value, double count) { return count > 0 ? value / count : 0; }
static int64_t cpu_us(const bench_usage *from, const bench_usage *to) {
  return to->user_us - from->user_us + to->system_us - from->system_us;
}
static int64_t grown(const bench_usage *from, const bench_usage *to) { return (int64_t)to->memory - (int64_t)from->memory; }

/* What all figures of the run share. */
typedef struct figures {
  double run_s, run_cpu_us, all_messages, open, memory_open, memory_after;
} figures;

static figures figures_of(const bench *b) {
  double sent = (double)(b->sent.messages + b->sent.marks);
  return (figures){.run_s = (double)(b->after.at_us - b->open.at_us) / 1e6,
                   .run_cpu_us = (double)cpu_us(&b->open, &b->after),
                   .all_messages = sent + (double)b->received.messages,
                   .open = (double)b->opened,
                   .memory_open = per((double)grown(&b->before, &b->open), (double)b->opened),
                   .memory_after = per((double)grown(&b->before, &b->after), (double)b->opened)};
}

/* ---- JSON ---- */

static json_t *percentiles(const histogram *h) {
  return json_pack("{s:f,s:f,s:f,s:f}", "p50", ms(histogram_percentile(h, 50)), "p90", ms(histogram_percentile(h, 90)), "p99",
                   ms(histogram_percentile(h, 99)), "max", ms(h->max_us));
}

static void tell_opened(report *r, const bench *b, const char *server) {
  report_event(r, "opened", "{s:s,s:I,s:I,s:I,s:f,s:f,s:o}", "server", server, "sessions", (json_int_t)b->plan.sessions, "opened",
               (json_int_t)b->opened, "failed", (json_int_t)b->failed, "seconds", (double)(b->open.at_us - b->before.at_us) / 1e6,
               "cpuSeconds", (double)cpu_us(&b->before, &b->open) / 1e6, "setupMs", percentiles(&b->received.setup));
}

static void tell_summary(report *r, const bench *b, int64_t server_us) {
  figures f = figures_of(b);
  const bench_sent *s = &b->sent;
  const bench_received *c = &b->received;
  report_event(r, "summary",
               "{s:f,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:I,s:I,s:I,s:I,s:I,s:f}",
               "seconds", f.run_s, "sentMessages", (json_int_t)(s->messages + s->marks), "sentBytes", (json_int_t)s->bytes,
               "leftOut", (json_int_t)s->left_out, "refused", (json_int_t)s->refused, "behindMs", percentiles(&s->behind),
               "receivedMessages", (json_int_t)c->messages, "receivedBytes", (json_int_t)c->json_bytes, "audioBytes",
               (json_int_t)c->audio_bytes, "invalid", (json_int_t)c->invalid, "asked", (json_int_t)s->asked, "answers",
               (json_int_t)c->answers, "answerMs", percentiles(&c->answer), "reconnects", (json_int_t)c->reconnects, "resumed",
               (json_int_t)c->resumed, "degraded", (json_int_t)c->degraded, "lost", (json_int_t)c->lost, "ended",
               (json_int_t)b->ended, "userSeconds", (double)(b->after.user_us - b->open.user_us) / 1e6, "systemSeconds",
               (double)(b->after.system_us - b->open.system_us) / 1e6, "corePercent", per(f.run_cpu_us, f.run_s) / 1e4,
               "cpuUsPerMessage", per(f.run_cpu_us, f.all_messages), "memoryBefore", (json_int_t)b->before.memory, "memoryOpen",
               (json_int_t)b->open.memory, "memoryAfter", (json_int_t)b->after.memory, "descriptors", (json_int_t)b->descriptors,
               "descriptorsMax", (json_int_t)bench_descriptors_max(), "emulatorCpuSeconds", server_us < 0 ? 0 : (double)server_us / 1e6);
}

/* ---- the table ---- */

static void row(buf *out, const char *name) { buf_format(out, "%-22s ", name); }

static void add_percentiles(buf *out, const char *name, const histogram *h) {
  if (h->count == 0) return;
  row(out, name);
  for (size_t i = 0; i < sizeof PERCENTS / sizeof PERCENTS[0]; i++)
    buf_format(out, "p%g %.3g ms, ", PERCENTS[i], ms(histogram_percentile(h, PERCENTS[i])));
  buf_format(out, "max %.3g ms\n", ms(h->max_us));
}

static void add_opening(buf *out, const bench *b, const char *server) {
  double seconds = (double)(b->open.at_us - b->before.at_us) / 1e6, cpu = (double)cpu_us(&b->before, &b->open);
  row(out, "server");
  buf_format(out, "%s\n", server);
  row(out, "sessions");
  buf_format(out, "%zu opened, %zu failed\n", b->opened, b->failed);
  row(out, "opening");
  buf_format(out, "%.2f s, %.2f s of CPU (%.2f ms a session)\n", seconds, cpu / 1e6, per(cpu, (double)b->opened) / 1e3);
  add_percentiles(out, "start to setupComplete", &b->received.setup);
}

static void add_traffic(buf *out, const bench *b, const figures *f) {
  const bench_sent *s = &b->sent;
  const bench_received *c = &b->received;
  if (s->messages > 0 || s->refused > 0 || s->left_out > 0) {
    row(out, "sent");
    buf_format(out, "%llu messages (%.0f a second), %.1f MB of sound\n", (unsigned long long)(s->messages + s->marks),
               per((double)(s->messages + s->marks), f->run_s), (double)s->bytes / 1e6);
  }
  add_percentiles(out, "sent behind schedule", &s->behind);
  if (s->left_out > 0 || s->refused > 0) {
    row(out, "not sent");
    buf_format(out, "%llu more than a second late, %llu while the outbox was full\n", (unsigned long long)s->left_out,
               (unsigned long long)s->refused);
  }
  row(out, "received");
  buf_format(out, "%llu messages (%.0f a second), %.1f MB of JSON, %.1f MB of sound\n", (unsigned long long)c->messages,
             per((double)c->messages, f->run_s), (double)c->json_bytes / 1e6, (double)c->audio_bytes / 1e6);
  if (c->invalid > 0) {
    row(out, "invalid");
    buf_format(out, "%llu messages\n", (unsigned long long)c->invalid);
  }
  if (s->asked > 0) {
    row(out, "answers");
    buf_format(out, "%llu begun of %llu asked for\n", (unsigned long long)c->answers, (unsigned long long)s->asked);
  }
  add_percentiles(out, "question to answer", &c->answer);
}

static void add_cost(buf *out, const bench *b, const figures *f, int64_t server_us) {
  const bench_received *c = &b->received;
  if (c->reconnects > 0 || b->ended > 0) {
    row(out, "connections lost");
    buf_format(out, "%llu; %llu resumed, %llu fresh, %llu messages lost, %zu sessions ended\n", (unsigned long long)c->reconnects,
               (unsigned long long)c->resumed, (unsigned long long)c->degraded, (unsigned long long)c->lost, b->ended);
  }
  row(out, "CPU");
  buf_format(out, "%.2f s user, %.2f s system: %.1f %% of a core", (double)(b->after.user_us - b->open.user_us) / 1e6,
             (double)(b->after.system_us - b->open.system_us) / 1e6, per(f->run_cpu_us, f->run_s) / 1e4);
  if (f->all_messages > 0) buf_format(out, ", %.1f us a message", per(f->run_cpu_us, f->all_messages));
  buf_text(out, "\n");
  if (server_us >= 0) {
    row(out, "CPU of the emulator");
    buf_format(out, "%.2f s, from its start to its end\n", (double)server_us / 1e6);
  }
  row(out, "memory");
  buf_format(out, "%.1f MB; %.1f MB with sessions open, %.1f KB each; %.1f MB at the end, %.1f KB each\n",
             (double)b->before.memory / 1e6, (double)b->open.memory / 1e6, f->memory_open / 1024, (double)b->after.memory / 1e6,
             f->memory_after / 1024);
  row(out, "descriptors");
  buf_format(out, "%zu of %zu\n", b->descriptors, bench_descriptors_max());
}

/* Writes the table's rows and lets go of them. */
static void print_rows(buf *out) {
  const char *text = buf_cstr(out);
  if (text != NULL) output_write(text, strlen(text));
  output_flush();
  buf_deinit(out);
}

void bench_report_opened(report *r, const bench *b, const char *server) {
  buf out;
  if (report_is_json(r)) {
    tell_opened(r, b, server);
    return;
  }
  buf_init(&out, REPORT_MAX);
  add_opening(&out, b, server);
  print_rows(&out);
}

void bench_report(report *r, const bench *b, int64_t server_us) {
  figures f = figures_of(b);
  buf out;
  if (report_is_json(r)) {
    tell_summary(r, b, server_us);
    return;
  }
  if (b->opened == 0) return;
  buf_init(&out, REPORT_MAX);
  row(&out, "run");
  buf_format(&out, "%.2f s%s\n", f.run_s, b->interrupted ? ", interrupted" : "");
  add_traffic(&out, b, &f);
  add_cost(&out, b, &f, server_us);
  print_rows(&out);
}
