#include "wire/token.h"

#include <string.h>

#include "base/error.h"
#include "wire/loose.h"
#include "wire/reader.h"
#include "wire/scan.h"
#include "wire/setup.h"
#include "wire/tables.h"

enum { SETUP_MAX = 16 << 20, MASK_MAX = 64 << 10 };

/* ---- the mask of a setup, which we have written ourselves ---- */

static void put_path(buf *mask, const char *prefix, size_t prefix_size, const uint8_t *name, size_t size) {
  if (mask->size) buf_byte(mask, ',');
  buf_append(mask, prefix, prefix_size);
  if (prefix_size) buf_byte(mask, '.');
  buf_append(mask, name, size);
}

/* The members of the object at `text`: each as one path, or, at the upper level, by the members of its own object. */
static void put_members(buf *mask, const uint8_t *text, size_t size, const char *prefix, size_t prefix_size) {
  wire_scan s;
  wire_string name;
  wire_scan_init(&s, (const char *)text, size, WIRE_DEPTH_CEILING);
  for (wire_scan_peek(&s); s.p < s.end && *s.p != '}'; wire_scan_peek(&s)) {
    s.p++;
    if (wire_scan_peek(&s) == '}' || !wire_scan_name(&s, &name)) return;
    wire_scan_peek(&s);
    const uint8_t *value = s.p;
    if (!wire_scan_value(&s)) return;
    if (!prefix_size && *value == '{' && s.p - value > 2)
      put_members(mask, value, (size_t)(s.p - value), (const char *)name.data, name.size);
    else
      put_path(mask, prefix, prefix_size, name.data, name.size);
  }
}

/* top_k.x is topK.x */
static void put_camel(buf *mask, const char *name) {
  for (; *name; name++) {
    bool up = *name == '_' && name[1] >= 'a' && name[1] <= 'z';
    buf_byte(mask, up ? (uint8_t)(*++name - 'a' + 'A') : (uint8_t)*name);
  }
}

static void put_extra(buf *mask, const char *name) {
  size_t size = strcspn(name, ".");
  bool generation = size && wire_field_named(&wire_generation_config, name, size);
  if (mask->size) buf_byte(mask, ',');
  if (generation) buf_text(mask, "generationConfig.");
  put_camel(mask, name);
}

static genai_status make_mask(buf *mask, const genai_string_list *extras, const uint8_t *setup, size_t setup_size, genai_error *error) {
  if (setup_size && extras->items) put_members(mask, setup, setup_size, "", 0);
  for (size_t i = 0; i < extras->count; i++) {
    const char *name = extras->items[i];
    if (!name || !*name || strchr(name, ','))
      return error_set(error, GENAI_ERROR_ARGUMENT, "lock_additional_fields[%zu] is no name of a field.", i);
    if (setup_size) {
      put_extra(mask, name);
    } else {
      if (mask->size) buf_byte(mask, ',');
      buf_text(mask, name);
    }
  }
  if (!mask->failed) return GENAI_OK;
  return mask->full ? error_set(error, GENAI_ERROR_LIMIT, "lock_additional_fields is too long.") : error_memory(error);
}

/* ---- the body ---- */

static void put_name(buf *out, const char *name, bool *first) {
  buf_format(out, *first ? "\"%s\":" : ",\"%s\":", name);
  *first = false;
}

static genai_status put_text(buf *out, const char *name, const char *text, bool *first, genai_error *error) {
  if (!text) return GENAI_OK;
  put_name(out, name, first);
  if (wire_write_string(out, text, strlen(text)) || out->failed) return GENAI_OK;
  return error_set(error, GENAI_ERROR_ARGUMENT, "%s is no valid UTF-8.", name);
}

static genai_status write_body(buf *out, const genai_create_auth_token_config *c, const uint8_t *setup, size_t setup_size,
                               const char *mask, genai_error *error) {
  bool first = true;
  buf_byte(out, '{');
  genai_status status = put_text(out, "expireTime", c->expire_time, &first, error);
  if (status == GENAI_OK) status = put_text(out, "newSessionExpireTime", c->new_session_expire_time, &first, error);
  if (c->uses.has) {
    put_name(out, "uses", &first);
    buf_format(out, "%d", (int)c->uses.value);
  }
  if (setup_size) {
    put_name(out, "bidiGenerateContentSetup", &first);
    buf_append(out, setup, setup_size);
  }
  if (status == GENAI_OK && *mask) status = put_text(out, "fieldMask", mask, &first, error);
  buf_byte(out, '}');
  if (status != GENAI_OK || !out->failed) return status;
  return out->full ? error_set(error, GENAI_ERROR_LIMIT, "The constraints are too large.") : error_memory(error);
}

/* {"setup":X} without its wrapper; nothing when X is empty. */
static genai_status write_constraints(buf *b, const genai_live_connect_constraints *constraints, genai_error *error) {
  wire_setup_params p = {.backend = WIRE_BACKEND_GEMINI, .model = constraints->model, .any_model = true, .config = constraints->config};
  static const size_t opening = sizeof "{\"setup\":" - 1;
  genai_status status = wire_setup_write(b, &p, error);
  if (status != GENAI_OK) return status;
  buf_consume(b, opening);
  b->size--;
  if (b->size <= 2) buf_clear(b);
  return GENAI_OK;
}

genai_status wire_token_write(buf *out, const genai_create_auth_token_config *config, genai_error *error) {
  buf setup, mask;
  size_t before = out->size;
  genai_status status = GENAI_OK;
  buf_init(&setup, SETUP_MAX);
  buf_init(&mask, MASK_MAX);
  if (config->live_connect_constraints) status = write_constraints(&setup, config->live_connect_constraints, error);
  if (status == GENAI_OK) status = make_mask(&mask, &config->lock_additional_fields, setup.data, setup.size, error);
  const char *text = status == GENAI_OK ? buf_cstr(&mask) : NULL;
  if (status == GENAI_OK) status = text ? write_body(out, config, setup.data, setup.size, text, error) : error_memory(error);
  if (status != GENAI_OK) {
    out->size = before;
    out->failed = out->full = false;
  }
  buf_deinit(&setup);
  buf_deinit(&mask);
  return status;
}

genai_status wire_token_json_write(buf *out, const char *config_json, genai_error *error) {
  arena a;
  void *config = NULL;
  arena_init(&a, SETUP_MAX);
  genai_status status = wire_read_loose(&a, &wire_create_auth_token_config, config_json, strlen(config_json), "config", &config, error);
  if (status == GENAI_OK) status = wire_token_write(out, config, error);
  arena_deinit(&a);
  return status;
}
