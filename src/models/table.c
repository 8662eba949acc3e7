/* What is known of the models, from Google's documentation and reports of 2025 and 2026; `models_json` in the client's options
 * brings newer knowledge. */
#include "models/models.h"

#define MODALITIES GENAI_ENUMS(GENAI_MODALITY_AUDIO)
#define TEXT_TOO GENAI_ENUMS(GENAI_MODALITY_TEXT, GENAI_MODALITY_AUDIO)

static const genai_model_traits extended_thinking = {
    .model = "gemini-3.8-live-extended-thinking*",
    .thinking = GENAI_THINKING_CONTROL_LEVEL,
    .thinking_levels = GENAI_ENUMS(GENAI_THINKING_LEVEL_LOW, GENAI_THINKING_LEVEL_MEDIUM, GENAI_THINKING_LEVEL_HIGH),
    .proactivity = GENAI_ACCEPTANCE_ALWAYS,
    .affective_dialog = GENAI_ACCEPTANCE_REFUSED,
    .behaviors = GENAI_ENUMS(GENAI_BEHAVIOR_NON_BLOCKING),
    .scheduling = GENAI_ACCEPTANCE_REFUSED,
};

static const genai_model_traits live_38 = {
    .model = "gemini-3.8-live*",
    .thinking = GENAI_THINKING_CONTROL_NONE,
    .proactivity = GENAI_ACCEPTANCE_ALWAYS,
    .affective_dialog = GENAI_ACCEPTANCE_REFUSED,
    .behaviors = GENAI_ENUMS(GENAI_BEHAVIOR_NON_BLOCKING, GENAI_BEHAVIOR_BLOCKING),
};

static const genai_model_traits flash_31 = {
    .model = "gemini-3.1-flash-live*",
    .response_modalities = MODALITIES,
    .thinking = GENAI_THINKING_CONTROL_LEVEL,
    .proactivity = GENAI_ACCEPTANCE_REFUSED,
    .affective_dialog = GENAI_ACCEPTANCE_REFUSED,
    .behaviors = GENAI_ENUMS(GENAI_BEHAVIOR_BLOCKING),
    .scheduling = GENAI_ACCEPTANCE_REFUSED,
    .client_content = GENAI_ACCEPTANCE_REFUSED,
};

static const genai_model_traits native_audio_25 = {
    .model = "gemini-2.5-flash-native-audio*",
    .response_modalities = MODALITIES,
    .thinking = GENAI_THINKING_CONTROL_BUDGET,
    .proactivity = GENAI_ACCEPTANCE_ACCEPTED,
    .affective_dialog = GENAI_ACCEPTANCE_ACCEPTED,
};

static const genai_model_traits native_audio_25_vertex = {
    .model = "gemini-live-2.5-flash-native-audio*",
    .response_modalities = MODALITIES,
    .thinking = GENAI_THINKING_CONTROL_BUDGET,
    .proactivity = GENAI_ACCEPTANCE_ACCEPTED,
    .affective_dialog = GENAI_ACCEPTANCE_ACCEPTED,
};

static const genai_model_traits cascade_25 = {
    .model = "gemini-live-2.5-flash*",
    .response_modalities = TEXT_TOO,
    .affective_dialog = GENAI_ACCEPTANCE_REFUSED,
};

static const genai_model_traits flash_20 = {
    .model = "gemini-2.0-flash-live*",
    .response_modalities = TEXT_TOO,
    .thinking = GENAI_THINKING_CONTROL_NONE,
    .proactivity = GENAI_ACCEPTANCE_REFUSED,
    .affective_dialog = GENAI_ACCEPTANCE_REFUSED,
};

static const genai_model_traits *const rows[] = {&extended_thinking,      &live_38,    &flash_31, &native_audio_25,
                                                 &native_audio_25_vertex, &cascade_25, &flash_20};

const genai_model_table models_known = {.models = {rows, sizeof rows / sizeof *rows}};
