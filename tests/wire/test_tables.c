/* The generated tables agree with the structs they describe and with the hash of wire/schema.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "wire/tables.h"

static const wire_field *find(const wire_message *message, const char *name, size_t *probes) {
  size_t size = strlen(name);
  uint32_t slot = wire_name_hash(name, size) & message->name_mask;
  for (*probes = 1; message->names[slot]; slot = (slot + 1) & message->name_mask, ++*probes) {
    const wire_field *field = &message->fields[message->names[slot] - 1];
    if (strcmp(field->name, name) == 0 || (field->snake && strcmp(field->snake, name) == 0) ||
        (field->alias && strcmp(field->alias, name) == 0) ||
        (field->alias_snake && strcmp(field->alias_snake, name) == 0)) {
      return field;
    }
  }
  return NULL;
}

static size_t value_size(const wire_field *field) {
  static const struct { size_t single, list; } sizes[] = {
    [WIRE_BOOL] = { sizeof(genai_opt_bool), 0 },
    [WIRE_INT32] = { sizeof(genai_opt_int32), sizeof(genai_int32_list) },
    [WIRE_INT64] = { sizeof(genai_opt_int64), 0 },
    [WIRE_DOUBLE] = { sizeof(genai_opt_double), sizeof(genai_double_list) },
    [WIRE_STRING] = { sizeof(const char *), sizeof(genai_string_list) },
    [WIRE_BYTES] = { sizeof(genai_bytes), 0 },
    [WIRE_ENUM] = { sizeof(int32_t), sizeof(genai_enum_list) },
    [WIRE_MESSAGE] = { sizeof(const void *), sizeof(genai_content_list) },
    [WIRE_JSON] = { sizeof(const char *), 0 },
    [WIRE_OBJECT] = { sizeof(const char *), 0 },
    [WIRE_DURATION] = { sizeof(genai_opt_duration), 0 },
  };
  if (field->shape == WIRE_MAP) {
    assert_true(field->kind == WIRE_STRING || field->kind == WIRE_MESSAGE);
    return sizeof(genai_string_map);
  }
  return field->shape == WIRE_LIST ? sizes[field->kind].list : sizes[field->kind].single;
}

static void check_name(const wire_message *message, const wire_field *field, const char *name, size_t size) {
  size_t probes = 0;
  assert_int_equal(strlen(name), size);
  assert_ptr_equal(find(message, name, &probes), field);
  assert_true(probes <= 16);
}

static void every_name_finds_its_field(void **state) {
  (void)state;
  for (size_t i = 0; i < wire_message_count; i++) {
    const wire_message *message = wire_messages[i];
    size_t names = 0, slots = 0;
    for (size_t k = 0; k < message->count; k++) {
      const wire_field *field = &message->fields[k];
      check_name(message, field, field->name, field->name_size);
      names++;
      if (field->snake) {
        check_name(message, field, field->snake, field->snake_size);
        assert_string_not_equal(field->name, field->snake);
        names++;
      }
      if (field->alias) {
        check_name(message, field, field->alias, field->alias_size);
        names++;
      }
      if (field->alias_snake) {
        check_name(message, field, field->alias_snake, field->alias_snake_size);
        assert_string_not_equal(field->alias, field->alias_snake);
        names++;
      }
      assert_true(!field->alias_on_vertex || field->alias);
      assert_true(!field->alias_snake || field->alias);
    }
    for (size_t slot = 0; slot <= message->name_mask; slot++) slots += message->names[slot] != 0;
    assert_int_equal(slots, names);
    size_t size = message->name_mask + 1u;
    assert_int_equal(size & message->name_mask, 0);
    assert_true(2 * names <= size || names == 0);
    assert_true(size == 1 || size < 4 * names); /* the smallest that is half empty */
  }
}

static void no_other_name_finds_one(void **state) {
  (void)state;
  for (size_t i = 0; i < wire_message_count; i++) {
    const wire_message *message = wire_messages[i];
    for (size_t k = 0; k < message->count; k++) {
      char name[128];
      size_t probes = 0;
      assert_true(message->fields[k].name_size + 2u < sizeof(name));
      strcpy(name, message->fields[k].name);
      strcat(name, "?");
      assert_null(find(message, name, &probes));
      name[0] = '?';
      assert_null(find(message, name, &probes));
    }
  }
}

/* Each value lies within the struct, after the one before it: no two overlap. */
static void values_lie_in_their_struct(void **state) {
  (void)state;
  for (size_t i = 0; i < wire_message_count; i++) {
    const wire_message *message = wire_messages[i];
    size_t end = 0;
    for (size_t k = 0; k < message->count; k++) {
      const wire_field *field = &message->fields[k];
      size_t size = value_size(field);
      assert_true(size > 0);
      assert_true(field->offset >= end);
      end = field->offset + size;
      bool has_text = field->kind == WIRE_ENUM && field->shape == WIRE_SINGLE;
      if (has_text) {
        assert_true(field->text_offset >= end);
        end = field->text_offset + sizeof(const char *);
      } else {
        assert_int_equal(field->text_offset, 0);
      }
      assert_true(end <= message->size);
      assert_true(field->kind == WIRE_MESSAGE ? field->type.message != NULL
                  : field->kind == WIRE_ENUM  ? field->type.enumeration != NULL
                                              : field->type.message == NULL);
    }
  }
}

/* A few fields of each kind, so that the offsets are seen to be those of the fields they are named after. */
static void offsets_are_the_named_fields(void **state) {
  (void)state;
  size_t probes = 0;
  const wire_field *field = find(&wire_schema, "default", &probes);
  assert_int_equal(field->offset, offsetof(genai_schema, default_json));
  assert_int_equal(field->kind, WIRE_JSON);
  field = find(&wire_schema, "enum", &probes);
  assert_int_equal(field->offset, offsetof(genai_schema, enum_values));
  assert_int_equal(field->shape, WIRE_LIST);
  field = find(&wire_schema, "properties", &probes);
  assert_int_equal(field->shape, WIRE_MAP);
  assert_ptr_equal(field->type.message, &wire_schema);
  field = find(&wire_usage_metadata, "candidatesTokenCount", &probes);
  assert_int_equal(field->offset, offsetof(genai_usage_metadata, response_token_count));
  assert_ptr_equal(find(&wire_usage_metadata, "candidates_token_count", &probes), field);
  field = find(&wire_voice_activity, "type", &probes);
  assert_string_equal(field->name, "voiceActivityType");
  assert_int_equal(field->text_offset, offsetof(genai_voice_activity, voice_activity_type_text));
  field = find(&wire_generation_config, "modelConfig", &probes);
  assert_true(field->alias_on_vertex);
  assert_ptr_equal(find(&wire_generation_config, "model_config", &probes), field);
  field = find(&wire_blob, "data", &probes);
  assert_int_equal(field->kind, WIRE_BYTES);
  field = find(&wire_function_call, "args", &probes);
  assert_int_equal(field->kind, WIRE_OBJECT);
  field = find(&wire_tool, "fileSearch", &probes);
  assert_int_equal(field->only, WIRE_ONLY_GEMINI);
  field = find(&wire_session_resumption_config, "transparent", &probes);
  assert_int_equal(field->only, WIRE_ONLY_VERTEX);
  field = find(&wire_live_server_session_resumption_update, "lastConsumedClientMessageIndex", &probes);
  assert_int_equal(field->kind, WIRE_INT64);
  field = find(&wire_live_server_go_away, "timeLeft", &probes);
  assert_int_equal(field->kind, WIRE_DURATION);
}

static void enum_texts_are_unique(void **state) {
  (void)state;
  for (size_t i = 0; i < wire_enum_count; i++) {
    const wire_enum *enumeration = wire_enums[i];
    assert_true(enumeration->count > 1);
    for (size_t k = 0; k < enumeration->count; k++) {
      const char *text = enumeration->texts[k];
      assert_int_equal(enumeration->sizes[k], strlen(text));
      for (size_t other = 0; other < k; other++) assert_string_not_equal(text, enumeration->texts[other]);
    }
  }
  assert_string_equal(wire_enum_modality.texts[GENAI_MODALITY_AUDIO], "AUDIO");
  assert_string_equal(wire_enum_service_tier.texts[GENAI_SERVICE_TIER_FLEX], "flex");
  assert_string_equal(wire_enum_end_sensitivity.texts[GENAI_END_SENSITIVITY_LOW], "END_SENSITIVITY_LOW");
}

static size_t index_of(const wire_message *message) {
  for (size_t i = 0; i < wire_message_count; i++) {
    if (wire_messages[i] == message) return i;
  }
  fail_msg("%s is not among wire_messages", message->name);
  return 0;
}

/* From the frames and the public forms one comes to every message: none is left over. */
static void every_message_is_reachable(void **state) {
  (void)state;
  const wire_message *todo[256] = {
    &wire_live_client_message, &wire_live_server_message, &wire_live_music_client_message,
    &wire_live_music_server_message, &wire_live_connect_config, &wire_live_send_realtime_input_parameters,
    &wire_create_auth_token_config, &wire_auth_token, &wire_model_table,
  };
  bool seen[256] = { false };
  size_t count = 9;
  assert_true(wire_message_count <= 256);
  for (size_t i = 0; i < count; i++) seen[index_of(todo[i])] = true;
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < todo[i]->count; k++) {
      const wire_field *field = &todo[i]->fields[k];
      if (field->kind != WIRE_MESSAGE || seen[index_of(field->type.message)]) continue;
      seen[index_of(field->type.message)] = true;
      todo[count++] = field->type.message;
    }
  }
  for (size_t i = 0; i < wire_message_count; i++) {
    if (!seen[i]) fail_msg("%s cannot be reached", wire_messages[i]->name);
  }
}

/* A copy by the places puts each value where its namesake is. */
static void places_lead_to_their_namesakes(void **state) {
  (void)state;
  assert_int_equal(wire_live_connect_place_count, wire_live_connect_config.count);
  size_t refused = 0;
  for (size_t i = 0; i < wire_live_connect_place_count; i++) {
    const wire_place *place = &wire_live_connect_places[i];
    const wire_message *target = place->generation ? &wire_generation_config : &wire_live_client_setup;
    size_t probes = 0;
    const wire_field *to = find(target, place->field->name, &probes);
    assert_non_null(to);
    assert_ptr_equal(place->field, &wire_live_connect_config.fields[i]);
    assert_int_equal(place->from, place->field->offset);
    assert_int_equal(place->to, to->offset);
    assert_int_equal(place->field->kind, to->kind);
    assert_int_equal(place->field->shape, to->shape);
    assert_ptr_equal(place->field->type.message, to->type.message);
    size_t size = value_size(to);
    if (to->text_offset) {
      size = to->text_offset + sizeof(const char *) - to->offset;
      assert_int_equal(place->field->text_offset - place->from, to->text_offset - place->to);
    }
    assert_int_equal(place->size, size);
    if (place->refused) {
      assert_string_equal(place->field->name, "speechConfig");
      assert_ptr_equal(place->refused, find(&wire_speech_config, "multiSpeakerVoiceConfig", &probes));
      refused++;
    }
  }
  assert_int_equal(refused, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_name_finds_its_field),
    cmocka_unit_test(no_other_name_finds_one),
    cmocka_unit_test(values_lie_in_their_struct),
    cmocka_unit_test(offsets_are_the_named_fields),
    cmocka_unit_test(enum_texts_are_unique),
    cmocka_unit_test(every_message_is_reachable),
    cmocka_unit_test(places_lead_to_their_namesakes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
