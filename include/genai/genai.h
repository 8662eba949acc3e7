/* All of genai-live. */
#ifndef GENAI_GENAI_H
#define GENAI_GENAI_H

#include "genai/base.h"
#include "genai/client.h"
#include "genai/json.h"
#include "genai/live.h"
#include "genai/mcp.h"
#include "genai/music.h"
#include "genai/token.h"
#include "genai/tools.h"
#include "genai/types.h"

#endif
