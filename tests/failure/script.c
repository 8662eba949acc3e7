#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { FRAME_MAX = 16 << 20 };

bool script_read(peer_io *io, script *s) {
  uint8_t *data = s->frame;
  for (;;) {
    size_t size = FRAME_MAX;
    int first = peer_read_frame(io, data, &size);
    if (first == 0x88) s->close_code = size >= 2 ? data[0] << 8 | data[1] : 1005;
    if (first == 0x8A) {
      memcpy(s->pong, data, size);
      s->pong[size] = '\0';
      s->pongs++;
      continue;
    }
    if (first == 0x89 && peer_frame(io, 0x8A, data, size)) continue;
    if (first != 0x81 && first != 0x82) return false;
    size_t shown = size < sizeof s->last ? size : sizeof s->last - 1;
    memcpy(s->last, data, shown);
    s->last[shown] = '\0';
    s->messages++;
    return true;
  }
}

bool script_send_text_of(peer_io *io, size_t size) {
  static const char before[] = "{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"", after[] = "\"}]}}}";
  size_t total = sizeof before - 1 + size + sizeof after - 1;
  char *text = malloc(total);
  memcpy(text, before, sizeof before - 1);
  memset(text + sizeof before - 1, 'x', size);
  memcpy(text + sizeof before - 1 + size, after, sizeof after - 1);
  bool sent = peer_frame(io, 0x82, text, total);
  free(text);
  return sent;
}

static bool send_close(peer_io *io, script *s, const step *at) {
  char payload[125] = {(char)(at->number >> 8), (char)at->number};
  memcpy(payload + 2, at->text, at->size);
  s->close_sent = true;
  return peer_frame(io, 0x88, payload, at->number ? at->size + 2 : 0);
}

void script_answer_close(peer_io *io, script *s) {
  static const step normal = CLOSE(1000, "");
  if (s->close_code && !s->close_sent) send_close(io, s, &normal);
}

static bool perform(peer_io *io, script *s, const step *at) {
  switch (at->kind) {
  case STEP_END: return false;
  case STEP_HEAD: return peer_read_head(io, s->head, sizeof s->head);
  case STEP_ACCEPT: return peer_upgrade(io);
  case STEP_READ:
    for (int i = 0; i < at->number; i++)
      if (!script_read(io, s)) return false;
    return true;
  case STEP_BYTES: return peer_write(io, at->text, at->size);
  case STEP_FRAME: return peer_frame(io, (uint8_t)at->number, at->text, at->size);
  case STEP_CLOSE: return send_close(io, s, at);
  case STEP_DRAIN:
    while (script_read(io, s)) {}
    script_answer_close(io, s);
    peer_drain(io);
    return true;
  case STEP_REACHED: gate_open(&s->reached); return true;
  case STEP_WAIT: return gate_wait(&s->go, 1);
  case STEP_FIN: return !shutdown(io->fd, SHUT_WR);
  case STEP_RESET: peer_reset(io); return false;
  case STEP_CALL: return at->call(io, s);
  }
  return false;
}

void script_serve(peer_io *io, void *argument) {
  script *s = argument;
  s->frame = malloc(FRAME_MAX);
  for (const step *at = s->steps; perform(io, s, at); at++) {}
  free(s->frame);
}
