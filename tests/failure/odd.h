/* Odd names and odd addresses. */
#ifndef GENAI_TESTS_FAILURE_ODD_H
#define GENAI_TESTS_FAILURE_ODD_H

#include "../net/rig.h"

/* This program's getaddrinfo knows three more names: "unknown.test" does not exist, "slow.test" is looked up until
 * odd_slow_go opens once more (odd_slow_reached opens when it begins), "local.test" is 127.0.0.1. */
extern gate odd_slow_reached, odd_slow_go;

/* A port of 127.0.0.1 that answers no SYN, as an address behind a silent firewall does: its accept queue is full. -1 when this
 * system lets a full queue grow. */
int odd_black_hole_open(void);
void odd_black_hole_close(void);

/* A port of 127.0.0.1 on which nobody listens. */
int odd_refused_port(void);

#endif
