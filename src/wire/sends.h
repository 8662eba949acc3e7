/* The messages of a running session: the parameters of a send call, as structs or as the SDKs' public JSON, become one
 * wire message. Each appends to `out`, which an error leaves as it was. */
#ifndef GENAI_SRC_WIRE_SENDS_H
#define GENAI_SRC_WIRE_SENDS_H

#include "base/buf.h"
#include "genai/live.h"
#include "wire/writer.h"

/* turn_complete defaults to true. On Vertex nothing is checked: the SDK passes the turns there as they are. */
GENAI_MUST_USE genai_status wire_client_content_write(buf *out, wire_backend backend,
                                                      const genai_live_client_content *params, genai_error *error);
/* Exactly one field; audio must be audio/…, video image/…. */
GENAI_MUST_USE genai_status wire_realtime_input_write(buf *out, wire_backend backend,
                                                      const genai_live_send_realtime_input_parameters *params,
                                                      genai_error *error);
/* At least one response; on the Gemini Developer API each has an id. */
GENAI_MUST_USE genai_status wire_tool_response_write(buf *out, wire_backend backend,
                                                     const genai_live_client_tool_response *params, genai_error *error);
GENAI_MUST_USE genai_status wire_context_update_write(buf *out, wire_backend backend,
                                                      const genai_live_client_context_update *params,
                                                      genai_error *error);
/* Any of them from JSON, loose forms (loose.h) included. *responses, if not NULL, becomes the number of function
 * responses. */
GENAI_MUST_USE genai_status wire_send_json_write(buf *out, wire_backend backend, genai_live_send_kind kind,
                                                 const char *json, size_t size, size_t *responses, genai_error *error);

#endif
