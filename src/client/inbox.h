/* What was received and waits: whole messages, each one arena. Plain lists; the owner locks. */
#ifndef GENAI_SRC_CLIENT_INBOX_H
#define GENAI_SRC_CLIENT_INBOX_H

#include "base/arena.h"
#include "client/pool.h"
#include "genai/music.h"
#include "wire/schema.h"

/* Lives in its own arena. */
typedef struct inbox_item {
  union {                     /* first: what the application frees */
    genai_live_message live;
    genai_music_message music;
  } message;
  struct inbox_item *next;
  size_t charge;              /* bytes it counts for */
  genai_error *error;         /* instead of a message */
  arena memory;
  message_pool *pool;         /* where the memory returns to, or NULL */
} inbox_item;

typedef struct inbox {
  inbox_item *head, **tail;
  size_t bytes;
} inbox;

void inbox_init(inbox *box);
void inbox_deinit(inbox *box);
void inbox_push(inbox *box, inbox_item *item);
inbox_item *inbox_pop(inbox *box);            /* NULL when empty */
void inbox_append(inbox *box, inbox *more);   /* moves all of `more` to the end */

/* Decodes one received text as `type`, the live or the music server's message, on the I/O thread. A text that is no valid message
 * gives an item with an error; NULL: out of memory. */
inbox_item *inbox_item_decode(message_pool *pool, const wire_message *type, const uint8_t *text, size_t size, size_t message_max);
/* An item with only an event, of which nothing is kept. NULL: out of memory. */
inbox_item *inbox_item_event(const genai_live_event *event);
/* Adds an event to a decoded item; false: out of memory. */
bool inbox_item_add_event(inbox_item *item, const genai_live_event *event);
void inbox_item_free(inbox_item *item);

#endif
