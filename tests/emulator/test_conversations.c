/* What is kept of conversations when there are many, or much of them: the ceiling, and who makes room under it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "emulator/conversations.h"

enum { MANY = 20, STATE = 1000, CEILING = MANY * 40 * STATE, HANDLES_SEEN = 400 };

static const setup_backend vertex = {.vertex = true, .version = "v1beta1"};

typedef struct place {
  conversations *all;
  conversation *live[MANY];
  char newest[MANY][HANDLE_MAX];
} place;

static place *begin(size_t bytes_max) {
  static place p;
  p = (place){.all = conversations_new(&(conversations_options){.seed = 3, .bytes_max = bytes_max})};
  assert_non_null(p.all);
  for (size_t i = 0; i < MANY; i++) assert_non_null(p.live[i] = conversation_begin(p.all, 0, &vertex, "m"));
  return &p;
}

static void keep(place *p, size_t i, size_t size, uint64_t position) {
  char *text = malloc(size + 1);
  assert_non_null(text);
  memset(text, 'x', size);
  text[size] = '\0';
  conversation_state *state = conversation_keep(p->live[i], json_pack("{s:s}", "x", text), position);
  free(text);
  assert_non_null(state);
  memcpy(p->newest[i], state->handle, sizeof p->newest[i]);
}

static size_t count_of(place *p, size_t i) {
  size_t count = 0;
  while (conversation_newest(p->live[i], count)) count++;
  return count;
}

static int resume(place *p, int64_t now_ms, const char *handle, uint64_t *position) {
  char reason[SETUP_REASON_MAX];
  conversation *c = NULL;
  const conversation_state *state = NULL;
  int code = conversation_resume(p->all, now_ms, &vertex, "m", handle, &c, &state, reason);
  if (!code) *position = state->position;
  return code;
}

/* However long it goes on, all of it stays under the ceiling, and everybody's newest handles are there. */
static void many_live_ones_share(void **unused) {
  (void)unused;
  place *p = begin(CEILING);
  uint64_t position = 0;
  for (uint64_t n = 1; n <= 500; n++) {
    for (size_t i = 0; i < MANY; i++) keep(p, i, STATE, n);
    assert_true(conversations_size(p->all) <= CEILING);
  }
  for (size_t i = 0; i < MANY; i++) {
    assert_in_range(count_of(p, i), 20, 40);
    for (size_t back = 0; back < 20; back++) assert_int_equal(conversation_newest(p->live[i], back)->position, 500 - back);
    conversation_end(p->live[i], 1, 0);
    assert_int_equal(resume(p, 2, p->newest[i], &position), 0);
    assert_int_equal(position, 500);
  }
  conversations_free(p->all);
}

/* Who says much does not push out what others who say little keep. */
static void a_busy_one_gives_up_its_own(void **unused) {
  (void)unused;
  place *p = begin(CEILING);
  for (uint64_t n = 1; n <= 5; n++) {
    for (size_t i = 0; i < MANY; i++) keep(p, i, STATE, n);
  }
  for (uint64_t n = 6; n <= 5000; n++) keep(p, 0, 3 * STATE, n);
  assert_true(conversations_size(p->all) <= CEILING);
  assert_in_range(count_of(p, 0), 100, HANDLES_SEEN);
  for (size_t i = 1; i < MANY; i++) assert_int_equal(count_of(p, i), 5);
  conversations_free(p->all);
}

/* A connection that was just lost: its client comes back to a handle, perhaps not the newest, though others go on. */
static void a_lost_one_is_kept(void **unused) {
  (void)unused;
  place *p = begin(CEILING);
  char behind[HANDLE_MAX] = "";
  uint64_t position = 0;
  for (uint64_t n = 1; n <= 40; n++) {
    if (n == 39) memcpy(behind, p->newest[0], sizeof behind);
    keep(p, 0, STATE, n);
  }
  conversation_end(p->live[0], 1, 0);
  for (uint64_t n = 1; n <= 500; n++) {
    for (size_t i = 1; i < MANY; i++) keep(p, i, STATE, n);
  }
  assert_true(conversations_size(p->all) <= CEILING);
  assert_int_equal(resume(p, 2, behind, &position), 0);
  assert_int_equal(position, 38);
  conversations_free(p->all);
}

/* Where there are more than four states of each have room: first those go that ended, the first of them first. */
static void the_first_that_ended_goes(void **unused) {
  (void)unused;
  place *p = begin(MANY * (CONVERSATION_HANDLES_LEAST - 1) * STATE);
  uint64_t position = 0;
  for (size_t i = 0; i < MANY; i++) {
    for (uint64_t n = 1; n <= CONVERSATION_HANDLES_LEAST; n++) keep(p, i, STATE, n);
    if (i < MANY / 2) conversation_end(p->live[i], (int64_t)i + 1, 0);
  }
  for (uint64_t n = 1; n <= 100; n++) keep(p, MANY - 1, STATE, CONVERSATION_HANDLES_LEAST + n);
  assert_true(conversations_size(p->all) <= MANY * (CONVERSATION_HANDLES_LEAST - 1) * STATE);
  assert_int_equal(resume(p, 100, p->newest[0], &position), 1007);
  assert_int_equal(resume(p, 100, p->newest[MANY / 2 - 1], &position), 0);
  for (size_t i = MANY / 2; i < MANY - 1; i++) assert_int_equal(count_of(p, i), CONVERSATION_HANDLES_LEAST);
  conversations_free(p->all);
}

/* More live ones than there is room for: nobody loses the newest four, and nobody keeps many more. */
static void the_least_of_each_stays(void **unused) {
  (void)unused;
  enum { TIGHT = MANY * STATE };
  place *p = begin(TIGHT);
  for (uint64_t n = 1; n <= 300; n++) {
    for (size_t i = 0; i < MANY; i++) keep(p, i, STATE, n);
    assert_true(conversations_size(p->all) <= (CONVERSATION_HANDLES_LEAST + 1) * MANY * (STATE + 2 * sizeof(conversation_state)));
  }
  for (size_t i = 0; i < MANY; i++) {
    assert_true(count_of(p, i) >= CONVERSATION_HANDLES_LEAST);
    assert_int_equal(conversation_newest(p->live[i], 0)->position, 300);
  }
  conversations_free(p->all);
}

static json_t *journal;
static void record(void *user, json_t *what) {
  (void)user;
  json_array_append(journal, what);
}

/* A file may hold more than a later process keeps. */
static void a_file_is_read_under_the_ceiling(void **unused) {
  (void)unused;
  place *p = begin(0);
  uint64_t position = 0;
  for (uint64_t n = 1; n <= 60; n++) {
    for (size_t i = 0; i < MANY; i++) keep(p, i, STATE, n);
  }
  assert_true(conversations_size(p->all) > CEILING);
  journal = json_array();
  conversations_record(p->all, record, NULL);
  conversations_free(p->all);
  p->all = conversations_new(&(conversations_options){.seed = 3, .bytes_max = CEILING});
  json_t *line;
  size_t at;
  json_array_foreach(journal, at, line) assert_true(conversations_restore(p->all, 5, line));
  json_decref(journal);
  assert_true(conversations_size(p->all) <= CEILING);
  for (size_t i = 0; i < MANY; i++) {
    assert_int_equal(resume(p, 6, p->newest[i], &position), 0);
    assert_int_equal(position, 60);
  }
  conversations_free(p->all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(many_live_ones_share),      cmocka_unit_test(a_busy_one_gives_up_its_own),
      cmocka_unit_test(a_lost_one_is_kept),        cmocka_unit_test(the_first_that_ended_goes),
      cmocka_unit_test(the_least_of_each_stays),   cmocka_unit_test(a_file_is_read_under_the_ceiling),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
