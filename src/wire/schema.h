/* What the generated tables (tables.c) say of every message and enum of schema/: the one source from which
 * the reader (reader.c) and the writer (writer.c) work. Names are proto3 JSON's. */
#ifndef GENAI_SRC_WIRE_SCHEMA_H
#define GENAI_SRC_WIRE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a value stands in JSON, and which C type holds it (single / list):
 *   BOOL      genai_opt_bool      (no list in the schema)
 *   INT32     genai_opt_int32     genai_int32_list
 *   INT64     genai_opt_int64     (a string on the way out, number or string on the way in)
 *   DOUBLE    genai_opt_double    genai_double_list      (proto float and double)
 *   STRING    const char *        genai_string_list      map<string,string>: genai_string_map
 *   BYTES     genai_bytes         (base64)
 *   ENUM      int32_t followed at text_offset by `const char *X_text`; list: genai_enum_list
 *   MESSAGE   const genai_x *     struct { const genai_x *const *items; size_t count; }
 *             map<string,message>: struct { const genai_x_entry *items; size_t count; }, entry { const char *key; const genai_x *value; }
 *   JSON      const char *        any JSON value as text (google.protobuf.Value)
 *   OBJECT    const char *        a JSON object as text (google.protobuf.Struct)
 *   DURATION  genai_opt_duration  "1.500s" */
typedef enum wire_kind {
  WIRE_BOOL, WIRE_INT32, WIRE_INT64, WIRE_DOUBLE, WIRE_STRING, WIRE_BYTES, WIRE_ENUM, WIRE_MESSAGE,
  WIRE_JSON, WIRE_OBJECT, WIRE_DURATION
} wire_kind;

typedef enum wire_shape { WIRE_SINGLE, WIRE_LIST, WIRE_MAP } wire_shape;

/* Which backend alone accepts a field (schema option `only`); 0: both. NEITHER: refused on both. */
typedef enum wire_only { WIRE_ANYWHERE, WIRE_ONLY_GEMINI, WIRE_ONLY_VERTEX, WIRE_NEITHER } wire_only;

typedef struct wire_message wire_message;
typedef struct wire_enum wire_enum;

typedef struct wire_field {
  const char *name;       /* camelCase: what is written */
  const char *snake;      /* snake_case: also read; NULL when it is the same */
  const char *alias;      /* a further name that is read (schema option `alias`), or NULL */
  const char *alias_snake; /* the alias in snake_case, also read; NULL when it is the same or there is none */
  uint8_t name_size, snake_size, alias_size, alias_snake_size;
  uint8_t kind, shape, only;
  bool alias_on_vertex;   /* schema option `vertex_name`: `alias` is the name written to Vertex */
  uint16_t offset;        /* in the struct */
  uint16_t text_offset;   /* of an enum's X_text */
  union {
    const wire_message *message;
    const wire_enum *enumeration;
  } type;
} wire_field;

struct wire_message {
  const char *name;       /* "LiveServerMessage" */
  uint32_t size;          /* sizeof the struct */
  uint16_t count;         /* of fields */
  uint16_t name_mask;     /* size of `names` - 1; a power of two */
  const wire_field *fields;
  const uint8_t *names;   /* hash table of every accepted name: wire_name_hash(name) & name_mask, then linear probing;
                             field index + 1, or 0 for an empty slot. A field stands once for each of its names. */
};

struct wire_enum {
  const char *name;       /* "Modality" */
  uint16_t count;
  const char *const *texts; /* texts[value]: the wire text; texts[0] may be NULL where the API has no text for unspecified */
  const uint8_t *sizes;     /* strlen of each text */
};

/* The hash behind `names`; the generator computes the same. */
static inline uint32_t wire_name_hash(const char *name, size_t size) {
  uint32_t first = (uint8_t)name[0], last = (uint8_t)name[size - 1], middle = (uint8_t)name[size / 2];
  return (uint32_t)size * 31u + first * 7u + last * 13u + middle * 5u;
}

/* Where a field of LiveConnectConfig goes in the setup (schema option `place`): a shallow copy of `size` bytes of
 * the struct, from `from` in genai_live_connect_config to `to` in genai_live_client_setup, or, when `generation`,
 * to `to` in its generation_config. */
typedef struct wire_place {
  const wire_field *field;  /* of LiveConnectConfig */
  uint16_t from, to, size;
  bool generation;
  const wire_field *refused; /* schema option `refused`: a field of the placed message that is refused here on both
                                backends, though it passes elsewhere (speechConfig.multiSpeakerVoiceConfig); or NULL */
} wire_place;

#endif
