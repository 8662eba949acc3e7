/* One session as talk and chat hold it: connecting (to the service or to an emulator of its own), taking what comes, telling it,
 * answering tools, closing. All on one thread; only `session` may be used on others. */
#ifndef GENAI_CLI_CONVERSATION_H
#define GENAI_CLI_CONVERSATION_H

#include "audio/audio.h"
#include "base/arena.h"
#include "cli/local.h"
#include "cli/report.h"
#include "cli/session_config.h"
#include "cli/tools.h"
#include "genai/live.h"

/* What came, for the table at the end. */
typedef struct conversation_totals {
  uint64_t messages, text_bytes;     /* of the server's messages */
  uint64_t words;                    /* pieces of what the model wrote, or said written down */
  uint64_t audio_samples, audio_bytes;
  uint64_t turns, interruptions, tool_calls;
  int64_t prompt_tokens, response_tokens, tokens;
} conversation_totals;

/* The answer that is under way. */
typedef struct conversation_turn {
  bool running, interrupted;
  uint64_t first_sample;             /* of the writer's, before it */
  int64_t first_ms;                  /* when its first content came */
  int64_t first_audio_ms;            /* 0: none yet */
} conversation_turn;

typedef struct conversation {
  const settings *settings;
  report report;
  arena memory;
  tools tools;
  local_service local;               /* --emulator */
  genai_client *client;
  genai_live_session *session;
  genai_cancel *cancel;
  bool calls_run;                    /* nothing came since calls that run themselves */
  int fd;                            /* readable while a message waits */
  bool manual_activity;              /* the configuration turns automatic activity detection off */
  audio_writer *writer;              /* where the answer's sound goes, or NULL */
  audio_resampler *resampler;        /* when it does not come at 24 kHz */
  int resampler_hz;
  bool text_out;                     /* the answer's words are the data */
  conversation_turn turn;
  bool heard, said;                  /* transcripts since the last turn's end: of the user, and then of the answer */
  bool cut, again;                   /* its connection is gone; what was asked is asked again, so that it will begin again */
  bool heard_cut, heard_again;       /* the same for the user's transcript, where no answer had begun */
  bool away;                         /* no connection, and another is being made */
  bool handle_lost;                  /* the resumption handle could not be kept, which was said */
  conversation_totals totals;
  /* Called when a turn ends, and with its first audio; may be NULL. */
  void (*on_first_audio)(void *user, int64_t now_ms);
  void (*on_turn)(void *user, const conversation_turn *turn);
  void *user;
} conversation;

typedef enum conversation_result {
  CONVERSATION_QUIET,   /* nothing more is here now */
  CONVERSATION_CLOSED,  /* gracefully */
  CONVERSATION_FAILED   /* *status says how; the sentence was said */
} conversation_result;

/* STATUS_OK or what failed, which was said. conversation_close in every case. */
exit_status conversation_open(conversation *c, const settings *s, const session_defaults *defaults, report_form form);
/* Takes every message that is here, without waiting. */
conversation_result conversation_take(conversation *c, exit_status *status);
typedef enum conversation_news {
  CONVERSATION_MESSAGE, CONVERSATION_EXTRA, CONVERSATION_INTERRUPTED, CONVERSATION_TIMEOUT
} conversation_news;
/* Waits until a message is here, `extra_fd` (or -1) is readable, the user interrupts or the time is over. */
conversation_news conversation_wait(conversation *c, int extra_fd, int64_t timeout_ms);
/* What became of an answer when nothing more came in time; `what` was waited for. */
exit_status conversation_no_answer(conversation *c, const char *what);
/* Closes the session gracefully; calls of other threads with it come back. */
void conversation_shut(conversation *c);
/* The same, and frees everything but the writer. Also what was never opened, if it is zero. */
void conversation_close(conversation *c);

#endif
