#include "session/session.h"

#include <string.h>

#include "base/error.h"

static uint64_t later(uint64_t now, uint64_t delay) { return delay >= SESSION_NEVER - now ? SESSION_NEVER : now + delay; }

void session_init(session_mind *s, const session_settings *settings, uint64_t now) {
  *s = (session_mind){.settings = *settings, .deadline = later(now, settings->connect_timeout), .heard_at = now};
}

static const char *peer(const session_mind *s) { return s->settings.peer ? s->settings.peer : "The service"; }

/* Where in its life the session is, for the sentences. */
static const char *when(const session_mind *s) {
  if (!s->was_open) return s->phase == SESSION_CONNECTING ? "while connecting" : "during setup";
  if (s->calls_open) return "while a tool call was unanswered";
  return s->answering ? "in the middle of an answer" : "between turns";
}

static session_step end_session(session_mind *s, bool abort) {
  s->phase = SESSION_ENDED;
  s->deadline = SESSION_NEVER;
  return (session_step){.ended = true, .abort = abort};
}

session_step session_connected(session_mind *s, uint64_t now) {
  s->heard_at = now;
  if (s->phase != SESSION_CONNECTING) return (session_step){0};
  s->phase = SESSION_SETUP;
  return (session_step){.send_setup = true};
}

void session_heard(session_mind *s, uint64_t now) {
  s->heard_at = now;
  s->pinged = false;
}

static void track_turn(session_mind *s, const session_news *news) {
  if (news->model_turn) s->answering = true;
  if (news->turn_complete) s->answering = false;
  s->calls_open += (unsigned)news->calls;
  session_answered(s, news->cancelled);
}

session_step session_message(session_mind *s, const session_news *news) {
  session_step step = {.deliver = true};
  if (s->phase == SESSION_ENDED) return (session_step){0};
  if (s->phase == SESSION_SETUP) {
    if (news->error) {
      session_explain_answer(&s->end, peer(s), news->error);
      return end_session(s, true);
    }
    if (news->setup_complete) {
      s->phase = SESSION_OPEN;
      s->was_open = true;
      s->deadline = SESSION_NEVER;
      step.opened = true;
    }
  }
  track_turn(s, news);
  step.interrupted = news->interrupted;
  step.going_away = news->go_away;
  step.time_left_ms = news->time_left_ms;
  return step;
}

void session_answered(session_mind *s, size_t responses) {
  s->calls_open = responses < s->calls_open ? s->calls_open - (unsigned)responses : 0;
}

void session_paused(session_mind *s, bool paused, uint64_t now) {
  s->paused = paused;
  session_heard(s, now);
}

session_step session_close(session_mind *s, uint64_t now) {
  if (s->phase == SESSION_CLOSING || s->phase == SESSION_ENDED) return (session_step){0};
  bool open = s->phase == SESSION_OPEN;
  if (!s->peer_closed) {
    error_set(&s->end, GENAI_CLOSED, "The session was closed by this program.");
    s->end.close_code = 1000;
  }
  if (!open) return end_session(s, true);
  s->phase = SESSION_CLOSING;
  s->deadline = later(now, s->settings.close_timeout);
  return (session_step){.close = true};
}

void session_peer_close(session_mind *s, int code, const char *reason, size_t size) {
  if (s->phase == SESSION_ENDED || s->peer_closed) return;
  s->peer_closed = true;
  if (s->phase == SESSION_CLOSING) return; /* the answer to our own */
  char text[sizeof s->end.close_reason] = {0};
  memcpy(text, reason, size < sizeof text ? size : sizeof text - 1);
  bool graceful = s->was_open && (code == 1000 || code == 1001 || code == 1005);
  session_explain_close(&s->end, peer(s), code, text, when(s), graceful);
}

session_step session_transport_end(session_mind *s, const genai_error *why) {
  if (s->phase == SESSION_ENDED) return (session_step){0};
  /* After a close frame of either side its meaning stands, however the connection then went down. */
  if (s->phase != SESSION_CLOSING && !s->peer_closed) {
    if (why->status == GENAI_ERROR_LOST) {
      session_explain_loss(&s->end, why, when(s));
    } else {
      s->end = *why;
      session_advise(&s->end, s->was_open);
    }
  }
  return end_session(s, false);
}

session_step session_fail(session_mind *s, const genai_error *why) {
  if (s->phase == SESSION_ENDED) return (session_step){0};
  s->end = *why;
  return end_session(s, true);
}

static session_step time_out(session_mind *s, const char *doing) {
  if (s->phase == SESSION_CLOSING) return end_session(s, true); /* end is set; the peer did not answer our close in time */
  unsigned long long ms = s->settings.connect_timeout;
  if (s->phase == SESSION_CONNECTING)
    error_set(&s->end, GENAI_ERROR_TIMEOUT,
              "No connection to %s was made within %llu ms: it was still %s. Check the network and the base URL, or allow "
              "more time (connect_timeout_ms, or the call's own wait).", peer(s), ms, doing);
  else
    error_set(&s->end, GENAI_ERROR_TIMEOUT,
              "%s took the connection, but did not answer the setup with setupComplete within %llu ms. Check the model's name and "
              "the config, or allow more time (connect_timeout_ms, or the call's own wait).", peer(s), ms);
  return end_session(s, true);
}

/* When silence of the peer calls for a ping, or is over its limit; SESSION_NEVER when silence does not count. */
static uint64_t silence_deadline(const session_mind *s) {
  if (s->phase != SESSION_OPEN || s->paused) return SESSION_NEVER;
  uint64_t ping_at = later(s->heard_at, s->settings.keepalive);
  return s->pinged ? later(ping_at, s->settings.keepalive_timeout) : ping_at;
}

session_step session_tick(session_mind *s, uint64_t now, const char *doing) {
  if (s->phase == SESSION_ENDED) return (session_step){0};
  if (now >= s->deadline) return time_out(s, doing);
  if (now < silence_deadline(s)) return (session_step){0};
  if (!s->pinged) {
    s->pinged = true;
    return (session_step){.ping = true};
  }
  genai_error silence;
  error_set(&silence, GENAI_ERROR_LOST, "Nothing at all came from %s for %llu ms, although it was pinged.", peer(s),
            (unsigned long long)(now - s->heard_at));
  session_explain_loss(&s->end, &silence, when(s));
  return end_session(s, true);
}

uint64_t session_next_tick(const session_mind *s) {
  uint64_t silence = silence_deadline(s);
  return s->deadline < silence ? s->deadline : silence;
}
