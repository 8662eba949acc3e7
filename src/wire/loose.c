#include "wire/loose.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "wire/reader.h"
#include "wire/scan.h"
#include "wire/tables.h"

/* The text is rewritten to the wire's own form, and only if it holds a loose one, so that places in errors are the
 * user's. Faults of grammar are left to the reader: a rewriting that meets one stops, and the text is read as it is. */
typedef struct rewriting {
  wire_scan scan;
  buf out;
  const uint8_t *copied; /* up to here the text is in `out` */
  const char *fault;     /* a form that is refused */
} rewriting;

static void copy_up_to(rewriting *w, const uint8_t *p) {
  buf_append(&w->out, w->copied, (size_t)(p - w->copied));
  w->copied = p;
}

/* Puts text of ours where the scanner stands. */
static void insert(rewriting *w, const char *text) {
  copy_up_to(w, w->scan.p);
  buf_text(&w->out, text);
}

static bool name_is(wire_string name, const char *wanted) {
  return name.size == strlen(wanted) && memcmp(name.data, wanted, name.size) == 0;
}

/* What an object at the scanner's place is. */
typedef enum form { FORM_PART, FORM_CONTENT, FORM_FUNCTION_PART } form;

/* Past a comma there is another item or member. */
static bool another(wire_scan *s) {
  if (wire_scan_peek(s) != ',') return false;
  s->p++;
  return true;
}

static form object_form(const wire_scan *at) {
  wire_scan s = *at;
  wire_string name;
  form found = FORM_CONTENT; /* {} is an empty content */
  s.p++;
  if (wire_scan_peek(&s) == '}') return found;
  do {
    if (!wire_scan_name(&s, &name)) break;
    if (name_is(name, "parts") || name_is(name, "role")) return FORM_CONTENT;
    found = name_is(name, "functionCall") || name_is(name, "functionResponse") || name_is(name, "function_call") ||
                    name_is(name, "function_response")
                ? FORM_FUNCTION_PART
                : FORM_PART;
  } while (found == FORM_PART && wire_scan_value(&s) && another(&s));
  return found;
}

/* A string becomes a text part; a part stays. */
static bool rewrite_part(rewriting *w) {
  bool text = wire_scan_peek(&w->scan) == '"';
  if (text) insert(w, "{\"text\":");
  if (!wire_scan_value(&w->scan)) return false;
  if (text) insert(w, "}");
  return true;
}

/* Each item of the list at the scanner's place. */
static bool for_items(rewriting *w, bool (*rewrite)(rewriting *w)) {
  wire_scan *s = &w->scan;
  s->p++;
  if (wire_scan_peek(s) != ']') do
      if (!rewrite(w)) return false;
    while (another(s));
  return wire_scan_take(s, ']', "");
}

/* A string, part or list of these becomes a turn of the user's. */
static bool rewrite_content(rewriting *w) {
  wire_scan *s = &w->scan;
  uint8_t c = wire_scan_peek(s);
  if ((c == '{' && object_form(s) == FORM_CONTENT) || (c != '{' && c != '[' && c != '"')) return wire_scan_value(s);
  insert(w, c == '[' ? "{\"parts\":" : "{\"parts\":[");
  if (!(c == '[' ? for_items(w, rewrite_part) : rewrite_part(w))) return false;
  insert(w, c == '[' ? ",\"role\":\"user\"}" : "],\"role\":\"user\"}");
  return true;
}

static const char function_part[] = "a function call or response must stand in a content with a role, not alone";

/* Whether the list at `at` is one of contents, as an empty one is. */
static bool holds_contents(rewriting *w, const wire_scan *at) {
  wire_scan s = *at;
  size_t contents = 0, parts = 0;
  s.p++;
  if (wire_scan_peek(&s) == ']') return true;
  do {
    form f = wire_scan_peek(&s) == '{' ? object_form(&s) : FORM_PART;
    if (f == FORM_CONTENT)
      contents++;
    else
      parts++;
    if (f == FORM_FUNCTION_PART) w->fault = function_part;
  } while (wire_scan_value(&s) && another(&s));
  if (contents && parts) w->fault = "contents and bare parts cannot be mixed; put the parts into contents";
  return !parts;
}

/* A string, part, content or list of parts becomes a list of contents. */
static bool rewrite_turns(rewriting *w) {
  wire_scan *s = &w->scan;
  uint8_t c = wire_scan_peek(s);
  if (c == '[' && holds_contents(w, s)) return wire_scan_value(s);
  if (c != '[' && c != '{' && c != '"') return wire_scan_value(s);
  if (c == '{' && object_form(s) == FORM_FUNCTION_PART) w->fault = function_part;
  insert(w, "[");
  if (!rewrite_content(w)) return false;
  insert(w, "]");
  return true;
}

/* One object becomes a list of it. */
static bool rewrite_to_list(rewriting *w) {
  bool single = wire_scan_peek(&w->scan) == '{';
  if (single) insert(w, "[");
  if (!wire_scan_value(&w->scan)) return false;
  if (single) insert(w, "]");
  return true;
}

static bool rewrite_members(rewriting *w, const wire_message *type);

/* Only a token's config holds another config inside. */
static bool holds_config(const wire_field *f) {
  return f->type.message == &wire_live_connect_constraints || f->type.message == &wire_live_connect_config;
}

static bool rewrite_member(rewriting *w, const wire_message *type) {
  wire_string name;
  if (!wire_scan_name(&w->scan, &name)) return false;
  const wire_field *f = wire_field_named(type, (const char *)name.data, name.size);
  if (f && f->kind == WIRE_MESSAGE && f->type.message == &wire_content)
    return f->shape == WIRE_LIST ? rewrite_turns(w) : rewrite_content(w);
  if (f && f->kind == WIRE_MESSAGE && f->shape == WIRE_LIST) return rewrite_to_list(w);
  if (f && f->kind == WIRE_MESSAGE && holds_config(f) && wire_scan_peek(&w->scan) == '{')
    return rewrite_members(w, f->type.message) && wire_scan_take(&w->scan, '}', "");
  return wire_scan_value(&w->scan);
}

static bool rewrite_members(rewriting *w, const wire_message *type) {
  wire_scan *s = &w->scan;
  s->p++;
  if (wire_scan_peek(s) != '}') do
      if (!rewrite_member(w, type)) return false;
    while (another(s));
  return true;
}

/* False when nothing was to be rewritten, or the text has a fault. */
static bool rewrite(rewriting *w, const wire_message *type) {
  wire_scan *s = &w->scan;
  if (wire_scan_peek(s) != '{' || !rewrite_members(w, type)) return false;
  bool changed = w->copied != s->text;
  if (changed) copy_up_to(w, s->end);
  return changed;
}

genai_status wire_read_loose(arena *a, const wire_message *type, const char *text, size_t size, const char *root,
                             void **out, genai_error *error) {
  rewriting w = {.copied = (const uint8_t *)text};
  const wire_limits limits = {.refuse_unknown = true, .root = root};
  genai_status status;
  wire_scan_init(&w.scan, text, size, 0);
  buf_init(&w.out, size > SIZE_MAX / 4 - 1024 ? size : size * 4 + 1024);
  *out = NULL;
  bool changed = rewrite(&w, type);
  if (changed && w.fault)
    status = error_set(error, GENAI_ERROR_ARGUMENT, "Invalid %s: %s.", root, w.fault);
  else if (changed && w.out.failed)
    status = error_memory(error);
  else
    status =
        wire_read(a, type, changed ? (const char *)w.out.data : text, changed ? w.out.size : size, &limits, out, error);
  buf_deinit(&w.out);
  return status;
}
