/* genai-live decode: server messages to structs and back, one a line. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"
#include "wire/reader.h"
#include "wire/tables.h"
#include "wire/writer.h"

/* Structs beside their text: a text of [{},{},…] may need many times its size, up to this. */
enum { ARENA_MAX = 512 << 20 };

/* The reader's error names the place inside the message's text; here that text is one line of many. */
static void say_line_error(uint64_t number, const genai_error *error) {
  size_t line, column, byte;
  int used = 0;
  if (sscanf(error->message, "Invalid message at line %zu, column %zu (byte %zu)%n", &line, &column, &byte, &used) == 3 &&
      used > 0) {
    const char *rest = error->message + used;
    say("line %llu, column %zu: %s", (unsigned long long)number, column, rest + strspn(rest, ",: "));
  } else {
    say("line %llu, column 1: %s", (unsigned long long)number, error->message);
  }
}

static bool decode_line(arena *a, buf *out, const wire_message *type, const char *text, size_t size, genai_error *error) {
  static const wire_rules rules = {WIRE_BACKEND_ANY, NULL};
  void *message = NULL;
  arena_reset(a);
  buf_clear(out);
  return wire_read(a, type, text, size, NULL, &message, error) == GENAI_OK &&
         wire_write(out, type, message, &rules, error) == GENAI_OK;
}

/* What is decoded goes out before more is waited for. */
static line_result next_line(lines *input, const char **text, size_t *size) {
  line_result result;
  while ((result = lines_take(input, text, size)) == LINE_WANTS_READ) {
    output_flush();
    lines_fill(input);
  }
  return result;
}

static exit_status decode_run(const settings *s) {
  const wire_message *type = s->music ? &wire_live_music_server_message : &wire_live_server_message;
  exit_status status = STATUS_OK;
  const char *text;
  size_t size;
  lines input;
  arena a;
  buf out;
  lines_init(&input, STDIN_FILENO, INPUT_MAX);
  arena_init(&a, ARENA_MAX);
  buf_init(&out, ARENA_MAX);
  for (line_result result; (result = next_line(&input, &text, &size)) != LINE_END && output_status() == STATUS_OK;) {
    genai_error error = {0};
    if (result == LINE_FAILED) {
      say("Standard input could not be read: %s.", strerror(input.os_error));
      status = STATUS_FAILED;
      break;
    }
    if (result == LINE_TOO_LONG) error_set(&error, GENAI_ERROR_LIMIT, "The line is longer than %d MiB.", INPUT_MAX >> 20);
    else if (size == 0) error_set(&error, GENAI_ERROR_MESSAGE, "The line is empty.");
    else if (decode_line(&a, &out, type, text, size, &error) && output_line((const char *)out.data, out.size)) continue;
    if (error.status == GENAI_OK) break;
    say_line_error(input.number, &error);
    status = STATUS_FAILED;
  }
  buf_deinit(&out);
  arena_deinit(&a);
  lines_deinit(&input);
  return output_flush() ? status : output_status();
}

static const option decode_table[] = {
    {.name = "music", .offset = offsetof(settings, music), .help = "The messages are of a music session (Lyria RealTime)."},
};
static const option_group decode_group = OPTION_GROUP("Decoding", decode_table);
static const option_group *const decode_options[] = {&decode_group, &general_options, NULL};

static const char *const about[] = {
    "Reads server messages from standard input, one JSON text a line of up to 64 MiB. Each is decoded into the library's "
    "structs and written back from them as one line, so what the structs do not know is left out.",
    "A line that is no valid message is told on standard error as \"line N, column C: what is wrong\"; the lines after it are "
    "decoded all the same, and the exit status is 1.",
    NULL,
};
static const char *const examples[] = {"genai-live decode < messages.jsonl", NULL};

const command decode_command = {
    .name = "decode", .operands = "", .summary = "decode server messages and write them back from the structs",
    .about = about, .examples = examples, .options = decode_options, .run = decode_run,
};
