/* genai-live chat: text turns, one shot or line by line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/conversation.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/session_options.h"

/* WORDS_MS: how long the words of an answer may come after its sound. */
enum { LINE_MAX_BYTES = 1 << 20, WORDS_MS = 1000 };

typedef struct chat {
  conversation conversation;
  lines input;
  bool interactive; /* a person types: prompt */
} chat;

static exit_status closed(conversation *c, bool answered) {
  report_note(&c->report, "[the service closed the session]");
  return answered ? STATUS_OK : STATUS_REFUSED;
}

/* An answer is a line. */
static exit_status end_line(conversation *c) {
  if (c->text_out && !report_is_json(&c->report)) output_line("", 0);
  output_flush();
  return output_status();
}

/* Sends one turn and takes its whole answer. *over: the session has ended. */
static exit_status hold_turn(conversation *c, const char *text, bool *over) {
  genai_wait wait = {.cancel = c->cancel, .timeout_ms = c->settings->timeout_ms};
  genai_error error = {0};
  uint64_t turns = c->totals.turns, words = c->totals.words;
  exit_status status = STATUS_OK;
  genai_status sent = genai_live_send_text(c->session, text, &wait, &error);
  if (sent == GENAI_ERROR_CANCELLED) return STATUS_INTERRUPTED;
  if (sent != GENAI_OK && sent != GENAI_ERROR_CLOSED) return report_error(&c->report, &error);
  for (;;) {
    switch (conversation_take(c, &status)) {
    case CONVERSATION_FAILED: return status;
    case CONVERSATION_CLOSED:
      *over = true;
      if (c->totals.turns > turns) end_line(c);
      return closed(c, c->totals.turns > turns);
    case CONVERSATION_QUIET: break;
    }
    bool complete = c->totals.turns > turns;
    if (complete && (c->turn.first_audio_ms == 0 || c->totals.words > words)) return end_line(c);
    switch (conversation_wait(c, -1, complete ? WORDS_MS : c->settings->timeout_ms)) {
    case CONVERSATION_INTERRUPTED: return STATUS_INTERRUPTED;
    case CONVERSATION_TIMEOUT: return complete ? end_line(c) : conversation_no_answer(c, "");
    case CONVERSATION_MESSAGE:
    case CONVERSATION_EXTRA: break;
    }
  }
}

/* The next line somebody wrote, while the session lives. */
static exit_status next_line(chat *t, const char **text, size_t *size, bool *over) {
  conversation *c = &t->conversation;
  exit_status status = STATUS_OK;
  if (t->interactive) fputs("> ", stderr);
  for (;;) {
    switch (lines_take(&t->input, text, size)) {
    case LINE_READY: return STATUS_OK;
    case LINE_END: *over = true; return STATUS_OK;
    case LINE_TOO_LONG: say("A line of more than %d bytes was left out.", LINE_MAX_BYTES); continue;
    case LINE_FAILED: say("Standard input could not be read: %s.", strerror(t->input.os_error)); return STATUS_FAILED;
    case LINE_WANTS_READ: break;
    }
    switch (conversation_wait(c, STDIN_FILENO, -1)) {
    case CONVERSATION_EXTRA: lines_fill(&t->input); continue;
    case CONVERSATION_INTERRUPTED: return STATUS_INTERRUPTED;
    case CONVERSATION_MESSAGE:
    case CONVERSATION_TIMEOUT: break;
    }
    uint64_t turns = c->totals.turns;
    conversation_result result = conversation_take(c, &status);
    if (c->totals.turns > turns) end_line(c); /* one that nobody asked for */
    if (result == CONVERSATION_QUIET) continue;
    *over = true;
    return result == CONVERSATION_CLOSED ? closed(c, true) : status;
  }
}

static exit_status hold_lines(chat *t) {
  exit_status status = STATUS_OK;
  bool over = false;
  lines_init(&t->input, STDIN_FILENO, LINE_MAX_BYTES);
  t->interactive = isatty(STDIN_FILENO) && !report_is_json(&t->conversation.report);
  while (status == STATUS_OK && !over) {
    const char *text;
    size_t size;
    status = next_line(t, &text, &size, &over);
    if (status != STATUS_OK || over || size == 0) continue;
    char *turn = strndup(text, size);
    status = turn != NULL ? hold_turn(&t->conversation, turn, &over)
                          : say_error(&(genai_error){.status = GENAI_ERROR_MEMORY});
    free(turn);
  }
  if (t->interactive && over) fputc('\n', stderr);
  lines_deinit(&t->input);
  return status;
}

static exit_status chat_run(const settings *s) {
  bool sound = s->audio_out != NULL;
  session_defaults defaults = {s->text ? GENAI_MODALITY_TEXT : GENAI_MODALITY_AUDIO, false, true};
  report_form form = !s->json ? REPORT_TEXT
                     : sound && strcmp(s->audio_out, "-") == 0 ? REPORT_JSON_STDERR : REPORT_JSON;
  genai_error error = {0};
  bool over = false;
  chat t = {.conversation.text_out = !sound};
  conversation *c = &t.conversation;
  if (s->text && sound) {
    say("--text asks for an answer without sound: leave out it or --audio-out.");
    return STATUS_USAGE;
  }
  exit_status status = conversation_open(c, s, &defaults, form);
  if (status == STATUS_OK && sound &&
      audio_writer_open(&c->writer, s->audio_out, AUDIO_WAV, AUDIO_RATE_OUT, 1, &error) != GENAI_OK) {
    status = report_error(&c->report, &error);
  }
  if (status == STATUS_OK) status = s->rest.count > 0 ? hold_turn(c, s->rest.items[0], &over) : hold_lines(&t);
  if (c->writer != NULL && audio_writer_close(c->writer, &error) != GENAI_OK && status == STATUS_OK) {
    status = report_error(&c->report, &error);
  }
  conversation_close(c);
  return status;
}

static const option chat_table[] = {
    {.name = "audio-out", .letter = 'o', .kind = OPTION_TEXT, .value = "FILE", .offset = offsetof(settings, audio_out),
     .help = "Writes the spoken answer to this WAV file; - is standard output. Its words are printed on standard error."},
    {.name = "text", .kind = OPTION_FLAG, .offset = offsetof(settings, text),
     .help = "Asks for text instead of speech, of a model that can; those of 2026 only speak."},
};
static const option_group chat_group = OPTION_GROUP("Chat", chat_table);
static const option_group *const chat_options[] = {&chat_group, &session_options, &connection_options, &progress_options,
                                                   &general_options, NULL};

static const char *const about[] = {
    "Sends TEXT as one turn and prints the answer's words as they stream: the model speaks, and the service writes down what "
    "it says. Without TEXT each line of standard input is a turn; "
    "the prompt stands only on a terminal, and the end of input (or Ctrl-C) ends the session.",
    "A function that the model calls is printed and answered with --tool-result.",
    NULL,
};
static const char *const examples[] = {
    "genai-live chat \"What is a live session?\"",
    "genai-live chat --declare tools.json --tool-result 'get_weather={\"temperature\":21}' \"How warm is it?\"", NULL};

const command chat_command = {
    .name = "chat", .operands = "[TEXT]", .operands_max = 1, .summary = "text turns, one or many; answers stream out",
    .about = about, .examples = examples, .options = chat_options, .run = chat_run,
};
