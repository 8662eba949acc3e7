/* The setup as it is sent: the application's, and what this connection needs of it. */
#ifndef GENAI_SRC_SESSION_SETUP_H
#define GENAI_SRC_SESSION_SETUP_H

#include "base/payload.h"
#include "genai/base.h"

/* What the application's own setup says about resumption. */
typedef struct session_setup_facts {
  bool asked, transparent, history;
  char *handle; /* the holder's to free; NULL: a new session */
} session_setup_facts;

GENAI_MUST_USE genai_status session_setup_look(const payload *setup, session_setup_facts *facts, genai_error *error);

typedef struct session_setup_needs {
  bool transparent;
  const char *handle; /* NULL: a new session */
  bool history;       /* the recent turns follow, for a model that wants that announced */
  bool no_history;    /* nothing follows that the application's setup may have announced */
} session_setup_needs;

/* The setup with session resumption asked for. */
GENAI_MUST_USE genai_status session_setup_write(payload **out, const payload *setup, const session_setup_facts *facts,
                                                const session_setup_needs *needs, genai_error *error);
/* The setup as a context update has changed it. */
GENAI_MUST_USE genai_status session_setup_update(payload **out, const payload *setup, const payload *update, genai_error *error);

#endif
