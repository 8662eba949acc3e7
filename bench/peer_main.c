/* The benchmarks' peer as a program, for clients in other languages: prints "PORT CA_FILE" and serves until its standard input ends.
 *
 *   bench_peer tls|plain */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/peer.h"

int main(int argc, char **argv) {
  peer p;
  char byte;
  if (argc != 2 || (strcmp(argv[1], "tls") && strcmp(argv[1], "plain"))) {
    fprintf(stderr, "usage: bench_peer tls|plain\n");
    return 2;
  }
  if (peer_start(&p, !strcmp(argv[1], "tls"))) return 1;
  printf("%d %s\n", p.port, p.tls ? p.ca_file : "-");
  fflush(stdout);
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  peer_stop(&p);
  return 0;
}
