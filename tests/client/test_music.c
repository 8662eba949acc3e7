/* Music sessions over the transport without sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake.h"
#include "genai/music.h"

typedef struct fixture {
  fake *f;
  genai_client *client;
  genai_live_session *session;
} fixture;

static fixture open_music(const genai_music_connect_params *params) {
  fixture x = {.f = fake_new(), .client = fake_client(NULL)};
  genai_error error = {0};
  if (genai_music_connect(x.client, params, &x.session, NULL, &error) != GENAI_OK) fail_msg("%s", error.message);
  return x;
}

static void done(fixture *x) {
  assert_int_equal(genai_live_free(x->session), GENAI_OK);
  assert_int_equal(genai_client_free(x->client), GENAI_OK);
  fake_free();
}

static void sends(void **state) {
  (void)state;
  fixture x = open_music(NULL);
  const genai_weighted_prompt a = {.text = "minimal techno", .weight = {true, 1}}, b = {.text = "rain", .weight = {true, 0.5}};
  const genai_weighted_prompt *prompts[] = {&a, &b};
  const genai_live_music_generation_config config = {.bpm = {true, 120}, .scale = GENAI_SCALE_C_MAJOR_A_MINOR};
  assert_int_equal(genai_music_set_weighted_prompts(x.session, &(genai_weighted_prompt_list){prompts, 2}, NULL, NULL), GENAI_OK);
  assert_int_equal(genai_music_set_config(x.session, &config, NULL, NULL), GENAI_OK);
  assert_int_equal(genai_music_set_config(x.session, NULL, NULL, NULL), GENAI_OK);
  assert_int_equal(genai_music_control(x.session, GENAI_LIVE_MUSIC_PLAYBACK_CONTROL_PLAY, NULL, NULL), GENAI_OK);
  assert_int_equal(genai_live_close(x.session, NULL, NULL), GENAI_OK);
  assert_int_equal(x.f->sent_count, 5);
  assert_string_equal(x.f->sent[0], "{\"setup\":{\"model\":\"models/lyria-realtime-exp\"}}");
  assert_string_equal(x.f->sent[1], "{\"clientContent\":{\"weightedPrompts\":[{\"text\":\"minimal techno\",\"weight\":1},"
                                    "{\"text\":\"rain\",\"weight\":0.5}]}}");
  assert_string_equal(x.f->sent[2], "{\"musicGenerationConfig\":{\"bpm\":120,\"scale\":\"C_MAJOR_A_MINOR\"}}");
  assert_string_equal(x.f->sent[3], "{\"musicGenerationConfig\":{}}");
  assert_string_equal(x.f->sent[4], "{\"playbackControl\":\"PLAY\"}");
  done(&x);
}

static void receives(void **state) {
  (void)state;
  fixture x = open_music(&(genai_music_connect_params){.model = "other"});
  genai_music_message *m;
  fake_message(x.f, "{\"serverContent\":{\"audioChunks\":[{\"data\":\"AAEC\",\"mimeType\":\"audio/l16;rate=48000;channels=2\"}]}}");
  fake_message(x.f, "nonsense");
  fake_message(x.f, "{\"filteredPrompt\":{\"text\":\"x\",\"filteredReason\":\"y\"}}");
  assert_string_equal(x.f->sent[0], "{\"setup\":{\"model\":\"models/other\"}}");
  assert_int_equal(genai_music_receive(x.session, &m, NULL, NULL), GENAI_OK);
  assert_int_equal(genai_music_message_chunk(m, 0)->data.size, 3);
  assert_null(genai_music_message_chunk(m, 1));
  genai_music_message_free(m);
  assert_int_equal(genai_music_receive(x.session, &m, NULL, NULL), GENAI_ERROR_MESSAGE);
  assert_int_equal(genai_music_receive(x.session, &m, NULL, NULL), GENAI_OK);
  assert_string_equal(m->server->filtered_prompt->filtered_reason, "y");
  genai_music_message_free(m);
  fake_close(x.f, 1000, "");
  assert_int_equal(genai_music_receive(x.session, &m, NULL, NULL), GENAI_CLOSED);
  assert_null(genai_music_message_chunk(NULL, 0));
  done(&x);
}

static void refusals(void **state) {
  (void)state;
  fixture x = open_music(NULL);
  genai_live_message *m;
  const genai_weighted_prompt nothing = {.text = "x", .weight = {true, 0}};
  const genai_weighted_prompt *prompts[] = {&nothing};
  assert_int_equal(genai_music_set_weighted_prompts(x.session, NULL, NULL, NULL), GENAI_ERROR_ARGUMENT);
  const genai_weighted_prompt_list none = {prompts, 1};
  assert_int_equal(genai_music_set_weighted_prompts(x.session, &none, NULL, NULL), GENAI_ERROR_ARGUMENT);
  assert_int_equal(genai_music_control(x.session, 0, NULL, NULL), GENAI_ERROR_ARGUMENT);
  assert_int_equal(genai_music_control(x.session, 9, NULL, NULL), GENAI_ERROR_ARGUMENT);
  assert_int_equal(genai_live_send_text(x.session, "x", NULL, NULL), GENAI_ERROR_ARGUMENT);
  assert_int_equal(genai_live_receive(x.session, &m, NULL, NULL), GENAI_ERROR_ARGUMENT);
  assert_null(genai_live_setup_complete(x.session));
  assert_int_equal(x.f->sent_count, 1);
  done(&x);
  genai_client *vertex;
  genai_live_session *session;
  assert_int_equal(genai_client_new(&vertex, &(genai_client_options){.backend = GENAI_BACKEND_VERTEX, .api_key = "k"}, NULL), GENAI_OK);
  assert_int_equal(genai_music_connect(vertex, NULL, &session, NULL, NULL), GENAI_ERROR_ARGUMENT);
  genai_client_free(vertex);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sends), cmocka_unit_test(receives), cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
