/* The other end of the benchmarks, in a process of its own: a WebSocket server, over TLS or plain, that either pours ready-made
 * audio messages into the client or reads whatever it is sent. The model's name in the setup says what it does:
 *   pour=N    after setupComplete sends N messages of 11,520 bytes of PCM, then close 1000
 *   sink      after setupComplete reads until the client closes; sink-nap=N: with pauses of N ms
 *   idle      after setupComplete does nothing at all; the connection stays until the peer ends
 *   talk=U/D  answers every U messages with D such messages and a resumption handle (talk=U/D-: without it)
 *   talk=stamp  answers every message of sound with the time it took and the time it leaves (peer_talk.c)
 * size=N behind the first or the third: N bytes of PCM instead. */
#ifndef GENAI_BENCH_PEER_H
#define GENAI_BENCH_PEER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PEER_PCM_SIZE = 11520 };

typedef struct peer {
  pid_t pid;
  int life; /* it ends when the last of these is closed */
  int port;
  int tls;
  char ca_file[64]; /* PEM of its self-signed certificate, removed by peer_stop */
} peer;

/* Forks; call it before any thread exists. tls 0: plain. Returns 0, or -1 with a line on standard error. */
int peer_start(peer *p, int tls);
void peer_stop(peer *p);
/* The audio message that it pours, NUL-terminated, from malloc. */
char *peer_audio_message(size_t pcm_size, size_t *size);

#endif
