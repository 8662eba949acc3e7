/* What the benchmarks measure with. */
#ifndef GENAI_BENCH_MEASURE_H
#define GENAI_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

uint64_t measure_now_ns(void);                        /* monotonic, and one clock for all processes of the machine */
double measure_cpu_s(void);                           /* of this process, both modes */
double measure_median(double *values, size_t count);  /* sorts them */
/* Room for so many connections, each a descriptor here and one in the peer, which inherits the limit. Ends the process, with a
 * sentence, where they may not be had. */
void measure_allow_descriptors(size_t sessions);

#endif
