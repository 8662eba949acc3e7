#include "client/inbox.h"

#include <string.h>

#include "base/error.h"
#include "wire/reader.h"
#include "wire/tables.h"

/* What an event or an error counts for in the inbox's ceiling. */
enum { SMALL_CHARGE = 1024 };

void inbox_init(inbox *box) { *box = (inbox){.tail = &box->head}; }

void inbox_deinit(inbox *box) {
  for (inbox_item *item; (item = inbox_pop(box));) inbox_item_free(item);
}

void inbox_push(inbox *box, inbox_item *item) {
  item->next = NULL;
  *box->tail = item;
  box->tail = &item->next;
  box->bytes += item->charge;
}

inbox_item *inbox_pop(inbox *box) {
  inbox_item *item = box->head;
  if (!item) return NULL;
  box->head = item->next;
  if (!box->head) box->tail = &box->head;
  box->bytes -= item->charge;
  return item;
}

void inbox_append(inbox *box, inbox *more) {
  if (!more->head) return;
  *box->tail = more->head;
  box->tail = more->tail;
  box->bytes += more->bytes;
  inbox_init(more);
}

/* An item is the first thing in its own arena, which it then holds. */
static inbox_item *item_new(message_pool *pool, size_t reserve, size_t ceiling) {
  arena memory;
  arena_init(&memory, ceiling);
  if (!pool || !pool_take(pool, &memory, reserve)) {
    pool = NULL;
    if (reserve) (void)arena_reserve(&memory, reserve); /* failing that, it grows as it goes */
  }
  inbox_item *item = arena_zalloc(&memory, sizeof *item);
  if (!item) {
    arena_deinit(&memory);
    return NULL;
  }
  item->memory = memory;
  item->pool = pool;
  item->charge = SMALL_CHARGE;
  return item;
}

void inbox_item_free(inbox_item *item) {
  if (!item) return;
  arena memory = item->memory;
  if (item->pool)
    pool_return(item->pool, &memory);
  else
    arena_deinit(&memory);
}

void genai_live_message_free(genai_live_message *message) { inbox_item_free((inbox_item *)message); }
void genai_music_message_free(genai_music_message *message) { inbox_item_free((inbox_item *)message); }

static inbox_item *item_error(const genai_error *error, size_t size) {
  size_t room = sizeof(inbox_item) + sizeof *error + 2 * sizeof(max_align_t);
  inbox_item *item = item_new(NULL, room, room);
  genai_error *copy = item ? arena_alloc(&item->memory, sizeof *copy) : NULL;
  if (!copy) {
    inbox_item_free(item);
    return NULL;
  }
  error_set(copy, GENAI_ERROR_MESSAGE, "A message of %zu bytes from the service was skipped; the session goes on. %s", size,
            error->message);
  item->error = copy;
  return item;
}

static inbox_item *item_empty(void) {
  genai_error error;
  error_set(&error, GENAI_ERROR_MESSAGE, "It was empty; even an empty JSON object has two bytes.");
  return item_error(&error, 0);
}

inbox_item *inbox_item_decode(message_pool *pool, const wire_message *type, const uint8_t *text, size_t size, size_t message_max) {
  if (!size) return item_empty();
  /* Text, decoded blobs (three quarters of it) and the structs in one chunk. */
  size_t reserve = sizeof(inbox_item) + size + size / 4 * 3 + 2048;
  size_t ceiling = message_max < (SIZE_MAX - reserve) / 3 ? 3 * message_max + reserve : SIZE_MAX;
  inbox_item *item = item_new(pool, reserve, ceiling);
  char *copy = item ? arena_strndup(&item->memory, (const char *)text, size) : NULL;
  if (!copy) {
    inbox_item_free(item);
    return NULL;
  }
  genai_error error;
  void *server = NULL;
  genai_status status = wire_read(&item->memory, type, copy, size, NULL, &server, &error);
  if (status != GENAI_OK) {
    inbox_item_free(item);
    return status == GENAI_ERROR_MEMORY ? NULL : item_error(&error, size);
  }
  if (type == &wire_live_server_message)
    item->message.live = (genai_live_message){.server = server, .json = copy, .json_size = size};
  else
    item->message.music = (genai_music_message){.server = server, .json = copy, .json_size = size};
  item->charge = item->memory.reserved;
  return item;
}

static bool copy_ids(arena *memory, genai_string_list *ids) {
  const char **copies = arena_alloc(memory, ids->count * sizeof *copies + 1);
  if (!copies) return false;
  for (size_t i = 0; i < ids->count; i++)
    if (!(copies[i] = arena_strndup(memory, ids->items[i], strlen(ids->items[i])))) return false;
  ids->items = copies;
  return true;
}

bool inbox_item_add_event(inbox_item *item, const genai_live_event *event) {
  genai_live_event *copy = arena_alloc(&item->memory, sizeof *copy);
  if (!copy) return false;
  *copy = *event;
  copy->text = arena_strndup(&item->memory, event->text, strlen(event->text));
  if (!copy->text || (event->call_ids.count && !copy_ids(&item->memory, &copy->call_ids))) return false;
  item->message.live.event = copy; /* where the music message has its own */
  return true;
}

inbox_item *inbox_item_event(const genai_live_event *event) {
  enum { EVENT_MAX = 64 << 10 };
  inbox_item *item = item_new(NULL, 0, EVENT_MAX);
  if (item && inbox_item_add_event(item, event)) return item;
  inbox_item_free(item);
  return NULL;
}
