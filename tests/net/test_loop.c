#include "net/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "rig.h"

static net_loop *new_loop(void) {
  net_loop *loop = NULL;
  genai_error error = {0};
  assert_int_equal(net_loop_new(&loop, &error), GENAI_OK);
  return loop;
}

/* ---- tasks ---- */

typedef struct counter {
  net_task task;
  gate ran;
  int runs, *order, at;
} counter;

static void count(net_task *task) {
  counter *c = (counter *)task;
  c->runs++;
  if (c->order) c->at = (*c->order)++;
  gate_open(&c->ran);
}

static void test_tasks_run_once_each_in_order(void **state) {
  (void)state;
  enum { TASKS = 1000 };
  net_loop *loop = new_loop();
  counter *tasks = calloc(TASKS, sizeof *tasks);
  int order = 0;
  for (int i = 0; i < TASKS; i++) {
    tasks[i] = (counter){.task = {.run = count}, .ran = GATE_INIT, .order = &order};
    net_loop_post(loop, &tasks[i].task);
  }
  for (int i = 0; i < TASKS; i++) assert_true(gate_wait(&tasks[i].ran, 1));
  net_loop_free(loop);
  for (int i = 0; i < TASKS; i++) {
    assert_int_equal(tasks[i].runs, 1);
    assert_int_equal(tasks[i].at, i);
  }
  free(tasks);
}

typedef struct again {
  net_task task;
  net_loop *loop;
  int left;
  gate done;
} again;

static void post_again(net_task *task) {
  again *a = (again *)task;
  if (a->left-- > 0) {
    net_loop_post(a->loop, task);
    net_loop_post(a->loop, task); /* queued already: nothing */
  } else {
    gate_open(&a->done);
  }
}

static void test_a_task_may_be_posted_from_its_run(void **state) {
  (void)state;
  again a = {.task = {.run = post_again}, .loop = new_loop(), .left = 100, .done = GATE_INIT};
  net_loop_post(a.loop, &a.task);
  assert_true(gate_wait(&a.done, 1));
  net_loop_free(a.loop);
  assert_int_equal(a.left, -1);
}

typedef struct poster {
  net_loop *loop;
  again *task;
  pthread_t thread;
} poster;

static void count_run(net_task *task) { ((again *)task)->left++; }

static void *post_many(void *argument) {
  poster *p = argument;
  for (int i = 0; i < 20000; i++) net_loop_post(p->loop, &p->task->task);
  return NULL;
}

static void test_many_threads_post_the_same_task(void **state) {
  (void)state;
  again a = {.task = {.run = count_run}, .loop = new_loop()};
  poster posters[4];
  for (int i = 0; i < 4; i++) {
    posters[i] = (poster){.loop = a.loop, .task = &a};
    assert_int_equal(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]), 0);
  }
  for (int i = 0; i < 4; i++) pthread_join(posters[i].thread, NULL);
  rig_settle(a.loop); /* behind the last post */
  assert_in_range(a.left, 1, 80000);
  net_loop_free(a.loop);
}

/* ---- turns ---- */

typedef struct turns {
  net_loop *loop;
  net_turn first, second;
  net_task task, leaving;
  int order, first_at, second_at, task_at, leaving_at;
  gate done;
} turns;

static void run_first(net_turn *turn) {
  turns *t = (turns *)((char *)turn - offsetof(turns, first));
  t->first_at = t->order++;
  net_loop_at_turn_end(t->loop, &t->second);
  net_loop_at_turn_end(t->loop, &t->second);
}

static void run_second(net_turn *turn) {
  turns *t = (turns *)((char *)turn - offsetof(turns, second));
  t->second_at = t->order++;
}

static void run_later(net_task *task) {
  turns *t = (turns *)((char *)task - offsetof(turns, task));
  t->task_at = t->order++;
  gate_open(&t->done);
}

static void queue_all(void *argument) {
  turns *t = argument;
  net_loop_post(t->loop, &t->task);
  net_loop_at_turn_end(t->loop, &t->first);
  net_loop_at_turn_end(t->loop, &t->first);
}

static void test_a_turn_ends_before_the_next_begins(void **state) {
  (void)state;
  turns t = {.loop = new_loop(),
             .first = {.run = run_first},
             .second = {.run = run_second},
             .task = {.run = run_later},
             .done = GATE_INIT};
  rig_on_loop(t.loop, queue_all, &t);
  assert_true(gate_wait(&t.done, 1));
  net_loop_free(t.loop);
  assert_int_equal(t.first_at, 0);
  assert_int_equal(t.second_at, 1);
  assert_int_equal(t.task_at, 2);
}

static void run_and_leave(net_task *task) {
  turns *t = (turns *)((char *)task - offsetof(turns, leaving));
  t->leaving_at = t->order++;
  net_loop_at_turn_end(t->loop, &t->first);
}

static void queue_both(void *argument) {
  turns *t = argument;
  net_loop_post(t->loop, &t->leaving);
  net_loop_post(t->loop, &t->task);
}

static void test_what_a_task_leaves_is_done_before_the_next_task(void **state) {
  (void)state;
  turns t = {.loop = new_loop(),
             .first = {.run = run_first},
             .second = {.run = run_second},
             .task = {.run = run_later},
             .leaving = {.run = run_and_leave},
             .done = GATE_INIT};
  rig_on_loop(t.loop, queue_both, &t);
  assert_true(gate_wait(&t.done, 1));
  net_loop_free(t.loop);
  assert_int_equal(t.leaving_at, 0);
  assert_int_equal(t.first_at, 1);
  assert_int_equal(t.second_at, 2);
  assert_int_equal(t.task_at, 3);
}

/* ---- timers, time, threads ---- */

typedef struct alarm {
  net_loop *loop;
  net_timer *timer, *never;
  uint64_t set_at, fired_at;
  bool current;
  gate done;
} alarm_test;

static void never_fires(void *user) {
  (void)user;
  abort();
}

static void fires(void *user) {
  alarm_test *a = user;
  a->fired_at = net_loop_now(a->loop);
  a->current = net_loop_is_current(a->loop);
  net_timer_free(a->timer);
  gate_open(&a->done);
}

static void set_alarm(void *argument) {
  alarm_test *a = argument;
  a->timer = net_timer_new(a->loop, fires, a);
  a->never = net_timer_new(a->loop, never_fires, a);
  a->set_at = net_loop_now(a->loop);
  net_timer_start(a->never, 5);
  net_timer_stop(a->never);
  net_timer_start(a->never, 10);
  net_timer_free(a->never);
  net_timer_free(NULL);
  net_timer_start(a->timer, 1);
  net_timer_start(a->timer, 30);
}

static void test_a_timer_fires_once_and_not_when_freed(void **state) {
  (void)state;
  alarm_test a = {.loop = new_loop(), .done = GATE_INIT};
  rig_on_loop(a.loop, set_alarm, &a);
  assert_true(gate_wait(&a.done, 1));
  assert_true(a.fired_at >= a.set_at + 30);
  assert_true(a.current);
  assert_false(net_loop_is_current(a.loop));
  uint64_t outside = net_loop_now(a.loop);
  assert_true(outside >= a.fired_at && outside < a.fired_at + 10000);
  net_loop_free(a.loop);
}

static void check_mask(void *argument) {
  sigset_t mask;
  bool *all = argument;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  *all = sigismember(&mask, SIGPIPE) && sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD) &&
         sigismember(&mask, SIGINT);
}

static void test_the_thread_takes_no_signals(void **state) {
  (void)state;
  net_loop *loop = new_loop();
  bool all = false;
  sigset_t mask;
  rig_on_loop(loop, check_mask, &all);
  assert_true(all);
  pthread_sigmask(SIG_SETMASK, NULL, &mask); /* ours is as it was */
  assert_false(sigismember(&mask, SIGPIPE));
  net_loop_free(loop);
}

/* A write to a pipe without a reader, on the loop's thread: the process must live. */
static void break_pipe(void *argument) {
  int fds[2];
  (void)argument;
  assert_int_equal(pipe(fds), 0);
  close(fds[0]);
  assert_int_equal(write(fds[1], "x", 1), -1);
  assert_int_equal(errno, EPIPE);
  close(fds[1]);
}

static void test_sigpipe_does_not_kill_the_host(void **state) {
  (void)state;
  signal(SIGPIPE, SIG_DFL);
  net_loop *loop = new_loop();
  rig_on_loop(loop, break_pipe, NULL);
  net_loop_free(loop);
}

/* ---- randomness ---- */

static net_loop *random_loop;

static void draw(void *argument) {
  uint8_t *out = argument;
  for (int i = 0; i < 4096; i++) assert_true(net_loop_random(random_loop, out + i * 4, 4));
  uint8_t large[5000];
  assert_false(net_loop_random(random_loop, large, sizeof large)); /* more than the pool has */
}

static void test_random_bytes_differ(void **state) {
  (void)state;
  static uint32_t drawn[4096];
  random_loop = new_loop();
  rig_on_loop(random_loop, draw, drawn);
  net_loop_free(random_loop);
  int same = 0, ones = 0;
  for (int i = 1; i < 4096; i++) same += drawn[i] == drawn[i - 1];
  for (int i = 0; i < 4096; i++) ones += __builtin_popcount(drawn[i]);
  assert_true(same <= 1);
  assert_in_range(ones, 64000, 67072); /* 65536 +- 8 standard deviations */
}

/* ---- failure ---- */

static void test_memory_out(void **state) {
  (void)state;
  for (long n = 1;; n++) {
    net_loop *loop;
    long alive;
    genai_error error = {0};
    rig_fail_alloc(n);
    genai_status status = net_loop_new(&loop, &error);
    if (!status) net_loop_free(loop);
    bool reached = rig_fail_stop(&alive) >= n;
    assert_int_equal(alive, 0);
    assert_int_equal(status, reached ? GENAI_ERROR_MEMORY : GENAI_OK);
    if (!reached) break;
    assert_null(loop);
  }
  net_loop_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tasks_run_once_each_in_order),
      cmocka_unit_test(test_a_task_may_be_posted_from_its_run),
      cmocka_unit_test(test_many_threads_post_the_same_task),
      cmocka_unit_test(test_a_turn_ends_before_the_next_begins),
      cmocka_unit_test(test_what_a_task_leaves_is_done_before_the_next_task),
      cmocka_unit_test(test_a_timer_fires_once_and_not_when_freed),
      cmocka_unit_test(test_the_thread_takes_no_signals),
      cmocka_unit_test(test_sigpipe_does_not_kill_the_host),
      cmocka_unit_test(test_random_bytes_differ),
      cmocka_unit_test(test_memory_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
