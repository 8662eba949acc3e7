/* A peer that answers: for memory after traffic, and for the time a message takes. */
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "bench/peer.h"
#include "bench/peer_link.h"

enum { ROOM = 64 * 1024, STAMP_PCM = 1920 };

typedef struct frames {
  link_end *link;
  unsigned char *data;
  size_t used, taken; /* of data; of it, given out */
} frames;

/* The next frame, still masked; NULL when there is none any more, or one is larger than 64 KB. */
static unsigned char *next_frame(frames *f, size_t *header, size_t *size) {
  for (;;) {
    unsigned char *at = f->data + f->taken;
    size_t have = f->used - f->taken;
    if (have >= 4) {
      *size = at[1] & 127u;
      *header = *size == 126 ? 8 : 6;
      if (*size == 126) *size = (size_t)at[2] << 8 | at[3];
      if (have >= *header + *size) {
        f->taken += *header + *size;
        return at;
      }
    }
    if (f->taken) memmove(f->data, at, have);
    f->used = have;
    f->taken = 0;
    ssize_t n = f->used < ROOM ? peer_get(f->link, f->data + f->used, ROOM - f->used) : -1;
    if (n <= 0) return NULL;
    f->used += (size_t)n;
  }
}

static int put_message(link_end *l, int opcode, const char *text, size_t size) {
  unsigned char *frame = malloc(size + PEER_HEADER_MAX);
  size_t header = peer_frame_header(frame, opcode, size);
  memcpy(frame + header, text, size);
  int failed = peer_put(l, frame, header + size);
  free(frame);
  return failed;
}

/* ---- sound and handles ---- */

static int answer(link_end *l, const char *sound, size_t size, long count, bool with_handle) {
  static const char handle[] = "{\"sessionResumptionUpdate\":{\"newHandle\":\"CigqJmFyYXk2dHM0cmF2bWFjZmZ1b2l3OGJ3ZHZ5anM\","
                               "\"resumable\":true}}";
  int failed = 0;
  for (long i = 0; i < count && !failed; i++) failed = put_message(l, 2, sound, size);
  return failed || (with_handle && put_message(l, 2, handle, sizeof handle - 1));
}

static void converse(frames *f, long up, long down, bool with_handle, size_t pcm_size) {
  size_t size, header, frame_size;
  char *sound = peer_audio_message(pcm_size, &size);
  long heard = 0;
  for (unsigned char *at; (at = next_frame(f, &header, &frame_size)) && (at[0] & 15) != 8;) {
    if ((at[0] & 15) > 2) continue;
    heard++;
    if (heard % up == 0 && answer(f->link, sound, size, down, with_handle)) break;
  }
  free(sound);
}

/* ---- stamps ---- */

/* The sound of a message begins with the time it was sent at: 9 bytes, of which the last is nothing, are 12 letters. */
static uint64_t stamp_of(unsigned char *at, size_t header, size_t size) {
  static const char name[] = "\"data\":\"";
  uint64_t stamp = 0;
  unsigned char raw[16];
  char *text = (char *)at + header;
  for (size_t i = 0; i < size; i++) text[i] = (char)(text[i] ^ (char)at[header - 4 + i % 4]);
  for (size_t i = 0; i + sizeof name + 12 < size; i++) {
    if (memcmp(text + i, name, sizeof name - 1)) continue;
    EVP_DecodeBlock(raw, (unsigned char *)text + i + sizeof name - 1, 12);
    memcpy(&stamp, raw, sizeof stamp);
    break;
  }
  return stamp;
}

static void stamp(frames *f) {
  size_t header, size, message_size;
  char *message = peer_audio_message(STAMP_PCM, &message_size), *data = strstr(message, "\"data\": \"") + 9;
  for (unsigned char *at; (at = next_frame(f, &header, &size)) && (at[0] & 15) != 8;) {
    if ((at[0] & 15) > 2) continue;
    uint64_t times[3] = {measure_now_ns()}; /* read before anything is done with the message */
    times[1] = times[0] - stamp_of(at, header, size);
    unsigned char letters[33];
    times[0] = measure_now_ns();
    EVP_EncodeBlock(letters, (unsigned char *)times, sizeof times);
    memcpy(data, letters, 32);
    if (put_message(f->link, 2, message, message_size)) break;
  }
  free(message);
}

void peer_talk(link_end *l, const char *how, size_t pcm_size) {
  static const unsigned char close_frame[4] = {0x88, 2, 0x03, 0xE8};
  char *rest;
  frames f = {.link = l, .data = malloc(ROOM)};
  long up = strtol(how + 5, &rest, 10), down = *rest == '/' ? strtol(rest + 1, &rest, 10) : 0;
  if (up > 0) converse(&f, up, down, *rest != '-', pcm_size);
  else stamp(&f);
  peer_put(l, close_frame, sizeof close_frame);
  free(f.data);
}
