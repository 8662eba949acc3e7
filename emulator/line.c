#include "emulator/line.h"

#include <string.h>

enum { TICK_MS = 20, BURST_MS = 100, ANNOUNCED = 1000 };

void line_init(line *l, net_stream *stream, size_t ceiling) {
  *l = (line){.stream = stream};
  buf_init(&l->out, ceiling);
}

void line_deinit(line *l) { buf_deinit(&l->out); }

static uint64_t until(uint64_t now_ms, uint64_t for_ms) { return for_ms == FAULT_NEVER ? FAULT_NEVER : now_ms + for_ms; }

/* ---- frames ---- */

static void append(line *l, ws_opcode opcode, bool fin, const uint8_t *data, size_t size) {
  uint8_t header[WS_HEADER_MAX];
  buf_append(&l->out, header, ws_header_write(header, opcode, fin, size, NULL));
  buf_append(&l->out, data, size);
}

void line_frame(line *l, uint64_t now_ms, ws_opcode opcode, const void *data, size_t size) {
  const uint8_t *at = data;
  bool split = now_ms < l->split_until_ms && opcode < WS_CLOSE;
  if (now_ms < l->hold_until_ms && !l->held_ms) l->held_ms = now_ms + l->hold_ms;
  while (split && size > l->fragment) {
    append(l, opcode, false, at, l->fragment);
    opcode = WS_CONTINUATION;
    at += l->fragment;
    size -= l->fragment;
  }
  append(l, opcode, true, at, size);
}

void line_pong_due(line *l, uint64_t now_ms, const void *data, size_t size) {
  if (now_ms >= l->pong_until_ms) {
    line_frame(l, now_ms, WS_PONG, data, size);
    return;
  }
  if (l->pong_delay_ms == FAULT_NEVER || l->pong_count == LINE_PONGS_MAX) return;
  line_pong *pong = &l->pongs[l->pong_count++];
  *pong = (line_pong){.due_ms = now_ms + l->pong_delay_ms, .size = size};
  memcpy(pong->payload, data, size);
}

static void write_pongs(line *l, uint64_t now_ms) {
  while (l->pong_count && l->pongs[0].due_ms <= now_ms) {
    line_frame(l, now_ms, WS_PONG, l->pongs[0].payload, l->pongs[0].size);
    memmove(&l->pongs[0], &l->pongs[1], --l->pong_count * sizeof *l->pongs);
  }
}

/* ---- rates ---- */

/* How many of `size` bytes may pass now. */
static size_t pass(line_rate *r, uint64_t now_ms, size_t size) {
  if (!r->bytes_a_second || now_ms >= r->until_ms) return size;
  double most = (double)r->bytes_a_second * BURST_MS / 1000;
  r->saved += (double)r->bytes_a_second * (double)(now_ms - r->last_ms) / 1000;
  r->last_ms = now_ms;
  if (r->saved > most) r->saved = most > 1 ? most : 1;
  return size < (size_t)r->saved ? size : (size_t)r->saved;
}

static void passed(line_rate *r, size_t size) { r->saved -= (double)size; }

static void slow_down(line_rate *r, uint64_t now_ms, const fault *f) {
  *r = (line_rate){.bytes_a_second = f->rate, .until_ms = until(now_ms, f->for_ms), .last_ms = now_ms};
}

/* ---- both ways ---- */

static bool waits_to_write(const line *l, uint64_t now_ms) { return now_ms < l->frozen_out_ms || now_ms < l->held_ms; }

bool line_drain(line *l, uint64_t now_ms, uint64_t limit) {
  write_pongs(l, now_ms);
  while (l->out_at < l->out.size) {
    if (waits_to_write(l, now_ms)) return false;
    size_t size = l->out.size - l->out_at;
    if (size > limit) size = (size_t)limit;
    size = pass(&l->rate_out, now_ms, size);
    size_t taken = size ? net_stream_write(l->stream, l->out.data + l->out_at, size) : 0;
    if (!taken) return false;
    passed(&l->rate_out, taken);
    l->out_at += taken;
    l->written += taken;
    limit -= taken;
  }
  buf_clear(&l->out);
  l->out_at = 0;
  l->held_ms = 0;
  return true;
}

size_t line_admit(line *l, uint64_t now_ms, size_t size) {
  if (now_ms < l->frozen_in_ms) return 0;
  size = pass(&l->rate_in, now_ms, size);
  passed(&l->rate_in, size);
  return size;
}

bool line_reads(const line *l, uint64_t now_ms) { return now_ms >= l->frozen_in_ms; }

static void sooner(uint64_t *deadline, uint64_t now_ms, uint64_t than_ms) {
  if (than_ms > now_ms && than_ms < *deadline) *deadline = than_ms;
}

static bool is_slow(const line_rate *r, uint64_t now_ms) { return r->bytes_a_second && now_ms < r->until_ms; }

uint64_t line_deadline(const line *l, uint64_t now_ms) {
  uint64_t deadline = UINT64_MAX;
  sooner(&deadline, now_ms, l->frozen_in_ms);
  if (l->out.size) {
    sooner(&deadline, now_ms, l->frozen_out_ms);
    sooner(&deadline, now_ms, l->held_ms);
    if (is_slow(&l->rate_out, now_ms)) sooner(&deadline, now_ms, now_ms + TICK_MS);
  }
  if (is_slow(&l->rate_in, now_ms)) sooner(&deadline, now_ms, now_ms + TICK_MS);
  if (l->pong_count) sooner(&deadline, now_ms, l->pongs[0].due_ms);
  return deadline;
}

/* ---- faults ---- */

static void freeze(line *l, uint64_t now_ms, const fault *f) {
  if (f->how != FAULT_OUT) l->frozen_in_ms = until(now_ms, f->for_ms);
  if (f->how != FAULT_IN) l->frozen_out_ms = until(now_ms, f->for_ms);
}

static void set_frames(line *l, uint64_t now_ms, const fault *f) {
  if (f->how == FAULT_SPLIT) {
    l->split_until_ms = until(now_ms, f->for_ms);
    l->fragment = f->size;
  } else {
    l->hold_until_ms = until(now_ms, f->for_ms);
    l->hold_ms = f->delay_ms;
  }
}

bool line_fault(line *l, uint64_t now_ms, const fault *f) {
  uint8_t header[WS_HEADER_MAX];
  switch (f->kind) {
  case FAULT_FREEZE: freeze(l, now_ms, f); return true;
  case FAULT_FRAMES: set_frames(l, now_ms, f); return true;
  case FAULT_SLOW:
    if (f->how != FAULT_OUT) slow_down(&l->rate_in, now_ms, f);
    if (f->how != FAULT_IN) slow_down(&l->rate_out, now_ms, f);
    return true;
  case FAULT_PONG:
    l->pong_until_ms = until(now_ms, f->for_ms);
    l->pong_delay_ms = f->delay_ms;
    return true;
  case FAULT_INVALID: /* bad UTF-8 in a text frame; or a frame that announces more than comes */
    if (f->how != FAULT_UTF8 && f->how != FAULT_CUT_FRAME) return false;
    if (f->how == FAULT_UTF8)
      append(l, WS_TEXT, true, (const uint8_t *)"\xC3\x28", 2);
    else
      buf_append(&l->out, header, ws_header_write(header, WS_BINARY, true, ANNOUNCED, NULL));
    return true;
  default: return false;
  }
}
