/* The upgrade, and plain requests. */
#include <string.h>

#include "emulator/connection_parts.h"

static void refuse(connection *c, const door_answer *answer) {
  connection_say(c, "refused with HTTP %d %s", answer->status, answer->reason);
  door_write_refusal(&c->wire.out, answer);
  c->state = CONNECTION_FINISHING;
  net_timer_start(c->timer, CLOSE_MS);
}

static int64_t unix_ms(const connection *c) {
  const emulator_options *options = c->server->options;
  return options->unix_ms(options->user);
}

/* A service's admit: the token's word on a setup. */
static int admit(void *user, json_t *wanted, char reason[SETUP_REASON_MAX]) {
  connection *c = user;
  return tokens_admit(c->server->rest.tokens, unix_ms(c), c->token, wanted, reason);
}

/* What the client showed as a token becomes its session's; false, and the reason, when it opens nothing. */
static bool take_token(connection *c, const door_answer *answer, char reason[SETUP_REASON_MAX]) {
  memcpy(c->token, answer->token, sizeof c->token);
  return !tokens_check(c->server->rest.tokens, unix_ms(c), c->token, reason);
}

/* A client that is alive answers a ping; one whose end was never told of does not. */
static void on_wanted(void *user) {
  connection *c = user;
  if (c->probe_ms || c->state != CONNECTION_OPEN) return;
  c->probe_ms = connection_now(c) + PROBE_MS;
  line_frame(&c->wire, connection_now(c), WS_PING, "alive", 5);
  net_timer_start(c->fault_timer, 1); /* from outside of its own events */
}

static void note(void *user, const service_event *event) {
  connection *c = user;
  ledger_event(&c->server->ledger, c->number, event);
}

static void open(connection *c, const door_answer *answer) {
  const emulator_options *options = c->server->options;
  char reason[SETUP_REASON_MAX];
  bool constrained = answer->method == DOOR_CONSTRAINED, known = !constrained || take_token(c, answer, reason);
  int64_t left_ms = constrained && known ? tokens_expiry_ms(c->server->rest.tokens, c->token) - unix_ms(c) : 0;
  setup_backend backend = answer->backend;
  backend.project = options->project;
  backend.location = options->location;
  c->service = service_new(&(service_options){
      .backend = backend,
      .music = answer->method == DOOR_MUSIC,
      .recording = c->server->recording,
      .transcript = options->transcript,
      .fast = options->fast,
      .seed = options->seed + c->number,
      .conversations = c->server->conversations,
      .epoch_ms = unix_ms(c) - (int64_t)connection_now(c),
      .index_first = options->index_from_zero ? 0 : 1,
      .answers = c->server->scenario.answers,
      .event = ledger_wanted(&c->server->ledger) ? note : NULL,
      .wanted = on_wanted,
      .event_user = c,
      .expires_ms = left_ms > 0 ? connection_now(c) + (uint64_t)left_ms : 0,
      .admit = constrained ? admit : NULL,
      .admit_user = c,
  });
  if (!c->service || ws_response_write(&c->wire.out, answer->key.data, answer->key.size, NULL, 0, NULL)) {
    refuse(c, &(door_answer){.status = 503,
                             .reason = "Service Unavailable",
                             .code = "UNAVAILABLE",
                             .message = "The service is currently unavailable."});
    return;
  }
  connection_say(c, "opened: %s %s%s%s", answer->backend.vertex ? "Vertex" : "Gemini API", answer->backend.version,
      constrained ? ", constrained" : "", answer->method == DOOR_MUSIC ? ", music" : "");
  net_timer_stop(c->timer);
  c->state = CONNECTION_OPEN;
  if (answer->close_code) connection_write_close(c, answer->close_code, answer->message, CONNECTION_CLOSING);
  if (!known) connection_write_close(c, CLOSE_POLICY, reason, CONNECTION_CLOSING);
}

static const door_answer malformed = {.status = 400,
                                      .reason = "Bad Request",
                                      .code = "INVALID_ARGUMENT",
                                      .message = "The request could not be understood."};

size_t connection_take_body(connection *c, const uint8_t *data, size_t size) {
  http_head head;
  size_t used = 0;
  if (http_body_feed(&c->body, data, size, &used, NULL) ||
      ((c->body.done || c->body.cut) && http_head_parse(&head, true, c->head.data, c->head.size, NULL))) {
    refuse(c, &malformed);
    return size;
  }
  if (!c->body.done && !c->body.cut) return used;
  connection_say(c, "answered a %.*s", (int)head.method.size, head.method.data);
  rest_answer(&c->wire.out, &c->server->rest, unix_ms(c), &head, c->body.data.data, c->body.data.size, c->body.cut);
  c->state = CONNECTION_FINISHING;
  net_timer_start(c->timer, CLOSE_MS);
  return size;
}

/* What the plan has for an upgrade request: another answer, or none. */
static void spoil_upgrade(connection *c, door_answer *answer) {
  const fault *f;
  c->phases = FAULT_BIT(FAULT_UPGRADE);
  for (plan_view view = connection_view(c); !c->doom && (f = plan_next(&c->plan, connection_now(c), &view));) {
    if (f->kind == FAULT_REFUSE) {
      door_refuse(answer, (int)f->status);
    } else if (f->kind == FAULT_CLOSE && answer->status == 101) {
      answer->close_code = (int)f->code;
      answer->message = f->reason;
    }
    connection_apply(c, f);
  }
  c->phases = 0;
}

size_t connection_take_head(connection *c, const uint8_t *data, size_t size) {
  http_head head;
  door_answer answer;
  size_t before = c->head.size, room = c->head.ceiling - before;
  genai_status status = buf_append(&c->head, data, size < room ? size : room)
                            ? http_head_parse(&head, true, c->head.data, c->head.size, NULL)
                            : GENAI_ERROR_LIMIT;
  if (status == GENAI_WOULD_BLOCK) return size;
  if (status) {
    refuse(c, &malformed);
    return size;
  }
  size_t used = head.size - before;
  if (rest_takes(&c->server->rest, &head)) {
    c->head.size = head.size;
    c->state = CONNECTION_BODY;
    if (!http_body_init(&c->body, &head, REST_BODY_MAX, NULL)) return used + connection_take_body(c, data + used, size - used);
    refuse(c, &malformed);
    return size;
  }
  door_judge(&answer, &head, c->server->options->key);
  c->number = ++c->server->accepted;
  plan_init(&c->plan, &c->server->scenario, c->number, connection_now(c));
  spoil_upgrade(c, &answer);
  if (c->doom) return size;
  if (answer.status == 101)
    open(c, &answer);
  else
    refuse(c, &answer);
  buf_deinit(&c->head);
  return used;
}
