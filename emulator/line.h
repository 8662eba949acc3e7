/* The wire between a connection and its client, and what may be wrong with it: frozen, slow, in pieces, late pongs.
 * Loop thread only; the time is the loop's. */
#ifndef GENAI_EMULATOR_LINE_H
#define GENAI_EMULATOR_LINE_H

#include "base/buf.h"
#include "emulator/fault.h"
#include "net/stream.h"
#include "net/ws_frame.h"

enum { LINE_PONGS_MAX = 16 };

typedef struct line_pong {
  uint64_t due_ms;
  size_t size;
  uint8_t payload[WS_CONTROL_MAX];
} line_pong;

/* A direction at a rate, until a time. */
typedef struct line_rate {
  unsigned bytes_a_second; /* 0: as it comes */
  uint64_t until_ms, last_ms;
  double saved; /* bytes that may pass at once */
} line_rate;

typedef struct line {
  net_stream *stream;
  buf out;
  size_t out_at;     /* up to here it was written */
  uint64_t written;  /* in all */
  uint64_t frozen_in_ms, frozen_out_ms; /* until then; 0: not */
  line_rate rate_in, rate_out;
  uint64_t split_until_ms, hold_until_ms; /* frames in fragments; writes held and then made at once */
  size_t fragment;
  uint64_t hold_ms, held_ms; /* held_ms: when what is held may leave; 0: nothing is */
  uint64_t pong_until_ms, pong_delay_ms;
  line_pong pongs[LINE_PONGS_MAX]; /* due, oldest first */
  size_t pong_count;
} line;

void line_init(line *l, net_stream *stream, size_t ceiling);
void line_deinit(line *l);
/* Queues a whole frame. */
void line_frame(line *l, uint64_t now_ms, ws_opcode opcode, const void *data, size_t size);
/* Queues the answer to a ping. */
void line_pong_due(line *l, uint64_t now_ms, const void *data, size_t size);
/* Writes what may be written, `limit` bytes at most. False: something is left. */
bool line_drain(line *l, uint64_t now_ms, uint64_t limit);
/* How many of the bytes that came may be taken now; ask again later for the rest. */
size_t line_admit(line *l, uint64_t now_ms, size_t size);
bool line_reads(const line *l, uint64_t now_ms); /* whether line_admit would let any in */
uint64_t line_deadline(const line *l, uint64_t now_ms); /* when to drain, and read, again by the time alone; UINT64_MAX: never */
/* FREEZE, SLOW, PONG, FRAMES, and INVALID of frames. False: it is not the line's. */
bool line_fault(line *l, uint64_t now_ms, const fault *f);

#endif
