#include <stddef.h>

#include "emulator/shape.h"

/* Every message that a client may send, a line each: fields as name:type, `*` for a list, `%` for a map of messages.
 * Types: string, bool, int32, int64, number, bytes, duration, timestamp, struct (any object), any (any JSON), enum (its
 * values are left to the service), an enumeration of the table below, or another message. */
const shape_row shape_messages[] = {
    {"BidiGenerateContentClientMessage",
     "setup:BidiGenerateContentSetup client_content:BidiGenerateContentClientContent "
     "realtime_input:BidiGenerateContentRealtimeInput tool_response:BidiGenerateContentToolResponse "
     "context_update:BidiGenerateContentContextUpdate"},
    {"BidiGenerateContentSetup",
     "model:string generation_config:GenerationConfig system_instruction:Content tools:*Tool "
     "session_resumption:SessionResumptionConfig context_window_compression:ContextWindowCompressionConfig "
     "input_audio_transcription:AudioTranscriptionConfig "
     "output_audio_transcription:AudioTranscriptionConfig proactivity:ProactivityConfig "
     "explicit_vad_signal:bool history_config:HistoryConfig avatar_config:AvatarConfig "
     "safety_settings:*SafetySetting labels:struct realtime_input_config:RealtimeInputConfig"},
    {"BidiGenerateContentContextUpdate", "system_instruction:Content tools:ContextUpdateTools"},
    {"ContextUpdateTools", "tools:*Tool"},
    {"GenerationConfig",
     "model_config:ModelSelectionConfig model_selection_config:ModelSelectionConfig response_json_schema:any "
     "audio_timestamp:bool candidate_count:int32 enable_affective_dialog:bool frequency_penalty:number logprobs:int32 "
     "max_output_tokens:int32 media_resolution:enum presence_penalty:number response_logprobs:bool "
     "response_mime_type:string response_modalities:*Modality response_schema:Schema "
     "routing_config:GenerationConfigRoutingConfig seed:int32 speech_config:SpeechConfig "
     "stop_sequences:*string temperature:number thinking_config:ThinkingConfig top_k:number top_p:number "
     "enable_enhanced_civic_answers:bool response_format:*ResponseFormat "
     "translation_config:TranslationConfig audio_transcription_config:AudioTranscriptionConfig"},
    {"ModelSelectionConfig", "feature_selection_preference:enum"},
    {"Schema",
     "additional_properties:any defs:%Schema ref:string any_of:*Schema default:any description:string "
     "enum:*string example:any format:string items:Schema max_items:int64 max_length:int64 "
     "max_properties:int64 maximum:number min_items:int64 min_length:int64 min_properties:int64 "
     "minimum:number nullable:bool pattern:string properties:%Schema property_ordering:*string "
     "required:*string title:string type:enum"},
    {"GenerationConfigRoutingConfig",
     "auto_mode:GenerationConfigRoutingConfigAutoRoutingMode "
     "manual_mode:GenerationConfigRoutingConfigManualRoutingMode"},
    {"GenerationConfigRoutingConfigAutoRoutingMode", "model_routing_preference:string"},
    {"GenerationConfigRoutingConfigManualRoutingMode", "model_name:string"},
    {"SpeechConfig",
     "voice_config:VoiceConfig language_code:string multi_speaker_voice_config:MultiSpeakerVoiceConfig"},
    {"VoiceConfig",
     "replicated_voice_config:ReplicatedVoiceConfig prebuilt_voice_config:PrebuiltVoiceConfig voice:string"},
    {"ReplicatedVoiceConfig",
     "mime_type:string voice_sample_audio:bytes consent_audio:bytes "
     "voice_consent_signature:VoiceConsentSignature"},
    {"VoiceConsentSignature", "signature:string"},
    {"PrebuiltVoiceConfig", "voice_name:string"},
    {"MultiSpeakerVoiceConfig", "speaker_voice_configs:*SpeakerVoiceConfig"},
    {"SpeakerVoiceConfig", "speaker:string voice_config:VoiceConfig"},
    {"ThinkingConfig", "include_thoughts:bool thinking_budget:int32 thinking_level:enum"},
    {"ResponseFormat",
     "audio:AudioResponseFormat image:ImageResponseFormat text:TextResponseFormat "
     "video:VideoResponseFormat"},
    {"AudioResponseFormat", "bit_rate:int32 delivery:enum mime_type:string sample_rate:int32"},
    {"ImageResponseFormat", "aspect_ratio:enum delivery:enum image_size:enum mime_type:string"},
    {"TextResponseFormat", "mime_type:string schema:any"},
    {"VideoResponseFormat", "aspect_ratio:enum delivery:enum duration:duration gcs_uri:string resolution:enum"},
    {"TranslationConfig", "echo_target_language:bool target_language_code:string"},
    {"AudioTranscriptionConfig",
     "language_codes:*string language_auto:Empty language_hints:LanguageHints custom_vocabulary:*string "
     "adaptation_phrases:*string word_timestamp:bool diarization:bool mode:enum source_text:string"},
    {"LanguageHints", "language_codes:*string"},
    {"Content", "parts:*Part role:string"},
    {"Part",
     "media_resolution:PartMediaResolution code_execution_result:CodeExecutionResult "
     "executable_code:ExecutableCode file_data:FileData function_call:FunctionCall "
     "function_response:FunctionResponse inline_data:Blob text:string thought:bool thought_signature:bytes "
     "video_metadata:VideoMetadata tool_call:ToolCall tool_response:ToolResponse part_metadata:struct "
     "audio_transcription:Transcription media_processing:enum speech_metadata:SpeechMetadata "
     "document_metadata:DocumentMetadata spreadsheet_metadata:SpreadsheetMetadata audio_metadata:AudioMetadata"},
    {"PartMediaResolution", "level:enum num_tokens:int32"},
    {"CodeExecutionResult", "outcome:enum output:string id:string"},
    {"ExecutableCode", "code:string language:enum id:string"},
    {"FileData", "display_name:string file_uri:string mime_type:string"},
    {"FunctionCall", "id:string args:struct name:string partial_args:*PartialArg will_continue:bool"},
    {"PartialArg",
     "bool_value:bool json_path:string null_value:string number_value:number string_value:string "
     "will_continue:bool"},
    {"FunctionResponse",
     "will_continue:bool scheduling:enum parts:*FunctionResponsePart id:string name:string response:struct"},
    {"FunctionResponsePart",
     "inline_data:FunctionResponseBlob file_data:FunctionResponseFileData media_processing:enum "
     "media_resolution:PartMediaResolution video_metadata:VideoMetadata document_metadata:DocumentMetadata "
     "spreadsheet_metadata:SpreadsheetMetadata audio_metadata:AudioMetadata"},
    {"FunctionResponseBlob", "mime_type:string data:bytes display_name:string"},
    {"FunctionResponseFileData", "file_uri:string mime_type:string display_name:string"},
    {"Blob", "data:bytes display_name:string mime_type:string"},
    {"VideoMetadata", "end_offset:duration fps:number start_offset:duration content_layers:*enum"},
    {"DocumentMetadata", "start_page:int32 end_page:int32 content_layers:*enum"},
    {"SpreadsheetMetadata", "visible_cells:string sheet_index:int32 content_layers:*enum"},
    {"AudioMetadata", "start_offset:duration end_offset:duration"},
    {"ToolCall", "id:string tool_type:enum args:struct"},
    {"ToolResponse", "id:string tool_type:enum response:struct"},
    {"Transcription",
     "text:string finished:bool language_code:string speaker_label:string words:*WordInfo "
     "start_offset:duration end_offset:duration"},
    {"WordInfo", "word:string start_offset:string end_offset:string"},
    {"Tool",
     "retrieval:Retrieval computer_use:ComputerUse file_search:FileSearch google_search:GoogleSearch "
     "google_maps:GoogleMaps code_execution:Empty enterprise_web_search:EnterpriseWebSearch "
     "function_declarations:*FunctionDeclaration google_search_retrieval:GoogleSearchRetrieval "
     "parallel_ai_search:ToolParallelAiSearch url_context:Empty mcp_servers:*McpServer "
     "exa_ai_search:ToolExaAiSearch"},
    {"Retrieval",
     "disable_attribution:bool external_api:ExternalApi vertex_ai_search:VertexAISearch "
     "vertex_rag_store:VertexRagStore"},
    {"ExternalApi",
     "api_auth:ApiAuth api_spec:enum auth_config:AuthConfig "
     "elastic_search_params:ExternalApiElasticSearchParams endpoint:string simple_search_params:Empty"},
    {"ApiAuth", "api_key_config:ApiAuthApiKeyConfig"},
    {"ApiAuthApiKeyConfig", "api_key_secret_version:string api_key_string:string"},
    {"AuthConfig",
     "api_key:string api_key_config:ApiKeyConfig auth_type:enum "
     "google_service_account_config:AuthConfigGoogleServiceAccountConfig "
     "http_basic_auth_config:AuthConfigHttpBasicAuthConfig oauth_config:AuthConfigOauthConfig "
     "oidc_config:AuthConfigOidcConfig"},
    {"ApiKeyConfig", "api_key_secret:string api_key_string:string http_element_location:enum name:string"},
    {"AuthConfigGoogleServiceAccountConfig", "service_account:string"},
    {"AuthConfigHttpBasicAuthConfig", "credential_secret:string"},
    {"AuthConfigOauthConfig", "access_token:string service_account:string"},
    {"AuthConfigOidcConfig", "id_token:string service_account:string"},
    {"ExternalApiElasticSearchParams", "index:string num_hits:int32 search_template:string"},
    {"VertexAISearch",
     "data_store_specs:*VertexAISearchDataStoreSpec datastore:string engine:string filter:string "
     "max_results:int32"},
    {"VertexAISearchDataStoreSpec", "data_store:string filter:string"},
    {"VertexRagStore",
     "rag_corpora:*string rag_resources:*VertexRagStoreRagResource rag_retrieval_config:RagRetrievalConfig "
     "similarity_top_k:int32 store_context:bool vector_distance_threshold:number"},
    {"VertexRagStoreRagResource", "rag_corpus:string rag_file_ids:*string"},
    {"RagRetrievalConfig",
     "filter:RagRetrievalConfigFilter hybrid_search:RagRetrievalConfigHybridSearch "
     "ranking:RagRetrievalConfigRanking top_k:int32"},
    {"RagRetrievalConfigFilter",
     "metadata_filter:string vector_distance_threshold:number vector_similarity_threshold:number"},
    {"RagRetrievalConfigHybridSearch", "alpha:number"},
    {"RagRetrievalConfigRanking",
     "llm_ranker:RagRetrievalConfigRankingLlmRanker rank_service:RagRetrievalConfigRankingRankService"},
    {"RagRetrievalConfigRankingLlmRanker", "model_name:string"},
    {"RagRetrievalConfigRankingRankService", "model_name:string"},
    {"ComputerUse",
     "environment:enum excluded_predefined_functions:*string enable_prompt_injection_detection:bool "
     "disabled_safety_policies:*enum"},
    {"FileSearch", "file_search_store_names:*string top_k:int32 metadata_filter:string"},
    {"GoogleSearch",
     "search_types:SearchTypes blocking_confidence:enum exclude_domains:*string time_range_filter:Interval"},
    {"SearchTypes", "web_search:Empty image_search:Empty"},
    {"Interval", "end_time:timestamp start_time:timestamp"},
    {"GoogleMaps", "auth_config:AuthConfig enable_widget:bool grounding_types:GoogleMapsGroundingTypes"},
    {"GoogleMapsGroundingTypes", "places:Empty routing:Empty"},
    {"EnterpriseWebSearch", "blocking_confidence:enum exclude_domains:*string"},
    {"FunctionDeclaration",
     "description:string name:string parameters:Schema parameters_json_schema:any response:Schema "
     "response_json_schema:any behavior:enum"},
    {"GoogleSearchRetrieval", "dynamic_retrieval_config:DynamicRetrievalConfig"},
    {"DynamicRetrievalConfig", "dynamic_threshold:number mode:enum"},
    {"ToolParallelAiSearch",
     "api_key:string custom_configs:struct enable_data_retention:bool enable_zero_data_retention:bool"},
    {"McpServer", "name:string streamable_http_transport:StreamableHttpTransport"},
    {"StreamableHttpTransport",
     "headers:struct sse_read_timeout:duration terminate_on_close:bool timeout:duration url:string"},
    {"ToolExaAiSearch", "api_key:string custom_configs:struct"},
    {"SessionResumptionConfig", "handle:string transparent:bool"},
    {"ContextWindowCompressionConfig", "trigger_tokens:int64 sliding_window:SlidingWindow"},
    {"SlidingWindow", "target_tokens:int64"},
    {"ProactivityConfig", "proactive_audio:bool proactive_video:bool"},
    {"HistoryConfig", "initial_history_in_client_content:bool"},
    {"AvatarConfig",
     "avatar_name:string customized_avatar:CustomizedAvatar audio_bitrate_bps:int32 "
     "video_bitrate_bps:int32"},
    {"CustomizedAvatar", "image_mime_type:string image_data:bytes"},
    {"SafetySetting", "category:enum method:enum threshold:enum"},
    {"BidiGenerateContentClientContent", "turns:*Content turn_complete:bool"},
    {"BidiGenerateContentRealtimeInput",
     "media_chunks:*Blob audio:Blob audio_stream_end:bool video:Blob text:string activity_start:Empty "
     "activity_end:Empty"},
    {"BidiGenerateContentToolResponse", "function_responses:*FunctionResponse"},
    {"SpeechMetadata", "speaker:string style:string"},
    {"RealtimeInputConfig",
     "automatic_activity_detection:AutomaticActivityDetection activity_handling:ActivityHandling "
     "turn_coverage:TurnCoverage interim_transcript_timestamp_enabled:bool"},
    {"AutomaticActivityDetection",
     "disabled:bool start_of_speech_sensitivity:StartSensitivity end_of_speech_sensitivity:EndSensitivity "
     "prefix_padding_ms:int32 silence_duration_ms:int32"},
    {"Empty", ""},
    {"AuthToken",
     "name:string expire_time:timestamp new_session_expire_time:timestamp uses:int32 field_mask:string "
     "bidi_generate_content_setup:BidiGenerateContentSetup"},
    {"BidiGenerateMusicClientMessage",
     "setup:BidiGenerateMusicSetup client_content:BidiGenerateMusicClientContent "
     "music_generation_config:MusicGenerationConfig playback_control:PlaybackControl"},
    {"BidiGenerateMusicSetup", "model:string"},
    {"BidiGenerateMusicClientContent", "weighted_prompts:*WeightedPrompt"},
    {"WeightedPrompt", "text:string weight:number"},
    {"MusicGenerationConfig",
     "temperature:number top_k:int32 seed:int32 guidance:number bpm:int32 density:number brightness:number scale:Scale "
     "mute_bass:bool mute_drums:bool only_bass_and_drums:bool music_generation_mode:MusicGenerationMode"},
    {NULL, NULL},
};

/* Enumerations whose values the emulator acts upon; a value's place is its number. */
const shape_row shape_enumerations[] = {
    {"Modality", "MODALITY_UNSPECIFIED TEXT IMAGE AUDIO VIDEO"},
    {"ActivityHandling", "ACTIVITY_HANDLING_UNSPECIFIED START_OF_ACTIVITY_INTERRUPTS NO_INTERRUPTION"},
    {"StartSensitivity", "START_SENSITIVITY_UNSPECIFIED START_SENSITIVITY_HIGH START_SENSITIVITY_LOW"},
    {"EndSensitivity", "END_SENSITIVITY_UNSPECIFIED END_SENSITIVITY_HIGH END_SENSITIVITY_LOW"},
    {"TurnCoverage",
     "TURN_COVERAGE_UNSPECIFIED TURN_INCLUDES_ONLY_ACTIVITY TURN_INCLUDES_ALL_INPUT "
     "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"},
    {"PlaybackControl", "PLAYBACK_CONTROL_UNSPECIFIED PLAY PAUSE STOP RESET_CONTEXT"},
    {"Scale",
     "SCALE_UNSPECIFIED C_MAJOR_A_MINOR D_FLAT_MAJOR_B_FLAT_MINOR D_MAJOR_B_MINOR E_FLAT_MAJOR_C_MINOR "
     "E_MAJOR_D_FLAT_MINOR F_MAJOR_D_MINOR G_FLAT_MAJOR_E_FLAT_MINOR G_MAJOR_E_MINOR A_FLAT_MAJOR_F_MINOR "
     "A_MAJOR_G_FLAT_MINOR B_FLAT_MAJOR_G_MINOR B_MAJOR_A_FLAT_MINOR"},
    {"MusicGenerationMode", "MUSIC_GENERATION_MODE_UNSPECIFIED QUALITY DIVERSITY VOCALIZATION"},
    {NULL, NULL},
};
