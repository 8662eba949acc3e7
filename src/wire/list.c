/* The reader's lists and maps: arrays that grow in the arena. */
#include <stdlib.h>
#include <string.h>

#include "wire/reading.h"

enum { FIRST_ROWS = 4 };

typedef struct rows {
  uint8_t *items;
  size_t count, capacity, item_size;
} rows;

/* Room for one more item, zero-filled; NULL after an error. */
static void *new_row(reader *r, rows *list) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? list->capacity * 2 : FIRST_ROWS;
    uint8_t *items = arena_alloc(r->arena, capacity * list->item_size);
    if (!items) {
      reader_memory(r);
      return NULL;
    }
    if (list->count) memcpy(items, list->items, list->count * list->item_size);
    list->items = items;
    list->capacity = capacity;
  }
  void *row = list->items + list->count++ * list->item_size;
  memset(row, 0, list->item_size);
  return row;
}

/* Every list and map of the schema begins so. */
typedef struct list_value {
  const void *items;
  size_t count;
} list_value;

static bool store(reader *r, const rows *list, uint8_t *at) {
  list_value value = {list->items, list->count};
  if (!value.items && !(value.items = arena_alloc(r->arena, 0)))
    return reader_memory(r); /* an explicit [] is not NULL */
  memcpy(at, &value, sizeof value);
  return true;
}

/* The texts of a list of enums are only made when one is unknown. */
static bool read_enum(reader *r, const wire_field *f, rows *values, rows *texts) {
  int32_t *value = new_row(r, values);
  const char *text;
  if (!value || !reader_enum(r, f->type.enumeration, value, &text)) return false;
  if (!text && !texts->count) return true;
  while (texts->count < values->count) {
    const char **row = new_row(r, texts);
    if (!row) return false;
    *row = texts->count == values->count ? text : NULL;
  }
  return true;
}

static bool read_item(reader *r, const wire_field *f, rows *list, rows *texts) {
  bool json = f->kind == WIRE_JSON; /* in which null is a value like others */
  if (wire_scan_peek(&r->scan) == 'n' && !json) return reader_expected(r, "a list item that is not null");
  if (f->kind != WIRE_MESSAGE && !reader_count(r)) return false;
  if (f->kind == WIRE_ENUM) return read_enum(r, f, list, texts);
  void *item = new_row(r, list);
  if (!item) return false;
  if (f->kind != WIRE_MESSAGE) return reader_scalar_item(r, f, item);
  const void *message = reader_new_message(r, f->type.message);
  memcpy(item, &message, sizeof message);
  return message != NULL;
}

bool reader_list(reader *r, const wire_field *f, wire_path *path, uint8_t *at) {
  size_t item_size = f->kind == WIRE_INT32 || f->kind == WIRE_ENUM ? sizeof(int32_t)
                     : f->kind == WIRE_DOUBLE                      ? sizeof(double)
                                                                   : sizeof(void *);
  rows list = {.item_size = item_size}, texts = {.item_size = sizeof(char *)};
  bool done;
  if (!reader_open(r, '[', "a list", &done)) return false;
  for (path->index = 0; !done; path->index++)
    if (!read_item(r, f, &list, &texts) || !reader_next(r, ']', &done)) return false;
  if (!store(r, &list, at)) return false;
  if (f->kind == WIRE_ENUM) memcpy(at + sizeof(list_value), &texts.items, sizeof texts.items);
  return true;
}

/* Maps are arrays of {key, value}: both pointers, whatever the type of the value. */
typedef struct entry {
  const char *key;
  const void *value;
} entry;

static int by_key(const void *a, const void *b) {
  const entry *x = *(entry *const *)a, *y = *(entry *const *)b;
  int order = strcmp(x->key, y->key);
  return order ? order : x < y ? -1 : 1;
}

/* Of entries with the same key only the last stays. */
static bool drop_duplicates(reader *r, rows *list) {
  entry *entries = (entry *)(void *)list->items;
  if (list->count < 2) return true;
  entry **order = arena_alloc(r->arena, list->count * sizeof *order);
  if (!order) return reader_memory(r);
  for (size_t i = 0; i < list->count; i++) order[i] = &entries[i];
  qsort(order, list->count, sizeof *order, by_key);
  for (size_t i = 1; i < list->count; i++)
    if (strcmp(order[i - 1]->key, order[i]->key) == 0) order[i - 1]->value = NULL;
  size_t kept = 0;
  for (size_t i = 0; i < list->count; i++)
    if (entries[i].value) entries[kept++] = entries[i];
  list->count = kept;
  return true;
}

static bool read_entry(reader *r, const wire_field *f, rows *list) {
  wire_string name;
  if (!wire_scan_name(&r->scan, &name)) return reader_fail(r);
  if (f->kind != WIRE_MESSAGE && !reader_count(r)) return false;
  const char *key = reader_copy(r, &name);
  entry *e = key ? new_row(r, list) : NULL;
  if (!e) return false;
  e->key = key;
  wire_path path = {r->path, key, strlen(key), WIRE_PATH_NO_INDEX};
  r->path = &path;
  if (wire_scan_peek(&r->scan) == 'n' && f->kind != WIRE_JSON)
    return reader_expected(r, "a map value that is not null");
  e->value = f->kind == WIRE_MESSAGE ? reader_new_message(r, f->type.message) : reader_text(r, f);
  r->path = path.up;
  return e->value != NULL;
}

bool reader_map(reader *r, const wire_field *f, uint8_t *at) {
  rows list = {.item_size = sizeof(entry)};
  bool done;
  if (!reader_open(r, '{', "an object", &done)) return false;
  while (!done)
    if (!read_entry(r, f, &list) || !reader_next(r, '}', &done)) return false;
  return drop_duplicates(r, &list) && store(r, &list, at);
}
