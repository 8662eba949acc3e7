#include "fake_dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

gate fake_dns_go = GATE_INIT, fake_dns_waiting = GATE_INIT;
static atomic_int calls;

int fake_dns_calls(void) { return atomic_load(&calls); }

typedef struct entry {
  struct addrinfo info;
  struct sockaddr_in6 address;
} entry;

static void add(struct addrinfo **list, const char *text, int port) {
  entry *e = calloc(1, sizeof *e);
  struct sockaddr_in *ip4 = (struct sockaddr_in *)&e->address;
  e->info.ai_addr = (struct sockaddr *)&e->address;
  e->info.ai_socktype = SOCK_STREAM;
  if (inet_pton(AF_INET, text, &ip4->sin_addr) == 1) {
    e->info.ai_family = ip4->sin_family = AF_INET;
    e->info.ai_addrlen = sizeof *ip4;
    ip4->sin_port = htons((uint16_t)port);
  } else if (inet_pton(AF_INET6, text, &e->address.sin6_addr) == 1) {
    e->info.ai_family = e->address.sin6_family = AF_INET6;
    e->info.ai_addrlen = sizeof e->address;
    e->address.sin6_port = htons((uint16_t)port);
  } else {
    free(e);
    return;
  }
  while (*list) list = &(*list)->ai_next;
  *list = &e->info;
}

static bool begins(const char *name, const char *with) { return strncmp(name, with, strlen(with)) == 0; }

void freeaddrinfo(struct addrinfo *list) {
  while (list) {
    struct addrinfo *next = list->ai_next;
    free(list); /* the entry's first member */
    list = next;
  }
}

static int look_up_name(const char *name, int port, struct addrinfo **list) {
  atomic_fetch_add(&calls, 1);
  if (begins(name, "unknown")) return EAI_NONAME;
  if (begins(name, "again")) return EAI_AGAIN;
  if (begins(name, "empty")) return 0;
  if (begins(name, "system")) {
    errno = EMFILE;
    return EAI_SYSTEM;
  }
  if (begins(name, "block")) {
    gate_open(&fake_dns_waiting);
    gate_wait(&fake_dns_go, 1);
  }
  if (begins(name, "four")) {
    add(list, "127.0.0.2", port), add(list, "127.0.0.3", port), add(list, "::1", port), add(list, "::2", port);
  } else if (begins(name, "pair")) {
    add(list, "127.0.0.2", port), add(list, "127.0.0.1", port);
  } else if (begins(name, "many")) {
    char text[32];
    for (int i = 1; i <= 40; i++) snprintf(text, sizeof text, "127.0.0.%d", i), add(list, text, port);
  } else {
    add(list, "127.0.0.1", port);
  }
  return 0;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
  int port = service ? atoi(service) : 0;
  *list = NULL;
  add(list, name, port); /* when it is an address */
  if (*list) return 0;
  return hints->ai_flags & AI_NUMERICHOST ? EAI_NONAME : look_up_name(name, port, list);
}
