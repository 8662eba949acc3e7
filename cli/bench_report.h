/* What bench tells: a table on standard output, or JSON Lines. */
#ifndef GENAI_CLI_BENCH_REPORT_H
#define GENAI_CLI_BENCH_REPORT_H

#include "cli/bench.h"
#include "cli/report.h"

/* Once the sessions are open; `server`: where it is. */
void bench_report_opened(report *r, const bench *b, const char *server);
/* At the end; server_us: the CPU time of the emulator that was started for the run, or -1. */
void bench_report(report *r, const bench *b, int64_t server_us);

#endif
