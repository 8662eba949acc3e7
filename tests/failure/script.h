/* What a peer does with one connection, as a list of steps. */
#ifndef GENAI_TESTS_FAILURE_SCRIPT_H
#define GENAI_TESTS_FAILURE_SCRIPT_H

#include "../net/peer.h"
#include "../net/rig.h"

typedef struct script script;

typedef struct step {
  enum {
    STEP_END,      /* the connection is closed, with a reset if the peer left something unread */
    STEP_HEAD,     /* reads the request's head */
    STEP_ACCEPT,   /* reads it and accepts the upgrade */
    STEP_READ,     /* reads `number` messages */
    STEP_BYTES,    /* sends bytes as they are */
    STEP_FRAME,    /* sends one frame, `number` being its first byte */
    STEP_CLOSE,    /* sends a close frame with the code `number` (0: an empty one) and the reason `text` */
    STEP_DRAIN,    /* reads frames until the client ends */
    STEP_REACHED,  /* opens script.reached */
    STEP_WAIT,     /* waits for script.go, at most RIG_LIMIT_S */
    STEP_FIN,      /* ends its own direction */
    STEP_RESET,    /* ends with an RST */
    STEP_CALL      /* what no step can say */
  } kind;
  int number;
  const char *text;
  size_t size;
  bool (*call)(peer_io *io, script *s); /* false: the connection is over */
} step;

#define HEAD {.kind = STEP_HEAD}
#define ACCEPT {.kind = STEP_ACCEPT}
#define READ(count) {.kind = STEP_READ, .number = (count)}
#define BYTES(literal) {.kind = STEP_BYTES, .text = literal, .size = sizeof(literal) - 1}
#define FRAME(first, literal) {.kind = STEP_FRAME, .number = (first), .text = literal, .size = sizeof(literal) - 1}
#define TEXT(literal) FRAME(0x81, literal)
#define BINARY(literal) FRAME(0x82, literal)
#define CLOSE(code, reason) {.kind = STEP_CLOSE, .number = (code), .text = reason, .size = sizeof(reason) - 1}
#define DRAIN {.kind = STEP_DRAIN}
#define REACHED {.kind = STEP_REACHED}
#define WAIT {.kind = STEP_WAIT}
#define FIN {.kind = STEP_FIN}
#define RESET {.kind = STEP_RESET}
#define CALL(function) {.kind = STEP_CALL, .call = function}
#define END {.kind = STEP_END}
/* The way into an open session. */
#define SETUP ACCEPT, READ(1)
#define OPEN SETUP, BINARY("{\"setupComplete\":{}}")

struct script {
  const step *steps;
  gate reached, go;
  void *user;
  uint8_t *frame;       /* room for one */
  /* What it saw; to be read after peer_free. */
  char head[8192];
  unsigned messages;    /* the setup included */
  char last[512];       /* the last message, cut */
  unsigned pongs;
  char pong[126];       /* the last one's payload */
  bool close_sent;      /* by the peer */
  int close_code;       /* of the client's close frame: 1005 for an empty one, 0 for none */
};

#define SCRIPT(list) {.steps = (list), .reached = GATE_INIT, .go = GATE_INIT}

/* For peer_new. */
void script_serve(peer_io *io, void *script);
/* Reads one data frame, answering pings and noting pongs; false at the client's close frame or end. */
bool script_read(peer_io *io, script *s);
/* Answers the client's close frame when that is due. */
void script_answer_close(peer_io *io, script *s);
/* Sends a server message whose only text is `size` bytes long. */
bool script_send_text_of(peer_io *io, size_t size);

#endif
