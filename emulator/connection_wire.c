/* Faults, and writing. */
#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "emulator/connection_parts.h"

void connection_say(const connection *c, const char *format, ...) {
  const emulator_options *options = c->server->options;
  char text[512];
  if (!options->log) return;
  int used = snprintf(text, sizeof text, "#%u ", c->number);
  va_list args;
  va_start(args, format);
  vsnprintf(text + used, sizeof text - (size_t)used, format, args);
  va_end(args);
  options->log(options->user, text);
}

uint64_t connection_now(const connection *c) { return net_loop_now(c->server->loop); }

void connection_discard(connection *c) {
  if (c->service) service_lost(c->service, connection_now(c));
  speaker_forget(c->server->speaker, c);
  *c->link = c->next;
  if (c->next) c->next->link = c->link;
  c->server->count--;
  net_timer_free(c->timer);
  net_timer_free(c->fault_timer);
  service_free(c->service);
  ws_decoder_deinit(&c->decoder);
  buf_deinit(&c->head);
  http_body_deinit(&c->body);
  line_deinit(&c->wire);
  mem_free(c);
}

/* ---- faults ---- */

plan_view connection_view(const connection *c) {
  plan_view view = {0};
  if (c->service) view = service_view(c->service);
  view.bytes = c->wire.written;
  if (c->phases & FAULT_BIT(FAULT_CLOSING)) view.phases = 0;
  if (c->phases != FAULT_BIT(FAULT_SETUP) || !view.phases) view.phases |= c->phases;
  return view;
}

void connection_condemn(connection *c, connection_doom how) {
  if (c->doom) return;
  c->doom = how;
  c->doom_ms = connection_now(c) + DOOM_MS;
}

/* A frozen connection is lost to the service when that is for good; the client finds out by itself. */
static void freeze(connection *c, const fault *f) {
  if (f->for_ms != FAULT_NEVER) return;
  c->ends_ms = connection_now(c) + FROZEN_MS;
  if (c->service && f->how != FAULT_OUT) service_lost(c->service, connection_now(c));
}

void connection_apply(connection *c, const fault *f) {
  uint64_t now_ms = connection_now(c);
  connection_say(c, "suffers %s", fault_name(f));
  ledger_fault(&c->server->ledger, c->number, fault_name(f));
  if (f->kind == FAULT_DROP || f->kind == FAULT_RESET)
    connection_condemn(c, f->kind == FAULT_DROP ? DOOM_DROP : DOOM_RESET);
  else if (f->kind == FAULT_CLOSE && c->phases & FAULT_BIT(FAULT_CLOSING))
    connection_write_close(c, (int)f->code, f->reason, CONNECTION_FINISHING);
  else if (line_fault(&c->wire, now_ms, f)) {
    if (f->kind == FAULT_FREEZE) freeze(c, f);
    if (f->kind != FAULT_INVALID || f->how != FAULT_CUT_FRAME) return;
    line_drain(&c->wire, now_ms, FAULT_NEVER);
    connection_condemn(c, DOOM_DROP);
  } else if (c->service)
    service_fault(c->service, now_ms, f);
}

void connection_suffer_due(connection *c) {
  while (!c->doom) {
    plan_view view = connection_view(c);
    const fault *f = plan_next(&c->plan, connection_now(c), &view);
    if (!f) return;
    connection_apply(c, f);
  }
}

static uint64_t fault_deadline(const connection *c) {
  uint64_t line_ms = line_deadline(&c->wire, connection_now(c)), plan_ms = plan_deadline(&c->plan);
  if (plan_ms < line_ms) line_ms = plan_ms;
  if (c->probe_ms && c->probe_ms < line_ms) line_ms = c->probe_ms;
  return c->ends_ms && c->ends_ms < line_ms ? c->ends_ms : line_ms;
}

bool connection_settle(connection *c) {
  uint64_t now_ms = connection_now(c);
  if (c->doom && (net_stream_flushed(c->stream) || now_ms >= c->doom_ms)) {
    net_stream_abort(c->stream, c->doom == DOOM_RESET);
    connection_discard(c);
    return false;
  }
  uint64_t deadline = c->doom ? now_ms + 1 : fault_deadline(c);
  if (deadline == UINT64_MAX)
    net_timer_stop(c->fault_timer);
  else
    net_timer_start(c->fault_timer, deadline > now_ms ? deadline - now_ms : 1);
  return true;
}

/* ---- writing ---- */

bool connection_drain(connection *c) {
  for (;;) {
    if (c->doom) return false;
    uint64_t limit = plan_bytes(&c->plan, c->wire.written), before = c->wire.written;
    if (line_drain(&c->wire, connection_now(c), limit)) break;
    if (limit == FAULT_NEVER || c->wire.written - before < limit) return false;
    connection_suffer_due(c);
  }
  if (c->state == CONNECTION_FINISHING) net_stream_close(c->stream);
  return true;
}

void connection_write_close(connection *c, int code, const char *reason, connection_state then) {
  uint8_t payload[WS_CONTROL_MAX];
  if (c->state != CONNECTION_OPEN) return;
  if (c->service) service_lost(c->service, connection_now(c));
  line_frame(&c->wire, connection_now(c), WS_CLOSE, payload, ws_close_payload(payload, code, reason));
  c->state = then;
  net_timer_start(c->timer, CLOSE_MS);
}

static void set_clock(connection *c, uint64_t now_ms) {
  uint64_t deadline = service_deadline(c->service);
  if (deadline == SERVICE_NEVER)
    net_timer_stop(c->timer);
  else
    net_timer_start(c->timer, deadline > now_ms ? deadline - now_ms : 1);
}

static void carry_out(connection *c, const service_action *action) {
  uint64_t now_ms = connection_now(c);
  if (action->kind == SERVICE_SEND) {
    line_frame(&c->wire, now_ms, WS_BINARY, action->text, action->size);
  } else if (action->kind == SERVICE_CLOSE) {
    connection_say(c, "closing with %d %s", action->code, action->text);
    connection_write_close(c, action->code, action->text, CONNECTION_CLOSING);
  } else if (!speaker_say(c->server->speaker, c, action->id, action->text)) {
    service_spoken(c->service, now_ms, action->id, NULL, 0);
  }
  if (c->wire.out.failed) connection_write_close(c, CLOSE_INTERNAL, "Internal error encountered.", CONNECTION_FINISHING);
}

void connection_pump(connection *c) {
  service_action action;
  uint64_t now_ms = connection_now(c);
  while (connection_drain(c) && c->state == CONNECTION_OPEN) {
    connection_suffer_due(c);
    if (c->wire.out.size || c->doom) continue; /* of a fault */
    if (!service_next(c->service, now_ms, &action)) {
      set_clock(c, now_ms);
      break;
    }
    carry_out(c, &action);
  }
  if (c->paused && (c->state != CONNECTION_OPEN || service_backlog(c->service) < BACKLOG_MAX)) {
    c->paused = false;
    net_stream_resume(c->stream);
  }
}
