/* What answers in a session: the service's own view of it, shared by service.c and the voices. */
#ifndef GENAI_EMULATOR_VOICE_H
#define GENAI_EMULATOR_VOICE_H

#include <jansson.h>

#include "emulator/service.h"

typedef struct voice_class {
  void *(*create)(service *s); /* NULL when memory is out */
  void (*destroy)(void *voice);
  void (*receive)(void *voice, uint64_t now_ms, const char *text, size_t size);
  void (*spoken)(void *voice, uint64_t now_ms, uint64_t id, const int16_t *samples, size_t count);
  void (*next)(void *voice, uint64_t now_ms); /* makes what is due, at most a message or so */
  uint64_t (*deadline)(const void *voice);
  void (*view)(const void *voice, plan_view *view); /* adds to its phases, turns. NULL: it is open */
  void (*fault)(void *voice, uint64_t now_ms, const fault *f); /* ANSWER, UPDATES, LINGER. NULL: it cannot */
  void (*lost)(void *voice, uint64_t now_ms); /* as service_lost; perhaps more than once. NULL: it does not matter */
} voice_class;

extern const voice_class voice_echo, voice_music, voice_replay;

const service_options *service_options_of(const service *s);
/* A client's message as JSON of the shape `name` (shape.h), for the caller to release; NULL closes the session with
 * what is wrong with it. */
json_t *service_parse(service *s, const char *name, const char *text, size_t size);
/* Queues a message, pretty-printed as the service does; takes over `message` (NULL, when memory is out, closes with
 * 1011). */
void service_send(service *s, json_t *message);
/* Queues a message as it is. */
void service_send_text(service *s, const char *text, size_t size);
/* Closes after what is queued. The reason is cut at 123 bytes when it is sent. The first close counts. */
void service_close(service *s, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
void service_speak(service *s, uint64_t id, const char *text);
bool service_closing(const service *s);
/* Closes at a time, unless something else does before. */
void service_close_at(service *s, uint64_t at_ms, int code, const char *reason);
void service_tell(service *s, const service_event *event);
bool service_fast(const service *s);
uint64_t service_random(service *s);

#endif
