/* The inside of a WebSocket connection: life and receiving (ws.c), sending (ws_send.c), a refused upgrade
 * (ws_refusal.c). */
#ifndef GENAI_SRC_NET_WS_PRIVATE_H
#define GENAI_SRC_NET_WS_PRIVATE_H

#include "base/buf.h"
#include "base/error.h"
#include "net/ws.h"

typedef enum net_ws_state {
  NET_WS_DIALING,   /* TCP and TLS */
  NET_WS_HELD,      /* both are ready; the request waits */
  NET_WS_UPGRADING, /* the request is out, its answer's head not complete */
  NET_WS_REFUSED,   /* the answer's body is being read */
  NET_WS_OPEN,      /* also while closing */
  NET_WS_ENDED
} net_ws_state;

typedef struct ws_refusal ws_refusal;

struct net_ws {
  net_loop *loop;
  net_stream *stream;
  const net_ws_events *events;
  void *user;
  net_ws_state state;
  unsigned busy;       /* inside an event of the stream: memory stays */
  net_turn turn;       /* for an end that must not come from inside a call */
  genai_status doomed; /* that end's status */
  net_timer *timer;    /* of the refusal, or of the close */
  bool paused;
  bool hold;           /* the request is not to be sent yet */

  buf request;         /* until the upgrade is accepted */
  buf head;
  ws_refusal *refusal;
  char key[WS_KEY_SIZE + 1];
  ws_decoder decoder;
  size_t message_max;

  payload *message;    /* on its way out */
  size_t sent;         /* of its bytes */
  uint8_t mask[4];
  bool want_writable;
  bool ping_due, pong_due, close_due; /* control frames that wait for room or for the message's end */
  bool close_sent, close_received;
  uint8_t pong_size, close_size;
  uint8_t pong[WS_CONTROL_MAX], close[WS_CONTROL_MAX];
  int close_code;      /* of the peer's close frame, and its reason */
  char close_reason[WS_CONTROL_MAX];

  int port;
  char host[];         /* for sentences */
};

/* ws.c: an end to be reported at the end of the turn. */
void ws_doom(net_ws *ws, genai_status status);

/* ws_send.c: writes what is due as far as there is room. */
void ws_pump(net_ws *ws);

/* ws_refusal.c */

/* Starts to read the refusal's body; NULL when memory is out. */
ws_refusal *ws_refusal_new(const http_head *head);
/* Takes bytes; true when enough of the body is there. */
bool ws_refusal_feed(ws_refusal *refusal, const uint8_t *data, size_t size);
/* The sentence, quoting the body without anything secret that the request held. */
genai_status ws_refusal_explain(const ws_refusal *refusal, const char *host, int port, const buf *request,
                                genai_error *error);
void ws_refusal_free(ws_refusal *refusal); /* takes NULL */

#endif
