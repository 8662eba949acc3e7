/* Everything that can go wrong in an open session: what a message's fault costs (the message), what ends the session, and what
 * the calls say afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "talk.h"

typedef struct row {
  const char *name;
  const step *steps;
  genai_client_options options;
  verdict v;        /* of the first receive that gives no message */
  int client_close; /* the close code that the peer must have got */
  int before;       /* messages that are received before it */
  bool tls;
} row;

#define STEPS (const step[])
#define CEILING .options = {.message_max = 1000}
#define ANSWERED .client_close

static bool drain_bytes(peer_io *io, script *s) {
  (void)s;
  peer_drain(io);
  return false;
}

static bool send_2000_bytes(peer_io *io, script *s) {
  (void)s;
  return script_send_text_of(io, 2000);
}

static bool send_400_bytes_unfinished(peer_io *io, script *s) {
  char data[400];
  memset(data, ' ', sizeof data);
  return peer_frame(io, s->messages++ == 1 ? 0x02 : 0x00, data, sizeof data);
}

/* 64 Ki of {}, which as structs would be 64 times as large. */
static bool send_amplification(peer_io *io, script *s) {
  static const char before[] = "{\"serverContent\":{\"modelTurn\":{\"parts\":[{}", after[] = "]}}}";
  enum { COUNT = 1 << 20 };
  size_t size = sizeof before - 1;
  char *text = malloc(size + 3 * COUNT + sizeof after);
  (void)s;
  memcpy(text, before, size);
  for (int i = 0; i < COUNT; i++, size += 3) memcpy(text + size, ",{}", 3);
  memcpy(text + size, after, sizeof after - 1);
  bool sent = peer_frame(io, 0x82, text, size + sizeof after - 1);
  free(text);
  return sent;
}

/* An orderly TLS end without a WebSocket close: close_notify alone. */
static bool say_tls_bye(peer_io *io, script *s) {
  (void)s;
  SSL_shutdown(io->ssl);
  return false;
}

/* The session goes on after these. */
static const row skipped[] = {
    {"zero-byte binary message", STEPS{OPEN, BINARY(""), SAYS("after"), DRAIN, END},
     .v = {GENAI_ERROR_MESSAGE, .says = {"0 bytes", "empty", "goes on"}}},
    {"zero-byte text message", STEPS{OPEN, TEXT(""), SAYS("after"), DRAIN, END},
     .v = {GENAI_ERROR_MESSAGE, .says = {"0 bytes", "empty", "goes on"}}},
    {"zero bytes in three fragments", STEPS{OPEN, FRAME(0x02, ""), FRAME(0x00, ""), FRAME(0x80, ""), SAYS("after"), DRAIN, END},
     .v = {GENAI_ERROR_MESSAGE, .says = {"0 bytes", "empty", "goes on"}}},
    {"JSON that ends too early", STEPS{OPEN, BINARY("{\"serverContent\":"), SAYS("after"), DRAIN, END},
     .v = {GENAI_ERROR_MESSAGE, .says = {"17 bytes", "goes on"}}},
    {"no JSON at all", STEPS{OPEN, TEXT("hello"), SAYS("after"), DRAIN, END},
     .v = {GENAI_ERROR_MESSAGE, .says = {"5 bytes", "goes on"}}},
    {"JSON with something behind it", STEPS{OPEN, TEXT("{} {}"), SAYS("after"), DRAIN, END},
     .v = {GENAI_ERROR_MESSAGE, .says = {"5 bytes", "goes on"}}},
    {"a list instead of an object", STEPS{OPEN, BINARY("[]"), SAYS("after"), DRAIN, END},
     .v = {GENAI_ERROR_MESSAGE, .says = {"2 bytes", "goes on"}}},
    {"a field of another type", STEPS{OPEN, BINARY("{\"serverContent\":{\"turnComplete\":\"yes\"}}"), SAYS("after"), DRAIN, END},
     .v = {GENAI_ERROR_MESSAGE, .says = {"turnComplete", "goes on"}}},
    {"invalid UTF-8 split over binary frames",
     STEPS{OPEN, FRAME(0x02, "{\"text\":\"\xC3"), FRAME(0x80, "\x28\"}"), SAYS("after"), DRAIN, END},
     .v = {GENAI_ERROR_MESSAGE, .says = {"UTF-8", "goes on"}}},
    {"a binary message that ends inside a character", STEPS{OPEN, BINARY("{\"a\":\"\xE2\x82"), SAYS("after"), DRAIN, END},
     .v = {GENAI_ERROR_MESSAGE, .says = {"8 bytes", "goes on"}}},
    {"a message that would unfold into a multiple of its size", STEPS{OPEN, CALL(send_amplification), SAYS("after"), DRAIN, END},
     .v = {GENAI_ERROR_MESSAGE, .says = {"goes on"}}},
};

/* These end it. */
static const row fatal[] = {
    {"invalid UTF-8 split over text frames",
     STEPS{OPEN, FRAME(0x01, "{\"text\":\"\xC3"), FRAME(0x80, "\x28\"}"), DRAIN, END}, ANSWERED = 1007,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"UTF-8", "connect again"}}},
    {"invalid UTF-8 in a fragment that is not the last", STEPS{OPEN, FRAME(0x01, "\xFF"), DRAIN, END}, ANSWERED = 1007,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"UTF-8", "connect again"}}},
    {"a text message that ends inside a character", STEPS{OPEN, TEXT("{\"a\":\"\xE2\x82"), DRAIN, END}, ANSWERED = 1007,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"UTF-8", "connect again"}}},

    {"a message over the ceiling", STEPS{OPEN, CALL(send_2000_bytes), DRAIN, END}, CEILING, ANSWERED = 1009,
     .v = {GENAI_ERROR_LIMIT, .says = {"1000 that are allowed", "message_max"}}},
    {"a message over the ceiling in fragments",
     STEPS{OPEN, CALL(send_400_bytes_unfinished), CALL(send_400_bytes_unfinished), CALL(send_400_bytes_unfinished), DRAIN, END},
     CEILING, ANSWERED = 1009, .v = {GENAI_ERROR_LIMIT, .says = {"1200 bytes", "1000 that are allowed", "message_max"}}},
    {"a header that claims 4 EiB", STEPS{OPEN, BYTES("\x82\x7f\x40\0\0\0\0\0\0\0"), DRAIN, END}, ANSWERED = 1009,
     .v = {GENAI_ERROR_LIMIT, .says = {"4611686018427387904 bytes", "message_max"}}},

    {"an unknown opcode", STEPS{OPEN, FRAME(0x83, "{}"), DRAIN, END}, ANSWERED = 1002,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"5.2", "opcode", "connect again"}}},
    {"an extension that nobody asked for", STEPS{OPEN, FRAME(0xC1, "{}"), DRAIN, END}, ANSWERED = 1002,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"5.2", "connect again"}}},
    {"a continuation of nothing", STEPS{OPEN, FRAME(0x80, "{}"), DRAIN, END}, ANSWERED = 1002,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"5.4", "connect again"}}},
    {"a message inside a message", STEPS{OPEN, FRAME(0x02, "{"), TEXT("{}"), DRAIN, END}, ANSWERED = 1002,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"5.4", "connect again"}}},
    {"a fragmented ping", STEPS{OPEN, FRAME(0x09, "x"), DRAIN, END}, ANSWERED = 1002,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"5.5", "connect again"}}},
    {"a close code that may not be sent", STEPS{OPEN, CLOSE(1005, "no"), DRAIN, END}, ANSWERED = 1002,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"1005", "connect again"}}},
    {"a close frame of one byte", STEPS{OPEN, FRAME(0x88, "x"), DRAIN, END}, ANSWERED = 1002,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"5.5.1", "connect again"}}},
    {"a close reason that is not UTF-8", STEPS{OPEN, CLOSE(1011, "\xFF"), DRAIN, END}, ANSWERED = 1007,
     .v = {GENAI_ERROR_PROTOCOL, .says = {"5.5.1", "1011", "connect again"}}},

    {"reset between messages", STEPS{OPEN, SAYS("before"), RESET}, .before = 1,
     .v = {GENAI_ERROR_LOST, .close_code = 1006, .os_error = ECONNRESET,
           .says = {"connection reset by peer", "in the middle of an answer", "Connect again"}}},
    {"reset inside a message", STEPS{OPEN, BYTES("\x82\x7e\x10\x00{\"serverContent\":"), RESET},
     .v = {GENAI_ERROR_LOST, .close_code = 1006, .os_error = ECONNRESET,
           .says = {"connection reset by peer", "between turns", "Connect again"}}},
    {"reset inside a message over TLS", STEPS{OPEN, BYTES("\x82\x7e\x10\x00{\"serverContent\":"), RESET}, .tls = true,
     .v = {GENAI_ERROR_LOST, .close_code = 1006, .os_error = ECONNRESET, .says = {"connection reset by peer", "Connect again"}}},
    {"end inside a message", STEPS{OPEN, BYTES("\x82\x7e\x10\x00{\"serverContent\":"), END},
     .v = {GENAI_ERROR_LOST, .close_code = 1006, .says = {"without a WebSocket close", "between turns", "Connect again"}}},
    {"end without a TLS close", STEPS{OPEN, END}, .tls = true,
     .v = {GENAI_ERROR_LOST, .close_code = 1006, .says = {"without a TLS close", "Connect again"}}},
    {"TLS close without a WebSocket close", STEPS{OPEN, CALL(say_tls_bye)}, .tls = true,
     .v = {GENAI_ERROR_LOST, .close_code = 1006, .says = {"without a WebSocket close", "Connect again"}}},
    {"silence, pings included", STEPS{OPEN, CALL(drain_bytes)}, .options = {.keepalive_ms = 30, .keepalive_timeout_ms = 60},
     .v = {GENAI_ERROR_LOST, .close_code = 1006, .says = {"Nothing at all came", "pinged", "Connect again"}}},

    {"an error inside the service", STEPS{OPEN, SAYS("before"), CLOSE(1011, "Internal error encountered."), DRAIN, END},
     ANSWERED = 1011, .before = 1,
     .v = {GENAI_ERROR_REFUSED, .close_code = 1011, .reason = "Internal error encountered.",
           .says = {"in the middle of an answer", "1011", "Internal error encountered.", "connecting again"}}},
    {"a tool call that the model cannot make",
     STEPS{OPEN, BINARY("{\"toolCall\":{\"functionCalls\":[{\"id\":\"1\",\"name\":\"f\"}]}}"),
           CLOSE(1008, "Operation is not implemented, or supported, or enabled."), DRAIN, END},
     ANSWERED = 1008, .before = 1,
     .v = {GENAI_ERROR_REFUSED, .close_code = 1008, .reason = "Operation is not implemented, or supported, or enabled.",
           .says = {"while a tool call was unanswered", "1008", "does not offer"}}},
    {"the service's time limit", STEPS{OPEN, CLOSE(1008, "The session deadline expired"), DRAIN, END}, ANSWERED = 1008,
     .v = {GENAI_ERROR_REFUSED, .close_code = 1008, .reason = "The session deadline expired",
           .says = {"between turns", "1008", "time limit"}}},
    {"a restart of the service over TLS", STEPS{OPEN, CLOSE(1012, ""), DRAIN, END}, ANSWERED = 1012, .tls = true,
     .v = {GENAI_ERROR_REFUSED, .close_code = 1012, .says = {"1012", "restarts", "connect again"}}},

    {"a graceful close", STEPS{OPEN, SAYS("before"), CLOSE(1000, "bye"), DRAIN, END}, ANSWERED = 1000, .before = 1,
     .v = {GENAI_CLOSED, .close_code = 1000, .reason = "bye", .says = {"1000", "\"bye\""}}},
    {"a graceful close over TLS", STEPS{OPEN, CLOSE(1001, ""), DRAIN, END}, ANSWERED = 1001, .tls = true,
     .v = {GENAI_CLOSED, .close_code = 1001, .says = {"1001"}}},
    {"an empty close", STEPS{OPEN, CLOSE(0, ""), DRAIN, END}, ANSWERED = 1005,
     .v = {GENAI_CLOSED, .close_code = 1005, .says = {"1005"}}},
};

static genai_status first_fault(talk *t, const row *r, genai_error *error) {
  genai_live_message *message;
  genai_status status = GENAI_OK;
  for (int i = 0; i <= r->before && status == GENAI_OK; i++) {
    status = talk_receive(t, &message, error);
    genai_live_message_free(message);
    if (i < r->before && status != GENAI_OK) fail_msg("%s: message %d: %s", r->name, i, error->message);
  }
  return status;
}

static void costs_the_message(void **state) {
  const row *r = *state;
  talk t;
  genai_error error = {0};
  talk_open(&t, r->steps, &r->options, r->tls);
  assert_int_equal(first_fault(&t, r, &error), r->v.status);
  judge(r->name, &error, &r->v);
  talk_expect(&t, "after");
  assert_int_equal(genai_live_send_text(t.session, "and so do I", NULL, NULL), GENAI_OK);
  assert_int_equal(genai_live_close(t.session, NULL, NULL), GENAI_OK);
  talk_deinit(&t);
  assert_non_null(strstr(t.s.last, "and so do I"));
  assert_int_equal(t.s.close_code, 1000);
}

/* The end is the same again from every later receive, and sends say why nothing was sent. */
static void stays_ended(talk *t, const genai_error *first, verdict v) {
  static const genai_live_send_realtime_input_parameters end_of_audio = {.audio_stream_end = {true, true}};
  genai_live_message *message;
  genai_error error = {0};
  genai_wait no_wait = {.timeout_ms = GENAI_NO_WAIT};
  for (int i = 0; i < 2; i++) {
    assert_int_equal(genai_live_receive(t->session, &message, i ? &no_wait : NULL, &error), v.status);
    assert_null(message);
    assert_memory_equal(&error, first, sizeof error);
  }
  v.status = GENAI_ERROR_CLOSED;
  v.os_error = 0;
  v.says[0] = "Nothing was sent";
  assert_int_equal(genai_live_send_text(t->session, "too late", NULL, &error), GENAI_ERROR_CLOSED);
  judge("a send after that", &error, &v);
  assert_int_equal(genai_live_send_audio(t->session, "..", 2, 0, &no_wait, &error), GENAI_ERROR_CLOSED);
  assert_int_equal(genai_live_send_realtime_input(t->session, &end_of_audio, &no_wait, &error), GENAI_ERROR_CLOSED);
  assert_false(genai_live_writable(t->session));
  assert_int_equal(genai_live_close(t->session, NULL, &error), GENAI_OK);
}

static void ends_the_session(void **state) {
  const row *r = *state;
  talk t;
  genai_error error = {0};
  talk_open(&t, r->steps, &r->options, r->tls);
  verdict v = talk_verdict(&t, r->v);
  assert_int_equal(first_fault(&t, r, &error), r->v.status);
  judge(r->name, &error, &v);
  stays_ended(&t, &error, v);
  talk_deinit(&t);
  if (t.s.close_code != r->client_close) fail_msg("%s: our close code was %d", r->name, t.s.close_code);
}

/* ---- what is passed on ---- */

static const step going_away[] = {OPEN, BINARY("{\"goAway\":{\"timeLeft\":\"9.5s\"},\"usageMetadata\":{\"totalTokenCount\":7}}"),
                                  SAYS("still here"), DRAIN, END};

static void go_away_is_passed_on(void **state) {
  talk t;
  genai_live_message *m;
  (void)state;
  talk_open(&t, going_away, NULL, false);
  assert_int_equal(talk_receive(&t, &m, NULL), GENAI_OK);
  assert_int_equal(m->event->kind, GENAI_LIVE_EVENT_GOING_AWAY);
  assert_int_equal(m->event->time_left_ms, 9500);
  assert_int_equal(m->server->go_away->time_left.value.seconds, 9);
  assert_int_equal(m->server->go_away->time_left.value.nanos, 500000000);
  assert_int_equal(m->server->usage_metadata->total_token_count.value, 7);
  genai_live_message_free(m);
  talk_expect(&t, "still here");
  assert_int_equal(genai_live_send_text(t.session, "so am I", NULL, NULL), GENAI_OK);
  assert_int_equal(genai_live_close(t.session, NULL, NULL), GENAI_OK);
  talk_deinit(&t);
  assert_int_equal(t.s.close_code, 1000);
}

static const step error_message[] = {OPEN,
                                     BINARY("{\"error\":{\"code\":429,\"message\":\"Slow down.\",\"status\":\"RESOURCE_EXHAUSTED\"}}"),
                                     SAYS("still here"), DRAIN, END};

static void an_error_message_is_passed_on(void **state) {
  talk t;
  genai_live_message *m;
  (void)state;
  talk_open(&t, error_message, NULL, false);
  assert_int_equal(talk_receive(&t, &m, NULL), GENAI_OK);
  assert_int_equal(m->server->error->code.value, 429);
  assert_string_equal(m->server->error->message, "Slow down.");
  genai_live_message_free(m);
  talk_expect(&t, "still here");
  talk_deinit(&t);
}

/* ---- closing ---- */

static const step patient[] = {OPEN, SAYS("early"), DRAIN, END};

static void a_send_after_our_own_close(void **state) {
  talk t;
  genai_live_message *message;
  genai_error error = {0};
  (void)state;
  talk_open(&t, patient, NULL, false);
  for (int i = 0; i < 3; i++) assert_int_equal(genai_live_close(t.session, NULL, &error), GENAI_OK);
  assert_int_equal(genai_live_send_text(t.session, "too late", NULL, &error), GENAI_ERROR_CLOSED);
  judge("a send after our own close", &error,
        &(verdict){GENAI_ERROR_CLOSED, .close_code = 1000, .says = {"Nothing was sent", "closed by this program"}});
  talk_expect(&t, "early"); /* what had come before is still there */
  assert_int_equal(talk_receive(&t, &message, &error), GENAI_CLOSED);
  judge("receiving after our own close", &error, &(verdict){GENAI_CLOSED, .close_code = 1000, .says = {"closed by this program"}});
  talk_deinit(&t);
  assert_int_equal(t.s.close_code, 1000);
}

static bool ignore_the_close(peer_io *io, script *s) {
  while (script_read(io, s)) {}
  gate_wait(&s->go, 1);
  return false;
}

static const step deaf[] = {OPEN, CALL(ignore_the_close), END};

static void a_peer_that_never_answers_our_close(void **state) {
  talk t;
  genai_live_message *message;
  (void)state;
  talk_open(&t, deaf, &(genai_client_options){.close_timeout_ms = 100}, false);
  assert_int_equal(genai_live_close(t.session, NULL, NULL), GENAI_OK);
  assert_int_equal(talk_receive(&t, &message, NULL), GENAI_CLOSED);
  talk_deinit(&t);
  assert_int_equal(t.s.close_code, 1000);
}

enum { SKIPPED = sizeof skipped / sizeof *skipped, FATAL = sizeof fatal / sizeof *fatal };

int main(void) {
  static const struct CMUnitTest others[] = {
      cmocka_unit_test(go_away_is_passed_on),
      cmocka_unit_test(an_error_message_is_passed_on),
      cmocka_unit_test(a_send_after_our_own_close),
      cmocka_unit_test(a_peer_that_never_answers_our_close),
  };
  enum { OTHERS = sizeof others / sizeof *others };
  struct CMUnitTest tests[OTHERS + SKIPPED + FATAL];
  memcpy(tests, others, sizeof others);
  for (size_t i = 0; i < SKIPPED; i++)
    tests[OTHERS + i] = (struct CMUnitTest){.name = skipped[i].name, .test_func = costs_the_message,
                                            .initial_state = (void *)&skipped[i]};
  for (size_t i = 0; i < FATAL; i++)
    tests[OTHERS + SKIPPED + i] = (struct CMUnitTest){.name = fatal[i].name, .test_func = ends_the_session,
                                                      .initial_state = (void *)&fatal[i]};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
