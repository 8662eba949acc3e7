/* A getaddrinfo of the tests' own in place of libc's, for the whole test program: names that are slow, unknown or have
 * several addresses, without a network. */
#ifndef GENAI_TESTS_NET_FAKE_DNS_H
#define GENAI_TESTS_NET_FAKE_DNS_H

#include "rig.h"

/* Names that begin with "block" wait for this gate, and count themselves into the other. */
extern gate fake_dns_go, fake_dns_waiting;
int fake_dns_calls(void); /* lookups of names so far */

/* "unknown...": EAI_NONAME; "again...": EAI_AGAIN; "system...": EAI_SYSTEM with EMFILE; "empty...": success without an
 * address; "block...": see above, then 127.0.0.1; "four...": 127.0.0.2, 127.0.0.3, ::1, ::2; "pair...": 127.0.0.2,
 * 127.0.0.1; "many...": 127.0.0.1 to 127.0.0.40; every other name: 127.0.0.1. */

#endif
